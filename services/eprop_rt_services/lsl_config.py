"""A liblsl configuration that keeps streams on this machine and liblsl quiet.

liblsl reads its configuration once, at its first use in a process, from the file that the
environment variable LSLAPICFG names. So the variable must be set before: by a parent for its
children, or by a process before it imports pylsl.
"""

import os
import re
from pathlib import Path

from eprop_rt.errors import ConfigError

CONFIG_VARIABLE = "LSLAPICFG"

# Level -2 lets errors through and nothing else. Every outlet takes a port of the range and only
# ports of the range are asked for streams: the usual 32, shared with IPv6, hold 16 outlets. Each
# search holds over seventy of them while it lasts, and an outlet that gets none is never found. The
# known peer is for liblsl before 1.18, which asks one local outlet only. The times are round
# trips: on one machine a tenth of the usual half second is plenty.
_TEMPLATE = """\
; Streams of this machine only, for tests and demonstrations.
[log]
level = -2
[ports]
PortRange = 512
IPv6 = disable
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {{127.0.0.1}}
SessionID = {session_id}
[tuning]
MulticastMinRTT = 0.05
UnicastMinRTT = 0.05
TimeUpdateInterval = 0.5
TimeProbeInterval = 0.005
TimeProbeMaxRTT = 0.02
"""


def write_loopback_config(path: Path, session_id: str = "default") -> None:
    """Write the configuration; streams of another `session_id` are out of sight.

    Raises ConfigError for a `session_id` that liblsl could not quote.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", session_id):
        raise ConfigError(
            f"session id {session_id!r} was given, 1 to 64 letters, digits, '-', '_' or '.' "
            "are expected"
        )
    path.write_text(_TEMPLATE.format(session_id=session_id), encoding="ascii")


def loopback_environment(path: Path) -> dict[str, str]:
    """Return this process's environment with the configuration at `path`, for a child process."""
    return {**os.environ, CONFIG_VARIABLE: str(path)}
