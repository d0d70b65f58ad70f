"""The texts in an EDF+ or BDF+ file, and when each of its records began.

A signal of texts holds lists [onset] ([21] [duration]) [20] [text] [20] ... [0]. The first list of
a record has no text: it says when the record began.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import F64
from eprop_rt_services.recordings.edf_head import Head

LIST = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15[\d.]*)?\x14([^\x00]*)\x14\x00")
OF_A_CHANNEL = "@@"  # text@@C3: said of that channel alone


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """Texts, and `began_s` (records,), NaN where that is not said; second 0 is the first's."""

    began_s: F64
    stamps: F64
    texts: tuple[str, ...]


def notes_of(path: Path, head: Head, records: int) -> Notes:
    """Read them; a file without any has records that do not say when they began."""
    began = np.full(records, np.nan)
    stamps, texts, first_s = list[float](), list[str](), 0.0
    of_channels: set[tuple[float, str]] = set()
    for record, at, onset_s, said in _lists(path, head, records):
        if at == 0 and not said:
            first_s = onset_s if record == 0 else first_s
            began[record] = onset_s - first_s
        for whole in filter(None, said.split("\x14")):
            text, channel = whole.partition(OF_A_CHANNEL)[::2]
            if channel and (onset_s, text) in of_channels:
                continue  # the same of another channel
            if channel:
                of_channels.add((onset_s, text))
            stamps.append(onset_s - first_s)
            texts.append(text)
    return Notes(began, np.array(stamps, np.float64), tuple(texts))


def stamps_of(notes: Notes, head: Head, per_record: int) -> F64:
    """When each sample was taken, of signals with so many in a record.

    Raises RecordingError where records do not follow each other and one does not say when it began.
    """
    records, rate_hz = len(notes.began_s), per_record / head.record_s
    if not head.is_broken_off:
        return np.arange(records * per_record) / rate_hz
    silent = np.flatnonzero(np.isnan(notes.began_s))
    if len(silent):
        raise RecordingError(
            f"its records do not follow each other ({head.kind}), and record {silent[0] + 1} of "
            f"{records} does not say when it began: convert it to a continuous file"
        )
    return np.add.outer(notes.began_s, np.arange(per_record) / rate_hz).ravel()


def _lists(path: Path, head: Head, records: int) -> Iterator[tuple[int, int, float, str]]:
    """Each list: its record, its number there, its onset, and its texts as they stand."""
    if not head.notes:
        return
    shape = (records, head.record_bytes)
    with path.open("rb") as file:
        every = np.memmap(file, np.uint8, "r", head.head_bytes, shape)
    parts = [head.bytes_of(signal) for signal in head.notes]
    for record in range(records):
        content = b"".join(every[record, part].tobytes() for part in parts)
        for at, found in enumerate(LIST.finditer(content)):
            yield record, at, float(found[1]), found[2].decode("utf-8", "replace")
