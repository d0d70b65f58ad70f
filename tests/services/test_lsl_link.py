import os
import resource
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack

import numpy as np
import pytest

from eprop_rt.errors import ConfigError, DataError, StreamError
from eprop_rt.series import Chunk, LabelChunk, StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_config import (
    CONFIG_VARIABLE,
    loopback_environment,
    write_loopback_config,
)
from eprop_rt_services.lsl_link import (
    Inlet,
    LslOutlet,
    list_streams,
    local_clock,
    look,
    lsl_available,
)
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings

needs_lsl = pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed")
live = pytest.mark.live

PATIENCE_S = 5.0
ARRIVAL_S = 0.15  # a thousand times what a sample takes on one machine
QUICK = {"wait_s": PATIENCE_S, "settle_s": 0.1}
REFUSED = {**QUICK, "wait_s": 1.5}  # what stands in the way is looked at again until then


@pytest.fixture
def opened():
    with ExitStack() as closing:
        yield closing.enter_context


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:12]}"


def signal_info(name="signal", channels=3, rate=1000.0):
    names = tuple(f"unit {n}" for n in range(channels))
    return StreamInfo(name, channels, rate, names, ("spikes",) * channels)


def outlet(opened, info, stream_type="Spikes"):
    source_id = unique("test")
    return opened(LslOutlet(info, stream_type, source_id)), source_id


def source(opened, source_id, **settings):
    wanted = StreamRequirement(source_id=source_id)
    return opened(LslSource(LslSettings(signal=wanted, **{**QUICK, **settings})))


def subscribed(opened, info, **settings):
    """An outlet and an open source that has subscribed to it."""
    sender, source_id = outlet(opened, info)
    receiver = source(opened, source_id, **settings)
    receiver.open()
    assert sender.wait_for_reader(PATIENCE_S)
    return sender, receiver


@pytest.fixture(scope="module")
def shared():
    with ExitStack() as closing:
        yield subscribed(closing.enter_context, signal_info(), silence_s=0.05)


@pytest.fixture
def stream(shared):
    """The outlet and the source that most tests share, with nothing left in them."""
    _, receiver = shared
    receiver.drop_backlog()
    receiver.events.clear()
    return shared


def pull(receiver, samples, kind=Chunk):
    """Pull until `samples` have come; returns the chunks of one kind."""
    chunks, count, end = [], 0, time.monotonic() + PATIENCE_S
    while count < samples and time.monotonic() < end:
        new = [chunk for chunk in receiver.pull(0.1) if isinstance(chunk, kind)]
        count += sum(len(chunk.stamps) for chunk in new)
        chunks += new
    assert count == samples
    return chunks


def joined(chunks):
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    return stamps, np.concatenate([chunk.samples for chunk in chunks])


@live
@needs_lsl
def test_samples_arrive_unchanged_and_in_order(stream):
    sender, receiver = stream
    values = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    stamps = local_clock() + np.arange(200) * 1e-3
    for part in np.split(np.arange(200), [1, 2, 50, 57]):
        sender.push(stamps[part], values[part])
    came_at, came = joined(pull(receiver, 200))
    assert came.dtype == np.float32
    assert came.tobytes() == values.tobytes()
    assert came_at.dtype == np.float64
    assert came_at.tobytes() == stamps.tobytes()  # one machine has one clock
    assert "stamp_off_clock" not in receiver.events


@live
@needs_lsl
def test_the_source_announces_what_the_outlet_was_given(opened):
    info = signal_info(rate=1001.5)
    _, source_id = outlet(opened, info)
    assert source(opened, source_id).open() == (info, None)


@live
@needs_lsl
def test_a_stream_without_channel_names_is_irregular_and_nameless(opened):
    info = StreamInfo("events", 2, 0.0)
    _, source_id = outlet(opened, info)
    assert source(opened, source_id).open() == (info, None)


@live
@needs_lsl
def test_more_than_one_call_returns_is_drained_in_one_pull(opened):
    sender, receiver = subscribed(opened, signal_info(rate=2000.0))
    values = np.arange(9000, dtype=np.float32).reshape(3000, 3)
    sender.push(np.full(3000, local_clock()), values)
    time.sleep(ARRIVAL_S)
    chunks = receiver.pull(PATIENCE_S)
    assert [len(chunk.stamps) for chunk in chunks] == [1024, 1024, 952]
    assert np.array_equal(joined(chunks)[1], values)


