"""The generated clients say what the API's document says, and the dashboard's code panel says what the client has."""

import ast
import inspect
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from setup.calls import table
from setup.client import client_source
from vidcompute.api import openapi
from vidcompute.api.app import describe
from vidcompute.api.deps import Build
from vidcompute.client import Client

_ROOT = Path(__file__).resolve().parents[2]
_PANEL = _ROOT / "web" / "src" / "features" / "developers"
# What the panel's own test holds the panel to: one snippet of each kind.
_SNIPPETS = (_PANEL / "python.golden.txt").read_text().split("# ---\n")


@cache
def _document() -> dict[str, object]:
    found: dict[str, object] = json.loads(openapi.as_json(describe(Build("0.1.0"))))
    return found


def test_the_python_client_is_fresh(tmp_path: Path) -> None:
    made = tmp_path / "client.py"
    made.write_text(client_source(_document()))
    config = str(_ROOT / "pyproject.toml")
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run([ruff, "format", "--quiet", "--config", config, str(made)], check=True)
    assert made.read_text() == (_ROOT / "vidcompute" / "client" / "__init__.py").read_text(), "run: make client"


def test_the_panels_table_of_calls_is_fresh() -> None:
    written = table(_document())
    assert written == (_PANEL / "calls.gen.ts").read_text(), "run: make client"
    for line in written.splitlines():
        if line.startswith("  ["):
            name = json.loads(line.strip().removesuffix(","))[2]
            assert callable(getattr(Client, name, None)), name


@pytest.mark.parametrize("snippet", _SNIPPETS, ids=range(len(_SNIPPETS)))
def test_what_the_panel_shows_is_python_and_a_call_that_the_client_takes(snippet: str) -> None:
    compile(snippet, "snippet", "exec")
    calls = [node for node in ast.walk(ast.parse(snippet)) if isinstance(node, ast.Call)]
    made = [
        (node.func.attr, node)
        for node in calls
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "client"
    ]
    assert len(made) == 1, snippet
    ((name, call),) = made
    arguments = [ast.unparse(one) for one in call.args]
    keywords = {str(one.arg): ast.unparse(one.value) for one in call.keywords}
    inspect.signature(getattr(Client, name)).bind(None, *arguments, **keywords)
