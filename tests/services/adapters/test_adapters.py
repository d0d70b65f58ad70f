"""Decoders in the shape of FALCON and NeuroBench: they say what the decoder itself says.

Where falcon_challenge 1.0.2 and neurobench 2.3.0 are installed, their own evaluators run them:
`FalconEvaluator.evaluate` and `Benchmark.run`.
"""

import inspect

import numpy as np
import pytest

from eprop_rt.config import BinSettings, RlsSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import ConfigError, DataError, RestoreError
from eprop_rt.series import StreamInfo
from eprop_rt_services.adapters import FalconDecoder, NeuroBenchDecoder
from eprop_rt_services.checkpoint import Checkpoint, write_checkpoint
from eprop_rt_services.recordings import Recording, Selection, Series, read_recording
from eprop_rt_services.replay.source import binned
from recording_files import write_falcon_m2

CHANNELS, OUTPUTS, STEP_S = 5, 2, 0.02
NO_FALCON = "falcon-challenge is not installed: pip install eprop-rt[falcon]"
NO_NEUROBENCH = "neurobench is not installed: pip install eprop-rt[neurobench]"


def trained(bin_s=0.02, reduce="sum"):
    """A decoder that has learned something."""
    rng = np.random.default_rng(0)
    settings = RlsSettings(lags=2, ridge=1.0)
    decoder = build_decoder(settings, CHANNELS, OUTPUTS, bin_s)
    for _ in range(200):
        x = rng.poisson(3.0, CHANNELS).astype(np.float32)
        decoder.predict_one(x)
        decoder.learn_one(np.array([x[0] - x[1], x[2]], np.float32))
    bins = BinSettings(bin_s=bin_s, reduce=reduce)
    return Checkpoint(settings, bins, CHANNELS, OUTPUTS, decoder.snapshot())


@pytest.fixture
def checkpoint(tmp_path):
    def make(**more):
        path = tmp_path / "decoder.npz"
        write_checkpoint(path, trained(**more))
        return path

    return make


def spoken(known, x):
    """What the decoder itself says of bins (n, channels), from rest on."""
    decoder = build_decoder(known.decoder, CHANNELS, OUTPUTS, known.bins.bin_s)
    decoder.restore(known.arrays)
    decoder.reset()
    return np.array([decoder.predict_one(row) for row in x.astype(np.float32)])


def counts(n, seed=1):
    return np.random.default_rng(seed).poisson(3.0, (n, CHANNELS)).astype(np.float64)


def signatures(kind, names):
    return {name: list(inspect.signature(getattr(kind, name)).parameters) for name in names}


def test_falcon_has_the_methods_of_its_decoders_with_their_arguments():
    interface = pytest.importorskip("falcon_challenge.interface", reason=NO_FALCON)
    asked = [name for name in vars(interface.BCIDecoder) if not name.startswith("_")]
    assert set(asked) >= {"reset", "predict", "observe", "on_done", "set_batch_size"}
    assert signatures(FalconDecoder, asked) == signatures(interface.BCIDecoder, asked)


MINIVAL = ("2020-10-19-Run1", "2020-10-19-Run2", "2020-10-20-Run1", "2020-10-20-Run2",
           "2020-10-27-Run1", "2020-10-27-Run2", "2020-10-28-Run1")  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # of hydra, torch and pynwb, which it brings along
