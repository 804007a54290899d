"""A stage that goes wrong in the way it is asked to."""

import ctypes
import os
from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.errors import refused
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Breaking:
    """Options: which way."""

    way: str

    name: ClassVar[str] = "breaking"
    version: ClassVar[int] = 1
    max_file_bytes: ClassVar[int] = 2**20

    def needs(self) -> Needs:
        return Needs(cpu=0.1, memory_bytes=64 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        ways = {
            "refuse": self.refuse,
            "raise": self.throw,
            "memory": self.eat,
            "crash": lambda _: ctypes.string_at(8),
            "exit": lambda _: os._exit(3),
            "file": lambda work: (work.output / "big").write_bytes(bytes(2**21)),
            "unplain": self.alias,
            "nan": lambda _: None,
            "babble": self.babble,
        }
        ways[self.way](work)
        return {"number": float("nan")} if self.way == "nan" else {}

    def refuse(self, work: Work) -> None:
        raise refused("no_thanks", "It does not like this file.")

    def throw(self, work: Work) -> None:
        raise KeyError("surprise")

    def alias(self, work: Work) -> None:
        (work.output / "one").write_text("x")
        os.link(work.output / "one", work.output / "two")

    def eat(self, work: Work) -> None:
        bytearray(8 * 2**30)

    def babble(self, work: Work) -> None:
        for number in range(3000):
            work.log(f"line {number}")
        os.write(2, b"and on stderr\n")
