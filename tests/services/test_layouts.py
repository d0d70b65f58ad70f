"""Presets for the streams of devices: an outlet as they announce it, and commands come of it."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from eprop_rt.decoder import build_decoder
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import StreamInfo
from eprop_rt_services.config import load_config
from eprop_rt_services.loop import run
from eprop_rt_services.lsl_link import LslOutlet, local_clock
from eprop_rt_services.sources.live import LslSource

pytestmark = pytest.mark.live

PATIENCE_S = 30.0
BINS_S = 1.6  # thresholds are known after 1 s, scores after 20 bins


@dataclass(frozen=True)
class Layout:
    """A stream as its sender documents it; `chunk` samples leave at once."""

    name: str
    type: str
    channels: int
    rate_hz: float
    sample_format: str
    chunk: int
    inputs: int  # that the decoder sees


LAYOUTS = {
    # The GUI's Networking widget, by its documentation and NetworkStreamOut.pde: a chunk an update.
    "openbci": Layout("obci_eeg1", "EEG", 8, 250.0, "float32", 10, 16),
    # UnicornLSL's MainUI.cs: the serial number as a name, combined signals, single samples.
    "gtec": Layout("UN-2023.07.40", "Data", 17, 250.0, "float32", 1, 16),
    # A plug-in's name and type are the user's; microvolts, a block of the GUI at once.
    "openephys": Layout("OpenEphys", "EEG", 64, 30_000.0, "float32", 1024, 64),
    # The simulator's settings.yaml: counts of 0.25 microvolts, a thousand chunks a second.
    "blackrock": Layout("NDS-RawData", "Ephys", 96, 30_000.0, "int16", 30, 96),
}


class Sender:
    """Noise with spikes in real time, and labels beside it; from a thread until it is left."""

    def __init__(self, layout, name):
        self._layout, self._stop = layout, threading.Event()
        info = StreamInfo(layout.name, layout.channels, layout.rate_hz)
        self._signal = LslOutlet(info, layout.type, name, layout.sample_format)
        self._labels = LslOutlet(StreamInfo("hand", 2, 50.0), "Labels", f"{name}-labels")
        self._thread = threading.Thread(target=self._send)

    def _send(self):
        one, rng = self._layout, np.random.default_rng(0)
        rows = round(one.rate_hz)  # a second, again and again
        noise = rng.normal(0, 40, (rows, one.channels))
        noise[rng.random((rows, one.channels)) < 20 / one.rate_hz] -= 800
        noise = noise.astype("float32" if one.sample_format == "float32" else one.sample_format)
        begun_s, sent, labelled = local_clock(), 0, 0
        while not self._stop.wait(max(0.001, one.chunk / one.rate_hz / 2)):
            due_s = local_clock() - begun_s
            while labelled < due_s * 50:
                at_s = begun_s + labelled / 50
                self._labels.push(np.array([at_s]), np.float32([[np.sin(at_s), np.cos(at_s)]]))
                labelled += 1
            while (sent + one.chunk) / one.rate_hz < due_s:
                at = sent + np.arange(one.chunk)
                self._signal.push(begun_s + at / one.rate_hz, noise[at % rows])
                sent += one.chunk

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._signal.close()
        self._labels.close()


@pytest.mark.parametrize("preset", LAYOUTS)
def test_a_preset_finds_the_stream_of_its_layout_and_decodes_it(preset, tmp_path):
    layout, config = LAYOUTS[preset], load_config(f"preset:{preset}")
    outputs, inputs = [], []
    with Sender(layout, tmp_path.name), LslSource(config.lsl) as source:
        _, labels = source.open()
        (info,) = source.signal_infos
        assert (info.name, info.channels, info.sample_rate_hz) == (
            layout.name,
            layout.channels,
            layout.rate_hz,
        )
        decoder = build_decoder(config.decoder, layout.inputs, 2, config.bins.bin_s)
        pipeline = Pipeline(config.inputs, info, labels, decoder, 2)
        end_s = local_clock() + PATIENCE_S
        wanted = round(BINS_S / config.bins.bin_s)
        close = pipeline.close

        def kept(chunk):
            for closed in close(chunk):
                inputs.append(closed.values)
                yield closed

        pipeline.close = kept
        run(
            source,
            pipeline,
            outputs.append,
            lambda: len(outputs) >= wanted or local_clock() > end_s,
        )
    assert len(outputs) == wanted
    assert np.isfinite([one.values for one in outputs]).all()
    assert {one.state for one in outputs} <= {"decoded", "clipped"}
    assert (np.array(inputs[-10:]).std(axis=0) > 0).mean() > 0.5
    assert pipeline.updates > wanted / 4
