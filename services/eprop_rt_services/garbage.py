"""When the interpreter may look for garbage: between a command and the next bin.

Nearly everything that a bin makes goes as its last reference does. What is left are cycles, such as
an error with its traceback; they are few, and a look at the young ones takes microseconds once
everything that was there at the start is left out of it.
"""

import gc
from typing import Final, Self

YOUNG: Final = 700  # objects, as the interpreter's own threshold
FULL_EVERY_S: Final = 60.0


class GarbageCollection:
    """Inside this block garbage is looked for where the loop says, and nowhere else.

    What there is at the start, compiled kernels and modules above all, is never looked at again.
    """

    def __enter__(self) -> Self:
        gc.collect()
        gc.freeze()
        gc.disable()
        self._next_full_s = -float("inf")
        return self

    def __exit__(self, *_: object) -> None:
        gc.enable()
        gc.unfreeze()

    def between_bins(self, now_s: float) -> None:
        """Look at young objects where there are many, and at all since the start once a minute.

        `now_s` is of any clock that does not go back.
        """
        if gc.get_count()[0] >= YOUNG:
            gc.collect(0)
        if now_s >= self._next_full_s:
            self._next_full_s = now_s + FULL_EVERY_S
            gc.collect()
