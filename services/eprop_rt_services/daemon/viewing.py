"""What a daemon shows of itself: rows of what each bin left behind, sent between two bins.

While nobody subscribes, a bin costs a look at a flag. Otherwise it costs the copy of a few short
rows, and ten times a second their bytes; nothing is computed, and no number of the session differs
for it.
"""

import math
import os
from collections.abc import Callable

import numpy as np

from eprop_rt.bins.binner import Bin
from eprop_rt.build import Mask
from eprop_rt.decoder import Decoder
from eprop_rt.pipeline import Output
from eprop_rt.rate_watch import Spiking
from eprop_rt_protocols.command import Learning
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_protocols.view import MAX_BINS, MAX_SHOWN, View, ViewHeader, encode_view
from eprop_rt_services.daemon.publishing import LSL_CLOCK, Publishing
from eprop_rt_services.daemon.recorded import RecordedPath
from eprop_rt_services.daemon.session import Session
from eprop_rt_services.daemon.weights import WeightsSeen
from eprop_rt_services.lsl_link import local_clock
from eprop_rt_services.sources.kind import LiveSource

EVERY_S = 0.1
WEIGHTS_EVERY_S = 1.0
EMPTY = np.zeros(0, np.float32)


class Rows:
    """The newest bins that were not shown yet, as many as fit; `first` is the number of the first.

    Arrays are made when somebody looks for the first time.
    """

    def __init__(self, outputs: int, inputs: int, neurons: int) -> None:
        self.first = self.count = 0
        self.end_s = 0.0
        self.decoded = np.zeros((MAX_BINS, outputs), np.float32)
        self.labels = np.zeros((MAX_BINS, outputs), np.float32)
        self.inputs = np.zeros((MAX_BINS, min(inputs, MAX_SHOWN)), np.float32)
        self.spikes = np.zeros((MAX_BINS, min(neurons, MAX_SHOWN)), np.bool_)


class Viewing:
    """Notes every bin that is finished, and sends what it has noted when `look` says it is time."""

    def __init__(
        self, session: Session, path: RecordedPath, publishing: Publishing, source: LiveSource
    ) -> None:
        self._session, self._path, self._publishing = session, path, publishing
        self._source = source
        self._rows: Rows | None = None
        self._decoder: Decoder | None = None
        self._spikes: Callable[[], Mask] | None = None
        self._bins = self._sent = self._neurons = 0
        self._due_s = self._weights_due_s = -math.inf
        path.finished = self.note

    def note(self, closed: Bin, output: Output) -> None:
        """Keep what this bin left behind."""
        self._bins += 1
        if not self._publishing.viewed:
            return
        if self._path.pipeline.decoder is not self._decoder:
            self._meet(self._path.pipeline.decoder)
        spikes = None if self._spikes is None else self._spikes()
        rows = self._rows
        if rows is None:
            self._neurons = 0 if spikes is None else len(spikes)
            rows = Rows(self._session.outputs, len(closed.values), self._neurons)
            self._rows = rows
        if rows.count == MAX_BINS:  # looked at too rarely: begin anew
            rows.count = 0
        if rows.count == 0:
            rows.first = self._bins - 1
        at = rows.count
        rows.decoded[at] = output.values
        rows.labels[at] = self._path.pipeline.label
        rows.inputs[at] = closed.values[:MAX_SHOWN]
        if spikes is not None:
            rows.spikes[at] = spikes[:MAX_SHOWN]
        rows.end_s, rows.count = closed.end_s, at + 1

    def _meet(self, decoder: Decoder) -> None:
        """Ask once what it can show: to ask takes longer than to look."""
        self._decoder = decoder
        self._spikes = decoder.spikes if isinstance(decoder, Spiking) else None
        self._weights = WeightsSeen(decoder, self._session.channels)

    def look(self, now_s: float) -> None:
        """Send what was noted, where somebody looks and it is time; between two items."""
        rows = self._rows
        if rows is None or rows.count == 0 or now_s < self._due_s:
            return
        if not self._publishing.viewed:
            rows.count = 0
            return
        self._due_s = now_s + EVERY_S
        norms, weights = None, EMPTY
        if now_s >= self._weights_due_s:
            self._weights_due_s = now_s + WEIGHTS_EVERY_S
            norms, weights = self._weights.look()
        count = rows.count
        view = View(
            self._header(rows, norms, len(weights)),
            rows.decoded[:count],
            rows.labels[:count],
            rows.inputs[:count],
            rows.spikes[:count],
            weights,
        )
        self._publishing.show(encode_view(view))
        rows.count = 0
        self._sent += 1

    def _header(self, rows: Rows, norms: dict[str, float] | None, sample: int) -> ViewHeader:
        config = self._session.config
        age_s = self._source.age_s
        return ViewHeader(
            version=VERSION,
            sequence=self._sent,
            stamp_s=local_clock(),
            clock=LSL_CLOCK,
            host=self._publishing.host,
            pid=os.getpid(),
            first=rows.first,
            bins=rows.count,
            bin_s=config.bins.bin_s,
            newest_end_s=rows.end_s,
            outputs=rows.decoded.shape[1],
            inputs=rows.inputs.shape[1],
            neurons=rows.spikes.shape[1],
            of_inputs=self._session.channels,
            of_neurons=self._neurons,
            names=config.publish.names,
            units=config.publish.units,
            learning=self._learning(),
            data_age_s=age_s if math.isfinite(age_s) else None,
            norms=norms,
            sample=sample,
        )

    def _learning(self) -> Learning:
        if not self._session.config.has_live_labels:
            return "off"
        return "on" if self._path.pipeline.learning else "frozen"
