"""The folder of a journal: what its files are called, and which of them are of use."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from eprop_rt.errors import CheckpointError, ConfigError, RestoreError
from eprop_rt.orders import HotValue
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint

SEGMENT = re.compile(r"journal-(\d{4,})\.xdf")
STANDING, BLAMED = "standing.json", "blamed.json"
CHECKPOINT = re.compile(r"checkpoint-(\d{4,})-(\d{4,})\.npz")


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint to go on from, and why those newer than it were passed over."""

    path: Path
    checkpoint: Checkpoint
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an operator left in force: it outlives a crash, and not an end in good order."""

    frozen_by: str = ""
    settings: dict[str, HotValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JournalFolder:
    """Numbers files so that their names sort as they were written."""

    path: Path

    def make(self) -> None:
        """Make it where it is not there, and clear away what a killed daemon was about to write.

        Raises ConfigError where that cannot be.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for path in self.path.glob(".checkpoint-*.unfinished"):
                if not Path("/proc", path.name.split(".")[-2]).exists():  # who wrote it is gone
                    path.unlink(missing_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"cannot write to the journal's folder {self.path} ({error.strerror}): set "
                "journal.folder to one of yours"
            ) from None

    def segments(self) -> list[Path]:
        """All of them, the oldest first."""
        return self._matching(SEGMENT)

    def checkpoints(self) -> list[Path]:
        """All of them, the oldest first."""
        return self._matching(CHECKPOINT)

    def next_number(self) -> int:
        """Of the segment that is written next: nothing in here is of it, or of a later one."""
        segments = [_groups(SEGMENT, path)[0] for path in self.segments()]
        of_checkpoints = [_groups(CHECKPOINT, path)[0] for path in self.checkpoints()]
        return max([*segments, *of_checkpoints], default=0) + 1

    def newest_checkpoint(self, since: int = 0) -> Found | None:
        """The newest of segments `since` on to go on from: whole, finite, and not blamed.

        Where all others are blamed, the newest of those. None where there are none at all;
        CheckpointError where there are some, and none that is whole and finite.
        """
        blamed, passed_over = self._blamed(), list[str]()
        newest = [p for p in self.checkpoints() if _groups(CHECKPOINT, p)[0] >= since][::-1]
        for path in sorted(newest, key=lambda path: path.name in blamed):  # the others first
            try:
                checkpoint = read_checkpoint(path)
                checkpoint.check_finite()
            except CheckpointError as error:
                passed_over.append(str(error))
            except RestoreError as error:
                passed_over.append(f"{path}: {error}")
            else:
                newer = newest[: newest.index(path)]
                passed_over += [f"{p}: the guard gave up on it" for p in newer if p.name in blamed]
                return Found(path, checkpoint, tuple(passed_over))
        if passed_over:
            raise CheckpointError(
                f"no checkpoint in {self.path} can be gone on from ({passed_over[0]}): start "
                "without --resume"
            )
        return None

    def blame(self, name: str) -> None:
        """The guard gave up on what came of a checkpoint: take another one; raises OSError."""
        there = {path.name for path in self.checkpoints()}
        self._write(BLAMED, _BLAMED.dump_json((self._blamed() | {name}) & there))

    def _blamed(self) -> frozenset[str]:
        try:
            return _BLAMED.validate_json((self.path / BLAMED).read_bytes())
        except (OSError, ValidationError):
            return frozenset()

    def stands(self) -> Standing:
        """What was in force when the daemon before crashed; nothing where it did not."""
        try:
            return _STANDING.validate_json((self.path / STANDING).read_bytes())
        except (OSError, ValidationError):
            return Standing()

    def leave(self, standing: Standing) -> None:
        """Write down what is in force; raises OSError."""
        if standing == Standing():
            (self.path / STANDING).unlink(missing_ok=True)
            return
        self._write(STANDING, _STANDING.dump_json(standing))

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.path / f".{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(self.path / name)

    def prune(self, keep: int, needed: frozenset[str]) -> None:
        """Delete old checkpoints: all but the newest `keep` and those with a name in `needed`."""
        for path in self.checkpoints()[:-keep]:
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def _matching(self, pattern: re.Pattern[str]) -> list[Path]:
        found = [path for path in self.path.glob("*") if pattern.fullmatch(path.name)]
        return sorted(found, key=lambda path: _groups(pattern, path))


def _groups(pattern: re.Pattern[str], path: Path) -> tuple[int, ...]:
    match = pattern.fullmatch(path.name)
    return tuple(int(part) for part in match.groups()) if match else ()


_STANDING = TypeAdapter(Standing)
_BLAMED = TypeAdapter(frozenset[str])
