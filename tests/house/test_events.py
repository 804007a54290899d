"""Every event that the code emits is declared in the catalogue, and everything that is declared is emitted."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.house import tree
from vidcompute.services.events import CATALOGUE, USUAL, is_pattern, names_of
from vidcompute.services.states import MACHINES, TaskStatus

_PLACE_OF_TYPE = {"emit": 2, "NewEvent": 1}
_ARROWS = frozenset(arrow.event for machine in MACHINES for arrow in machine.transitions)
_TASKS = frozenset(f"task.{status}" for status in TaskStatus)
_FORWARDED = Path("vidcompute/db/outbox.py")  # `emit` hands its own parameter on to `NewEvent`


def emitted_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The types in calls of `emit` and `NewEvent`: literals, an arrow's `event`, and a task's state by name."""
    for call in nodes:
        if not isinstance(call, ast.Call):
            continue
        place = _PLACE_OF_TYPE.get(tree.dotted(call.func).rpartition(".")[2])
        if place is None or len(call.args) <= place:
            continue
        argument = call.args[place]
        if isinstance(argument, ast.Constant):
            yield str(argument.value)
        elif isinstance(argument, ast.JoinedStr) and ast.unparse(argument).startswith(("f'task.", 'f"task.')):
            yield from _TASKS & set(CATALOGUE)
        elif ast.unparse(argument).endswith("transition.event"):
            yield from _ARROWS
        else:
            yield f"not to be read: {ast.unparse(argument)}"


def _emitted() -> set[str]:
    paths = [path for path in tree.sources(".py") if path.parts[0] == "vidcompute" and path != _FORWARDED]
    return {name for path in paths for name in emitted_in(tree.nodes_of(path))}


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('emit(conn, org, "a.b", x, {})', {"a.b"}),
        ('outbox.emit(conn, org, "a.b", x, {})', {"a.b"}),
        ('NewEvent(org, "a.b", x, {})', {"a.b"}),
        ("emit(conn, org, transition.event, x, {})", _ARROWS),
        ("emit(conn, org, name, x, {})", {"not to be read: name"}),
        ("work.emit({})", set()),
    ],
)
def test_types_are_found_where_events_are_emitted(text: str, types: set[str]) -> None:
    assert set(emitted_in(ast.walk(ast.parse(text)))) == types


def test_what_is_emitted_is_declared_in_services_events_catalogue() -> None:
    assert sorted(_emitted() - set(CATALOGUE)) == []


def test_what_is_declared_is_emitted() -> None:
    assert sorted(set(CATALOGUE) - _emitted()) == []


def test_each_type_is_of_a_subject_and_says_what_it_tells() -> None:
    for name, kind in CATALOGUE.items():
        assert name == kind.name == f"{kind.subject}.{name.partition('.')[2]}"
        assert kind.summary.endswith(".")
        assert kind.version >= 1


def test_the_usual_patterns_are_all_but_the_steps_of_tasks() -> None:
    assert all(is_pattern(pattern) for pattern in USUAL)
    assert set(CATALOGUE) - names_of(USUAL) == {name for name in CATALOGUE if name.startswith("task.")} - {"task.dead"}
    assert names_of(["*"]) == set(CATALOGUE)
    assert names_of(["job.done", "asset.*"]) == {"job.done"} | {n for n in CATALOGUE if n.startswith("asset.")}
    assert not is_pattern("job.unheard_of")
    assert not is_pattern("job")


def test_what_others_rely_on_is_declared() -> None:
    steps = {
        "asset": ("created", "playable", "ready", "errored", "deleted"),
        "track": ("ready",),
        "upload": ("created", "completed", "expired"),
        "job": ("started", "done", "failed", "cancelled"),
        "task": ("dead",),
        "key": ("created",),
        "member": ("joined",),
    }
    promised = {f"{subject}.{step}" for subject, told in steps.items() for step in told}
    assert promised <= set(CATALOGUE)
    assert promised <= names_of(USUAL)
