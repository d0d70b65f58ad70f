from collections.abc import Sequence
from pathlib import Path
from typing import Any

def loadmat(
    file_name: Path,
    *,
    variable_names: Sequence[str] | None = None,
    squeeze_me: bool = False,
    struct_as_record: bool = True,
) -> dict[str, Any]: ...
