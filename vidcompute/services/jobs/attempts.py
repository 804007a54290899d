"""The life of attempts: placed, started, finished, lost. Only the attempt that owns its task can change it."""

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, update

from vidcompute.db.outbox import now_ms, together
from vidcompute.db.schema import READY, artifacts, attempts, tasks
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.plan import SOURCE
from vidcompute.ports.executor import AttemptSpec, Finished, InputRef, Needs, Outcome, Progress
from vidcompute.services.jobs import moves, replanning, reserving, tracks
from vidcompute.services.jobs.models import Placement, RetryPolicy
from vidcompute.services.jobs.queries import to_place
from vidcompute.services.states import (
    EXHAUST,
    HAND_BACK,
    LOSE,
    OWNED_TASKS,
    PLACE,
    POSTPONE,
    START,
    SUCCEED,
    UNBLOCK,
    TaskStatus,
    Transition,
)
from vidcompute.services.tasks.moves import move, move_where
from vidcompute.services.tasks.queries import (
    UNBLOCK_AFTER,
    AnyRow,
    live_attempts,
    made,
    source_key,
    task_of_attempt,
    task_row,
    wanting_jobs,
)
from vidcompute.services.tasks.queries import (
    artifacts as artifacts_of,
)

_WAITS = update(tasks).where(tasks.c.id == bindparam("of_id"), READY).values(waits_for=bindparam("to_waits_for"))
_NEW_ATTEMPT = insert(attempts)
_NEW_ARTIFACT = insert(artifacts)
_MINE = (attempts.c.id == bindparam("of_id")) & attempts.c.outcome.is_(None)
_STARTED = (
    update(attempts)
    .where(_MINE, attempts.c.started_ms.is_(None))
    .values(started_ms=bindparam("to_started_ms"))
    .returning(attempts.c.task_id, attempts.c.number)
)
_ENDED = (
    update(attempts)
    .where(_MINE)
    .values(
        {
            name: bindparam(f"to_{name}", type_=attempts.c[name].type)
            for name in ("outcome", "ended_ms", "error_kind", "error_code", "error_detail", "metrics")
        }
    )
    .returning(attempts.c.task_id, attempts.c.number)
)


@dataclass(frozen=True)
class Recorded:
    """What became of a result. `accepted` is False where the attempt didn't own its task any more."""

    accepted: bool
    status: str = ""


def place(conn: Connection, placements: Iterable[Placement]) -> list[AttemptSpec]:
    """Make an attempt for each task that is still ready, and wanted; what the executor is to start."""
    specs = []
    chosen = {placement.task_id: placement for placement in placements}
    rows = to_place(conn, chosen)
    with together(conn):
        for task_id, placement in chosen.items():
            row = rows.get(task_id)
            if row is None or not _claim(conn, placement, row.attempt):
                continue
            try:
                spec = _spec(conn, row, placement)
            except VidComputeError as error:
                _exhaust(conn, row, row.attempt + 1, error)
                continue
            conn.execute(_NEW_ATTEMPT, _attempt(spec, row.organization_id))
            specs.append(spec)
    return specs


def _claim(conn: Connection, placement: Placement, attempt: int) -> bool:
    values, told = {"attempt": attempt + 1, "waits_for": None}, {"node": placement.node}
    return move(conn, PLACE, placement.task_id, attempt=attempt, values=values, told=told)


def _attempt(spec: AttemptSpec, organization_id: str) -> dict[str, Any]:
    return {
        "id": spec.attempt_id,
        "organization_id": organization_id,
        "task_id": spec.task_id,
        "number": spec.number,
        "node": spec.node,
        "created_ms": now_ms(),
        "logs_key": f"orgs/{organization_id}/logs/{spec.attempt_id}.log",
    }


