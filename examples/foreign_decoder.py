"""A decoder that is not ours on the bench of `eprop-rt task`: ridge regression, learned in use.

    eprop-rt task --commands tcp://127.0.0.1:5570
    python examples/foreign_decoder.py --spikes bench-spikes --labels bench-labels

It needs pylsl, pyzmq and NumPy, and nothing of eprop-rt: counts come in over Lab Streaming Layer,
are binned by their stamps, and a linear decoder of the newest bins sends a velocity for each bin
over ZeroMQ. Once a second it is fitted anew to all labels so far.
"""

import argparse
import json
import math
import socket
from collections import deque

import numpy as np
import pylsl
import zmq
from numpy.typing import NDArray

DEADLINE_S = 0.1  # a command that is older than this must not move anything
REFIT_S = 1.0
MAX_GAP_S = 0.1  # a longer one is no silence of the units: the source was gone


def inlet(source_id: str) -> pylsl.StreamInlet:
    """Subscribe to the stream with this source_id, whenever it is there."""
    while not (found := pylsl.resolve_byprop("source_id", source_id, timeout=5)):
        print(f"no stream with source_id {source_id} yet", flush=True)
    return pylsl.StreamInlet(found[0], processing_flags=0)


class Ridge:
    """Velocity from the newest `lags` bins, by regularised least squares."""

    def __init__(self, units: int, lags: int, ridge: float) -> None:
        self.recent = deque([np.zeros(units)] * lags, maxlen=lags)
        size = units * lags + 1
        self.xx, self.xy = ridge * np.eye(size), np.zeros((size, 2))
        self.weights = np.zeros((size, 2))

    def decode(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the velocity (2,) for the counts (units,) of a bin."""
        self.recent.append(counts)
        self.x = np.concatenate([[1.0], *self.recent])
        return self.x @ self.weights

    def learn(self, label: NDArray[np.float64]) -> None:
        """Take note of what was intended in that bin."""
        self.xx += np.outer(self.x, self.x)
        self.xy += np.outer(self.x, label)

    def fit(self) -> None:
        """Solve for the weights, from all labels so far."""
        self.weights = np.linalg.solve(self.xx, self.xy)


class Commands:
    """The publisher: topic, header (JSON), payload."""

    def __init__(self, endpoint: str, topic: str) -> None:
        self.socket = zmq.Context.instance().socket(zmq.PUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(endpoint)
        self.topic, self.sequence, self.updates = topic.encode(), 0, 0

    def send(self, velocity: NDArray[np.float64], newest_s: float, bin_end_s: float) -> None:
        """Send one command, with the stamps that its bin had."""
        header = {
            "version": 2,
            "sequence": self.sequence,
            "stamps": {
                "origin_s": newest_s,
                "bin_end_s": bin_end_s,
                "published_s": pylsl.local_clock(),
                "clock": "lsl_local_clock",
            },
            "deadline_s": bin_end_s + DEADLINE_S,
            "host": socket.gethostname(),
            "model_id": "ridge",
            "update_id": self.updates,
            "learning": "on",
            "output": "decoded",
            "dtype": "<f4",
            "shape": [2],
            "names": ["vx", "vy"],
            "units": ["cm/s", "cm/s"],
        }
        payload = np.asarray(velocity, "<f4").tobytes()
        self.socket.send_multipart([self.topic, json.dumps(header).encode(), payload])
        self.sequence += 1


def run(given: argparse.Namespace) -> None:
    """Decode until ended."""
    spikes, labels = inlet(given.spikes), inlet(given.labels)
    units = spikes.info().channel_count()
    decoder = Ridge(units, given.lags, given.ridge)
    commands = Commands(given.endpoint, given.topic)
    counts, newest_s, bin_end_s = np.zeros(units), math.nan, math.nan
    label, fit_s = np.full(2, np.nan), 0.0
    print(f"decoding {units} units, commands at {given.endpoint}", flush=True)
    while True:
        # One sample at a time: a chunk would wait to be filled, and be late.
        sample, stamp_s = spikes.pull_sample(timeout=1.0)
        if sample is None:
            continue
        if not stamp_s < newest_s + MAX_GAP_S:
            counts, bin_end_s = np.zeros(units), stamp_s + given.bin_s
        while stamp_s >= bin_end_s - 1e-6:  # the bin before is complete
            rows, _ = labels.pull_chunk(timeout=0.0)
            label = np.array(rows[-1]) if rows else label
            commands.send(decoder.decode(counts), newest_s, bin_end_s)
            if np.isfinite(label).all():
                decoder.learn(label)
            counts, bin_end_s = np.zeros(units), bin_end_s + given.bin_s
        counts += sample
        newest_s = stamp_s
        if stamp_s > fit_s + REFIT_S:
            decoder.fit()
            commands.updates, fit_s = commands.updates + 1, stamp_s


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--spikes", default="bench-spikes", help="source_id of the counts")
    options.add_argument("--labels", default="bench-labels", help="source_id of the labels")
    options.add_argument("--endpoint", default="tcp://127.0.0.1:5570", help="of the commands")
    options.add_argument("--topic", default="decoded")
    options.add_argument("--bin-s", type=float, default=0.02)
    options.add_argument("--lags", type=int, default=5, help="bins")
    options.add_argument("--ridge", type=float, default=1.0)
    run(options.parse_args())
