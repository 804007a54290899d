"""A stage that does not end by itself, with an ffmpeg that does not either."""

import itertools
import os
import signal
from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media.run import start
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Lasting:
    """Options: whether it turns a deaf ear to SIGTERM, whether it reports anything, and whether it gets on."""

    stubborn: bool = False
    silent: bool = False
    stuck: bool = False

    name: ClassVar[str] = "lasting"
    version: ClassVar[int] = 1
    idle_timeout_s: ClassVar[float] = 3.0

    def needs(self) -> Needs:
        return Needs(cpu=0.1, memory_bytes=64 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        if self.stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        encode = ["-re", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25", "-f", "null", "-"]

        reports = itertools.count()

        def tell(_report: object) -> None:
            if not self.silent:
                work.progress(0.1, frame=0 if self.stuck else next(reports))
                work.log("it is there")

        (work.output / "so-far").write_bytes(b"some of it")
        with start([str(work.ffmpeg), "-nostdin", "-nostats", *encode], on_progress=tell) as running:
            pids = [os.getpgrp(), os.getpid(), running.pid]
            work.log("pids " + " ".join(map(str, pids)))
            work.emit({"pids": pids})
            return {"returncode": running.wait().returncode}
