"""The bar of every figure: on a real recording, rehearsed e-prop is clearly better than RLS."""

import numpy as np
import pytest

import recordings_registry
from eprop_rt.config import (
    BinSettings,
    EpropSettings,
    NetworkSettings,
    ReadoutSettings,
    RehearsalSettings,
    RlsSettings,
)
from eprop_rt.decoder import build_decoder
from eprop_rt.metrics import score
from eprop_rt.pipeline import Pipeline
from eprop_rt.series import Chunk, LabelChunk
from eprop_rt_services.recordings import Selection, read_recording

pytest.importorskip("pynwb", reason="pynwb is not installed: no NWB file can be read")

BINS, BIN_S = 6000, 0.1

EPROP = EpropSettings(
    network=NetworkSettings(
        neurons=256, membrane_tau_s=(0.1, 1.2), adaptation_tau_s=1.5, readout_tau_s=0.2
    ),
    readout=ReadoutSettings(rule="none"),
    rehearsal=RehearsalSettings(steps_per_bin=60, segments_per_update=16),
)


def prequential(recording, settings):
    """One causal pass over the first bins: each is decoded before its label is used."""
    signal, labels = recording.signal, recording.labels
    decoder = build_decoder(settings, signal.info.channels, 2, BIN_S)
    pipeline = Pipeline(BinSettings(bin_s=BIN_S), signal.info, labels.info, decoder, 2)
    pipeline.push_labels(LabelChunk(labels.stamps[:BINS], labels.values[:BINS]))
    outputs = list(pipeline.push(Chunk(signal.stamps[:BINS], signal.values[:BINS])))
    assert [output.index for output in outputs] == list(range(BINS))
    assert not pipeline.events
    return score(np.array([o.values for o in outputs]), labels.values[:BINS].astype(np.float64))


@pytest.mark.large
def test_rehearsed_eprop_beats_recursive_least_squares_on_a_real_recording():
    recording = read_recording(recordings_registry.find("contdata95"), Selection(labels="velocity"))
    eprop, rls = prequential(recording, EPROP), prequential(recording, RlsSettings())
    assert (rls.r2_last20 > 0.5).all()
    assert (eprop.r2_last20 > rls.r2_last20 + 0.1).all(), (eprop.r2_last20, rls.r2_last20)
    assert (eprop.r_last20 > rls.r_last20 + 0.05).all(), (eprop.r_last20, rls.r_last20)
    assert eprop.r2_eighths[-1].mean() > eprop.r2_eighths[1].mean() + 0.1
