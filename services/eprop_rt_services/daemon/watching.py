"""What the clock and the task have a say in becomes an order, so that it is written down."""

import time
from collections.abc import Callable, Sequence

from eprop_rt.orders import Freeze, Late, Order, Thaw
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk
from eprop_rt_services.classes.live import LiveClasses
from eprop_rt_services.daemon.dry_run import DryRun
from eprop_rt_services.daemon.record import Record
from eprop_rt_services.daemon.recorded import RecordedPath
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.sources.kind import LiveSource
from eprop_rt_services.sources.settings import LslSettings

LATE_S = 0.5

Obey = Callable[[Order, str], None]


class Inputs:
    """The live source as the loop sees it: markers are taken out, and the time of a pull is kept.

    A marker in `freeze_on` or `thaw_on` is an order. What `classes` makes of markers, or of a
    channel, are labels from here on, and so in the journal. `silent`: the last pull brought
    nothing.
    """

    def __init__(
        self,
        source: LiveSource,
        settings: LslSettings,
        path: RecordedPath,
        record: Record,
        dry_run: DryRun,
        classes: LiveClasses | None = None,
    ) -> None:
        self._source, self._path, self._record, self._dry_run = source, path, record, dry_run
        self._classes = classes
        self._orders: dict[str, Order] = dict.fromkeys(settings.freeze_on, Freeze())
        self._orders |= dict.fromkeys(settings.thaw_on, Thaw())
        self.silent = False

    def pull(self, timeout_s: float) -> Sequence[Chunk | LabelChunk]:
        """What has come for the data path."""
        items = self._source.pull(timeout_s, self._path.pipeline.last_due_s, self._dry_run.walk)
        self._path.pulled_s = local_clock()
        self.silent = not items
        data: list[Chunk | LabelChunk] = []
        for item in items:
            if isinstance(item, MarkerChunk):
                self._heed(item)
            else:
                data.append(item)
        return data if self._classes is None else self._classes.apply(data)

    def _heed(self, markers: MarkerChunk) -> None:
        self._record.item(markers)
        if self._classes is not None:
            self._classes.heed(markers)
        for text in markers.texts:
            if text in self._orders:
                self._path.obey(self._orders[text], "marker")


class LatenessWatch:
    """Tells the guard how many commands missed their deadline, now and then."""

    def __init__(self, missed: Callable[[], int], obey: Obey) -> None:
        self._missed, self._obey = missed, obey
        self._told, self._told_s = 0, 0.0

    def look(self) -> None:
        """Call it between two steps."""
        missed = self._missed()
        if missed == self._told:
            return
        now_s = time.monotonic()
        if now_s - self._told_s > LATE_S:
            self._obey(Late(missed - self._told), "clock")
            self._told, self._told_s = missed, now_s
