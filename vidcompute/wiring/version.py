"""Which version this is."""

import contextlib
import os
from importlib.metadata import version as installed
from pathlib import Path

import vidcompute


def version() -> str:
    """The version of the package."""
    return installed("vidcompute")


def commit() -> str:
    """The commit that this was built from, or that is checked out; empty where that is not known."""
    given = os.environ.get("VIDCOMPUTE_COMMIT")
    git = Path(vidcompute.__file__).parents[1] / ".git"
    if given or not git.is_dir():
        return given or ""
    with contextlib.suppress(OSError):
        head = (git / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        return head if name == head else (git / name).read_text().strip()
    return ""
