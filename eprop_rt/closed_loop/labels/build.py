"""From settings to a source: a kind, the gate, and around them the faults that were asked for."""

from eprop_rt.bins.grid import steps_covering
from eprop_rt.closed_loop.labels.direct import DirectSource
from eprop_rt.closed_loop.labels.gate import Gate
from eprop_rt.closed_loop.labels.late import Late
from eprop_rt.closed_loop.labels.mistakes import Mistakes
from eprop_rt.closed_loop.labels.noise import Noise
from eprop_rt.closed_loop.labels.optimal import OptimalSource
from eprop_rt.closed_loop.labels.oracle import OracleSource
from eprop_rt.closed_loop.labels.refit import RefitSource
from eprop_rt.closed_loop.labels.retrospective import RetrospectiveSource
from eprop_rt.closed_loop.labels.settings import LabelSettings, late_bins
from eprop_rt.closed_loop.labels.source import LabelSource
from eprop_rt.closed_loop.labels.sparse import Sparse
from eprop_rt.closed_loop.population import Seed


def build_label_source(settings: LabelSettings, bin_s: float, seed: Seed) -> LabelSource:
    """The source that the settings name, with its faults.

    Mistakes change the target that it sees, the gate what it says of the bin of now; then come
    noise and sparsity of whatever is said, and delay last.
    """
    source = _gated(settings, bin_s)
    if settings.mistakes > 0:
        source = Mistakes(source, settings.mistakes)
    if settings.noise_deg > 0 or settings.noise_cm_s > 0:
        source = Noise(source, settings.noise_deg, settings.noise_cm_s)
    if settings.share < 1:
        source = Sparse(source, settings.share)
    bins = late_bins(settings, bin_s)
    source = Late(source, bins, handled=settings.delay_handled) if bins else source
    source.restart(seed)
    return source


def _gated(settings: LabelSettings, bin_s: float) -> LabelSource:
    gated = Gate(_of_kind(settings, bin_s), settings.after_s)
    if settings.kind != "retrospective":
        return gated
    # What it asks again are scenes of the approach, each with the time since its own onset.
    return RetrospectiveSource(gated, steps_covering(settings.lookback_s, bin_s))


def _of_kind(settings: LabelSettings, bin_s: float) -> LabelSource:
    match settings.kind:
        case "direct" | "retrospective":
            return DirectSource(settings.speed_cm_s, settings.slows_cm)
        case "refit":
            return RefitSource(settings.least_speed_cm_s)
        case "optimal":
            return OptimalSource(settings.optimal, settings.speed_cm_s, bin_s)
        case "intention":
            return OracleSource()
