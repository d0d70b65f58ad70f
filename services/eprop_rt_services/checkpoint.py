"""What a decoder has learned, as a file: arrays in an npz, and a JSON header that vouches for them.

The file is a zip without compression: `header.json`, and one `.npy` an array, never a pickle. It
is written whole or not at all. `numpy.load` reads the arrays too.
"""

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from eprop_rt.conditioning.stages import InputSettings
from eprop_rt.config import BinSettings, DecoderSettings, EpropSettings
from eprop_rt.decoder import build_decoder
from eprop_rt.errors import CheckpointError, ConfigError, RestoreError
from eprop_rt.good_state import Revertible
from eprop_rt.snapshot import Arrays

FORMAT: Final = "eprop-rt checkpoint"
VERSION: Final = 1
HEADER: Final = "header.json"
PIECE_BYTES: Final = 1 << 18
# What may differ between the settings a checkpoint was made with and those it goes on with: how
# fast and how much is learned, not what the arrays mean.
FREE: Final = frozenset(
    f"decoder.{key}"
    for key in (
        "online.learning_rate",
        "online.feedback_decay",
        "readout.learning_rate",
        "readout.forgetting_half_life_s",
        "rehearsal.steps_per_bin",
        "rehearsal.warm_up_s",
        "rehearsal.segments_per_update",
        "rehearsal.learning_rate",
        "rehearsal.silent_inputs",
        "rehearsal.error_knee",
        "rehearsal.label_knee",
        "rehearsal.clip_norm",
        "penalties.rate_strength",
        "penalties.rate_target_hz",
        "penalties.spike_l1",
        "penalties.weight_decay",
    )
) | {"bins.max_disorder_s", "bins.reset_after_gap_s", "bins.max_wait_s"}
_DECODER: TypeAdapter[DecoderSettings] = TypeAdapter(DecoderSettings)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A decoder's snapshot, and what it belongs to."""

    decoder: DecoderSettings
    bins: BinSettings
    inputs: int
    outputs: int
    arrays: Arrays

    def fitting(self, decoder: DecoderSettings, bins: BinSettings) -> DecoderSettings:
        """The settings to go on with: `decoder`, with the schedule of the checkpoint for `auto`.

        Raises RestoreError where they and `bins` are not those that the arrays were made with.
        """
        if isinstance(decoder, EpropSettings) and isinstance(self.decoder, EpropSettings):
            schedule = self.decoder.online.schedule
            if decoder.online.schedule == "auto":
                online = decoder.online.model_copy(update={"schedule": schedule})
                decoder = decoder.model_copy(update={"online": online})
        mine = _flat({"decoder": self.decoder.model_dump(), "bins": self.bins.model_dump()})
        asked = _flat({"decoder": decoder.model_dump(), "bins": bins.model_dump()})
        for key in dict.fromkeys([*mine, *asked]):
            if key not in FREE and mine.get(key) != asked.get(key):
                raise RestoreError(
                    f"the checkpoint was made with {key} {mine.get(key)}, the configuration says "
                    f"{asked.get(key)}: use the configuration that it was made with"
                )
        return decoder

    def check_shape(self, inputs: int, outputs: int) -> None:
        """Raise RestoreError where it was made for other streams."""
        if (inputs, outputs) != (self.inputs, self.outputs):
            raise RestoreError(
                f"the checkpoint was made for {self.inputs} channels and {self.outputs} outputs, "
                f"{inputs} and {outputs} came: use recordings or streams of the same array"
            )

    def check_finite(self) -> None:
        """Raise RestoreError where what was learned is not finite; labels that are absent may be.

        Which arrays those are the decoder knows: a small one is built for it.
        """
        decoder = build_decoder(self.decoder, self.inputs, self.outputs, self.bins.bin_s)
        learned = decoder.learned() if isinstance(decoder, Revertible) else self.arrays
        for name in learned:
            if name in self.arrays and not np.isfinite(self.arrays[name]).all():
                raise RestoreError(f"{name} in it is not finite: take an older one")


