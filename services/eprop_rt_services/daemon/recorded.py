"""The data path as the daemon drives it: everything that goes in is written down first."""

from collections.abc import Iterator

from eprop_rt.orders import Order
from eprop_rt.pipeline import Output, Pipeline
from eprop_rt.series import Chunk, LabelChunk
from eprop_rt_services.daemon.record import Record


class RecordedPath:
    """A pipeline with a record of its own. `pipeline` may be replaced between two items."""

    def __init__(self, pipeline: Pipeline, record: Record) -> None:
        self.pipeline = pipeline
        self._record = record

    def push(self, chunk: Chunk) -> Iterator[Output]:
        """As that of the pipeline."""
        self._record.item(chunk)
        return self.pipeline.push(chunk)

    def push_labels(self, chunk: LabelChunk) -> None:
        """As that of the pipeline."""
        self._record.item(chunk)
        self.pipeline.push_labels(chunk)

    def obey(self, order: Order, by: str) -> None:
        """As that of the pipeline; an order that it refuses leaves no trace."""
        place = self.pipeline.decoded, self.pipeline.finished
        self.pipeline.obey(order)
        self._record.order(place, order, by)

    @property
    def between_items(self) -> bool:
        """Whether the pipeline stands between two items, not within one."""
        return self.pipeline.decoded == self.pipeline.finished
