"""Commands out and control in, over ZeroMQ; the one package that imports zmq.

Nothing here blocks the decoder: a reader that does not keep up loses commands, not time. Commands
go by XPUB, so that a reader that joins late gets the last one; control goes by ROUTER, in a thread
of its own. Without keys, sockets bind to this machine only, because nobody is asked who he is.
"""

from eprop_rt_services.zmq_link.control_client import ControlClient
from eprop_rt_services.zmq_link.control_server import ControlServer, ReplyAddress
from eprop_rt_services.zmq_link.frames import FrameReader, FrameSender
from eprop_rt_services.zmq_link.keys import (
    ClientKeys,
    ServerKeys,
    make_keys,
    read_client_keys,
    read_server_keys,
)
from eprop_rt_services.zmq_link.publisher import CommandPublisher
from eprop_rt_services.zmq_link.questions import Asker, Replier
from eprop_rt_services.zmq_link.subscriber import CommandSubscriber

__all__ = [
    "Asker",
    "ClientKeys",
    "CommandPublisher",
    "CommandSubscriber",
    "ControlClient",
    "ControlServer",
    "FrameReader",
    "FrameSender",
    "Replier",
    "ReplyAddress",
    "ServerKeys",
    "make_keys",
    "read_client_keys",
    "read_server_keys",
]
