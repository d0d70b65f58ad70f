"""Commands as bytes, quickly: what one sender never changes is made and checked once.

A header is the text of the first one with new numbers put in: between two commands other programs
have had the processor's caches, and to make and check every header anew takes longer than decoding.
"""

import math
from typing import Final, NamedTuple, get_args

import numpy as np

from eprop_rt_protocols.codec import encode_topic
from eprop_rt_protocols.command import CommandHeader, Learning, OutputKind, Values
from eprop_rt_protocols.errors import LocalProtocolError

WORDS: Final = frozenset((*get_args(Learning), *get_args(OutputKind)))


class Moment(NamedTuple):
    """What differs from one command to the next; the names are those of `CommandHeader`."""

    sequence: int
    origin_s: float
    bin_end_s: float
    published_s: float
    deadline_s: float
    update_id: int
    learning: Learning
    output: OutputKind


class CommandEncoder:
    """Encodes the commands of one sender, as `codec.encode` does."""

    def __init__(self, topic: str, like: CommandHeader) -> None:
        """`like`: a header that differs from those to come in its `Moment` only."""
        self._topic = encode_topic(topic)
        self._dtype, self._shape = np.dtype(like.dtype), like.shape
        self._start = f'{{"version":{like.version},"sequence":'
        clock = like.stamps.model_dump_json(include={"clock"})
        self._clock = f",{clock[1:]}"
        self._sender = like.model_dump_json(include={"host", "model_id"})[1:-1]
        self._form = like.model_dump_json(include={"dtype", "shape", "names", "units"})[1:]

    def encode(self, moment: Moment, values: Values) -> list[bytes]:
        """Return the frames of a command; raises LocalProtocolError as `codec.encode` does."""
        sequence, origin_s, bin_end_s, published_s, deadline_s, updates, learning, output = moment
        if values.dtype != self._dtype or values.shape != self._shape:
            raise LocalProtocolError(
                "payload",
                f"values {values.dtype}{values.shape} came, {self._dtype}{self._shape} were "
                "announced: send what was announced",
            )
        numbers = (origin_s, bin_end_s, published_s, deadline_s, *values.ravel().tolist())
        if not all(map(math.isfinite, numbers)):
            raise LocalProtocolError("finite", "a stamp or value is NaN or infinite")
        if not (sequence >= 0 <= updates and learning in WORDS and output in WORDS):
            raise LocalProtocolError("field", f"{moment} came, which is no moment of a command")
        header = (
            f'{self._start}{sequence:d},"stamps":{{"origin_s":{origin_s!r},'
            f'"bin_end_s":{bin_end_s!r},"published_s":{published_s!r}{self._clock},'
            f'"deadline_s":{deadline_s!r},{self._sender},"update_id":{updates:d},'
            f'"learning":"{learning}","output":"{output}",{self._form}'
        )
        return [self._topic, header.encode(), values.tobytes()]
