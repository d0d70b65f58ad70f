import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprop_rt.bins.binner import Binner
from eprop_rt.bins.grid import BinGrid
from eprop_rt.bins.joined import JoinedBinner, joined_info
from eprop_rt.config import BinSettings, EpropSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, StreamInfo

RATE_HZ = 1000.0
SETTINGS = BinSettings(bin_s=0.01, max_wait_s=0.1)


def infos(*channels, rate_hz=RATE_HZ):
    return tuple(StreamInfo(f"s{n}", count, rate_hz) for n, count in enumerate(channels))


def joined(*channels, bins=SETTINGS):
    return JoinedBinner(bins, BinGrid(bins.bin_s), infos(*channels))


def stretch(stream, start, stop, channels, value=1.0):
    """Samples `start` to `stop` of a stream whose clock began at 5 s."""
    stamps = 5.0 + np.arange(start, stop) / RATE_HZ
    return Chunk(stamps, np.full((len(stamps), channels), value, np.float32), stream)


def pushed(binner, chunks):
    return [closed for chunk in chunks for closed in binner.push(chunk)]


def test_a_bin_closes_when_the_last_stream_has_closed_it():
    one = joined(2, 1)
    assert pushed(one, [stretch(0, 0, 30, 2)]) == []
    bins = pushed(one, [stretch(1, 0, 25, 1, 3.0)])
    assert [b.index for b in bins] == [0, 1]
    assert [b.values.tolist() for b in bins] == [[10, 10, 30]] * 2
    assert [b.end_s for b in bins] == pytest.approx([5.01, 5.02])
    assert [b.origin_s for b in bins] == pytest.approx([5.009, 5.019])
    assert not +one.events


def test_a_stream_that_stalls_is_waited_for_and_then_missing():
    one = joined(1, 2)
    bins = pushed(one, [stretch(0, 0, 10, 1), stretch(1, 0, 10, 2), stretch(0, 10, 110, 1)])
    assert [b.index for b in bins] == [0]
    bins = pushed(one, [stretch(0, 110, 150, 1)])
    assert [b.index for b in bins] == [1, 2, 3, 4]
    np.testing.assert_array_equal([b.values for b in bins], [[10, np.nan, np.nan]] * 4)
    assert [b.absent for b in bins] == [2] * 4
    assert one.events["stream_missing"] == 4


def test_a_stream_that_comes_back_late_goes_on_where_the_others_are():
    one = joined(1, 1)
    pushed(one, [stretch(0, 0, 200, 1)])
    bins = pushed(one, [stretch(1, 0, 200, 1)])
    assert [b.index for b in bins] == list(range(10, 20))
    assert all(b.values.tolist() == [10, 10] for b in bins)
    assert one.events["late_bin"] == 10


def test_a_bin_in_which_no_stream_has_anything_is_left_out():
    one = joined(1, 1)
    chunks = [stretch(s, *part, 1) for part in ((0, 10), (50, 70)) for s in (0, 1)]
    assert [b.index for b in pushed(one, chunks)] == [0, 5, 6]
    assert not one.events["stream_missing"]


def test_rare_events_count_in_their_bin_though_nothing_comes_after_them():
    """Nothing closes a bin of an irregular stream but its next event, which may be far away."""
    fast, rare = StreamInfo("fast", 1, 1000.0), StreamInfo("rare", 1, 0.0)
    one = JoinedBinner(SETTINGS, BinGrid(0.01), (fast, rare))
    event = Chunk(np.array([5.025]), np.full((1, 1), 7, np.float32), 1)
    bins = pushed(one, [stretch(0, 0, 20, 1), event, stretch(0, 20, 200, 1)])
    assert {b.index: b.values[1] for b in bins} == {k: 7.0 * (k == 2) for k in range(10)}
    assert one.events["late_bin"] == 0


def test_streams_of_unlike_rates_share_the_grid_of_the_first_sample():
    fast, slow = StreamInfo("fast", 1, 1000.0), StreamInfo("slow", 1, 0.0)
    one = JoinedBinner(SETTINGS, BinGrid(0.01), (fast, slow))
    events = Chunk(np.array([4.999, 5.001, 5.004, 5.031]), np.ones((4, 1), np.float32), 1)
    bins = pushed(one, [stretch(0, 0, 40, 1), events, stretch(0, 40, 160, 1)])
    assert bins[0].values.tolist() == [10, 2]
    assert bins[3].values.tolist() == [10, 1]
    assert one.events["stream_missing"] == len(bins) - 2


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_how_samples_of_each_stream_were_cut_leaves_no_trace(data):
    order = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 90)), max_size=12))
    at, whole, cut = [0, 0], [], []
    for stream, count in order:
        start, at[stream] = at[stream], at[stream] + count
        whole.append(stretch(stream, start, at[stream], stream + 1, stream + 2.0))
        middle = data.draw(st.integers(start, at[stream]))
        cut += [
            stretch(stream, *p, stream + 1, stream + 2.0)
            for p in ((start, middle), (middle, at[stream]))
        ]
    one, other = joined(1, 2), joined(1, 2)
    told = [
        [(b.index, b.origin_s, b.values.tobytes()) for b in pushed(x, y)]
        for x, y in ((one, whole), (other, cut))
    ]
    assert told[0] == told[1]
    assert +one.events == +other.events
    indices = [index for index, *_ in told[0]]
    assert indices == sorted(set(indices))


def test_two_streams_that_run_together_are_one_stream_with_all_channels():
    rng = np.random.default_rng(4)
    stamps = 7.0 + np.arange(500) / RATE_HZ
    values = rng.normal(size=(500, 5)).astype(np.float32)
    alone = Binner(SETTINGS, BinGrid(0.01), StreamInfo("all", 5, RATE_HZ))
    expected = list(alone.push(Chunk(stamps, values)))
    one, came = joined(2, 3), []
    for k in range(0, 500, 20):
        part = slice(k, k + 20)
        came += pushed(one, [Chunk(stamps[part], values[part, :2], 0)])
        came += pushed(one, [Chunk(stamps[part], values[part, 2:], 1)])
    assert [(b.index, b.values.tobytes()) for b in came] == [
        (b.index, b.values.tobytes()) for b in expected
    ]


def test_a_pipeline_of_two_streams_decodes_their_channels_side_by_side():
    decoder = build_decoder(EpropSettings(), 3, 2, SETTINGS.bin_s)
    pipeline = Pipeline(SETTINGS, infos(1, 2), None, decoder, 2)
    outputs = [
        output
        for k in range(0, 200, 10)
        for stream in (0, 1)
        for output in pipeline.push(stretch(stream, k, k + 10, stream + 1))
    ]
    assert [output.index for output in outputs] == list(range(20))
    assert not pipeline.events


def test_the_joined_streams_have_the_channels_of_both():
    named = StreamInfo("a", 2, 100.0, ("left", "right"), ("uV", "uV"))
    bare = StreamInfo("b", 1, 100.0)
    both = joined_info((named, bare))
    assert both == StreamInfo("a + b", 3, 100.0, ("left", "right", "b 0"), ("uV", "uV", ""))
    assert joined_info((named,)) is named
    assert joined_info((named, StreamInfo("c", 1, 0.0))).sample_rate_hz == 0.0
