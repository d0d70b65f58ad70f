"""Training of the LSTM by PyTorch, which is imported here, when it is asked for, and nowhere else.

Truncated backpropagation through random cuts of the session, Adam, dropout, and the weights of the
epoch with the least error on the last tenth.
"""

import copy
import importlib.util
from typing import Any

import numpy as np

from eprop_rt.config import LstmSettings
from eprop_rt.errors import ConfigError
from eprop_rt.series import F32

WARM_UP = 0.2  # share of a cut, at its start, that carries no error: the units begin at rest


def require_torch() -> None:
    """Raise ConfigError where PyTorch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(
            "the lstm decoder is trained by PyTorch, which is not installed: "
            "pip install torch, or leave lstm out"
        )


def train(settings: LstmSettings, length: int, x: F32, labels: F32) -> tuple[F32, F32, F32, F32]:
    """Return w_in (K, 4 H), w_rec (H, 4 H), bias (4 H,) and w_out (H + 1, M).

    From scaled bins x (n, K) and labels (n, M), in cuts of `length` bins. The same settings and
    bins give the same weights on one machine.
    """
    require_torch()
    import torch  # noqa: PLC0415  (optional, and two seconds to import)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order; and other programs keep their cores
    try:
        return weights(descend(torch, settings, length, x, labels))
    finally:
        torch.set_num_threads(threads)


def descend(torch: Any, settings: LstmSettings, length: int, x: F32, labels: F32) -> Any:
    """The best epoch's weights, by PyTorch's names."""
    rng = np.random.default_rng(settings.seed)
    part = len(x) * 9 // 10
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build(torch, settings, x.shape[1], labels.shape[1])
        adam = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        best, least, since = copy.deepcopy(network.state_dict()), np.inf, 0
        for _ in range(settings.epochs):
            network.train()
            for rows in cuts(rng, part, length, settings.sequences_per_update):
                warm_up = int(WARM_UP * length)
                loss = error(torch, network, x[rows], labels[rows], warm_up)
                adam.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
                adam.step()
            came = validated(torch, network, x[part - length :], labels[part - length :], length)
            since += 1
            if came < least:
                best, least, since = copy.deepcopy(network.state_dict()), came, 0
            if since >= settings.patience:
                break
    return best


def build(torch: Any, settings: LstmSettings, inputs: int, outputs: int) -> Any:
    """Dropout, LSTM, dropout, linear readout."""
    return torch.nn.ModuleDict(
        {
            "drop": torch.nn.Dropout(settings.dropout),
            "lstm": torch.nn.LSTM(inputs, settings.units, batch_first=True),
            "out": torch.nn.Linear(settings.units, outputs),
        }
    )


def cuts(rng: np.random.Generator, bins: int, length: int, together: int) -> list[Any]:
    """Rows (sequences, length) of every update of one epoch: cuts at a random offset, shuffled."""
    starts = np.arange(rng.integers(length), bins - length + 1, length)
    rng.shuffle(starts)
    rows = starts[:, None] + np.arange(length)
    return [rows[k : k + together] for k in range(0, len(rows), together)]


def error(torch: Any, network: Any, x: F32, labels: F32, warm_up: int) -> Any:
    """Mean squared error over sequences x (B, T, K), from `warm_up` on, where there is a label."""
    hidden, _ = network["lstm"](network["drop"](torch.from_numpy(x)))
    said = network["out"](network["drop"](hidden[:, warm_up:]))
    target = torch.from_numpy(labels[:, warm_up:])
    known = torch.isfinite(target)
    missed = torch.where(known, said - torch.nan_to_num(target), 0.0)
    return (missed**2).sum() / known.sum().clamp(min=1)


def validated(torch: Any, network: Any, x: F32, labels: F32, warm_up: int) -> float:
    """Mean squared error over one sequence (T, K), as in decoding."""
    network.eval()
    with torch.no_grad():
        return float(error(torch, network, x[None], labels[None], warm_up))


def weights(state: Any) -> tuple[F32, F32, F32, F32]:
    """From PyTorch's names and orientation to ours."""
    arrays = {key: tensor.numpy() for key, tensor in state.items()}
    bias = arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"]
    w_out = np.concatenate([arrays["out.weight"].T, arrays["out.bias"][None]])
    return arrays["lstm.weight_ih_l0"].T, arrays["lstm.weight_hh_l0"].T, bias, w_out
