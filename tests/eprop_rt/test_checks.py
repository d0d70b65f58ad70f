"""Every decoder passes every check, and every check catches the decoder that breaks it."""

import importlib.util
from collections import Counter

import numpy as np
import pytest

from eprop_rt.checks import all_checks, driven, session
from eprop_rt.config import (
    ActorCriticSettings,
    AdaptiveKalmanSettings,
    EpropSettings,
    InputScaleSettings,
    KalmanSettings,
    LdaSettings,
    LstmSettings,
    MeanSettings,
    NetworkSettings,
    NlmsSettings,
    OnlineSettings,
    PolicySettings,
    ReadoutSettings,
    RehearsalSettings,
    RewardSettings,
    RlsSettings,
    ScaleSettings,
    StaticSettings,
    SurrogateSettings,
    WienerSettings,
    ZeroSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.snapshot import copied, write_back

BIN_S = 0.05
CHECKS = dict(all_checks())

# Six rehearsed steps a bin in segments of four: one or two segments a bin, from the ninth bin on.
REHEARSING = RehearsalSettings(
    steps_per_bin=6,
    segment_s=4 * BIN_S,
    warm_up_s=BIN_S,
    segments_per_update=3,
    memory_s=20 * BIN_S,
    learning_rate=0.01,
)
NO_REHEARSAL = REHEARSING.model_copy(update={"steps_per_bin": 0.0})
NETWORK = NetworkSettings(neurons=6, tau_groups=2, input_gain=2.0, recurrent_gain=1.0)


def eprop(
    online="sgd",
    readout="delta",
    lags=0,
    rehearsal=NO_REHEARSAL,
    update_every=1,
    trace_tau_s=(),
    **settings,
) -> EpropSettings:
    return EpropSettings(
        network=settings.pop("network", NETWORK),
        online=OnlineSettings(optimiser=online, learning_rate=0.01, update_every=update_every),
        readout=ReadoutSettings(
            rule=readout, lags=lags, trace_tau_s=trace_tau_s, forgetting_half_life_s=5.0
        ),
        rehearsal=rehearsal,
        **settings,
    )


SETTINGS = {
    "eprop sgd delta": eprop(),
    "eprop sgd delta float64": eprop(dtype="float64"),
    "eprop adam delta lags": eprop("adam", "delta", lags=2, update_every=4),
    "eprop sgd adam": eprop("sgd", "adam"),
    "eprop sgd rls lags": eprop("sgd", "rls", lags=2),
    "eprop none rls": eprop("none", "rls", lags=1),
    "eprop none none rehearsal": eprop("none", "none", rehearsal=REHEARSING),
    "eprop sgd none rehearsal": eprop("sgd", "none", rehearsal=REHEARSING),
    "eprop adam rls lags rehearsal": eprop("adam", "rls", 2, REHEARSING, update_every=3),
    "eprop none none lags traces rehearsal": eprop(
        "none", "none", 1, REHEARSING, trace_tau_s=(0.05, 0.2)
    ),
    "eprop sgd rls traces": eprop("sgd", "rls", trace_tau_s=(0.1,)),
    "eprop sgd adam rehearsal float64": eprop("sgd", "adam", 1, REHEARSING, dtype="float64"),
    "eprop lif only, refractory": eprop(
        network=NetworkSettings(
            neurons=6,
            tau_groups=3,
            adaptive_fraction=0.0,
            refractory_s=2 * BIN_S,
            surrogate=SurrogateSettings(height=0.5, width=2.0),
        )
    ),
    "eprop fading statistics, no clip": eprop(
        inputs=InputScaleSettings(per_channel=True, centre=True, clip=None, half_life_s=1.0),
        targets=ScaleSettings(centre=False, half_life_s=2.0),
    ),
    "rls": RlsSettings(lags=3),
    "rls no late labels": RlsSettings(lags=1, label_delay_s=0.0),
    "nlms": NlmsSettings(lags=3, step=0.5),
    "logistic": NlmsSettings(lags=3, loss="softmax"),
    "adaptive kalman": AdaptiveKalmanSettings(
        lead_s=BIN_S,
        past_s=BIN_S,
        refit_s=2 * BIN_S,
        label_delay_s=2 * BIN_S,
        bridge_s=BIN_S,
        half_life_s=2.0,
        ridge=0.1,
    ),
    "static": StaticSettings(network=NETWORK),
    "reward": RewardSettings(network=NETWORK),
    "actor and critic": ActorCriticSettings(lags=3),
    "wiener, never fitted": WienerSettings(lags=3),
    "lda, never fitted": LdaSettings(lags=3),
    "kalman, never fitted": KalmanSettings(),
    "lstm, never fitted": LstmSettings(units=5),
    "mean": MeanSettings(),
    "zero": ZeroSettings(),
}


class Paid:
    """A decoder of rewards that earns the first axis of its labels; no label is a reward."""

    def __init__(self, decoder):
        self._decoder = decoder

    def __getattr__(self, name):
        return getattr(self._decoder, name)

    def learn_one(self, label):
        self._decoder.learn_one(np.full_like(label, np.nan))
        self._decoder.reward_one(float(label[0]))


LATE = PolicySettings(credit_delay_s=2 * BIN_S, rates_halve_s=1.0)
PAID = {
    "reward, paid": RewardSettings(network=NETWORK, lags=2, learning_rate=0.1),
    "reward, paid late": RewardSettings(network=NETWORK, learning_rate=0.1, policy=LATE),
    "reward, paid, float64": RewardSettings(network=NETWORK, learning_rate=0.1, dtype="float64"),
    "actor and critic, paid": ActorCriticSettings(lags=3),
    "actor and critic, paid late": ActorCriticSettings(lags=1, policy=LATE),
}


def fitted(settings, bins=60):
    def build(inputs, outputs):
        decoder = build_decoder(settings, inputs, outputs, BIN_S)
        decoder.fit(*session(bins, seed=2, inputs=inputs, outputs=outputs))
        return decoder

    return build


BUILDS = (
    {
        name: (lambda inputs, outputs, s=settings: build_decoder(s, inputs, outputs, BIN_S))
        for name, settings in SETTINGS.items()
    }
    | {
        name: (lambda inputs, outputs, s=settings: Paid(build_decoder(s, inputs, outputs, BIN_S)))
        for name, settings in PAID.items()
    }
    | {
        "wiener": fitted(WienerSettings(lags=3)),
        "lda": fitted(LdaSettings(lags=3)),
        "kalman": fitted(KalmanSettings(lead_s=BIN_S, past_s=BIN_S, bridge_s=BIN_S)),
    }
)
if importlib.util.find_spec("torch") is not None:
    BUILDS["lstm"] = fitted(LstmSettings(units=5, epochs=2, sequence_s=4 * BIN_S), bins=120)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("decoder", BUILDS)
def test_every_decoder_passes(decoder, check):
    CHECKS[check](BUILDS[decoder])


LEARNED = {"w", "head.w", "weights.w", "weights.w_out", "model.c"}
LEARNERS = {
    name: {"weights.w_out"}
    if name in ("eprop none rls", "static")
    else {"weights.w", "weights.w_out"}
    if name.startswith("eprop")
    else {"model.c"}
    if name == "adaptive kalman"
    else {"w"}
    for name in SETTINGS
    if name.startswith(("eprop", "static", "rls", "nlms", "adaptive"))
} | {name: {"w", "head.w"} if name.startswith("reward") else {"head.w"} for name in PAID}


@pytest.mark.parametrize("decoder", LEARNERS)
def test_what_passes_the_checks_does_learn(decoder):
    """Else a network that never moves would do."""
    bins, labels = session(36)
    learner = BUILDS[decoder](4, 2)
    before = learner.snapshot()
    assert np.ptp(driven(learner, bins, labels)[9:], axis=0).min() > 0
    after = learner.snapshot()
    moved = {key for key in before if (before[key] != after[key]).any()}
    assert moved & LEARNED == LEARNERS[decoder]


class Honest:
    """A running mean that adds the bin's sum: everything that a check can find is right here."""

    def __init__(self, outputs):
        self.events = Counter()
        self.state = {"mean": np.zeros(outputs), "count": np.zeros(1), "last": np.zeros(1)}

    def predict_one(self, x):
        self.state["last"][0] = np.nan_to_num(x, posinf=0, neginf=0).sum()
        return self.state["mean"] + 0.1 * self.state["last"]

    def learn_one(self, label):
        if np.isfinite(label).all():
            self.state["count"] += 1
            self.state["mean"] += (label - self.state["mean"]) / self.state["count"]

    def rehearse(self):
        pass

    def reset(self):
        self.state["last"][0] = 0

    def resume(self):
        pass

    def snapshot(self):
        return copied(self.state)

    def restore(self, snapshot):
        write_back(snapshot, self.state)


class Single(Honest):
    def predict_one(self, x):
        return super().predict_one(x).astype(np.float32)


class Lender(Honest):
    def predict_one(self, x):
        self.state["mean"] += 0
        super().predict_one(x)
        return self.state["mean"]


class Scribbler(Honest):
    def predict_one(self, x):
        x += 0
        return super().predict_one(x)


class Borrower(Honest):
    def predict_one(self, x):
        self.x = x
        return super().predict_one(x)

    def learn_one(self, label):
        self.state["mean"] += 1e-3 * self.x.sum()
        super().learn_one(label)


class Forgetful(Honest):
    """Keeps something beside what its snapshot holds."""

    def __init__(self, outputs):
        super().__init__(outputs)
        self.hidden = 0.0

    def learn_one(self, label):
        self.hidden += 1e-3
        super().learn_one(label)
        self.state["mean"] += self.hidden


class Dreamer(Honest):
    builds = 0

    def __init__(self, outputs):
        super().__init__(outputs)
        Dreamer.builds += 1
        self.state["mean"] += Dreamer.builds


class Peeper(Honest):
    """Gives out an array and writes to it once it knows the label."""

    def predict_one(self, x):
        self.y = super().predict_one(x)
        return self.y

    def learn_one(self, label):
        self.y += np.nan_to_num(label)
        super().learn_one(label)


class Restless(Honest):
    def predict_one(self, x):
        self.state["mean"] += 1e-3 * np.nan_to_num(x, posinf=0, neginf=0).sum()
        return super().predict_one(x)


class Sharer(Honest):
    def snapshot(self):
        return dict(self.state)


class Credulous(Honest):
    def restore(self, snapshot):
        for key, array in self.state.items():
            array[...] = snapshot[key]


class Gullible(Honest):
    def learn_one(self, label):
        self.state["count"] += 1
        self.state["mean"] += (label - self.state["mean"]) / self.state["count"]


class Poisoned(Honest):
    def predict_one(self, x):
        y = super().predict_one(x)
        self.state["last"][0] = x.sum()
        return y

    def learn_one(self, label):
        self.state["mean"] += 1e-3 * self.state["last"]
        super().learn_one(label)


BROKEN = {
    "an_output_is_one_number_a_label_axis": Single,
    "the_output_belongs_to_the_caller": Lender,
    "what_comes_in_is_left_untouched": Scribbler,
    "no_reference_to_the_callers_arrays_is_kept": Borrower,
    "two_builds_agree_to_the_bit": Dreamer,
    "a_label_reaches_no_output_before_the_next_bin": Peeper,
    "frozen_bins_teach_nothing": Restless,
    "a_restored_decoder_has_the_same_future": Forgetful,
    "a_snapshot_is_a_copy": Sharer,
    "a_foreign_snapshot_is_refused_whole": Credulous,
    "absent_labels_are_passed_over": Gullible,
    "a_bin_that_is_not_finite_is_gone_after_reset": Poisoned,
}


@pytest.mark.parametrize("check", CHECKS)
def test_an_honest_decoder_passes(check):
    CHECKS[check](lambda _inputs, outputs: Honest(outputs))


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_catches_the_decoder_that_breaks_it(check):
    with pytest.raises(AssertionError):
        CHECKS[check](lambda _inputs, outputs: BROKEN[check](outputs))
