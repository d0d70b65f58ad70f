"""Threads for offline work: kernels let go of the interpreter's lock."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from eprop_rt.batch import Each, in_turn


@contextmanager
def threads(count: int | None) -> Iterator[Each]:
    """Something that does parts of a task side by side, on `count` threads or one a core."""
    workers = count or len(os.sched_getaffinity(0))
    if workers == 1:
        yield in_turn
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="train") as pool:

        def each(part: Callable[[int], None], parts: int) -> None:
            for _ in pool.map(part, range(parts)):  # raises what a part raised
                pass

        yield each
