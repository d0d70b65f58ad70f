"""What must hold after every fault: journal and checkpoints on the disk, and their replay."""

import json
import logging
import shutil
import subprocess
import sys

import numpy as np
import pyxdf

from eprop_rt.errors import CheckpointError, RecordingError
from eprop_rt.series import Chunk
from eprop_rt_services.checkpoint import read_checkpoint
from eprop_rt_services.journal.folder import JournalFolder
from eprop_rt_services.journal.reader import entries
from eprop_rt_services.journal.segment import COMMANDS
from soak.lab import environment


def damaged_checkpoints(folder):
    """Those in the folder that are not whole; one that was deleted meanwhile is none."""
    damaged = []
    for path in JournalFolder(folder).checkpoints():
        try:
            read_checkpoint(path)
        except CheckpointError:
            if path.exists():
                damaged.append(path.name)
    return damaged


def newest_in(segment, at):
    """The end of the newest bin whose command is in a copy of `segment`, as it is just now.

    Read with pyxdf, and with our own reader, which must not fail.
    """
    copy = at / "copy.xdf"
    shutil.copyfile(segment, copy)
    try:
        for _ in entries(copy):
            pass
    except RecordingError as error:
        raise AssertionError(f"{segment.name} does not read ({error})") from None
    logging.getLogger("pyxdf").setLevel(logging.CRITICAL)  # a last chunk that was cut short
    streams, _ = pyxdf.load_xdf(
        copy, [{"name": COMMANDS}], synchronize_clocks=False, dejitter_timestamps=False
    )
    copy.unlink()
    stamps = streams[0]["time_stamps"]
    return stamps[-1] if len(stamps) else None


def lost_s(lab, killed_s):
    """How much of what a reader had before the kill is in no journal, in seconds."""
    received = [c for c in lab.reader.came if c[0] < killed_s]
    if not received:
        raise AssertionError("no command was read before a kill")
    newest = [newest_in(path, lab.folder) for path in JournalFolder(lab.journal).segments()[-3:]]
    kept = max((stamp for stamp in newest if stamp is not None), default=None)
    if kept is None:
        raise AssertionError("no command is in the newest segments")
    return max(0.0, received[-1][1] - kept)


def signal_since(lab, clock_s):
    """The samples (n, channels) that are in the journal and have a stamp after `clock_s`."""
    copy, kept = lab.folder / "copy.xdf", []
    for segment in JournalFolder(lab.journal).segments()[-2:]:
        shutil.copyfile(segment, copy)
        chunks = [entry for entry in entries(copy) if isinstance(entry, Chunk)]
        kept += [chunk.samples[chunk.stamps > clock_s] for chunk in chunks]
        copy.unlink()
    return np.concatenate(kept)


def replay(folder):
    """The figures of `eprop-rt replay FOLDER --json`, AssertionError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "eprop_rt_services", "replay", str(folder), "--json", "-"],
        capture_output=True, text=True, timeout=1200, check=False, env=environment(),
    )  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(f"the replay failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return json.loads(done.stdout[done.stdout.index("{\n") :])
