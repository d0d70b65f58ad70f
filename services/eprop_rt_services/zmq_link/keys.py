"""Keys of CURVE: who may connect to a daemon from another machine.

A folder of keys is made on the daemon's machine:

    server.key          the daemon's secret
    clients/NAME.pub    who may connect: a file more admits a client, a file less shuts him out
    NAME.key            what NAME needs to connect; it goes to his machine and nowhere else

Each is JSON, readable by its owner alone, and never overwritten.
"""

import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from eprop_rt.errors import ConfigError

SERVER_FILE = "server.key"
CLIENTS_FOLDER = "clients"
FIRST_CLIENT = "operator"
MAX_CLIENTS = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KEY = re.compile(rb"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")  # Z85, as ZeroMQ writes them
_MAX_FILE_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a client needs: his own pair and the server's public key, in Z85."""

    secret: bytes = field(repr=False)
    public: bytes
    server_public: bytes


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """A daemon's secret, in Z85, and the folder of those who may connect to it."""

    secret: bytes = field(repr=False)
    clients: Path

    def admits(self, public: bytes) -> bool:
        """Whether a client may connect, by what lies in the folder now."""
        files = sorted(self.clients.glob("*.pub"))[:MAX_CLIENTS]
        return any(_public_in(path) == public for path in files)


def make_keys(folder: Path, client: str | None = None) -> Path:
    """Make a server's key and a first client's, or those of one more `client`; the client's file.

    Raises ConfigError where there is such a key already, or where it cannot be written.
    """
    name = FIRST_CLIENT if client is None else client
    if not _NAME.fullmatch(name) or name == Path(SERVER_FILE).stem:
        raise ConfigError(f"a client cannot be called {name[:80]!r}: take letters, digits, - and _")
    clients = folder / CLIENTS_FOLDER
    if client is None:
        _refuse_taken(folder / SERVER_FILE, "add a client with --client NAME")
    for path in (folder / f"{name}.key", clients / f"{name}.pub"):
        _refuse_taken(path, "take another name")
    if client is None:
        try:
            clients.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make {clients} ({error.strerror}): name another") from None
        server_public, server_secret = zmq.curve_keypair()
        _write(folder / SERVER_FILE, server_secret=server_secret)
    else:
        server_public = zmq.curve_public(read_server_keys(folder).secret)
    public, secret = zmq.curve_keypair()
    path = folder / f"{name}.key"
    _write(path, client_secret=secret, client_public=public, server_public=server_public)
    _write(clients / f"{name}.pub", client_public=public)
    return path


def read_server_keys(folder: Path) -> ServerKeys:
    """The keys of a daemon; raises ConfigError where there are none, or others can read them."""
    fields = _read_secret(folder / SERVER_FILE, "make one with `eprop-rt keys FOLDER`")
    return ServerKeys(fields["server_secret"], folder / CLIENTS_FOLDER)


def read_client_keys(path: Path) -> ClientKeys:
    """The keys of a client, from his file or from the folder that holds the first client's.

    Raises ConfigError where there are none, or others can read them.
    """
    if path.is_dir():
        path = path / f"{FIRST_CLIENT}.key"
    fields = _read_secret(path, "name the NAME.key that `eprop-rt keys` made for you")
    try:
        keys = [fields[name] for name in ("client_secret", "client_public", "server_public")]
    except KeyError as missing:
        raise ConfigError(f"{path} has no {missing}: name the NAME.key of a client") from None
    return ClientKeys(*keys)


def _read_secret(path: Path, remedy: str) -> dict[str, bytes]:
    try:
        mode = path.stat().st_mode
        fields = _read(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it holds no keys"
        raise ConfigError(f"cannot read the key {path} ({reason}): {remedy}") from None
    if mode & _OTHERS:
        raise ConfigError(f"the key {path} can be read by others: chmod 600 {path}")
    return fields


def _read(path: Path) -> dict[str, bytes]:
    """The keys in a file; raises OSError, or ValueError where it holds anything else."""
    with path.open("rb") as file:
        content = json.loads(file.read(_MAX_FILE_BYTES))
    if not isinstance(content, dict) or not content:
        raise ValueError("no keys")
    keys = {name: str(key).encode() for name, key in content.items()}
    if not all(_KEY.fullmatch(key) for key in keys.values()):
        raise ValueError("not a key")
    return keys


def _public_in(path: Path) -> bytes | None:
    try:
        return _read(path).get("client_public")
    except (OSError, ValueError, RecursionError):
        return None  # whatever it is, it admits nobody


def _refuse_taken(path: Path, remedy: str) -> None:
    if path.exists():
        raise ConfigError(f"there is a key {path} already, and keys are not overwritten: {remedy}")


def _write(path: Path, **keys: bytes) -> None:
    text = json.dumps({name: key.decode() for name, key in keys.items()}, indent=2) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"cannot write {path} ({error.strerror}): name another folder") from None
