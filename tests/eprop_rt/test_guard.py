"""Every rung of the ladder, reached through the data path; its cause, and the way back."""

import numpy as np
import pytest

from eprop_rt.config import BinSettings, OnlineSettings, ReadoutSettings, RlsSettings, ZeroSettings
from eprop_rt.errors import ConfigError, DataError
from eprop_rt.guard_settings import GuardSettings
from eprop_rt.ladder import Rung
from eprop_rt.orders import (
    Freeze,
    Hold,
    Late,
    Mark,
    Release,
    RollBack,
    Set,
    Thaw,
)
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, StreamInfo
from guarded import (
    BIN_S,
    CHANNELS,
    EPROP,
    OUTPUTS,
    QUICK,
    bits,
    damage,
    data_path,
    learned,
    player,
    snapshot_bits,
)

QUIET = EPROP.model_copy(  # nothing repairs by itself what a test damages
    update={
        "readout": ReadoutSettings(rule="none"),
        "rehearsal": EPROP.rehearsal.model_copy(update={"steps_per_bin": 0}),
        "online": OnlineSettings(learning_rate=1e-6),
    }
)

RARE = QUICK.model_copy(update={"good_every_s": 100.0})


def states(outputs):
    return [output.state for output in outputs]


@pytest.mark.parametrize("decoder", [EPROP, RlsSettings(lags=2)], ids=["eprop", "rls"])
def test_learning_from_zero_trips_no_rung_and_changes_no_bit(decoder):
    guarded = player(12, decoder, GuardSettings(good_every_s=2, rate_max_share=1))
    bare = player(12, decoder, GuardSettings(enabled=False))
    outputs = guarded.play(12), bare.play(12)
    assert set(states(outputs[0])) == {"decoded"}
    assert guarded.pipeline.events == bare.pipeline.events == {}
    assert guarded.pipeline.guard.counters()["guard_good_state"] == 5
    assert guarded.pipeline.guard.rung is Rung.ACCEPT
    assert guarded.pipeline.guard.cause is None
    assert bits(outputs[0]) == bits(outputs[1])
    assert snapshot_bits(guarded.pipeline) == snapshot_bits(bare.pipeline)


def test_an_output_beyond_so_many_deviations_of_the_labels_is_clipped_and_counted():
    one = player(12, QUIET)
    one.play(8)
    assert one.pipeline.guard.rung is Rung.ACCEPT
    damage(one.pipeline, "weights.w_out", 1e3)
    outputs = one.play(0.2)
    assert states(outputs) == ["clipped"] * 4
    assert one.pipeline.events["guard_clip_output"] == 4
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.CLIP, "output")
    labels = one.labels[: 8 * 20]
    farthest = 8.5 * labels.std(axis=0)
    for output in outputs:
        assert (np.abs(output.values - labels.mean(axis=0)) < farthest).all()


def test_an_absolute_bound_holds_from_the_first_bin_on():
    one = player(2, guard=QUICK.model_copy(update={"output_bound": 0.01}))
    outputs = one.play(2)
    assert np.abs([o.values for o in outputs]).max() == 0.01
    assert outputs[-1].state == "clipped"


def test_a_decoder_that_goes_on_is_bounded_before_its_first_label():
    one = player(12, QUIET)
    one.play(8)
    damage(one.pipeline, "weights.w_out", 1e3)
    info = StreamInfo("signal", CHANNELS, 200.0)
    later = Pipeline(BinSettings(bin_s=BIN_S), info, None, one.pipeline.decoder, OUTPUTS, QUICK)
    counts = Chunk(np.arange(200) / 200, one.counts[:200])
    outputs = list(later.push(counts))
    assert {output.state for output in outputs} == {"clipped"}
    assert max(np.abs(output.values).max() for output in outputs) < 100


def test_samples_of_1e30_never_move_an_output_out_of_its_bound():
    for decoder in (EPROP, RlsSettings(lags=2)):
        one = player(14, decoder, QUICK.model_copy(update={"output_bound": 20.0}))
        rng = np.random.default_rng(3)
        wild = rng.random(one.counts.shape) < 1e-3
        one.counts[wild] = rng.choice([1e30, -1e30, np.nan, np.inf, 3e38], int(wild.sum()))
        one.labels[rng.random(one.labels.shape) < 0.05] = 1e30
        outputs = one.play(14)
        values = np.array([o.values for o in outputs])
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= 20.0
        assert one.pipeline.events["guard_clip_input"] > 20
        assert one.pipeline.events["guard_clip_label"] > 10
        assert all(np.isfinite(a).all() for a in learned(one.pipeline).values())


