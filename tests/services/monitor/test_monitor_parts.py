"""The parts of the page: who is followed, what was seen, and what is said of it."""

from contextlib import ExitStack

import numpy as np
import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_protocols.screen import TrialResult
from eprop_rt_services.commands.monitor import chosen
from eprop_rt_services.monitor.follow import Follower, Given, followed
from eprop_rt_services.monitor.look import LIGHT
from eprop_rt_services.monitor.orders import outcome
from eprop_rt_services.monitor.raster import COLUMNS, LEVELS, ROWS, inputs_picture, spikes_picture
from eprop_rt_services.monitor.seen import Bins, Seen
from eprop_rt_services.monitor.state import state_of
from eprop_rt_services.monitor.target import Target, parse_daemon
from eprop_rt_services.monitor.trials import rolling
from eprop_rt_services.zmq_link import make_keys
from status_material import FULL_STATUS
from view_material import view


def test_a_daemon_is_named_with_where_it_is_reached():
    assert parse_daemon("left=ipc:///v,ipc:///c") == Target("left", "ipc:///c", "ipc:///v")
    assert parse_daemon("left=ipc:///v,ipc:///c,ipc:///s").screen == "ipc:///s"


@pytest.mark.parametrize("text", ["left", "left=ipc:///v", "=a,b", "left=a,b,c,d", "left=a,,b"])
def test_what_names_no_daemon_is_refused(text):
    with pytest.raises(ConfigError, match="expected NAME"):
        parse_daemon(text)


def test_daemons_are_taken_from_configurations_with_their_screens_and_keys(tmp_path):
    (tmp_path / "left.yaml").write_text(
        "control: {endpoint: 'ipc:///c'}\npublish: {visual_endpoint: 'ipc:///v'}\n"
    )
    make_keys(tmp_path / "keys")
    (left, right) = chosen(
        [str(tmp_path / "left.yaml")],
        ["right=ipc:///a,ipc:///b"],
        ["left=ipc:///s"],
        [f"right={tmp_path / 'keys'}"],
    )
    assert left == Target("left", "ipc:///c", "ipc:///v", "ipc:///s")
    assert right.keys is not None


