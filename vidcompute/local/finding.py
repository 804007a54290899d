"""Finding the server of this machine and its key, by the data folder that it announces itself in."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vidcompute.cli.local import Endpoint
from vidcompute.errors import Kind, VidComputeError

if TYPE_CHECKING:
    from vidcompute.local import Composition
    from vidcompute.settings import Explained, Settings

SERVER_FILE = "server.json"
KEY_FILE = "api.key"
CHECKOUT_FOLDER = Path("data")  # where `make run` keeps its data, in the folder that it is called in
_CONNECT_S = 1.0


@dataclass(frozen=True)
class Announced:
    """What a server says of itself in its data folder."""

    url: str
    pid: int


def is_explicit(explained: Sequence["Explained"], name: str) -> bool:
    """Whether a setting was set, by whatever means."""
    return any(item.name == name and item.source != "default" for item in explained)


def folders(root: "Composition") -> list[Path]:
    """The data folders to look in: the one that was set, else ./data where it is there, and the default."""
    settings = root.load()
    default = settings.data_dir.expanduser().absolute()
    if is_explicit(root.explain(settings), "data_dir"):
        return [default]
    here = CHECKOUT_FOLDER.absolute()
    return [here, default] if here.is_dir() else [default]


def run_folder(settings: "Settings", explained: Sequence["Explained"]) -> Path:
    """The data folder of `vidctl run`: the one that was set, else ./data."""
    chosen = settings.data_dir.expanduser() if is_explicit(explained, "data_dir") else CHECKOUT_FOLDER
    return chosen.absolute()


def announced(folder: Path) -> Announced | None:
    """The server that a data folder names; None where there is none."""
    try:
        told = json.loads((folder / SERVER_FILE).read_text())
        return Announced(str(told["url"]), int(told["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def answers(url: str) -> bool:
    """Whether something listens at a URL."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), _CONNECT_S):
            return True
    except OSError:
        return False


def key_of(folder: Path) -> str:
    """The API key in a data folder; `api_key_missing` (kind unauthenticated)."""
    try:
        return (folder / KEY_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        detail = f"The API key in {folder / KEY_FILE} can't be read; give one with --key or VIDCOMPUTE_API_KEY."
        raise VidComputeError(Kind.UNAUTHENTICATED, "api_key_missing", detail) from error


def running(folder: Path) -> Endpoint | None:
    """The server of a data folder, if it answers."""
    told = announced(folder)
    return Endpoint(told.url, key_of(folder)) if told is not None and answers(told.url) else None


def find(places: Sequence[Path]) -> Endpoint:
    """The server of the first data folder that has one; `server_not_found` (kind unavailable)."""
    for folder in places:
        if found := running(folder):
            return found
    looked = " and ".join(map(str, places))
    detail = f"No server runs here (looked in {looked}). Start one with `vidctl serve`, or name one with --server."
    raise VidComputeError(Kind.UNAVAILABLE, "server_not_found", detail)
