"""Writes requirements/*.lock: every package with its version and hashes, and no registry's address."""

import shutil
import tempfile
from pathlib import Path

from setup import environment
from setup.console import run, say, step
from setup.places import OPENAPI_TOOLS, REQUIREMENTS, ROOT, TEST_CLIENTS, WEB

_EVERYWHERE = ["--universal", "--python-version", "3.11", "--generate-hashes"]
_EXTRAS = ["--extra", "rabbitmq", "--extra", "redis", "--extra", "tracing"]
_PLAIN = ["--no-emit-index-url", "--no-header", "--quiet"]


def write(*, upgrade: bool) -> int:
    """Resolve all lock files anew; `upgrade` takes the newest versions that pyproject.toml allows."""
    dev, small = REQUIREMENTS / "dev.lock", REQUIREMENTS / "run.lock"
    with step("Resolving requirements"):
        _compile(["pyproject.toml", "--group", "dev", *_EXTRAS], dev, upgrade=upgrade)
        # What runs is what was tested: run.lock takes its versions from dev.lock.
        _compile(["pyproject.toml", "--constraint", "requirements/dev.lock"], small, upgrade=upgrade)
        for name in ("installer", "build", "node"):
            _compile([f"requirements/{name}.in"], REQUIREMENTS / f"{name}.lock", upgrade=upgrade)
    if shutil.which("npm"):
        with step("Resolving npm packages"):
            for folder in (WEB, OPENAPI_TOOLS, TEST_CLIENTS):
                _resolve_npm(folder, upgrade=upgrade)
    else:
        say("npm is not on this machine: the npm lock files stay as they are.")
    return 0


def _compile(sources: list[str], target: Path, *, upgrade: bool) -> None:
    run(
        [environment.find_uv(), "pip", "compile", *sources, *_EVERYWHERE, *_PLAIN]
        + (["--upgrade"] if upgrade else [])
        + ["--output-file", str(target.relative_to(ROOT))],
        cwd=ROOT,
        env=environment.uv_settings(),
        problem=f"{target.name} could not be resolved",
    )


def _resolve_npm(folder: Path, *, upgrade: bool) -> None:
    """Resolve apart from the installed packages: beside them, npm leaves other platforms' packages out of the lock."""
    names = ["package.json", ".npmrc"] + ([] if upgrade else ["package-lock.json"])
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            if (folder / name).exists():
                shutil.copyfile(folder / name, Path(scratch, name))
        run(["npm", "install", "--package-lock-only"], cwd=Path(scratch), problem="npm could not resolve packages")
        shutil.copyfile(Path(scratch, "package-lock.json"), folder / "package-lock.json")
