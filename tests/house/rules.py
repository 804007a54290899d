"""The rules that no linter knows: each takes a syntax tree's nodes or a text, and gives what breaks it, by line."""

import ast
import re
from collections.abc import Iterator, Sequence

from tests.house.tree import dotted

Nodes = Sequence[ast.AST]

LONGEST_FUNCTION = 59  # lines
LONGEST_FILE = 499
FORBIDDEN_MODULES = frozenset({"manager", "managers", "helper", "helpers", "utils", "util", "base", "common", "misc"})

_WAIVERS = re.compile(
    "|".join(("noqa", r"type:\s*ignore", r"ts-(?:ignore|expect-error|nocheck)", "biome-ignore", "eslint-disable")).join(
        (r"(?:#|//|/\*|<!--)\s*@?(?:ruff:\s*|mypy:\s*)?(?:", ")")
    )
    + r"|#\s*pragma:\s*no cover|#\s*mypy:\s*(?:ignore|disable|allow)|#\s*pylint:\s*disable|#\s*pyright:\s*ignore"
)
_STARTERS = re.compile(
    r"(?:subprocess|multiprocessing|pty)\.\w+"
    r"|os\.(?:fork|forkpty|system|popen|exec\w+|spawn\w+|posix_spawnp?)"
    r"|asyncio\.(?:create_subprocess_\w+|subprocess\.\w+)"
    r"|(?:\w+\.)*subprocess_(?:exec|shell)"
)
_STARTING_MODULES = frozenset({"subprocess", "multiprocessing", "pty", "concurrent.futures.process"})
_STARTING_NAMES = frozenset(
    {"ProcessPoolExecutor", "fork", "forkpty", "system", "popen", "execv", "execve", "execvp", "execvpe", "posix_spawn"}
    | {"posix_spawnp", "create_subprocess_exec", "create_subprocess_shell"}
)


def long_functions(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Functions of 60 lines and more, counted from `def` to the last line."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {length} lines"


def waivers(text: str) -> Iterator[tuple[int, str]]:
    """Comments that switch a check off."""
    for number, line in enumerate(text.splitlines(), 1):
        if _WAIVERS.search(line):
            yield number, line.strip()


def process_starts(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Calls and imports that start processes."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and _STARTERS.fullmatch(dotted(node)):
            yield node.lineno, dotted(node)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name in _STARTING_MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            standard = node.module in {"os", "asyncio", "concurrent.futures"}
            if node.module in _STARTING_MODULES or (standard and names & _STARTING_NAMES):
                yield node.lineno, f"from {node.module} import {', '.join(sorted(names))}"


def selects(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Places where a query is built: SQLAlchemy's `select`, by import, as an attribute, or of a table."""
    uses_sql = any(
        isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy" for node in nodes
    )
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy":
            yield from ((node.lineno, "select") for alias in node.names if alias.name == "select")
        elif isinstance(node, ast.Attribute) and re.fullmatch(r"(?:sa|sqlalchemy)\.select", dotted(node)):
            yield node.lineno, dotted(node)
        elif uses_sql and isinstance(node, ast.Call) and dotted(node.func).endswith(".select"):
            yield node.lineno, f"{dotted(node.func)}()"


def sleeps(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Waiting for a time instead of a condition. A loop that asks again and again may give way for 0.05 s at most."""
    loops = [node for node in nodes if isinstance(node, ast.While)]
    asking = {id(node) for loop in loops for node in ast.walk(loop) if _gives_way(node)}
    giving_way = {id(node.func) for node in nodes if isinstance(node, ast.Call) and id(node) in asking}
    for node in nodes:
        if isinstance(node, ast.Attribute) and id(node) not in giving_way:
            if dotted(node) in {"time.sleep", "asyncio.sleep", "anyio.sleep"}:
                yield node.lineno, dotted(node)
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "asyncio", "anyio"}:
            yield from ((node.lineno, "sleep") for alias in node.names if alias.name == "sleep")


def _gives_way(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or dotted(node.func) not in {"asyncio.sleep", "anyio.sleep"}:
        return False
    pause = node.args[0] if node.args else None
    return isinstance(pause, ast.Constant) and isinstance(pause.value, int | float) and pause.value <= 0.05


def skipped_tests(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Tests that are switched off, or allowed to fail."""
    names = {"skip", "skipif", "xfail", "importorskip", "SkipTest", "skipTest"}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in names and dotted(node).startswith(("pytest", "unittest")):
            yield node.lineno, dotted(node)


# Dots and slashes stand in brackets, so that this file does not break its own rule.
_HOSTS = (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "(?:org|com)"), ("deb[.]debian", "org"))
_HOST = re.compile("|".join(f"{name}[.]{ending}" for name, ending in _HOSTS))
_MACHINE_PATH = re.compile(
    r"(?<![\w.$}/-])[/](?:work[/](?:main|shared|[.]library)\b|root[/][\w.]|home[/]\w+[/]|Users[/]\w+[/]|tmp[/]x\b)"
)


def machine_paths(text: str) -> Iterator[tuple[int, str]]:
    """Paths of one person's machine, and hosts of package registries."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in (_MACHINE_PATH.search(line), _HOST.search(line)):
            if match:
                yield number, match[0]
