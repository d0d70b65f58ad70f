"""The peers of `bench step`: that they do e-prop's work, and what is told when they cannot run."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from eprop_rt.errors import ConfigError
from eprop_rt_services.bench import peer_runs
from eprop_rt_services.bench.peer_runs import PEERS, Peer, PeerSkipped, run_peer, run_peers
from eprop_rt_services.bench.peers import reference
from eprop_rt_services.bench.peers import workload as wl

K, N, STEPS = 7, 12, 60
SMALL = wl.Work(inputs=K, neurons=N, steps=STEPS, rate=0.1, seed=3)
TINY = wl.Work(inputs=8, neurons=16, steps=200, rate=0.05, seed=0)
PYTHON = Path(sys.executable)
PYTORCH = PEERS[0]


def written_out(network, eta):
    """w, w_out and spikes of e-prop learning at every step, one synapse after the other."""
    w, w_out = network.w.astype(float), network.w_out.astype(float)
    rows, n = w.shape
    v, z, zf, zb, ebar = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(rows), np.zeros((rows, n))
    fired = 0
    for x, target in zip(network.spikes, network.targets, strict=True):
        s = [*x, *z]
        for j in range(n):
            drive = sum(s[i] * w[i, j] for i in range(rows))
            v[j] = wl.ALPHA * v[j] + drive + network.bias[j] - wl.V_TH * z[j]
        z = np.where(v > wl.V_TH, 1.0, 0.0)
        fired += z.sum()
        zf = wl.KAPPA * zf + (1 - wl.KAPPA) * z
        error = [sum(zf[j] * w_out[j, m] for j in range(n)) - target[m] for m in range(wl.OUTPUTS)]
        signal = [sum(w_out[j, m] * error[m] for m in range(wl.OUTPUTS)) for j in range(n)]
        for i in range(rows):
            zb[i] = wl.ALPHA * zb[i] + s[i]
            for j in range(n):
                psi = wl.PEAK / wl.V_TH * max(0.0, 1 - abs((v[j] - wl.V_TH) / wl.V_TH))
                ebar[i, j] = wl.KAPPA * ebar[i, j] + (1 - wl.KAPPA) * psi * zb[i]
                w[i, j] -= eta * signal[j] * ebar[i, j] if i != rows - n + j else 0.0
        w_out -= eta * np.outer(zf, error)
    return w, w_out, fired


def test_pytorch_has_the_weights_of_e_prop_written_out():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make torch")
    from eprop_rt_services.bench.peers import pytorch

    network, eta = wl.build_network(SMALL), 0.02
    state = pytorch.build_state(network)
    for x, target in zip(network.spikes, network.targets, strict=True):
        pytorch.learn(state, torch.tensor(x), torch.tensor(target), eta)
    w, w_out, fired = written_out(network, eta)
    assert fired > 50
    assert np.abs(w - network.w).max() > 1e-2
    np.testing.assert_allclose(state.w.numpy(), w, rtol=0, atol=1e-5)
    np.testing.assert_allclose(state.w_out.numpy(), w_out, rtol=0, atol=1e-5)


def test_the_reference_is_the_gradient_of_e_prop_written_out():
    network, eta = wl.build_network(SMALL), 1e-7
    dw, dw_out = reference.gradient(network, len(network.spikes))
    w, w_out, _ = written_out(network, eta)  # a rate so small that the weights hardly change
    np.testing.assert_allclose((network.w - w) / eta, dw, rtol=0, atol=1e-4 * np.abs(dw).max())
    np.testing.assert_allclose(
        (network.w_out - w_out) / eta, dw_out, rtol=0, atol=1e-4 * np.abs(dw_out).max()
    )


@pytest.mark.process
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed: make torch")
def test_pytorch_runs_in_a_process_of_its_own():
    figures = run_peer(PYTORCH, TINY, PYTHON, limit_s=120.0)
    assert isinstance(figures, wl.Figures), figures
    assert figures.name == "PyTorch"
    assert (figures.inputs, figures.neurons) == (8, 16)
    assert 1.0 < figures.us_median <= figures.us_p99
    assert 0.02 < figures.spike_rate < 0.1


@pytest.mark.process
@pytest.mark.parametrize("peer", PEERS[1:], ids=lambda peer: peer.name)
def test_a_peer_of_the_peers_environment_runs_and_says_its_figures(peer):
    (figures,) = run_peers(TINY, peers=[peer])
    if isinstance(figures, PeerSkipped) and "is not installed" in figures.reason:
        pytest.skip(figures.reason)
    assert isinstance(figures, wl.Figures), figures
    assert figures.us_median > 1.0
    assert 0.01 < figures.spike_rate < 0.1
    if peer.module == "braintrace":
        assert "cosine with e-prop's gradient 1.000000, of the readout 1.000000" in figures.note


@pytest.mark.process
def test_a_peer_that_is_not_installed_is_reported_with_the_remedy():
    absent = Peer("NEST", "nest", ("no_such_simulator",))
    assert run_peers(TINY, PYTHON, peers=[absent]) == [
        PeerSkipped("NEST", "no_such_simulator is not installed: make peers")
    ]


@pytest.mark.process
def test_a_peer_that_crashes_is_reported_in_one_line():
    peer = Peer("broken", "no_such_module", ())
    result = run_peer(peer, TINY, PYTHON, limit_s=60.0)
    assert isinstance(result, PeerSkipped)
    assert result.reason.startswith("failed: ")
    assert "no_such_module" in result.reason
    assert "\n" not in result.reason


@pytest.mark.process
def test_a_peer_that_prints_no_figures_is_reported():
    result = run_peer(Peer("silent", "workload", ()), TINY, PYTHON, limit_s=60.0)
    assert result == PeerSkipped("silent", "printed no figures but ''")


@pytest.mark.process
def test_a_peer_that_takes_too_long_is_reported():
    result = run_peer(Peer("slow", "workload", ()), TINY, PYTHON, limit_s=0.001)
    assert result == PeerSkipped("slow", "took longer than 0.001 s")


@pytest.mark.process
def test_an_interpreter_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match="does not run as Python"):
        run_peers(TINY, tmp_path / "python")


def test_the_environment_of_the_peers_goes_before_this_one(tmp_path):
    assert peer_runs.peers_python(tmp_path) == PYTHON
    own = tmp_path / ".venv-peers" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert peer_runs.peers_python(tmp_path) == own


def test_the_calibrated_network_fires_at_the_asked_rate():
    network = wl.build_network(wl.Work(inputs=40, neurons=80, steps=3000, rate=0.02, seed=1))
    v, z, spikes = np.zeros(80), np.zeros(80), 0.0
    for x in network.spikes:
        v = wl.ALPHA * v + np.concatenate((x, z)) @ network.w + network.bias - wl.V_TH * z
        z = (v > wl.V_TH).astype(float)
        spikes += z.sum()
    assert spikes / len(network.spikes) / 80 == pytest.approx(0.02, rel=0.15)
