"""The LSTM decodes as PyTorch's does, learns, and asks for PyTorch only when it is trained."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from eprop_rt.baselines.lstm import LstmDecoder
from eprop_rt.checks import session
from eprop_rt.config import LstmSettings
from eprop_rt.errors import ConfigError

BIN_S = 0.05
SMALL = LstmSettings(units=12, epochs=15, sequence_s=1.0, learning_rate=0.02, dropout=0.0)


def integrated(bins, seed=0):
    """Noise, and leaky sums of it: what no single bin tells."""
    rng = np.random.default_rng(seed)
    x = rng.normal(2, 1, (bins, 3)).astype(np.float32)
    labels = np.zeros((bins, 2), np.float32)
    for t in range(1, bins):
        labels[t] = 0.8 * labels[t - 1] + x[t, :2] - 2
    return x, 7 * labels + 3


def test_without_pytorch_the_fit_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    x, labels = session(500, inputs=3)
    with pytest.raises(ConfigError, match="pip install torch") as raised:
        LstmDecoder(SMALL, 3, 2, BIN_S).fit(x, labels)
    assert "\n" not in str(raised.value)


def test_pytorch_is_not_imported_unless_a_training_asks_for_it():
    code = (
        "import sys, numpy as np\n"
        "from eprop_rt.config import LstmSettings\n"
        "from eprop_rt.decoder import build_decoder\n"
        "decoder = build_decoder(LstmSettings(units=4), 3, 2, 0.05)\n"
        "decoder.predict_one(np.zeros(3, np.float32))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_decodes_as_pytorch_does_and_follows_what_it_was_trained_on():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    x, labels = integrated(1600)
    decoder = LstmDecoder(SMALL, 3, 2, BIN_S)
    decoder.fit(x[:1200], labels[:1200])
    kept = decoder.snapshot()
    layer = torch.nn.LSTM(3, 12, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.from_numpy(kept["w_in"].T))
        layer.weight_hh_l0.copy_(torch.from_numpy(kept["w_rec"].T))
        layer.bias_ih_l0.copy_(torch.from_numpy(kept["bias"]))
        layer.bias_hh_l0.zero_()
        scaled = ((x[1200:] - kept["inputs.mean"]) * kept["inputs.scale"]).astype(np.float32)
        hidden = layer(torch.from_numpy(scaled[None]))[0][0].numpy()
    said = hidden @ kept["w_out"][:-1] + kept["w_out"][-1]
    expected = kept["outputs.mean"] + said / kept["outputs.scale"]
    came = np.array([decoder.predict_one(one) for one in x[1200:]])
    np.testing.assert_allclose(came, expected, rtol=1e-4, atol=1e-3)
    missed = ((came - labels[1200:])[50:] ** 2).mean() / labels.var()
    assert missed < 0.1


def test_absent_labels_carry_no_error_and_seeds_decide():
    pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    x, labels = integrated(600)
    labels[::3] = np.nan
    short = SMALL.model_copy(update={"epochs": 2})
    one, same, other = (
        LstmDecoder(short.model_copy(update={"seed": seed}), 3, 2, BIN_S) for seed in (0, 0, 1)
    )
    for decoder in (one, same, other):
        decoder.fit(x, labels)
    weights = [decoder.snapshot()["w_rec"] for decoder in (one, same, other)]
    assert np.isfinite(weights[0]).all()
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()
