"""Checkpoints: what is written comes back, and what is not whole is refused in one line."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from eprop_rt.config import BinSettings, EpropSettings, RlsSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import CheckpointError, EpropError, RestoreError
from eprop_rt_services.checkpoint import HEADER, Checkpoint, read_checkpoint, write_checkpoint
from eprop_rt_services.decoders import decoder_for

BINS = BinSettings(bin_s=0.05)
K, M = 5, 2
SMALL = {
    "network": {"neurons": 8, "tau_groups": 2},
    "rehearsal": {"segment_s": 0.5, "warm_up_s": 0.1, "memory_s": 2.0, "steps_per_bin": 5},
}


def settings(**changes):
    return EpropSettings.model_validate(SMALL | changes)


def live(decoder, bins=30, seed=0):
    rng, said = np.random.default_rng(seed), []
    for _ in range(bins):
        said.append(decoder.predict_one(rng.poisson(1.0, K).astype(np.float32)))
        decoder.learn_one(rng.normal(size=M).astype(np.float32))
        decoder.rehearse()
    return np.array(said)


def learned(of, bins=30):
    decoder = build_decoder(of, K, M, BINS.bin_s)
    live(decoder, bins)
    return decoder


def written(folder, of=None):
    of = of or settings()
    path = folder / "a.npz"
    write_checkpoint(path, Checkpoint(of, BINS, K, M, learned(of).snapshot()))
    return path


@pytest.mark.parametrize(
    "of",
    [
        settings(),
        settings(dtype="float64", online={"schedule": "deferred"}),
        settings(network={"neurons": 8, "tau_groups": 2, "connectivity": 0.5}),
        settings(readout={"rule": "rls", "lags": 2}),
        RlsSettings(lags=2),
    ],
)
def test_a_decoder_goes_on_from_a_checkpoint_as_if_nothing_had_been(of, tmp_path):
    path, went_on = written(tmp_path, of), learned(of)
    checkpoint = read_checkpoint(path)
    assert checkpoint.decoder == of
    assert checkpoint.bins == BINS
    restored, _ = decoder_for(checkpoint.fitting(of, BINS), K, M, BINS.bin_s, checkpoint)
    assert live(restored, seed=1).tobytes() == live(went_on, seed=1).tobytes()


def test_the_same_content_is_the_same_file_and_numpy_reads_it(tmp_path):
    path = written(tmp_path)
    first = path.read_bytes()
    assert written(tmp_path).read_bytes() == first
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights.w"], learned(settings()).weights().w)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_flipped_byte_is_refused_wherever_it_matters(tmp_path):
    path = written(tmp_path)
    whole, expected = path.read_bytes(), read_checkpoint(path)
    refused = 0
    places = np.random.default_rng(0).integers(0, len(whole), 300).tolist()
    for place in [*places, *range(60), *range(len(whole) - 60, len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            came = read_checkpoint(path)
        except CheckpointError:
            refused += 1
        else:  # a date or a permission in the zip's directory
            assert came.decoder == expected.decoder
            assert {k: a.tobytes() for k, a in came.arrays.items()} == {
                k: a.tobytes() for k, a in expected.arrays.items()
            }
    assert refused > 300


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_refused(share, tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="damaged or another kind"):
        read_checkpoint(path)


def rewritten(path, change, compression=zipfile.ZIP_STORED):
    """The same file with entries changed, and sums that fit."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def header(entries, **changes):
    entries[HEADER] = json.dumps(json.loads(entries[HEADER]) | changes).encode()


def an_array(entries, values, *, pickled=False):
    content = io.BytesIO()
    np.lib.format.write_array(content, values, allow_pickle=pickled)
    entries["weights.w.npy"] = content.getvalue()


DAMAGES = {
    "other values": lambda e: an_array(e, np.zeros((14, 8), np.float32)),
    "a pickle": lambda e: an_array(e, np.array([print], object), pickled=True),
    "a missing array": lambda e: e.pop("weights.w.npy"),
    "no header": lambda e: e.pop(HEADER),
    "another header": lambda e: e.update({HEADER: b"[]"}),
    "another format": lambda e: header(e, format="weights"),
    "a newer version": lambda e: header(e, version=2),
    "unknown settings": lambda e: header(e, decoder={"kind": "eprop", "wings": 2}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_put_together_wrongly_is_refused(damage, tmp_path):
    path = written(tmp_path)
    rewritten(path, DAMAGES[damage])
    with pytest.raises(CheckpointError) as told:
        read_checkpoint(path)
    assert "\n" not in str(told.value)
    if damage == "a newer version":
        assert "checkpoint format 2, this version reads 1" in str(told.value)


def test_a_compressed_file_is_refused_before_it_is_unpacked(tmp_path):
    path = written(tmp_path)
    rewritten(path, lambda entries: None, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed"):
        read_checkpoint(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(CheckpointError, match=str(path)):
            read_checkpoint(path)


OTHERS = {
    "decoder.network.neurons": settings(network={"neurons": 16, "tau_groups": 2}),
    "decoder.seed": settings(seed=1),
    "decoder.dtype": settings(dtype="float64"),
    "decoder.kind": RlsSettings(),
    "decoder.online.schedule": settings(online={"schedule": "deferred"}),
}


@pytest.mark.parametrize("key", OTHERS)
def test_other_settings_are_refused_by_name(key, tmp_path):
    checkpoint = read_checkpoint(written(tmp_path))
    with pytest.raises(RestoreError, match=f"made with {key} "):
        checkpoint.fitting(OTHERS[key], BINS)


def test_other_bins_and_other_streams_are_refused(tmp_path):
    checkpoint = read_checkpoint(written(tmp_path))
    with pytest.raises(RestoreError, match=r"bins.bin_s 0.05, the configuration says 0.1"):
        checkpoint.fitting(settings(), BinSettings(bin_s=0.1))
    with pytest.raises(RestoreError, match="5 channels and 2 outputs, 6 and 2 came"):
        decoder_for(settings(), 6, M, BINS.bin_s, checkpoint)


def test_how_fast_is_learned_may_differ_and_auto_takes_the_schedule_that_was(tmp_path):
    path = written(tmp_path, settings(online={"schedule": "deferred"}))
    checkpoint = read_checkpoint(path)
    asked = settings(online={"schedule": "auto", "learning_rate": 0.5})
    came = checkpoint.fitting(asked, BINS)
    assert (came.online.schedule, came.online.learning_rate) == ("deferred", 0.5)
    live(decoder_for(came, K, M, BINS.bin_s, checkpoint)[0])


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = written(tmp_path)
    before = path.read_bytes()
    bad = Checkpoint(settings(), BINS, K, M, {"odd": np.array([print], object)})
    with pytest.raises(ValueError, match="never a pickle"):
        write_checkpoint(path, bad)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]
    with pytest.raises(EpropError, match="cannot write the checkpoint"):
        write_checkpoint(tmp_path / "none" / "a.npz", read_checkpoint(path))
