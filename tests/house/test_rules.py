"""The rules about the repo itself: each is shown to find what it looks for, and then finds nothing in the tree."""

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.house import rules, tree

Rule = Callable[[rules.Nodes], Iterator[tuple[int, str]]]


def _broken(paths: Iterable[Path], rule: Rule) -> list[str]:
    return [f"{path}:{line}: {what}" for path in paths for line, what in rule(tree.nodes_of(path))]


def _python(*, below: str = "", apart: frozenset[str] = frozenset()) -> list[Path]:
    chosen = [path for path in tree.sources(".py") if path.as_posix().startswith(below)]
    return [path for path in chosen if path.as_posix() not in apart]


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (rules.long_functions, "def f():\n" + "    x = 1\n" * 59, "def f():\n" + "    x = 1\n" * 58),
        (rules.process_starts, "import subprocess", "import threading"),
        (rules.process_starts, "import os\nos.fork()", "import os\nos.getpid()"),
        (rules.process_starts, "import os\nos.posix_spawn('a', [], {})", "import os\nos.stat('a')"),
        (rules.process_starts, "import asyncio\nasyncio.create_subprocess_exec('a')", "asyncio.create_task(x)"),
        (rules.process_starts, "from os import execv", "from os import path"),
        (rules.process_starts, "from concurrent.futures import ProcessPoolExecutor", "from concurrent import futures"),
        (rules.selects, "from sqlalchemy import insert, select", "from sqlalchemy import insert"),
        (rules.selects, "import sqlalchemy as sa\nsa.select(x)", "import select\nselect.poll()"),
        (rules.selects, "from sqlalchemy import Table\njobs.select()", "import select\nselect.select()"),
        (rules.sleeps, "import time\ntime.sleep(1)", "import time\ntime.monotonic()"),
        (
            rules.sleeps,
            "import asyncio\nasyncio.sleep(0.01)",
            "import asyncio\nwhile not x():\n    asyncio.sleep(0.01)",
        ),
        (rules.sleeps, "import asyncio\nwhile not x():\n    asyncio.sleep(1)", "import asyncio\nasyncio.Event()"),
        (rules.sleeps, "from asyncio import sleep", "from asyncio import Event"),
        (
            rules.skipped_tests,
            "import pytest\n@pytest.mark.skipif(True)\ndef f(): ...",
            "import pytest\npytest.fail('x')",
        ),
    ],
)
def test_a_rule_tells_bad_from_good(rule: Rule, bad: str, good: str) -> None:
    assert list(rule(tuple(ast.walk(ast.parse(bad)))))
    assert not list(rule(tuple(ast.walk(ast.parse(good)))))


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # no" + "qa: E501",
        "x = y  # type: " + "ignore[arg]",
        "// @ts-" + "ignore",
        "// biome-" + "ignore lint: x",
    ],
)
def test_waivers_are_found_in_comments_alone(line: str) -> None:
    assert list(rules.waivers(line))
    assert not list(rules.waivers("No check is waived: a comment that ignores a type is not allowed."))


def test_machine_paths_and_registry_hosts_are_found() -> None:
    assert list(rules.machine_paths('open("/' + 'home/ann/clip.mp4")'))
    assert list(rules.machine_paths("https://files.python" + "hosted.org/x"))
    assert not list(rules.machine_paths('open("/usr/bin/chromium"); url = "https://example.org/home"'))


def test_functions_are_under_60_lines() -> None:
    assert not _broken(_python(), rules.long_functions)


def test_files_are_under_500_lines() -> None:
    lengths = {path: tree.text_of(path).count("\n") for path in tree.sources(".py", ".ts", ".tsx", ".sh")}
    assert not {str(path): length for path, length in lengths.items() if length > rules.LONGEST_FILE}


def test_module_names_say_what_is_in_them() -> None:
    names = {
        path: {part.removesuffix(path.suffix) for part in path.parts} for path in tree.sources(".py", ".ts", ".tsx")
    }
    assert not [str(path) for path, parts in names.items() if parts & rules.FORBIDDEN_MODULES]


def test_no_check_is_waived() -> None:
    paths = tree.sources(".py", ".ts", ".tsx", ".css", ".html", ".sh")
    assert not [f"{path}:{line}: {what}" for path in paths for line, what in rules.waivers(tree.text_of(path))]


def test_one_module_starts_processes() -> None:
    inside = _python(below="vidcompute/", apart=frozenset({"vidcompute/media/run.py"}))
    assert not _broken(inside, rules.process_starts)


def test_queries_are_built_in_queries_modules_alone() -> None:
    services = [path for path in _python(below="vidcompute/services/") if path.name != "queries.py"]
    elsewhere = [path for path in _python(below="vidcompute/") if path.parts[1] not in {"services", "db"}]
    assert not _broken([*services, *elsewhere], rules.selects)


def test_tests_wait_for_conditions_and_none_is_switched_off() -> None:
    tests = _python(below="tests/")
    assert not _broken(tests, rules.sleeps)
    assert not _broken(tests, rules.skipped_tests)


def test_no_path_of_one_machine_and_no_registry_is_named() -> None:
    texts = [path for path in tree.files() if path.suffix not in {".png", ".jpg", ".webp", ".ico", ".woff2"}]
    found = [f"{path}:{line}: {what}" for path in texts for line, what in rules.machine_paths(tree.text_of(path))]
    assert not found
