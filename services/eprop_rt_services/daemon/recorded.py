"""The data path as the daemon drives it: written down before, and measured on the way."""

from collections.abc import Callable, Iterator

from eprop_rt.bins.binner import Bin
from eprop_rt.orders import Freeze, Hold, Order, Release, Set, Thaw
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk
from eprop_rt_services.daemon.record import Record
from eprop_rt_services.latency import Marks, StageLatencies
from eprop_rt_services.lsl_link import local_clock

DATA_AGE = "data_age"


class RecordedPath:
    """A pipeline with a record.

    `pulled_s` is when the samples in hand were pulled, `frozen_by` who froze learning by an order,
    `whole` whether it stands between two steps, with all that it said written down.
    `finished` is called with every bin when all that it asks for is done.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        record: Record,
        latencies: StageLatencies,
        hold_after_s: float | None = None,
    ) -> None:
        """`hold_after_s`: the output is held where a bin's newest sample is older."""
        self.pipeline = pipeline
        self._hold_after_s, self._old = hold_after_s, False
        self.pulled_s = self._binned_s = self._decoded_s = local_clock()
        self.frozen_by = ""
        self.whole = True
        self.finished: Callable[[Bin, Output], None] | None = None
        self._closed: Bin | None = None
        self._record, self._latencies = record, latencies

    def push_labels(self, chunk: LabelChunk) -> None:
        """As that of the pipeline."""
        self.whole = False
        self._record.item(chunk)
        self.pipeline.push_labels(chunk)
        self.whole = True

    def close(self, chunk: Chunk) -> Iterator[Bin]:
        """As that of the pipeline."""
        self.whole = False
        self._record.item(chunk)
        for closed in self.pipeline.close(chunk):
            self._binned_s = local_clock()
            self._closed = closed
            yield closed
            self.whole = False
        self.whole = True

    def decode(self, closed: Bin) -> Output:
        """As that of the pipeline."""
        if self._hold_after_s is not None:
            old = self._binned_s - closed.origin_s > self._hold_after_s
            if old != self._old:
                self._old = old
                self.obey(Hold(DATA_AGE) if old else Release(DATA_AGE), "clock")
        output = self.pipeline.decode(closed)
        self._decoded_s = local_clock()
        return output

    def published(self, output: Output, published_s: float) -> None:
        """A command went out; what follows is no longer in its way."""
        marks = Marks(
            output.origin_s, self.pulled_s, self._binned_s, self._decoded_s, local_clock()
        )
        self._latencies.command(marks, learning=output.learning)
        self._record.command(output, published_s, self.pipeline.updates)
        self.whole = True

    def finish(self, output: Output) -> None:
        """As that of the pipeline."""
        begun_s = local_clock()
        self.whole = False
        self.pipeline.finish(output)
        self.whole = True
        self._latencies.learned(local_clock() - begun_s, learning=output.learning)
        if self.finished is not None and self._closed is not None:
            self.finished(self._closed, output)

    def obey(self, order: Order, by: str) -> None:
        """As that of the pipeline; an order that it refuses leaves no trace."""
        place = self.pipeline.decoded, self.pipeline.finished
        self.pipeline.obey(order)
        self._record.order(place, order, by)
        if isinstance(order, Freeze):
            self.frozen_by = by
        elif isinstance(order, Thaw):
            self.frozen_by = ""

    def replace(self, pipeline: Pipeline) -> None:
        """Go on with another pipeline, told what this one was told; between two items."""
        before, self._old = self.pipeline, False
        self.pipeline = pipeline
        if not before.thawed:
            self.obey(Freeze(), self.frozen_by)
        usual = pipeline.hot.values()
        were_set = {
            name: value for name, value in before.hot.values().items() if value != usual[name]
        }
        if were_set:
            self.obey(Set(were_set), "operator")

    @property
    def between_items(self) -> bool:
        """Whether the pipeline stands between two items, not within one."""
        return self.pipeline.decoded == self.pipeline.finished
