"""The transition tables themselves."""

from collections.abc import Iterable

import pytest

from vidcompute.db import schema
from vidcompute.services import states
from vidcompute.services.states import MACHINES, AssetStatus, JobStatus, Machine, TaskStatus, Transition

WORDS = {"task": TaskStatus, "job": JobStatus, "asset": AssetStatus}


def reached(table: Iterable[Transition], start: str) -> set[str]:
    found = {start}
    while True:
        more = {t.target for t in table if found & t.sources} - found
        if not more:
            return found
        found |= more


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_can_be_reached_and_every_arrow_uses_the_words(machine: Machine) -> None:
    words = set(WORDS[machine.name])
    assert set(machine.states) == words
    assert reached(machine.transitions, machine.initial[0]) == words
    assert {s for t in machine.transitions for s in (*t.sources, t.target)} <= words
    assert len({t.name for t in machine.transitions}) == len(machine.transitions)
    assert all(t.target not in t.sources for t in machine.transitions)


def test_only_the_owner_takes_a_task_out_of_an_attempt_unless_nobody_wants_it() -> None:
    for arrow in states.TASK_TRANSITIONS:
        leaves = bool(arrow.sources & states.OWNED_TASKS)
        assert arrow.fenced == (leaves and arrow not in {states.ABANDON, states.RESTORE})


def test_the_database_allows_exactly_the_words_of_the_machine() -> None:
    for table, words in ((schema.tasks, TaskStatus), (schema.jobs, JobStatus), (schema.assets, AssetStatus)):
        checks = [str(c.sqltext) for c in table.constraints if hasattr(c, "sqltext")]
        assert any(all(f"'{word}'" in check for word in words) for check in checks)
