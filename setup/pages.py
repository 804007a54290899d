"""The web pages, built from web/ into vidcompute/pages when their sources changed; and Node.js to build them with."""

import os
import re
import shutil
import sys
from pathlib import Path

from setup import environment
from setup.console import run, step, works
from setup.places import (
    PAGES,
    REQUIREMENTS,
    ROOT,
    STAMPS,
    VENV_BIN,
    WEB,
    digest_of,
    digest_of_files,
    files_below,
    is_stamped,
    stamp,
)

_NOT_SOURCES = frozenset({"node_modules", "dist", "coverage"})
_STAMP = STAMPS / "pages"
_NPM_S = 240  # npm may wait for ever for a connection that has gone; what it has fetched by then it keeps
_OLDEST_NODE = (20, 19)
_BUILD_HINT = "The lines above say what is wrong in web/. `cd web && npm run build` shows it again."


def ensure() -> None:
    """Make vidcompute/pages hold the pages as web/ describes them. Returns at once when it does."""
    sources = digest_of_files(files_below(WEB, without=_NOT_SOURCES))
    if is_stamped(_STAMP, sources) and any(PAGES.glob("*.html")):
        return
    settings = packages(WEB)
    with step("Building the web pages"):
        run(
            ["npm", "run", "build"], cwd=WEB, env=settings, problem="The web pages could not be built", hint=_BUILD_HINT
        )
    stamp(_STAMP, sources)


def packages(folder: Path) -> dict[str, str]:
    """Install a folder's npm packages from its lock file when that changed; the environment to run npm with."""
    settings = _node_settings()
    wanted = digest_of_files([folder / "package.json", folder / "package-lock.json"])
    stamped = digest_of(wanted, settings["PATH"])
    mark = folder / "node_modules" / ".vidcompute"
    if not is_stamped(mark, stamped):
        with step(f"Installing npm packages ({folder.relative_to(ROOT)})"):
            # Not `npm ci`: it refuses a lock file that was made where the registry holds no packages for other
            # systems (optional ones, such as a binary for Android). This takes the same versions, checked by hash.
            run(
                ["npm", "install", "--no-save", "--no-audit", "--no-fund"],
                cwd=folder,
                env=settings,
                problem="The npm packages could not be installed",
                hint="Check that the npm registry can be reached; then run the same command again.",
                timeout_s=_NPM_S,
                tries=3,
            )
        stamp(mark, stamped)
    return settings


def _node_settings() -> dict[str, str]:
    """PATH with a Node.js that is new enough: the machine's own, or the one that a Python package brings."""
    settings = {"PATH": os.environ.get("PATH", os.defpath), "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    # A network may have a certificate authority of its own, which the system knows and a packaged Node.js does not.
    settings["NODE_USE_SYSTEM_CA"] = "1"
    if not sys.stderr.isatty():
        settings["NO_COLOR"] = "1"
    home = Path(os.environ.get("HOME") or "/nonexistent")
    if not os.access(home, os.W_OK):
        settings["NPM_CONFIG_CACHE"] = str(environment.home_cache() / "npm")
    if not _machine_has_node():
        _ensure_packaged_node()
        settings["PATH"] = os.pathsep.join((str(VENV_BIN), settings["PATH"]))
    return settings


def _machine_has_node() -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not works(["npm", "--version"]):
        return False
    version = re.match(r"v(\d+)\.(\d+)", run(["node", "--version"], problem="node does not answer"))
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST_NODE


def _ensure_packaged_node() -> None:
    lock = REQUIREMENTS / "node.lock"
    wanted = digest_of(lock.read_bytes())
    mark = VENV_BIN.parent / ".vidcompute-node"
    if is_stamped(mark, wanted) and (VENV_BIN / "node").exists():
        return
    with step("Getting Node.js, to build the web pages with"):
        environment.install(environment.find_uv(), lock)
    stamp(mark, wanted)
