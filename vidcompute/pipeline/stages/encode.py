"""Stage `encode`: one stretch of the source, decoded once, as segments of every rung."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import tracks
from vidcompute.media.audio import AudioCut, audio_args, audio_input, cutter
from vidcompute.media.encode import (
    Taking,
    VideoCut,
    command,
    copy_args,
    encode_args,
    one_filter_thread,
    video_input,
)
from vidcompute.media.encoders import device, is_hardware
from vidcompute.media.ladder import Rung
from vidcompute.media.progress import FfmpegProgress
from vidcompute.pipeline import making
from vidcompute.pipeline.stage import LATER, SHORT_CPU, Work
from vidcompute.ports.executor import Needs

_BYTES_PER_PIXEL = 120  # a generous estimate of frames in flight in decoder, scalers and look-ahead
_DAMAGED = "Some frames of the source could not be decoded; their neighbours are shown instead."
_OTHERWISE = {
    Taking.USUAL: "Encoding again with all pictures in one size.",
    Taking.STEADY: "Encoding again with repeated frames where the source has none.",
}
_FIRST_PIPE = 3
# GeForce cards encode no more than so many streams at a time (NVIDIA, Video Encode and Decode GPU Support Matrix).
_SESSIONS_OF_A_GPU = 8
_GPU_BYTES, _GPU_BYTES_PER_PIXEL = 300 * 2**20, 48  # a CUDA context; surfaces in flight
# What a device that fails looks like; whether it is the source, an encode in software will tell.
_OF_THE_DEVICE = frozenset(
    {"ffmpeg_failed", "ffmpeg_crashed", "encode_mismatch", "container_invalid", "stage_stalled", "memory_limit"}
)
# What one output among several looks like that fails, and with it all of them.
_OF_ONE_OUTPUT = frozenset({"ffmpeg_failed", "ffmpeg_crashed", "encode_mismatch", "container_invalid"})


@dataclass(frozen=True)
class Encode:
    """Options: which frames, for which rungs, with how many encoder threads each (0: as many as there are cores).

    `by` names the encoder of each rung (left out, all are in software), `decoder` one in hardware. `simulated` says
    that those in hardware are only declared, and those in software are to do their work.

    A short source is read once, for all of its tracks: `copied` is the name of the one that is its own picture as it
    is, and `sounds` are its sounds. With `one_thread` the decoder and the filters have one, as the encoders have.
    """

    cut: VideoCut
    rungs: tuple[Rung, ...]
    threads: int
    by: tuple[str, ...] = ()
    decoder: str = ""
    simulated: bool = False
    copied: str = field(default="", metadata=LATER)
    sounds: tuple[AudioCut, ...] = field(default=(), metadata=LATER)
    one_thread: bool = field(default=False, metadata=LATER)

    name: ClassVar[str] = "encode"
    version: ClassVar[int] = 2

    def needs(self) -> Needs:
        """One core for a chunk among several, less for all of a short source, all threads otherwise.

        Memory is by the largest picture.

        In hardware, too, the abilities, and for NVENC a share of a GPU by the number of streams.
        """
        pixels = max(r.width_px * r.height_px for r in self.rungs)
        cores = SHORT_CPU if self.one_thread else max(1, self.threads)
        needs = Needs(cpu=cores, memory_bytes=256 * 2**20 + pixels * _BYTES_PER_PIXEL)
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
        """All tracks at once; where one of several fails, those that are encoded and each other one by itself."""
        if not self._beside:
            return self._pictures(work)
        beside = {"beside": list(self._beside)}
        try:
            return {"tracks": self._encode(work), "warnings": [], **beside}
        except VidComputeError as error:
            if error.code not in _OF_ONE_OUTPUT:
                raise
            work.log(f"{error.detail} The tracks are made one after the other.", "warning")
        apart = replace(self, copied="", sounds=())._pictures(work)
        apart["tracks"] |= {self.copied: making.copy_picture(work, self.copied, self.cut)} if self.copied else {}
        apart["tracks"] |= {sound.track: making.make_sound(work, sound) for sound in self.sounds}
        return apart | beside

    @property
    def _beside(self) -> tuple[str, ...]:
        """The tracks that are made beside those that are encoded from the picture."""
        return (*filter(None, (self.copied,)), *(sound.track for sound in self.sounds))

    def _pictures(self, work: Work) -> dict[str, Any]:
        """Encode; if that is not what was promised, again in the other ways to take frames over."""
        for taking, otherwise in _OTHERWISE.items():
            try:
                return {"tracks": self._encode(work, taking), "warnings": []}
            except VidComputeError as error:
                if error.code != "encode_mismatch":
                    raise
                work.log(f"{error.detail} {otherwise}", "warning")
        return {"tracks": self._encode(work, Taking.FILLED), "warnings": [_DAMAGED]}

    def commands(self, ffmpeg: Path, source: Path) -> list[list[str]]:
        """The command lines that `run` begins with; each track goes to a pipe of its own, from descriptor 3 on.

        The rungs are first, then the copy, then the sounds.
        """
        return [self._line(ffmpeg, source)]

    def _line(self, ffmpeg: Path, source: Path, taking: Taking = Taking.USUAL) -> list[str]:
        outputs = [(rung, f"pipe:{_FIRST_PIPE + n}") for n, rung in enumerate(self.rungs)]
        by, decoder = ((), "") if self.simulated else (self.by, self.decoder)
        encoding = encode_args(self.cut, outputs, taking=taking, threads=self.threads, by=by)
        # Who repeats frames that can't be decoded needs a decoder that says which.
        decoder = decoder if taking is Taking.USUAL else ""
        threads = 1 if self.one_thread else 0
        reading = video_input(self.cut, source, decoder=decoder, threads=threads, taking=taking)
        if self.sounds and self.cut.seeks:  # they begin with the source
            reading += audio_input(self.sounds[0], source)
        filters = one_filter_thread() if self.one_thread else []
        return command(ffmpeg, device(by), filters, reading, encoding, *self._lines_beside())

    def _lines_beside(self) -> Iterator[list[str]]:
        url = (f"pipe:{_FIRST_PIPE + len(self.rungs) + n}" for n in range(len(self._beside)))
        if self.copied:
            yield copy_args(self.cut, next(url))
        for sound in self.sounds:
            yield audio_args(sound, next(url), number=1 if self.cut.seeks else 0)

    def _writers(self, folder: Path) -> Iterator[tracks.TrackWriter]:
        for rung in self.rungs:
            yield tracks.video_writer(folder / rung.name, self.cut, codec=rung.codec)
        if self.copied:
            yield tracks.video_writer(folder / self.copied, self.cut, copy=True)
        for sound in self.sounds:
            yield tracks.TrackWriter(folder / sound.track, cutter(sound))

    def _encode(self, work: Work, taking: Taking = Taking.USUAL) -> dict[str, Any]:
        writers = dict(enumerate(self._writers(work.output), _FIRST_PIPE))
        line = self._line(work.ffmpeg, work.path("source"), taking)
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