def test_falcons_own_evaluator_runs_it(tmp_path, monkeypatch):
    """Seven sessions of M2 in batches of four: the last batch is of three."""
    evaluator = pytest.importorskip("falcon_challenge.evaluator", reason=NO_FALCON)
    folder = tmp_path / "data" / "m2" / "minival"
    folder.mkdir(parents=True)
    for seed, session in enumerate(MINIVAL):
        name = f"sub-MonkeyN-held-in-minival_ses-{session}_behavior+ecephys.nwb"
        write_falcon_m2(folder / name, seed=seed)
    write_falcon_m2(tmp_path / "calib.nwb", seconds=30.0, seed=99)
    calib = read_recording(
        tmp_path / "calib.nwb", Selection(labels="finger_vel", spike_bin_s=STEP_S)
    )
    settings, bins = RlsSettings(lags=2, ridge=1.0), BinSettings(bin_s=STEP_S)
    decoder = build_decoder(settings, 96, 2, STEP_S)
    for x, y in zip(*binned(calib, bins)[1:], strict=True):
        decoder.predict_one(x)
        decoder.learn_one(y)
    path = tmp_path / "decoder.npz"
    write_checkpoint(path, Checkpoint(settings, bins, 96, 2, decoder.snapshot()))

    monkeypatch.setenv("EVAL_DATA_PATH", str(tmp_path / "data"))
    monkeypatch.setenv("PREDICTION_PATH_LOCAL", str(tmp_path / "said.pkl"))
    monkeypatch.setenv("GT_PATH", str(tmp_path / "true.pkl"))
    made = evaluator.FalconEvaluator(eval_remote=False, split="m2", dataloader_workers=0)
    (split,) = made.evaluate(FalconDecoder(path, batch_size=4), phase="minival")["result"]
    figures = split["minival_split_m2"]
    assert figures["Held In R2 Mean"] > 0.9
    assert figures["Normalized Latency"] < 1


def test_falcon_decodes_sessions_side_by_side_as_each_would_be_alone(checkpoint):
    decoder = FalconDecoder(checkpoint(), batch_size=2)
    decoder.reset(dataset_tags=["one", "two"])
    x = np.stack([counts(30, 1), counts(30, 2)], axis=1)
    said = []
    for step in x[:10]:
        decoder.observe(step)
        decoder.on_done(np.zeros(2, bool))
    for step in x[10:]:
        said.append(decoder.predict(step))
    for lane in range(2):
        np.testing.assert_array_equal(np.array(said)[:, lane], spoken(trained(), x[:, lane])[10:])


def test_falcon_begins_anew_with_another_session_and_goes_on_with_the_same(checkpoint):
    decoder = FalconDecoder(checkpoint(), batch_size=2)
    decoder.reset(["one", "two"])
    x = counts(6)
    for row in x:
        decoder.predict(np.stack([row, row]))
    decoder.reset(["one", "three"])
    said = decoder.predict(np.stack([x[0], x[0]]))
    np.testing.assert_array_equal(said[1], spoken(trained(), x[:1])[0])
    np.testing.assert_array_equal(said[0], spoken(trained(), np.vstack([x, x[:1]]))[-1])


