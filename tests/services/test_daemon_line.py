"""Orders to a daemon beside the bench: refused, obeyed, and what it learned meanwhile."""

import os
import uuid

import pytest

from eprop_rt.errors import ConfigError, StreamError
from eprop_rt_protocols.control import carried_out
from eprop_rt_services.closed_loop.daemon_line import DaemonLine
from eprop_rt_services.demo.stage import check_learned
from eprop_rt_services.processes.children import Children
from eprop_rt_services.zmq_link import ControlClient, ControlServer
from status_material import FULL_STATUS


def answering(request):
    """What a daemon says that thaws, and nothing else."""
    if request.verb != "thaw":
        raise ConfigError("not now")
    return carried_out(request, FULL_STATUS)


@pytest.fixture
def line(tmp_path):
    endpoint = f"ipc://{tmp_path}/{uuid.uuid4().hex[:12]}"
    with (
        ControlServer(endpoint, meanwhile=answering),
        ControlClient(endpoint) as control,
        Children(tmp_path, os.environ) as children,
    ):
        yield DaemonLine("own", children, control)


def test_an_order_is_answered_with_how_the_daemon_is_doing(line):
    assert line.tell("thaw") == FULL_STATUS


def test_an_order_that_is_refused_is_told_with_the_reason(line):
    with pytest.raises(StreamError, match="the own daemon did not obey freeze: not now"):
        line.tell("freeze")


def test_a_demonstration_does_not_show_a_decoder_that_has_learned_nothing():
    updates = FULL_STATUS.updates
    check_learned("own", FULL_STATUS, updates - 1)
    with pytest.raises(StreamError, match=r"own daemon learned from none .* accept \(no cause\)"):
        check_learned("own", FULL_STATUS, updates)
