"""The lock files: what runs is what was tested, every package has its hash, and none says where it came from."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.house import tree

_LOCKS = sorted(path for path in tree.files() if path.match("requirements/*.lock"))
_NPM_LOCKS = sorted(path for path in tree.files() if path.name == "package-lock.json")


def pins(text: str) -> set[str]:
    """`name==version ; marker` for each package that a lock file names."""
    return {
        line.removesuffix("\\").strip() for line in text.splitlines() if re.match(r"[\w.-]+(?:\[[\w,-]+\])?==", line)
    }


def names(requirements: list[str]) -> set[str]:
    """The names of some requirements, as they are compared: `Foo_Bar>=1` is foo-bar."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", text, maxsplit=1)[0]).lower() for text in requirements}


def test_run_lock_is_part_of_dev_lock() -> None:
    run, dev = (pins(tree.text_of(Path("requirements", name))) for name in ("run.lock", "dev.lock"))
    assert run
    assert run <= dev


def test_every_requirement_of_the_project_is_locked() -> None:
    project = tomllib.loads(tree.text_of(Path("pyproject.toml")))
    locked = names(sorted(pins(tree.text_of(Path("requirements/dev.lock")))))
    wanted = names([*project["project"]["dependencies"], *project["dependency-groups"]["dev"]])
    assert wanted <= locked


@pytest.mark.parametrize("path", _LOCKS, ids=str)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    text = tree.text_of(path)
    assert "://" not in text
    blocks = re.split(r"\n(?=[\w.-]+(?:\[[\w,-]+\])?==)", text)
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("path", _NPM_LOCKS, ids=str)
def test_npm_packages_have_hashes_no_address_and_fit_package_json(path: Path) -> None:
    lock = json.loads(tree.text_of(path))
    own = json.loads(tree.text_of(path.with_name("package.json")))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())
    root = lock["packages"][""]
    for kind in ("dependencies", "devDependencies"):
        assert root.get(kind, {}) == own.get(kind, {})
