"""The loop: whatever the source, samples go in and outputs go out.

A live stream, a recording and a list are three sources of this one loop, so what was live replays.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from eprop_rt.pipeline import Output
from eprop_rt.series import Chunk, LabelChunk

# How long to wait for a sample before looking whether to stop.
PATIENCE_S = 0.02


class Source(Protocol):
    """Where samples and labels come from."""

    def pull(self, timeout_s: float) -> list[Chunk | LabelChunk]:
        """What has come, labels before the signal of their time; empty where nothing came."""
        ...


class Path(Protocol):
    """Where they go: a pipeline, or what stands before one."""

    def push(self, chunk: Chunk) -> Iterator[Output]:
        """Yield one output a bin that this chunk completes."""
        ...

    def push_labels(self, chunk: LabelChunk) -> None:
        """Take labels."""
        ...


def run(
    source: Source,
    path: Path,
    sink: Callable[[Output], None],
    stop: Callable[[], bool],
) -> None:
    """Feed `path` and hand each output to `sink` before it is learned from, until `stop`."""
    while not stop():
        for item in source.pull(PATIENCE_S):
            if isinstance(item, LabelChunk):
                path.push_labels(item)
                continue
            for output in path.push(item):
                sink(output)
                if stop():
                    return
