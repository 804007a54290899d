"""Stage `texts`: the texts in a source, each as WebVTT that we have written ourselves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import VidComputeError, refused
from vidcompute.media import ffmpeg, webvtt
from vidcompute.media.run import run
from vidcompute.pipeline.plan import SOURCE
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_MOST_BYTES = 8 * 2**20  # of one text: hours of talk have a hundredth of it


@dataclass(frozen=True)
class SourceText:
    """A stream of text, and what viewers choose it by."""

    index: int
    language: str
    title: str
    forced: bool
    captions: bool


@dataclass(frozen=True)
class Texts:
    """Options: the source's container, the instant of its clock that is 0 of every output, and its streams of text.

    A text that can't be had is left out, with a warning: no video fails for it.
    """

    container: str
    start_ms: int
    streams: tuple[SourceText, ...]

    name: ClassVar[str] = "texts"
    version: ClassVar[int] = 1
    max_file_bytes: ClassVar[int] = 2 * _MOST_BYTES
    idle_timeout_s: ClassVar[float] = 3600.0  # a long source is read through without a word

    def needs(self) -> Needs:
        """Mostly reading."""
        return Needs(cpu=0.5, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Write `0.vtt` and so on. The facts say of each what viewers choose it by, and what its rows have to know."""
        raw = {stream.index: work.scratch / f"{stream.index}.vtt" for stream in self.streams}
        self._extract(work, raw)
        found: list[dict[str, Any]] = []
        warnings: list[str] = []
        for stream in self.streams:
            try:
                cues = self._read(raw[stream.index])
            except (OSError, VidComputeError) as error:
                detail = error.detail if isinstance(error, VidComputeError) else "It could not be taken out."
                warnings.append(f"The text in stream {stream.index} is left out: {detail}")
                work.log(warnings[-1], "warning")
                continue
            found.append(_written(work.output / f"{len(found)}.vtt", stream, cues))
        return {"texts": found, "warnings": warnings}

    def _extract(self, work: Work, raw: Mapping[int, Path]) -> None:
        """All of them in one reading; each by itself where that fails, so that a bad one hinders no other."""
        try:
            self._run(work, raw)
        except VidComputeError as error:
            work.log(error.detail, "warning")
            for index, path in raw.items() if len(raw) > 1 else ():
                path.unlink(missing_ok=True)
                self._extract(work, {index: path})

    def _run(self, work: Work, raw: Mapping[int, Path]) -> None:
        argv = [str(work.ffmpeg), *ffmpeg.global_args(), "-copyts"]
        argv += ffmpeg.input_args(work.path(SOURCE), self.container, decode=False, texts=True)
        for index, path in raw.items():
            argv += ["-map", f"0:{index}", "-c:s", "webvtt", "-f", "webvtt", ffmpeg.file_url(path)]
        run(argv, timeout_s=3600, on_line=work.log)

    def _read(self, path: Path) -> list[webvtt.Cue]:
        """The cues of a text, at times of the outputs."""
        with path.open("rb") as file:
            cues = webvtt.read(file.read(_MOST_BYTES))
        moved = (
            replace(cue, start_ms=max(0, cue.start_ms - self.start_ms), end_ms=cue.end_ms - self.start_ms)
            for cue in cues
        )
        shown = [cue for cue in moved if cue.end_ms > cue.start_ms]
        if not shown:
            raise refused("text_track_empty", "No text is ever shown.")
        return shown


def _written(path: Path, stream: SourceText, cues: list[webvtt.Cue]) -> dict[str, Any]:
    text = webvtt.write(cues).encode()
    path.write_bytes(text)
    return {
        "file": path.name,
        **vars(stream),
        "cues": len(cues),
        "size_bytes": len(text),
        "end_ms": max(cue.end_ms for cue in cues),
        **vars(webvtt.rates(cues)),
    }
