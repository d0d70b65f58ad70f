"""One number for a session: a hash of all commands, and of everything the decoder is at the end."""

import hashlib

from eprop_rt.decoder import Decoder
from eprop_rt.structs import Floats


class SessionDigest:
    """SHA-256 over the commands so far; the same session gives the same, to the bit."""

    def __init__(self) -> None:
        self._commands = hashlib.sha256()

    def add(self, index: int, values: Floats) -> None:
        """Take one command: the index of its bin, its values (outputs,)."""
        self._commands.update(int(index).to_bytes(8, "little") + values.tobytes())

    def with_decoder(self, decoder: Decoder) -> str:
        """The digest of the commands so far and of `decoder` as it is."""
        total = self._commands.copy()
        for key, array in decoder.snapshot().items():
            total.update(key.encode() + array.tobytes())
        return total.hexdigest()
