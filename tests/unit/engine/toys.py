"""Small real things for tests of the engine: an in-memory database, toy plans, an executor driven by hand."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

from sqlalchemy import Connection, create_engine, event, insert
from sqlalchemy.pool import StaticPool

from vidcompute.db import outbox, schema, schema_outgoing
from vidcompute.dispatch import planning
from vidcompute.dispatch.planning import Planner
from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.media import facts
from vidcompute.media.facts import AudioFacts, SourceFacts
from vidcompute.pipeline.plan import SOURCE, Plan, PlanNode
from vidcompute.pipeline.spec import JobSpec, MediaSpec
from vidcompute.pipeline.stage import Cost
from vidcompute.ports.executor import (
    Adopted,
    AttemptEvent,
    AttemptSpec,
    Finished,
    LogLine,
    Needs,
    NodeInfo,
    Outcome,
    Progress,
)
from vidcompute.services import assets, jobs, tasks
from vidcompute.services.events import CATALOGUE
from vidcompute.services.jobs import Job, Placement, RetryPolicy
from vidcompute.services.tasks import Terms

ORG = LOCAL_ORGANIZATION
AT_ONCE = RetryPolicy(max_attempts=3, max_losses=4, base_s=0.0, cap_s=0.0)
ONE = Cost(cpu_s=1.0, wall_s=1.0)
IMAGE = {"source": (SOURCE,), "probe": ("probe",)}


def memory_connection() -> Connection:
    """A connection to a fresh in-memory database with every table and the built-in organization."""
    engine = create_engine("sqlite://", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        del record
        connection.execute("PRAGMA foreign_keys=ON")

    connection = engine.connect()
    sqlite = connection.connection.driver_connection
    assert isinstance(sqlite, sqlite3.Connection)
    sqlite.deserialize(_new_database())
    return connection


@cache
def _new_database() -> bytes:
    """What `memory_connection` begins with, as SQLite writes it; made once: making it takes longer than most tests."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    schema_outgoing.webhooks.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(schema.organizations).values(id=ORG, name="local", created_ms=1))
    sqlite = engine.raw_connection().driver_connection
    assert isinstance(sqlite, sqlite3.Connection)
    return sqlite.serialize()


def check_events(conn: Connection) -> None:
    """Every event of a declared type has the data that are declared; raises ValidationError otherwise."""
    for told in outbox.all_since(conn, 0, limit=100_000):
        if told.type in CATALOGUE:
            CATALOGUE[told.type].data.model_validate(dict(told.data))


def source_facts(size_bytes: int = 1000) -> SourceFacts:
    """The facts of ten seconds of sound."""
    rate = Fraction(1, 48000)
    sound = AudioFacts(0, "aac", "LC", 48000, 2, "stereo", "und", "", True, rate, 0, 480_000, 128_000, True)
    return SourceFacts("mov", size_bytes, 10_000, 1000, None, (sound,))


def node(name: str, *, inputs: Mapping[str, tuple[str, ...]] | None = None, **options: Any) -> PlanNode:
    """A plan node whose stage is the part of its id before the slash."""
    stage = name.split("/", maxsplit=1)[0]
    return PlanNode(name, stage, 1, options, inputs if inputs is not None else {"source": (SOURCE,)}, ONE)


def recipe(found: SourceFacts, spec: MediaSpec, probe: PlanNode, _nodes: Sequence[NodeInfo] = ()) -> Plan:
    """The probe, three chunks, a package of them; one more node with `vmaf`, and one for each output but HLS."""
    if found.size_bytes == 0:
        raise refused("source_empty", "There is nothing in it.")
    chunks = [node(f"encode/{n}", chunk=n) for n in range(3)]
    nodes = [probe, *chunks, node("package", inputs={"chunks": tuple(c.id for c in chunks)})]
    if spec.vmaf:
        nodes.append(node("vmaf", inputs={"package": ("package",), "source": (SOURCE,)}))
    nodes += [
        node(f"image/{n}", inputs=IMAGE, kind=output.type)
        for n, output in enumerate(spec.outputs)
        if output.type != "hls"
    ]
    return Plan(tuple(nodes), notes=("toy",))


def fetch_node(url: str) -> PlanNode:
    """The node that fetches a URL."""
    return node("fetch", inputs={}, url=url)


def terms(of: PlanNode) -> Terms:
    """One core each."""
    return Terms(Needs(cpu=1.0), timeout_s=60.0, background=of.stage not in {"fetch", "probe"})


PLANNER = Planner(recipe=recipe, fetch=fetch_node, probe=node("probe"), terms=terms, ffmpeg_build="9.0")


def add_source(conn: Connection, digest: str = "d0") -> assets.Source:
    """A stored source with this digest."""
    key = f"orgs/{ORG}/sources/{digest}/{new_id('obj')}"
    return assets.add_source(conn, ORG, digest=digest, size_bytes=5, storage_key=key, name=f"{digest}.mp4")


def submit(conn: Connection, /, digest: str = "d0", **wanted: Any) -> Job:
    """A job on a source with this digest."""
    source = add_source(conn, digest)
    spec = {"input": {"source": source.id}, "outputs": ["hls"], **wanted}
    return jobs.submit(conn, ORG, JobSpec.model_validate(spec), source=source)


def submit_url(conn: Connection, /, **wanted: Any) -> Job:
    """A job on a URL."""
    spec = {"input": "https://example.org/a%20b.mp4", "outputs": ["hls"], **wanted}
    return jobs.submit(conn, ORG, JobSpec.model_validate(spec))


