"""The test suite: `quick` for make check, `everything` for make test, `cluster` for make test PROFILE=cluster.

All parts run, whatever failed before.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from setup import pages, system
from setup.console import say
from setup.places import OPENAPI_TOOLS, PYTHON, ROOT, TEST_CLIENTS, VENV_BIN, WEB

_OPENAPI = ROOT / "docs" / "openapi.yaml"
_E2E = ("serve", "jobs", "outputs", "cli", "corpus", "first_play", "watching", "delivery")
_MAIN_JOB = (*(f"tests/e2e/test_{name}.py" for name in _E2E), "tests/faults/test_kill.py")
_LEAN_MAIN_JOB = ("tests/e2e/test_jobs.py",)
_TOLD = ("--durations=25", "--durations-min=1")
_PARALLEL = ("-n", "2", "--dist", "worksteal", *_TOLD)
# Tests that need nothing wait a third of their time, so three at a time keep two cores at work.
_QUICK = ("-n", "3", "--dist", "worksteal", *_TOLD)
# The tests of a file share a platform, so they stay together; those that take longest come first.
_BY_FILE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *_TOLD)
_FOLDERS = tuple(f"tests/{name}" for name in ("unit", "house", "access", "contract", "media"))
_RUNNING = ("tests/faults", "tests/e2e")


@dataclass(frozen=True)
class Part:
    """One command of the suite; `shown` lets its output through as it comes, `told` shows it when it has ended."""

    name: str
    command: tuple[str, ...]
    cwd: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)
    shown: bool = False
    told: bool = False


@dataclass(frozen=True)
class Result:
    """How a part ended."""

    part: Part
    code: int
    output: str
    wall_s: float


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(VENV_BIN / name), *arguments)


def _rules() -> list[Part]:
    return [
        Part("mypy", _tool("mypy")),
        Part("ruff", _tool("ruff", "check", "--quiet")),
        Part("format", _tool("ruff", "format", "--check", "--quiet")),
        Part("imports", _tool("lint-imports", "--no-cache", "--no-logo")),
    ]


def quick() -> int:
    """Lint, types, imports and the tests that need nothing: under a minute when warm. The exit code."""
    tests = Part("tests", _tool("pytest", "-q", *_QUICK, "tests/unit", "tests/house"))
    begun = time.monotonic()
    results = _reported(_side_by_side([tests], _rules()))
    say(f"{time.monotonic() - begun:.1f} s in all")
    return _worst(results)


def everything() -> int:
    """The whole suite. Pytest's closing line is the last line of the output. The exit code."""
    web = _web()
    pages.packages(TEST_CLIENTS)
    results = _reported(_side_by_side([_on_cluster(_LEAN_MAIN_JOB)], _rules(), web))
    results.append(_run(_pytest("unit, house, access, contract and media tests", *_PARALLEL, *_FOLDERS)))
    running = _pytest("faults and end-to-end tests", *_BY_FILE, "-m", "not (long or alone or waits)", *_RUNNING)
    waiting = replace(_marked("waits", "tests that mostly wait"), shown=False, told=True)
    results += _reported(_side_by_side([running], [waiting]))
    results.append(_run(_marked("alone", "what is played to its end, with the machine to itself")))
    failed = [result.part.name for result in results if result.code]
    if failed:
        say(f"✗ failed: {', '.join(failed)}")
    return _worst(results)


def _pytest(name: str, *given: str) -> Part:
    return Part(name, _tool("pytest", *given), env=_test_env(), shown=True)


def _marked(mark: str, name: str) -> Part:
    """The tests of the running platform with a mark; files that have none are not loaded for it."""
    files = [path for folder in _RUNNING for path in sorted((ROOT / folder).rglob("test_*.py"))]
    those = [str(path) for path in files if f"mark.{mark}" in path.read_text(encoding="utf-8")]
    return _pytest(name, *_TOLD, "-m", f"{mark} and not long", *those)


def cluster() -> int:
    """The whole suite of the main job on PostgreSQL, S3 and Ray. The exit code."""
    return _run(_on_cluster(_MAIN_JOB)).code


def _on_cluster(tests: tuple[str, ...]) -> Part:
    environment = {**_test_env(), "PROFILE": "cluster"}
    return Part("the main job on PostgreSQL, S3 and Ray", _tool("pytest", *_TOLD, *tests), env=environment, shown=True)


def _web() -> list[Part]:
    settings = pages.packages(WEB)
    parts = [
        Part("web: lint and types", ("npm", "run", "--silent", "check"), WEB, settings),
        Part("web: tests", ("npm", "test", "--silent"), WEB, settings),
    ]
    if _OPENAPI.exists():
        parts.append(Part("openapi: packages", (str(PYTHON), "-m", "setup", "openapi-tools")))
        spectral = str(OPENAPI_TOOLS / "node_modules" / ".bin" / "spectral")
        command = (spectral, "lint", "--fail-severity", "warn", "--ruleset", ".spectral.yaml", str(_OPENAPI))
        parts.append(Part("openapi: spectral", command, ROOT, settings))
        fresh = "npm run --silent client && git diff --exit-code --stat -- src/api"
        parts.append(Part("openapi: web client is fresh", ("sh", "-c", fresh), WEB, settings))
    return parts


def _test_env() -> dict[str, str]:
    return {"PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), str(system.UNPACKED)))}


def _side_by_side(*lanes: Sequence[Part]) -> list[Result]:
    """Run the parts of each lane one after the other, and all lanes at a time."""
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        results = pool.map(lambda lane: [_run(part) for part in lane], lanes)
        return [result for lane in results for result in lane]


def _run(part: Part) -> Result:
    begun = time.monotonic()
    if part.shown:
        say(f"▸ {part.name}")
    done = subprocess.run(
        part.command,
        cwd=part.cwd,
        env={**os.environ, **part.env},
        stdin=subprocess.DEVNULL,
        stdout=None if part.shown else subprocess.PIPE,
        stderr=None if part.shown else subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Result(part, done.returncode, done.stdout or "", time.monotonic() - begun)


def _reported(results: list[Result]) -> list[Result]:
    for result in results:
        _report(result)
    return results


def _report(result: Result) -> None:
    mark = "✗" if result.code else "✓"
    if result.code or result.part.told:
        say(result.output.rstrip())
    say(f"{mark} {result.part.name} ({result.wall_s:.1f} s)")


def _worst(results: list[Result]) -> int:
    return next((result.code for result in results if result.code), 0)