@live
@needs_lsl
def test_chunks_do_not_share_memory(stream):
    sender, receiver = stream
    first = np.ones((4, 3), np.float32)
    sender.push(np.full(4, local_clock()), first)
    early = pull(receiver, 4)
    sender.push(np.full(4, local_clock()), first * 2)
    pull(receiver, 4)
    assert np.array_equal(joined(early)[1], first)


@live
@needs_lsl
def test_labels_are_handed_on_before_the_signal_that_came_with_them(opened):
    sender, signal_id = outlet(opened, signal_info())
    label_info = StreamInfo("hand", 2, 100.0, ("vx", "vy"), ("mm/s", "mm/s"))
    label_sender, label_id = outlet(opened, label_info, "Kinematics")
    receiver = source(opened, signal_id, labels=StreamRequirement(source_id=label_id))
    assert receiver.open() == (signal_info(), label_info)
    assert sender.wait_for_reader(PATIENCE_S)
    assert label_sender.wait_for_reader(PATIENCE_S)

    sender.push(np.full(5, local_clock()), np.ones((5, 3), np.float32))
    label_sender.push(np.full(2, local_clock()), np.array([[1, np.nan], [3, 4]], np.float32))
    time.sleep(ARRIVAL_S)
    label, signal = receiver.pull(PATIENCE_S)
    assert isinstance(label, LabelChunk)
    assert np.array_equal(label.values, [[1, np.nan], [3, 4]], equal_nan=True)
    assert isinstance(signal, Chunk)
    assert len(signal.stamps) == 5

    label_sender.push(np.array([local_clock()]), np.ones((1, 2), np.float32))
    assert len(pull(receiver, 1, LabelChunk)) == 1  # labels do not wait for a signal


@live
@needs_lsl
def test_a_pull_waits_no_longer_than_its_timeout(stream):
    _, receiver = stream
    started = time.monotonic()
    assert receiver.pull(0.05) == []
    assert 0.04 < time.monotonic() - started < 1.0


@live
@needs_lsl
def test_stamps_of_another_clock_are_counted_and_dropped(stream):
    sender, receiver = stream
    now = local_clock()
    stamps = np.array([now, now + 1000, now - 1000, now + 1.5, now - 3])
    sender.push(stamps, np.arange(15, dtype=np.float32).reshape(5, 3))
    _, came = joined(pull(receiver, 2))
    assert came[:, 0].tolist() == [0.0, 9.0]
    assert receiver.events == {"stamp_off_clock": 3}


@live
@needs_lsl
def test_a_silent_stream_is_counted_once_for_each_silence(stream):
    sender, receiver = stream
    sender.push(np.array([local_clock()]), np.ones((1, 3), np.float32))
    pull(receiver, 1)
    for _ in range(4):
        receiver.pull(0.03)
    assert receiver.events == {"silence": 1}
    sender.push(np.array([local_clock()]), np.ones((1, 3), np.float32))
    pull(receiver, 1)
    for _ in range(4):
        receiver.pull(0.03)
    assert receiver.events == {"silence": 2}


@live
@needs_lsl
def test_a_backlog_can_be_dropped(stream):
    sender, receiver = stream
    sender.push(np.full(50, local_clock()), np.ones((50, 3), np.float32))
    time.sleep(ARRIVAL_S)
    assert receiver.drop_backlog() == 50
    assert receiver.events == {"backlog_dropped": 50}
    sender.push(np.array([local_clock()]), np.full((1, 3), 7, np.float32))
    assert joined(pull(receiver, 1))[1].tolist() == [[7.0, 7.0, 7.0]]


@live
@needs_lsl
def test_the_buffer_keeps_the_newest_seconds_only(opened):
    sender, receiver = subscribed(opened, signal_info(rate=100.0), max_buffer_s=1.0)
    values = np.arange(1500, dtype=np.float32).reshape(500, 3)
    sender.push(np.full(500, local_clock()), values)
    time.sleep(ARRIVAL_S)
    _, came = joined(receiver.pull(PATIENCE_S))
    assert 90 < len(came) < 120
    assert np.array_equal(came, values[-len(came) :])


