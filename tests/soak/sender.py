"""A sender that can misbehave: `python -m soak.sender SOURCE_ID [--labels no]`.

Lines of JSON on stdin say how from now on: {"lose": 0.05, "clock_s": 5}; {} is a good one again.
Each is answered on stdout by what was done since the one before.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from eprop_rt.series import StreamInfo
from eprop_rt_services.lsl_link import LslOutlet, local_clock

RATE_HZ, CHANNELS, OUTPUTS = 200.0, 32, 2
CHUNK = 2  # samples
BURST = 500.0


@dataclass(frozen=True)
class Faults:
    """Shares: of samples lose, nan, huge; of chunks duplicate, reorder, burst; of channels dead."""

    lose: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    burst: float = 0.0
    nan: float = 0.0
    huge: float = 0.0
    dead: float = 0.0
    clock_s: float = 0.0

    @property
    def dead_channels(self):
        return round(self.dead * CHANNELS)


class Sender:
    def __init__(self, source_id, seed, labels=True):
        self.draw = np.random.default_rng(seed)
        self.faults = Faults()
        self.did = Counter()  # samples of the signal, and labels, since the newest order
        spikes = StreamInfo("spikes", CHANNELS, RATE_HZ)
        velocity = StreamInfo("velocity", OUTPUTS, RATE_HZ)
        self.labels = LslOutlet(velocity, "Labels", source_id + "-l") if labels else None
        self.spikes = LslOutlet(spikes, "Spikes", source_id)
        self.late = []

    def run(self):
        """Send in real time until stdin ends."""
        threading.Thread(target=self.listen, daemon=True).start()
        at_s = local_clock()
        while True:
            stamps = at_s + np.arange(CHUNK) / RATE_HZ
            at_s += CHUNK / RATE_HZ
            time.sleep(max(0.0, at_s - local_clock()))
            self.send(stamps, self.faults)

    def listen(self):
        for line in sys.stdin:
            self.faults = Faults(**json.loads(line))
            did, self.did = self.did, Counter()
            sys.stdout.write(json.dumps(dict(did)) + "\n")
            sys.stdout.flush()
        os._exit(0)

    def send(self, stamps, faults):
        draw, did = self.draw, self.did
        wave = np.sin(stamps[:, None] * np.array([3.0, 4.0])).astype(np.float32)
        counts = draw.poisson(np.tile(2.0 + 1.5 * wave, CHANNELS // OUTPUTS)).astype(np.float32)
        if draw.random() < faults.burst:
            counts += BURST
            did["burst"] += len(stamps)
        counts[:, : faults.dead_channels] = 0.0
        for values in (wave, counts):
            values[draw.random(values.shape) < faults.nan] = np.nan
            values[draw.random(values.shape) < faults.huge] = 1e30 * draw.choice((1, -1))
        keep = draw.random(len(stamps)) >= faults.lose
        stamps, wave, counts = stamps[keep] + faults.clock_s, wave[keep], counts[keep]
        did["sent"] += len(stamps)
        did["lost"] += int((~keep).sum())
        did["nan"] += int(np.isnan(counts).any(axis=1).sum())
        did["huge"] += int((np.abs(counts) > 1e29).any(axis=1).sum())
        did["huge labels"] += int((np.abs(wave) > 1e29).any(axis=1).sum())
        did["dead"] += len(stamps) if faults.dead_channels else 0
        did["another clock"] += len(stamps) if faults.clock_s else 0
        doubled = draw.random() < faults.duplicate
        did["doubled"] += len(stamps) if doubled else 0
        chunks = [(stamps, wave, counts)] * (1 + doubled)
        if draw.random() < faults.reorder:
            did["reordered"] += len(stamps)
            self.late += chunks
            return
        for chunk in chunks + self.late:
            self.push(*chunk)
        self.late = []

    def push(self, stamps, wave, counts):
        if len(stamps):
            if self.labels is not None:
                self.labels.push(stamps, wave)
            self.spikes.push(stamps, counts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("source_id")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", choices=("yes", "no"), default="yes")
    given = parser.parse_args()
    Sender(given.source_id, given.seed, given.labels == "yes").run()