def _spec(conn: Connection, row: AnyRow, placement: Placement) -> AttemptSpec:
    attempt_id = new_id("att")
    return AttemptSpec(
        attempt_id=attempt_id,
        task_id=row.id,
        job_id=row.job_id,
        asset_id=row.asset_id,
        number=row.attempt + 1,
        stage=row.stage,
        version=row.version,
        options=row.options,
        inputs=_resolve(conn, row),
        output_prefix=f"orgs/{row.organization_id}/artifacts/{row.content_key}/{attempt_id}",
        needs=Needs(**row.needs),
        timeout_s=row.timeout_s,
        background=row.background,
        node=placement.node,
        gpus=placement.gpus,
    )


def _resolve(conn: Connection, row: AnyRow) -> dict[str, tuple[InputRef, ...]]:
    keys = [key for _, refs in row.inputs for key in refs if not key.startswith(f"{SOURCE}:")]
    found = artifacts_of(conn, row.organization_id, keys)

    def ref(key: str) -> InputRef:
        if key.startswith(f"{SOURCE}:"):
            digest = key.removeprefix(f"{SOURCE}:")
            # Mostly it is that of the job's own asset, which was read with the task.
            lies = row.source_key if row.source_digest == digest else source_key(conn, row.organization_id, digest)
            return InputRef(lies, is_tree=False, content_key=key)
        if key not in found:
            raise VidComputeError(Kind.INTERNAL, "artifact_missing", f"The artifact {key} of an earlier stage is gone.")
        artifact = found[key]
        return InputRef(
            artifact.storage_prefix,
            is_tree=True,
            facts=artifact.facts,
            is_empty=artifact.size_bytes == 0,
            content_key=key,
        )

    return {name: tuple(ref(key) for key in refs) for name, refs in row.inputs}


def start(conn: Connection, attempt_id: str, at_ms: int | None = None) -> bool:
    """The executor took the attempt, at `at_ms` (or now); False where it doesn't own its task any more, or runs."""
    at = now_ms() if at_ms is None else at_ms
    row = conn.execute(_STARTED, {"of_id": attempt_id, "to_started_ms": at}).one_or_none()
    if row is None:
        return False
    with together(conn):
        moved = move(conn, START, row.task_id, attempt=row.number, values={"started_ms": at})
        if moved:
            moves.begin_wanting(conn, row.task_id)
    return moved


def record_progress(conn: Connection, latest: Mapping[str, Progress]) -> None:
    """Keep how far attempts are, by attempt: for those who ask without listening."""
    for attempt_id, progress in latest.items():
        values = {k: v for k, v in vars(progress).items() if k != "attempt_id" and v is not None}
        conn.execute(
            update(attempts).where(attempts.c.id == attempt_id, attempts.c.outcome.is_(None)).values(progress=values)
        )


def record_reasons(conn: Connection, reasons: Mapping[str, str]) -> None:
    """Keep why ready tasks wait, by task, in plain words: for those who ask."""
    for task_id, reason in reasons.items():
        conn.execute(_WAITS, {"of_id": task_id, "to_waits_for": reason})


def set_back(conn: Connection, back_ms: int, policy: RetryPolicy) -> None:
    """The clock was set back: tasks that wait to be tried again wait no longer for it.

    Before that it may have been set forward, unnoticed, when such a wait began.
    """
    later = update(tasks).where(READY, tasks.c.ready_ms > now_ms())
    conn.execute(later.values(ready_ms=tasks.c.ready_ms - back_ms))
    _wait_at_most(conn, round(1000 * policy.longest_unasked_s))


def _wait_at_most(conn: Connection, longest_ms: int) -> None:
    """Of tasks that wait for longer to be tried again, the clock was set back meanwhile: they are ready."""
    at = now_ms()
    conn.execute(update(tasks).where(READY, tasks.c.ready_ms > at + longest_ms).values(ready_ms=at))


