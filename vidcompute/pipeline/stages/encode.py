"""Stage `encode`: one stretch of the source, decoded once, as segments of every rung."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import tracks
from vidcompute.media.encode import VideoCut, command, encode_args, video_input
from vidcompute.media.encoders import device, is_hardware
from vidcompute.media.ladder import Rung
from vidcompute.media.progress import FfmpegProgress
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_BYTES_PER_PIXEL = 120  # a generous estimate of frames in flight in decoder, scalers and look-ahead
_DAMAGED = "Some frames of the source could not be decoded; their neighbours are shown instead."
_FIRST_PIPE = 3
# GeForce cards encode no more than so many streams at a time (NVIDIA, Video Encode and Decode GPU Support Matrix).
_SESSIONS_OF_A_GPU = 8
_GPU_BYTES, _GPU_BYTES_PER_PIXEL = 300 * 2**20, 48  # a CUDA context; surfaces in flight
# What a device that fails looks like; whether it is the source, an encode in software will tell.
_OF_THE_DEVICE = frozenset(
    {"ffmpeg_failed", "ffmpeg_crashed", "encode_mismatch", "container_invalid", "stage_stalled", "memory_limit"}
)


@dataclass(frozen=True)
class Encode:
    """Options: which frames, for which rungs, with how many encoder threads each (0: as many as there are cores).

    `by` names the encoder of each rung (left out, all are in software), `decoder` one in hardware. `simulated` says
    that those in hardware are only declared, and those in software are to do their work.
    """

    cut: VideoCut
    rungs: tuple[Rung, ...]
    threads: int
    by: tuple[str, ...] = ()
    decoder: str = ""
    simulated: bool = False

    name: ClassVar[str] = "encode"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """One core for a chunk among several, all threads otherwise; memory by the largest picture.

        In hardware, too, the abilities, and for NVENC a share of a GPU by the number of streams.
        """
        pixels = max(r.width_px * r.height_px for r in self.rungs)
        needs = Needs(cpu=max(1, self.threads), memory_bytes=256 * 2**20 + pixels * _BYTES_PER_PIXEL)
        made = self._in_hardware()
        if not made:
            return needs
        abilities = tuple(dict.fromkeys((*made.values(), *filter(None, (self.decoder,)))))
        if not any(name.endswith("_nvenc") for name in abilities):
            return replace(needs, abilities=abilities)
        surfaces = sum(r.width_px * r.height_px for r in self.rungs if r.name in made) * _GPU_BYTES_PER_PIXEL
        share = min(1.0, len(made) / _SESSIONS_OF_A_GPU)
        return replace(needs, gpus=share, gpu_memory_bytes=_GPU_BYTES + surfaces, abilities=abilities)

    def _in_hardware(self) -> dict[str, str]:
        """The encoder of each rung that is made in hardware, by its name."""
        by = zip(self.rungs, self.by, strict=True) if self.by else ()
        return {rung.name: encoder for rung, encoder in by if is_hardware(encoder)}

    def run(self, work: Work) -> dict[str, Any]:
        """Encode. Raises `hardware_encoder_failed` (kind unavailable) where a device does not do it."""
        made = self._in_hardware()
        if self.simulated:
            work.log(f"This node only simulates {', '.join(dict.fromkeys(made.values()))}: it is done in software.")
        try:
            return self._run(work)
        except VidComputeError as error:
            if not made or self.simulated or error.code not in _OF_THE_DEVICE:
                raise
            detail = f"{', '.join(dict.fromkeys(made.values()))} failed: {error.detail}"
            raise VidComputeError(Kind.UNAVAILABLE, "hardware_encoder_failed", detail) from error

    def _run(self, work: Work) -> dict[str, Any]:
        """Encode; if the source has frames that can't be decoded, again with their neighbours in their place."""
        try:
            return {"tracks": self._encode(work, fill=False), "warnings": []}
        except VidComputeError as error:
            if error.code != "encode_mismatch":
                raise
            work.log(f"{error.detail} Encoding again with repeated frames where the source has none.", "warning")
        return {"tracks": self._encode(work, fill=True), "warnings": [_DAMAGED]}

    def commands(self, ffmpeg: Path, source: Path) -> list[list[str]]:
        """The command lines that `run` begins with; each rung goes to a pipe of its own, from descriptor 3 on."""
        return [self._line(ffmpeg, source, fill=False)]

    def _line(self, ffmpeg: Path, source: Path, *, fill: bool) -> list[str]:
        outputs = [(rung, f"pipe:{_FIRST_PIPE + n}") for n, rung in enumerate(self.rungs)]
        by, decoder = ((), "") if self.simulated else (self.by, self.decoder)
        encoding = encode_args(self.cut, outputs, fill=fill, threads=self.threads, by=by)
        # Who repeats frames that can't be decoded needs a decoder that says which.
        reading = video_input(self.cut, source, decoder="" if fill else decoder)
        return command(ffmpeg, device(by), reading, encoding)

    def _encode(self, work: Work, *, fill: bool) -> dict[str, Any]:
        writers = {
            _FIRST_PIPE + n: tracks.video_writer(work.output / rung.name, self.cut, codec=rung.codec)
            for n, rung in enumerate(self.rungs)
        }
        line = self._line(work.ffmpeg, work.path("source"), fill=fill)
        tracks.make(line, writers, on_line=work.log, on_progress=lambda report: self._tell(work, report))
        return {writer.name: writer.facts() for writer in writers.values()}

    def _tell(self, work: Work, report: FfmpegProgress) -> None:
        frame = report.frame or 0
        work.progress(
            min(1.0, frame / self.cut.frames),
            frame=frame,
            fps=report.fps,
            media_time_ms=round(1000 * frame / self.cut.frame_rate),
            speed=report.speed,
        )
