"""What `vidctl login` keeps: the tokens of a session for each server, in a file that its owner alone can read."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_EARLY_S = 30.0  # a token that ends so soon may end on its way


def default_path() -> Path:
    """`$XDG_CONFIG_HOME/vidcompute/logins.json`, which is below `~/.config` where that is not set."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "vidcompute" / "logins.json"


@dataclass(frozen=True)
class Login:
    """Who is logged in at a server, and where they work there. `access_ends_s` is Unix time by this machine's clock."""

    email: str
    organization_id: str | None
    access_token: str = field(repr=False)
    access_ends_s: float
    refresh_token: str = field(repr=False)

    @property
    def is_fresh(self) -> bool:
        """Whether the access token is good for another while."""
        return time.time() + _EARLY_S < self.access_ends_s


Change = Callable[[Login | None], Login | None]


class Logins:
    """The file of logins. Commands that run at the same time change it one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def current(self) -> str | None:
        """The server that was logged in to last."""
        url = self._read().get("current")
        return url if isinstance(url, str) and self.of(url) is not None else None

    def of(self, url: str) -> Login | None:
        """The login at this server; None where there is none, or the file can't be read."""
        found = self._read().get("logins")
        try:
            return Login(**found[url]) if isinstance(found, dict) and url in found else None
        except TypeError:
            return None

    def keep(self, url: str, login: Login) -> None:
        """Keep a login, and let commands without `--server` go there."""
        self.change(url, lambda _: login)
        with self._locked():
            self._write({**self._read(), "current": url})

    def forget(self, url: str) -> None:
        """Keep it no more."""
        self.change(url, lambda _: None)

    def change(self, url: str, work: Change) -> Login | None:
        """What `work` makes of the login as it is now, while nobody else changes it; it is kept, or gone for None."""
        with self._locked():
            before = self.of(url)
            after = work(before)
            if after != before:
                document = self._read()
                known = document.get("logins")
                kept = {name: one for name, one in known.items() if name != url} if isinstance(known, dict) else {}
                if after is not None:
                    kept[url] = asdict(after)
                self._write({**document, "logins": kept})
        return after

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def _write(self, document: dict[str, Any]) -> None:
        """Put a whole file in the place of the old one; others can read it at no time."""
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
