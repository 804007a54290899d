"""What may import what, and what importing costs."""

import json
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

_HEAVY = ("av", "numpy", "PIL", "ray")

_STAGES = """
import dataclasses, importlib, json, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy}:
            raise ImportError(f"{{name}} must not be imported when a stage is")
        return None

sys.meta_path.insert(0, Refuse())
package = importlib.import_module("vidcompute.pipeline.stages")
found = []
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    for value in vars(importlib.import_module(module.name)).values():
        own = isinstance(value, type) and value.__module__ == module.name
        if own and dataclasses.is_dataclass(value) and "run" in vars(value) and "name" in vars(value):
            frozen = value.__dataclass_params__.frozen
            found.append([value.name, value.version, frozen, module.name])
print(json.dumps(found))
"""


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_follow_the_layers() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_stages_are_frozen_have_names_and_versions_of_their_own_and_import_lightly() -> None:
    stages = json.loads(_python(_STAGES.format(heavy=set(_HEAVY))))
    assert len(stages) >= 5
    names = [name for name, _, _, _ in stages]
    assert sorted(names) == sorted(set(names))
    assert all(isinstance(version, int) and version >= 1 and frozen for _, version, frozen, _ in stages)


def test_what_the_server_imports_is_small() -> None:
    code = f"""
import importlib, pkgutil, sys
for part in ("main", "api", "cli", "dispatch", "services", "adapters", "pipeline.stages"):
    top = importlib.import_module("vidcompute." + part)
    for module in pkgutil.walk_packages(getattr(top, "__path__", []), top.__name__ + "."):
        importlib.import_module(module.name)
        if heavy := set(sys.modules) & {set(_HEAVY)}:
            sys.exit(f"{{module.name}} loads {{heavy}}")
"""
    _python(code)
