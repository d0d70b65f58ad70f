"""Which version of the program this is."""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The version that was installed; "source" where it runs from a checkout."""
    try:
        return version("eprop-rt")
    except PackageNotFoundError:
        return "source"
