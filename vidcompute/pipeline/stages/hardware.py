"""Stage `hardware`: which encoders and decoders in hardware work on this node, seen by using them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from vidcompute.media import hardware
from vidcompute.media.encoders import DECODERS, HARDWARE
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs


@dataclass(frozen=True)
class Hardware:
    """Options: what to try. It is no part of a plan: nodes call it to know what they can do."""

    encoders: tuple[str, ...] = HARDWARE
    decoders: tuple[str, ...] = tuple(DECODERS.values())

    name: ClassVar[str] = "hardware"
    version: ClassVar[int] = 1
    devices: ClassVar[bool] = True

    def needs(self) -> Needs:
        """Short, and nobody waits."""
        return Needs(cpu=1, memory_bytes=2**30)

    def run(self, work: Work) -> dict[str, Any]:
        """Try each on a second of video, confined as those that use them. `problems` says why others don't work."""
        clip = hardware.make_clip(work.ffmpeg, work.scratch)
        encoding = {name: hardware.encoder_problem(work.ffmpeg, name, clip, work.scratch) for name in self.encoders}
        decoding = {name: hardware.decoder_problem(work.ffmpeg, name, clip) for name in self.decoders}
        return {
            "encoders": [name for name, problem in encoding.items() if not problem],
            "decoders": [name for name, problem in decoding.items() if not problem],
            "problems": {name: problem for name, problem in (encoding | decoding).items() if problem},
        }
