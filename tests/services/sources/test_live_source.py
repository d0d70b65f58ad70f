"""The live source against real Lab Streaming Layer on loopback."""

import json
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import numpy as np
import pytest

from eprop_rt.config import BinSettings, EpropSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import StreamError
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_link import (
    LslOutlet,
    local_clock,
    look,
    lsl_available,
    marker_outlet,
)
from eprop_rt_services.sources.live import LslSource, SearchEnded
from eprop_rt_services.sources.settings import LslSettings

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
]

PATIENCE_S = 20.0
RATE_HZ = 500.0


@pytest.fixture
def opened():
    with ExitStack() as closing:
        yield closing.enter_context


def unique(name="stream"):
    return f"{name}-{uuid.uuid4().hex[:12]}"


class Sender:
    """An outlet that sends what is due whenever it is asked to, on a clock of its own."""

    def __init__(self, opened, name, source_id, channels=2, rate_hz=RATE_HZ):
        self.outlet = opened(LslOutlet(StreamInfo(name, channels, rate_hz), "Test", source_id))
        self._channels, self._rate_hz = channels, rate_hz
        self._sent_s = local_clock()
        self.offset_s = 0.0
        self.speed = 1.0

    def skip(self):
        """What was due until now is never sent."""
        self._sent_s = local_clock()

    def send(self):
        now_s = local_clock()
        count = int((now_s - self._sent_s) * self._rate_hz)
        stamps = self._sent_s + np.arange(1, count + 1) / self._rate_hz
        self._sent_s += count / self._rate_hz
        if count:
            kept = stamps[:: round(1 / self.speed)]
            values = np.ones((len(kept), self._channels), np.float32)
            self.outlet.push(kept + self.offset_s, values)


def settings_for(requirement, **given):
    return LslSettings(**{"signal": requirement, "wait_s": 5.0, "settle_s": 0.1, **given})


def subscribed(opened, channels=2, **given):
    name = unique()
    sender = Sender(opened, name, name, channels)
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), **given)))
    source.open()
    assert sender.outlet.wait_for_reader(PATIENCE_S)
    return sender, source


def until(condition, source, *senders):
    """Send and pull until `condition(items)`; returns the items."""
    items, end = [], time.monotonic() + PATIENCE_S
    while not condition(items):
        assert time.monotonic() < end, source.events
        for sender in senders:
            sender.send()
        items += source.pull(0.01)
    return items


def samples(items):
    return sum(len(item.stamps) for item in items if isinstance(item, Chunk))


def some(count):
    return lambda items: samples(items) >= count


PROCESS = """
import json, sys, time
import numpy as np
from eprop_rt.series import StreamInfo
from eprop_rt_services.lsl_link import LslOutlet, local_clock
name, source_id, channels = json.loads(sys.argv[1])
outlet = LslOutlet(StreamInfo(name, channels, 100.0), "Test", source_id)
while True:
    outlet.push(np.array([local_clock()]), np.ones((1, channels), np.float32))
    time.sleep(0.01)
"""


def process(opened, name, source_id, channels=2, before=()):
    command = [*before, sys.executable, "-c", PROCESS, json.dumps([name, source_id, channels])]
    started = opened(subprocess.Popen(command, env=None))
    opened(ending(started))
    return started


class ending:  # noqa: N801
    def __init__(self, started):
        self._started = started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._started.kill()
        self._started.wait()


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))


@pytest.mark.parametrize("source_ids", [("same", "same"), ("", ""), ("one", "another")])
def test_a_sender_that_is_killed_and_started_again_goes_on(opened, source_ids):
    name = unique()
    first = process(opened, name, source_ids[0] and name + source_ids[0])
    source = opened(LslSource(settings_for(StreamRequirement(name=name))))
    source.open()
    until(some(20), source)
    first.kill()
    first.wait()
    until(lambda _: source.events["stream_lost"], source)
    assert source.pull(0.0) == []
    process(opened, name, source_ids[1] and name + source_ids[1])
    until(some(20), source)
    assert source.events["stream_lost"] == source.events["stream_back"] == 1


def test_a_sender_that_hangs_is_replaced_by_the_one_that_answers_in_its_place(opened):
    """A cable that is pulled breaks no connection, and neither does a process that is stopped."""
    name = unique()
    first = process(opened, name, name)
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), silence_s=0.2)))
    source.open()
    until(some(20), source)
    first.send_signal(signal.SIGSTOP)
    until(lambda _: source.events["silence"], source)
    assert not source.events["stream_lost"]
    process(opened, name, name)
    until(some(20), source)
    assert source.events["stream_lost"] == source.events["stream_back"] == 1