@pytest.mark.parametrize(
    ("daemons", "screens", "says"),
    [
        ([f"d{at}=a,b" for at in range(11)], [], "10 at most"),
        (["a=b,c", "a=d,e"], [], "two daemons are called a"),
        (["a=b,c"], ["b=d"], "no such daemon"),
        (["a=b,c"], ["b"], "expected NAME=ENDPOINT"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_line(daemons, screens, says):
    with pytest.raises(ConfigError, match=says):
        chosen([], daemons, screens, [])


def test_bins_of_views_that_came_are_put_in_their_places_and_old_ones_forgotten():
    seen, one = Seen(), view(bins=3)
    for first in range(0, 1500, 6):  # every second view was lost
        header = one.header.model_copy(update={"first": first})
        seen.take_view(type(one)(header, *(getattr(one, n) for n in NAMES)))
    bins = seen.bins(1.0)
    assert bins.at_s[-1] == 0
    assert bins.at_s[0] > -1.0
    np.testing.assert_allclose(np.diff(bins.at_s)[-3:], [0.08, 0.02, 0.02], atol=1e-9)
    assert len(seen.views) < 60


NAMES = "decoded", "labels", "inputs", "spikes", "weights"


def test_a_daemon_that_begins_anew_begins_a_new_picture():
    seen, one = Seen(), view()
    seen.take_view(one)
    header = one.header.model_copy(update={"first": 0, "pid": 2})
    seen.take_view(type(one)(header, *(getattr(one, n) for n in NAMES)))
    assert len(seen.views) == 1


@pytest.mark.parametrize(("neurons", "bin_s"), [(1, 0.02), (16, 0.1), (128, 0.02), (1000, 0.001)])
def test_rasters_stay_small_and_hold_every_spike(neurons, bin_s):
    many = round(5 / bin_s)
    spikes = np.zeros((many, neurons), np.bool_)
    spikes[-1, 0] = spikes[0, -1] = True
    zeros = np.zeros((many, 1), np.float32)
    at_s = (np.arange(many) - many + 1) * bin_s
    header = view(neurons=neurons).header.model_copy(update={"bin_s": bin_s})
    bins = Bins(at_s, zeros, zeros, spikes.astype(np.float32), spikes, header)
    for picture in (spikes_picture(bins, 5.0), inputs_picture(bins, 5.0)):
        assert picture.shape[0] <= ROWS
        assert picture.shape[1] <= COLUMNS
        assert picture.max() <= LEVELS - 1
    picture = spikes_picture(bins, 5.0)
    assert picture[0, -1] > 0
    assert picture[-1, 0] > 0


def test_success_and_time_are_of_the_newest_ten_trials():
    trials = [
        TrialResult(
            sequence=at,
            success=at >= 10,
            time_to_target_s=float(at) if at >= 10 else None,
            ended_s=float(at),
            learning=True,
        )
        for at in range(20)
    ]
    at_s, rate, taken = rolling(trials)
    assert at_s[-1] == 19
    assert rate[9] == 0
    assert rate[14] == 0.5
    assert rate[-1] == 1
    assert np.isnan(taken[9])
    assert taken[-1] == pytest.approx(14.5)


def test_the_page_says_what_the_status_says(tmp_path):
    with Follower(Target("left", f"ipc://{tmp_path}/control")) as follower:
        assert state_of([follower], 0)["cards"][0]["state"] == "no answer yet"
        follower.seen.take_status(FULL_STATUS)
        state = state_of([follower], 0)
        follower.seen.status_at_s -= 100
        gone = state_of([follower], 0)
    frozen = FULL_STATUS.learning == "frozen"
    assert state["buttons"]["freeze"]["held"] == frozen
    assert state["buttons"]["stop"]["enabled"]
    assert state["words"]["rung"].startswith(FULL_STATUS.guard.rung)
    assert gone["cards"][0]["state"] == "no answer"
    assert gone["stale"]["status"]
    assert not gone["buttons"]["freeze"]["enabled"]
    assert gone["buttons"]["stop"]["enabled"]


def test_a_stop_that_kept_nothing_is_told_as_the_daemon_tells_it(tmp_path):
    why = "the daemon has stopped, but what it learned last is not on the disk"
    with Follower(Target("left", f"ipc://{tmp_path}/nobody")) as follower:
        given = Given("stop", 1, 100.0, "refused", why)
        assert outcome(follower, given) == why
        given = Given("rollback", 1, 100.0, "refused", "there is no good state")
        assert outcome(follower, given) == "rollback was not done: there is no good state"


def test_a_daemon_that_says_that_it_never_learns_is_grey_and_one_that_is_frozen_is_not():
    seen = Seen()
    for state, learning, learns in [
        ("starting", "off", True),
        ("running", "off", False),
        ("stopping", "off", False),
        ("running", "frozen", True),
        ("running", "on", True),
    ]:
        seen.take_status(FULL_STATUS.model_copy(update={"state": state, "learning": learning}))
        assert seen.learns is learns
        assert (LIGHT.of(1, seen.learns) == LIGHT.soft) is not learns


def test_followers_are_all_told_to_end_before_one_is_waited_for(tmp_path, monkeypatch):
    told = []
    closes = Follower.close
    monkeypatch.setattr(Follower, "end", lambda one: (told.append("end"), one._ended.set()))
    monkeypatch.setattr(Follower, "close", lambda one: (told.append("close"), closes(one)))
    with ExitStack() as closing:
        followed([Target(name, f"ipc://{tmp_path}/{name}") for name in "abc"], closing)
    assert told[:4] == ["end", "end", "end", "close"]
