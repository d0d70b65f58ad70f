"""What each setting of a preset is worth: one of them changed at a time, on the same data.

    .venv/bin/python bench/tune_presets.py FOLDER [--presets reaching,cursor] [--minutes M]

FOLDER holds the development recordings (docs/recordings.md). Printed is R2 (mean of the axes) over
the last 20 % of the first M minutes of each recording (10, as for the baselines; never beyond its
first 80 %), in one causal pass: nothing from the last 20 % of a recording is looked at. The first
row is the preset as it is. Passes run side by side, one a core.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tune_baselines import first, quality

from eprop_rt_services.config import load_config
from eprop_rt_services.recordings import read_recording

RECORDINGS = {
    "reaching": ("contdata95",),
    "cursor": ("spike_wf/2012-07-18", "spike_wf/2012-07-21"),
    "emg": ("spike_wf/2012-07-18", "spike_wf/2012-07-21"),
}
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"inputs.centre": False},
    {"inputs.per_channel": True, "inputs.clip": 10.0},
    {"network.neurons": 256},
    {"network.adaptive_fraction": 0.0},
    {"network.recurrent_gain": 0.0},
    {"network.recurrent_gain": 1.0},
    {"network.surrogate.width": 2.0},
    {"network.readout_tau_s": 0.05},
    {"network.readout_tau_s": 0.2},
    {"online.optimiser": "none"},
    {"rehearsal.steps_per_bin": 120},
    {"rehearsal.steps_per_bin": 480},
    {"rehearsal.learning_rate": 5e-4},
    {"rehearsal.learning_rate": 2e-3},
    {"rehearsal.average_updates": 1},
    {"rehearsal.silent_inputs": 0.0},
    {"rehearsal.silent_inputs": 0.4},
)


def main() -> None:
    """Replay and print, row after row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--presets", default=",".join(RECORDINGS))
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    given = parser.parse_args()
    with ProcessPoolExecutor(given.cores) as cores:
        for preset in given.presets.split(","):
            rows = [
                [
                    cores.submit(
                        quality, preset, change, given.folder / f"{name}.nwb", given.minutes
                    )
                    for name in RECORDINGS[preset]
                ]
                for change in CHANGES
            ]
            print(f"{preset}: {', '.join(RECORDINGS[preset])}")
            for change, row in zip(CHANGES, rows, strict=True):
                said = ", ".join(f"{key} {value}" for key, value in change.items())
                each = " ".join(f"{one.result():.3f}" for one in row)
                print(f"  {each}  {said or 'as it is'}", flush=True)


def worth(preset: str, change: dict[str, Any], path: Path, minutes: float) -> float:
    """Quality of the preset with that change, over the part that may be looked at."""
    overrides = [f"decoder.{key}={value}" for key, value in change.items()]
    settings = load_config(f"preset:{preset}", overrides)
    recording = first(read_recording(path, settings.recording), minutes * 60)
    return quality("eprop", settings.decoder, [recording])


if __name__ == "__main__":
    main()