def test_a_sender_that_pauses_and_goes_on_was_never_lost(opened):
    sender, source = subscribed(opened, silence_s=0.2, when_old="hold")
    until(some(20), source, sender)
    for silences in (1, 2):
        end = time.monotonic() + 1.0
        while time.monotonic() < end or source.events["silence"] < silences:
            source.pull(0.01)
        until(some(20), source, sender)
    assert source.events == {"silence": 2}


def test_an_outlet_that_is_made_anew_goes_on_and_stamps_run_forward(opened):
    name = unique()
    sender = Sender(opened, name, "")
    source = opened(LslSource(settings_for(StreamRequirement(name=name))))
    source.open()
    items = until(some(50), source, sender)
    for _ in range(3):
        sender.outlet.close()
        sender = Sender(opened, name, "")
        items += until(some(50), source, sender)
    assert source.events["stream_lost"] == source.events["stream_back"] == 3
    stamps = np.concatenate([item.stamps for item in items])
    assert np.all(np.diff(stamps) > 0)


@pytest.mark.parametrize("changed", [{"channels": 3}, {"rate_hz": 250.0}])
def test_a_stream_that_comes_back_as_another_is_told_once_and_not_taken(opened, changed, caplog):
    sender, source = subscribed(opened)
    name = source.signal_infos[0].name
    until(some(50), source, sender)
    sender.outlet.close()
    other = Sender(opened, name, name, **changed)
    until(lambda _: source.events["stream_changed"], source, other)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        other.send()
        assert source.pull(0.01) == []
    assert source.events["stream_changed"] == 1
    (told,) = [r for r in caplog.records if r.event == "stream_changed"]
    assert (told.role, told.count) == ("stream", 1)
    assert "in the place of" in told.getMessage()
    assert "\n" not in told.getMessage()
    other.outlet.close()
    until(some(50), source, Sender(opened, name, name))
    assert source.events["stream_back"] == 1


def test_several_senders_in_the_place_of_one_are_told_and_none_is_taken(opened):
    name = unique()
    sender = Sender(opened, name, name + "-first")
    source = opened(LslSource(settings_for(StreamRequirement(name=name))))
    source.open()
    until(some(50), source, sender)
    others = [Sender(opened, name, name + f"-{n}") for n in range(2)]
    sender.outlet.close()
    items = until(lambda _: source.events["stream_ambiguous"], source, *others)
    assert samples(items) == 0
    others[0].outlet.close()
    until(some(50), source, others[1])
    assert source.events["stream_back"] == 1
    assert not source.events["stream_changed"]


def test_a_connection_that_breaks_while_its_sender_lives_is_made_anew(opened):
    """A socket cannot be broken here without its process; what follows from it can be played."""
    sender, source = subscribed(opened)
    until(some(50), source, sender)
    source._signals[0]._lose("the connection broke")
    until(lambda _: source.events["stream_back"], source, sender)
    until(some(50), source, sender)
    assert source.events["stream_lost"] == 1


def test_labels_that_are_lost_are_told_as_labels_and_the_signal_goes_on(opened):
    name = unique()
    wanted = StreamRequirement(source_id=name + "-l")
    spikes, labels = Sender(opened, name, name), Sender(opened, name + "-l", name + "-l", 2, 100.0)
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), labels=wanted)))
    _, info = source.open()
    assert info.name == name + "-l"
    until(lambda items: any(isinstance(i, LabelChunk) for i in items), source, spikes, labels)
    labels.outlet.close()
    until(lambda items: source.events["labels_lost"] and samples(items) > 50, source, spikes)
    labels = Sender(opened, name + "-l", name + "-l", 2, 100.0)
    until(lambda items: any(isinstance(i, LabelChunk) for i in items), source, spikes, labels)
    assert source.events["labels_lost"] == source.events["labels_back"] == 1
    assert not source.events["stream_lost"]


