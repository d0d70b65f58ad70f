"""Discrete commands: markers, or numbers in a channel, become labels of classes."""

from eprop_rt_services.classes.labels import ClassLabels, classes_of_channel
from eprop_rt_services.classes.recorded import with_classes
from eprop_rt_services.classes.settings import ClassSettings

__all__ = ["ClassLabels", "ClassSettings", "classes_of_channel", "with_classes"]
