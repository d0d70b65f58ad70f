"""Common average reference: what all channels have in common is not theirs."""

from collections import Counter
from typing import Literal

from eprop_rt.conditioning.stage import Block, SampleSettings
from eprop_rt.kernels.filters import subtract_average
from eprop_rt.series import StreamInfo


class CommonAverageSettings(SampleSettings):
    """Takes the mean over the channels that are there off every sample."""

    kind: Literal["common_average"] = "common_average"

    def build(self, info: StreamInfo) -> "CommonAverage":
        """For any stream."""
        return CommonAverage(info)


class CommonAverage:
    """Has no state."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.events: Counter[str] = Counter()

    def apply(self, block: Block) -> Block:
        """Subtract in place."""
        subtract_average(block.values, block.marks, block.broken)
        return block

    def gap(self, seconds: float) -> None:
        """Nothing to forget."""
