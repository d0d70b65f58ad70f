import numpy as np
import pytest
from hypothesis import given, settings
from scipy import signal

from conditioned import some_cuts, stage, through
from eprop_rt.errors import ConfigError

RATE_HZ = 2000.0
DESIGNS = {
    "highpass": (
        {"kind": "highpass", "cutoff_hz": 30, "order": 3},
        lambda: signal.butter(3, 30, "highpass", fs=RATE_HZ, output="sos"),
    ),
    "lowpass": (
        {"kind": "lowpass", "cutoff_hz": 200},
        lambda: signal.butter(2, 200, "lowpass", fs=RATE_HZ, output="sos"),
    ),
    "bandpass": (
        {"kind": "bandpass", "low_hz": 30, "high_hz": 400, "order": 4},
        lambda: signal.butter(4, [30, 400], "bandpass", fs=RATE_HZ, output="sos"),
    ),
}


def noise(rows=900, channels=3, seed=0):
    """With an offset and a walk, as amplifiers have."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, 40, (rows, channels)) + np.cumsum(rng.normal(0, 3, (rows, channels)), 0) + 5
    )


fuzzed = settings(max_examples=6, deadline=None, derandomize=True)


def assert_equal(came, expected):
    """To 1e-10 of the size of the data."""
    np.testing.assert_allclose(came, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def filtered(sos, x):
    zi = signal.sosfilt_zi(sos)[:, :, None] * x[0]
    return signal.sosfilt(sos, x, axis=0, zi=zi)[0]


@pytest.mark.parametrize("name", DESIGNS)
@fuzzed
@given(cuts=some_cuts)
def test_a_filter_is_scipys_sosfilt_from_rest_however_it_is_cut(name, cuts):
    given_settings, design = DESIGNS[name]
    x = noise()
    came = through(stage(**given_settings), x, cuts)
    assert_equal(came, filtered(design(), x))
    assert (came == through(stage(**given_settings), x)).all()


@pytest.mark.parametrize("cutoff_hz", [1.0, 300.0])
def test_a_filter_far_below_the_rate_keeps_its_digits(cutoff_hz):
    x = noise(3000, 2) + 1000
    came = through(stage(2, 30_000.0, kind="highpass", cutoff_hz=cutoff_hz), x)
    sos = signal.butter(2, cutoff_hz, "highpass", fs=30_000.0, output="sos")
    np.testing.assert_allclose(came, filtered(sos, x), rtol=0, atol=1e-10 * np.abs(x).max())


@fuzzed
@given(cuts=some_cuts)
def test_a_notch_with_harmonics_is_scipys_notches_one_after_the_other(cuts):
    x = expected = noise()
    for frequency_hz in (50.0, 100.0, 150.0):
        b, a = signal.iirnotch(frequency_hz, 20.0, fs=RATE_HZ)
        zi = signal.lfilter_zi(b, a)[:, None] * expected[0]
        expected = signal.lfilter(b, a, expected, axis=0, zi=zi)[0]
    how = {"kind": "notch", "frequency_hz": 50, "quality": 20, "harmonics": 3}
    came = through(stage(**how), x, cuts)
    assert_equal(came, expected)
    assert (came == through(stage(**how), x)).all()


@fuzzed
@given(cuts=some_cuts)
def test_spike_band_power_is_the_magnitude_in_its_band(cuts):
    x = noise()
    sos = signal.butter(2, [300, 900], "bandpass", fs=RATE_HZ, output="sos")
    came = through(stage(kind="spike_band_power", high_hz=900), x, cuts)
    assert_equal(came, np.abs(filtered(sos, x)))
    assert (came == through(stage(kind="spike_band_power", high_hz=900), x)).all()


@fuzzed
@given(cuts=some_cuts)
def test_band_power_is_the_square_in_each_band_side_by_side(cuts):
    x, bands = noise(), [(8.0, 12.0), (13.0, 30.0)]
    how = {"kind": "band_power", "bands_hz": bands, "order": 2}
    one = stage(**how)
    came = through(one, x, cuts)
    assert (came == through(stage(**how), x)).all()
    expected = [
        filtered(signal.butter(2, band, "bandpass", fs=RATE_HZ, output="sos"), x) ** 2
        for band in bands
    ]
    for at, band in enumerate(expected):
        assert_equal(came[:, 3 * at : 3 * at + 3], band)
    assert one.info.channel_names[:4] == ("0 8-12 Hz", "1 8-12 Hz", "2 8-12 Hz", "0 13-30 Hz")


@fuzzed
@given(cuts=some_cuts)
def test_rectified_and_smoothed_is_an_envelope(cuts):
    x = noise()
    sos = signal.butter(2, 6, "lowpass", fs=RATE_HZ, output="sos")
    rectified = through(stage(kind="rectify"), x, cuts)
    assert (rectified == np.abs(x)).all()
    came = through(stage(kind="lowpass", cutoff_hz=6), rectified, cuts)
    assert_equal(came, filtered(sos, np.abs(x)))
    assert (came == through(stage(kind="lowpass", cutoff_hz=6), rectified)).all()


def test_a_filter_starts_anew_after_a_gap_that_it_would_have_forgotten_over():
    x = noise(600)
    one = stage(kind="highpass", cutoff_hz=30, reset_after_gap_s=0.5)
    first = through(one, x[:300])
    one.gap(0.4)
    assert not one.events
    one.gap(0.6)
    assert one.events == {"filter_restarted": 1}
    sos = signal.butter(2, 30, "highpass", fs=RATE_HZ, output="sos")
    assert_equal(first, filtered(sos, x[:300]))
    assert_equal(through(one, x[300:]), filtered(sos, x[300:]))


def test_a_slow_filter_remembers_over_a_longer_gap_than_a_fast_one():
    slow, fast = (stage(kind="highpass", cutoff_hz=f) for f in (0.2, 100.0))
    for one in (slow, fast):
        one.gap(0.3)
    assert not slow.events
    assert fast.events == {"filter_restarted": 1}


@pytest.mark.parametrize(
    "given_settings",
    [
        {"kind": "highpass", "cutoff_hz": 1000},
        {"kind": "bandpass", "low_hz": 10, "high_hz": 3000},
        {"kind": "notch", "frequency_hz": 400, "harmonics": 3},
        {"kind": "spike_band_power"},
        {"kind": "band_power", "bands_hz": [[8, 12], [900, 1100]]},
    ],
    ids=lambda one: one["kind"],
)
def test_an_edge_at_or_above_half_the_rate_is_refused_in_one_line(given_settings):
    with pytest.raises(ConfigError, match="signal comes at 2000 Hz: take one below 1000 Hz") as why:
        stage(**given_settings)
    assert "\n" not in str(why.value)


def test_an_irregular_stream_is_not_filtered():
    with pytest.raises(ConfigError, match="highpass came for signal, whose samples are irregular"):
        stage(3, 0.0, kind="highpass", cutoff_hz=3)
