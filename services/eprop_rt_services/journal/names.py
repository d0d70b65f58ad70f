"""What the files of a session are called."""

from pathlib import Path

from eprop_rt_services.journal.folder import JournalFolder


class Names:
    """Numbers what is written next, in the order of writing.

    The folder is looked at once: who asks later may not wait for a disk that does not answer.
    """

    def __init__(self, folder: JournalFolder) -> None:
        self._path = folder.path
        self._segment, self._checkpoint = folder.next_number() - 1, 0
        self.begun = False  # there is a segment

    def segment(self) -> Path:
        """That of the next segment."""
        self._segment, self._checkpoint, self.begun = self._segment + 1, 0, True
        return self._path / f"journal-{self._segment:04}.xdf"

    def checkpoint(self) -> Path:
        """That of the next checkpoint, of what is learned while the newest segment is written."""
        self._checkpoint += 1
        return self._path / f"checkpoint-{self._segment:04}-{self._checkpoint:04}.npz"
