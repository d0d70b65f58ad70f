"""The loop: whatever the source, samples go in and outputs go out.

A live stream, a recording and a list are three sources of this one loop, so what was live replays.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from eprop_rt.bins.binner import Bin
from eprop_rt.pipeline import Output
from eprop_rt.series import Chunk, LabelChunk

# How long to wait for a sample before looking whether to stop.
PATIENCE_S = 0.02


class Source(Protocol):
    """Where samples and labels come from."""

    def pull(self, timeout_s: float) -> Sequence[Chunk | LabelChunk]:
        """What has come, labels before the signal of their time; empty where nothing came."""
        ...


class Path(Protocol):
    """Where they go: a pipeline, or what stands before one."""

    def push_labels(self, chunk: LabelChunk) -> None:
        """Take labels."""
        ...

    def close(self, chunk: Chunk) -> Iterator[Bin]:
        """Yield the bins that this chunk completes."""
        ...

    def decode(self, closed: Bin) -> Output:
        """What a bin means; nothing is learned from it."""
        ...

    def finish(self, output: Output) -> None:
        """Learn from the bin that was decoded last."""
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
            for closed in path.close(item):
                output = path.decode(closed)
                sink(output)
                if stop():
                    return
                path.finish(output)
