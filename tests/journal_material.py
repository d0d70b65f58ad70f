"""A data path that is journaled as the daemon does it, fed with seeded noise, for tests."""

import numpy as np

from eprop_rt.series import Chunk, LabelChunk, StreamInfo
from eprop_rt_services.checkpoint import Checkpoint, digest, write_checkpoint
from eprop_rt_services.config import Config
from eprop_rt_services.digest import SessionDigest
from eprop_rt_services.journal.events import End, Kept, Ordered, Start, Taken
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.names import Names
from eprop_rt_services.journal.segment import Layout
from eprop_rt_services.journal.settings import JournalSettings
from eprop_rt_services.journal.writer import Journal
from eprop_rt_services.path import begin_path

RATE_HZ, CHANNELS, OUTPUTS = 500.0, 6, 2
SIGNAL = StreamInfo("spikes", CHANNELS, RATE_HZ)
LABELS = StreamInfo("velocity", OUTPUTS, 100.0)
LAYOUT = Layout((SIGNAL,), LABELS, ("vx", "vy"), ("cm/s", "cm/s"), "decoded")
CONFIG = Config.model_validate(
    {
        "bins": {"bin_s": 0.02},
        "decoder": {
            "kind": "eprop",
            "network": {"neurons": 12, "tau_groups": 3},
            "rehearsal": {
                "segment_s": 0.4,
                "warm_up_s": 0.1,
                "segments_per_update": 2,
                "steps_per_bin": 10,
                "memory_s": 20,
            },
        },
    }
)


class Session:
    """A data path that is journaled as the daemon does it, fed with seeded noise."""

    def __init__(self, folder, seed=0, config=CONFIG, **settings):
        self.folder = JournalFolder(folder)
        self.names = Names(self.folder)
        self.random = np.random.default_rng(seed)
        self.config = config
        self.journal = Journal(JournalSettings(**{"flush_s": 0.01, **settings}), now=lambda: 5.0)
        self.at_s = 100.0
        self.digest = SessionDigest()

    def begin(self, origin="zero", learned=None, checkpoint=None, sha256=None):
        if origin != "before":
            self.pipeline = begin_path(
                self.config, self.config.decoder, (SIGNAL,), LABELS, OUTPUTS, learned
            )
            self.digest = SessionDigest()
        decoder = self.config.decoder.model_dump(mode="json")
        start = Start(
            program="0", host="here", pid=1, started="now", signals=(SIGNAL,), labels=LABELS,
            config=self.config.model_dump(mode="json"), decoder=decoder,
            outputs=OUTPUTS, origin=origin, checkpoint=checkpoint, sha256=sha256,
        )  # fmt: skip
        self.journal.begin(self.names.segment(), LAYOUT, start)

    @property
    def place(self):
        return {"decoded": self.pipeline.decoded, "finished": self.pipeline.finished}

    def obey(self, order):
        self.journal.tell(Ordered(**self.place, by="test", order=order))
        self.pipeline.obey(order)

    def feed(self, chunks, within=lambda output: None):
        """Chunks of random length, labels before each; `within` is called at every command."""
        for _ in range(chunks):
            rows = int(self.random.integers(1, 40))
            stamps = self.at_s + np.arange(rows) / RATE_HZ
            self.at_s = stamps[-1] + 1 / RATE_HZ
            wave = np.sin(stamps[:, None] * np.array([3.0, 4.0])).astype(np.float32)
            wave[self.random.random(wave.shape) < 0.1] = np.nan
            labels = LabelChunk(stamps[::5], wave[::5])
            self.journal.labels(labels)
            self.pipeline.push_labels(labels)
            counts = self.random.poisson(2, (rows, CHANNELS)).astype(np.float32)
            chunk = Chunk(stamps, counts)
            self.journal.signal(chunk)
            for output in self.pipeline.push(chunk):
                self.digest.add(output.index, output.values)
                self.journal.command(output, 1.0, self.pipeline.updates)
                within(output)

    def checkpoint(self):
        path = self.names.checkpoint()
        self.journal.tell(Taken(**self.place, file=path.name))
        arrays = self.pipeline.decoder.snapshot()
        write_checkpoint(
            path, Checkpoint(self.config.decoder, self.config.bins, CHANNELS, OUTPUTS, arrays)
        )
        self.journal.tell(Kept(file=path.name, sha256=digest(arrays)))
        return path, arrays

    def end(self):
        digest = self.digest.with_decoder(self.pipeline.decoder)
        self.journal.tell(End(**self.place, cause="test", digest=digest))
        self.journal.close()