@pytest.mark.parametrize("amount_s", [5.0, -5.0])
def test_a_clock_that_steps_there_and_back_is_followed(opened, amount_s):
    sender, source = subscribed(opened)
    items = until(some(100), source, sender)
    sender.offset_s = amount_s
    items += until(lambda _: source.events["clock_step"] == 1, source, sender)
    (offset_s,) = source.clock_offsets_s.values()
    assert offset_s == pytest.approx(-amount_s, abs=0.1)
    items += until(some(100), source, sender)
    sender.offset_s = 0.0
    items += until(lambda _: source.events["clock_step"] == 2, source, sender)
    items += until(some(100), source, sender)
    assert source.clock_offsets_s == {}
    assert source.events["stamp_off_clock"] > 0
    assert not source.is_old
    assert abs(items[-1].stamps[-1] - local_clock()) < 1.0
    stamps = np.concatenate([item.stamps for item in items])
    assert np.all(np.diff(stamps) > 0)


def test_a_sender_whose_clock_began_at_zero_is_taken(opened):
    sender, source = subscribed(opened)
    sender.offset_s = -local_clock()
    items = until(some(100), source, sender)
    assert source.events["clock_step"] == 1
    assert abs(items[-1].stamps[-1] - local_clock()) < 1.0


AHEAD_S = 100


@pytest.fixture
def elsewhere():
    """What starts a process where the clock is another, as on another machine; root can."""
    moved = ["unshare", "--time", "--monotonic", str(AHEAD_S), "--fork", "--kill-child"]
    try:
        can = subprocess.run([*moved, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        can = False
    if not can:
        pytest.skip("a process cannot be given a clock of its own here (unshare --time)")
    return moved


def test_a_clock_that_is_another_than_it_was_taken_for_is_a_clock_jump(opened, elsewhere):
    """A host name says nothing about a clock: what liblsl measures comes later, and holds."""
    name = unique()
    process(opened, name, name, before=elsewhere)
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), off_clock="drop")))
    source.open()
    until(lambda _: source.events["stamp_off_clock"], source)
    items = until(some(20), source)
    assert source.events["clock_jump"] == 1
    assert abs(items[-1].stamps[-1] - local_clock()) < 1.0


@pytest.mark.parametrize(
    ("role", "event"), [("signal", "clock_jump"), ("labels", "labels_clock_jump")]
)
def test_an_estimate_of_a_clock_that_jumps_moves_the_stamps_and_is_told(opened, role, event):
    """liblsl's estimate is played; on one machine it cannot jump."""
    name = unique()
    spikes, labels = Sender(opened, name, name), Sender(opened, name, name + "-l", 2, 100.0)
    wanted = StreamRequirement(source_id=name + "-l")
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), labels=wanted)))
    source.open()
    assert spikes.outlet.wait_for_reader(PATIENCE_S)
    assert labels.outlet.wait_for_reader(PATIENCE_S)
    stream = source._labels if role == "labels" else source._signals[0]
    outlet = (labels if role == "labels" else spikes).outlet
    estimate = {"s": 0.004}  # within the noise of an estimate of our own clock
    stream._inlet._inlet.time_correction = lambda timeout_s: estimate["s"]

    def moved_s():
        sent_s = local_clock()
        outlet.push(np.array([sent_s]), np.ones((1, 2), np.float32))
        (item,) = until(lambda items: items, source)
        return item.stamps[0] - sent_s

    time.sleep(0.15)
    assert moved_s() == pytest.approx(0.0, abs=1e-6)
    assert not source.events
    for seconds, jumps in ((0.5, 1), (-0.25, 2), (-0.255, 2)):
        estimate["s"] = seconds
        time.sleep(0.15)
        assert source.pull(0.0) == []
        assert source.events == {event: jumps}
        assert moved_s() == pytest.approx(seconds, abs=1e-6)
    assert "its clock is +0.500 s from where it was taken to be" in source.notices[0].text


def test_a_sender_at_another_rate_than_it_announces_is_told(opened):
    sender, source = subscribed(opened)
    sender.speed = 0.5
    until(lambda _: source.events["rate_implausible"], source, sender)
    assert any("Hz came, not 500" in notice.text for notice in source.notices)


def pipeline_for(source, channels, **bins):
    settings = BinSettings(bin_s=0.02, **bins)
    decoder = build_decoder(EpropSettings(), channels, 2, settings.bin_s)
    return Pipeline(settings, source.signal_infos, None, decoder, 2)


def test_what_is_lost_repeated_and_reordered_on_the_way_is_counted_once(opened):
    sender, source = subscribed(opened)
    pipeline = pipeline_for(source, 2)
    stamps = local_clock() + np.arange(100) / RATE_HZ
    order = [*range(20), *range(19, 30), *range(40, 50), *range(60, 70), *range(50, 60)]
    sender.outlet.push(stamps[order], np.ones((len(order), 2), np.float32))
    items = until(some(len(order)), source)
    for chunk in items:
        list(pipeline.push(chunk))
    events = pipeline.events
    assert events["stamp_repeated"] == 1
    assert events["stamp_out_of_order"] == 10
    assert events["gap"] == 2  # one for good; one until the stretch came late
    assert not source.events