def check_writable(out: Path) -> None:
    """Raise before the work is done, not after it."""
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise ConfigError(f"cannot write the checkpoint {out}: name a file in a folder of yours")


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> str:
    """Write it whole or not at all, over what stood there; returns the digest of its arrays.

    Raises ConfigError where it cannot be written.
    """
    total = digest(checkpoint.arrays)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        try:
            with unfinished.open("wb") as file:
                _write(file, checkpoint, total)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write the checkpoint {path} ({error.strerror}): name another file"
        ) from None
    return total


def _write(file: Any, checkpoint: Checkpoint, total: str) -> None:
    arrays = checkpoint.arrays
    header = {
        "format": FORMAT,
        "version": VERSION,
        "decoder": checkpoint.decoder.model_dump(mode="json"),
        "bins": checkpoint.bins.model_dump(mode="json"),
        "inputs": checkpoint.inputs,
        "outputs": checkpoint.outputs,
        "arrays": {
            name: {"dtype": array.dtype.str, "shape": list(array.shape)}
            for name, array in arrays.items()
        },
        "sha256": total,
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, HEADER, json.dumps(header, indent=1).encode())
        for name, array in arrays.items():
            _add(archive, f"{name}.npy", *_as_npy(np.ascontiguousarray(array)))


def _add(archive: zipfile.ZipFile, name: str, *parts: bytes | memoryview) -> None:
    """In pieces: what is written is never copied whole while the interpreter waits."""
    with archive.open(zipfile.ZipInfo(name), "w") as entry:  # no date: the same bytes every time
        for part in parts:
            for at in range(0, len(part), PIECE_BYTES):
                entry.write(part[at : at + PIECE_BYTES])


def _as_npy(array: NDArray[Any]) -> tuple[bytes, bytes | memoryview]:
    """The header of an npy file, and the array itself."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue(), _bytes_of(array)


def _bytes_of(array: NDArray[Any]) -> bytes | memoryview:
    """A view of the values (a view cannot be empty); raises ValueError where they are objects."""
    if array.dtype.hasobject:
        raise ValueError("an array of objects came: a checkpoint holds numbers, never a pickle")
    return array.reshape(-1).view(np.uint8).data if array.size else b""


def digest(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and values."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(_bytes_of(np.ascontiguousarray(array)))
    return total.hexdigest()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one that is whole; raises CheckpointError where it is not, or is something else."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path.stat().st_size)
            header = json.loads(archive.read(HEADER))
            _check_version(path, header)
            arrays = {name: _array(archive, name) for name in header["arrays"]}
        if digest(arrays) != header["sha256"]:
            raise ValueError("the arrays are not those that were written")
        return Checkpoint(
            decoder=_DECODER.validate_python(header["decoder"]),
            bins=_bins_of(header["bins"]),
            inputs=int(header["inputs"]),
            outputs=int(header["outputs"]),
            arrays=arrays,
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} does not exist: give a checkpoint, as eprop-rt train writes one"
        ) from None
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path} ({error.strerror})") from None
    except ValidationError as error:
        what = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in what["loc"])
        raise CheckpointError(
            f"{path} holds settings that this version does not know ({key}: {what['msg']}): read "
            "it with the version that wrote it"
        ) from None
    # What a damaged zip, JSON text or npy header can end in.
    except (
        zipfile.BadZipFile,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise CheckpointError(
            f"{path} is no whole checkpoint ({_reason(error)}): it is damaged or another kind of "
            "file, take an older one"
        ) from None


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Nothing in it may claim to be larger than the file: no zip bomb, no absurd allocation."""
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
            raise ValueError(f"{entry.filename} is compressed or larger than the file")


def _check_version(path: Path, header: Any) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its header is not a checkpoint's")
    version = header.get("version")
    if version != VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, this version reads {VERSION}: read it with "
            "the version of eprop-rt that wrote it"
        )


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    content = io.BytesIO(archive.read(f"{name}.npy"))  # checks its sum before it is parsed
    array: np.ndarray = np.lib.format.read_array(content, allow_pickle=False)
    return array


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 100 else f"{text[:100]}..."


def _bins_of(header: dict[str, Any]) -> BinSettings:
    return (InputSettings if "conditioning" in header else BinSettings).model_validate(header)


def _flat(nested: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        inner = f"{path}.{key}" if path else key
        flat |= _flat(value, inner) if isinstance(value, dict) else {inner: value}
    return flat
