"""What stands in the page's figures and words, without a browser: real documents, no server."""

import json
from contextlib import ExitStack

import numpy as np
import pytest
from bokeh.document import Document

from eprop_rt_protocols.screen import Screen, Target, TrialResult
from eprop_rt_protocols.status import LatencyMs, range_edge_s
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_services.monitor.follow import Given, followed
from eprop_rt_services.monitor.latencies import STAGES, Latencies, Shape
from eprop_rt_services.monitor.look import DARK, LIGHT
from eprop_rt_services.monitor.page import page_of
from eprop_rt_services.monitor.seen import Seen
from eprop_rt_services.monitor.state import state_of
from eprop_rt_services.monitor.target import Target as Daemon
from eprop_rt_services.monitor.trials import Trials
from status_material import FULL_STATUS
from view_material import view

LONG_AGO_S = 100.0
PID = FULL_STATUS.pid
TRIAL = TrialResult(sequence=0, success=True, time_to_target_s=0.5, ended_s=1.0, learning=True)
SCREEN = Screen(
    version=VERSION,
    sequence=1,
    stamp_s=1.0,
    clock="lsl_local_clock",
    name="test",
    task="centre_out",
    cursor=(3.0, 4.0),
    targets=(Target(x=9.0, y=0.0, radius=2.0, state="aim"),),
    bounds=12.0,
    phase="reach",
    trial=1,
    successes=1,
    failures=0,
    newest_time_s=0.5,
    recent=(TRIAL,),
)


