"""The papers that a newcomer looks for are there, and say what they should."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.house import tree
from vidcompute.api.metrics import Metrics

_CHECKOUT = frozenset(tree.files())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("LICENSE", ["Apache License", "Version 2.0"]),
        ("README.md", ["# VidCompute", "make run", "make test", "docs/features.md", "## Figures"]),
        ("CONTRIBUTING.md", ["make check", "make dev", "## Tests"]),
        ("CHANGELOG.md", ["## Unreleased", "keepachangelog.com"]),
        ("SECURITY.md", ["## Reporting", "vulnerability"]),
    ],
)
def test_a_paper_is_there_and_says_what_it_should(name: str, words: list[str]) -> None:
    text = tree.text_of(Path(name))
    assert [word for word in words if word not in text] == []


def test_the_readme_shows_a_real_picture_of_the_page() -> None:
    picture = Path("docs/images/watch.png")
    assert f"]({picture})" in tree.text_of(Path("README.md"))
    data = (tree.ROOT / picture).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") >= 800


def test_the_package_has_the_licence_and_the_built_pages() -> None:
    project = tomllib.loads(tree.text_of(Path("pyproject.toml")))
    assert project["project"]["license"] == "Apache-2.0"
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["vidcompute"], "artifacts": ["vidcompute/pages/**"]}


def test_ci_runs_what_make_test_runs() -> None:
    path = Path(".ci/run")
    assert path in _CHECKOUT
    assert (tree.ROOT / path).stat().st_mode & 0o100
    assert tree.text_of(path).splitlines()[-1].endswith("make --no-print-directory test")


def test_the_index_leads_to_every_page() -> None:
    index = tree.text_of(Path("docs/index.md"))
    folders = {Path("docs/guides"), Path("docs/concepts"), Path("docs/reference")}
    pages = [path.relative_to("docs") for path in tree.sources(".md") if path.parent in folders]
    assert len(pages) > 10
    assert [str(page) for page in pages if f"({page})" not in index] == []


def test_every_metric_is_listed_with_its_type() -> None:
    page = tree.text_of(Path("docs/reference/metrics.md"))
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\|", page, re.MULTILINE)
    kinds = {family.name: family.type for family in Metrics().registry.collect()}
    assert {(name.removesuffix("_total"), kind) for name, kind, _ in listed} == set(kinds.items())
