"""The table of variants names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / "conventions.md").read_text("utf-8"))


def functions_of(path):
    """Names of the functions of a test file."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_table_names_many_tests():
    assert len(NAMED) > 30


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_test_that_the_documentation_names_exists(file, name):
    path = ROOT / "tests" / file
    if not path.exists():
        path = ROOT / "tests" / "eprop_rt" / file
    assert name in functions_of(path)
