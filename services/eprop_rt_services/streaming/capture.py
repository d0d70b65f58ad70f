"""Live streams into an XDF file, as LabRecorder lays it out."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from eprop_rt.errors import RecordingError, StreamError
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_services.lsl_capture import Lookout, RawInlet
from eprop_rt_services.lsl_link import Found, StreamLost, local_clock
from eprop_rt_services.recordings.foreign import one_line
from eprop_rt_services.recordings.xdf_writer import XdfWriter

TURN_S = 0.05
COMPARE_EVERY_S = 5.0
OPEN_S = 5.0
REFUSED_S = 10.0

Told = Callable[[str], None]


class _Stream:
    """A stream that is being recorded."""

    def __init__(self, inlet: RawInlet, writer: XdfWriter) -> None:
        self.inlet, self._writer = inlet, writer
        self.number = writer.add_described(inlet.info, inlet.channel_format, inlet.header)
        self.samples, self.offsets = 0, 0
        self._compare_at_s = 0.0

    def take(self) -> None:
        """Write what has come, and now and then how the clocks differ."""
        for stamps, values in self.inlet.drain():
            self._writer.write(self.number, stamps, values)
            self.samples += len(stamps)
        now_s = local_clock()
        if now_s >= self._compare_at_s:
            self.compare()

    def compare(self) -> None:
        """Write how the clocks differ; nothing is known of it in the first moments."""
        offset_s = self.inlet.clock_offset_s()
        if offset_s is None:
            return
        now_s = local_clock()
        self._writer.write_clock_offset(self.number, now_s - offset_s, offset_s)
        self.offsets += 1
        self._compare_at_s = now_s + COMPARE_EVERY_S


class Capture:
    """Records every stream that answers to one of `wanted`, all where it is empty.

    Streams may join at any time; a sender that comes back is another stream. Use it as a context
    manager: leaving it ends the file.

    Raises RecordingError from `run` and `close` where the disk takes no more: the file then ends
    with the last whole chunk, and reads as one of a recorder that was killed.
    """

    def __init__(self, path: Path, wanted: Sequence[StreamRequirement], tell: Told) -> None:
        """Raises RecordingError where the file exists or cannot be made."""
        said = " or ".join(f"({one.predicate()})" for one in wanted)
        self._tell, self._path = tell, path
        self._writer = XdfWriter(path)
        self._lookout = Lookout(said)
        self._recorded: dict[str, _Stream] = {}
        self._open: dict[str, _Stream] = {}
        self._again_at_s: dict[str, float] = {}

    @property
    def streams(self) -> dict[str, tuple[int, int]]:
        """Of each stream, by what it is called: samples and measurements of its clock."""
        return {
            str(one.inlet.sighting): (one.samples, one.offsets) for one in self._recorded.values()
        }

    def run(self, ended: Callable[[], bool]) -> None:
        """Record until `ended` says so."""
        with self._disk_errors():
            while not ended():
                for found in self._lookout.seen():
                    self._join(found)
                self._take_all()
                time.sleep(TURN_S)
            self._take_all()
            for stream in self._open.values():
                with suppress(StreamLost):  # it left this very moment
                    stream.compare()

    def _join(self, found: Found) -> None:
        if found.uid in self._recorded or local_clock() < self._again_at_s.get(found.uid, 0.0):
            return
        try:
            inlet = RawInlet(found, OPEN_S)
        except StreamError as error:
            self._again_at_s[found.uid] = local_clock() + REFUSED_S
            self._tell(str(error))
            return
        self._recorded[found.uid] = self._open[found.uid] = _Stream(inlet, self._writer)
        self._tell(f"recording {found.sighting}")

    def _take_all(self) -> None:
        for uid, stream in list(self._open.items()):
            try:
                stream.take()
            except StreamLost as error:
                del self._open[uid]
                stream.inlet.close()
                self._tell(str(error))

    def close(self) -> None:
        """Unsubscribe, and end the file."""
        for stream in self._open.values():
            stream.inlet.close()
        self._open.clear()
        with self._disk_errors():
            self._writer.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Leave the file as it is where the disk refuses, and say so."""
        try:
            yield
        except OSError as error:
            self._writer.abandon()
            raise RecordingError(
                f"{self._path} could not be written to its end ({one_line(error)}): what came "
                "before is in it; make room, and record to another file"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