def advance(conn: Connection) -> int:
    """Take each job that waits for it one step nearer to its plan; how many there were."""
    found = jobs.unplanned(conn)
    for job in found:
        try:
            if job.step != "probed":
                jobs.attach_first(conn, PLANNER, job)
                continue
            probed = planning.probed(conn, PLANNER, job)
            planning.attach(conn, PLANNER, job, probed, recipe(probed.facts, probed.spec, PLANNER.probe))
        except VidComputeError as error:
            jobs.fail(conn, job.id, error)
    return len(found)


def ready(conn: Connection) -> list[tasks.ReadyTask]:
    """All tasks that may start, now or ever."""
    return tasks.ready_tasks(conn, 2**62, 1000).tasks


def place(conn: Connection, *task_ids: str) -> list[AttemptSpec]:
    """Place tasks on the one node."""
    return jobs.place(conn, [Placement(task_id, "local") for task_id in task_ids])


def result_facts(spec: AttemptSpec, *, empty: bool = False) -> dict[str, Any]:
    """What a stage returns."""
    if spec.stage == "fetch":
        return {"digest": f"d-{spec.options['url']}", "size_bytes": 5, "name": "a b.mp4"}
    if spec.stage == "probe":
        return facts.to_json(source_facts(0 if empty else 1000))
    return {"stage": spec.stage}


def done(spec: AttemptSpec, *, empty: bool = False) -> Finished:
    """A good end."""
    return Finished(spec.attempt_id, Outcome.OK, result_facts(spec, empty=empty), 10, "dig", metrics={"cpu_s": 0.5})


def failed(spec: AttemptSpec, kind: Kind = Kind.INTERNAL, code: str = "boom") -> Finished:
    """A bad end."""
    return Finished(spec.attempt_id, Outcome.FAILED, error_kind=kind, error_code=code, error_detail="It broke.")


def run_everything(conn: Connection) -> list[AttemptSpec]:
    """Carry everything to its end, every attempt with success; the attempts in order."""
    ran: list[AttemptSpec] = []
    while True:
        moved = advance(conn)
        specs = place(conn, *(task.id for task in ready(conn)))
        for spec in specs:
            jobs.start(conn, spec.attempt_id)
            jobs.finish(conn, done(spec), AT_ONCE)
        ran += specs
        if not moved and not specs:
            return ran


def run_until(conn: Connection, stage: str) -> list[AttemptSpec]:
    """Carry things on until attempts of `stage` are placed; those."""
    while True:
        moved = advance(conn)
        specs = place(conn, *(task.id for task in ready(conn)))
        if any(spec.stage == stage for spec in specs):
            return [spec for spec in specs if spec.stage == stage]
        assert moved or specs, f"{stage} never came"
        for spec in specs:
            jobs.finish(conn, done(spec), AT_ONCE)


@dataclass
class HandExecutor:
    """An executor whose attempts end when the test says so (or at once, as `behave` decides)."""

    behave: Callable[[AttemptSpec], AttemptEvent | None] = lambda spec: done(spec, empty=False)
    cpu: float = 2.0
    started: list[AttemptSpec] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    closed_after_s: float | None = None
    written: dict[str, bytes] = field(default_factory=dict)
    live: dict[str, AttemptSpec] = field(default_factory=dict)
    elsewhere: list[Adopted] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    outlives: bool = False
    _events: "asyncio.Queue[AttemptEvent]" = field(default_factory=asyncio.Queue)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, spec: AttemptSpec) -> None:
        """Take an attempt."""
        self.started.append(spec)
        self.live[spec.attempt_id] = spec
        self._changed.set()
        answer = self.behave(spec)
        if answer is not None:
            self.end(answer)

    def end(self, event_: AttemptEvent) -> None:
        """Let an attempt tell something; a `Finished` ends it."""
        if isinstance(event_, Finished):
            self.live.pop(event_.attempt_id, None)
        self._events.put_nowait(event_)

    def tell(self, attempt_id: str, fraction: float, line: str) -> None:
        """Progress and a log line."""
        self.end(Progress(attempt_id, fraction, frame=7))
        self.end(LogLine(attempt_id, "info", line))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until attempts were started, cancelled or collected, so that `condition` holds."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def cancel(self, attempt_id: str) -> None:
        """End an attempt."""
        self.cancelled.append(attempt_id)
        self._changed.set()
        if attempt_id in self.live:
            self.end(Finished(attempt_id, Outcome.CANCELLED))

    async def read_output(self, attempt_id: str, path: str, start: int) -> bytes:
        """What `written` has of a live attempt, whatever its path, seven bytes at a time."""
        return self.written.get(attempt_id, b"")[start : start + 7]

    async def hold(self, *, held: bool) -> None:
        """Nothing is held here."""

    async def events(self) -> AsyncIterator[AttemptEvent]:
        """What attempts told."""
        while True:
            yield await self._events.get()

    async def nodes(self) -> list[NodeInfo]:
        """One node."""
        return [NodeInfo("local", self.cpu, 2**33)]

    async def adopt(self, epoch: int) -> list[Adopted]:
        """What `elsewhere` has: attempts that another leader started."""
        self.epochs.append(epoch)
        self.live |= {adopted.spec.attempt_id: adopted.spec for adopted in self.elsewhere}
        return self.elsewhere

    async def let_go(self) -> None:
        """End what lives; where it `outlives` this, only here."""
        for attempt_id in list(self.live):
            if self.outlives:
                self.end(Finished(attempt_id, Outcome.LOST))
            else:
                await self.cancel(attempt_id)

    async def collected(self, attempt_id: str) -> None:
        """Remember it."""
        self.told.append(attempt_id)
        self._changed.set()

    async def close(self, grace_s: float) -> None:
        """End what still lives."""
        self.closed_after_s = grace_s
        for attempt_id in list(self.live):
            self.end(Finished(attempt_id, Outcome.LOST))
