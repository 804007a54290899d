"""A stage that tries what the sandbox is there to prevent, and tells what it could do."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.media.run import run
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


def _possible(step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception:
        return False
    return True


@dataclass(frozen=True)
class Escaping:
    """Options: a file of others, and a port that somebody listens on."""

    secret: str
    port: int

    name: ClassVar[str] = "escaping"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        return Needs(cpu=0.1, memory_bytes=256 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        secret, source = Path(self.secret), work.path("source")
        ffmpeg = [str(work.ffmpeg), "-nostdin", "-v", "error"]
        steps: dict[str, Callable[[], object]] = {
            "read a file of others": secret.read_bytes,
            "write beside": lambda: secret.with_name("mine").write_text("x"),
            "change an input": lambda: source.open("r+b"),
            "link an input": lambda: os.link(source, work.output / "linked"),
            "make a symbolic link": lambda: (work.output / "link").symlink_to("/etc/passwd"),
            "change a mode": lambda: secret.chmod(0o777),
            "connect": lambda: socket.create_connection(("127.0.0.1", self.port), timeout=2),
            "open a unix socket": lambda: socket.socket(socket.AF_UNIX),
            "signal the parent": lambda: os.kill(os.getppid(), 0),
            "leave the session": os.setsid,
            "run a shell": lambda: run(["/bin/sh", "-c", "true"], timeout_s=5),
            "ffmpeg reads a file of others": lambda: run(
                [*ffmpeg, "-f", "u8", "-i", f"file:{secret}", "-f", "null", "-"], timeout_s=10
            ),
            "ffmpeg connects": lambda: run(
                [*ffmpeg, "-i", f"tcp://127.0.0.1:{self.port}?timeout=2000000", "-f", "null", "-"], timeout_s=10
            ),
            "look into the parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        }
        allowed: dict[str, Callable[[], object]] = {
            "read an input": source.read_bytes,
            "write an output": lambda: (work.output / "file").write_text("x"),
            "write to scratch": lambda: (work.scratch / "file").write_text("x"),
            "run ffmpeg": lambda: run([*ffmpeg, "-f", "u8", "-i", f"file:{source}", "-f", "null", "-"], timeout_s=10),
        }
        environment = sorted(os.environ)
        return {
            "forbidden": [name for name, step in steps.items() if _possible(step)],
            "allowed": [name for name, step in allowed.items() if _possible(step)],
            "environment": environment,
        }
