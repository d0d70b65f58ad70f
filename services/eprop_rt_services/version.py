"""Which version of the program this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache  # it is looked up in files, and asked for with every status
def program_version() -> str:
    """The version that was installed; "source" where it runs from a checkout."""
    try:
        return version("eprop-rt")
    except PackageNotFoundError:
        return "source"
