"""The loop: whatever the source, samples go in and outputs go out.

A live stream, a recording and a list are three sources of this one loop, so what was live replays.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Item, LabelChunk, MarkerChunk

# How long to wait for a sample before looking whether to stop.
PATIENCE_S = 0.02


class Source(Protocol):
    """Where samples and labels come from."""

    def pull(self, timeout_s: float) -> Sequence[Item]:
        """What has come, labels before the signal of their time; empty where nothing came."""
        ...


def run(
    source: Source,
    pipeline: Pipeline,
    sink: Callable[[Output], None],
    stop: Callable[[], bool],
) -> None:
    """Feed `pipeline` and hand each output to `sink` before it is learned from, until `stop`."""
    while not stop():
        for item in source.pull(PATIENCE_S):
            if isinstance(item, LabelChunk):
                pipeline.push_labels(item)
                continue
            if isinstance(item, MarkerChunk):
                continue
            for output in pipeline.push(item):
                sink(output)
                if stop():
                    return