@live
@needs_lsl
def test_the_buffer_of_an_irregular_stream_holds_seconds_of_spike_events(opened):
    """384 channels at 100 Hz; liblsl itself would keep 500 samples in 5 s."""
    sender, receiver = subscribed(opened, signal_info(rate=0.0), max_buffer_s=1.0)
    events, values = 38_400, np.ones((384, 3), np.float32)
    for first in range(0, events, 384):
        values[:, 0] = first + np.arange(384)
        sender.push(np.full(384, local_clock()), values)
    time.sleep(ARRIVAL_S)
    _, came = joined(pull(receiver, events))
    assert np.array_equal(came[:, 0], np.arange(events))
    assert not receiver.events


@live
@needs_lsl
def test_a_buffer_that_ran_over_is_told(opened):
    sender, receiver = subscribed(opened, signal_info(rate=100.0), max_buffer_s=1.0)
    sender.push(np.full(99, local_clock()), np.ones((99, 3), np.float32))
    time.sleep(ARRIVAL_S)
    receiver.pull(PATIENCE_S)
    assert "buffer_full" not in receiver.events
    sender.push(np.full(150, local_clock()), np.ones((150, 3), np.float32))
    time.sleep(ARRIVAL_S)
    receiver.pull(PATIENCE_S)
    assert receiver.events["buffer_full"] == 1


@live
@needs_lsl
@pytest.mark.parametrize("sample_format", ["double64", "int16", "int64"])
def test_other_number_formats_arrive_as_single_precision(opened, sample_format):
    import pylsl

    source_id = unique("test")
    info = pylsl.StreamInfo("amplifier", "EEG", 2, 100.0, sample_format, source_id)
    sender = pylsl.StreamOutlet(info)
    receiver = source(opened, source_id)
    receiver.open()
    assert sender.wait_for_consumers(PATIENCE_S)
    sender.push_sample([-3, 100], local_clock())
    _, came = joined(pull(receiver, 1))
    assert came.dtype == np.float32
    assert came.tolist() == [[-3.0, 100.0]]


@live
@needs_lsl
def test_a_stream_of_text_is_refused(opened):
    import pylsl

    source_id = unique("test")
    sender = pylsl.StreamOutlet(pylsl.StreamInfo("m", "Markers", 1, 0, "string", source_id))
    with pytest.raises(StreamError, match="sends text, numbers were expected"):
        source(opened, source_id, **REFUSED).open()
    del sender