def test_an_output_that_is_not_finite_climbs_the_ladder_to_a_restart():
    one = player(12, RlsSettings(lags=2), QUICK)
    outputs = one.play(4)
    for kept in ("w", "rule.p"):
        damage(one.pipeline, kept, np.nan)
    last = outputs[-1].values
    first = one.play(2 * BIN_S)
    assert states(first) == ["held"] * 2
    assert all((o.values == last).all() and not o.learning for o in first)
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.HOLD, "output")
    one.play(BIN_S)
    assert one.pipeline.events["guard_freeze_output"] == 1
    assert one.pipeline.events["guard_reset"] == 1
    assert not one.pipeline.learning
    one.play(6 * BIN_S)
    assert one.pipeline.events["guard_rollback_output"] == 1
    assert one.play(BIN_S)[0].state == "decoded"  # the last good weights decode again
    assert one.pipeline.guard.exit_cause is None
    one.play(1)
    assert one.pipeline.learning
    assert one.pipeline.events["guard_thaw_output"] == 1


def test_a_decoder_that_no_weights_mend_is_held_then_zero_and_asks_for_a_restart():
    one = player(14, RlsSettings(lags=2), RARE)
    one.play(4)
    damage(one.pipeline, "w", np.nan)  # and no good state is there
    outputs = one.play(6)
    assert states(outputs)[0] == "held"
    assert states(outputs)[-1] == "zeroed"
    assert not outputs[-1].values.any()
    events = one.pipeline.events
    for rung in ("skip", "freeze", "rollback", "hold", "exit"):
        assert events[f"guard_{rung}_output"] > 0
    assert events["guard_rollback_none"] == events["guard_rollback_output"] == 2
    assert one.pipeline.guard.exit_cause == "output"
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.EXIT, "output")
    damage(one.pipeline, "w", 0.0)  # as if mended from outside
    one.play(1.5)
    assert one.pipeline.guard.exit_cause is None
    assert one.pipeline.guard.rung is Rung.ACCEPT
    assert one.pipeline.learning


def test_what_was_learned_is_distrusted_once_it_is_held_for_or_is_no_number():
    one = player(14, RlsSettings(lags=2), RARE)
    one.play(4)
    assert one.pipeline.guard.distrust is None
    kept = learned(one.pipeline)["w"]
    damage(one.pipeline, "w", np.nan)
    assert one.pipeline.guard.distrust == "weights"
    one.play(6)
    damage(one.pipeline, "w", kept)
    assert one.pipeline.guard.distrust == one.pipeline.guard.exit_cause == "output"
    one.play(1.5)
    assert one.pipeline.guard.distrust is None


def test_updates_that_are_refused_freeze_learning_and_it_thaws_when_calm():
    one = player(12, QUIET, RARE)
    one.play(4)
    kept = learned(one.pipeline)["weights.w_out"]
    damage(one.pipeline, "weights.w_out", 1e30)
    with np.errstate(all="ignore"):
        one.play(3 * BIN_S)
    assert one.pipeline.events["guard_skip_update"] == 3
    assert one.pipeline.events["guard_freeze_update"] == 1
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.FREEZE, "update")
    damage(one.pipeline, "weights.w_out", kept)
    before = learned(one.pipeline)
    assert not any(o.learning for o in one.play(0.5))
    assert all(np.array_equal(a, before[name]) for name, a in learned(one.pipeline).items())
    one.play(2 * BIN_S)
    assert one.pipeline.events["guard_thaw_update"] == 1
    assert one.play(BIN_S)[0].learning


@pytest.mark.parametrize(("cause", "bias"), [("rate_high", 100.0), ("rate_low", -100.0)])
def test_a_network_that_runs_away_or_falls_silent_is_frozen_then_rolled_back_once(cause, bias):
    one = player(30, QUIET, QUICK.model_copy(update={"rate_max_share": 0.95}))
    one.play(4)
    assert one.pipeline.events == {}
    damage(one.pipeline, "weights.w", bias)
    one.play(1)
    assert one.pipeline.events[f"guard_freeze_{cause}"] in (1, 2)
    assert not one.pipeline.learning
    one.play(1)
    assert one.pipeline.events[f"guard_rollback_{cause}"] == 1
    assert np.abs(learned(one.pipeline)["weights.w"]).max() < 10
    one.play(2)
    assert one.pipeline.learning
    assert one.pipeline.events[f"guard_thaw_{cause}"] == 1


def test_a_silent_array_rolls_back_once_and_learning_goes_on_when_it_is_back():
    one = player(20, QUIET)
    one.counts[4 * 200 : 12 * 200] = 0
    one.play(12)
    assert one.pipeline.events["guard_rollback_rate_low"] <= 1
    one.play(4)
    assert one.pipeline.learning
    assert one.pipeline.guard.exit_cause is None


