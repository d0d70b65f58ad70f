"""What is asked for by a name and is not there: one line each."""

from collections.abc import Iterable

from eprop_rt.errors import RecordingError
from eprop_rt_services.recordings.recording import Selection


def refuse_labels(selection: Selection, holder: str) -> None:
    """Raise RecordingError where labels are named of a file that holds none: `holder` says why."""
    if selection.labels is not None and selection.wants_labels:
        raise RecordingError(
            f"it has no labels {selection.labels!r}: {holder}; leave recording.labels out"
        )


def marker_names(selection: Selection, there: Iterable[str]) -> list[str]:
    """Those that are wanted, all where none is named; RecordingError where one is not there."""
    known, name = list(there), selection.markers
    if not selection.wants_markers:
        return []
    chosen = [each for each in known if name is None or each.casefold() == name.casefold()]
    if name is not None and not chosen:
        listed = ", ".join(known) or "(it has none)"
        raise RecordingError(f"it has no markers {name!r}: name one of {listed}")
    return chosen
