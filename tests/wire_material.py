"""Commands, peers and patience for tests of the wire."""

import time
from contextlib import contextmanager

import numpy as np
import zmq

from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_protocols.control import ControlReply, ControlRequest, encode_request

ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE_S = 20.0


def command(sequence, values=2, *, deadline_s=1e9, published_s=0.0, host="h", clock="test"):
    header = CommandHeader(
        version=2,
        sequence=sequence,
        stamps=Stamps(origin_s=0.0, bin_end_s=0.0, published_s=published_s, clock=clock),
        deadline_s=deadline_s,
        host=host,
        model_id="m",
        update_id=0,
        learning="on",
        output="decoded",
        dtype="<f4",
        shape=(values,),
        names=(),
        units=(),
    )
    return Command(header, np.full(values, sequence, np.float32))


def asked(verb, request_id="a"):
    return encode_request(ControlRequest(version=2, request_id=request_id, verb=verb))


def done(request):
    return ControlReply(version=2, request_id=request.request_id, ok=True)


@contextmanager
def dealer(endpoint, *, waiting_answers=0, keys=None):
    """A peer with a socket of its own, which may say what no client of ours would."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.SNDHWM, 0)
        peer.setsockopt(zmq.RCVHWM, waiting_answers)
        if keys is not None:
            peer.curve_secretkey, peer.curve_publickey = keys.secret, keys.public
            peer.curve_serverkey = keys.server_public
        peer.connect(endpoint)
        yield peer


def until(condition):
    """What `condition` returns once that is something; AssertionError where it never is."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.002)
    raise AssertionError("it never happened")


def serve_one(server, answer=done):
    """Answer the next requests that a server hands out; their verbs."""
    requests = until(server.poll)
    for address, request in requests:
        server.reply(address, answer(request))
    return [request.verb for _, request in requests]
