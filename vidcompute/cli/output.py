"""What a command says: tables and bars on a terminal, plain lines into a pipe, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from vidcompute.errors import VidComputeError, invalid

if TYPE_CHECKING:
    from rich.console import Console


def clean(text: object) -> str:
    """A text without what could steer a terminal: titles, file names and logs are other people's."""
    return "".join(c if c.isprintable() else ("\t" if c == "\t" else "�") for c in str(text))


def duration(time_ms: float | None) -> str:
    """Milliseconds for people: `0.4 s`, `12 s`, `3:07`, `1:02:30`."""
    if time_ms is None:
        return ""
    seconds = time_ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(size_bytes: float | None) -> str:
    """Bytes for people, in powers of 1000: `312 B`, `4.2 MB`."""
    if size_bytes is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


class Output:
    """Where a command writes. With `as_json`, stdout has JSON and nothing else, and `say` and `table` are silent."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> "Console":
        """The terminal; only for what is drawn (`is_terminal`)."""
        from rich.console import Console

        return Console(highlight=False, markup=False, emoji=False)

    @property
    def is_terminal(self) -> bool:
        """Whether people look on, so that bars may move."""
        return not self.as_json and sys.stdout.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before a deed, unless `yes` was said already; `not_confirmed` where nobody can be asked."""
        if yes:
            return
        if not self.is_terminal:
            raise invalid("not_confirmed", f"{question} Say --yes where nobody can be asked.")
        typer.confirm(question, abort=True)

    def say(self, text: str = "", style: str = "") -> None:
        """One line for people."""
        if self.as_json:
            return
        if self.is_terminal:
            self.console.print(clean(text), style=style or None, soft_wrap=True)
        else:
            self._line(clean(text))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows for people; into a pipe they are separated by tabs, without a head."""
        if self.as_json:
            return
        texts = [[clean("" if cell is None else cell) for cell in row] for row in rows]
        if not self.is_terminal:
            for row in texts:
                self._line("\t".join(cell.replace("\t", " ") for cell in row))
            return
        from rich.table import Table

        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in texts:
            table.add_row(*row)
        self.console.print(table)

    def show(self, drawn: Any, plain: Iterable[str]) -> None:
        """Something drawn by rich; into a pipe, the lines of `plain`."""
        if self.is_terminal:
            self.console.print(drawn)
        elif not self.as_json:
            for line in plain:
                self._line(clean(line))

    def json(self, document: Any) -> None:
        """A JSON document for programs, on one line; nothing for people."""
        if self.as_json:
            self._line(json.dumps(document, ensure_ascii=False))

    def raw(self, text: str) -> None:
        """A text as it is, for people and programs alike: it is the command's own result."""
        self._line(text)

    def error(self, error: VidComputeError) -> None:
        """Why the command failed: on stderr for people, on stdout as `{"error": …}` for programs."""
        problems = [{"pointer": p.pointer, "detail": p.detail, "code": p.code} for p in error.problems]
        if self.as_json:
            told: Mapping[str, Any] = {"kind": error.kind.value, "code": error.code, "detail": error.detail}
            self._line(json.dumps({"error": {**told, "problems": problems, **error.extra}}, default=str))
            return
        sys.stderr.write(f"vidctl: {clean(error.detail)} [{clean(error.code)}]\n")
        for problem in problems:
            sys.stderr.write(f"  {clean(problem['pointer'] or '/')}: {clean(problem['detail'])}\n")
        sys.stderr.flush()

    def _line(self, text: str) -> None:
        sys.stdout.write(text.encode("utf-8", "replace").decode() + "\n")
        sys.stdout.flush()
