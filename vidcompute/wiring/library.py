"""A server follows the library: where it lies is a row of the database, which `vidctl migrate-storage` changes.

A server tells in a row of its own that it is there, and which change it has taken note of. A place that the library is
to move to is tried by all servers first: each must find there what the mover has written.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from vidcompute import logs
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.db import library as rows
from vidcompute.db.engine import Database, looked_at
from vidcompute.db.library import Library
from vidcompute.dispatch.leading import installation
from vidcompute.errors import Kind, VidComputeError
from vidcompute.wiring import storage as storages
from vidcompute.wiring.storage import InForce, Place

if TYPE_CHECKING:
    from vidcompute.settings import Settings

log = logs.get("library")
_LOOK_S = 1.0
_TELL_S = rows.ALIVE_MS / 3000


def decided(settings: "Settings", library: Library) -> InForce:
    """What is in force: settings that name a place which the library has left mean the one where it is now."""
    said = storages.place_of(settings, None)
    if library.place is None:
        return InForce(said)
    at, *left = (Place(**place) for place in (library.place, *library.abandoned))
    if said not in {at, *left}:
        return InForce(said)  # another place altogether: the settings were changed since
    return InForce(at, Place(**library.previous) if library.previous else None, chosen=said != at)


def known_library(settings: "Settings") -> Library:
    """What the database says, for a command; nothing where it can't be read, or is not there yet."""
    url = make_url(settings.effective_database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return Library()
    try:
        with looked_at(settings.effective_database_url) as connection:
            return rows.current(connection)
    except VidComputeError:
        return Library()


class Follower:
    """A server's part in it. `reread` gives the settings as they are now: keys may have been added since the start."""

    def __init__(self, settings: "Settings", db: Database, reread: Callable[[], "Settings"]) -> None:
        self._settings = settings
        self._db = db
        self._reread = reread
        self._id = installation(settings.data_dir)
        self._name = f"{os.uname().nodename}:{settings.data_dir}"
        self._revision = -1
        self._trouble: str | None = None
        self._in_force: InForce | None = None

    async def begin(self, warn: Callable[..., object]) -> SwitchedStorage:
        """The server's storage as it begins. From now on moves wait for this server: `run` it."""
        library = await self._db.write(rows.arrive, self._id, self._name)
        found = decided(self._settings, library)
        if library.place is not None and not found.chosen and found.at != Place(**library.place):
            detail = f"the settings say {found.at.url}, but the library was moved to {Place(**library.place).url}"
            warn("storage_elsewhere", detail=f"{detail}; to move it: vidctl migrate-storage --to {found.at.url}")
        self._in_force = found
        return await storages.begin(self._settings, warn, found)

    async def run(self, storage: SwitchedStorage, *, look_s: float = _LOOK_S) -> None:
        """Follow, and tell that this server is there, however long following takes; goes on until cancelled."""
        await asyncio.gather(_repeated(lambda: self.look(storage), look_s), _repeated(self._tell, _TELL_S))

    async def look(self, storage: SwitchedStorage) -> None:
        """Take note of a change, if there is one."""
        library = await self._db.read(rows.current)
        if library.revision != self._revision:
            trouble = await self._try(library)
            await self._follow(library, storage)
            self._revision, self._trouble = library.revision, trouble
            await self._tell()

    async def _tell(self) -> None:
        await self._db.write(rows.note, self._id, self._name, self._revision, self._trouble)

    async def _follow(self, library: Library, storage: SwitchedStorage) -> None:
        found = decided(self._settings, library)
        if found == self._in_force:
            return
        storages.keep_keys(self._settings_now(), found.at, replace_known=False)
        storages.settle(self._settings, found)
        await storage.switch()
        self._in_force = found
        log.info("storage_switched", at=found.at.url, before=found.before.url if found.before else None)

    async def _try(self, library: Library) -> str | None:
        """Why this server can't use the candidate; None where it can, or there is none."""
        if library.candidate is None:
            return None
        settings, place = self._settings_now(), Place(**library.candidate["at"])
        now, before = decided(self._settings, library).at, Place(**library.candidate["before"])
        if now not in {before, place}:
            return f"it stores at {now.url}, not at {before.url}"
        try:
            said = storages.place_of(self._settings, None)
            await storages.tool_place(settings, place, keys_of=said).stat(library.candidate["mark"])
        except VidComputeError as error:
            missing = error.kind is Kind.NOT_FOUND
            return "what was written there from elsewhere isn't found from here" if missing else error.detail
        except OSError as error:
            return f"{place.url}: {error.strerror}"
        return None

    def _settings_now(self) -> "Settings":
        try:
            now = self._reread()
        except VidComputeError:
            log.exception("settings_not_read_again")
            return self._settings
        return now.model_copy(update={"data_dir": self._settings.data_dir})

    async def end(self) -> None:
        """Nobody needs to wait for this server any more; where the database is away, they see that in a while."""
        with contextlib.suppress(VidComputeError):
            await self._db.write(rows.leave, self._id)


async def _repeated(step: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        try:
            await step()
        except VidComputeError as error:
            if error.code != "database_unavailable":  # then nothing can be changed there either
                log.warning("library_not_followed", detail=error.detail)
        except Exception:
            log.exception("library_not_followed")
        await asyncio.sleep(every_s)