@pytest.mark.parametrize("before", [0, 1, 5], ids="{}_bins_before".format)
def test_what_is_frozen_from_its_beginning_on_learns_once_it_is_thawed(before):
    one = player(20, EPROP)
    one.play(before * BIN_S)
    one.pipeline.obey(Freeze())
    one.play(10)
    one.pipeline.obey(Thaw())
    one.play(8)
    assert one.pipeline.updates == before + round(8 / BIN_S)
    assert one.pipeline.events == {}


def test_a_network_that_falls_silent_while_it_is_frozen_by_order_keeps_its_weights():
    one = player(30, QUIET, QUICK)
    one.play(4)
    one.pipeline.obey(Freeze())
    one.counts[4 * 200 : 12 * 200] = 0
    kept = learned(one.pipeline)
    one.play(8)
    assert one.pipeline.events == {}
    assert all(np.array_equal(a, kept[name]) for name, a in learned(one.pipeline).items())
    one.pipeline.obey(Thaw())
    one.play(4)
    assert one.pipeline.learning


@pytest.mark.parametrize("nothing", [0, 3])
def test_an_array_that_comes_to_life_after_the_start_is_learned_from(nothing):
    one = player(20, EPROP)
    one.counts[: 10 * 200] = nothing
    one.play(10)
    assert one.pipeline.events == {}
    one.play(4)  # it begins as an artefact does
    assert all(o.learning for o in one.play(4))
    assert "guard_freeze_rate_low" not in one.pipeline.events


def test_an_error_far_above_that_of_the_good_state_rolls_back_to_it_bit_for_bit():
    one = player(30, QUIET, QUICK.model_copy(update={"good_every_s": 6.0}))
    one.play(7)
    one.pipeline.obey(Mark())
    good = learned(one.pipeline)
    one.play(3)
    damage(one.pipeline, "weights.w_out", 1e3)
    before = one.pipeline.updates
    while not one.pipeline.events["guard_rollback_loss"]:
        one.play(BIN_S)
        assert one.pipeline.updates < before + 100
    came = learned(one.pipeline)
    assert all(came[name].tobytes() == good[name].tobytes() for name in good)
    one.play(2)
    assert one.pipeline.guard.rung is Rung.ACCEPT
    assert one.pipeline.events["guard_rollback_loss"] == 1


def test_an_error_that_no_rollback_helps_rolls_back_once_only():
    one = player(40, QUIET, QUICK.model_copy(update={"good_every_s": 4.0}))
    one.play(8)
    one.labels[:] = 5e3  # of another kind from now on
    one.play(20)
    assert one.pipeline.events["guard_rollback_loss"] <= 1
    assert one.pipeline.guard.exit_cause is None


def test_a_burst_of_the_labels_that_nobody_could_foretell_rolls_nothing_back():
    one = player(14, QUIET)
    one.labels[10 * 20 : 12 * 20] += 100  # a muscle that had been flat
    one.play(14)
    assert one.pipeline.guard.counters()["guard_good_state"] > 5
    assert one.pipeline.events == {}


def test_weights_that_are_not_finite_are_never_kept_as_good():
    one = player(12, QUIET, QUICK.model_copy(update={"good_every_s": 2.0}))
    one.play(3)
    damage(one.pipeline, "rehearsal.adam.w.m", np.nan)  # nothing has come of it yet
    with pytest.raises(DataError, match="not finite"):
        one.pipeline.obey(Mark())
    one.play(2)
    assert one.pipeline.events["guard_rollback_weights"] == 1
    assert all(np.isfinite(a).all() for a in learned(one.pipeline).values())


def test_too_many_late_commands_freeze_learning_until_they_are_in_time():
    one = player(10)
    one.play(2)
    one.pipeline.obey(Late(2))
    one.play(0.5)
    assert one.pipeline.learning
    one.pipeline.obey(Late(3))
    one.play(0.5)
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.FREEZE, "late")
    assert not one.pipeline.learning
    one.play(1)
    assert one.pipeline.learning
    assert one.pipeline.events["guard_freeze_late"] == one.pipeline.events["guard_thaw_late"] == 1


def test_a_hold_holds_then_zeroes_until_it_is_released():
    one = player(10)
    last = one.play(2)[-1].values
    one.pipeline.obey(Hold("data_age"))
    outputs = one.play(2)
    assert states(outputs) == ["held"] * 20 + ["zeroed"] * 20
    assert all((o.values == last).all() for o in outputs[:20])
    assert not any(o.values.any() or o.learning for o in outputs[20:])
    assert one.pipeline.events["guard_hold_data_age"] == 1
    assert one.pipeline.events["guard_zero_data_age"] == 1
    assert (one.pipeline.guard.rung, one.pipeline.guard.cause) == (Rung.ZERO, "data_age")
    one.pipeline.obey(Release("data_age"))
    assert states(one.play(0.25))[-2:] == ["decoded"] * 2
    assert one.pipeline.guard.rung is Rung.ACCEPT


