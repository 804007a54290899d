"""What must hold between database, storage and history once everything has come to its end."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from tests.faults.incarnation import Place
from vidcompute.db import schema
from vidcompute.db.engine import looked_at
from vidcompute.runner.publish import describe
from vidcompute.services.states import ENDED_JOBS, ENDED_TASKS, MACHINES, Transition

_MACHINES = {machine.name: machine for machine in MACHINES}


def assert_sound(place: Place) -> None:
    """Everything; the incarnations have ended."""
    with looked_at(place.url) as conn:
        _assert_ended(conn)
        _assert_artifacts_are_stored(conn, place)
        _assert_histories_follow_the_arrows(conn)
        _assert_nothing_ran_twice(conn, place)
        _assert_files_have_rows(conn, place)


def _rows(conn: Connection, table: Any) -> list[Any]:
    return list(conn.execute(select(table)))


def _assert_ended(conn: Connection) -> None:
    assert {job.status for job in _rows(conn, schema.jobs)} <= set(ENDED_JOBS)
    assert {task.status for task in _rows(conn, schema.tasks)} <= set(ENDED_TASKS)
    assert not [attempt for attempt in _rows(conn, schema.attempts) if attempt.outcome is None]
    assert not [interest for interest in _rows(conn, schema.interests) if interest.active]


def _assert_artifacts_are_stored(conn: Connection, place: Place) -> None:
    artifacts = {(a.organization_id, a.content_key): a for a in _rows(conn, schema.artifacts)}
    outcomes = {attempt.id: attempt.outcome for attempt in _rows(conn, schema.attempts)}
    not_kept = _not_kept(conn)
    for task in _rows(conn, schema.tasks):
        if task.status == "done" and task.id not in not_kept:
            assert (task.organization_id, task.content_key) in artifacts, f"{task.label} is done without an artifact"
    for artifact in artifacts.values():
        assert outcomes[artifact.attempt_id] == "ok"
        folder = place.storage / artifact.storage_prefix
        found = describe(folder) if folder.exists() else None
        if artifact.size_bytes or found is not None:
            assert found is not None, f"{artifact.stage} has a row and no files"
            assert (found.size_bytes, found.digest) == (artifact.size_bytes, artifact.digest), artifact.stage
    for source in _rows(conn, schema.sources):
        assert (place.storage / source.storage_key).stat().st_size > 0


def _not_kept(conn: Connection) -> set[str]:
    """The tasks whose artifacts a clean-up took while their assets stayed."""
    asset_of = {job.id: job.asset_id for job in _rows(conn, schema.jobs)}
    reduced = [event.data for event in _rows(conn, schema.events) if event.type == "asset.reduced"]
    taken = {(data["asset_id"], output) for data in reduced for output in data["outputs"]}
    interests = _rows(conn, schema.interests)
    return {i.task_id for i in interests if (asset_of[i.job_id], i.plan_node_id) in taken}


def _assert_histories_follow_the_arrows(conn: Connection) -> None:
    """The outbox tells each change once: read in order, it leads to what the rows say, along declared arrows."""
    told: dict[str, list[str]] = {}
    machine_of: dict[str, str] = {}
    for event in sorted(_rows(conn, schema.events), key=lambda event: event.seq):
        machine = event.type.split(".")[0]
        if machine in _MACHINES and event.data.get("status"):
            told.setdefault(event.subject_id, []).append(event.data["status"])
            machine_of[event.subject_id] = machine
    for machine, table in (("task", schema.tasks), ("job", schema.jobs), ("asset", schema.assets)):
        arrows = _pairs(_MACHINES[machine].transitions)
        for row in _rows(conn, table):
            history = told[row.id]
            assert history[-1] == row.status, (machine, history, row.status)
        for subject, history in told.items():
            if machine_of[subject] == machine:
                assert history[0] in _MACHINES[machine].initial, history
                assert set(pairwise(history)) <= arrows, (machine, history)


def _pairs(transitions: Iterable[Transition]) -> set[tuple[str, str]]:
    return {(source, t.target) for t in transitions for source in t.sources}


def _assert_nothing_ran_twice(conn: Connection, place: Place) -> None:
    runs = [line.split() for line in (place.work / "journal").read_text().splitlines()]
    assert max(Counter(attempt for attempt, _, _ in runs).values(), default=0) <= 1
    events = _rows(conn, schema.events)
    ends = [e for e in events if e.type == "task.done" and "attempt_id" in e.data]
    done = Counter((e.subject_id, e.data["attempt"]) for e in ends)
    assert max(done.values(), default=0) <= 1, "an attempt was recorded twice"
    numbers: dict[str, list[int]] = {}
    outcomes: dict[str, Counter[str]] = {}
    for attempt in _rows(conn, schema.attempts):
        numbers.setdefault(attempt.task_id, []).append(attempt.number)
        outcomes.setdefault(attempt.task_id, Counter())[attempt.outcome] += 1
    again = Counter(e.subject_id for e in events if e.type in {"task.ready", "task.waiting"} and _redone(e, events))
    for task_id, counted in numbers.items():
        assert sorted(counted) == list(range(1, len(counted) + 1))
        assert outcomes[task_id]["ok"] <= 1 + again[task_id], "it was done, and run again though nobody asked"


def _redone(event: Any, events: list[Any]) -> bool:
    """Whether a task came back to life after it was done."""
    before = [e for e in events if e.subject_id == event.subject_id and e.seq < event.seq]
    return bool(before) and max(before, key=lambda e: e.seq).type == "task.done"


def _assert_files_have_rows(conn: Connection, place: Place) -> None:
    """Once the housekeeping has gone through it, storage has what rows name, and nothing else."""
    kept = {artifact.storage_prefix for artifact in _rows(conn, schema.artifacts)}
    kept |= {source.storage_key for source in _rows(conn, schema.sources)}
    for kind in ("artifacts", "sources"):
        for path in place.storage.glob(f"orgs/*/{kind}/*/*"):
            key = path.relative_to(place.storage).as_posix()
            assert key in kept, f"no row names {key}"
