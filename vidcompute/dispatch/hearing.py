"""Which events wake the dispatcher: those after which a round may find work that the last one did not.

Transitions (arrows) are chosen by their source and target states, so that a new one wakes it without being named here.
Events that belong to no transition are named; that none is missing is tested with random histories of jobs
(tests/unit/engine/test_job_machine.py).
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

_NO_ARROWS = frozenset({"job.created", "job.replanned"})  # of no transition: a job is to be planned, or has a deadline


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
