"""Properties that every decoder must have, as plain functions that take a way to build one.

    for name, check in all_checks():
        check(lambda inputs, outputs: MyDecoder(inputs, outputs))

A check returns nothing, or raises AssertionError in one line. What is built must be new each time
and the same down to the bit: checks feed several of them side by side. The idea is river's: a
decoder is held to these by existing, not by having tests of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eprop_rt.decoder import Decoder
from eprop_rt.errors import RestoreError
from eprop_rt.series import F32, F64
from eprop_rt.snapshot import Arrays

Build = Callable[[int, int], Decoder]  # (inputs, outputs) -> a fresh decoder
Check = Callable[[Build], None]

INPUTS, OUTPUTS, BINS = 4, 2, 36


def all_checks() -> Iterator[tuple[str, Check]]:
    """Every check with its name."""
    for check in (
        an_output_is_one_number_a_label_axis,
        the_output_belongs_to_the_caller,
        what_comes_in_is_left_untouched,
        no_reference_to_the_callers_arrays_is_kept,
        two_builds_agree_to_the_bit,
        a_label_reaches_no_output_before_the_next_bin,
        frozen_bins_teach_nothing,
        a_restored_decoder_has_the_same_future,
        a_snapshot_is_a_copy,
        a_foreign_snapshot_is_refused_whole,
        absent_labels_are_passed_over,
        a_bin_that_is_not_finite_is_gone_after_reset,
    ):
        yield check.__name__, check


def an_output_is_one_number_a_label_axis(build: Build) -> None:
    """From the very first bin on: float64, shape (outputs,), finite."""
    for inputs, outputs in ((INPUTS, OUTPUTS), (1, 1), (2, 3)):
        bins, labels = session(3, inputs=inputs, outputs=outputs)
        for y in driven(build(inputs, outputs), bins, labels):
            require(y.dtype == np.float64, f"an output is {y.dtype}, expected float64")
            require(y.shape == (outputs,), f"an output is {y.shape}, expected ({outputs},)")
            require(bool(np.isfinite(y).all()), f"an output is not finite: {y}")


def the_output_belongs_to_the_caller(build: Build) -> None:
    """Writing into an output changes no later one."""
    bins, labels = session(BINS)
    one, other = build(INPUTS, OUTPUTS), build(INPUTS, OUTPUTS)
    for x, label in zip(bins, labels, strict=True):
        scribbled, y = step(one, x, label), step(other, x, label)
        require(same(scribbled, y), "writing into an output changed a later one")
        scribbled[:] = np.nan


def what_comes_in_is_left_untouched(build: Build) -> None:
    """Neither a bin nor a label is written to: read-only arrays will do."""
    bins, labels = session(BINS)
    for array in (bins, labels):
        array.flags.writeable = False
    try:
        driven(build(INPUTS, OUTPUTS), bins, labels)
    except ValueError as error:
        raise AssertionError(f"a bin or a label was written to: {error}") from error


def no_reference_to_the_callers_arrays_is_kept(build: Build) -> None:
    """A caller who uses one buffer for every bin, and another for every label, sees no change."""
    bins, labels = session(BINS)
    expected = driven(build(INPUTS, OUTPUTS), bins, labels)
    decoder, x, label = build(INPUTS, OUTPUTS), np.empty_like(bins[0]), np.empty_like(labels[0])
    for at in range(BINS):
        x[:], label[:] = bins[at], labels[at]
        y = decoder.predict_one(x)
        x[:] = np.nan
        decoder.learn_one(label)
        label[:] = np.nan
        decoder.rehearse()
        require(same(y, expected[at]), "a bin or label overwritten later changed an output")


def two_builds_agree_to_the_bit(build: Build) -> None:
    """The same settings and the same bins: the same outputs, and the same snapshot."""
    bins, labels = session(BINS)
    decoders = build(INPUTS, OUTPUTS), build(INPUTS, OUTPUTS)
    one, other = (driven(decoder, bins, labels) for decoder in decoders)
    require(same(one, other), "two builds gave other outputs")
    require_same_snapshots(*decoders, "two builds")


def a_label_reaches_no_output_before_the_next_bin(build: Build) -> None:
    """Other labels from bin k on: the same outputs up to k, k included."""
    bins, labels = session(BINS)
    expected = driven(build(INPUTS, OUTPUTS), bins, labels)
    for k in (0, BINS // 2, BINS - 1):
        others = labels.copy()
        others[k:] = 3.0 - others[k:]
        came = driven(build(INPUTS, OUTPUTS), bins, others)
        require(same(came[: k + 1], expected[: k + 1]), f"the label of bin {k} reached its output")


def frozen_bins_teach_nothing(build: Build) -> None:
    """`predict_one` alone, then `reset`: the future is as if those bins had never been."""
    bins, labels = session(BINS)
    extra, _ = session(BINS, seed=1)
    with_frozen, without = build(INPUTS, OUTPUTS), build(INPUTS, OUTPUTS)
    futures = []
    for decoder, frozen in ((with_frozen, extra), (without, extra[:0])):
        driven(decoder, bins, labels)
        for x in frozen:
            decoder.predict_one(x)
        decoder.reset()
        decoder.resume()
        futures.append(driven(decoder, bins, labels))
    require(same(*futures), "bins that were only predicted changed later outputs")
    require_same_snapshots(with_frozen, without, "with and without frozen bins")


def a_restored_decoder_has_the_same_future(build: Build) -> None:
    """Taken anywhere in a bin and restored into a fresh or a used decoder, to the bit."""
    bins, labels = session(BINS)
    middle = BINS // 2
    actions: tuple[Callable[[Decoder], object], ...] = (
        lambda d: d.predict_one(bins[middle]),
        lambda d: d.learn_one(labels[middle]),
        lambda d: d.rehearse(),
    )
    for done in range(len(actions)):
        decoder, fresh, used = (build(INPUTS, OUTPUTS) for _ in range(3))
        driven(used, *session(7, seed=1))
        driven(decoder, bins[:middle], labels[:middle])
        for action in actions[:done]:
            action(decoder)
        for restored in (fresh, used):
            restored.restore(decoder.snapshot())
        futures = []
        for each in (decoder, fresh, used):
            for action in actions[done:]:
                action(each)
            futures.append(driven(each, bins[middle + 1 :], labels[middle + 1 :]))
        for restored, future in ((fresh, futures[1]), (used, futures[2])):
            require(same(future, futures[0]), "a restored decoder gave other outputs")
            require_same_snapshots(decoder, restored, "a decoder and its restored copy")


def a_snapshot_is_a_copy(build: Build) -> None:
    """Neither does learning change a snapshot, nor does writing into one change the decoder."""
    bins, labels = session(BINS)
    decoder, other = build(INPUTS, OUTPUTS), build(INPUTS, OUTPUTS)
    for d in (decoder, other):
        driven(d, bins[:9], labels[:9])
    taken = decoder.snapshot()
    kept = {key: array.copy() for key, array in taken.items()}
    driven(decoder, bins[9:], labels[9:])
    require(same_arrays(taken, kept), "learning changed a snapshot that was taken before")
    for array in decoder.snapshot().values():
        array[...] = 0
    driven(other, bins[9:], labels[9:])
    require_same_snapshots(decoder, other, "writing into a snapshot: the decoder")


def a_foreign_snapshot_is_refused_whole(build: Build) -> None:
    """RestoreError, and the decoder goes on as if nothing had been asked."""
    bins, labels = session(BINS)
    decoder = build(INPUTS, OUTPUTS)
    driven(decoder, bins, labels)
    before = decoder.snapshot()
    for foreign in foreign_snapshots(build, before):
        try:
            decoder.restore(foreign)
        except RestoreError:
            pass
        else:
            raise AssertionError("a snapshot that belongs to another decoder was accepted")
        require(same_arrays(decoder.snapshot(), before), "a refused snapshot changed the decoder")


def absent_labels_are_passed_over(build: Build) -> None:
    """NaN on one axis, on all, from the start, for long: everything stays finite."""
    bins, labels = session(2 * BINS)
    for where, rows, axes in (
        ("at the start", slice(9), slice(None)),
        ("for long", slice(20, 50), slice(None)),
        ("on one axis", slice(None), slice(1)),
        ("always", slice(None), slice(None)),
    ):
        some = labels.copy()
        some[rows, axes] = np.nan
        decoder = build(INPUTS, OUTPUTS)
        outputs = np.concatenate([driven(decoder, bins, given) for given in (some, labels)])
        require(bool(np.isfinite(outputs).all()), f"labels absent {where}: not finite")


def a_bin_that_is_not_finite_is_gone_after_reset(build: Build) -> None:
    """Learned from, with the bins after it, then `reset`: nothing is left that is no number.

    What a decoder without that bin holds as finite numbers, this one holds so too: an output alone
    says little where the network behind it is dead.
    """
    bins, labels = session(BINS)
    twin = build(INPUTS, OUTPUTS)
    driven(twin, bins, labels)
    driven(twin, bins, labels)
    usual = not_finite(twin.snapshot())
    for wrong in (np.nan, np.inf, -np.inf):
        decoder = build(INPUTS, OUTPUTS)
        with np.errstate(all="ignore"):
            driven(decoder, bins, labels)
            step(decoder, np.full(INPUTS, wrong, np.float32), labels[0])
            driven(decoder, bins[:9], labels[:9])
            decoder.reset()
            outputs = driven(decoder, bins, labels)
        require(bool(np.isfinite(outputs).all()), f"a bin of {wrong} outlives reset")
        spoilt = not_finite(decoder.snapshot()) - usual
        require(not spoilt, f"a bin of {wrong} outlives reset in {', '.join(sorted(spoilt))}")


def session(
    bins: int, seed: int = 0, inputs: int = INPUTS, outputs: int = OUTPUTS
) -> tuple[F32, F32]:
    """Random counts (bins, inputs) and labels (bins, outputs) that follow them, some absent."""
    rng = np.random.default_rng(seed)
    drive = np.sin(np.arange(bins)[:, None] * rng.uniform(0.1, 0.4, outputs))
    rates = 2.0 * np.exp(drive @ rng.normal(0, 0.5, (outputs, inputs)))
    labels = 5.0 * drive + 1.0
    labels[rng.random(bins) < 0.1] = np.nan
    return rng.poisson(rates).astype(np.float32), labels.astype(np.float32)


def step(decoder: Decoder, x: F32, label: F32) -> F64:
    """One whole bin; returns its output."""
    y = decoder.predict_one(x)
    decoder.learn_one(label)
    decoder.rehearse()
    return y


def driven(decoder: Decoder, bins: F32, labels: F32) -> F64:
    """Copies of the outputs (bins, outputs) of a whole session."""
    return np.array([step(decoder, x, label).copy() for x, label in zip(bins, labels, strict=True)])


def foreign_snapshots(build: Build, own: Arrays) -> Iterator[Arrays]:
    """Arrays too many, too few, of another shape or dtype, and a network of another size."""
    yield own | {"an array of another decoder": np.zeros(1)}
    for name, array in own.items():
        yield {key: a for key, a in own.items() if key != name}
        yield own | {name: np.zeros((*array.shape, 2), array.dtype)}
        yield own | {name: array.astype(np.complex128)}
    if own:
        yield build(INPUTS, OUTPUTS + 1).snapshot()


def not_finite(arrays: Arrays) -> set[str]:
    """The names of arrays that hold NaN or infinity."""
    return {key for key, array in arrays.items() if not np.isfinite(array).all()}


def same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """The same dtype, shape and bits."""
    alike = one.dtype == other.dtype and one.shape == other.shape
    return alike and one.tobytes() == other.tobytes()


def same_arrays(one: Arrays, other: Arrays) -> bool:
    """The same names, each with the same values, to the bit."""
    return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)


def require_same_snapshots(one: Decoder, other: Decoder, what: str) -> None:
    """Raise AssertionError with the first array that differs."""
    a, b = one.snapshot(), other.snapshot()
    require(a.keys() == b.keys(), f"{what} hold arrays of other names")
    for key in a:
        require(same(a[key], b[key]), f"{what} differ in {key}")


def require(holds: bool, otherwise: str) -> None:
    """Raise AssertionError; unlike `assert` also where Python runs optimised."""
    if not holds:
        raise AssertionError(otherwise)
