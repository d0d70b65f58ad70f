"""The engine without any stream: learn to decode two velocities from simulated spike counts."""

import numpy as np

from eprop_rt import Engine, EpropSettings
from eprop_rt.closed_loop.session import LoopSettings
from eprop_rt.config import NetworkSettings, ReadoutSettings, RehearsalSettings
from eprop_rt.metrics import r2

BIN_S = 0.02

session = LoopSettings().build(seed=0).record(minutes=3, seed=1)
counts, velocity = session.signal.samples, session.velocity.values

settings = EpropSettings(
    network=NetworkSettings(neurons=128, membrane_tau_s=(0.02, 0.3), readout_tau_s=0.08),
    readout=ReadoutSettings(rule="none"),
    rehearsal=RehearsalSettings(steps_per_bin=60, segment_s=1.2, warm_up_s=0.3),
)
engine = Engine(settings, inputs=counts.shape[1], outputs=2, bin_s=BIN_S)
decoded = np.zeros_like(velocity)
for bin_index, (x, label) in enumerate(zip(counts, velocity, strict=True)):
    decoded[bin_index] = engine.predict_one(x)  # predict first ...
    engine.learn_one(label)  # ... then learn from this bin ...
    engine.rehearse()  # ... and from the past

last = slice(len(decoded) * 4 // 5, None)
print("R2 of the last fifth, x and y:", r2(decoded[last], velocity[last]).round(3))
