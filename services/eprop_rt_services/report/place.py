"""Where a page goes: found out before hours of replay, not after."""

from pathlib import Path

from eprop_rt.errors import ConfigError

ENDINGS = (".html", ".htm")


def check_place(path: Path) -> None:
    """Raise ConfigError where no page could be written to `path`; leaves nothing there.

    Another ending than .html is refused: it may be a recording, which a page would overwrite.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--report {path}: expected a file that ends in .html")
    there = path.exists()
    try:
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise refusal(path, error) from None


def write_page(path: Path, page: str) -> None:
    """Raises ConfigError where it cannot be written."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise refusal(path, error) from None


def refusal(path: Path, error: OSError) -> ConfigError:
    """One line."""
    return ConfigError(f"cannot write {path} ({error.strerror}): name another --report file")
