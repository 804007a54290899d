"""The generated clients say what the API's document says."""

import json
import subprocess
import sys
from pathlib import Path

from setup.client import client_source
from vidcompute.api import openapi
from vidcompute.api.app import describe
from vidcompute.api.deps import Build

_ROOT = Path(__file__).resolve().parents[2]


def test_the_python_client_is_fresh(tmp_path: Path) -> None:
    made = tmp_path / "client.py"
    made.write_text(client_source(json.loads(openapi.as_json(describe(Build("0.1.0"))))))
    config = str(_ROOT / "pyproject.toml")
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run([ruff, "format", "--quiet", "--config", config, str(made)], check=True)
    assert made.read_text() == (_ROOT / "vidcompute" / "client" / "__init__.py").read_text(), "run: make client"
