"""The recording in memory, and what it refuses."""

import numpy as np
import pytest
from pydantic import ValidationError

from eprop_rt.errors import RecordingError
from eprop_rt.series import StreamInfo
from eprop_rt_services.recordings import Recording, Selection, Series


def series(stamps, rate_hz=10.0, channels=2):
    values = np.zeros((len(stamps), channels), dtype=np.float32)
    return Series(StreamInfo("x", channels, rate_hz), np.asarray(stamps, dtype=np.float64), values)


@pytest.mark.parametrize(
    ("stamps", "rate_hz", "duration_s"),
    [
        ([1.0, 1.1, 1.2], 10.0, 0.3),
        ([1.0, 4.0], 0.0, 3.0),
        ([1.0], 10.0, 0.1),
        ([], 10.0, 0.0),
        ([1.1, 1.0, np.nan, 1.2], 10.0, 0.3),
    ],
)
def test_the_duration_includes_the_interval_of_the_last_sample(stamps, rate_hz, duration_s):
    assert Recording("a", series(stamps, rate_hz), None).duration_s == pytest.approx(duration_s)


def test_values_must_have_a_row_for_every_stamp_and_the_announced_channels():
    info, stamps = StreamInfo("x", 2, 10.0), np.arange(3.0)

    for shape in [(2, 2), (3, 1), (3,)]:
        with pytest.raises(RecordingError, match="expected one stamp a row and 2 channels"):
            Series(info, stamps, np.zeros(shape, dtype=np.float32))


def test_the_number_types_are_those_of_the_data_path():
    info = StreamInfo("x", 2, 10.0)

    with pytest.raises(RecordingError, match="float64 values; expected float64 and float32"):
        Series(info, np.arange(3.0), np.zeros((3, 2)))


def test_a_series_without_any_finite_stamp_is_refused():
    with pytest.raises(RecordingError, match="no stamp that is a finite number"):
        series([np.nan, np.inf])


def test_a_selection_refuses_unknown_keys_and_changes():
    with pytest.raises(ValidationError):
        Selection.model_validate({"signals": "x"})
    with pytest.raises(ValidationError):
        Selection().labels = "x"
