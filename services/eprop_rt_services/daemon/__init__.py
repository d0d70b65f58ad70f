"""The daemon: live streams in, commands out, orders obeyed between two bins."""

from eprop_rt_services.daemon.ends import GuardExitError, NotKeptError
from eprop_rt_services.daemon.keeping import Resume
from eprop_rt_services.daemon.service import Daemon

__all__ = ["Daemon", "GuardExitError", "NotKeptError", "Resume"]
