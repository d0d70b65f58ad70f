"""Samples, texts and markers out over Lab Streaming Layer."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import DataError, StreamError
from eprop_rt.series import F64, StreamInfo
from eprop_rt_services.lsl_link.announced import (
    SampleFormat,
    announcement,
    buffer_length,
    number_formats,
)
from eprop_rt_services.lsl_link.library import NOT_THERE, require_lsl

with suppress(*NOT_THERE):
    import pylsl

OUTLET_BUFFER_S = 10


class LslOutlet:
    """Announces a stream as soon as it is made, and sends samples on it: numbers, or texts.

    A stable `source_id` lets readers find the stream again after a restart of the sender.
    """

    def __init__(
        self,
        info: StreamInfo,
        stream_type: str,
        source_id: str,
        sample_format: SampleFormat | None = "float32",
    ) -> None:
        """`sample_format` is that of numbers; None for texts."""
        require_lsl()
        self._channels = info.channels
        self._texts = sample_format is None
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            announcement(info, stream_type, source_id, _channel_format(sample_format)),
            0,
            buffer_length(info.sample_rate_hz, OUTLET_BUFFER_S),
        )

    def push(self, stamps: F64, values: NDArray[Any] | Sequence[Sequence[str]]) -> None:
        """Send samples: stamps (n,) on the clock of `local_clock`, values (n, channels).

        Raises DataError where the shapes are others, StreamError where the outlet is closed.
        """
        shape = np.shape(values)
        if shape != (len(stamps), self._channels):
            raise DataError(
                f"values of shape {shape} came with {len(stamps)} stamps, "
                f"({len(stamps)}, {self._channels}) was expected"
            )
        if self._outlet is None:
            raise StreamError("the outlet is closed: make a new one to send")
        rows = [list(row) for row in values] if self._texts else values
        self._outlet.push_chunk(rows, stamps.tolist())

    def mark(self, stamp_s: float, text: str) -> None:
        """Send one text on a stream that has one channel of them; raises as `push`."""
        self.push(np.array([stamp_s]), [(text,)])

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._outlet is not None and self._outlet.wait_for_consumers(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def marker_outlet(name: str, source_id: str, stream_type: str = "Markers") -> LslOutlet:
    """An outlet to `mark` with: one channel of texts, irregular."""
    return LslOutlet(StreamInfo(name, 1, 0.0, (name,)), stream_type, source_id, None)


def _channel_format(sample_format: SampleFormat | None) -> int:
    if sample_format is None:
        return int(pylsl.cf_string)
    return next(n for n, (_, name) in number_formats().items() if name == sample_format)
