"""docs/security promises nothing that no test holds."""

from pathlib import Path

import pytest

from tests.house import tree
from tests.house.test_documents import Feature, feature_problems, table_rows

_PAGE = Path("docs/security/README.md")


def _promises() -> list[list[str]]:
    text = tree.text_of(_PAGE)
    return list(table_rows(text.partition("## What is promised")[2].partition("\n## ")[0]))


def problems_of(promise: str, held_by: str) -> list[str]:
    """What is wrong with a promise: it names no test, or one that does not exist."""
    return feature_problems(Feature(promise, "`make test`", held_by), frozenset({"test"}))


@pytest.mark.parametrize(
    ("held_by", "problem"),
    [
        ("by hand", "no test"),
        ("`tests/house/test_nothing.py`", "no such file"),
        ("`tests/house/test_security.py::test_gold`", "no such test"),
    ],
)
def test_a_promise_without_a_test_is_found(held_by: str, problem: str) -> None:
    assert problem in " ".join(problems_of("x", held_by))


def test_every_promise_names_how_it_is_kept_and_a_test_that_exists() -> None:
    promises = _promises()
    assert len(promises) > 20
    assert not [row for row in promises if len(row) != 3 or not all(row)]
    assert not [f"{promise}: {wrong}" for promise, _, held in promises for wrong in problems_of(promise, held)]


PARTS = ("What is to be protected", "Who attacks", "What is promised", "Serving others", "Logs", "People's data")


@pytest.mark.parametrize("part", PARTS)
def test_the_page_says_what_it_should(part: str) -> None:
    assert f"\n## {part}\n" in tree.text_of(_PAGE)
    assert "docs/security/README.md" in tree.text_of(Path("SECURITY.md"))
