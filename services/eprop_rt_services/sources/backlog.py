"""What has come and is not handed on yet."""

from collections import deque

from eprop_rt.series import Chunk
from eprop_rt_services.sources.stamps import newest_s

# About what may pass between two looks at the age of what is decoded.
PORTION_S = 0.05


class Backlog:
    """Chunks in the order in which they go on, a portion of time at a time.

    What is handed on tells how old the data is that commands are about; had a backlog of seconds
    gone on at once, its newest sample would hide that the oldest comes first.
    """

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque()

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def add(self, chunks: list[Chunk]) -> None:
        """Take chunks, each no longer than a slice of `interleaved`."""
        self._chunks.extend(chunks)

    def portion(self) -> list[Chunk]:
        """The next chunks, up to `PORTION_S` after the first of them."""
        taken: list[Chunk] = []
        first_s: float | None = None
        while self._chunks:
            stamp_s = newest_s(self._chunks[0].stamps)
            if first_s is None:
                first_s = stamp_s
            elif stamp_s is not None and stamp_s - first_s > PORTION_S:
                break
            taken.append(self._chunks.popleft())
        return taken

    def clear(self) -> int:
        """Forget all, and return how many samples that were."""
        dropped = sum(len(chunk.stamps) for chunk in self._chunks)
        self._chunks.clear()
        return dropped
