"""Whether there is Lab Streaming Layer on this machine, and its clock."""

from eprop_rt.errors import StreamError

# What an import of pylsl raises where it, or liblsl, is missing or does not fit.
NOT_THERE = (ImportError, RuntimeError, OSError, AttributeError)

_unavailable = ""
try:
    import pylsl
except NOT_THERE as error:
    _unavailable = str(error).partition("\n")[0] or type(error).__name__


def lsl_available() -> bool:
    """Tell whether pylsl and liblsl are installed and load."""
    return not _unavailable


def require_lsl() -> None:
    """Raise StreamError where pylsl or liblsl is missing."""
    if _unavailable:
        raise StreamError(
            f"Lab Streaming Layer cannot be used: {_unavailable}; install it with 'pip install "
            "pylsl' (x86-64 Linux) or 'conda install -c conda-forge liblsl', or point PYLSL_LIB "
            "to liblsl.so"
        )


def local_clock() -> float:
    """Read the clock of Lab Streaming Layer on this machine, in seconds."""
    require_lsl()
    return pylsl.local_clock()
