"""From the streams in sight to a configuration that a person can start from."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from eprop_rt.errors import StreamError
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.config import Config
from eprop_rt_services.sightings import StreamSighting

COUNTS = ("spikes", "spikecounts", "binnedspikes", "crossings")
RATES = ("spikingrates", "spikerates", "firingrates", "spikepower", "bandpower", "features")
POTENTIALS = ("eeg", "emg", "exg", "ecog", "ieeg", "seeg", "lfp", "meg", "ephys", "data", "signal")
MOVEMENTS = (
    "label",
    "kinematic",
    "velocity",
    "behavior",
    "behaviour",
    "cursor",
    "position",
    "hand",
)
BROADBAND_HZ = 5_000.0
FINEST_BIN_S = 0.02
SAMPLED_BIN_S = 0.05
MOST_LABELS = 24
ARRAY = 96
LEAST_EEG_HZ = 125.0
LEAST_EMG_HZ = 200.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration as YAML keys, and what a person should know about it."""

    content: dict[str, Any]
    remarks: tuple[str, ...]

    def text(self) -> str:
        """The file: remarks as comments, then the keys."""
        remarks = "".join(f"# {_one_line(remark)}\n" for remark in self.remarks)
        content: str = yaml.safe_dump(self.content, sort_keys=False, default_flow_style=None)
        return remarks + content


def _one_line(remark: str) -> str:
    """Senders name their streams as they like; a comment ends with its line."""
    return "".join(sign if sign.isprintable() else " " for sign in remark)


def propose(in_sight: Sequence[StreamSighting], name: str | None = None) -> Proposal:
    """The stream of that name as the signal, or the likeliest one; labels and markers beside it.

    Raises StreamError where there is no stream that could be a signal.
    """
    numeric = [one for one in in_sight if not one.is_text]
    candidates = [one for one in numeric if name in (None, one.name, one.type, one.source_id)]
    if name is None:
        candidates = [one for one in candidates if not _moves(one)] or candidates
    if not candidates:
        raise StreamError(
            f"no stream of numbers {'is in sight' if name is None else f'is called {name!r}'}: "
            "start the sender, or see eprop-rt streams"
        )
    signal = max(candidates, key=_rank)
    others = [one for one in numeric if one is not signal]
    labels = next((one for one in others if _moves(one) and one.channels <= MOST_LABELS), None)
    markers = next((one for one in in_sight if one.is_text and one.channels == 1), None)
    intake, remarks = _intake(signal)
    names = Counter(one.name for one in in_sight)
    lsl: dict[str, Any] = {"signal": _required(signal, names)}
    content: dict[str, Any] = {**intake, "lsl": lsl}
    if labels is None:
        remarks.append("No stream of labels is in sight: nothing is learned until there is one.")
    else:
        lsl["labels"] = _required(labels, names)
        content["publish"] = _outputs(labels.channels)
        remarks.append(f"Labels are guessed: {labels}. Their names and units are yours to give.")
    if markers is not None:
        lsl["markers"] = _required(markers, names)
        remarks.append("Markers may pause learning: lsl.freeze_on, lsl.thaw_on.")
    left = [one for one in others if one is not labels]
    if left:
        remarks.append(f"Not used: {', '.join(map(str, left))}.")
    _check(content)
    return Proposal(content, (f"Proposed for {signal}.", *remarks))


def _rank(stream: StreamSighting) -> tuple[bool, bool, float]:
    known = _is(stream, COUNTS) or _is(stream, RATES) or _is(stream, POTENTIALS)
    return known, stream.sample_rate_hz > 0, stream.channels


def _is(stream: StreamSighting, kinds: Sequence[str]) -> bool:
    return stream.type.casefold().replace(" ", "").replace("_", "") in kinds


def _moves(stream: StreamSighting) -> bool:
    said = f"{stream.name} {stream.type}".casefold()
    return any(word in said for word in MOVEMENTS)


