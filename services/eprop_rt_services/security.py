"""Who may connect, as the configuration says it."""

from pathlib import Path

from pydantic import Field

from eprop_rt.config import Settings
from eprop_rt_services.zmq_link import ServerKeys, read_server_keys


class SecuritySettings(Settings):
    """Keys of the sockets; with them, every one of the daemon's sockets asks for them."""

    keys: Path | None = Field(
        None,
        description="folder made by `eprop-rt keys`; none: only this machine may connect",
    )


def server_keys(settings: SecuritySettings) -> ServerKeys | None:
    """The keys that the settings name; raises ConfigError where they cannot be read."""
    return None if settings.keys is None else read_server_keys(settings.keys)
