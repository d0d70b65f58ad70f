"""The folder of a journal: what its files are called, and which of them are needed."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from eprop_rt.errors import CheckpointError, ConfigError
from eprop_rt.orders import HotValue
from eprop_rt_services.checkpoint import Checkpoint, read_checkpoint

SEGMENT = re.compile(r"journal-(\d{4,})\.xdf")
STANDING = "standing.json"
CHECKPOINT = re.compile(r"checkpoint-(\d{4,})-(\d{4,})\.npz")


@dataclass(frozen=True, slots=True)
class Found:
    """A whole checkpoint of the folder, and those newer than it that were not whole."""

    path: Path
    checkpoint: Checkpoint
    damaged: tuple[str, ...]


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

    def next_segment(self) -> Path:
        """The name of one more."""
        return self.path / f"journal-{_number(SEGMENT, self.segments()) + 1:04}.xdf"

    def next_checkpoint(self, segment: Path) -> Path:
        """The name of one more, for what is learned while `segment` is written."""
        match = SEGMENT.fullmatch(segment.name)
        of = match.group(1) if match else "0000"
        of_it = [path for path in self.checkpoints() if path.name.startswith(f"checkpoint-{of}-")]
        number = max((_groups(CHECKPOINT, path)[1] for path in of_it), default=0) + 1
        return self.path / f"checkpoint-{of}-{number:04}.npz"

    def newest_checkpoint(self) -> Found | None:
        """The newest that is whole, None where there are none; CheckpointError where none is."""
        damaged: list[str] = []
        for path in reversed(self.checkpoints()):
            try:
                return Found(path, read_checkpoint(path), tuple(damaged))
            except CheckpointError as error:
                damaged.append(str(error))
        if damaged:
            raise CheckpointError(
                f"no checkpoint in {self.path} is whole ({damaged[0]}): start without --resume"
            )
        return None

    def stands(self) -> Standing:
        """What was in force when the daemon before crashed; nothing where it did not."""
        try:
            return _STANDING.validate_json((self.path / STANDING).read_bytes())
        except (OSError, ValidationError):
            return Standing()

    def leave(self, standing: Standing) -> None:
        """Write down what is in force; raises OSError."""
        path = self.path / STANDING
        if standing == Standing():
            path.unlink(missing_ok=True)
            return
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_bytes(_STANDING.dump_json(standing))
        unfinished.replace(path)

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


def _number(pattern: re.Pattern[str], paths: list[Path]) -> int:
    return max((_groups(pattern, path)[0] for path in paths), default=0)


_STANDING = TypeAdapter(Standing)
