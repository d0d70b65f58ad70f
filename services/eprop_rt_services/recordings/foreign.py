"""The border to the format libraries: what they lack or raise becomes one line of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eprop_rt.errors import EpropError, RecordingError

LONGEST_REASON = 300


@contextmanager
def optional_extra(package: str, extra: str = "recordings") -> Iterator[None]:
    """Turn a failed import of an optional package into an EpropError that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise EpropError(
            f"recordings of this kind need {package}, which does not import ({one_line(error)}): "
            f"pip install eprop-rt[{extra}]"
        ) from error


@contextmanager
def errors_of(path: Path, failure: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file into a RecordingError that begins with its path.

    `failure` says what failed where a format library raises: "cannot be read as NWB".
    """
    try:
        yield
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error
    except EpropError:
        raise
    except Exception as error:  # a parser raises anything on bytes that nobody foresaw
        raise RecordingError(f"{path} {failure}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Return what an error says, on one line of bounded length."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + " ..."
