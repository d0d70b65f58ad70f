"""The labels of classes in a recording, each known when it would have been live."""

from dataclasses import replace

import numpy as np

from eprop_rt.errors import RecordingError
from eprop_rt.series import LabelChunk, MarkerChunk
from eprop_rt_services.classes.labels import ClassLabels, class_info, classes_of_channel
from eprop_rt_services.classes.settings import ClassSettings
from eprop_rt_services.recordings import Recording, Series


def with_classes(recording: Recording, settings: ClassSettings | None, bin_s: float) -> Recording:
    """The recording with classes for labels; as it is without settings.

    Raises RecordingError where it has nothing to take them from.
    """
    if settings is None or has_classes(recording, settings):
        return recording
    if settings.source == "channel":
        return replace(recording, labels=_of_channel(recording, settings))
    return replace(recording, labels=_of_markers(recording, settings, bin_s))


def has_classes(recording: Recording, settings: ClassSettings) -> bool:
    """Whether its labels are those of the classes already, as in a journal."""
    labels = recording.labels
    return labels is not None and labels.info.channel_names == settings.labels


def _of_channel(recording: Recording, settings: ClassSettings) -> Series:
    labels = recording.labels
    if labels is None:
        raise RecordingError(
            f"{recording.name} has no labels, classes.source channel needs a series with a number "
            "a class: choose it with -o recording.labels=NAME"
        )
    if labels.info.channels != 1:
        raise RecordingError(
            f"{recording.name}: series {labels.info.name!r} has {labels.info.channels} channels, "
            "classes.source channel needs one with a number a class"
        )
    given = classes_of_channel(LabelChunk(labels.stamps, labels.values), settings)
    info = replace(class_info(settings), sample_rate_hz=labels.info.sample_rate_hz)
    return Series(info, labels.stamps, given.values)


def _of_markers(recording: Recording, settings: ClassSettings, bin_s: float) -> Series:
    markers = recording.markers
    if markers is None:
        what = ", ".join(recording.other_texts)
        do = f"name one by recording.markers, of {what}" if what else "set source: channel"
        raise RecordingError(
            f"{recording.name} has no markers, classes.source markers needs a stream of them: "
            f"{do}, or leave classes out"
        )
    labels = ClassLabels(settings, bin_s)
    labels.heed(MarkerChunk(markers.stamps, markers.texts))
    known = labels.reveal(np.inf)
    if not known:
        came = ", ".join(list(dict.fromkeys(markers.texts))[:8])
        raise RecordingError(
            f"{recording.name}: no marker begins a class that lasts; classes.begins knows "
            f"{', '.join(settings.class_of)}, the recording has {came}"
        )
    chunks = [chunk for _, chunk in known]
    return Series(
        labels.info,
        np.concatenate([chunk.stamps for chunk in chunks]),
        np.concatenate([chunk.values for chunk in chunks]),
        np.repeat([end_s for end_s, _ in known], [len(chunk.stamps) for chunk in chunks]),
    )
