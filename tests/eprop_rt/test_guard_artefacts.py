"""Array-wide bursts, channels that are not there, and arrays that change for good."""

import numpy as np

from guarded import BIN_S, CHANNELS, QUICK, bits, player, snapshot_bits

FROM_S = 5.0


def with_burst(seconds, share=1.0, size=100.0):
    one = player(16)
    start = round(FROM_S * 200)
    one.counts[start : start + round(seconds * 200), : round(share * CHANNELS)] += size
    return one


def test_a_burst_is_not_learned_from_and_the_output_is_held_a_little_longer():
    one = with_burst(2 * BIN_S)
    last = one.play(FROM_S)[-1].values
    memory = one.pipeline.decoder.snapshot()
    updates = one.pipeline.updates
    outputs = one.play(8 * BIN_S)
    assert [o.state for o in outputs] == ["held"] * 4 + ["decoded"] * 4
    assert [o.learning for o in outputs] == [False] * 4 + [True] * 4
    assert all((o.values == last).all() for o in outputs[:4])
    assert one.pipeline.updates == updates + 4
    assert one.pipeline.events["guard_skip_artefact"] == 2
    assert one.pipeline.events["guard_hold_artefact"] == 1
    after = one.pipeline.decoder.snapshot()
    assert after["memory.written"][0] == memory["memory.written"][0] + 4
    assert after["memory.inputs"].max() < 50  # no bin of the burst is in it
    assert after["input_scale.scale"][0] > 0.8 * memory["input_scale.scale"][0]


def test_a_burst_over_too_few_channels_is_data():
    one = with_burst(2 * BIN_S, share=0.2)
    one.play(7)
    assert one.pipeline.events["guard_skip_artefact"] == 0


def test_nothing_is_an_artefact_before_there_is_something_usual():
    one = player(4)
    one.counts[200:210] += 100
    one.play(1.5)
    assert one.pipeline.events["guard_skip_artefact"] == 0


def test_many_bursts_freeze_learning_and_calm_thaws_it():
    one = player(16)
    for burst in range(4):
        start = round((FROM_S + 0.4 * burst) * 200)
        one.counts[start : start + 10] += 100
    one.play(FROM_S + 1)
    assert one.pipeline.guard.cause == "artefact"
    assert not one.pipeline.learning
    one.play(2)
    assert one.pipeline.learning
    assert one.pipeline.events["guard_freeze_artefact"] == 1
    assert one.pipeline.events["guard_thaw_artefact"] == 1
    assert one.pipeline.guard.exit_cause is None


def test_an_array_that_has_changed_for_good_is_decoded_and_learned_from_again():
    one = with_burst(11, size=20.0)
    one.play(FROM_S)
    outputs = one.play(QUICK.artefact_longest_s + QUICK.artefact_hold_s + BIN_S)
    assert outputs[0].state == "held"
    assert outputs[-1].state == "decoded"
    assert one.pipeline.events["guard_adapted"] == 1
    outputs = one.play(8)
    assert {o.state for o in outputs} <= {"decoded", "clipped"}
    assert outputs[-1].learning
    assert one.pipeline.events["guard_adapted"] == 1


def test_most_channels_gone_is_no_bin_and_some_gone_for_good_is_usual():
    one = player(16)
    gone = slice(round(FROM_S * 200), round((FROM_S + 6) * 200))
    one.counts[gone, : round(0.8 * CHANNELS)] = np.nan
    one.play(FROM_S)
    outputs = one.play(0.5)
    assert [o.state for o in outputs] == ["held"] * 10
    assert one.pipeline.guard.cause == "absent"
    outputs = one.play(3)
    assert outputs[-1].state in ("decoded", "clipped")
    assert outputs[-1].learning


def test_an_array_that_is_lost_is_held_and_zeroed_for_as_long_as_it_is():
    one = player(16)
    one.counts[round(FROM_S * 200) : round((FROM_S + 6) * 200)] = np.nan
    one.play(FROM_S)
    outputs = one.play(6)
    assert outputs[0].state == "held"
    assert outputs[-1].state == "zeroed"
    assert not any(o.learning for o in outputs)
    outputs = one.play(2)
    assert outputs[-1].state == "decoded"
    assert outputs[-1].learning
    assert one.pipeline.guard.exit_cause is None


def test_with_the_guard_off_a_burst_is_decoded_and_learned_from():
    one = player(8, guard=QUICK.model_copy(update={"enabled": False}))
    one.counts[5 * 200 : 5 * 200 + 20] += 100
    outputs = one.play(8)
    assert {o.state for o in outputs} == {"decoded"}
    assert one.pipeline.updates == len(outputs)
    other = player(8, guard=QUICK)
    other.counts[:] = one.counts
    assert bits(other.play(8)) != bits(outputs)
    assert snapshot_bits(other.pipeline) != snapshot_bits(one.pipeline)
