"""MATLAB 5 files, read by ourselves: a compiled reader ends the process on a damaged one.

A file is 128 bytes of head, then elements, each [type: 4 bytes] [bytes: 4] [content, to a multiple
of 8], or [type: 2] [bytes: 2] [content: 4] where that is enough. Source: MAT-File Format, The
MathWorks.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.errors import RecordingError

HEAD_BYTES = 128
MATRIX, COMPRESSED, UTF8, UTF16 = 14, 15, 16, 17
CELL, STRUCT, CHARACTERS = 1, 2, 4
NUMBERS = frozenset(range(6, 16))  # classes: double, single, int8 ... uint64
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
         13: "u8", UTF8: "u1", UTF16: "u2"}  # fmt: skip
MOST_CELLS = 1 << 16
DEEPEST = 8
MOST_BYTES = 4 << 30  # of one compressed variable

Value = NDArray[Any] | str | list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Element:
    type: int
    content: memoryview


def variables(data: bytes, wanted: str) -> Mapping[str, Value]:
    """The variable of that name, where it is there: {} where it is not.

    Numbers come as arrays, a character matrix as a list of its rows, a cell array as a list, a
    structure as a dict. Raises RecordingError for anything that is not a whole little-endian file.
    """
    if data[126:128] != b"IM":
        raise RecordingError("it is damaged, or was written by a big-endian machine")
    for element in _elements(memoryview(data)[HEAD_BYTES:]):
        inner = _inflated(element) if element.type == COMPRESSED else element
        if inner.type != MATRIX:
            continue
        name, value = _matrix(inner.content, 0, wanted)
        if name == wanted:
            return {name: value}
    return {}


def _elements(view: memoryview) -> Iterator[_Element]:
    at = 0
    while at + 8 <= len(view):
        small = int.from_bytes(view[at + 2 : at + 4], "little")
        if small:
            if small > 4:
                raise RecordingError(f"it is damaged: a small element of {small} bytes")
            kind = int.from_bytes(view[at : at + 2], "little")
            yield _Element(kind, view[at + 4 : at + 4 + small])
            at += 8
            continue
        kind = int.from_bytes(view[at : at + 4], "little")
        size = int.from_bytes(view[at + 4 : at + 8], "little")
        if at + 8 + size > len(view):
            raise RecordingError(
                f"it ends inside an element: {size} bytes announced, {len(view) - at - 8} there"
            )
        yield _Element(kind, view[at + 8 : at + 8 + size])
        at += 8 + size
        if kind != COMPRESSED:
            at += -size % 8


def _inflated(element: _Element) -> _Element:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(element.content, MOST_BYTES)
    except zlib.error as error:
        raise RecordingError(f"it is damaged: {error}") from None
    if not stream.eof:
        raise RecordingError("it is damaged: a variable ends inside its compression")
    return next(_elements(memoryview(data)), _Element(0, memoryview(b"")))


def _matrix(content: memoryview, depth: int, wanted: str | None = None) -> tuple[str, Value]:
    """Its name and value; the value of another variable than the one wanted is left out."""
    if depth > DEEPEST:
        raise RecordingError(f"it is damaged: structures stand {DEEPEST} deep in each other")
    parts = _elements(content)
    flags = next(parts, None)
    if flags is None:  # an empty field of a structure
        return "", np.empty((0, 0))
    sizes, named = next(parts, None), next(parts, None)
    if len(flags.content) != 8 or sizes is None or named is None:
        raise RecordingError("it is damaged: a variable has no flags, size or name")
    name = bytes(named.content).decode("latin-1")
    if wanted is not None and name != wanted:
        return name, []
    shape = tuple(_numbers(sizes).astype(np.int64).tolist())
    if len(shape) < 2 or min(shape) < 0:
        raise RecordingError(f"it is damaged: {name or 'a variable'} has the shape {shape}")
    kind = flags.content[0]
    if kind == STRUCT:
        return name, _structure(parts, shape, depth)
    if kind == CELL:
        if prod(shape) > MOST_CELLS:
            raise RecordingError(f"{name or 'a variable'} has {prod(shape)} cells: too many")
        return name, [_matrix(part.content, depth + 1)[1] for part in parts]
    return name, _table(parts, shape, kind)


def _table(parts: Iterator[_Element], shape: tuple[int, ...], kind: int) -> Value:
    """Numbers, or rows of characters; nothing of other classes."""
    if kind not in NUMBERS and kind != CHARACTERS:
        return []
    table = _numbers(next(parts, _Element(9, memoryview(b""))))
    if len(table) != prod(shape):
        raise RecordingError(f"it is damaged: {len(table)} values for the shape {shape}")
    rows = table.reshape(shape, order="F")
    if kind == CHARACTERS:
        return ["".join(map(chr, row.astype(np.uint16).tolist())) for row in rows]
    return rows


def _structure(parts: Iterator[_Element], shape: tuple[int, ...], depth: int) -> dict[str, Any]:
    """The fields of a structure; raises RecordingError for an array of several."""
    length, names = next(parts, None), next(parts, None)
    if length is None or names is None or prod(shape) != 1:
        raise RecordingError(f"a structure has the shape {shape}: expected a single one")
    width = int.from_bytes(length.content[:4], "little")
    if not 0 < width <= 64:
        raise RecordingError(f"it is damaged: names of fields are {width} bytes long")
    text = bytes(names.content)
    fields = [text[at : at + width] for at in range(0, len(text), width)]
    known = [field.split(b"\0", 1)[0].decode("latin-1") for field in fields]
    values = [_matrix(part.content, depth + 1)[1] for part in parts if part.type == MATRIX]
    if len(values) != len(known):
        raise RecordingError(f"it is damaged: {len(known)} fields have {len(values)} values")
    return dict(zip(known, values, strict=True))


def _numbers(element: _Element) -> NDArray[Any]:
    code = TYPES.get(element.type)
    if code is None:
        raise RecordingError(f"it is damaged: numbers of the type {element.type}")
    dtype = np.dtype(code).newbyteorder("<")
    if len(element.content) % dtype.itemsize:
        raise RecordingError("it is damaged: half a number at the end of an element")
    return np.frombuffer(element.content, dtype)