def test_what_is_not_held_cannot_be_released():
    one = data_path()
    with pytest.raises(DataError, match="release x came, held is nothing"):
        one.obey(Release("x"))
    with pytest.raises(DataError, match="-1 late commands"):
        one.obey(Late(-1))


def test_learning_runs_only_where_operator_and_guard_both_allow_it():
    one = player(20)
    one.play(2)
    one.pipeline.obey(Freeze())
    one.pipeline.obey(Late(20))
    one.play(0.5)
    one.pipeline.obey(Thaw())
    assert not one.pipeline.learning  # the guard's freeze is another
    one.pipeline.obey(Freeze())
    one.play(2)
    assert one.pipeline.guard.rung is Rung.ACCEPT
    assert not one.pipeline.learning  # and the operator's stays
    one.pipeline.obey(Thaw())
    assert one.play(BIN_S)[0].learning


def test_the_operator_rolls_back_to_the_newest_good_state_bit_for_bit():
    one = player(10, guard=RARE)
    one.play(3)
    with pytest.raises(DataError, match="no good state"):
        one.pipeline.obey(RollBack())
    one.pipeline.obey(Mark())
    good = learned(one.pipeline)
    one.play(2)
    assert learned(one.pipeline)["weights.w"].tobytes() != good["weights.w"].tobytes()
    one.pipeline.obey(RollBack())
    came = learned(one.pipeline)
    assert all(came[name].tobytes() == good[name].tobytes() for name in good)
    assert set(states(one.play(2))) == {"decoded"}


@pytest.mark.parametrize("schedule", ["deferred", "accumulated"])
def test_what_is_pending_in_a_schedule_is_rolled_back_with_its_weights(schedule):
    online = OnlineSettings(learning_rate=1e-3, schedule=schedule, deferral_bins=4)
    one = player(10, EPROP.model_copy(update={"online": online}), RARE)
    one.play(3)
    one.pipeline.obey(Mark())
    expected = one.pipeline.decoder._written().w
    one.play(2)
    one.pipeline.obey(RollBack())
    np.testing.assert_allclose(one.pipeline.decoder.weights().w, expected, rtol=0, atol=1e-6)


def test_a_decoder_that_learns_nothing_has_nothing_to_roll_back():
    one = data_path(ZeroSettings())
    with pytest.raises(DataError, match="learns nothing"):
        one.obey(Mark())
    with pytest.raises(DataError, match="no good state"):
        one.obey(RollBack())


def test_a_refused_order_changes_nothing():
    one, other = player(4, guard=RARE), player(4, guard=RARE)
    one.play(2)
    other.play(2)
    for order in (RollBack(), Release("x"), Late(-1), Set({"decoder.seed": 3})):
        with pytest.raises((DataError, ConfigError)):
            one.pipeline.obey(order)
    assert bits(one.play(2)) == bits(other.play(2))
    assert snapshot_bits(one.pipeline) == snapshot_bits(other.pipeline)


def test_the_same_items_and_orders_give_the_same_bits_however_samples_are_cut():
    def troubled(chunk):
        one = player(16)
        rng = np.random.default_rng(5)
        one.counts[5 * 200 : 5 * 200 + 60] += 100  # a burst
        one.counts[rng.random(one.counts.shape) < 1e-3] = 1e30
        one.play(3, chunk)
        one.pipeline.obey(Mark())
        one.pipeline.obey(Late(8))
        one.play(3, chunk)
        one.pipeline.obey(Hold("data_age"))
        one.play(0.5, chunk)
        one.pipeline.obey(Release("data_age"))
        one.pipeline.obey(Set({"decoder.online.learning_rate": 3e-3, "guard.calm_s": 1.0}))
        one.play(3, chunk)
        one.pipeline.obey(RollBack())
        one.play(3, chunk)
        return bits(one.outputs), snapshot_bits(one.pipeline), one.pipeline.events

    assert troubled(1) == troubled(10) == troubled(777)


def test_dead_channels_do_not_stop_learning():
    one = player(10)
    one.counts[:, : CHANNELS // 3] = np.nan
    one.counts[:, CHANNELS // 3 : CHANNELS // 2] = 0
    outputs = one.play(10)
    assert set(states(outputs)) == {"decoded"}
    assert all(output.learning for output in outputs)


def test_the_outputs_are_as_many_as_were_asked_for():
    assert player(1).play(1)[0].values.shape == (OUTPUTS,)
