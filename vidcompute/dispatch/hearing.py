"""What the dispatcher hears of: the events after which a round may find something to do that the last one did not.

Arrows are chosen by what they do, so that a new one is heard without being named here. Of the others each is named,
and random histories of jobs show that none is missing (tests/unit/engine/test_job_machine.py).
"""

from vidcompute.services.states import (
    ENDED_JOBS,
    JOB_TRANSITIONS,
    LIVE_JOBS,
    OWNED_TASKS,
    TASK_TRANSITIONS,
    TaskStatus,
    Transition,
)

_NO_ARROWS = frozenset({"job.created", "job.replanned"})  # a job has steps to go, or a deadline


def _is_work(arrow: Transition) -> bool:
    """A task may start, or an attempt is over: its room is free, or it has to be ended."""
    return arrow.target == TaskStatus.READY or bool(arrow.sources & OWNED_TASKS and arrow.target not in OWNED_TASKS)


def _goes_on(arrow: Transition) -> bool:
    """A job that had ended has steps to go again."""
    return arrow.target in LIVE_JOBS and bool(arrow.sources & ENDED_JOBS)


HEARD = frozenset(
    {
        *(arrow.event for arrow in TASK_TRANSITIONS if _is_work(arrow)),
        *(arrow.event for arrow in JOB_TRANSITIONS if _goes_on(arrow)),
        *_NO_ARROWS,
    }
)


def hears(kind: str) -> bool:
    """Whether events of this type make a round worth it."""
    return kind in HEARD