def finish(conn: Connection, result: Finished, policy: RetryPolicy, *, draining: bool = False) -> Recorded:
    """Record how an attempt ended, and all that follows from it, in one transaction.

    A second report of the same attempt, and one of an attempt that lost its task, change nothing; what an attempt made
    stays accepted, whatever is told of it afterwards. While `draining`
    (the server shuts down) an attempt that was ended is handed back at no cost to its task.
    """
    ended = _close(conn, result)
    if ended is None:
        return _told_again(conn, result)
    task = task_row(conn, ended.task_id)
    if task.attempt != ended.number or task.status not in OWNED_TASKS:
        return Recorded(accepted=False, status=task.status)
    with together(conn):
        if task.status == TaskStatus.PLACED:  # the end overtook the start
            moves.begin_wanting(conn, task.id)
        if result.outcome is Outcome.OK:
            return _succeed(conn, task, ended.number, result)
        if result.outcome is Outcome.CANCELLED or (draining and result.outcome is Outcome.LOST):
            return _again(conn, HAND_BACK, task, ended.number)
        how = _lost if result.outcome is Outcome.LOST else _failed
        return how(conn, task, ended.number, result, policy.of(task.stage))


def _close(conn: Connection, result: Finished) -> AnyRow | None:
    """Write an attempt's outcome; its task and number. None where it has one already, or its job was deleted."""
    values = {
        "of_id": result.attempt_id,
        "to_outcome": str(result.outcome),
        "to_ended_ms": now_ms(),
        "to_error_kind": result.error_kind,
        "to_error_code": result.error_code,
        "to_error_detail": result.error_detail,
        "to_metrics": _measured(result),
    }
    return conn.execute(_ENDED, values).one_or_none()


def _measured(result: Finished) -> dict[str, float]:
    """What an attempt took, and where it succeeded how much it made."""
    made = {"size_bytes": result.size_bytes} if result.outcome is Outcome.OK else {}
    return {**result.metrics, **made}


def _told_again(conn: Connection, result: Finished) -> Recorded:
    task_id = task_of_attempt(conn, result.attempt_id)
    if task_id is None:
        return Recorded(accepted=False)
    kept = update(attempts).where(attempts.c.id == result.attempt_id, attempts.c.metrics.is_(None))
    conn.execute(kept.values(metrics=_measured(result)))
    return Recorded(accepted=made(conn, task_id, result.attempt_id))


def _succeed(conn: Connection, task: AnyRow, number: int, result: Finished) -> Recorded:
    at = now_ms()
    if number > 1:  # it may have been done before, and made to run again
        mine = (artifacts.c.organization_id == task.organization_id) & (artifacts.c.content_key == task.content_key)
        conn.execute(delete(artifacts).where(mine))
    artifact = {
        "organization_id": task.organization_id,
        "content_key": task.content_key,
        "attempt_id": result.attempt_id,
        "stage": task.stage,
        "storage_prefix": f"orgs/{task.organization_id}/artifacts/{task.content_key}/{result.attempt_id}",
        "facts": dict(result.facts),
        "size_bytes": result.size_bytes,
        "digest": result.digest,
        "created_ms": at,
    }
    conn.execute(_NEW_ARTIFACT, artifact)
    reserving.record(conn, task, result.facts, at)
    move(
        conn,
        SUCCEED,
        task.id,
        attempt=number,
        values={"ended_ms": at, "error_kind": None, "error_code": None, "error_detail": None},
        told={"attempt_id": result.attempt_id, "duration_ms": at - (task.started_ms or at)},
    )
    move_where(conn, UNBLOCK, UNBLOCK_AFTER, {"of_id": task.id, "to_ready_ms": at})
    tracks.tell_of_task(conn, task)
    moves.settle_wanting(conn, task.id)
    return Recorded(accepted=True, status="done")


