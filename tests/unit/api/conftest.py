"""The application over a real database and a real folder, and a client that speaks to it in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, cast

import httpx2
import pytest
from sqlalchemy import update

from tests.unit.engine import toys
from vidcompute.adapters.rates_memory import MemoryRates
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.api.app import Application, create_app, describe, furnish
from vidcompute.api.deps import Build, Deps, Limits
from vidcompute.api.viewing import Viewing
from vidcompute.db import schema
from vidcompute.db.engine import Database
from vidcompute.ports.executor import AttemptSpec, Finished
from vidcompute.services import accounts, jobs
from vidcompute.services.admission import Door
from vidcompute.services.playback import MakerLimits, Makers, Playback, Thumbnails
from vidcompute.services.uploads import UploadPolicy

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 8_000  # 2 MB
PAGE = (
    """<!doctype html><title>{{title}}</title><link href="{{oembed_url}}"><meta content="{{embed_url}}">{{nothing}}"""
)
DASHBOARD = "<!doctype html><title>Dashboard</title>"
URL = "https://example.com/films/clip.mp4"
BUILD = Build("1.2.3", "abc", "9.0")
CORS = ("https://app.test",)


@dataclass
class Platform:
    """The parts, and shortcuts for what the dispatcher and the runner would do."""

    app: Application
    deps: Deps
    key: str
    storage: FolderStorage
    executor: toys.HandExecutor
    placed: dict[str, AttemptSpec] = field(default_factory=dict)

    def with_others(self, **parts: Any) -> Application:
        """The application with fresh parts, these among them, until the test ends."""
        furnish(self.app, replace(self.deps, **parts))
        return self.app

    async def finish_all(self) -> None:
        """Carry every job to its end; attempts that are placed by now succeed."""
        for spec in list(self.placed.values()):
            await self.end(toys.done(spec))
        await self.deps.db.write(toys.run_everything)

    async def give_up_restoring(self) -> None:
        """Let the time be over in which deleted assets can be restored."""
        over = update(schema.assets).where(schema.assets.c.purge_ms.is_not(None)).values(purge_ms=1)
        await self.deps.db.write(lambda conn: conn.execute(over) and None)

    async def run_until(self, stage: str) -> list[AttemptSpec]:
        """Carry jobs on until attempts of this stage are placed; those."""
        while True:
            moved = await self.deps.db.write(toys.advance)
            ready = await self.deps.db.read(toys.ready)
            specs = await self.deps.db.write(toys.place, *(task.id for task in ready))
            self.placed |= {spec.attempt_id: spec for spec in specs}
            wanted = [spec for spec in specs if spec.stage == stage]
            if wanted:
                return wanted
            assert moved or specs, f"{stage} never came"
            for spec in specs:
                await self.end(toys.done(spec))

    async def end(self, result: Finished) -> None:
        """Record how an attempt ended."""
        self.placed.pop(result.attempt_id, None)
        await self.deps.db.write(jobs.finish, result, toys.AT_ONCE)


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The API's own document."""
    return describe(Build(version("vidcompute")))


@pytest.fixture(scope="session")
def assembled() -> Application:
    """An application that each test gives its own parts: making the routes takes longer than most tests."""
    nothing = cast(Any, None)
    parts = Deps(nothing, nothing, nothing, incoming=Path(), base_url="", rates=nothing, build=BUILD, cors_origins=CORS)
    return create_app(parts)


@pytest.fixture
async def platform(
    tmp_path: Path, fresh_database: Callable[[Path], Database], assembled: Application
) -> AsyncIterator[Platform]:
    db = fresh_database(tmp_path)
    key_file = await db.write(accounts.ensure_local, tmp_path)
    storage = FolderStorage(tmp_path / "objects")
    executor = toys.HandExecutor()
    deps = Deps(
        db=db,
        storage=storage,
        executor=executor,
        incoming=tmp_path / "incoming",
        base_url="https://video.test",
        uploading=UploadPolicy(folder=tmp_path / "uploads", max_unfinished=20),
        rates=MemoryRates(),
        limits=Limits(max_upload_bytes=3 * 2**20, max_json_bytes=4096),
        prelude=toys.PLANNER,
        build=BUILD,
        cors_origins=CORS,
    )
    app = assembled
    furnish(app, deps)
    async with app.router.lifespan_context(app):
        yield Platform(app, deps, key_file.read_text().strip(), storage, executor)
    await db.read(toys.check_events)
    await db.close()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(platform.app)
    headers = {"Authorization": f"Bearer {platform.key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as made:
        yield made


@pytest.fixture
async def stranger(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    transport = httpx2.ASGITransport(platform.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.fixture
def sites() -> tuple[str, ...]:
    """Who may embed a video."""
    return ("*",)


@pytest.fixture
async def viewer(platform: Platform, tmp_path: Path, sites: tuple[str, ...]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key, of an application that shows streams and pages."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "watch.html").write_text(PAGE)
    (tmp_path / "pages" / "dashboard.html").write_text(DASHBOARD)
    nobody = cast(Any, None)  # nothing is made here
    makers = Makers(nobody, nobody, tmp_path / "fast", rates=MemoryRates(), limits=MakerLimits(hold_s=0.05))
    viewing = Viewing(
        Playback(platform.deps.db, platform.storage, makers),
        Thumbnails(nobody, tmp_path / "thumbnails", at_once=1, cache_bytes=0),
        Door(platform.deps.db, MemoryRates(), own_site="video.test", password_pass_s=3600),
        tmp_path / "pages",
        sites,
    )
    platform.app.state.viewing = viewing
    transport = httpx2.ASGITransport(platform.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def until(condition: Callable[[], bool]) -> None:
    """Wait, giving way to all others, until `condition` holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)  # what reads for it in a thread must come to run


class Stream:
    """One GET that is read while it is answered: ASGI without a transport that would collect the answer first."""

    def __init__(self, platform: Platform, path: str, query: str = "", **headers: str) -> None:
        named = {"authorization": f"Bearer {platform.key}", "accept": "text/event-stream", **headers}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "server": ("test", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
        }
        self.app = platform.app
        self.status = 0
        self.text = ""
        self.ended = asyncio.Event()
        self._some = asyncio.Event()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        assert self._task is not None
        async with asyncio.timeout(10):
            await self._task

    async def _run(self) -> None:
        await self.app(self.scope, self._receive, self._send)
        self.ended.set()
        self._some.set()

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.text += message.get("body", b"").decode()
        self._some.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what came makes `condition` hold."""
        async with asyncio.timeout(10):
            while not condition():
                self._some.clear()
                await self._some.wait()

    async def over(self) -> None:
        """Wait until the answer is whole, or has failed."""
        assert self._task is not None
        await asyncio.wait([self._task])

    def events(self) -> list[tuple[str, str, str]]:
        """The whole events that came: id, type, data."""
        found = []
        for block in self.text.split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                found.append((fields.get("id", ""), fields["event"], fields["data"]))
        return found