@pytest.mark.parametrize("reduce", ["sum", "mean", "rms", "variance"])
def test_steps_of_a_benchmark_add_up_to_the_bins_of_the_decoder(checkpoint, reduce):
    decoder = FalconDecoder(checkpoint(bin_s=0.06, reduce=reduce))
    decoder.reset(["it"])
    x = counts(12)
    said = np.array([decoder.predict(row[None])[0] for row in x])
    by_bin = x.reshape(4, 3, CHANNELS)
    whole = {
        "sum": by_bin.sum(axis=1),
        "mean": by_bin.mean(axis=1),
        "rms": np.sqrt((by_bin**2).mean(axis=1)),
        "variance": by_bin.var(axis=1),
    }[reduce]
    expected = spoken(trained(bin_s=0.06, reduce=reduce), whole)
    np.testing.assert_array_equal(said[:2], 0)
    np.testing.assert_allclose(said[2::3], expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(said[3], said[2])


@pytest.mark.parametrize("reduce", ["sum", "mean", "variance"])
def test_values_that_are_no_numbers_add_nothing_as_in_any_other_bin(checkpoint, reduce):
    decoder = FalconDecoder(checkpoint(bin_s=0.06, reduce=reduce))
    decoder.reset(["it"])
    x = counts(12)
    x[1, 0], x[4, 1], x[5, 1], x[7, 2], x[8] = np.inf, np.nan, -np.inf, 1e300, np.nan
    said = np.array([decoder.predict(row[None])[0] for row in x])
    with np.errstate(over="ignore"):
        given = x.astype(np.float32)
    signal = Series(StreamInfo("x", CHANNELS, 50.0), np.arange(12) / 50, given)
    _, bins, _ = binned(Recording("r", signal, None), BinSettings(bin_s=0.06, reduce=reduce))
    assert np.isfinite(bins).all()
    expected = spoken(trained(bin_s=0.06, reduce=reduce), bins)
    np.testing.assert_array_equal(said[2::3], expected)


def test_what_does_not_fit_is_refused_in_one_line(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"bins of 0\.05 s, the benchmark's steps have 0\.02 s"):
        FalconDecoder(checkpoint(bin_s=0.05))
    decoder = FalconDecoder(checkpoint())
    with pytest.raises(DataError, match="expected \\(1, channels\\), or less"):
        decoder.predict(counts(3))
    with pytest.raises(DataError, match="made for 5 channels"):
        decoder.predict(np.zeros((1, 4)))
    with pytest.raises(DataError, match="batch_size is 1"):
        decoder.reset(["a", "b"])
    config = tmp_path / "c.yaml"
    config.write_text("bins: {bin_s: 0.02}\ndecoder: {kind: rls, lags: 3}")
    with pytest.raises(RestoreError, match=r"decoder.lags 2"):
        FalconDecoder(checkpoint(), str(config))
    config.write_text("bins: {bin_s: 0.02}\ndecoder: {kind: rls, lags: 2, ridge: 1.0}")
    FalconDecoder(checkpoint(), str(config))


def test_neurobench_has_the_methods_that_the_benchmark_calls_with_their_arguments():
    models = pytest.importorskip("neurobench.models", reason=NO_NEUROBENCH)
    asked = [
        "__call__", "__net__", "activation_layers", "connection_layers", "register_hooks",
        "reset_hooks", "close_hooks", "cleanup_hooks",
    ]  # fmt: skip
    assert signatures(NeuroBenchDecoder, asked) == signatures(models.NeuroBenchModel, asked)


def test_neurobench_goes_on_from_one_batch_to_the_next(checkpoint):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    decoder = NeuroBenchDecoder(checkpoint(bin_s=0.004))
    x = counts(40)
    given = torch.from_numpy(x.astype(np.float32))
    said = torch.cat([decoder(given[:25]), decoder(given[25:, None])])
    assert said.shape == (40, OUTPUTS)
    expected = spoken(trained(bin_s=0.004), x)
    np.testing.assert_allclose(said.numpy(), expected, rtol=1e-5)
    decoder.reset()
    np.testing.assert_allclose(decoder(given[:1]).numpy(), expected[:1], rtol=1e-5)
    with pytest.raises(DataError, match="expected"):
        decoder(torch.zeros(2, 3, CHANNELS))
    held = sum(each.numel() * each.element_size() for each in decoder.__net__().buffers())
    assert held >= trained().arrays["w"].nbytes


def test_neurobenchs_own_benchmark_runs_it(checkpoint):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    pytest.importorskip("neurobench", reason=NO_NEUROBENCH)
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import Footprint
    from neurobench.metrics.workload import R2

    x = counts(60)
    truth = np.stack([x[:, 0] - x[:, 1], x[:, 2]], axis=1)
    data = torch.utils.data.TensorDataset(
        torch.from_numpy(x.astype(np.float32)), torch.from_numpy(truth.astype(np.float32))
    )
    loader = torch.utils.data.DataLoader(data, batch_size=60)
    decoder = NeuroBenchDecoder(checkpoint(bin_s=0.004))
    figures = Benchmark(decoder, loader, [], [], [[Footprint], [R2]]).run(quiet=True)
    assert figures["R2"] > 0.9
    arrays = trained(bin_s=0.004).arrays.values()
    assert figures["Footprint"] == sum(np.asarray(each).nbytes for each in arrays)
