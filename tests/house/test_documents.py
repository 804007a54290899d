"""What the documents promise is there: features with their tests, decisions in their index, figures with commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from setup.states import markdown as states_markdown
from tests.house import tree
from vidcompute.settings import env_example

_TEST = re.compile(r"`((?:tests|web|setup)/[\w./-]+\.(?:py|ts|tsx))(?:::([\w:]+))?`")
_COMMAND = re.compile(r"`((?:make|vidctl|curl|python|bash|\.ci/run|npm|open)\b[^`]*)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Feature:
    """One line of docs/features.md."""

    text: str
    command: str
    held_by: str


def table_rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of a Markdown text's tables, without their heads."""
    lines = text.splitlines()
    inside = False
    for line in lines:
        if re.fullmatch(r"\|[\s:|-]+\|", line):
            inside = True
        elif inside and line.startswith("|"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        else:
            inside = False


def feature_problems(feature: Feature, targets: frozenset[str]) -> list[str]:
    """What is wrong with a feature's line: no command, no such make target, no test, no such test."""
    problems = []
    command = _COMMAND.search(feature.command)
    if command is None:
        problems.append("no command")
    elif command[1].startswith("make ") and command[1].split()[1] not in targets:
        problems.append(f"no such target: {command[1]}")
    tests = _TEST.findall(feature.held_by)
    if not tests:
        problems.append("no test")
    for file, name in tests:
        path = tree.ROOT / file
        wanted = name.split("::")[-1]
        if not path.is_file():
            problems.append(f"no such file: {file}")
        elif wanted and not re.search(rf"(?:def|class) {re.escape(wanted)}\b", path.read_text()):
            problems.append(f"no such test: {file}::{name}")
    return problems


def figures_without_command(text: str) -> list[str]:
    """Rows of the tables under "Figures" whose last cell has no command to measure them anew."""
    section = re.search(r"^## Figures\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = table_rows(section[1]) if section else ()
    return [" | ".join(row) for row in rows if not _COMMAND.search(row[-1])]


def _make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][\w-]*):", tree.text_of(Path("Makefile")), re.MULTILINE))


def _features() -> list[Feature]:
    return [Feature(*row) for row in table_rows(tree.text_of(Path("docs/features.md")))]


@pytest.mark.parametrize(
    ("feature", "problem"),
    [
        (Feature("x", "run it", "`tests/house/test_documents.py`"), "no command"),
        (Feature("x", "`make gold`", "`tests/house/test_documents.py`"), "no such target"),
        (Feature("x", "`make check`", "by hand"), "no test"),
        (Feature("x", "`make check`", "`tests/house/test_nothing.py`"), "no such file"),
        (Feature("x", "`make check`", "`tests/house/test_documents.py::test_gold`"), "no such test"),
    ],
)
def test_a_feature_without_command_or_test_is_found(feature: Feature, problem: str) -> None:
    assert problem in " ".join(feature_problems(feature, frozenset({"check"})))


def test_every_feature_names_a_command_and_a_test_that_exists() -> None:
    targets = _make_targets()
    features = _features()
    assert features
    assert not [f"{f.text}: {problem}" for f in features for problem in feature_problems(f, targets)]


def test_figures_have_commands() -> None:
    assert figures_without_command("## Figures\n\n| a | b |\n|---|---|\n| 1 | fast |\n") == ["1 | fast"]
    assert not figures_without_command(tree.text_of(Path("README.md")))


def test_the_index_of_decisions_is_complete() -> None:
    folder = tree.ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text()
    assert [name for _, name in re.findall(r"\[([^\]]+)\]\((\d{4}-[\w-]+\.md)\)", index)] == records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    for name in records:
        text = (folder / name).read_text()
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences")), name


def test_links_between_documents_lead_somewhere() -> None:
    links = [(path, target) for path in tree.sources(".md") for target in _LINK.findall(tree.text_of(path))]
    inside = [(path, target) for path, target in links if "://" not in target and not target.startswith("mailto:")]
    broken = [f"{path}: {target}" for path, target in inside if not (tree.ROOT / path.parent / target).exists()]
    assert not broken


def test_make_targets_named_in_documents_exist() -> None:
    targets = _make_targets()
    named = {
        (str(path), name) for path in tree.sources(".md") for name in re.findall(r"`make ([a-z]+)", tree.text_of(path))
    }
    assert not {(path, name) for path, name in named if name not in targets}


def test_the_example_of_settings_is_fresh() -> None:
    assert tree.text_of(Path(".env.example")) == env_example()


def test_the_reference_of_states_is_fresh() -> None:
    assert tree.text_of(Path("docs/reference/states.md")) == states_markdown(), "run: make client"
