"""What users see of a running job: its stages, each the sum of its tasks and their attempts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vidcompute.db.outbox import now_ms
from vidcompute.services.jobs import queries
from vidcompute.services.jobs.models import Job, StageView
from vidcompute.services.states import OWNED_TASKS, TaskStatus
from vidcompute.services.tasks.models import Attempt
from vidcompute.services.tasks.queries import AnyRow, attempts_of

_UNIT = {"cpu_s": 1.0, "wall_s": 1.0}  # of a task that no plan names: fetch, probe
_DECIDING = (TaskStatus.DEAD, TaskStatus.CANCELLED)


Latest = Callable[[Iterable[str]], Mapping[str, Mapping[str, Any]]]
"""The newest progress of tasks, by task (fraction, frame, …), where it is fresher than what the database holds."""


def list_stages(conn: Connection, job: Job, latest: Latest | None = None, at_ms: int | None = None) -> list[StageView]:
    """The stages of a job in the order of its plan."""
    rows = queries.interest_rows(conn, job.id)
    task_ids = [row.id for row in rows]
    history = attempts_of(conn, task_ids)
    live = latest(task_ids) if latest is not None else {}
    costs = {n["id"]: n["cost"] for n in (job.plan or {}).get("nodes", ())}
    names = list(dict.fromkeys(row.stage for row in rows))
    known = _Known(history, costs, live, at_ms if at_ms is not None else now_ms(), job.created_ms)
    return [_stage(name, [r for r in rows if r.stage == name], known) for name in names]


@dataclass(frozen=True)
class _Known:
    """Attempts and newest progress by task, estimated costs by plan node, the time of looking, and the job's own."""

    history: Mapping[str, list[Attempt]]
    costs: Mapping[str, Mapping[str, float]]
    live: Mapping[str, Mapping[str, Any]]
    at_ms: int
    created_ms: int


def _stage(name: str, rows: Sequence[AnyRow], known: _Known) -> StageView:
    history, costs, at_ms = known.history, known.costs, known.at_ms
    reused = {r.id for r in rows if r.status == TaskStatus.DONE and (r.ended_ms or 0) < known.created_ms}
    tried = [attempt for row in rows if row.id not in reused for attempt in history.get(row.id, ())]
    status = _status([row.status for row in rows])
    current = {row.id: _progress(row, history, known.live) for row in rows}
    weights = [max(costs.get(row.plan_node_id, _UNIT)["wall_s"], 1e-3) for row in rows]
    fraction = sum(w * current[r.id].get("fraction", 0.0) for w, r in zip(weights, rows, strict=True)) / sum(weights)
    started = min((a.started_ms for a in tried if a.started_ms is not None), default=None)
    ended = max((row.ended_ms or 0 for row in rows if row.id not in reused), default=0) if _over(rows) else None
    broken = next((row for row in rows if row.status == TaskStatus.DEAD), None)
    running = [current[row.id] for row in rows if row.status in OWNED_TASKS]
    return StageView(
        name=name,
        status=status,
        progress=_summed(fraction, running),
        tasks=len(rows),
        tasks_done=sum(row.status == TaskStatus.DONE for row in rows),
        reused=len(reused),
        attempts=len(tried),
        started_ms=started,
        ended_ms=ended or None,
        duration_ms=None if started is None else (ended or at_ms) - started,
        eta_ms=_eta_ms(status, fraction, started, at_ms),
        waits_for=_waits_for(rows, at_ms) if not running else None,
        error_code=broken.error_code if broken else None,
        error_detail=broken.error_detail if broken else None,
        cost=_total([costs.get(row.plan_node_id, {}) for row in rows]),
        spent=_total([a.metrics or {} for a in tried]),
        logs_keys=tuple(a.logs_key for row in rows for a in history.get(row.id, ())),
    )


def _waits_for(rows: Sequence[AnyRow], at_ms: int) -> str | None:
    """Why the first of its tasks that could run does not."""
    ready = next((row for row in rows if row.status == TaskStatus.READY), None)
    if ready is None:
        return None
    if ready.ready_ms > at_ms and ready.error_detail is not None:
        return f"Tries again in {-(-(ready.ready_ms - at_ms) // 1000)} s: {ready.error_detail}"
    return ready.waits_for or "Waits for its turn."


def _status(statuses: Sequence[str]) -> str:
    """One word for many tasks: a broken one decides, then one that runs; partly done counts as running."""
    for word in _DECIDING:
        if word in statuses:
            return word
    if all(s == TaskStatus.DONE for s in statuses):
        return TaskStatus.DONE
    if TaskStatus.RUNNING in statuses or TaskStatus.DONE in statuses:
        return TaskStatus.RUNNING
    return next(s for s in (TaskStatus.PLACED, TaskStatus.READY, TaskStatus.WAITING) if s in statuses)


def _over(rows: Sequence[AnyRow]) -> bool:
    return all(row.status in {TaskStatus.DONE, TaskStatus.DEAD, TaskStatus.CANCELLED} for row in rows)


def _progress(
    row: AnyRow, history: Mapping[str, list[Attempt]], live: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    if row.status == TaskStatus.DONE:
        return {"fraction": 1.0}
    if row.status not in OWNED_TASKS:
        return {"fraction": 0.0}
    tried = history.get(row.id, [])
    return live.get(row.id) or (tried[-1].progress if tried else None) or {"fraction": 0.0}


def _summed(fraction: float, running: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Frames, speeds and times of the tasks that run, added up."""
    summed: dict[str, Any] = {"fraction": round(fraction, 4)}
    for name in ("frame", "fps", "media_time_ms", "speed"):
        known = [p[name] for p in running if p.get(name) is not None]
        if known:
            summed[name] = sum(known)
    return summed


def _eta_ms(status: str, fraction: float, started_ms: int | None, at_ms: int) -> int | None:
    if status == TaskStatus.DONE:
        return 0
    if status != TaskStatus.RUNNING or started_ms is None or fraction <= 0:
        return None
    return round((at_ms - started_ms) * (1 - fraction) / fraction)


def _total(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: round(sum(float(p.get(name, 0)) for p in parts), 3) for name in ("cpu_s", "wall_s")}
