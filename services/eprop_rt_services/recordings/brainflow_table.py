"""Tables that BrainFlow writes: tab separated, a row a sample, a column a row of the board.

A table does not say which board it is of. `recording.board` names it (with the package brainflow);
without it `recording.signal` gives the columns, as in "1-8" or "1,3,5", counted from 0. Samples of
one packet have one stamp there, and are stamped one by one here, as they are live.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eprop_rt.errors import EpropError, RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.boards.packets import PacketStamps
from eprop_rt_services.recordings.absent import marker_names, refuse_labels
from eprop_rt_services.recordings.foreign import errors_of, one_line, optional_extra
from eprop_rt_services.recordings.markers import Markers, texts_of_numbers
from eprop_rt_services.recordings.recording import Recording, Selection, Series

EPOCH_S = 1e9, 1e10  # times of day between 2001 and 2286
COLUMNS = re.compile(r"\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*")
MOST_COLUMNS = 4096
MARKERS = "markers"  # the name of their column


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns are what; the rate is 0 where nobody says it, names may be missing."""

    signal: list[int]
    stamps: int
    markers: int | None
    sample_rate_hz: float
    names: tuple[str, ...] = ()


def read_brainflow(path: Path, selection: Selection) -> Recording:
    """Read the channels of a board, in uV, and its markers; there are no labels.

    Raises RecordingError for anything but a table of numbers, or where its columns are not known.
    """
    with errors_of(path, "cannot be read as a table of BrainFlow"):
        refuse_labels(selection, "a table of BrainFlow holds none")
        values = _numbers(path)
        layout = (
            _guessed(values, selection)
            if selection.board is None
            else _of_board(selection.board, values.shape[1], selection)
        )
        said = np.ascontiguousarray(values[:, layout.stamps])
        rate_hz = layout.sample_rate_hz or _mean_rate(said)
        stamps = PacketStamps(rate_hz).spread(said)
        channels = len(layout.signal)
        info = StreamInfo(
            name="brainflow",
            channels=channels,
            sample_rate_hz=rate_hz,
            channel_names=layout.names or tuple(f"column {at}" for at in layout.signal),
            units=("uV",) * channels,
        )
        signal = Series(info, stamps, values[:, layout.signal].astype(np.float32))
        return Recording(path.stem, signal, None, None, _markers(values, stamps, layout, selection))


def _numbers(path: Path) -> F64:
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    if b"\t" not in first:
        raise RecordingError(
            f"it is no table of BrainFlow: begins with {first[:12]!r}, expected numbers with tabs "
            "between them"
        )
    columns = first.count(b"\t") + 1
    if columns > MOST_COLUMNS:
        raise RecordingError(f"it has {columns} columns: no board has as many")
    try:
        values = np.loadtxt(path, np.float64, delimiter="\t", ndmin=2, comments=None)
    except ValueError as error:
        raise RecordingError(f"it is no table of numbers: {one_line(error)}") from None
    return np.asarray(values)


def _of_board(board: int, columns: int, selection: Selection) -> _Layout:
    with optional_extra("brainflow", "brainflow"):
        from brainflow.board_shim import BoardShim  # noqa: PLC0415  (an optional extra)
    try:
        with optional_extra("brainflow", "brainflow"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pkg_resources, which it imports at its first use
            said = BoardShim.get_board_descr(board)
    except EpropError:
        raise
    except Exception as error:
        raise RecordingError(f"BrainFlow knows no board {board}: {one_line(error)}") from None
    if said["num_rows"] != columns:
        raise RecordingError(
            f"it has {columns} columns, board {board} ({said['name']}) has {said['num_rows']}: "
            "give recording.board the id of the board that it was recorded with"
        )
    kinds = [f"{kind}_channels" for kind in ("exg", "eeg", "emg", "ecg")]
    signal: list[int] = next((said[kind] for kind in kinds if said.get(kind)), [])
    names = tuple(str(said.get("eeg_names", "")).split(","))
    if selection.signal is not None:
        signal, names = _columns(selection.signal, columns), ()
    return _Layout(
        signal=list(signal),
        stamps=said["timestamp_channel"],
        markers=said.get("marker_channel"),
        sample_rate_hz=float(said["sampling_rate"]),
        names=names if len(names) == len(signal) else (),
    )


def _guessed(values: F64, selection: Selection) -> _Layout:
    columns = values.shape[1]
    if selection.signal is None:
        raise RecordingError(
            f"it has {columns} columns and does not say which board it is of: give "
            'recording.board its id, or recording.signal the columns, as in "1-8"'
        )
    finite = np.where(np.isfinite(values), values, 0.0)
    of_day = ((finite > EPOCH_S[0]) & (finite < EPOCH_S[1])).all(axis=0)
    found = [int(column) for column in np.flatnonzero(of_day)]
    if len(found) != 1:
        raise RecordingError(
            f"{len(found)} of its {columns} columns could be the time of day in seconds, expected "
            "one: give recording.board the id of the board"
        )
    last = columns - 1  # where BrainFlow has markers, whatever the board
    return _Layout(
        signal=_columns(selection.signal, columns),
        stamps=found[0],
        markers=last if last != found[0] else None,
        sample_rate_hz=0.0,
    )


def _columns(said: str, columns: int) -> list[int]:
    if COLUMNS.fullmatch(said) is None:
        raise RecordingError(
            f'recording.signal is {said!r}: expected columns, as in "1-8" or "1,3"'
        )
    found: list[int] = []
    for part in said.split(","):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first)
        if end >= columns or begin > end:
            raise RecordingError(f"columns {part.strip()} came, it has columns 0 to {columns - 1}")
        found += range(begin, end + 1)
    return found


def _mean_rate(stamps: F64) -> float:
    """A board's stamps come in bursts: only their mean says something, to six digits."""
    span_s = float(stamps[-1] - stamps[0])
    return float(f"{(len(stamps) - 1) / span_s:.6g}") if span_s > 0 else 0.0


def _markers(values: F64, stamps: F64, layout: _Layout, selection: Selection) -> Markers | None:
    """Where the column of markers is not 0: its number, as text."""
    column = layout.markers
    if not marker_names(selection, [] if column is None else [MARKERS]):
        return None
    numbers = values[:, column].astype(np.float32)
    at = np.flatnonzero((numbers != 0) & np.isfinite(numbers))
    return Markers.ordered(stamps[at], texts_of_numbers(numbers[at]))
