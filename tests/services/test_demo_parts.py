"""The parts of the demonstration: instants, the screen and its commands, orders, figures."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

from eprop_rt.closed_loop.live import LiveSettings
from eprop_rt.closed_loop.task import Phase
from eprop_rt.errors import StreamError
from eprop_rt_protocols.command import Command, CommandHeader, Stamps
from eprop_rt_services.closed_loop.inbox import Inbox
from eprop_rt_services.closed_loop.messages import Order, Report, TrialReport
from eprop_rt_services.closed_loop.score import score
from eprop_rt_services.closed_loop.screen import Screen
from eprop_rt_services.closed_loop.task import obey
from eprop_rt_services.closed_loop.ticks import Ticks
from eprop_rt_services.demo.field import PIXELS, draw_field
from eprop_rt_services.demo.figures import Figures
from eprop_rt_services.lsl_link import local_clock, lsl_available
from eprop_rt_services.zmq_link import Asker, CommandPublisher, CommandSubscriber, Replier

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not lsl_available(), reason="liblsl is not installed"),
]

TICK_S = LiveSettings().tick_s
PATIENCE_S = 5.0


@pytest.fixture
def opened():
    with ExitStack() as closing:
        yield closing.enter_context


def endpoint(folder):
    return f"ipc://{folder}/{uuid.uuid4().hex[:12]}"


def command(sequence, velocity, deadline_s=PATIENCE_S):
    now_s = local_clock()
    values = np.array(velocity, "<f4")
    header = CommandHeader(
        version=2,
        sequence=sequence,
        stamps=Stamps(origin_s=now_s, bin_end_s=now_s, published_s=now_s, clock="lsl_local_clock"),
        deadline_s=now_s + deadline_s,
        host="here",
        model_id="test",
        update_id=0,
        learning="off",
        output="decoded",
        dtype="<f4",
        shape=(2,),
        names=("vx", "vy"),
        units=("cm/s", "cm/s"),
    )
    return Command(header, values)


@pytest.fixture
def joined(opened, tmp_path):
    """A publisher, and an inbox that has subscribed to it."""
    publisher = opened(CommandPublisher(endpoint(tmp_path), "decoded"))
    inbox = Inbox(opened(CommandSubscriber(publisher.endpoint, "decoded", local_clock)))
    publisher.publish(command(0, (0, 0)))
    end = time.monotonic() + PATIENCE_S
    while not inbox.bins:
        publisher.greet()
        inbox.listen(Ticks(TICK_S))
        assert time.monotonic() < end
    inbox.begin()
    return publisher, inbox


def listen(inbox, ticks=5):
    for _ in range(ticks):
        inbox.listen(Ticks(TICK_S))


def test_instants_lie_on_one_grid_and_are_never_early():
    ticks, other = Ticks(0.01, 0.003), Ticks(0.01, 0.003)
    for _ in range(20):
        due_s = ticks.wait()
        assert local_clock() >= due_s
        assert (due_s - 0.003) / 0.01 == pytest.approx(round((due_s - 0.003) / 0.01), abs=1e-6)
    assert round((ticks.due_s - other.due_s) / 0.01) == 20


def test_who_is_late_gets_every_missed_instant_without_a_wait():
    ticks = Ticks(0.01)
    first_s = ticks.wait()
    time.sleep(0.1)
    began_s = local_clock()
    missed = [ticks.wait() for _ in range(9)]
    assert local_clock() - began_s < 0.01
    np.testing.assert_allclose(np.diff([first_s, *missed]), 0.01, atol=1e-9)


def test_a_dark_screen_neither_moves_nor_labels(joined):
    publisher, inbox = joined
    screen = Screen(LiveSettings(), inbox)
    publisher.publish(command(1, (10, 0)))
    listen(inbox)
    assert inbox.velocity(local_clock()).tolist() == [10, 0]
    for _ in range(100):
        screen.step(local_clock())
    report = screen.report()
    assert (report.cursor, report.target, report.trials) == ((0, 0), None, ())
    assert np.isnan(screen.label()).all()


def test_a_lit_screen_moves_by_the_command_and_labels_the_way_to_the_target(joined):
    publisher, inbox = joined
    screen = Screen(LiveSettings(), inbox)
    screen.restart(1)
    publisher.publish(command(1, (4, -3)))
    listen(inbox)
    for _ in range(70):
        screen.step(local_clock())
    report = screen.report()
    assert report.phase == Phase.CENTRE
    assert report.cursor[0] > 1
    assert report.cursor[1] == pytest.approx(-0.75 * report.cursor[0])
    assert screen.label() @ report.cursor < 0


def test_a_command_past_its_deadline_stops_the_cursor(joined):
    publisher, inbox = joined
    publisher.publish(command(1, (10, 0), deadline_s=0.2))
    listen(inbox, ticks=2)
    assert inbox.velocity(local_clock()).tolist() == [10, 0]
    time.sleep(0.25)
    assert inbox.velocity(local_clock()).tolist() == [0, 0]


def test_commands_that_did_not_come_are_missed(joined):
    publisher, inbox = joined
    for sequence in (1, 2, 5):
        publisher.publish(command(sequence, (0, 0)))
        listen(inbox)
    publisher.publish(command(6, (0, 0), deadline_s=-0.1))
    listen(inbox)
    publisher.publish(command(7, (0, 0)))
    listen(inbox)
    assert (inbox.bins, inbox.missed) == (7, 3)
    assert 0 < inbox.latency_ms()["max"] < 1e3 * PATIENCE_S


def test_a_series_without_commands_ends_in_failures_with_the_cursor_at_the_centre(joined):
    _, inbox = joined
    screen = Screen(LiveSettings(), inbox)
    screen.restart(2)
    for _ in range(round(8 / TICK_S)):
        screen.step(local_clock())
    trials = screen.report().trials
    assert [trial.success for trial in trials] == [False, False]
    assert trials[0].ended_s == pytest.approx(3.8, abs=0.05)
    screen.restart(3)
    assert screen.report().trials == ()


def answered(asker, question, orders, screen, inbox):
    """The answer to a question, while somebody obeys."""
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(asker.ask, question.model_dump_json().encode(), PATIENCE_S)
        while not asked.done():
            obey(orders, screen, inbox)
        return Report.model_validate_json(asked.result())


def test_an_order_is_obeyed_and_answered_with_a_report(joined, opened, tmp_path):
    inbox = joined[1]
    screen = Screen(LiveSettings(), inbox)
    orders = opened(Replier(endpoint(tmp_path)))
    asker = opened(Asker(orders.endpoint))
    assert answered(asker, Order(), orders, screen, inbox) == screen.report()
    for _ in range(500):
        screen.step(local_clock())
    assert len(answered(asker, Order(), orders, screen, inbox).trials) == 0  # it was dark
    answered(asker, Order(restart_seed=5), orders, screen, inbox)
    for _ in range(500):
        screen.step(local_clock())
    assert len(answered(asker, Order(), orders, screen, inbox).trials) == 1


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(opened, tmp_path):
    orders = opened(Replier(endpoint(tmp_path)))
    asker = opened(Asker(orders.endpoint))

    def answer(message):
        while (question := orders.poll()) is None:
            pass
        orders.reply(question + message)

    with pytest.raises(StreamError, match="no answer from ipc://"):
        asker.ask(b"first", 0.05)
    answer(b" answer")
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(asker.ask, b"second", PATIENCE_S)
        answer(b" answer")
        assert asked.result() == b"second answer"


def test_the_field_shows_cursor_and_target_where_they_are():
    report = Report(
        cursor=(-9.4, 9.4),
        target=(6.0, -6.0),
        radius_cm=2.0,
        phase=Phase.REACH,
        trials=(),
        ended=0,
        successes=0,
        mean_time_s=None,
        latency_ms={},
        bins=0,
        missed=0,
    )
    lines = draw_field(report).plain.split("\n")
    assert len(lines) == PIXELS // 2
    assert {len(line) for line in lines} == {PIXELS}
    assert [at for at, line in enumerate(lines) if line[2] != " "] == [1]
    assert lines[8][17] == "\u2588"
    assert not "".join(draw_field(None).plain.split())


def trial(time_s):
    return TrialReport(success=time_s is not None, time_to_target_s=time_s, ended_s=1.0)


def test_a_score_counts_failures_in_the_rate_and_not_in_the_time():
    result = score([trial(0.8), trial(None), trial(1.0), trial(None)])
    assert (result.trials, result.success_rate) == (4, 0.5)
    assert result.time_to_target_s == pytest.approx(0.9)
    assert score([trial(None)]).time_to_target_s is None
    assert score([]).success_rate == 0


def test_the_figures_have_no_time_where_there_was_no_success():
    ending = Report(
        cursor=(0, 0),
        target=None,
        radius_cm=0,
        phase=Phase.PAUSE,
        trials=(),
        ended=0,
        successes=0,
        mean_time_s=None,
        latency_ms={"p50": 1.0, "p95": 2.0, "p99": 3.0, "max": 4.0},
        bins=100,
        missed=2,
    )
    frozen = {"eprop": score([trial(0.9)]), "untrained": score([trial(None)])}
    figures = Figures(45.0, (trial(1.0), trial(None)), frozen, ending).to_json()
    assert figures["trials"] == 2
    assert figures["frozen"]["eprop"] == {"success_rate": 1.0, "time_to_target_s": 0.9}
    assert figures["frozen"]["untrained"] == {"success_rate": 0.0, "time_to_target_s": None}
    assert figures["latency_ms"] == {"p50": 1.0, "p99": 3.0, "max": 4.0}
    assert (figures["bins"], figures["missed_bins"]) == (100, 2)
