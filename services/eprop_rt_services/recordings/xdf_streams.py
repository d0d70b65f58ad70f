"""The streams of an XDF file, as pyxdf reads them from the chunks that are whole."""

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.recordings.foreign import optional_extra
from eprop_rt_services.recordings.recording import channel_names
from eprop_rt_services.recordings.xdf_chunks import MAGIC, TEXT_FORMAT, UNNAMED
from eprop_rt_services.recordings.xdf_salvage import salvage

Values = NDArray[Any] | Sequence[Sequence[str]]

MARKER_TYPES = frozenset({"markers", "marker", "stringmarker", "events"})

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class XdfStream:
    """A stream: `values` (samples, channels) of the stream's own type, or texts, are read late."""

    number: int
    type: str
    format: str
    info: StreamInfo
    samples: int
    read: Callable[[], tuple[F64, Values]]

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return self.format == TEXT_FORMAT and self.samples > 0

    @property
    def is_usable(self) -> bool:
        """Whether it holds numbers."""
        return self.format != TEXT_FORMAT and self.samples > 0

    @property
    def may_mark(self) -> bool:
        """Whether it can be read as markers: texts, or a number at a time."""
        return self.is_text or (self.is_usable and self.info.channels == 1)

    @property
    def is_made_to_mark(self) -> bool:
        """Whether it is of a type for markers, too, and comes now and then."""
        now_and_then = self.is_text or self.info.sample_rate_hz == 0
        return self.may_mark and now_and_then and self.type.casefold() in MARKER_TYPES

    def answers_to(self, name: str) -> bool:
        """Whether it is meant by that name."""
        names = (self.info.name, self.type, f"#{self.number}")
        return name.casefold() in {known.casefold() for known in names}

    def __str__(self) -> str:
        return (
            f"#{self.number} {self.info.name!r} (type {self.type or 'unknown'}, "
            f"{self.info.channels} x {self.format}, {self.samples} samples)"
        )


def load_streams(path: Path) -> list[XdfStream]:
    """All streams of a file, through pyxdf, on the recorder's clock; damage is left out."""
    with optional_extra("pyxdf"):
        import pyxdf  # noqa: PLC0415  (an optional extra)
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise RecordingError(f"it is no XDF file: begins with {data[:4]!r}, expected {MAGIC!r}")
    whole = salvage(data)
    if whole.damaged_bytes:
        _LOG.warning("%s: left out %d damaged bytes", path, whole.damaged_bytes)
    if whole.cut_bytes:
        _LOG.info("%s: ends inside a chunk, left out %d bytes", path, whole.cut_bytes)
    # A stream that lasts no time has no effective rate: pyxdf divides by 0 for it.
    with _quiet_pyxdf(), np.errstate(all="ignore"):
        streams, _ = pyxdf.load_xdf(
            io.BytesIO(whole.data), synchronize_clocks=True, dejitter_timestamps=False
        )
    return [_stream(stream) for stream in streams]


@contextmanager
def _quiet_pyxdf() -> Iterator[None]:
    """Pass on at level INFO what pyxdf says, in one line; what it cannot read, it leaves out."""

    def passes(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            _LOG.info("pyxdf: %s", record.getMessage())
        return False

    logger = logging.getLogger("pyxdf.pyxdf")
    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


def _stream(raw: Mapping[str, Any]) -> XdfStream:
    stamps = np.ascontiguousarray(raw["time_stamps"], dtype=np.float64)
    values = raw["time_series"]
    return described(raw["info"], raw["info"]["stream_id"], len(stamps), lambda: (stamps, values))


def described(
    info: Mapping[str, Any], number: int, samples: int, read: Callable[[], tuple[F64, Values]]
) -> XdfStream:
    """The stream of a header, which came as a dict of lists."""
    channels = int(_text(info, "channel_count"))
    rate_hz = float(_text(info, "nominal_srate"))
    units = _of_channels(info, "unit")
    return XdfStream(
        number=number,
        type=_text(info, "type"),
        format=_text(info, "channel_format"),
        info=StreamInfo(
            name=_text(info, "name") or UNNAMED,
            channels=channels,
            sample_rate_hz=rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else 0.0,
            channel_names=channel_names(_of_channels(info, "label"), channels),
            units=tuple(units) if len(units) == channels and any(units) else (),
        ),
        samples=samples,
        read=read,
    )


def _child(parent: object, tag: str) -> object:
    """Return the first child of that tag; pyxdf gives an element as a dict of lists, or text."""
    children = parent.get(tag) if isinstance(parent, Mapping) else None
    return children[0] if children else None


def _text(parent: object, tag: str) -> str:
    found = _child(parent, tag)
    return found if isinstance(found, str) else ""


def _of_channels(info: object, tag: str) -> list[str]:
    channels = _child(_child(info, "desc"), "channels")
    if not isinstance(channels, Mapping):
        return []
    return [_text(channel, tag) for channel in channels.get("channel", ())]
