"""Every stable code that the platform may give stands in docs/reference/error-codes.md, and nothing else does."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house import tree

_PAGE = Path("docs/reference/error-codes.md")
_CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Where each maker of an error takes its code, and what it adds to it.
_MAKERS = {"VidComputeError": 1, "refused": 0, "invalid": 0, "not_found": 0, "_unfinished": 2, "_end": 3}
_NAMED = frozenset({"code", "error_code"})
# Tables that name codes by the status or the end of a program that they stand for.
_TABLES = frozenset({"_CODE_OF_STATUS", "_SIGNALS", "_MESSAGES"})


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts in an expression that may be its value; a text in braces is made of each program that is run."""
    if isinstance(node, ast.JoinedStr):
        last = node.values[-1]
        if isinstance(last, ast.Constant) and isinstance(last.value, str):
            yield from (f"{program}{last.value}" for program in ("ffmpeg", "stage"))
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in () if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node):
        yield from _texts(child)


def _in_call(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else tree.dotted(call.func)
    place = _MAKERS.get(name)
    if place is not None and len(call.args) > place:
        yield from (text + "_not_found" * (name == "not_found") for text in _texts(call.args[place]))
    for keyword in call.keywords:
        if keyword.arg in _NAMED and isinstance(keyword.value, ast.Constant):
            yield from _texts(keyword.value)


def _in_assignment(targets: Iterable[ast.expr], value: ast.expr | None) -> Iterator[str]:
    for target in targets:
        names = [tree.dotted(part) for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
        if value is None or not _NAMED.union(_TABLES).intersection(names):
            continue
        yield from _texts(value.elts[0] if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) else value)


def codes_in(nodes: Iterable[ast.AST], *, refusals: bool = False) -> set[str]:
    """The codes that a module names. With `refusals` also those in pairs of code and detail that it returns."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Call):
            found.update(_in_call(node))
        elif isinstance(node, ast.Assign):
            found.update(_in_assignment(node.targets, node.value))
        elif refusals and isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found.update(_texts(node.value.elts[0]))
    return {text for text in found if _CODE.fullmatch(text) and ("_" in text or text == "cancelled")}


def _listed() -> list[str]:
    return re.findall(r"^\| `([a-z0-9_]+)` \|", tree.text_of(_PAGE), re.MULTILINE)


@cache
def _named() -> set[str]:
    found: set[str] = set()
    for path in tree.sources(".py"):
        if path.parts[0] == "vidcompute" and path != Path("vidcompute/errors.py"):
            found |= codes_in(tree.nodes_of(path), refusals=path.name == "sniff.py")
    return found


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('raise refused("a_b", "x")', {"a_b"}),
        ('raise errors.not_found("job", x)', {"job_not_found"}),
        ('VidComputeError(Kind.INTERNAL, code or "c_d", "some_text")', {"c_d"}),
        ('code = "e_f" if full else "g_h"', {"e_f", "g_h"}),
        ('code, detail = ("i_j", "k_l") if full else ("m_n", "o")', {"i_j", "k_l", "m_n"}),
        ('Finished(x, error_code="p_q")', {"p_q"}),
        ('raise refused(f"{program}_failed", "x")', {"ffmpeg_failed", "stage_failed"}),
        ('_MESSAGES = (("No space left", Kind.UNAVAILABLE, "r_s", "Full."),)', {"r_s"}),
        ('log.info("an_event", job_id="job_1")', set()),
    ],
)
def test_codes_are_found_where_errors_are_made(text: str, codes: set[str]) -> None:
    assert codes_in(ast.walk(ast.parse(text))) == codes


def test_every_code_is_listed_once_in_its_order() -> None:
    listed = _listed()
    assert len(set(listed)) == len(listed)
    assert sorted(_named() - set(listed)) == []


def test_no_code_is_listed_that_is_not_in_the_code() -> None:
    assert sorted(set(_listed()) - _named()) == []
