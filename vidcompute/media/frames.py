"""Which frames of a video are wanted, what they are called, and how they go into an archive.

Runs in a sandboxed child of ours.
"""

import json
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from vidcompute.errors import refused
from vidcompute.media import images, scenes
from vidcompute.media.decode import PacketIndex, Picture, VideoReader
from vidcompute.media.facts import SourceFacts, VideoFacts
from vidcompute.media.stored_zip import StoredZip

LIST_NAME = "frames.json"


@dataclass(frozen=True)
class Range:
    """From `start` (included) to `end` (not included), in ticks of the stream."""

    start: int
    end: int

    def of(self, times: list[int]) -> list[int]:
        """Those of some times, in order, that lie within."""
        return times[bisect_left(times, self.start) : bisect_left(times, self.end)]


def reach(reader: VideoReader, start_s: Fraction, end_s: Fraction | None) -> Range:
    """The range between two times of the outputs, as far as there is video."""
    end = reader.video.end_pts if end_s is None else min(reader.ticks(end_s), reader.video.end_pts)
    return Range(reader.ticks(start_s), end)


def every(index: PacketIndex, within: Range, step: int) -> list[int]:
    """Each `step`-th frame of a range, its first one included."""
    return within.of(index.shown)[::step]


def keyframes(index: PacketIndex, video: VideoFacts, within: Range) -> list[int]:
    """The random access points that the probe found in a range."""
    return within.of(sorted({index.on_screen(point.pts) for point in video.keyframes}))


def at_rate(index: PacketIndex, reader: VideoReader, within: Range, start_s: Fraction, rate: Fraction) -> list[int]:
    """The frames that are on screen at `start_s`, `start_s` + 1/`rate`, and so on.

    A frame that is on screen at several of these times comes once.
    """
    found: list[int] = []
    for number in range(max(0, ceil((within.end - within.start) * reader.video.time_base * rate)) + 1):
        pts = reader.ticks(start_s + number / rate)
        if pts >= within.end:
            break
        shown = index.on_screen(pts)
        if not found or found[-1] != shown:
            found.append(shown)
    return found


def at_times(index: PacketIndex, reader: VideoReader, within: Range, times_s: Iterable[Fraction]) -> list[int]:
    """The frames that are on screen at given times, in order, each once; times out of the range are left out."""
    ticks = (reader.ticks(time_s) for time_s in times_s)
    return sorted({index.on_screen(pts) for pts in ticks if within.start <= pts < within.end})


def scene_starts(
    reader: VideoReader,
    index: PacketIndex,
    within: Range,
    threshold: float,
    report: Callable[[int], None],
) -> list[int]:
    """The first frame of each scene of a range. Decodes all of it; `report` is told how many frames were seen."""
    looked_at = within.of(index.shown)

    def pictures() -> Iterator[Picture]:
        for seen, picture in enumerate(reader.decode(index.runs(looked_at)), 1):
            report(seen)
            yield picture

    return looked_at[:1] + list(scenes.cuts(scenes.reduced(pictures()), reader.video.frame_rate, threshold))


def file_name(index: int, time_ms: int, image_format: str) -> str:
    """`frame-000123-00012.345.jpg`: the frame's number in the video from 0, and its time in seconds."""
    return f"frame-{index:06d}-{time_ms // 1000:05d}.{time_ms % 1000:03d}.{images.suffix(image_format)}"


def describe(facts: SourceFacts, video: VideoFacts) -> dict[str, Any]:
    """What a list of frames says of the video that they come from."""
    return {
        "container": facts.container,
        "duration_ms": facts.duration_ms,
        "codec": video.codec,
        "width": video.display_width,
        "height": video.display_height,
        "frame_rate": str(video.frame_rate),
        "frame_count": video.frame_count,
        "time_base": str(video.time_base),
        "start_pts": video.start_pts,
        "rotation": video.rotation,
    }


@dataclass(frozen=True)
class Still:
    """How pictures are written: format (`jpeg`, `png`, `webp`), quality, and the shape they get."""

    image_format: str
    quality: int
    shape: images.Shape


class FrameArchive:
    """Frames in a stored ZIP that grows frame by frame, with the list of them as its last file.

    What lies in the file is final at any time: a reader may follow it.
    """

    def __init__(self, path: Path, still: Still, source: dict[str, Any]) -> None:
        self._file = path.open("xb")
        self._zip = StoredZip(self._file)
        self._still = still
        self._source = source
        self._entries: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        """How many frames are in it."""
        return len(self._entries)

    def add(self, number: int, time_ms: int, pts: int, data: bytes) -> None:
        """Append one encoded frame."""
        name = file_name(number, time_ms, self._still.image_format)
        self._zip.add(name, data)
        self._file.flush()
        entry = {"name": name, "index": number, "time_ms": time_ms, "pts": pts, "size_bytes": len(data)}
        self._entries.append(entry)

    def close(self, list_path: Path) -> int:
        """Append the list, put it at `list_path` too, and end the archive; its size in bytes."""
        shape = self._still.shape
        described = {
            "source": self._source,
            "format": self._still.image_format,
            "width": shape.width,
            "height": shape.height,
            "frames": self._entries,
        }
        text = json.dumps(described, indent=1).encode()
        list_path.write_bytes(text)
        self._zip.add(LIST_NAME, text)
        self._zip.close()
        self._file.close()
        return self._zip.size_bytes


def encoded(
    pictures: Iterable[Picture], renderer: images.Renderer, still: Still, workers: int
) -> Iterator[tuple[int, bytes]]:
    """Times and files of pictures, in order; the next ones are decoded while `workers` threads encode."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[int, Future[bytes]]] = deque()
        for picture in pictures:
            image = renderer.image(picture.frame)
            waiting.append((picture.pts, pool.submit(images.encode, image, still.image_format, still.quality)))
            if len(waiting) > 2 * workers:
                pts, future = waiting.popleft()
                yield pts, future.result()
        for pts, future in waiting:
            yield pts, future.result()


def nothing_wanted() -> Exception:
    """The refusal of a choice that no frame meets."""
    return refused("frames_none", "No frame lies in this range. Check start, end and times against the duration.")


def nothing_decoded() -> Exception:
    """The refusal of a source of which no wanted frame can be decoded."""
    return refused("frame_unreadable", "None of these frames can be decoded: the file is damaged there.")
