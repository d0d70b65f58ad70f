import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eprop_rt_protocols.schema import SCHEMAS, schema_text

FOLDER = Path(__file__).parents[2] / "protocols" / "schema"


def test_the_committed_schemas_are_up_to_date():
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == {name: schema_text(model) for name, model in SCHEMAS.items()}, (
        "run: python -m eprop_rt_protocols.schema protocols/schema"
    )


def test_every_field_of_the_command_header_is_required_and_no_other_allowed():
    schema = json.loads((FOLDER / "command-header.v2.json").read_text(encoding="utf-8"))
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False


def run_schema(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    command = [sys.executable, "-m", "eprop_rt_protocols.schema", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_module_rewrites_the_schemas(tmp_path):
    assert run_schema(str(tmp_path / "new")).returncode == 0
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written == set(SCHEMAS)


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_the_module_without_one_folder_ends_with_one_line(arguments):
    ended = run_schema(*arguments)
    assert ended.returncode != 0
    assert ended.stderr.count("\n") == 1
