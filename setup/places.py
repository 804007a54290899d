"""Where things lie in a checkout, and the stamps that say what is up to date."""

import fcntl
import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
VENV_BIN = VENV / "bin"
PYTHON = VENV_BIN / "python"
REQUIREMENTS = ROOT / "requirements"
CACHE = ROOT / ".cache"  # ignored by git; `make clean` removes it
STAMPS = CACHE / "setup"
WEB = ROOT / "web"
OPENAPI_TOOLS = ROOT / "setup" / "openapi"  # checks and clients of the API document, apart from the pages
TEST_CLIENTS = ROOT / "tests" / "clients"  # of other people's making, to upload with
LIGHTHOUSE = ROOT / "bench" / "lighthouse"  # which judges a page
PAGES = ROOT / "vidcompute" / "pages"


def digest_of(*parts: str | bytes) -> str:
    """SHA-256 over some texts, each with its length, as hexadecimal."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big"))
        whole.update(data)
    return whole.hexdigest()


def digest_of_files(paths: Iterable[Path]) -> str:
    """SHA-256 over names (from the checkout's top) and contents."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(digest_of(path.relative_to(ROOT).as_posix(), path.read_bytes()).encode())
    return whole.hexdigest()


def files_below(folder: Path, *, without: frozenset[str] = frozenset()) -> list[Path]:
    """Every file below a folder, leaving out folders and files with one of these names."""
    found: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in without]
        found += [Path(here, name) for name in files if name not in without]
    return found


def is_stamped(path: Path, value: str) -> bool:
    """Whether a stamp holds this value."""
    try:
        return path.read_text() == value
    except OSError:
        return False


def stamp(path: Path, value: str) -> None:
    """Write a stamp, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(value)
    partial.replace(path)


@contextmanager
def exclusive() -> Generator[None]:
    """Let one set-up at a time work in this checkout; a second one waits."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    with (STAMPS / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
