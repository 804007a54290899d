"""The Python environment in `.venv`, installed from the lock files with their hashes, and only when they changed."""

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from setup import system
from setup.console import SetupError, run, say, step, works
from setup.places import CACHE, PYTHON, REQUIREMENTS, ROOT, VENV, VENV_BIN, digest_of, is_stamped, stamp

_LOCKS = {"run": "run.lock", "dev": "dev.lock"}  # dev.lock holds all of run.lock; tests/house checks that
_BUILD = ("--build-constraints", str(REQUIREMENTS / "build.lock"))
_INSTALLER = ("--requirement", str(REQUIREMENTS / "installer.lock"))
_OLDEST_UV = (0, 8)
_NETWORK_HINT = (
    "The package registry could not be reached, or refused. Check the network, and PIP_INDEX_URL or UV_DEFAULT_INDEX\n"
    "where a mirror is used; then run the same command again: it goes on where it stopped."
)

_LOADED = (
    *("vidcompute.api.app", "vidcompute.cli.app", "vidcompute.runner.forkserver", "vidcompute.runner.inner"),
    *("vidcompute.wiring.cluster", "vidcompute.wiring.dispatching", "vidcompute.wiring.storage"),
    *("vidcompute.wiring.viewing", "alembic.command", "av", "httpx2", "numpy", "PIL.Image", "rich.progress", "uvicorn"),
)


