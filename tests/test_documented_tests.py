"""The tables of variants and of stages name tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = "conventions.md", "conditioning.md"
NAMED = [
    named
    for table in TABLES
    for named in re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / table).read_text("utf-8"))
]


def functions_of(path):
    """Names of the functions of a test file."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_tables_name_many_tests():
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_test_that_the_documentation_names_exists(file, name):
    path = ROOT / "tests" / file
    if not path.exists():
        path = ROOT / "tests" / "eprop_rt" / file
    assert name in functions_of(path)
