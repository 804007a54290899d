"""Serves the platform and starts it anew when a Python file changed; rebuilds the web pages when theirs did."""

import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from setup import pages
from setup.console import SetupError, fail, say
from setup.places import PYTHON, ROOT, WEB, files_below

_SKIPPED = frozenset({"__pycache__", "pages", "node_modules", "dist"})
_LOOK_EVERY_S = 0.5
# A child ends with this process, however that ends.
_SERVE = (str(PYTHON), "-m", "vidcompute.main", "serve", "--child")


def serve(options: Sequence[str]) -> int:
    """Serve with these options of `vidctl serve` until Ctrl-C; the exit code of the last server.

    A server that ended by itself, as one does whose code has a mistake, is started again at the next change.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    python, web = _snapshot(ROOT / "vidcompute"), _snapshot(WEB)
    server = _start(options)
    while not stopped.wait(_LOOK_EVERY_S):
        now_web = _snapshot(WEB)
        if now_web != web:
            web = now_web
            _rebuild()
        now_python = _snapshot(ROOT / "vidcompute")
        if now_python != python:
            python = now_python
            say("A file changed: starting anew.")
            _stop(server)
            server = _start(options)
    return _stop(server)


def _snapshot(folder: Path) -> dict[Path, int]:
    found: dict[Path, int] = {}
    for path in files_below(folder, without=_SKIPPED):
        try:
            found[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue  # an editor's temporary file
    return found


def _rebuild() -> None:
    try:
        pages.ensure()
    except SetupError as problem:
        fail(problem)


def _start(options: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*_SERVE, *options], cwd=ROOT, process_group=0)


def _stop(server: subprocess.Popen[bytes]) -> int:
    """End it as a service manager would: it hands its work back first."""
    if server.poll() is None:
        server.terminate()
    try:
        return server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()
