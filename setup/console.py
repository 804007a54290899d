"""What a person sees while the set-up works, and how commands are run so that a failure says what to do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_COLOURS = sys.stderr.isatty() and "NO_COLOR" not in os.environ


class SetupError(Exception):
    """Something a person has to do. `hint` says what."""

    def __init__(self, problem: str, hint: str = "", output: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.output = output


def _paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURS else text


def say(text: str) -> None:
    """One line for the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def step(text: str) -> Generator[None]:
    """Announce a step that takes a while, and say how long it took."""
    say(f"{_paint('•', '36')} {text} …")
    begun = time.monotonic()
    yield
    say(f"{_paint('✓', '32')} {text} ({time.monotonic() - begun:.1f} s)")


def fail(problem: SetupError) -> int:
    """Tell of a problem and what helps; the exit code."""
    if problem.output:
        say(problem.output.rstrip())
    say(f"{_paint('✗', '31')} {problem.problem}")
    for line in problem.hint.splitlines():
        say(f"  {line}")
    return 1


def run(
    command: Sequence[str],
    *,
    problem: str,
    hint: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    show: bool = False,
    timeout_s: float = 1800,
    tries: int = 1,
) -> str:
    """Run a command and return what it printed; SetupError with its last lines when it fails.

    `env` is added to this process's environment. `show` lets its output through as it comes, for long installs. What
    has not ended after `timeout_s` is ended, and begun anew as long as there are `tries`.
    """
    environment = {**os.environ, **(env or {})}
    done = None
    try:
        while done is None and tries:
            done = _finished(command, environment, cwd, show=show, timeout_s=timeout_s)
            tries -= 1
            if done is None and tries:
                say(f"  no end after {timeout_s:g} s: once more")
    except FileNotFoundError as missing:
        raise SetupError(problem, hint or f"{missing.filename} was not found.") from missing
    if done is None:
        raise SetupError(f"{problem}: no end after {timeout_s:g} s", hint)
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-25:])
        raise SetupError(f"{problem} (exit code {done.returncode} of {' '.join(command[:4])})", hint, last)
    return done.stdout


def _finished(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path | None, *, show: bool, timeout_s: float
) -> "subprocess.CompletedProcess[str] | None":
    """The command's end, None where it took too long; nothing that it has started goes on then, nor after Ctrl-C."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=None if show else 0,  # what is shown may ask on the terminal, as only its own group can
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except BaseException as problem:
        process.kill()
        if not show:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(problem, subprocess.TimeoutExpired):
            return None
        raise
    return subprocess.CompletedProcess(command, process.returncode, output or "", "")


def works(command: Sequence[str], *, timeout_s: float = 30) -> bool:
    """Whether a command runs and ends with 0."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=timeout_s,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
