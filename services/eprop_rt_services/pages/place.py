"""Where a page is served, and who may look at it."""

import ipaddress
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path

from eprop_rt.errors import ConfigError

MIN_TOKEN_LETTERS = 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HERE = "localhost", "127.0.0.1", "[::1]"


@dataclass(frozen=True, slots=True)
class Place:
    """An address to bind and a port, 0 for a free one; with a `token` only who shows it gets in.

    `hosts` are further names by which browsers reach this machine.
    """

    address: str = "127.0.0.1"
    port: int = 0
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise ConfigError where other machines could look without a token."""
        if self.token is None and not is_loopback(self.address):
            raise ConfigError(
                f"the page cannot be served on {self.address} without a token: anybody who reaches "
                "this machine could stop the decoder; give --token-file FILE, or bind 127.0.0.1"
            )
        if self.token is not None and len(self.token) < MIN_TOKEN_LETTERS:
            raise ConfigError(
                f"the token has {len(self.token)} letters, {MIN_TOKEN_LETTERS} or more are "
                "expected: make one with `openssl rand -hex 16 > FILE`"
            )

    def origins(self, port: int) -> list[str]:
        """The hosts, each with its port, from whose pages a browser may connect."""
        names = [*_HERE, *self.hosts]
        if not is_loopback(self.address):
            names.append(bracketed(self.address))
            if is_any(self.address):
                names += [socket.gethostname(), socket.getfqdn()]
        return [f"{name}:{port}" for name in dict.fromkeys(names)]

    def url(self, port: int) -> str:
        """What to open; with the token, if there is one."""
        host = socket.gethostname() if is_any(self.address) else bracketed(self.address)
        asked = "" if self.token is None else f"?token={self.token}"
        return f"http://{host}:{port}/{asked}"


def read_token(path: Path) -> str:
    """The token in a file; raises ConfigError where there is none, or others can read it."""
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not plain text"
        raise ConfigError(
            f"cannot read the token {path} ({reason}): make one with "
            f"`(umask 077; openssl rand -hex 16 > {path})`"
        ) from None
    if mode & _OTHERS:
        raise ConfigError(f"the token {path} can be read by others: chmod 600 {path}")
    if not token.isalnum():
        raise ConfigError(f"the token in {path} is none: letters and digits are expected")
    return token


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches it."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_any(address: str) -> bool:
    """Whether it stands for every address of this machine."""
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address
