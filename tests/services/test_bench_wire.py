"""The parts of the bench over the wire: injected faults, wishes, orders."""

import time
import uuid
from contextlib import ExitStack

import numpy as np
import pytest

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.errors import StreamError
from eprop_rt.series import StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.closed_loop.faults import GONE_S, FaultSettings, FaultyWire
from eprop_rt_services.closed_loop.inbox import Inbox
from eprop_rt_services.closed_loop.messages import WISH_TOPIC, Wish
from eprop_rt_services.closed_loop.score import Score, score_of_all
from eprop_rt_services.closed_loop.screen import Screen
from eprop_rt_services.closed_loop.simulator import (
    WISH_HOLDS_S,
    Cortex,
    Ears,
    Sight,
    SimulatorSettings,
)
from eprop_rt_services.lsl_link import LslOutlet, local_clock, lsl_available
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings
from eprop_rt_services.zmq_link import CommandSubscriber, FrameReader, FrameSender

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
]

UNITS, TICK_S, PATIENCE_S = 4, 0.01, 20.0
SEEN = Sight(0.0, np.zeros(2), np.zeros(2), np.array([9.0, 0.0]), 2.0)


@pytest.fixture
def opened():
    with ExitStack() as closing:
        yield closing.enter_context


def wire_of(opened, **faults):
    """A wire with faults, and the source_id of its stream."""
    source_id = f"test-{uuid.uuid4().hex}"
    info = StreamInfo("faulty", UNITS, 1 / TICK_S)
    wire = FaultyWire(lambda: LslOutlet(info, "Spikes", source_id), FaultSettings(**faults))
    return opened(wire), source_id


def passed(wire, ticks, first_s=100.0):
    """What became of so many samples, in a time that is not waited for."""
    sample = np.ones((1, UNITS), np.float32)
    for tick in range(ticks):
        wire.push(first_s + tick * TICK_S, sample)
    wire.release(first_s + ticks * TICK_S + 1.0)
    return wire.report


def test_a_good_wire_sends_every_sample_at_once(opened):
    report = passed(wire_of(opened)[0], 100)
    assert report.model_dump() == {
        "sent": 100, "late": 0, "lost": 0, "restarts": 0, "lost_in_restarts": 0,
    }  # fmt: skip


def test_the_same_seed_loses_the_same_samples_and_another_seed_others(opened):
    reports = [passed(wire_of(opened, loss=0.2, seed=seed)[0], 500) for seed in (1, 1, 2)]
    assert reports[0] == reports[1] != reports[2]
    assert all(70 < report.lost < 130 for report in reports)
    assert all(report.sent + report.lost == 500 for report in reports)


def test_a_source_that_restarts_is_gone_for_a_while_and_every_sample_of_it_counts(opened):
    report = passed(wire_of(opened, restart_every_s=2.0)[0], 700)
    assert report.restarts == 3
    assert report.lost_in_restarts == pytest.approx(3 * GONE_S / TICK_S, abs=3)
    assert report.sent + report.lost_in_restarts == 700


def test_late_samples_keep_their_order_and_their_stamps(opened):
    wire, source_id = wire_of(opened, jitter_s=0.05)
    wanted = LslSettings(signal=StreamRequirement(source_id=source_id))
    source = opened(LslSource(wanted))
    source.open()
    source.drop_backlog()
    sample, stamps = np.ones((1, UNITS), np.float32), []
    for _ in range(60):
        stamps.append(local_clock())
        wire.push(stamps[-1], sample)
        assert wire.due_s is None or stamps[-1] < wire.due_s <= stamps[-1] + 0.05
        time.sleep(0.005)
    wire.release(local_clock() + 1.0)
    came, end_s = [], time.monotonic() + PATIENCE_S
    while len(came) < len(stamps):
        assert time.monotonic() < end_s
        came += [s for chunk in source.pull(0.1) for s in chunk.stamps.tolist()]
    np.testing.assert_allclose(came, stamps, atol=1e-6)
    assert 30 < wire.report.late <= 60


def cortex():
    return Cortex(
        SimulatorSettings(name="x", spikes_id="x", screen_id="x", seed=3, orders="ipc://x")
    )


def mean_counts(fired, wish, ticks=400):
    return np.mean([fired.fire(SEEN, wish)[0] for _ in range(ticks)], axis=0)


def test_a_pointer_is_intended_instead_of_the_target():
    towards_target = mean_counts(cortex(), None)
    same = mean_counts(cortex(), Wish(pointer=(9.0, 0.0)))
    opposite = mean_counts(cortex(), Wish(pointer=(-9.0, 0.0)))
    nowhere = mean_counts(cortex(), Wish())
    like_target, like_opposite = (
        np.corrcoef(towards_target - nowhere, other - nowhere)[0, 1] for other in (same, opposite)
    )
    assert like_target > 0.7
    assert like_opposite < -0.5


def test_fewer_units_are_heard_and_noise_is_added_to_those_that_are():
    half = mean_counts(cortex(), Wish(heard=0.5))
    assert np.count_nonzero(half) <= 48
    loud = mean_counts(cortex(), Wish(noise_hz=50.0))
    assert np.mean(loud) - np.mean(mean_counts(cortex(), Wish())) == pytest.approx(0.5, abs=0.1)


def test_a_page_that_is_gone_points_nowhere_and_what_is_no_wish_is_dropped(opened, tmp_path):
    endpoint = f"ipc://{tmp_path}/wishes"
    ears = Ears(opened(FrameReader(endpoint, WISH_TOPIC)))
    assert ears.listen() is None
    sender, wish = opened(FrameSender(endpoint)), Wish(pointer=(1.0, 2.0), heard=0.5)
    end_s = time.monotonic() + PATIENCE_S
    while ears.listen() != wish:
        assert time.monotonic() < end_s
        sender.send([WISH_TOPIC.encode(), b"no wish"])
        sender.send([WISH_TOPIC.encode(), wish.model_dump_json().encode()])
        time.sleep(0.01)
    while ears.listen() != Wish(pointer=None, heard=0.5):
        assert time.monotonic() < end_s + WISH_HOLDS_S
        time.sleep(0.05)


def test_a_task_without_labels_says_nothing_of_what_is_intended(opened, tmp_path):
    endpoint = f"ipc://{tmp_path}/commands"
    screen = Screen(
        LiveSettings(), Inbox(opened(CommandSubscriber(endpoint, "decoded", local_clock)))
    )
    screen.restart(1)
    for _ in range(70):
        screen.step(local_clock())
    screen.teaches = False
    assert np.isnan(screen.label()).all()
    screen.teaches = True
    assert np.isfinite(screen.label()).all()


def test_trials_that_are_no_longer_kept_still_count(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("eprop_rt_services.closed_loop.screen.KEPT_TRIALS", 2)
    inbox = Inbox(opened(CommandSubscriber(f"ipc://{tmp_path}/c", "decoded", local_clock)))
    loop = LiveSettings.model_validate({"task": {"kind": "literature", "timeout_s": 0.6}})
    screen = Screen(loop, inbox)
    screen.restart(1)
    for _ in range(300):
        screen.step(local_clock())
    report = screen.report()
    assert (len(report.trials), report.ended, report.successes) == (2, 5, 0)
    assert score_of_all(report) == Score(5, 0.0, None)


def test_a_decoder_that_is_not_there_cannot_be_listened_to(opened, tmp_path):
    inbox = Inbox(opened(CommandSubscriber(f"ipc://{tmp_path}/c", "decoded", local_clock)))
    with pytest.raises(StreamError, match=r"decoder 1 is asked for, there are 1"):
        inbox.listen_to(1)
