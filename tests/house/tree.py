"""The checkout as data: which files belong to it, and their syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_OURS = frozenset({".git", ".venv", ".cache", "node_modules", "dist", "data", "__pycache__"})


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, by path from its top: what git has, or would take; without git, what lies there."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        found = [Path(name) for name in listed.split("\0") if name]
    else:
        found = [p.relative_to(ROOT) for p in ROOT.rglob("*") if not _NOT_OURS.intersection(p.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if (ROOT / path).is_file()))


def is_generated(path: Path) -> bool:
    """Whether a program wrote it: the clients of the API, migrations (by alembic), lock files, the tree of routes."""
    folders = ("vidcompute/client/", "vidcompute/db/migrations/versions/", "web/src/api/", "requirements/")
    return path.as_posix().startswith(folders) or path.name.endswith((".gen.ts", "package-lock.json"))


def sources(*suffixes: str) -> tuple[Path, ...]:
    """The files that people wrote, with one of these suffixes."""
    return tuple(path for path in files() if path.suffix in suffixes and not is_generated(path))


@cache
def text_of(path: Path) -> str:
    """A file's text."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@cache
def tree_of(path: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(text_of(path), str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a Python file's syntax tree: every rule looks at all of them, so they are listed once."""
    return tuple(ast.walk(tree_of(path)))


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names, and an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""
