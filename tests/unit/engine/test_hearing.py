"""By which events the dispatcher is woken: every one after which there may be work, and none of its own steps."""

import pytest

from vidcompute.dispatch.hearing import HEARD, hears
from vidcompute.services.events import CATALOGUE
from vidcompute.services.states import (
    BEGIN,
    FINISH,
    JOB_TRANSITIONS,
    OWNED_TASKS,
    PLACE,
    REQUEUE,
    SHOW,
    START,
    TASK_TRANSITIONS,
    Transition,
)


@pytest.mark.parametrize("arrow", TASK_TRANSITIONS, ids=lambda arrow: arrow.name)
def test_every_arrow_that_makes_work_is_heard(arrow: Transition) -> None:
    """A task that may start; an attempt that is over, whose room is free or which is to be ended."""
    to_ready = arrow.target == "ready"
    out_of_an_attempt = bool(arrow.sources & OWNED_TASKS) and arrow.target not in OWNED_TASKS
    assert not (to_ready or out_of_an_attempt) or hears(arrow.event)


def test_every_way_in_which_a_job_gets_steps_to_go_is_heard() -> None:
    assert [arrow.name for arrow in JOB_TRANSITIONS if hears(arrow.event)] == [REQUEUE.name]
    assert {"job.created", "job.replanned", REQUEUE.event} <= HEARD


def test_what_is_heard_is_told() -> None:
    assert set(CATALOGUE) >= HEARD


def test_its_own_steps_and_what_is_no_concern_of_its_wake_it_for_nothing() -> None:
    own = {PLACE.event, START.event, BEGIN.event, SHOW.event, FINISH.event, "job.planned", "track.ready"}
    assert not own & HEARD
