"""The transition tables themselves."""

from collections.abc import Iterable

import pytest

from vidcompute.db import schema
from vidcompute.services import states
from vidcompute.services.states import AssetStatus, JobStatus, TaskStatus, Transition

TABLES = [
    (states.TASK_TRANSITIONS, TaskStatus, TaskStatus.WAITING),
    (states.JOB_TRANSITIONS, JobStatus, JobStatus.QUEUED),
    (states.ASSET_TRANSITIONS, AssetStatus, AssetStatus.PREPARING),
]


def reached(table: Iterable[Transition], start: str) -> set[str]:
    found = {start}
    while True:
        more = {t.target for t in table if found & t.sources} - found
        if not more:
            return found
        found |= more


@pytest.mark.parametrize(("table", "words", "start"), TABLES)
def test_every_state_can_be_reached_and_every_arrow_uses_the_words(
    table: tuple[Transition, ...], words: type[TaskStatus], start: str
) -> None:
    assert reached(table, start) == set(words)
    assert {s for t in table for s in (*t.sources, t.target)} <= set(words)
    assert len({t.name for t in table}) == len(table)
    assert all(t.target not in t.sources for t in table)


def test_only_the_owner_takes_a_task_out_of_an_attempt_unless_nobody_wants_it() -> None:
    for arrow in states.TASK_TRANSITIONS:
        leaves = bool(arrow.sources & states.OWNED_TASKS)
        assert arrow.fenced == (leaves and arrow not in {states.ABANDON, states.RESTORE})


def test_the_database_allows_exactly_the_words_of_the_machine() -> None:
    for table, words in ((schema.tasks, TaskStatus), (schema.jobs, JobStatus), (schema.assets, AssetStatus)):
        checks = [str(c.sqltext) for c in table.constraints if hasattr(c, "sqltext")]
        assert any(all(f"'{word}'" in check for word in words) for check in checks)
