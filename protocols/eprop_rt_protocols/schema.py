"""The messages as JSON Schemas, for programs in other languages.

`python -m eprop_rt_protocols.schema DIR` writes them.
"""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from eprop_rt_protocols.command import CommandHeader
from eprop_rt_protocols.control import ControlReply, ControlRequest
from eprop_rt_protocols.screen import Screen
from eprop_rt_protocols.streams import StreamRequirement
from eprop_rt_protocols.strictness import VERSION
from eprop_rt_protocols.view import ViewHeader

SCHEMAS: dict[str, type[BaseModel]] = {
    f"command-header.v{VERSION}.json": CommandHeader,
    f"control-reply.v{VERSION}.json": ControlReply,
    f"control-request.v{VERSION}.json": ControlRequest,
    f"screen.v{VERSION}.json": Screen,
    f"stream-requirement.v{VERSION}.json": StreamRequirement,
    f"view-header.v{VERSION}.json": ViewHeader,
}


def schema_text(model: type[BaseModel]) -> str:
    """Return the JSON Schema of a message, as it stands in its file."""
    return json.dumps(model.model_json_schema(), indent=2) + "\n"


def write_schemas(folder: Path) -> None:
    """Write every schema into `folder`, which is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, model in SCHEMAS.items():
        (folder / file_name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("one folder was expected: python -m eprop_rt_protocols.schema DIR")
    write_schemas(Path(sys.argv[1]))
