"""The daemon: live streams in, commands out, orders obeyed between two bins."""

from eprop_rt_services.daemon.service import Daemon, GuardExitError

__all__ = ["Daemon", "GuardExitError"]