class Sheet:
    """The page of these daemons, none of which there is; what it draws, and clicks on it."""

    def __init__(self, followers):
        self._document = Document()
        page_of(followers)(self._document)
        (self._periodic,) = self._document.session_callbacks
        self._link = self._model("field").tags[0]

    def _model(self, name):
        return self._document.get_model_by_name(name)

    def step(self, ticks=20):
        for _ in range(ticks):
            self._periodic.callback()

    def select(self, at):
        self._link.order = json.dumps({"daemon": at, "verb": "select", "number": f"{at}"})

    def prefer_dark(self):
        self._link.dark = True

    @property
    def words(self):
        return json.loads(self._link.state)["words"]

    def data(self, name, at=0):
        """The columns behind one drawing of a figure."""
        return self._model(name).renderers[at].data_source.data

    def spikes(self):
        return int(np.sum(self.data("spikes")["image"][0]))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two that follow daemons that are not there."""
    folder = tmp_path_factory.mktemp("nobody")
    with ExitStack() as closing:
        daemons = [Daemon(name, f"ipc://{folder}/{name}") for name in ("left", "right")]
        yield followed(daemons, closing)


@pytest.fixture
def followers(pair):
    for each in pair:
        each.seen = Seen()
        each.given.clear()
    return pair


def one_output(made):
    header = made.header.model_copy(update={"outputs": 1})
    narrow = made.decoded[:, :1], made.labels[:, :1]
    return type(made)(header, *narrow, made.inputs, made.spikes, made.weights)


@pytest.mark.parametrize(
    ("phase", "pid", "state"),
    [
        (None, None, "no answer"),
        ("asked", None, "no answer"),
        ("unanswered", PID, "no answer"),
        ("refused", PID, "no answer"),
        ("done", PID - 1, "no answer"),  # of the process that was there before
        ("done", PID, "stopped"),
    ],
)
def test_a_silent_daemon_has_stopped_only_where_its_process_confirmed_that(
    followers, phase, pid, state
):
    left = followers[0]
    left.seen.take_status(FULL_STATUS)
    left.seen.status_at_s -= LONG_AGO_S
    if phase is not None:
        left.given["stop"] = Given("stop", 1, left.seen.status_at_s, phase, pid=pid)
    said = state_of(followers, 0)
    stopped = state == "stopped"
    assert said["cards"][0]["state"] == said["words"]["state"] == state
    assert ("it may still drive the cursor" in said["words"]["doubt"]) is not stopped
    button = said["buttons"]["stop"]
    assert button["held"] is stopped
    assert ("Stopped" in button["label"]) is stopped
    assert button["enabled"]
    if phase == "unanswered":
        assert "stop was not answered, it may still drive the cursor" in said["told"]


def test_a_stop_that_was_confirmed_before_there_was_a_status_has_stopped_it(followers):
    followers[0].given["stop"] = Given("stop", 1, 0.0, "done")
    assert state_of(followers, 0)["cards"][0]["state"] == "stopped"
    assert state_of(followers, 0)["cards"][1]["state"] == "no answer yet"


def test_a_daemon_that_shows_no_bins_does_not_get_those_of_another(followers):
    left, _ = followers
    left.seen.take_view(view())
    left.seen.take_screen(SCREEN)
    sheet = Sheet(followers)
    sheet.step()
    assert sheet.spikes() > 0
    assert len(sheet.data("output-0")["t"]) == len(sheet.data("output-1")["t"]) == 3
    assert sheet.data("field", 2)["x"] == [3.0]
    sheet.select(1)
    sheet.step()
    assert sheet.spikes() == 0
    for name in ("output-0", "output-1"):
        assert len(sheet.data(name)["t"]) == 0
    assert sheet.data("field", 2)["x"] == []


def test_a_daemon_with_one_output_does_not_get_the_second_one_of_another(followers):
    left, right = followers
    left.seen.take_view(view())
    right.seen.take_view(one_output(view()))
    sheet = Sheet(followers)
    sheet.step()
    sheet.select(1)
    sheet.step()
    assert len(sheet.data("output-0")["t"]) == 3
    assert len(sheet.data("output-1")["t"]) == 0


def test_bins_of_a_process_that_was_replaced_are_gone_before_the_next_one_shows_any(followers):
    seen = followers[0].seen
    seen.take_status(FULL_STATUS)
    seen.take_view(view())
    sheet = Sheet(followers)
    sheet.step()
    seen.take_status(FULL_STATUS.model_copy(update={"pid": PID + 1}))
    sheet.step()
    assert sheet.spikes() == 0


def test_a_process_may_be_replaced_while_its_bins_are_drawn(followers):
    class Replaced(Seen):
        """Another process answers just when bins have been taken."""

        def bins(self, span_s):
            taken = super().bins(span_s)
            self.views.clear()
            return taken

    followers[0].seen = Replaced()
    followers[0].seen.take_view(view())
    sheet = Sheet(followers)
    sheet.step()
    assert sheet.spikes() > 0


def test_a_task_that_sends_nothing_more_is_said_to_be_gone_and_its_cursor_is(followers):
    seen = followers[0].seen
    seen.take_screen(SCREEN)
    sheet = Sheet(followers)
    sheet.step()
    assert sheet.words["phase"] == "reach"
    assert "newest 100 %" in sheet.words["trials"]
    seen.screen_at_s -= LONG_AGO_S
    sheet.step()
    assert [sheet.data("field", at)["x"] for at in range(3)] == [[], [], []]
    assert sheet.words["phase"] == ""
    assert sheet.words["trials"] == "1 trial until it went"
    assert "The task has gone: no screen for 10" in sheet.words["no-screen"]
    assert state_of(followers, 0)["cards"][0]["success"] == "-"
    assert state_of(followers, 0)["stale"]["screen"]
    seen.take_screen(SCREEN.model_copy(update={"sequence": 2, "cursor": (5.0, 0.0)}))
    sheet.step()
    assert sheet.data("field", 2)["x"] == [5.0]
    assert sheet.words["no-screen"] == ""


def test_bins_that_come_no_more_are_said_to_be_old(followers):
    seen = followers[0].seen
    seen.take_view(view())
    assert state_of(followers, 0)["words"]["no-views"] == ""
    seen.view_at_s -= LONG_AGO_S
    said = state_of(followers, 0)
    assert said["stale"]["bins"]
    assert "no new bins for 10" in said["words"]["no-views"]


def test_targets_that_are_there_take_the_colours_of_a_reader_who_changes_the_scheme(followers):
    followers[0].seen.take_screen(SCREEN)
    sheet = Sheet(followers)
    sheet.step()
    assert sheet.data("field")["colour"] == [LIGHT.good]
    sheet.prefer_dark()
    sheet.step()
    assert sheet.data("field")["colour"] == [DARK.good]


def told_of(counts):
    total = LatencyMs(p50=0.5, p95=0.75, p99=1.0, p999=1.5, max=2.0, counts=counts)
    return FULL_STATUS.model_copy(update={"latency_ms": {"total": total}})


@pytest.mark.parametrize(
    ("before", "now", "recent"),
    [
        ((0, 5), (0, 7, 0, 2), [0, 2, 0, 2]),
        ((0, 5), (0, 5), [0, 0]),
        ((0, 5, 3), (0, 1), [0, 1]),  # they have begun anew
        ((), (0, 1), [0, 1]),
    ],
)
def test_latencies_of_the_last_minute_are_what_came_to_those_since_the_start(before, now, recent):
    seen = Seen()
    seen.take_status(told_of(before))
    seen.take_status(told_of(now))
    assert seen.recent_counts() == {"total": recent}
    seen.latencies[0] = (seen.latencies[0][0] - LONG_AGO_S, seen.latencies[0][1])
    seen.take_status(told_of(now))
    assert seen.recent_counts() == {"total": [0] * len(now)}


def test_a_histogram_stands_where_its_durations_are_in_the_row_of_its_stage():
    latencies = Latencies(170)
    latencies.dress(LIGHT)
    counts = [0] * 60
    counts[48], counts[50] = 30, 10  # from 2 ms on, a fourth of a doubling each
    status = told_of(tuple(counts))
    latencies.show(status.latency_ms, {"total": counts})
    bars, outline, *_ = (one.data_source.data for one in latencies.root.renderers)
    row = len(STAGES) - 1 - STAGES.index("total")
    assert set(bars["bottom"]) == {row}
    drawn = bars["top"] > row
    assert bars["left"][drawn].tolist() == [1e3 * range_edge_s(48), 1e3 * range_edge_s(50)]
    assert bars["right"][drawn].tolist() == [1e3 * range_edge_s(49), 1e3 * range_edge_s(51)]
    assert bars["top"][0] == bars["top"].max() < row + 1
    assert outline["x"][0][0] == 1e3 * range_edge_s(48)
    assert outline["y"][0][[0, -1]].tolist() == [row, row]
    latencies.show({}, {})
    assert len(bars["left"]) > 0
    assert all(len(column) == 0 for column in latencies.root.renderers[0].data_source.data.values())


def test_durations_spread_evenly_over_doublings_make_a_flat_histogram():
    edges = np.array([range_edge_s(at) for at in range(40, 65)])
    shape = Shape.of(0, [0] * 40 + np.round(1e6 * np.diff(np.log2(edges))).astype(int).tolist())
    np.testing.assert_allclose(shape.tops, shape.tops[0], rtol=1e-5)


def test_stages_without_counts_have_marks_and_no_histogram():
    latencies = Latencies(170)
    latencies.show(told_of(()).latency_ms, {"total": []})
    bars, outline, middle = (one.data_source.data for one in latencies.root.renderers[:3])
    assert len(bars["left"]) == len(outline["x"][0]) == 0
    assert middle["p50"] == [0.5]


def test_the_lines_of_trials_have_the_colours_of_their_daemons_and_nothing_is_sent_twice():
    document, trials = Document(), Trials(118, 2)
    for root in (trials.success, trials.taken):
        document.add_root(root)
    trials.dress(LIGHT, [LIGHT.series[0], LIGHT.soft], 0)
    lines = [line.glyph.line_color for line in trials.success.renderers]
    assert lines == [LIGHT.series[0], LIGHT.soft]
    changes = []
    document.on_change(changes.append)
    trials.dress(LIGHT, [LIGHT.series[0], LIGHT.soft], 0)
    assert changes == []
    trials.dress(LIGHT, [LIGHT.series[0], LIGHT.series[1]], 0)
    assert len(changes) == 2