def _failed(conn: Connection, task: AnyRow, number: int, result: Finished, policy: RetryPolicy) -> Recorded:
    kind = Kind(result.error_kind) if result.error_kind in set(Kind) else Kind.INTERNAL
    failures = task.failures + 1
    error = VidComputeError(kind, result.error_code or "attempt_failed", result.error_detail or "The attempt failed.")
    if not kind.retryable or failures >= policy.max_attempts:
        return _exhaust(conn, task, number, error, failures=failures)
    asked_ms = round(1000 * min(result.retry_after_s or 0.0, policy.longest_asked_s))
    wait_ms = max(_wait_ms(policy, failures), asked_ms)
    return _again(conn, POSTPONE, task, number, error=error, wait_ms=wait_ms, failures=failures)


def _lost(conn: Connection, task: AnyRow, number: int, result: Finished, policy: RetryPolicy) -> Recorded:
    losses = task.losses + 1
    detail = result.error_detail or "The attempt's process ended without a word."
    error = VidComputeError(Kind.UNAVAILABLE, result.error_code or "attempt_lost", detail)
    if losses >= policy.max_losses:
        detail = f"{losses} attempts were lost, the last one so: {detail}"
        return _exhaust(conn, task, number, VidComputeError(error.kind, error.code, detail), losses=losses)
    return _again(conn, LOSE, task, number, error=error, wait_ms=_wait_ms(policy, losses), losses=losses)


def _wait_ms(policy: RetryPolicy, failures: int) -> int:
    wait_s: float = min(policy.cap_s, policy.base_s * 2.0 ** (failures - 1))
    return round(wait_s * random.uniform(0.5, 1.5) * 1000)


def _again(
    conn: Connection,
    transition: Transition,
    task: AnyRow,
    number: int,
    *,
    error: VidComputeError | None = None,
    wait_ms: int = 0,
    **counters: int,
) -> Recorded:
    values: dict[str, Any] = {"ready_ms": now_ms() + wait_ms, "started_ms": None, **counters}
    told: dict[str, Any] = {"reason": transition.name, "wait_ms": wait_ms}
    if error is not None:
        values |= {"error_kind": error.kind, "error_code": error.code, "error_detail": error.detail}
        told |= {"error_code": error.code, "error_detail": error.detail}
    move(conn, transition, task.id, attempt=number, values=values, told=told)
    return Recorded(accepted=True, status="ready")


def _exhaust(conn: Connection, task: AnyRow, number: int, error: VidComputeError, **counters: int) -> Recorded:
    """The task is dead: every job that wants it fails with its error, unless it can be planned in another way."""
    told = {"error_code": error.code, "error_detail": error.detail}
    values = {**told, "error_kind": error.kind, "ended_ms": now_ms(), **counters}
    told["outcome"] = str(Outcome.LOST if "losses" in counters else Outcome.FAILED)
    move(conn, EXHAUST, task.id, attempt=number, values=values, told=told)
    for job_id in wanting_jobs(conn, task.id):
        if not replanning.without_hardware(conn, job_id, error):
            moves.fail(conn, job_id, error)
    return Recorded(accepted=True, status="dead")


def hand_back(conn: Connection, policy: RetryPolicy) -> int:
    """At the end of a shutdown: whatever still has no end is handed back, at no cost to its task; how many."""
    left = live_attempts(conn)
    for row in left:
        finish(conn, Finished(row.id, Outcome.LOST, error_code="server_stopped"), policy, draining=True)
    return len(left)


def adopt(conn: Connection, policy: RetryPolicy, alive: Collection[str] = ()) -> int:
    """After a restart or a commit in doubt: attempts that no executor runs are lost, their tasks ready; how many.

    `alive` are the attempts that some executor runs. What a dead server took with it starts again without a wait.
    """
    gone = [row for row in live_attempts(conn) if row.id not in alive]
    at_once = RetryPolicy(policy.max_attempts, policy.max_losses, base_s=0.0, cap_s=0.0)
    detail = "The server, or its database, was stopped while the attempt began or ran."
    _wait_at_most(conn, round(1000 * policy.longest_wait_s))
    for row in gone:
        finish(conn, Finished(row.id, Outcome.LOST, error_code="server_stopped", error_detail=detail), at_once)
    return len(gone)