def ensure(kind: str) -> None:
    """Make `.venv` hold what `kind` ("run" or "dev") needs. Returns at once when it does."""
    if _is_current(kind) or (kind == "run" and _is_current("dev")):
        return
    python = _base_python()
    if not _is_sound():
        _create(python)
    uv = _find_uv(python)
    with step(f"Installing Python packages ({_LOCKS[kind]})"):
        install(uv, REQUIREMENTS / _LOCKS[kind])
        run(
            [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", *_BUILD, "--editable", str(ROOT)],
            env=uv_settings(),
            problem="VidCompute itself could not be installed",
            hint=_NETWORK_HINT,
        )
        package = str(ROOT / "vidcompute")
        # Python compiles what it imports once: here, and not while somebody waits for the first video.
        run(
            [
                str(PYTHON),
                "-c",
                f"import compileall, {', '.join(_LOADED)}; compileall.compile_dir({package!r}, quiet=1)",
            ],
            problem="VidCompute was installed and can't be imported",
            hint="Remove .venv, and try again.",
        )
    stamp(_stamp_path(kind), _wanted(kind))


def install(uv: str, lock: Path) -> None:
    """Install everything that a lock file names, checked by hash, into `.venv`."""
    visible = sys.stderr.isatty()
    run(
        [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes", "--requirement", str(lock)]
        + ([] if visible else ["--quiet"]),
        env=uv_settings(),
        problem=f"The packages of {lock.name} could not be installed",
        hint=_NETWORK_HINT,
        show=visible,
    )


def find_uv() -> str:
    """The uv to use, installed into `.venv` where the machine has none."""
    return _find_uv(_base_python())


def build_wheel() -> int:
    """Build a wheel that holds the web pages, into `dist/`."""
    with step("Building the wheel"):
        run(
            [
                find_uv(),
                "build",
                "--wheel",
                "--out-dir",
                str(ROOT / "dist"),
                "--python",
                str(PYTHON),
                *_BUILD,
                str(ROOT),
            ],
            env=uv_settings(),
            problem="The wheel could not be built",
            hint=_NETWORK_HINT,
        )
    for wheel in sorted((ROOT / "dist").glob("*.whl")):
        say(f"  {wheel.relative_to(ROOT)}")
    return 0


def uv_settings() -> dict[str, str]:
    """Environment for uv: this Python alone, the system's certificates, pip's index where uv has none of its own."""
    settings = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "" if sys.stderr.isatty() else "1"}
    if Path("/etc/ssl/certs/ca-certificates.crt").exists():
        settings["UV_SYSTEM_CERTS"] = "1"
    cache = Path(os.environ.get("UV_CACHE_DIR") or home_cache() / "uv")
    settings["UV_CACHE_DIR"] = str(cache)
    if _device(cache) != _device(ROOT):
        settings["UV_LINK_MODE"] = "copy"
    index = os.environ.get("PIP_INDEX_URL")
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        settings["UV_DEFAULT_INDEX"] = index
    return settings


def home_cache() -> Path:
    """Where downloads are kept: the user's cache folder, or the checkout's where there is no home to write to."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or "/nonexistent") / ".cache")
    return home if os.access(_existing(home), os.W_OK) else CACHE


def _existing(path: Path) -> Path:
    return next(here for here in (path, *path.parents) if here.exists())


def _device(path: Path) -> int:
    return _existing(path).stat().st_dev


def _stamp_path(kind: str) -> Path:
    return VENV / f".vidcompute-{kind}"


def _wanted(kind: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    described = repr((project["project"], project["build-system"], project["tool"]["hatch"]))
    locks = [(REQUIREMENTS / name).read_bytes() for name in (_LOCKS[kind], "build.lock")]
    return digest_of(sys.version, str(ROOT), described, *locks)


def _is_current(kind: str) -> bool:
    return PYTHON.exists() and is_stamped(_stamp_path(kind), _wanted(kind)) and _is_sound()


def _is_sound() -> bool:
    """Whether `.venv` was made here, and by a Python that is still there (a checkout may have been moved)."""
    try:
        return PYTHON.exists() and str(VENV) in (VENV_BIN / "activate").read_text()
    except OSError:
        return False


def _base_python() -> str:
    """The Python behind this one: an environment that is about to be replaced can't make its successor."""
    return str(Path(sys.executable).resolve())


def _create(python: str) -> None:
    with step(f"Making the environment .venv with Python {sys.version.split()[0]}"):
        if VENV.exists():
            shutil.rmtree(VENV)
        command = [python, "-m", "venv", "--without-pip", str(VENV)]
        if works(command, timeout_s=120):
            return
        _install_venv()
        run(command, problem="Python could not make an environment", hint=_venv_hint())


def _find_uv(python: str) -> str:
    for candidate in (os.environ.get("UV"), shutil.which("uv"), str(VENV_BIN / "uv")):
        if candidate and _is_recent(candidate):
            return candidate
    if not _is_sound():
        _create(python)
    with step("Getting uv, the installer"):
        _install_uv(python)
    return str(VENV_BIN / "uv")


def _is_recent(uv: str) -> bool:
    if not works([uv, "--version"]):
        return False
    version = re.search(r"(\d+)\.(\d+)", run([uv, "--version"], problem="uv does not answer"))
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST_UV


def _install_uv(python: str) -> None:
    """Install uv into `.venv`: with this Python's pip, or one that ensurepip brings, or Debian's."""
    if works([python, "-m", "pip", "--python", str(PYTHON), "--version"]):
        pip = [python, "-m", "pip", "--python", str(PYTHON)]
    else:
        if not works([str(PYTHON), "-m", "ensurepip"], timeout_s=120):
            _install_venv()
            run([str(PYTHON), "-m", "ensurepip"], problem="This Python has no pip", hint=_venv_hint())
        pip = [str(PYTHON), "-m", "pip"]
    run(
        [*pip, "install", "--quiet", "--no-deps", "--require-hashes", *_INSTALLER],
        env={"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
        problem="uv could not be installed",
        hint=_NETWORK_HINT,
    )


def _venv_package() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


def _venv_hint() -> str:
    return (
        f"Install the package {_venv_package()}:  apt-get install {_venv_package()}\nThen run the same command again."
    )


def _install_venv() -> None:
    """Debian keeps ensurepip in a package of its own: install it where that is allowed."""
    if not system.may_install():
        raise SetupError("This Python comes without venv and pip.", _venv_hint())
    system.install([_venv_package()])
