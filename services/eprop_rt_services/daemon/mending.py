"""After a hole in the journal: what the data path begins anew from must be on the disk first."""

import time
from concurrent.futures import Future

from eprop_rt.pipeline import Pipeline
from eprop_rt_services.daemon.record import Record
from eprop_rt_services.daemon.session import Beginning, Session

AGAIN_S = 2.0


class Mending:
    """Writes a checkpoint, again and again while the disk takes none.

    Not while the guard does not trust what it would hold.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._under_way: tuple[Beginning, Future[None]] | None = None
        self._again_s = 0.0

    def look(self, session: Session, pipeline: Pipeline) -> Beginning | None:
        """What to begin with, once that is on the disk; call it while the journal is broken."""
        now_s = time.monotonic()
        if self._under_way is not None:
            beginning, written = self._under_way
            if not written.done():
                return None
            self._under_way = None
            return beginning if written.exception() is None else None
        if now_s > self._again_s and not self._record.busy and pipeline.guard.distrust is None:
            self._again_s = now_s + AGAIN_S
            self._under_way = self._record.keep(session.checkpoint(pipeline))
        return None