def test_two_signals_are_one_and_one_that_stalls_is_waited_for_and_left_out(opened):
    names = unique("left"), unique("right")
    left, right = (Sender(opened, name, name, n) for name, n in zip(names, (2, 3), strict=True))
    source = opened(
        LslSource(
            settings_for(
                StreamRequirement(source_id=names[0]),
                more_signals=(StreamRequirement(source_id=names[1]),),
                when_old="hold",
            )
        )
    )
    info, _ = source.open()
    assert (info.name, info.channels) == (" + ".join(names), 5)
    pipeline = pipeline_for(source, 5)
    outputs = []

    def decode(count, *senders):
        wanted, end = len(outputs) + count, time.monotonic() + PATIENCE_S
        while len(outputs) < wanted:
            assert time.monotonic() < end, pipeline.events + source.events
            for sender in senders:
                sender.send()
            for chunk in source.pull(0.01):
                outputs.extend(pipeline.push(chunk))

    decode(20, left, right)
    missing = pipeline.events["stream_missing"]
    decode(40, left)
    assert pipeline.events["stream_missing"] > missing
    assert source.age_s > 0.2
    right.outlet.close()
    right = Sender(opened, names[1], names[1], 3)
    decode(40, left, right)
    missing = pipeline.events["stream_missing"]
    decode(20, left, right)
    assert pipeline.events["stream_missing"] <= missing + 5
    assert source.events["stream_back"] == 1
    indices = [output.index for output in outputs]
    assert indices == sorted(set(indices))


def stalled(opened, when_old):
    """A source that was not asked for a second."""
    sender, source = subscribed(opened, when_old=when_old, max_age_s=0.3)
    until(some(20), source, sender)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        sender.send()
        time.sleep(0.02)
    sender.send()
    return sender, source


def test_of_a_backlog_only_the_latest_is_decoded(opened):
    sender, source = stalled(opened, "latest")
    items = until(some(20), source, sender)
    assert source.events["backlog_dropped"] > 0.3 * RATE_HZ
    assert min(item.stamps.min() for item in items) > items[-1].stamps[-1] - 2.0
    assert not source.is_old


def test_a_backlog_can_be_decoded_whole_while_the_source_says_that_it_is_old(opened):
    sender, source = stalled(opened, "hold")
    assert source.is_old
    assert source.age_s > 0.9
    items = source.pull(0.1)
    assert source.is_old  # until that place is reached, however new the newest sample is
    items += until(some(0.9 * RATE_HZ), source, sender)
    until(lambda _: not source.is_old, source, sender)
    stamps = np.concatenate([item.stamps for item in items])
    assert np.diff(stamps).max() < 1.5 / RATE_HZ
    assert not source.events
    time.sleep(0.4)
    assert source.is_old  # silence ages too


def test_old_data_can_end_the_run(opened):
    sender, source = subscribed(opened, when_old="stop", max_age_s=0.3)
    time.sleep(0.4)
    assert source.pull(0.0) == []  # before the first sample nothing is old
    sender.skip()
    until(some(20), source, sender)
    time.sleep(0.5)
    with pytest.raises(StreamError, match=r"is 0\.\d+ s old, lsl\.max_age_s is 0\.3: look after"):
        source.pull(0.0)


def test_labels_are_put_back_by_their_delay_and_markers_are_texts(opened):
    name = unique()
    ids = {role: StreamRequirement(source_id=f"{name}-{role}") for role in ("labels", "markers")}
    spikes = Sender(opened, name, name)
    labels = Sender(opened, "hand", f"{name}-labels", 2, 100.0)
    markers = opened(marker_outlet("task", f"{name}-markers"))
    source = opened(
        LslSource(settings_for(StreamRequirement(source_id=name), label_delay_s=0.25, **ids))
    )
    source.open()
    assert markers.wait_for_reader(PATIENCE_S)
    assert labels.outlet.wait_for_reader(PATIENCE_S)
    stamps = local_clock() + np.arange(2) / 100
    labels.outlet.push(stamps, np.ones((2, 2), np.float32))
    markers.mark(float(stamps[0]), "rest")
    markers.mark(float(stamps[1]), "Größe: go")
    kinds = Chunk, LabelChunk, MarkerChunk

    def came_by_kind(items):
        return {kind: [item for item in items if isinstance(item, kind)] for kind in kinds}

    def all_came(items):
        counts = [sum(len(item.stamps) for item in part) for part in came_by_kind(items).values()]
        return counts[0] > 0 and counts[1:] == [2, 2]

    found = came_by_kind(until(all_came, source, spikes))
    came = np.concatenate([item.stamps for item in found[LabelChunk]])
    assert came == pytest.approx(stamps - 0.25)
    told = [
        (s, t) for item in found[MarkerChunk] for s, t in zip(item.stamps, item.texts, strict=True)
    ]
    assert told == [(stamps[0], "rest"), (stamps[1], "Größe: go")]


