"""Histograms of durations against the durations themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprop_rt_protocols.status import MAX_RANGES, LatencyMs, range_edge_s
from eprop_rt_services.latency import (
    BUCKETS,
    BUCKETS_A_RANGE,
    LIMIT_S,
    STAGES,
    UPPER_EDGE_S,
    Durations,
    LatencyHistogram,
    Marks,
    StageLatencies,
    lower_edge_s,
)

WITHIN = 1 / 128
FROM_A_MICROSECOND = st.lists(st.floats(1e-6, 100.0), min_size=1, max_size=300)


def filled(durations):
    histogram = LatencyHistogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


@given(FROM_A_MICROSECOND, st.floats(0.001, 1.0))
def test_a_quantile_is_never_below_the_true_one_and_at_most_a_128th_above(durations, share):
    exact = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    assert exact <= filled(durations).taken().quantile_s(share) <= exact * (1 + WITHIN)


@given(FROM_A_MICROSECOND)
def test_count_sum_and_maximum_are_exact(durations):
    taken = filled(durations).taken()
    assert taken.count == len(durations)
    assert taken.sum_s == pytest.approx(sum(durations))
    assert taken.max_s == max(durations)


def test_buckets_follow_one_another_without_a_gap_from_zero_to_the_limit():
    edges = lower_edge_s(np.arange(BUCKETS + 1))
    assert edges[0] == 0
    assert edges[-1] == LIMIT_S
    assert (np.diff(edges) > 0).all()
    wide = np.diff(edges)[edges[:-1] >= 1e-6] / edges[:-1][edges[:-1] >= 1e-6]
    assert wide.max() <= WITHIN


def test_every_bucket_takes_what_lies_between_its_edges():
    middles = (lower_edge_s(np.arange(BUCKETS)) + UPPER_EDGE_S) / 2
    assert (filled(middles.tolist()).taken().counts == 1).all()


@given(FROM_A_MICROSECOND, FROM_A_MICROSECOND)
def test_two_histograms_merged_are_that_of_all_durations(one, other):
    merged, whole = filled(one).taken().merged(filled(other).taken()), filled(one + other).taken()
    np.testing.assert_array_equal(merged.counts, whole.counts)
    assert merged.max_s == whole.max_s
    assert merged.sum_s == pytest.approx(whole.sum_s)


def test_what_no_duration_can_be_is_an_event_and_spoils_nothing():
    histogram = filled([0.002, -0.5, math.nan, math.inf, 500.0])
    assert histogram.events == {"latency_negative": 1, "latency_not_finite": 2}
    taken = histogram.taken()
    assert (taken.count, taken.max_s) == (3, 500.0)
    assert taken.quantile_s(0.01) <= UPPER_EDGE_S[0]
    assert taken.quantile_s(0.5) == pytest.approx(0.002, rel=WITHIN)


def test_the_summary_is_in_milliseconds_and_empty_before_the_first():
    assert LatencyHistogram().summary_ms() == {}
    assert math.isnan(Durations().quantile_s(0.5))
    summary = filled([0.001] * 998 + [0.05, 0.1]).summary_ms()
    assert list(summary) == ["p50", "p95", "p99", "p999", "max"]
    assert summary["p50"] == pytest.approx(1, rel=WITHIN)
    assert summary["p999"] == pytest.approx(50, rel=WITHIN)
    assert summary["max"] == 100


def test_counts_up_to_an_edge_grow_to_the_number_of_durations():
    taken = filled([0.001, 0.003, 0.003, 0.2, 7.0]).taken()
    assert taken.up_to([0.0005, 0.002, 0.005, 0.25, 200.0]) == [0, 1, 3, 4, 5]


def test_ranges_on_the_wire_begin_and_end_where_buckets_do():
    edges = lower_edge_s(np.arange(0, BUCKETS + 1, BUCKETS_A_RANGE))
    assert edges.tolist() == [range_edge_s(at) for at in range(len(edges))]
    assert len(edges) <= MAX_RANGES


@given(FROM_A_MICROSECOND)
def test_every_duration_is_in_the_range_that_holds_it(durations):
    counts = filled(durations).taken().ranges()
    edges = [range_edge_s(at) for at in range(len(counts) + 1)]
    assert list(counts) == np.histogram(durations, edges)[0].tolist()
    assert counts[-1] > 0
    LatencyMs(p50=0, p95=0, p99=0, p999=0, max=0, counts=counts)


def test_no_duration_is_in_no_range():
    assert Durations().ranges() == ()


def test_a_reset_forgets_durations_and_not_what_was_read_before():
    histogram = filled([0.25])
    before = histogram.taken()
    histogram.reset()
    assert (histogram.taken().count, before.count, before.max_s) == (0, 1, 0.25)


def test_stages_are_apart_and_add_up_to_the_total():
    stages = StageLatencies()
    stages.command(Marks(10.0, 10.001, 10.003, 10.007, 10.015), learning=True)
    stages.learned(0.0005)
    maxima = {stage: stages.taken(stage).max_s for stage in STAGES}
    assert maxima == pytest.approx(
        {
            "transport": 0.001,
            "binning": 0.002,
            "decode": 0.004,
            "publish": 0.008,
            "total": 0.015,
            "learn": 0.0005,
        }
    )


def test_bins_decoded_while_learning_are_kept_apart_from_the_others():
    stages = StageLatencies()
    stages.command(Marks(0.0, 0.1, 0.1, 0.1, 0.1), learning=True)
    stages.command(Marks(0.0, 0.2, 0.2, 0.2, 0.2), learning=False)
    stages.command(Marks(0.0, 0.3, 0.3, 0.3, 0.2), learning=False)
    assert stages.taken("total", learning=True).max_s == 0.1
    assert stages.taken("total", learning=False).count == 2
    assert stages.taken("total").count == 3
    assert set(stages.measured()) == set(STAGES) - {"learn"}
    assert stages.measured()["total"].count == 3
    assert stages.events == {"latency_negative": 1}
    stages.reset()
    assert stages.measured() == {}
