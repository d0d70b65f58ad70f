"""The stages that work on samples, one after the other, block by block."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from eprop_rt.conditioning.stage import ROWS, SHORT_S, Block, SampleSettings, SampleStage
from eprop_rt.kernels.filters import give_out, take_in
from eprop_rt.series import F32, F64, Chunk, StreamInfo

GAP = 1.9  # intervals between two samples, from which one is missing


class Chain:
    """All stages of one stream; what comes out does not depend on how samples were cut.

    A value that is not finite is absent: filters go on with the one before it, references and
    thresholds leave it out, and it adds nothing to its bin. Without stages chunks pass as they are.
    """

    def __init__(self, settings: Sequence[SampleSettings], info: StreamInfo) -> None:
        self._stages: list[SampleStage] = []
        self._block = Block.empty(info.channels)
        self._held = np.zeros(info.channels)
        rate_hz = info.sample_rate_hz
        self._gap_s = max(SHORT_S, GAP / rate_hz) if rate_hz > 0 else np.inf
        self._newest_s: float | None = None
        for one in settings:
            stage = one.build(info)
            self._stages.append(stage)
            info = stage.info
        self.info = info  # of what comes out
        if self._stages:  # compiles, or loads, all kernels
            self._through(np.empty((0, len(self._held)), np.float32), self._room(0))

    def apply(self, chunk: Chunk) -> Chunk:
        """The samples that the binner gets, one for each that came."""
        if not self._stages or not len(chunk.stamps):
            return chunk
        out = self._room(len(chunk.stamps))
        for first, last, gap_s in self._pieces(chunk.stamps):
            if gap_s > 0:
                for stage in self._stages:
                    stage.gap(gap_s)
            self._through(chunk.samples[first:last], out[first:last])
        return Chunk(chunk.stamps, out, chunk.stream)

    def _room(self, rows: int) -> F32:
        return np.empty((rows, self.info.channels), np.float32)

    def _pieces(self, stamps: F64) -> Iterator[tuple[int, int, float]]:
        """Rows that belong together, at most a block of them, and the gap before them."""
        before_s = stamps[0] if self._newest_s is None else self._newest_s
        newest = np.maximum.accumulate(np.concatenate([[before_s], stamps]))
        steps = np.diff(newest)
        self._newest_s = float(newest[-1])
        gaps = np.flatnonzero(steps > self._gap_s).tolist()
        first, gap_s = 0, 0.0
        for until in [*gaps, len(stamps)]:
            while first < until:
                last = min(until, first + ROWS)
                yield first, last, gap_s
                first, gap_s = last, 0.0
            gap_s = float(steps[until]) if until < len(stamps) else 0.0

    def _through(self, samples: F32, out: F32) -> None:
        block = self._block.part(len(samples))
        given = np.ascontiguousarray(samples, np.float32)
        take_in(given, self._held, block.values, block.marks, block.broken)
        for stage in self._stages:
            block = stage.apply(block)
        give_out(block.values, block.marks, block.broken, out)

    @property
    def events(self) -> Counter[str]:
        """Of all stages."""
        return sum((stage.events for stage in self._stages), Counter())