def test_markers_may_be_numbers_and_have_one_channel(opened):
    import pylsl

    name = unique()
    spikes = Sender(opened, name, name)
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("task", "M", 1, 0.0, "int32", name + "-m"))
    wanted = {"markers": StreamRequirement(source_id=name + "-m")}
    source = opened(LslSource(settings_for(StreamRequirement(source_id=name), **wanted)))
    source.open()
    assert outlet.wait_for_consumers(PATIENCE_S)
    outlet.push_sample([17], local_clock())
    items = until(lambda items: any(isinstance(i, MarkerChunk) for i in items), source, spikes)
    assert [item.texts for item in items if isinstance(item, MarkerChunk)] == [("17",)]
    two = {"markers": StreamRequirement(source_id=name), "wait_s": 1.5}
    with pytest.raises(StreamError, match="one channel of markers"):
        opened(LslSource(settings_for(StreamRequirement(name="task"), **two))).open()


@contextmanager
def opening(source):
    """`open` in a thread; yields a function that returns what it said, whatever that was."""
    with ThreadPoolExecutor(1) as pool:
        searching = Event()
        said = pool.submit(source.open, lambda: searching.set() or False)
        assert searching.wait(PATIENCE_S)
        yield lambda: said.result(PATIENCE_S)


def in_sight(requirement):
    return until_true(lambda: look(requirement, 0.5))


def until_true(condition):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end
    return found


def test_a_sender_that_is_killed_while_it_is_subscribed_to_is_looked_for_again(opened):
    """It answers the first look, and is gone when the second one, which settles it, is over."""
    name = unique()
    wanted = StreamRequirement(name=name)
    first = process(opened, name, name)
    in_sight(wanted)
    source = opened(LslSource(settings_for(wanted, wait_s=None, settle_s=2.0)))
    with opening(source) as said:
        time.sleep(1.0)
        first.kill()
        first.wait()
        until_true(lambda: source.events["stream_refused"])
        process(opened, name, name)
        assert said()[0].name == name
    until(some(20), source)
    assert source.events == {"stream_refused": 1}


def test_two_senders_for_a_moment_at_the_start_are_told_and_looked_at_again(opened):
    name = unique()
    senders = [Sender(opened, name, name + f"-{n}") for n in range(2)]
    source = opened(LslSource(settings_for(StreamRequirement(name=name), wait_s=None)))
    with opening(source) as said:
        until_true(lambda: source.events["stream_ambiguous"])
        senders[0].outlet.close()
        assert said()[0].name == name
    until(some(20), source, senders[1])
    assert source.events == {"stream_ambiguous": 1}
    (notice,) = source.notices
    assert "2 streams" in notice.text


def test_streams_may_be_looked_for_until_it_is_called_off(opened):
    asked = []
    source = opened(LslSource(settings_for(StreamRequirement(name=unique()), wait_s=None)))
    with pytest.raises(SearchEnded, match="called off"):
        source.open(lambda: asked.append(0) or len(asked) > 3)
    with pytest.raises(StreamError, match="call open"):
        source.pull(0.0)


def test_doubles_keep_their_digits_on_the_way_out(opened):
    import pylsl

    source_id = unique()
    info = StreamInfo("decoded", 1, 0.0, ("x",), ("cm/s",))
    outlet = opened(LslOutlet(info, "Decoded", source_id, "double64"))
    (found,) = pylsl.resolve_bypred(f"source_id='{source_id}'", 1, PATIENCE_S)
    inlet = pylsl.StreamInlet(found, recover=False)
    inlet.open_stream(PATIENCE_S)
    assert outlet.wait_for_reader(PATIENCE_S)
    outlet.push(np.array([local_clock()]), np.array([[np.pi]]))
    assert inlet.pull_sample(PATIENCE_S)[0] == [np.pi]
