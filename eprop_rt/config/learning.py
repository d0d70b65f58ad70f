"""How the network learns: at every bin, and between two."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eprop_rt.config.quantities import NonNegative, Positive, Settings, Share


class RuleSettings(Settings):
    """E-prop on whole trials; the switches under which it is published."""

    input_gain: Literal["one", "one_minus_alpha"] = Field(
        "one", description="factor on everything that drives a neuron, and on its traces"
    )
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="half the squared error, or cross entropy after a softmax"
    )
    window_steps: Annotated[int, Field(gt=0)] | None = Field(
        None, description="only the last steps of a trial carry an error; none: all"
    )
    mean_over_window: bool = Field(
        False, description="divide loss and gradients, the regulariser's too, by the window's steps"
    )
    feedback: Literal["symmetric", "given"] = Field(
        "symmetric", description="the readout's weights, or a matrix of its own (random, fixed)"
    )
    rate_strength: NonNegative = Field(0.0, description="of the firing-rate regulariser")
    rate_target: NonNegative = Field(0.01, description="spikes a step")
    spike_l1: NonNegative = Field(0.0, description="price of a spike a step, of every neuron")
    voltage_l2: NonNegative = Field(
        0.0, description="price of half the mean squared voltage, of every neuron"
    )
    eligibility: Literal["full", "unfiltered", "presynaptic_filter", "rank_one"] = Field(
        "full", description="or an approximation of it that needs vectors only, online"
    )
    autapses: bool = Field(False, description="whether a neuron's synapse onto itself learns")
    trial_reset: bool = Field(True, description="rest before every trial; else one long trial")
    through_recurrence: bool = Field(False, description="with through_reset: BPTT, not e-prop")
    through_reset: bool = False

    @model_validator(mode="after")
    def _approximates_eprop_only(self) -> Self:
        if self.eligibility != "full" and (self.through_recurrence or self.through_reset):
            raise ValueError(
                f"eligibility: {self.eligibility} came with through_recurrence or through_reset: "
                "it approximates e-prop, leave both off or set eligibility: full"
            )
        return self


class OnlineSettings(Settings):
    """Learning at every bin, from the eligibility traces of that very bin."""

    optimiser: Literal["sgd", "rms", "momentum", "adam", "none"] = Field(
        "sgd", description="rms: per neuron; momentum and adam: per synapse"
    )
    learning_rate: Positive = 1e-3
    update_every: Annotated[int, Field(gt=0)] = Field(
        1, description="bins whose gradients add up to one update"
    )
    schedule: Literal["auto", "dense", "deferred", "event", "accumulated"] | None = Field(
        None,
        description="of the synapse pass; auto: the fastest here; none: accumulated where the "
        "optimiser or update_every wants it, else dense",
    )
    deferral_bins: Annotated[int, Field(gt=0)] = Field(
        32, description="of the deferred schedule: a row is written once in so many bins"
    )
    feedback: Literal["symmetric", "random", "adaptive", "external"] = Field(
        "symmetric",
        description="what carries errors back: the readout's weights, a fixed random matrix, one "
        "that follows the readout (Kolen-Pollack), or nothing: signals are given",
    )
    feedback_decay: Share = Field(
        1e-3, description="of adaptive feedback and readout, a share of both at every update"
    )
    label_delay_s: NonNegative = Field(
        0.0, description="labels that come up to so much later still meet their own eligibility"
    )
    eligibility: Literal["full", "unfiltered", "presynaptic_filter", "rank_one"] = Field(
        "full",
        description="full is e-prop; the others approximate it with vectors in place of matrices",
    )

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        why = clash(self)
        if why is not None:
            raise ValueError(why)
        return self

    @property
    def pass_kind(self) -> str:
        """The schedule that the settings come to."""
        if self.eligibility != "full":
            return "outer"
        if self.schedule is not None and self.schedule != "dense":
            return self.schedule
        per_synapse = self.optimiser in ("momentum", "adam")
        return "accumulated" if per_synapse or self.update_every > 1 else "dense"


def clash(online: OnlineSettings) -> str | None:
    """Which optimiser, schedule and rule do not commute, and the nearest that do."""
    optimiser, schedule, every = online.optimiser, online.schedule, online.update_every
    per_synapse = optimiser in ("momentum", "adam")
    at_every_bin = schedule in (None, "dense", "auto") and not per_synapse and every == 1
    return first_broken(
        (
            schedule in ("deferred", "event") and per_synapse,
            f"optimiser {optimiser} came with schedule {schedule}: its step depends on each "
            "gradient apart, which does not commute with deferral; set schedule: accumulated and "
            "update_every: 10, or optimiser: rms",
        ),
        (
            schedule in ("dense", "deferred", "event") and every > 1,
            f"update_every {every} came with schedule {schedule}, which learns at every bin: set "
            "update_every: 1, or schedule: accumulated",
        ),
        (
            online.eligibility != "full" and not at_every_bin,
            f"eligibility {online.eligibility} came with optimiser {optimiser}, schedule "
            f"{schedule}, update_every {every}: it is learned at every bin, set optimiser: sgd or "
            "rms, schedule: dense and update_every: 1",
        ),
        (
            online.feedback == "external" and optimiser == "none",
            "feedback external came with optimiser none: nothing would learn, set sgd or rms",
        ),
    )


def first_broken(*rules: tuple[bool, str]) -> str | None:
    """Why of the first rule that is broken."""
    return next((why for broken, why in rules if broken), None)


class PenaltySettings(Settings):
    """What learning keeps small beside the error, online and in rehearsal."""

    rate_strength: NonNegative = Field(0.0, description="pull of each neuron's rate to its target")
    rate_target_hz: NonNegative = 10.0
    rate_tau_s: Positive = Field(1.0, description="of the running rate, online")
    spike_l1: NonNegative = Field(0.0, description="price of a spike")
    voltage_l2: NonNegative = Field(0.0, description="half of it times the squared voltage")
    weight_decay: NonNegative = Field(
        0.0, description="share of a weight, times the learning rate, that an update takes off"
    )
    weight_clamp: Positive | None = Field(None, description="bound on a weight's size")
    update_norm: Positive | None = Field(
        None, description="bound on the Frobenius norm of one online update"
    )


class AnnealingSettings(Settings):
    """Quantities that move, at a constant ratio a second, from the first value to the second."""

    over_s: Positive = Field(description="of learning, until the second value is there")
    surrogate_width: tuple[Positive, Positive] | None = None
    threshold: tuple[Positive, Positive] | None = None


class HomeostasisSettings(Settings):
    """Thresholds that rise where a neuron fires more than its target, and fall where less."""

    target_hz: Positive = 10.0
    tau_s: Positive = Field(10.0, description="of the running rate")
    strength_per_s: Positive = Field(
        0.01, description="thresholds a second where a neuron fires twice its target"
    )


class RehearsalSettings(Settings):
    """Learning, between two bins, from segments of the session's own past."""

    steps_per_bin: NonNegative = Field(80.0, description="rehearsed steps a bin; 0: none")
    segment_s: Positive = 3.0
    warm_up_s: NonNegative = Field(0.75, description="start of a segment without error")
    segments_per_update: Annotated[int, Field(gt=0)] = 32
    learning_rate: Positive = 1e-3
    average_updates: Annotated[int, Field(gt=0)] = Field(
        1, description="weights decode as their running mean over so many updates; 1: the newest"
    )
    silent_inputs: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the inputs, drawn anew for each segment, that are silent in it"
    )
    error_knee: Positive | None = Field(
        None,
        description="in deviations of the labels: an error beyond counts in proportion to its "
        "size, not squared; none: all are squared",
    )
    label_knee: Positive | None = Field(
        None,
        description="in deviations of the labels: a bin with a label beyond counts less, in "
        "proportion; none: all count alike",
    )
    memory_s: Positive = Field(3600.0, description="how much of the past is kept")
    clip_norm: Positive = 1.0

    @model_validator(mode="after")
    def _warm_up_fits(self) -> Self:
        if self.warm_up_s >= self.segment_s or 2 * self.segment_s > self.memory_s:
            raise ValueError(
                f"warm_up_s {self.warm_up_s} < segment_s {self.segment_s} <= memory_s / 2 "
                f"({self.memory_s} / 2) must hold: shorten the former or lengthen the latter"
            )
        return self
