"""Sources of labels where they are used: in a compiled room, teaching a decoder."""

import numpy as np
import pytest

from eprop_rt.baselines.rls import RlsDecoder
from eprop_rt.closed_loop.assist import AssistSettings
from eprop_rt.closed_loop.course import BenchSettings, Course, CourseSettings
from eprop_rt.closed_loop.labels import LabelSettings, build_label_source, waits_s
from eprop_rt.closed_loop.perturbation import parse_perturbation
from eprop_rt.closed_loop.room import Room, RoomSettings
from eprop_rt.closed_loop.scene import Event
from eprop_rt.closed_loop.trials import TrialSettings
from eprop_rt.closed_loop.user import UserSettings
from eprop_rt.config import RlsSettings

BIN_S = 0.02
GRID = RoomSettings(user=UserSettings(noise_cm_s=0.0), task=TrialSettings(kind="grid"))


def steered(room: Room, beside: tuple[float, float], trials: int):
    """Scenes of a cursor that goes to a place `beside` every target; stays where there is none."""
    command = np.zeros(2)
    while room.ended < trials:
        room.run_bin(command)
        scene = room.scene(command)
        yield scene
        aim = np.where(np.isnan(scene.target), scene.position, scene.target + beside)
        command = 5.0 * (aim - scene.position)


@pytest.mark.parametrize("beside", [(0.0, 0.0), (3.0, 0.0)])
def test_a_cell_that_was_selected_teaches_the_way_there_whether_it_was_the_target_or_not(beside):
    source = build_label_source(LabelSettings(kind="retrospective", after_s=0.0), BIN_S, 0)
    past, ends, checked = [], [], 0
    for scene in steered(Room(GRID, 0), beside, 12):
        labels = source.label(scene)
        past.append(scene)
        if scene.selected is None:
            assert not labels.earlier
            continue
        ends.append(scene.event)
        assert np.allclose((scene.selected + 9.0) % 3.0, 1.5)  # the middle of a cell
        for age, label in labels.earlier:
            way = scene.selected - past[-1 - age].position
            if np.max(np.abs(way)) > 1.5:
                assert label @ way == pytest.approx(np.hypot(*label) * np.hypot(*way))
                assert np.hypot(*label) > 0
                checked += 1
            else:
                assert not label.any()
    assert checked > 50
    wrong = ends.count(Event.FAILURE)
    assert wrong > 5 if any(beside) else wrong == 0


def test_who_selects_nothing_teaches_nothing():
    source = build_label_source(LabelSettings(kind="retrospective", after_s=0.0), BIN_S, 0)
    scenes = list(steered(Room(GRID, 0), (100.0, 0.0), 3))  # beyond the grid
    assert all(not source.label(scene).earlier for scene in scenes)
    assert [scene.event for scene in scenes].count(Event.FAILURE) == 3


@pytest.mark.large
@pytest.mark.parametrize("task", ["centre_out", "grid"])
@pytest.mark.parametrize("kind", ["direct", "retrospective", "refit", "optimal"])
def test_every_source_teaches_a_decoder_to_reach(kind, task):
    """From zero weights; those who need somebody to move the cursor first are helped at first."""
    labels = LabelSettings(kind=kind)
    helped = kind in ("retrospective", "refit")

    def rls(inputs, outputs, bin_s):
        waits = waits_s(labels, bin_s)
        settings = RlsSettings(lags=5, forgetting=0.9999, ridge=100.0, label_delay_s=waits)
        return RlsDecoder(settings, inputs, outputs, bin_s)

    settings = BenchSettings(
        room=RoomSettings(task=TrialSettings(kind=task)),
        labels=labels,
        assist=AssistSettings(share=1.0 if helped else 0.0, over_trials=10),
        course=CourseSettings(
            learning_trials=0, probe_at=(0, 25), probe_trials=12, dead_probe_trials=10
        ),
    )
    result = Course(settings, rls, 1, 0).run((parse_perturbation("zero"),))
    untaught, taught = (probe.result.success_rate for probe in result.passed[0].probes)
    assert untaught == 0
    assert taught >= 0.75
    assert result.passed[0].silenced.success_rate == 0
