"""Classes as they come: markers and channels among live samples become labels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from eprop_rt.errors import StreamError
from eprop_rt.series import Chunk, LabelChunk, MarkerChunk, StreamInfo
from eprop_rt_services.classes.labels import ClassLabels, class_info, classes_of_channel
from eprop_rt_services.classes.settings import ClassSettings
from eprop_rt_services.sources.stamps import newest_s

Data = Chunk | LabelChunk


class LiveClasses:
    """Puts the labels of classes in the place of what says them.

    A window's labels go before the first samples that come after the signal has passed its end.
    """

    def __init__(self, settings: ClassSettings, bin_s: float) -> None:
        self._settings = settings
        self._labels = ClassLabels(settings, bin_s)
        self._passed_s = -np.inf

    def label_info(self, info: StreamInfo | None) -> StreamInfo:
        """What the labels are, of a label stream that announces `info`, or of markers.

        Raises StreamError where that stream cannot say a class.
        """
        if info is not None and info.channels != 1:
            raise StreamError(
                f"the label stream {info.name} has {info.channels} channels, classes.source "
                "channel expects one with a number a class: require another stream"
            )
        own = class_info(self._settings)
        if self._settings.source == "markers" or info is None:
            return own
        return StreamInfo(own.name, own.channels, info.sample_rate_hz, own.channel_names, own.units)

    @property
    def events(self) -> Counter[str]:
        """Everything unusual about the markers so far."""
        return self._labels.events

    def heed(self, markers: MarkerChunk) -> None:
        """Take markers in the order in which they came."""
        if self._settings.source == "markers":
            self._labels.heed(markers)

    def apply(self, items: Sequence[Data]) -> list[Data]:
        """The same items, with labels of classes for the labels; DataError on others."""
        given: list[Data] = []
        for item in items:
            if isinstance(item, LabelChunk):
                given.append(classes_of_channel(item, self._settings))
                continue
            given += [chunk for _, chunk in self._labels.reveal(self._passed_s)]
            given.append(item)
            self._passed_s = max(self._passed_s, newest_s(item.stamps) or -np.inf)
        return given
