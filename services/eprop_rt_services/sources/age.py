"""How old the newest sample is, and whether anything comes at all."""

from dataclasses import dataclass


@dataclass(slots=True)
class AgeWatch:
    """The newest stamp of a stream, and since when nothing has come; all on the local clock."""

    silence_s: float
    newest_s: float
    came_s: float
    started: bool = False
    silent: bool = False

    @classmethod
    def begun(cls, now_s: float, silence_s: float) -> "AgeWatch":
        """Before the first sample, age counts from now."""
        return cls(silence_s, now_s, now_s)

    def age_s(self, now_s: float) -> float:
        """How old the newest sample is; grows while nothing comes, 0 for a stamp of the future."""
        return max(0.0, now_s - self.newest_s)

    def heard(self, now_s: float) -> None:
        """Take note that something came, whatever its stamps."""
        self.came_s, self.silent = now_s, False

    def came(self, newest_s: float) -> None:
        """Take note of samples up to this stamp; older ones leave it as it is."""
        self.newest_s = max(self.newest_s, newest_s) if self.started else newest_s
        self.started = True

    def falls_silent(self, now_s: float) -> bool:
        """Tell once each time that nothing came for `silence_s`."""
        if self.silent or now_s - self.came_s <= self.silence_s:
            return False
        self.silent = True
        return True
