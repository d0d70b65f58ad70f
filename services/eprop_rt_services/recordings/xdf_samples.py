"""The samples of one chunk of an XDF file, in bulk.

A sample says whether it has a stamp; one without follows the sample before it by the nominal
interval, over chunks.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eprop_rt.series import F64
from eprop_rt_services.recordings.xdf_chunks import (
    NUMBER_TYPES,
    STAMP_BYTES,
    TEXT_FORMAT,
    decode_length,
)

FIRST_RUN = 64


@dataclass(slots=True)
class SampleReader:
    """Reads the chunks of one stream in their order; `interval_s` is 0 for an irregular one."""

    channels: int
    format: str
    interval_s: float
    last_s: float = field(default=0.0, init=False)

    @property
    def is_text(self) -> bool:
        """Whether the samples are texts."""
        return self.format == TEXT_FORMAT

    def numbers(self, content: memoryview) -> tuple[F64, NDArray[np.number]]:
        """Stamps (n,) and values (n, channels); as many as are whole."""
        dtype = np.dtype(NUMBER_TYPES[self.format])
        counted = decode_length(content, 0) or (0, len(content))
        count, raw = counted[0], np.frombuffer(content, np.uint8)[counted[1] :]
        bare = 1 + self.channels * dtype.itemsize
        count = min(count, len(raw) // bare)
        stamps, values = np.empty(count), np.empty((count, self.channels), dtype)
        row, at, longest = 0, 0, FIRST_RUN
        while row < count and at < len(raw):
            stamped = bool(raw[at])
            size = bare + STAMP_BYTES * stamped
            most = min(count - row, (len(raw) - at) // size, longest)
            if most == 0:
                break
            # Samples of one kind have one size: as far as the next sample is of the same kind.
            other = np.flatnonzero((raw[at : at + most * size : size] != 0) != stamped)
            run = int(other[0]) if len(other) else most
            block = raw[at : at + run * size].reshape(run, size)
            values[row : row + run] = np.ascontiguousarray(block[:, size - bare + 1 :]).view(dtype)
            if stamped:
                of_run = np.ascontiguousarray(block[:, 1 : 1 + STAMP_BYTES]).view("<f8")[:, 0]
            else:
                of_run = np.cumsum([self.last_s, *[self.interval_s] * run])[1:]
            stamps[row : row + run] = of_run
            self.last_s = float(of_run[-1])
            row, at, longest = row + run, at + run * size, max(FIRST_RUN, 4 * run)
        return stamps[:row], values[:row]

    def texts(self, content: memoryview) -> tuple[list[float], list[list[str]]]:
        """Stamps and rows of texts; as many as are whole."""
        stamps: list[float] = []
        rows: list[list[str]] = []
        count, at = decode_length(content, 0) or (0, len(content))
        for _ in range(count):
            stamped = at < len(content) and content[at] != 0
            begin = at + 1 + STAMP_BYTES * stamped
            row, at = _row(content, begin, self.channels)
            if len(row) < self.channels:
                break
            if stamped:
                self.last_s = float(np.frombuffer(content[begin - STAMP_BYTES : begin], "<f8")[0])
            else:
                self.last_s += self.interval_s
            stamps.append(self.last_s)
            rows.append(row)
        return stamps, rows


def _row(content: memoryview, at: int, channels: int) -> tuple[list[str], int]:
    row: list[str] = []
    for _ in range(channels):
        length = decode_length(content, at)
        if length is None or length[1] + length[0] > len(content):
            break
        at = length[1] + length[0]
        row.append(bytes(content[length[1] : at]).decode("utf-8", "replace"))
    return row, at
