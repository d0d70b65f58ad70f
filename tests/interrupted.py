"""A process in which SIGTERM comes in the midst of opening a socket: `interrupted.py WHAT FOLDER`.

It comes when a socket is there and nobody knows of it yet: as soon as libzmq has made it.
"""

import signal
import sys
import time

import zmq

from eprop_rt_services import zmq_link
from eprop_rt_services.processes.company import ending_on_request

OPENED = {
    "asker": zmq_link.Asker,
    "replier": zmq_link.Replier,
    "control client": zmq_link.ControlClient,
    "control server": zmq_link.ControlServer,
    "publisher": lambda at: zmq_link.CommandPublisher(at, "cursor", f"{at}-views"),
    "subscriber": lambda at: zmq_link.CommandSubscriber(at, "cursor", time.monotonic),
    "sender": zmq_link.FrameSender,
    "reader": lambda at: zmq_link.FrameReader(at, "cursor"),
}


class Interrupted(zmq.Context):
    """Where a signal comes with each socket."""

    def socket(self, *given, **named):
        made = super().socket(*given, **named)
        signal.raise_signal(signal.SIGTERM)
        return made


def main(what, folder):
    zmq.Context = Interrupted
    try:
        with ending_on_request(), OPENED[what](f"ipc://{folder}/socket"):
            sys.stdout.write("opened\n")
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
