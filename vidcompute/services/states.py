"""The state machines of tasks, jobs and assets, declared once. Code, tests and documents follow these tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    READY = "ready"
    PLACED = "placed"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AssetStatus(StrEnum):
    """Where an asset stands."""

    PREPARING = "preparing"
    PLAYABLE = "playable"
    READY = "ready"
    ERRORED = "errored"


class JobKind(StrEnum):
    """What a job is to its asset."""

    MEDIA = "media"  # makes it: it is what plays
    FRAMES = "frames"  # takes frames out of it, and leaves it as it is


class JobStep(StrEnum):
    """How far a job is on the way to its plan."""

    ARRIVED = "arrived"
    FETCHING = "fetching"
    FETCHED = "fetched"
    PROBING = "probing"
    PROBED = "probed"
    PLANNED = "planned"


@dataclass(frozen=True)
class Transition:
    """One arrow: from any of `sources` to `target`, told as the outbox event `event`.

    `fenced` arrows count only from the attempt that owns the task. `why` is for people.
    """

    name: str
    sources: frozenset[str]
    target: str
    event: str
    why: str
    fenced: bool = False


@dataclass(frozen=True)
class Machine:
    """What can become of one kind of thing: `states` with what they mean, those it begins in, and the arrows."""

    name: str
    states: Mapping[str, str]
    initial: tuple[str, ...]
    transitions: tuple[Transition, ...]


def _arrow(
    name: str, sources: tuple[str, ...], target: str, event: str, why: str, *, fenced: bool = False
) -> Transition:
    return Transition(name, frozenset(sources), target, event, why, fenced)


_T = TaskStatus
_OWNED = (_T.PLACED, _T.RUNNING)
_LIVE = (_T.WAITING, _T.READY, *_OWNED)
_ENDED = (_T.DONE, _T.DEAD, _T.CANCELLED)

UNBLOCK = _arrow("unblock", (_T.WAITING,), _T.READY, "task.ready", "Everything that it needs is done.")
PLACE = _arrow("place", (_T.READY,), _T.PLACED, "task.placed", "A node has room for it.")
START = _arrow("start", (_T.PLACED,), _T.RUNNING, "task.running", "The node took the attempt.", fenced=True)
SUCCEED = _arrow("succeed", _OWNED, _T.DONE, "task.done", "Its artifact is stored and recorded.", fenced=True)
POSTPONE = _arrow(
    "postpone", _OWNED, _T.READY, "task.ready", "The attempt failed and another may succeed.", fenced=True
)
LOSE = _arrow("lose", _OWNED, _T.READY, "task.ready", "The attempt's process or node is gone.", fenced=True)
HAND_BACK = _arrow("hand_back", _OWNED, _T.READY, "task.ready", "The server shuts down.", fenced=True)
EXHAUST = _arrow("exhaust", _OWNED, _T.DEAD, "task.dead", "Trying again can't help any more.", fenced=True)
RESTORE = _arrow("restore", _LIVE, _T.DONE, "task.done", "No job wants it made again; what was made before is there.")
ABANDON = _arrow("abandon", _LIVE, _T.CANCELLED, "task.cancelled", "No job wants it any more.")
REVIVE = _arrow("revive", _ENDED, _T.READY, "task.ready", "A job wants it (again), and all it needs is done.")
REVIVE_WAITING = _arrow("revive_waiting", _ENDED, _T.WAITING, "task.waiting", "A job wants it (again).")

TASK_TRANSITIONS = (
    UNBLOCK,
    PLACE,
    START,
    SUCCEED,
    POSTPONE,
    LOSE,
    HAND_BACK,
    EXHAUST,
    RESTORE,
    ABANDON,
    REVIVE,
    REVIVE_WAITING,
)

_J = JobStatus
BEGIN = _arrow("begin", (_J.QUEUED,), _J.RUNNING, "job.started", "The first of its tasks runs.")
COMPLETE = _arrow("complete", (_J.RUNNING,), _J.DONE, "job.done", "All its tasks are done.")
FAIL = _arrow("fail", (_J.QUEUED, _J.RUNNING), _J.FAILED, "job.failed", "One of its tasks is dead, or was refused.")
CANCEL = _arrow("cancel", (_J.QUEUED, _J.RUNNING), _J.CANCELLED, "job.cancelled", "Its owner said so.")
REQUEUE = _arrow("requeue", (_J.DONE, _J.FAILED, _J.CANCELLED), _J.QUEUED, "job.queued", "Its owner wants it (again).")

JOB_TRANSITIONS = (BEGIN, COMPLETE, FAIL, CANCEL, REQUEUE)

_A = AssetStatus
SHOW = _arrow("show", (_A.PREPARING,), _A.PLAYABLE, "asset.playable", "A viewer can start.")
FINISH = _arrow("finish", (_A.PREPARING, _A.PLAYABLE, _A.ERRORED), _A.READY, "asset.ready", "Its job is done.")
BREAK = _arrow("break", (_A.PREPARING, _A.PLAYABLE), _A.ERRORED, "asset.errored", "Its job failed or was cancelled.")
REOPEN = _arrow("reopen", (_A.ERRORED,), _A.PREPARING, "asset.preparing", "Its job is tried again.")
SPOIL = _arrow("spoil", (_A.PLAYABLE, _A.READY), _A.ERRORED, "asset.errored", "Something of it is gone from storage.")

ASSET_TRANSITIONS = (SHOW, FINISH, BREAK, REOPEN, SPOIL)

MACHINES = (
    Machine(
        "task",
        {
            _T.WAITING: "It needs something that isn't done.",
            _T.READY: "It can be placed, at once or when its wait before a further attempt is over.",
            _T.PLACED: "A node is chosen, and it is on its way there.",
            _T.RUNNING: "A node is at work on it.",
            _T.DONE: "Its artifact is stored and recorded.",
            _T.DEAD: "Every attempt was used up, or trying again can't help.",
            _T.CANCELLED: "No job wants it any more.",
        },
        (_T.WAITING, _T.READY),
        TASK_TRANSITIONS,
    ),
    Machine(
        "job",
        {
            _J.QUEUED: "None of its tasks has begun.",
            _J.RUNNING: "A task of it has begun.",
            _J.DONE: "All that was asked for is there.",
            _J.FAILED: "One of its tasks is dead, or it was refused, or its deadline passed.",
            _J.CANCELLED: "Its owner cancelled it.",
        },
        (_J.QUEUED,),
        JOB_TRANSITIONS,
    ),
    Machine(
        "asset",
        {
            _A.PREPARING: "Nothing of it can be watched yet.",
            _A.PLAYABLE: "A viewer can start.",
            _A.READY: "All that was asked for is there and verified.",
            _A.ERRORED: "Its job came to nothing, or something of it is gone.",
        },
        (_A.PREPARING,),
        ASSET_TRANSITIONS,
    ),
)
LIVE_TASKS = frozenset(_LIVE)
OWNED_TASKS = frozenset(_OWNED)
ENDED_TASKS = frozenset(_ENDED)
LIVE_JOBS = frozenset({_J.QUEUED, _J.RUNNING})
ENDED_JOBS = frozenset({_J.DONE, _J.FAILED, _J.CANCELLED})
UNPLANNED_STEPS = frozenset({JobStep.ARRIVED, JobStep.FETCHED, JobStep.PROBED})  # the dispatcher's move
