"""What can go wrong, drawn as a tree.

EpropError                  every mistake that a person can mend; its text is one line
|-- ConfigError             settings that contradict each other or the data
|-- DataError               a chunk, label or recording that is not what was announced
|   `-- RecordingError      a file that cannot be read as a recording
|-- StreamError             a live stream that never came, or is not what was asked for
`-- RestoreError            a snapshot that belongs to another network
    `-- CheckpointError     a file that holds no whole checkpoint
"""


class EpropError(Exception):
    """A mistake that a person can mend: what came, what was expected, what to do, in one line."""


class ConfigError(EpropError):
    """Settings that contradict each other or the data they meet."""


class DataError(EpropError):
    """Numbers that are not what was announced: shape, stamps, units."""


class RecordingError(DataError):
    """A file that cannot be read as a recording."""


class StreamError(EpropError):
    """A live stream that never came, or is not what was asked for."""


class RestoreError(EpropError):
    """A snapshot that belongs to another network."""


class CheckpointError(RestoreError):
    """A file that holds no whole checkpoint: another kind, another version, damaged."""
