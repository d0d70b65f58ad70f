"""A recording played live to the daemon beside its replay: the same decoder, the same quality.

    python bench/live_as_replay.py contdata95.nwb --config preset:reaching --minutes 4

plays a stretch with `eprop-rt play`, decodes it with `eprop-rt run` and a journal, and runs
`eprop-rt replay` over the journal and over the same stretch as a file. With --speed X everything
takes 1/X of the time, and every time in the settings of bins, conditioning, decoder and guard is
divided by X with it. Without --minutes it is the whole recording. A machine that cannot decode so
fast drops what is old: the line says how many bins there were.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eprop_rt.metrics import score
from eprop_rt_services.config import Config, load_config
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import Said, entries
from eprop_rt_services.recordings import Recording, Series, read_recording, write_recording
from eprop_rt_services.replay.source import true_labels
from eprop_rt_services.zmq_link import ControlClient

PROGRAM = [sys.executable, "-m", "eprop_rt_services"]
SIGNAL, LABELS = "Spikes", "Labels"


def main() -> None:
    """Print both figures, and whether the journal replays to the bit."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="eprop-rt-live-") as folder:
        figures = compare(given, Path(folder))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(
        f"{figures['recording']}: {figures['seconds']:.0f} s at speed {given.speed:g}, "
        f"R2 of the last fifth: live {figures['live']:.4f}, replay {figures['replay']:.4f}; "
        f"bins live {figures['bins_live']}, replay {figures['bins_replay']}; journal replays to "
        f"the bit: {'yes' if figures['identical'] else 'NO'}"
    )


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--config", default="preset:reaching")
    parser.add_argument("--labels", default=None)
    parser.add_argument("--override", "-o", action="append", default=[])
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


def compare(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Play it and replay it."""
    config = load_config(given.config, given.override)
    selection = config.recording
    if given.labels:
        selection = selection.model_copy(update={"labels": given.labels})
    recording = read_recording(given.recording, selection)
    if given.minutes is not None:
        recording = first(recording, 60 * given.minutes)
    file = folder / "stretch.nwb"
    write_recording(file, recording, f"a stretch of {recording.name}")
    own = {"recording": {"signal": recording.signal.info.name}}
    if recording.labels is not None:
        own["recording"]["labels"] = recording.labels.info.name

    (folder / "replay.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json") | own))
    replayed = figures_of(["replay", str(file), "--config", str(folder / "replay.yaml")])
    run_live(config, given.speed, folder, file, own["recording"])
    again = figures_of(["replay", str(folder / "session")])
    bins, live = score_of_journal(folder / "session", config, given.speed)
    (decoder,) = replayed["decoders"].values()
    return {
        "recording": recording.name,
        "seconds": recording.duration_s,
        "live": live,
        "replay": float(np.mean(decoder["r2_last20"])),
        "bins_live": bins,
        "bins_replay": replayed["bins"],
        "identical": again["identical"],
    }


def first(recording: Recording, seconds: float) -> Recording:
    """The beginning of a recording."""
    end_s = recording.signal.stamps[0] + seconds

    def cut(series: Series) -> Series:
        kept = series.stamps < end_s
        return replace(series, stamps=series.stamps[kept], values=series.values[kept])

    labels = None if recording.labels is None else cut(recording.labels)
    return Recording(recording.name, cut(recording.signal), labels)


def run_live(config: Config, speed: float, folder: Path, file: Path, names: dict[str, str]) -> None:
    """Play the file to a daemon with a journal, until it has come to its end."""
    said = config.model_dump(mode="json")
    for section in ("bins", "conditioning", "decoder", "guard"):
        said[section] = faster(said[section], speed)
    info = read_recording(file).signal.info
    source_id = f"eprop-rt-play-{file.stem}-"
    said["lsl"] |= {
        "signal": {"source_id": source_id + names["signal"], "channels": info.channels},
        "labels": {"source_id": source_id + names["labels"]} if "labels" in names else None,
        "wait_s": 60.0,
    }
    said["publish"]["endpoint"] = f"ipc://{folder}/commands"
    said["control"]["endpoint"] = control = f"ipc://{folder}/control"
    said["journal"] |= {"folder": str(folder / "session")}
    (folder / "live.yaml").write_text(yaml.safe_dump(said))
    play = [
        *PROGRAM,
        "play",
        str(file),
        "--wait-for-reader",
        "--speed",
        str(speed),
        "--type",
        SIGNAL,
    ]
    for option, name in names.items():
        play += [f"--{option}", name]
    with subprocess.Popen(play, stdout=subprocess.DEVNULL) as player:
        with subprocess.Popen([*PROGRAM, "run", str(folder / "live.yaml")]) as daemon:
            if player.wait() != 0:
                raise SystemExit("play failed")
            with ControlClient(control) as client:
                client.ask("stop", 10.0)
        if daemon.returncode != 0:
            raise SystemExit("the daemon failed")


def faster(said: Any, speed: float, name: str = "") -> Any:
    """The same settings with all times divided by `speed`, and all rates multiplied."""
    if isinstance(said, dict):
        return {key: faster(value, speed, key) for key, value in said.items()}
    if isinstance(said, list):
        return [faster(value, speed, name) for value in said]
    if isinstance(said, int | float) and not isinstance(said, bool):
        if name.endswith("_s"):
            return said / speed
        if name.endswith("_hz"):
            return said * speed
    return said


def figures_of(arguments: list[str]) -> dict[str, Any]:
    """Run a command, and return what it writes with --json."""
    done = subprocess.run(
        [*PROGRAM, *arguments, "--json", "-"], stdout=subprocess.PIPE, text=True, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return figures


def score_of_journal(folder: Path, config: Config, speed: float) -> tuple[int, float]:
    """How many bins were decoded live, and the R2 of the last fifth of those with a label."""
    (segment,) = JournalFolder(folder).segments()
    said = [entry for entry in entries(segment) if isinstance(entry, Said)]
    bins = config.bins.model_copy(update={"bin_s": config.bins.bin_s / speed})
    labels = true_labels(read_recording(segment), bins, [one.index for one in said])
    decoded = np.array([one.values for one in said], np.float64)
    known = np.isfinite(labels).all(axis=1)
    decoded, labels = decoded[known], labels[known]
    return len(said), float(np.mean(score(decoded, labels).r2_last20))


if __name__ == "__main__":
    main()
