"""Walking the way of a command shortly before its sample comes, so that the code is at hand.

Rehearsal and other programs have had the processor's caches between two bins; the first thing that
runs after them takes several times as long as when it runs again. What is walked is the same code
with a network of hardly any neurons, a data path of its own, whose outputs go nowhere.
"""

import numpy as np

from eprop_rt.config import EpropSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import F32, F64, Chunk, StreamInfo
from eprop_rt.warmup import shrunk
from eprop_rt_protocols.encoder import CommandEncoder, Moment
from eprop_rt_services.daemon.session import Session


class DryRun:
    """Decodes one bin of nothing at every `walk`; it shares no number with the session."""

    def __init__(self, session: Session, encoder: CommandEncoder) -> None:
        bins, settings = session.config.bins, session.decoder
        self._pipeline: Pipeline | None = None
        if isinstance(settings, EpropSettings):  # others are small, or have no small form
            small = shrunk(settings, bins.bin_s)
            decoder = build_decoder(small, session.channels, session.outputs, bins.bin_s)
            info = StreamInfo("nothing", session.channels, 1.0 / bins.bin_s)
            self._pipeline = Pipeline(bins, info, None, decoder, session.outputs)
        self._encoder, self._bin_s = encoder, bins.bin_s
        self._stamp: F64 = np.zeros(1)
        self._sample: F32 = np.zeros((1, session.channels), np.float32)

    def walk(self) -> None:
        """From a sample to the bytes of a command."""
        if self._pipeline is None:
            return
        for closed in self._pipeline.close(Chunk(self._stamp, self._sample)):
            output = self._pipeline.decode(closed)
            moment = Moment(
                sequence=0,
                origin_s=output.origin_s,
                bin_end_s=output.bin_end_s,
                published_s=0.0,
                deadline_s=0.0,
                update_id=0,
                learning="off",
                output=output.state,
            )
            self._encoder.encode(moment, output.values.astype("<f4"))
        self._stamp = self._stamp + self._bin_s
