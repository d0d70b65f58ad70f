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
    """Announces a stream as soon as it is made, and sends samples on it.

    A stable `source_id` lets readers find the stream again after a restart of the sender.
    """

    def __init__(
        self,
        info: StreamInfo,
        stream_type: str,
        source_id: str,
        sample_format: SampleFormat = "float32",
    ) -> None:
        require_lsl()
        self._channels = info.channels
        channel_format = next(
            n for n, (_, name) in number_formats().items() if name == sample_format
        )
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            announcement(info, stream_type, source_id, channel_format),
            0,
            buffer_length(info.sample_rate_hz, OUTLET_BUFFER_S),
        )

    def push(self, stamps: F64, values: NDArray[Any]) -> None:
        """Send samples: stamps (n,) on the clock of `local_clock`, values (n, channels)."""
        if values.shape != (len(stamps), self._channels):
            raise DataError(
                f"values of shape {values.shape} came with {len(stamps)} stamps, "
                f"({len(stamps)}, {self._channels}) was expected"
            )
        if self._outlet is None:
            raise StreamError("the outlet is closed: make a new one to send")
        self._outlet.push_chunk(values, stamps.tolist())

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


class LslTextOutlet:
    """Announces a stream of rows of texts as soon as it is made."""

    def __init__(self, info: StreamInfo, stream_type: str, source_id: str) -> None:
        require_lsl()
        announced = announcement(info, stream_type, source_id, pylsl.cf_string)
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            announced, 0, buffer_length(info.sample_rate_hz, OUTLET_BUFFER_S)
        )

    def push(self, stamps: F64, rows: Sequence[Sequence[str]]) -> None:
        """Send rows of as many texts as there are channels, stamped as by `LslOutlet`."""
        if self._outlet is None:
            raise StreamError("the outlet is closed: make a new one to send")
        for stamp_s, row in zip(stamps.tolist(), rows, strict=True):
            self._outlet.push_sample(list(row), stamp_s)

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


class LslMarkerOutlet:
    """Announces a stream of texts as soon as it is made: one channel, irregular."""

    def __init__(self, name: str, source_id: str, stream_type: str = "Markers") -> None:
        self._texts = LslTextOutlet(StreamInfo(name, 1, 0.0, (name,)), stream_type, source_id)

    def push(self, stamp_s: float, text: str) -> None:
        """Send one marker, stamped on the clock of `local_clock`."""
        self._texts.push(np.array([stamp_s]), [(text,)])

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until somebody has subscribed, and tell whether somebody has."""
        return self._texts.wait_for_reader(timeout_s)

    def close(self) -> None:
        """Take the stream off the network."""
        self._texts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
