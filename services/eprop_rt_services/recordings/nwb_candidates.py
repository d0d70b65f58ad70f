"""The time series of an NWB file, where they stand, and which of them is meant by a name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eprop_rt.errors import RecordingError

if TYPE_CHECKING:
    import pynwb

LIMBS = ("hand", "cursor", "finger", "wrist")  # of several, the first that is there
KINDS = {"velocity": ("vel", "velocity"), "position": ("pos", "position"), "labels": ("labels",)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A time series, and where in the file it stands."""

    module: str
    interface: str
    series: "pynwb.TimeSeries"

    def answers_to(self, name: str) -> bool:
        """Whether it is meant by that name."""
        inner = f"{self.interface}/{self.series.name}"
        names = (self.interface, self.series.name, inner, f"{self.module}/{inner}")
        return name.casefold() in {known.casefold() for known in names}

    def speaks_of(self, words: Iterable[str]) -> bool:
        """Whether one of the words stands in its name, as in `hand_vel` or `HandVelocity`."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.series.name)
        return bool(set(re.findall("[a-z]+", spaced.casefold())) & set(words))

    def __str__(self) -> str:
        if self.interface == self.series.name:
            return self.series.name
        return f"{self.interface}/{self.series.name}"


def candidates(modules: Mapping[str, Mapping[str, "pynwb.NWBContainer"]]) -> list[Candidate]:
    """The time series of numbers in modules, bare or one interface deep."""
    import pynwb  # noqa: PLC0415

    found = []
    for module, interfaces in modules.items():
        for name, interface in interfaces.items():
            inside = (interface,) if isinstance(interface, pynwb.TimeSeries) else interface.children
            found += [
                Candidate(module, name, part)
                for part in inside
                if isinstance(part, pynwb.TimeSeries)
                and not isinstance(part, pynwb.misc.AnnotationSeries)
            ]
    return found


def spoken_of(found: Sequence[Candidate], kind: str) -> list[Candidate]:
    """Those of a kind of `KINDS` by their whole name, else by a word in it; then of one limb."""
    whole = named(found, kind)
    if whole:
        return whole
    of_kind = [each for each in found if each.speaks_of(KINDS[kind])]
    by_limb = ([each for each in of_kind if each.speaks_of((limb,))] for limb in LIMBS)
    return next(filter(None, by_limb), of_kind)


def named(found: Iterable[Candidate], name: str) -> list[Candidate]:
    """Those that are meant by a name."""
    return [candidate for candidate in found if candidate.answers_to(name)]


def are_channels(found: Sequence[Candidate]) -> bool:
    """Whether they are the channels of one interface, each a series of its own."""
    places = {(each.module, each.interface) for each in found}
    shapes = [getattr(each.series.data, "shape", (0, 0)) for each in found]
    return len(places) == 1 < len(found) and all(
        len(shape) == 1 or shape[1:] == (1,) for shape in shapes
    )


def only(found: Sequence[Candidate], there: Sequence[Candidate], wanted: str) -> Candidate:
    """The one that was found; raises RecordingError where there are more or none."""
    if len(found) == 1:
        return found[0]
    if found:
        raise RecordingError(f"{wanted} may be any of {listed(found)}: name one")
    raise RecordingError(f"it has no {wanted}: name one of {listed(there)}")


def listed(found: Iterable[Candidate]) -> str:
    """Their names, for a message."""
    return ", ".join(map(str, found)) or "(there are none)"