@live
@needs_lsl
def test_what_liblsl_cannot_do_is_an_error_of_the_stream(opened):
    """Without a file descriptor to spare it makes no inlet, and says no more than that."""
    _, source_id = outlet(opened, signal_info())
    (found,) = look(StreamRequirement(source_id=source_id), PATIENCE_S)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(StreamError, match="cannot be subscribed to: could not create"):
            Inlet(found, 5, PATIENCE_S, lambda *_, **__: None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@live
@needs_lsl
def test_a_stream_that_never_comes_is_one_line_that_names_what_is_in_sight(opened):
    _, source_id = outlet(opened, signal_info("present"))
    wanted = StreamRequirement(name="absent", type="Spikes")
    receiver = opened(LslSource(LslSettings(signal=wanted, wait_s=0.1, settle_s=0.15)))
    with pytest.raises(StreamError) as caught:
        receiver.open()
    line = str(caught.value)
    assert "no stream with name='absent' and type='Spikes' came within 0.1 s" in line
    assert f"name='present' type='Spikes' source_id='{source_id}' (3 channels, 1000 Hz" in line
    assert "start the sender" in line
    assert "\n" not in line


@live
@needs_lsl
def test_two_streams_that_answer_are_one_line_that_names_both(opened):
    name = unique("twin")
    ids = [outlet(opened, signal_info(name))[1] for _ in range(2)]
    receiver = opened(LslSource(LslSettings(signal=StreamRequirement(name=name), **REFUSED)))
    with pytest.raises(
        StreamError, match=r"2 streams .* one was expected.*require a source_id"
    ) as e:
        receiver.open()
    assert all(source_id in str(e.value) for source_id in ids)


@live
@needs_lsl
@pytest.mark.parametrize(
    ("required", "expected"),
    [({"channels": 96}, "96 channels were expected"), ({"sample_rate_hz": 1001}, "1001 Hz were")],
)
def test_a_stream_that_is_not_what_was_required_is_refused(opened, required, expected):
    _, source_id = outlet(opened, signal_info())
    wanted = StreamRequirement(source_id=source_id, **required)
    with pytest.raises(StreamError, match=rf"3 channels, 1000 Hz.* came, {expected}"):
        opened(LslSource(LslSettings(signal=wanted, **REFUSED))).open()


@live
@needs_lsl
def test_a_sender_that_comes_back_under_its_source_id_is_found_again(opened):
    info = signal_info()
    first, source_id = outlet(opened, info)
    receiver = source(opened, source_id)
    receiver.open()
    first.push(np.array([local_clock()]), np.ones((1, 3), np.float32))
    pull(receiver, 1)
    first.close()
    second = opened(LslOutlet(info, "Spikes", source_id))
    came, longest_s, end = [], 0.0, time.monotonic() + PATIENCE_S
    while not came and time.monotonic() < end:
        second.push(np.array([local_clock()]), np.full((1, 3), 2, np.float32))
        started = time.monotonic()
        came = receiver.pull(0.05)
        longest_s = max(longest_s, time.monotonic() - started)
    assert came[0].samples[0].tolist() == [2.0, 2.0, 2.0]
    assert longest_s < 0.5
    assert receiver.events == {"stream_lost": 1, "stream_back": 1}
    assert [notice.event for notice in receiver.notices] == ["stream_lost", "stream_back"]


@live
@needs_lsl
def test_more_streams_than_the_usual_ports_are_all_in_sight(opened):
    ids = {outlet(opened, signal_info(f"s{n}", channels=1))[1] for n in range(20)}
    assert ids <= {stream.source_id for stream in list_streams(0.2)}


@live
@needs_lsl
def test_values_of_the_wrong_shape_are_refused(opened):
    sender, _ = outlet(opened, signal_info())
    with pytest.raises(DataError, match=r"\(2, 4\) came with 2 stamps, \(2, 3\) was expected"):
        sender.push(np.zeros(2), np.zeros((2, 4), np.float32))


@live
@needs_lsl
def test_a_source_that_is_not_open_says_so(opened):
    sender, receiver = subscribed(opened, signal_info())
    receiver.close()
    with pytest.raises(StreamError, match="call open"):
        receiver.pull(0.0)
    sender.close()
    with pytest.raises(StreamError, match="outlet is closed"):
        sender.push(np.zeros(1), np.zeros((1, 3), np.float32))


@live
@needs_lsl
def test_streams_of_another_session_are_out_of_sight_and_liblsl_is_quiet(opened, tmp_path):
    _, source_id = outlet(opened, signal_info())
    config = tmp_path / "lsl_api.cfg"
    write_loopback_config(config, session_id=unique("other"))
    look = "from eprop_rt_services.lsl_link import list_streams; print(len(list_streams(0.2)))"
    ended = run_python(look, loopback_environment(config))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")
    assert source_id in {stream.source_id for stream in list_streams(0.2)}


def run_python(code, environment):
    environment = {**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_liblsl_the_module_imports_and_using_it_is_one_clear_line(tmp_path):
    fake = tmp_path / "liblsl.so"
    fake.write_text("not a library")
    code = """
from eprop_rt.errors import StreamError
from eprop_rt.series import StreamInfo
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services import lsl_link
from eprop_rt_services.sources.live import LslSource
from eprop_rt_services.sources.settings import LslSettings
uses = [
    lsl_link.local_clock,
    lsl_link.list_streams,
    LslSource(LslSettings(signal=StreamRequirement(name="a"))).open,
    lambda: lsl_link.LslOutlet(StreamInfo("a", 1, 0.0), "t", "id"),
]
print(lsl_link.lsl_available())
for use in uses:
    try:
        use()
    except StreamError as error:
        print(error)
"""
    ended = run_python(code, {**os.environ, "PYLSL_LIB": str(fake)})
    assert ended.stderr == ""
    available, *errors = ended.stdout.splitlines()
    assert available == "False"
    assert len(errors) == 4
    assert all("cannot be used" in line and "pip install pylsl" in line for line in errors)


def test_the_tests_use_a_configuration_of_their_own():
    with open(os.environ[CONFIG_VARIABLE], encoding="ascii") as config:
        assert "ResolveScope = machine" in config.read()


@pytest.mark.parametrize("session_id", ["", "two words", "it's", "x" * 65])
def test_a_session_id_that_liblsl_could_not_quote_is_refused(tmp_path, session_id):
    with pytest.raises(ConfigError, match="session id"):
        write_loopback_config(tmp_path / "lsl_api.cfg", session_id)
