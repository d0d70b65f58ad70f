"""A peer of `eprop-rt bench step`, absent from most environments: taken as it comes."""

from typing import Any

def __getattr__(name: str) -> Any: ...