def _intake(stream: StreamSighting) -> tuple[dict[str, Any], list[str]]:
    """How a stream becomes bins, by its rate and type; and what a person should look at."""
    rate_hz = stream.sample_rate_hz
    if rate_hz <= 0:
        return _of_events(stream)
    if rate_hz >= BROADBAND_HZ:
        high_hz = min(6000.0, 0.4 * rate_hz)
        return _taken(
            "sum",
            _whole_samples(FINEST_BIN_S, rate_hz),
            [
                {"kind": "bandpass", "low_hz": 300, "high_hz": high_hz},
                {"kind": "common_average"},
                {"kind": "threshold_crossings"},
            ],
        ), ["This is broadband: what is decoded are its threshold crossings."]
    if _is(stream, COUNTS):
        return _taken("sum", _whole_samples(FINEST_BIN_S, rate_hz)), []
    if _is(stream, RATES) or (rate_hz <= 1 / FINEST_BIN_S and not _is(stream, POTENTIALS)):
        return _taken("mean", _whole_samples(FINEST_BIN_S, rate_hz)), []
    return _of_potentials(stream)


def _of_events(stream: StreamSighting) -> tuple[dict[str, Any], list[str]]:
    if "spike" in f"{stream.name} {stream.type}".casefold():
        return _taken("sum", FINEST_BIN_S, [{"kind": "spike_events", "channels": ARRAY}]), [
            "This looks like spike events, a sample an event (channel, unit, waveform, as far as "
            "they are sent): say how many channels there are, and whether their numbers begin "
            "with 0."
        ]
    remark = "The stream is irregular: a bin is the mean of what came in it."
    return _taken("mean", SAMPLED_BIN_S), [remark]


def _of_potentials(stream: StreamSighting) -> tuple[dict[str, Any], list[str]]:
    rate_hz = stream.sample_rate_hz
    bin_s = _whole_samples(SAMPLED_BIN_S, rate_hz)
    if _is(stream, ("eeg",)) and rate_hz >= LEAST_EEG_HZ:
        return _taken(
            "mean",
            bin_s,
            [
                {"kind": "notch", "frequency_hz": 50},
                {"kind": "common_average"},
                {"kind": "band_power", "bands_hz": [[8, 12], [13, 30]]},
                {"kind": "log"},
                {"kind": "zscore", "half_life_s": 60},
            ],
        ), ["Mains of 50 Hz and the bands of movement are assumed: look at conditioning."]
    if _is(stream, ("emg",)) and rate_hz >= LEAST_EMG_HZ:
        return _taken(
            "variance",
            bin_s,
            [
                {"kind": "notch", "frequency_hz": 50},
                {"kind": "highpass", "cutoff_hz": 20, "order": 4},
                {"kind": "log_variance"},
                {"kind": "zscore", "half_life_s": 60},
            ],
        ), ["Mains of 50 Hz is assumed: look at conditioning."]
    remark = "A sampled potential: a bin is its power. Conditioning could choose a band before."
    return _taken("rms", bin_s), [remark]


def _taken(
    reduce: str, bin_s: float, conditioning: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    bins = {"bins": {"bin_s": bin_s, "reduce": reduce}}
    return bins | ({"conditioning": conditioning} if conditioning else {})


def _whole_samples(least_s: float, rate_hz: float) -> float:
    """The shortest bin of whole samples that is not shorter than that."""
    return round(math.ceil(least_s * rate_hz - 1e-6) / rate_hz, 9)


def _required(stream: StreamSighting, names: Counter[str]) -> dict[str, Any]:
    """By name where that tells it from all others, and by source_id where it does not."""
    keys = ["name", "type"] if names[stream.name] == 1 else ["source_id"]
    said = {key: getattr(stream, key) for key in keys if getattr(stream, key)}
    try:
        StreamRequirement.model_validate(said)
    except ValidationError:
        raise StreamError(f"stream {stream} cannot be told by its name: rename it") from None
    return {**said, "channels": stream.channels}


def _outputs(channels: int) -> dict[str, Any]:
    names = ["vx", "vy", "vz"][:channels] if channels <= 3 else []
    names = names or [f"output{at + 1}" for at in range(channels)]
    return {"names": names, "units": ["a.u."] * channels}


def _check(content: dict[str, Any]) -> None:
    try:
        Config.model_validate(content)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise StreamError(
            f"no configuration can be proposed for these streams ({reason}): rename them, or "
            "write one by hand"
        ) from None
