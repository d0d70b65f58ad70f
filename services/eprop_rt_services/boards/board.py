"""A board of BrainFlow: what it says of itself, and its samples on the LSL clock.

BrainFlow stamps samples with the time of day of the machine that receives them, all of a packet
with the same.
"""

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from eprop_rt.errors import ConfigError, EpropError, StreamError
from eprop_rt.series import F32, F64, StreamInfo
from eprop_rt_services.boards.packets import PacketStamps
from eprop_rt_services.lsl_link import local_clock

# As LSL calls them; BrainFlow gives the first four in microvolts.
TYPES = {
    "eeg": "EEG",
    "emg": "EMG",
    "ecg": "ECG",
    "eog": "EOG",
    "exg": "ExG",
    "eda": "EDA",
    "ppg": "PPG",
    "accel": "Accelerometer",
    "gyro": "Gyroscope",
    "magnetometer": "Magnetometer",
    "temperature": "Temperature",
}
MICROVOLTS = frozenset({"eeg", "emg", "ecg", "eog", "exg"})
EXG = ("eeg", "emg", "ecg", "eog")
BUFFER_SAMPLES = 450_000
SAME_S = 2e-4  # two readings of two clocks differ by less for no reason
READINGS = 5
NUMBER = re.compile("-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Reached:
    """How a board is reached; what does not apply to it stays empty."""

    serial_port: str = ""
    mac_address: str = ""
    ip_address: str = ""
    ip_port: int = 0
    serial_number: str = ""
    other_info: str = ""
    file: str = ""
    master: str = ""


@contextmanager
def brainflow_errors() -> Iterator[None]:
    """Turn what BrainFlow raises, or its absence, into one line."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # it loads its library so
        try:
            from brainflow.exit_codes import BrainFlowError  # noqa: PLC0415  (an optional extra)
        except ImportError as error:
            raise EpropError(
                f"boards need BrainFlow, which does not import ({error}): "
                "pip install eprop-rt[brainflow]"
            ) from None
        try:
            yield
        except BrainFlowError as error:
            raise StreamError(
                f"BrainFlow refused ({error}): check the board, its --id and how it is reached"
            ) from None


def board_id(name: str) -> int:
    """`synthetic`, `cyton`, `playback` and the like, or a number; ConfigError for any other."""
    with brainflow_errors():
        from brainflow.board_shim import BoardIds  # noqa: PLC0415

        if NUMBER.fullmatch(name):
            return int(name)
        short = {one.name.removesuffix("_BOARD").removesuffix("_FILE"): one for one in BoardIds}
    found = short.get(name.upper().replace("-", "_").removesuffix("_BOARD"))
    if found is None:
        known = ", ".join(sorted(one.lower() for one in short if one != "NO"))
        raise ConfigError(f"there is no board {name!r}: take a number of BrainFlow's, or {known}")
    return int(found)


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What has come: stamps (n,) on the LSL clock, rows (n, all) and markers with their stamps."""

    stamps: F64
    rows: F64
    markers: tuple[tuple[float, str], ...]


class Board:
    """A session with a board; use it as a context manager, from one thread."""

    def __init__(self, name: str, reached: Reached, streamer: str = "") -> None:
        """Raises ConfigError for an unknown board, StreamError where it cannot be reached."""
        number = board_id(name)
        master = board_id(reached.master) if reached.master else None
        with brainflow_errors():
            from brainflow.board_shim import BoardShim, BrainFlowInputParams  # noqa: PLC0415

            BoardShim.disable_board_logger()
            self._said: dict[str, Any] = BoardShim.get_board_descr(
                number if master is None else master
            )
            given = BrainFlowInputParams()
            for key in (key for key in Reached.__slots__ if key != "master"):
                setattr(given, key, getattr(reached, key))
            if master is not None:
                given.master_board = master
            self._shim = BoardShim(number, given)
            self._shim.prepare_session()
            try:
                if streamer:
                    self._shim.add_streamer(streamer)
                self._shim.start_stream(BUFFER_SAMPLES)
            except BaseException:
                self._shim.release_session()
                raise
        self.name = str(self._said.get("name", name))
        self._offset_s = _offset_s()
        self._packets = PacketStamps(float(self._said["sampling_rate"]))

    @property
    def kinds(self) -> list[str]:
        """Which types of channels it has."""
        kinds = [kind for kind in TYPES if self._said.get(f"{kind}_channels")]
        return [*kinds, "exg"] if any(kind in EXG for kind in kinds) else kinds

    def rows_of(self, kind: str) -> list[int]:
        """Where the channels of a type are; raises ConfigError where it has none."""
        if kind not in self.kinds:
            raise ConfigError(
                f"{self.name} has no channels of type {kind!r}: take of {', '.join(self.kinds)}"
            )
        if kind == "exg":
            found: set[int] = set()
            return sorted(found.union(*(self._said.get(f"{one}_channels", ()) for one in EXG)))
        return [int(row) for row in self._said[f"{kind}_channels"]]

    def info_of(self, kind: str) -> StreamInfo:
        """What a stream of these channels announces."""
        rows = self.rows_of(kind)
        named = str(self._said.get("eeg_names", "")).split(",")
        is_named = rows == self._said.get("eeg_channels") and len(named) == len(rows)
        names = tuple(named) if is_named else tuple(f"{kind}{at + 1}" for at in range(len(rows)))
        units = ("microvolts",) * len(rows) if kind in MICROVOLTS else ()
        return StreamInfo(
            f"{self.name} {kind}", len(rows), float(self._said["sampling_rate"]), names, units
        )

    def mark(self, value: float) -> None:
        """Put a number other than 0 on the marker channel, at the next sample."""
        with brainflow_errors():
            self._shim.insert_marker(value)

    def take(self) -> Taken:
        """What has come since the last call, without waiting."""
        offset_s = _offset_s()
        if abs(offset_s - self._offset_s) > SAME_S:  # the time of day was set
            self._offset_s = offset_s
        with brainflow_errors():
            rows = self._shim.get_board_data().T
        stamps = self._packets.spread(rows[:, self._said["timestamp_channel"]]) + self._offset_s
        return Taken(stamps, rows, tuple(_marked(stamps, rows[:, self._said["marker_channel"]])))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with brainflow_errors():
                self._shim.stop_stream()
        finally:
            with brainflow_errors():
                self._shim.release_session()
            # BrainFlow knows sessions by their board: this one, once collected, would end the next.
            del self._shim


def columns(rows: F64, chosen: Sequence[int]) -> F32:
    """The chosen channels of all that came, (n, channels)."""
    return np.ascontiguousarray(rows[:, list(chosen)], np.float32)


def _marked(stamps: F64, channel: F64) -> Iterator[tuple[float, str]]:
    for at in np.flatnonzero(channel).tolist():
        yield float(stamps[at]), f"{channel[at]:g}"


def _offset_s() -> float:
    """What added to the time of day gives the LSL clock: of several readings the tightest."""
    tightest = (np.inf, 0.0)
    for _ in range(READINGS):
        before_s, now_s, after_s = local_clock(), time.time(), local_clock()
        tightest = min(tightest, (after_s - before_s, (before_s + after_s) / 2 - now_s))
    return tightest[1]
