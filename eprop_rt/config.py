"""Settings of the engine, in seconds and hertz, checked before anything is built."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
LateLabels = Annotated[NonNegative, Field(description="labels that come up to so much later teach")]


class Settings(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BinSettings(Settings):
    """How samples become bins, and what a gap in the stream means."""

    bin_s: Positive = 0.05
    reduce: Literal["sum", "mean", "rms", "variance"] = Field(
        "sum", description="sum for counts, mean, rms or variance for sampled signals"
    )
    max_disorder_s: NonNegative = Field(
        0.1, description="a sample that is older than the newest by more is dropped"
    )
    reset_after_gap_s: Positive = Field(
        1.0, description="a gap longer than this resets the network's state (not its weights)"
    )
    max_wait_s: Positive = Field(
        0.1, description="of several input streams, how long one is waited for"
    )


class ScaleSettings(Settings):
    """Causal scaling of inputs or targets by running statistics."""

    per_channel: bool = True
    centre: bool = True
    clip: Positive | None = Field(None, description="bound on a scaled value")
    half_life_s: Positive | None = Field(None, description="none: statistics of all the past")


class InputScaleSettings(ScaleSettings):
    """Scaling of inputs: counts keep their zero and, between channels, their proportions."""

    per_channel: bool = False
    centre: bool = False
    clip: Positive | None = Field(20.0, description="bound on a scaled value")


class SurrogateSettings(Settings):
    """The pseudo-derivative of the spike, as a function of x = (v - A) / (width v_th)."""

    kind: Literal[
        "rectangular",
        "triangular",
        "logistic",
        "arctangent",
        "fast_sigmoid",
        "gaussian",
        "exponential",
    ] = "triangular"
    height: Positive | None = Field(
        0.3, description="value at the threshold; none: area 1, the density of its noise"
    )
    width: Positive = Field(1.0, description="in thresholds; the inverse of the slope")


class NetworkSettings(Settings):
    """One population of LIF and adaptive LIF neurons with time constants of their own."""

    convention: Literal["bellec2020", "eprop_plus"] = Field(
        "bellec2020", description="reset, filters and readout; docs/conventions.md"
    )
    neurons: Annotated[int, Field(gt=0)] = 256
    connectivity: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="share of the synapses that exist"
    )
    spikes: Literal["threshold", "escape"] = Field(
        "threshold", description="escape: drawn from the noise whose density is the surrogate"
    )
    synapse_tau_s: Positive | None = Field(
        None, description="of the synaptic current; none: spikes drive the membrane itself"
    )
    adaptive_fraction: Share = 0.5
    membrane_tau_s: tuple[Positive, Positive] = Field(
        (0.05, 0.6), description="shortest and longest; the groups between lie log-uniform"
    )
    tau_groups: Annotated[int, Field(gt=0)] = 16
    adaptation_tau_s: Positive = 0.75
    adaptation_strength: NonNegative = 0.4
    readout_tau_s: Positive = 0.1
    eligibility_tau_s: Positive | None = Field(
        None, description="of the eligibility trace's filter; none: the readout's"
    )
    refractory_s: NonNegative = 0.0
    threshold: Positive = 1.0
    input_gain: NonNegative = 0.5
    recurrent_gain: NonNegative = 0.3
    readout_gain: NonNegative = 0.5
    surrogate: SurrogateSettings = SurrogateSettings()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        shortest, longest = self.membrane_tau_s
        if shortest > longest:
            raise ValueError(f"membrane_tau_s is ({shortest}, {longest}): give the shortest first")
        if self.tau_groups > self.neurons:
            raise ValueError(
                f"tau_groups {self.tau_groups} exceed neurons {self.neurons}: use at most one each"
            )
        return self

    @model_validator(mode="after")
    def _escape_noise_has_a_density(self) -> Self:
        if self.spikes == "escape" and self.surrogate.height is not None:
            raise ValueError(
                f"spikes: escape came with surrogate.height {self.surrogate.height}: the surrogate "
                "is then the density of the noise, set its height to null"
            )
        return self


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
    return _first(
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


def _first(*rules: tuple[bool, str]) -> str | None:
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


class ReadoutSettings(Settings):
    """From filtered spikes, and optionally lagged inputs, to outputs."""

    rule: Literal["delta", "adam", "rls", "none"] = "delta"
    learning_rate: Positive = 1e-2
    lags: Annotated[int, Field(ge=0)] = Field(
        0, description="bins of scaled inputs beside the spikes, the newest included"
    )
    forgetting_half_life_s: Positive = Field(1400.0, description="of rls")
    ridge: Positive = Field(1.0, description="of rls: inverse of P at the start")


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


class TrainingSettings(Settings):
    """Offline training of the same network on recordings."""

    method: Literal["bptt", "eprop"] = Field(
        "bptt", description="backpropagation through time, or e-prop by decoder.online.feedback"
    )
    through_recurrence: bool = Field(True, description="of bptt: gradients through the synapses")
    through_reset: bool = Field(True, description="of bptt: gradients through a spike's reset")
    epochs: Annotated[int, Field(gt=0)] = Field(100, description="passes over the fitted part")
    batch: Annotated[int, Field(gt=0)] = Field(
        16, description="segments whose gradients add up to one update"
    )
    segment_s: Positive | None = Field(
        None, description="of a recording, cut anew in every epoch; none: rehearsal.segment_s"
    )
    warm_up_s: NonNegative | None = Field(
        None, description="start of a segment without error; none: rehearsal.warm_up_s"
    )
    learning_rate: Positive = 3e-3
    final_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, description="share of the learning rate that the last epoch has; it falls in between"
    )
    clip_norm: Positive = Field(1.0, description="bound on the norm of an update's gradient")
    validation: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.125, description="share of the training part, its end, that decides what is best; 0: none"
    )
    patience: Annotated[int, Field(gt=0)] = Field(
        25, description="epochs in a row without a better validation loss that end the training"
    )
    curriculum_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="first epochs, over which segments grow to their length; 0: none"
    )
    curriculum_from_s: Positive | None = Field(
        None, description="length that they grow from; none: twice the warm-up"
    )
    threads: Annotated[int, Field(gt=0)] | None = Field(
        None, description="none: one a core; the result does not depend on it"
    )


class EpropSettings(Settings):
    """The e-prop engine."""

    kind: Literal["eprop"] = "eprop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="softmax: outputs are probabilities of classes, labels one-hot"
    )
    inputs: InputScaleSettings = InputScaleSettings()
    targets: ScaleSettings = ScaleSettings()
    network: NetworkSettings = NetworkSettings()
    online: OnlineSettings = OnlineSettings()
    readout: ReadoutSettings = ReadoutSettings()
    rehearsal: RehearsalSettings = RehearsalSettings()
    penalties: PenaltySettings = PenaltySettings()
    annealing: AnnealingSettings | None = None
    homeostasis: HomeostasisSettings | None = None

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        why = engine_clash(self)
        if why is not None:
            raise ValueError(why)
        return self


def engine_clash(settings: EpropSettings) -> str | None:
    """Which parts of an engine cannot go together, and the nearest that can."""
    online, penalties, network = settings.online, settings.penalties, settings.network
    kind = online.pass_kind
    adapts = network.adaptive_fraction > 0 and network.adaptation_strength > 0
    return _first(
        (
            kind == "event" and adapts,
            "online.schedule event came with adaptive neurons, whose eligibility has no prefix "
            "sum: set online.schedule: deferred, or network.adaptive_fraction: 0",
        ),
        (
            penalties.weight_clamp is not None and kind in ("deferred", "event", "outer"),
            f"penalties.weight_clamp came with online.schedule {online.schedule} and eligibility "
            f"{online.eligibility}: a bound does not commute with deferral; set schedule: dense "
            "and eligibility: full, or leave the clamp out",
        ),
        (
            penalties.update_norm is not None and online.optimiser in ("momentum", "adam"),
            f"penalties.update_norm came with online.optimiser {online.optimiser}, whose steps "
            "have a size of their own: set optimiser: sgd, or leave the bound out",
        ),
        (
            online.eligibility != "full" and penalties.voltage_l2 > 0,
            f"penalties.voltage_l2 came with online.eligibility {online.eligibility}: set "
            "eligibility: full, or voltage_l2: 0",
        ),
        (
            online.feedback == "external" and settings.rehearsal.steps_per_bin > 0,
            "online.feedback external came with rehearsal, which learns from labels: set "
            "rehearsal.steps_per_bin: 0, or another feedback",
        ),
        (
            settings.loss == "softmax" and settings.readout.rule == "rls",
            "loss softmax came with readout.rule rls, which fits squared errors: set rule: delta "
            "or adam",
        ),
    )


class WienerSettings(Settings):
    """Ridge regression on lagged bins, fitted once, offline."""

    kind: Literal["wiener"] = "wiener"
    lags: Annotated[int, Field(gt=0)] = 15
    ridge: tuple[Positive, ...] = Field(
        (1.0, 10.0, 100.0, 1e3, 1e4),
        min_length=1,
        description="tried on the last fifth of the fitted part",
    )


class LdaSettings(Settings):
    """Linear discriminant analysis of classes on lagged bins, fitted once, offline."""

    kind: Literal["lda"] = "lda"
    lags: Annotated[int, Field(gt=0)] = 10
    log: bool = Field(True, description="of each value: amplitudes of muscle and brain signals")
    shrinkage: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 0.9),
        min_length=1,
        description="towards a diagonal covariance; tried on the last fifth of the fitted part",
    )


class RlsSettings(Settings):
    """Recursive least squares on lagged bins."""

    kind: Literal["rls"] = "rls"
    lags: Annotated[int, Field(gt=0)] = 15
    forgetting: Annotated[float, Field(gt=0.9, le=1)] = 0.99995
    ridge: Positive = 300.0
    label_delay_s: LateLabels = 2.0


class NlmsSettings(Settings):
    """Normalised least mean squares on lagged bins, each channel scaled by its own past."""

    kind: Literal["nlms"] = "nlms"
    loss: Literal["squared", "softmax"] = Field(
        "squared", description="softmax: logistic regression of classes, labels one-hot"
    )
    lags: Annotated[int, Field(gt=0)] = 10
    step: Annotated[float, Field(gt=0, lt=2)] = Field(
        0.05, description="share of a bin's error that its update takes away"
    )
    inputs: ScaleSettings = ScaleSettings(clip=10.0)
    label_delay_s: LateLabels = 2.0


# What both Kalman filters have.
OutputsAhead = Annotated[
    NonNegative, Field(description="how far activity runs ahead: outputs to come, in the state")
]
OutputsGoneBy = Annotated[NonNegative, Field(description="outputs gone by, in the state")]
NoiseRidge = Annotated[
    Positive, Field(description="of the noise covariance, in units of its mean diagonal")
]
Bridge = Annotated[NonNegative, Field(description="gaps between labels that a line fills")]
Deviations = Annotated[
    Positive, Field(description="bound on a channel's distance from its mean, in deviations")
]


class KalmanSettings(Settings):
    """Kalman filter whose state is the outputs around the newest bin, fitted once, offline."""

    kind: Literal["kalman"] = "kalman"
    lead_s: OutputsAhead = 0.3
    past_s: OutputsGoneBy = 0.6
    ridge: NoiseRidge = 0.01
    bridge_s: Bridge = 0.5
    clip: Deviations = 20.0


class AdaptiveKalmanSettings(Settings):
    """The same filter, its model fitted to an exponentially fading past, again and again."""

    kind: Literal["adaptive_kalman"] = "adaptive_kalman"
    lead_s: OutputsAhead = 0.3
    past_s: OutputsGoneBy = 0.4
    ridge: NoiseRidge = 0.01
    bridge_s: Bridge = 0.5
    clip: Deviations = 20.0
    half_life_s: Positive | None = Field(1200.0, description="none: all the past counts alike")
    refit_s: Positive = Field(1.0, description="how often the model follows its statistics")
    label_delay_s: LateLabels = 2.0


class LstmSettings(Settings):
    """A layer of LSTM units, trained offline by PyTorch; it decodes without it."""

    kind: Literal["lstm"] = "lstm"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    units: Annotated[int, Field(gt=0)] = 150
    epochs: Annotated[int, Field(gt=0)] = 30
    patience: Annotated[int, Field(gt=0)] = Field(
        10, description="epochs without a better validation error, after which training ends"
    )
    sequence_s: Positive = 2.5
    sequences_per_update: Annotated[int, Field(gt=0)] = 8
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="of inputs and of the layer's outputs, in training"
    )
    clip_norm: Positive = 1.0


class StaticSettings(Settings):
    """The e-prop network as it was drawn: only its readout learns."""

    kind: Literal["static"] = "static"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    inputs: InputScaleSettings = InputScaleSettings()
    targets: ScaleSettings = ScaleSettings()
    network: NetworkSettings = NetworkSettings()
    readout: ReadoutSettings = ReadoutSettings(rule="rls")
    label_delay_s: NonNegative = Field(0.0, description="the readout waits so long for its labels")

    def as_eprop(self) -> EpropSettings:
        """An engine that learns nothing but its readout."""
        return EpropSettings(
            seed=self.seed,
            dtype=self.dtype,
            inputs=self.inputs,
            targets=self.targets,
            network=self.network,
            readout=self.readout,
            online=OnlineSettings(optimiser="none", label_delay_s=self.label_delay_s),
            rehearsal=RehearsalSettings(steps_per_bin=0, memory_s=6.0),
        )


class PolicySettings(Settings):
    """An actor and its critic: a Gaussian policy around a mean, and the value of where it is."""

    noise: Positive = Field(
        10.0, description="standard deviation of exploration, in units of the outputs"
    )
    noise_tau_s: NonNegative = Field(
        0.03, description="how long exploration keeps its direction; 0: drawn anew at every bin"
    )
    actor_rate: Positive = 0.3
    critic_rate: Positive = 0.06
    discount_tau_s: Positive = Field(1.0, description="how far ahead rewards count")
    trace_tau_s: Positive = Field(0.3, description="how long what was done may earn a reward")
    credit_delay_s: NonNegative = Field(
        0.0, description="what was done earns a reward only when it is so old"
    )
    rates_halve_s: Positive | None = Field(
        None, description="of learning, after which both rates are half; none: they stay"
    )
    surprise_clip: Positive = Field(
        1.5, description="bound on an error of the critic, in units of its root mean square"
    )

    @model_validator(mode="after")
    def _traces_within_the_horizon(self) -> Self:
        if self.trace_tau_s > self.discount_tau_s:
            raise ValueError(
                f"trace_tau_s {self.trace_tau_s} exceeds discount_tau_s {self.discount_tau_s}: a "
                "trace fades with what it may earn; shorten the former or lengthen the latter"
            )
        return self


class RewardSettings(Settings):
    """Reward-based e-prop: a spiking network whose readout is an actor and a critic."""

    kind: Literal["reward"] = "reward"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    inputs: InputScaleSettings = InputScaleSettings()
    network: NetworkSettings = NetworkSettings()
    lags: Annotated[int, Field(ge=0)] = Field(
        0, description="bins of scaled inputs beside the spikes, the newest included"
    )
    features: ScaleSettings = ScaleSettings(clip=5.0)
    policy: PolicySettings = PolicySettings()
    learning_rate: NonNegative = Field(
        3e-3, description="of the synapses; 0: actor and critic alone learn"
    )
    critic_share: NonNegative = Field(
        0.0, description="of the critic, beside the actor, in what the synapses learn"
    )

    @model_validator(mode="after")
    def _every_synapse_exists(self) -> Self:
        if self.network.connectivity < 1:
            raise ValueError(
                f"kind: reward came with network.connectivity {self.network.connectivity}: its "
                "traces are of every synapse, set 1"
            )
        if self.network.convention != "bellec2020":
            raise ValueError(
                f"kind: reward came with network.convention {self.network.convention}: its readout "
                "is filtered, set bellec2020"
            )
        return self

    def as_eprop(self) -> EpropSettings:
        """An engine of the same network."""
        return EpropSettings(
            seed=self.seed,
            dtype=self.dtype,
            inputs=self.inputs,
            network=self.network,
            readout=ReadoutSettings(rule="none", lags=self.lags),
        )


class ActorCriticSettings(Settings):
    """An actor and a critic on lagged bins, each channel scaled by its own past."""

    kind: Literal["actor_critic"] = "actor_critic"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    lags: Annotated[int, Field(gt=0)] = 5
    inputs: ScaleSettings = ScaleSettings(clip=5.0)
    policy: PolicySettings = PolicySettings()


class ZeroSettings(Settings):
    """Says zero."""

    kind: Literal["zero"] = "zero"


class MeanSettings(Settings):
    """Says the mean of the labels so far."""

    kind: Literal["mean"] = "mean"


DecoderSettings = Annotated[
    EpropSettings
    | StaticSettings
    | RewardSettings
    | ActorCriticSettings
    | LstmSettings
    | AdaptiveKalmanSettings
    | KalmanSettings
    | RlsSettings
    | NlmsSettings
    | WienerSettings
    | LdaSettings
    | MeanSettings
    | ZeroSettings,
    Field(discriminator="kind"),
]


class PipelineSettings(Settings):
    """The data path from samples to outputs."""

    bins: BinSettings = BinSettings()
    decoder: DecoderSettings = EpropSettings()
