"""Running a journal again: the same samples, labels and orders through the same data path."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from eprop_rt.config import DecoderSettings
from eprop_rt.errors import DataError, RecordingError
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk
from eprop_rt.snapshot import Arrays
from eprop_rt_services.checkpoint import digest, read_checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import End, Kept, Ordered, Placed, Start, Taken
from eprop_rt_services.journal.reader import Entry, Said, entries
from eprop_rt_services.path import begin_path

_DECODER: TypeAdapter[DecoderSettings] = TypeAdapter(DecoderSettings)
Data = Chunk | LabelChunk


@dataclass(slots=True)
class Reproduced:
    """How a segment came out: what was said live, beside what is said now.

    `live_digest` is None where the segment has no end, as after a crash: then `digest` is of as
    much as was read.
    """

    segment: Path
    origin: str
    bins: int = 0
    commands: int = 0  # that the journal holds
    different: int = 0
    first_different: int | None = None  # index of the bin
    checkpoints: int = 0
    checkpoints_different: int = 0
    live_digest: str | None = None
    digest: str = ""
    stretch_s: float = 0.0  # of stream, gaps included

    @property
    def identical(self) -> bool:
        """Whether nothing differs, to the bit."""
        same_end = self.live_digest in (None, self.digest)
        return same_end and not (self.different or self.checkpoints_different)


@dataclass(slots=True)
class _Running:
    """The segment in hand."""

    result: Reproduced
    pipeline: Pipeline
    digest: SessionDigest
    first_s: float | None = None
    said: deque[Output] = field(default_factory=deque)  # now, and not compared yet
    held: Data | None = None
    after: list[Placed | Said | Kept] = field(default_factory=list)
    ended: bool = False


class Reproduction:
    """Goes through the segments of one session in order; a segment may stand alone.

    Raises RecordingError where a segment cannot be begun or does not fit what comes before it.
    """

    def __init__(self, segments: Sequence[Path]) -> None:
        self._segments = segments
        heads = [next(entries(path)) for path in segments]
        self._needed = {head.checkpoint for head in heads if isinstance(head, Start)}
        self._learned: dict[str, Arrays] = {}  # those of them that were reproduced
        self._sums: dict[str, str] = {}  # of all checkpoints of the segment
        self._last: _Running | None = None

    def run(self) -> Iterator[Reproduced]:
        """One segment after the other."""
        for path in self._segments:
            found = entries(path)
            running = self._begin(path, next(found))
            for entry in found:
                self._take(running, entry)
            self._go_through(running)
            if not running.ended:
                running.result.digest = running.digest.with_decoder(running.pipeline.decoder)
            running.result.bins = running.pipeline.decoded
            self._last = running
            yield running.result

    def _begin(self, path: Path, head: Entry) -> _Running:
        if not isinstance(head, Start):
            raise RecordingError(f"{path} does not begin as a journal does")
        result = Reproduced(path, head.origin)
        if head.origin == "before":
            if self._last is None:
                raise RecordingError(
                    f"{path} goes on where the segment before it ends: replay that one before it"
                )
            last = self._last
            return _Running(result, last.pipeline, last.digest, said=last.said)
        config = Config.model_validate(head.config)
        decoder = _DECODER.validate_python(head.decoder)
        learned = self._learned_by(path, head) if head.origin == "checkpoint" else None
        begun = begin_path(config, decoder, head.signals, head.labels, head.outputs, learned)
        return _Running(result, begun, SessionDigest())

    def _learned_by(self, path: Path, head: Start) -> Arrays:
        name = head.checkpoint or ""
        arrays = self._learned.get(name)
        if arrays is None:
            arrays = read_checkpoint(path.with_name(name)).arrays
        if digest(arrays) != head.sha256:
            raise RecordingError(
                f"{path} begins with {name}, but that holds something else now: keep the folder of "
                "a journal as it was written"
            )
        return arrays

    def _take(self, running: _Running, entry: Entry) -> None:
        if isinstance(entry, Chunk | LabelChunk):
            self._go_through(running)
            running.held = entry
        elif isinstance(entry, Placed | Said | Kept):
            running.after.append(entry)

    def _go_through(self, running: _Running) -> None:
        """What is held, then what came after it, each at its place."""
        held, after = running.held, running.after
        running.held, running.after = None, []
        placed = deque(one for one in after if isinstance(one, Placed))
        match held:
            case LabelChunk():
                running.pipeline.push_labels(held)
            case Chunk():
                if running.first_s is None:
                    running.first_s = float(held.stamps[0])
                running.result.stretch_s = float(held.stamps[-1]) - running.first_s
                for closed in running.pipeline.close(held):
                    self._carry_out(running, placed)
                    output = running.pipeline.decode(closed)
                    running.digest.add(output.index, output.values)
                    running.said.append(output)
                    self._carry_out(running, placed)
                    if running.ended:
                        break
                    running.pipeline.finish(output)
        self._carry_out(running, placed)
        if placed:
            raise RecordingError(
                f"{running.result.segment} does not replay: bin {placed[0].decoded} was expected, "
                f"the data path is at {running.pipeline.decoded}"
            )
        for one in after:
            if isinstance(one, Said):
                self._compare(running, one)
            elif isinstance(one, Kept):
                running.result.checkpoints += 1
                same = self._sums.pop(one.file, None) == one.sha256
                running.result.checkpoints_different += not same

    def _carry_out(self, running: _Running, placed: deque[Placed]) -> None:
        pipeline = running.pipeline
        while placed and placed[0].place == (pipeline.decoded, pipeline.finished):
            match placed.popleft():
                case Ordered(order=order):
                    try:
                        pipeline.obey(order)
                    except DataError as error:
                        raise RecordingError(
                            f"{running.result.segment} does not replay: {error}"
                        ) from None
                case Taken(file=file):
                    arrays = pipeline.decoder.snapshot()
                    self._sums[file] = digest(arrays)
                    if file in self._needed:
                        self._learned[file] = arrays
                case End(digest=live):
                    running.result.live_digest = live
                    running.result.digest = running.digest.with_decoder(pipeline.decoder)
                    running.ended = True

    @staticmethod
    def _compare(running: _Running, said: Said) -> None:
        result = running.result
        result.commands += 1
        now = running.said.popleft() if running.said else None
        same = (
            now is not None
            and now.index == said.index
            and np.array_equal(now.values.view(np.int64), said.values.view(np.int64))
        )
        if not same:
            result.different += 1
            if result.first_different is None:
                result.first_different = said.index
