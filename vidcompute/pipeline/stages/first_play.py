"""Stage `first_play`: segments for a viewer who waits, made from any place on and told of one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vidcompute.errors import VidComputeError, not_found
from vidcompute.media import tracks
from vidcompute.media.audio import AudioCut, audio_args, audio_input, cutter
from vidcompute.media.cmaf import SegmentInfo
from vidcompute.media.encode import Taking, VideoCut, command, copy_args, encode_args, video_input
from vidcompute.media.ladder import Rung
from vidcompute.pipeline.stage import Work
from vidcompute.ports.executor import Needs

_FIRST_PIPE = 3
_TIMED = frozenset({"mov", "matroska"})  # containers that state the time of each packet
_LONG_LEAD_FRAMES = 48  # a search costs about as much as ten frames of 1080p


@dataclass(frozen=True)
class FirstPlay:
    """Options: the segments `[first, end)` of one rung, copied or encoded in haste, and of every sound track.

    `pace` is how many times faster than real time it may go after its first burst; 0 means no limit.
    """

    video: VideoCut | None
    rung: Rung | None
    copy: bool
    audio: tuple[AudioCut, ...]
    first: int
    end: int
    pace: float

    name: ClassVar[str] = "first_play"
    version: ClassVar[int] = 1

    def needs(self) -> Needs:
        """As much as there is, for somebody waits."""
        return Needs(cpu=1, memory_bytes=512 * 2**20)

    def run(self, work: Work) -> dict[str, Any]:
        """Emit `{"track": …, "number": …}` for each segment as its file appears in the output folder.

        Where pictures change their size or can't be decoded it begins again, and emits the same segments once more.
        Raises what `tracks.make` raises, `segment_not_found` where the source is gone.
        """
        source = work.path("source")
        left_out = _left_out(self.video, source) if self.video and not self.copy else []
        ways = list(Taking) if self.video and not self.copy else [Taking.USUAL]
        for taking in ways:
            try:
                self._make(work, left_out, taking)
            except VidComputeError as error:
                if not source.exists():
                    raise not_found("segment", str(self.first)) from None  # its asset was deleted meanwhile
                if error.code != "encode_mismatch" or taking is ways[-1]:
                    raise
                work.log(f"{error.detail} Beginning again, with frames taken over in another way.", "warning")
            else:
                break
        return {}

    def _make(self, work: Work, left_out: Sequence[int], taking: Taking) -> None:
        inputs: list[list[str]] = []
        outputs: list[list[str]] = []
        writers: dict[int, tracks.TrackWriter] = {}
        source, pace = work.path("source"), self.pace or None
        if self.video and self.rung:
            url = f"pipe:{_FIRST_PIPE}"
            decode = not self.copy
            inputs.append(video_input(self.video, source, pace=pace, decode=decode, left_out=left_out, taking=taking))
            encoded = encode_args(self.video, [(self.rung, url)], fast=True, taking=taking) if not self.copy else None
            outputs.append(encoded or copy_args(self.video, url))
            folder, tell = work.output / self.rung.name, _telling(work, self.rung.name)
            writers[_FIRST_PIPE] = tracks.video_writer(folder, self.video, copy=self.copy, on_segment=tell)
        heard = [part for part in self.audio if self.first < part.segments]
        if heard:
            start = heard[0].first_frame(self.first)
            inputs.append(audio_input(heard[0], source, first_frame=start, pace=pace))
        for part in heard:
            number = _FIRST_PIPE + len(writers)
            last = part.segments if self._to_the_end() else min(self.end, part.segments)
            outputs.append(self._sound(part, number, len(inputs) - 1, last))
            folder, tell = work.output / part.track, _telling(work, part.track)
            writers[number] = tracks.TrackWriter(folder, cutter(part, self.first, last), on_segment=tell)
        tracks.make(command(work.ffmpeg, *inputs, *outputs), writers, on_line=work.log)

    def _sound(self, part: AudioCut, pipe: int, number: int, last: int) -> list[str]:
        end = None if last == part.segments else part.first_frame(last)
        start = part.first_frame(self.first)
        return audio_args(part, f"pipe:{pipe}", number=number, first_frame=start, end_frame=end)

    def _to_the_end(self) -> bool:
        return self.video is None or self.end >= max(part.segments for part in self.audio)


def _left_out(part: VideoCut, source: Path) -> list[int]:
    """What need not be decoded on the way to a stretch, where that is more than looking for it costs."""
    if part.container not in _TIMED or part.lead * part.frame_rate < _LONG_LEAD_FRAMES:
        return []
    from vidcompute.media.decode import unreferenced  # with libav*, which the server itself never loads

    return unreferenced(source, part.container, part.stream, part.seek_pts, part.start_pts)


def _telling(work: Work, track: str) -> Callable[[SegmentInfo], None]:
    return lambda info: work.emit({"track": track, "number": info.number})
