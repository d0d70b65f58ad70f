"""Results kept by what they depend on: recordings, settings, condition and this very code.

A result is one file in the user's cache folder, named by a hash. Whatever is wrong with such a
file or folder, the result is computed: a cache never makes a command fail.
"""

import contextlib
import functools
import hashlib
import json
import os
from importlib import metadata, util
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from eprop_rt_services.recordings import Recording

KEPT = 400  # results; those used least recently make room
CODE = ("eprop_rt", "eprop_rt_services")
LIBRARIES = ("numpy", "numba", "torch")


def cache_folder() -> Path:
    """Where XDG says that caches go."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "eprop-rt" / "replay"


class ResultCache:
    """Arrays with a few plain facts, by key; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def load(self, key: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Arrays and facts; None where there are none."""
        if self._folder is None:
            return None
        path = self._folder / f"{key}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            facts = json.loads(str(arrays.pop("facts")))
            path.touch()
        except (OSError, ValueError, KeyError, BadZipFile, EOFError):
            return None
        return arrays, facts

    def store(self, key: str, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        """Keep a result, whole or not at all."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f".{key}.{os.getpid()}.npz"
            everything: dict[str, Any] = {**arrays, "facts": np.array(json.dumps(facts))}
            np.savez_compressed(unfinished, **everything)
            unfinished.replace(self._folder / f"{key}.npz")
            self._make_room(self._folder)

    def _make_room(self, folder: Path) -> None:
        results = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
        for path in results[:-KEPT]:
            path.unlink(missing_ok=True)


def key_of(*parts: str) -> str:
    """A hash of parts that are told apart."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def content_of(recording: Recording) -> str:
    """A hash of everything that a decoder can see of it."""
    digest = hashlib.sha256()
    for series in (recording.signal, recording.labels):
        digest.update(repr(None if series is None else series.info).encode())
        if series is not None:
            digest.update(np.ascontiguousarray(series.stamps).data)
            digest.update(np.ascontiguousarray(series.values).data)
            if series.known_s is not None:
                digest.update(np.ascontiguousarray(series.known_s).data)
    return digest.hexdigest()


@functools.cache
def code_version() -> str:
    """A hash of this program's source and of the versions of what computes for it."""
    digest = hashlib.sha256()
    for package in CODE:
        found = util.find_spec(package)
        for folder in found.submodule_search_locations or () if found else ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            digest.update(f"{library} {metadata.version(library)}".encode())
    return digest.hexdigest()
