"""Reads pictures of a video stream: exactly those that are wanted, decoding as little as the codec allows.

Runs in a sandboxed child of ours: PyAV decodes in the process. Times are ticks of the stream's time base.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, takewhile
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcompute.errors import VidComputeError, refused
from vidcompute.media.facts import SourceFacts, VideoFacts
from vidcompute.media.ffmpeg import MAX_STREAMS
from vidcompute.media.probe.limits import ProbeLimits
from vidcompute.media.probe.opening import open_source

if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]  # generic in its stub alone
else:
    VideoPacket = Packet

# Decoders that leave out non-reference pictures one by one as they are told to (libavcodec: h264dec.c, hevc,
# mpeg12dec.c, h263dec.c, vp8.c). Others take the setting when they are opened, or not at all.
_SKIPPING_CODECS = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8"})
_RAW = frozenset({"h264", "hevc", "vvc", "m4v", "mpegvideo", "h261", "h263", "obu", "vc1"})
_READ_THROUGH_PACKETS = 120  # up to here reading on is cheaper than a seek
_SEEK_MARGINS_S = (0, 2, 10)
_TRIES = 3
_KEPT_PACKETS = 16  # H.264 reorders by so many at most
_AVCC_BYTES = 7
_PROBED = ProbeLimits(max_streams=MAX_STREAMS)  # the most that settings allow: a probe has held the file to its own
_LATE_PACKETS = 32  # without decoding times, so many later packets in a row end a scan (H.264 reorders by 16 at most)


@dataclass(frozen=True)
class Picture:
    """A decoded frame and its time in ticks of its stream."""

    pts: int
    frame: VideoFrame


@dataclass(frozen=True)
class Run:
    """Consecutive packets in decoding order, from the key frame at `key_pts` to the packet at `last_pts`.

    `wanted` has the times of the frames wanted of them, in presentation order.
    """

    key_pts: int
    last_pts: int
    wanted: tuple[int, ...]


class PacketIndex:
    """Times and kinds of a stream's packets, or of a range of them, in decoding order: 9 bytes a packet."""

    def __init__(self) -> None:
        self._pts = array("q")
        self._key = bytearray()
        self._shown: list[int] | None = None
        self._hidden: set[int] = set()

    def add(self, pts: int, *, key: bool, shown: bool = True) -> None:
        """One more packet. One that isn't shown (cut off by an edit list) is needed for decoding alone."""
        if not shown:
            self._hidden.add(pts)
        self._pts.append(pts)
        self._key.append(key)

    @property
    def shown(self) -> list[int]:
        """The times of all frames that are shown, in presentation order, each once."""
        if self._shown is None:
            every: list[int] = np.unique(np.frombuffer(self._pts, dtype=np.int64)).tolist() if self._pts else []
            self._shown = [pts for pts in every if pts not in self._hidden] if self._hidden else every
        return self._shown

    def number(self, pts: int) -> int:
        """The number of the frame that is on screen at `pts`, from 0; the first one before any."""
        return max(0, bisect_right(self.shown, pts) - 1)

    def on_screen(self, pts: int) -> int:
        """The time of the frame that is on screen at `pts`."""
        return self.shown[self.number(pts)]

    def runs(self, wanted: Iterable[int]) -> list[Run]:
        """The least packets to decode for the frames `wanted` (times out of `shown`).

        A frame needs the packets from the last key frame that comes before it both in decoding and in
        presentation order (frames that lead an open GOP need the GOP before), up to its own.
        """
        places = self._places(set(wanted))
        runs: list[tuple[int, int, list[int]]] = []
        keys = [place for place, key in enumerate(self._key) if key]
        for place in places:
            first = self._key_before(keys, place)
            if runs and first <= runs[-1][1] + 1:
                runs[-1][2].append(self._pts[place])
                runs[-1] = (min(first, runs[-1][0]), place, runs[-1][2])
            else:
                runs.append((first, place, [self._pts[place]]))
        return [Run(self._pts[first], self._pts[last], tuple(sorted(pts))) for first, last, pts in runs]

    def _places(self, wanted: set[int]) -> list[int]:
        found: dict[int, int] = {}
        for place, pts in enumerate(self._pts):
            if pts in wanted:
                found.setdefault(pts, place)
        return sorted(found.values())

    def _key_before(self, keys: list[int], place: int) -> int:
        at = bisect_right(keys, place) - 1
        while at > 0 and self._pts[keys[at]] > self._pts[place]:
            at -= 1
        return keys[at] if at >= 0 else 0


def open_facts(path: Path, facts: SourceFacts) -> InputContainer:
    """Open a probed file with the one demuxer that the probe found."""
    return open_source(path.absolute(), facts.container.split(",")[0], _PROBED)


def unreferenced(path: Path, container: str, index: int, first_pts: int, until_pts: int) -> list[int]:
    """Times of the packets from the key frame at `first_pts` to `until_pts` that no other frame depends on, in order.

    Without them the frames from `until_pts` on are decoded just the same; the last few before it are never among
    them, for by those the decoder learns how frames are reordered. `index` is the stream's, times are in its ticks.
    Empty where it can't be told: it can for H.264 in MP4's form (ISO/IEC 14496-15, 5.3.3).
    """
    passed: list[tuple[int, bool]] = []
    late = 0
    with suppress(av.FFmpegError, VidComputeError), open_source(path.absolute(), container, _PROBED) as file:
        stream = _only(file, index)
        lengths = _length_bytes(stream) if stream is not None else 0
        if stream is None or not lengths:
            return []
        file.seek(first_pts, stream=stream)
        for packet in file.demux(stream):
            if packet.pts is None or late > _KEPT_PACKETS:
                break
            late = late + 1 if packet.pts >= until_pts else 0
            passed.append((packet.pts, _is_unreferenced(memoryview(packet), lengths)))
    before = passed[: max(0, len(passed) - late - _KEPT_PACKETS)]
    needed = {pts for pts, free in before if not free}
    return sorted({pts for pts, free in before if free and first_pts < pts < until_pts} - needed)


def _only(container: InputContainer, index: int) -> VideoStream | None:
    """The video stream at `index`, the others' packets left out; None where there is no decoder for it."""
    for stream in container.streams:
        if stream.index != index:
            stream.discard = Discard.all
    chosen = next((s for s in container.streams.video if s.index == index), None)
    return chosen if chosen is not None and chosen.codec_context is not None else None


def _length_bytes(stream: VideoStream) -> int:
    """How many bytes the lengths before H.264's NAL units take; 0 for others, and for start codes."""
    extradata = stream.codec_context.extradata or b""
    if stream.codec_context.name != "h264" or len(extradata) < _AVCC_BYTES or extradata[0] != 1:
        return 0
    return (extradata[4] & 3) + 1


def _is_unreferenced(packet: memoryview, length_bytes: int) -> bool:
    """Whether all slices of an H.264 picture (NAL units 1 to 5) have a nal_ref_idc of 0 (ITU-T H.264, 7.4.1)."""
    at, slices = 0, 0
    while at + length_bytes < len(packet):
        head = packet[at + length_bytes]
        if 1 <= head & 0x1F <= 5:
            if head & 0x60:
                return False
            slices += 1
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")
    return slices > 0 and at == len(packet)


class VideoReader:
    """The video stream of a probed source. Use it as a context manager; one reader decodes one thing at a time.

    `threads` above 1 decodes frames side by side: less time, a little more CPU. `light` skips the loop filter where
    the codec has one: for looking at pictures roughly, never for showing them.
    """

    def __init__(self, path: Path, facts: SourceFacts, *, threads: int = 1, light: bool = False) -> None:
        if facts.video is None:
            raise refused("no_video", "The source has no video stream, so there are no pictures to take.")
        self.video: VideoFacts = facts.video
        self._path, self._facts, self._threads, self._light = path, facts, threads, light
        self._open()
        # Raw streams have no times at all, and no seek finds anything in them.
        self._untimed = facts.container in _RAW
        # AVI has no presentation times: those of reordered pictures are made up by the demuxer, and wrong.
        self._counts = facts.container.startswith("avi") and self.video.codec in {"h264", "hevc"}
        self._can_skip = self.video.codec in _SKIPPING_CODECS and not self._counts
        self._packets: Iterator[VideoPacket] = iter(())
        self._held: VideoPacket | None = None
        self._at = 0  # the time of the packet that was read last

    def _open(self) -> None:
        self._container = open_facts(self._path, self._facts)
        self._stream = self._choose(self.video.index)
        context = self._stream.codec_context
        context.thread_type = ThreadType.FRAME if self._threads > 1 else ThreadType.SLICE
        context.thread_count = self._threads
        if self._light:
            context.options = {"skip_loop_filter": "all"}

    def _choose(self, index: int) -> VideoStream:
        chosen = _only(self._container, index)
        if chosen is None:
            raise refused("video_undecodable", f"There is no decoder for the video stream ({self.video.codec}).")
        return chosen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._packets = iter(())
        self._container.close()

    def ticks(self, time_s: Fraction) -> int:
        """The stream's ticks at a time of the outputs, rounded up: containers round frame times by up to a tick."""
        return self.video.start_pts + ceil(time_s / self.video.time_base)

    def time_ms(self, pts: int) -> int:
        """Whole milliseconds of the outputs at `pts`."""
        return round((pts - self.video.start_pts) * self.video.time_base * 1000)

    def index(self, first: int | None = None, until: int | None = None) -> PacketIndex:
        """Read packets, no pictures: all, or from the key frame at `first` to the last that is shown by `until`."""
        found = PacketIndex()
        if self._untimed:
            return self._counted_index(first, until)
        if not self._enter(self.video.start_pts if first is None else first):
            return found
        late = 0
        for packet in self._rest():
            pts = _time_of(packet)
            if pts is None:
                continue
            late = late + 1 if until is not None and pts > until else 0
            # No packet has a time before its decoding time, and decoding times only grow.
            if late > (0 if packet.dts is not None and packet.dts > (until or 0) else _LATE_PACKETS):
                break
            found.add(pts, key=packet.is_keyframe, shown=pts >= self.video.start_pts and not packet.is_discard)
        return found

    def keyframe_at(self, pts: int) -> int:
        """The time of the last key frame at or before `pts`; the first one before any."""
        keys = self.video.keyframes
        if not keys:
            return self.video.start_pts
        return keys[max(0, bisect_right(keys, pts, key=lambda point: point.pts) - 1)].pts

    def nearest_keyframe(self, pts: int) -> int:
        """The time of the key frame nearest to `pts`."""
        keys = self.video.keyframes
        if not keys:
            return self.video.start_pts
        after = bisect_left(keys, pts, key=lambda point: point.pts)
        near = keys[max(0, after - 1) : after + 1]
        return min((point.pts for point in near), key=lambda key: abs(key - pts))

    def at(self, pts: int) -> Picture:
        """The picture that is on screen at `pts`; the last one after the end, the first one before the start."""
        pts = max(self.video.start_pts, min(pts, self.video.end_pts - 1))
        found = next(self.pick([pts]), None)
        if found is None:
            found = next(self.pick([self.keyframe_at(pts)]), None)
        if found is None:
            raise refused("frame_unreadable", f"No picture can be decoded at {self.time_ms(pts) / 1000:.3f} s.")
        return found

    def pick(self, times: Sequence[int]) -> Iterator[Picture]:
        """The pictures that are on screen at these times, in order, each once; reads only the GOPs they lie in."""
        if self._untimed and times:
            index = self.index()
            yield from self.decode(index.runs({index.on_screen(pts) for pts in times}))
            return
        exact = {point.pts for point in self.video.keyframes}
        groups: dict[int, list[int]] = {}
        for pts in sorted(times):
            groups.setdefault(self.keyframe_at(pts), []).append(pts)
        for key, members in groups.items():
            if members == [key] and key in exact:
                yield from self.decode([Run(key, key, (key,))])
                continue
            index = self.index(key, members[-1])
            if index.shown:
                yield from self.decode(index.runs({index.on_screen(pts) for pts in members}))

    def from_keyframe(self, key: int) -> Iterator[Picture]:
        """Every picture from the key frame at `key` on, in order, to the end of the stream."""
        if self._untimed:
            yield from (picture for picture in self._counted() if picture.pts >= key)
            return
        self._enter(key)
        yield from self._decode(self._rest(), None)

    def decode(self, runs: Iterable[Run]) -> Iterator[Picture]:
        """The wanted pictures of some runs, in order; in place of one that is damaged, the one before it.

        What can't be read at all is left out.
        """
        if self._untimed:
            wanted = sorted(pts for run in runs for pts in run.wanted)
            yield from _choose_pictures(
                takewhile(lambda p: bool(wanted) and p.pts <= wanted[-1], self._counted()), wanted
            )
            return
        for run in runs:
            yield from self._decode_run(run, _TRIES)

    def _counted(self) -> Iterator[Picture]:
        """Every picture of a stream without times, from the first one on, at the times that the probe gave them."""
        self._container.close()
        self._open()
        for number, frame in enumerate(self._container.decode(self._stream)):
            yield Picture(self._counted_time(number), frame)

    def _counted_time(self, number: int) -> int:
        return self.video.start_pts + round(number / (self.video.frame_rate * self.video.time_base))

    def _counted_index(self, first: int | None, until: int | None) -> PacketIndex:
        found = PacketIndex()
        keys = {point.index for point in self.video.keyframes}
        for number in range(self.video.frame_count):
            pts = self._counted_time(number)
            if (first is None or pts >= first) and (until is None or pts <= until):
                found.add(pts, key=number in keys)
        return found

    def _decode_run(self, run: Run, tries: int) -> Iterator[Picture]:
        if not self._enter(run.key_pts):
            return  # cut off, or overwritten: the probe knew it from the index alone
        pictures = self._decode(self._until(run.last_pts), set(run.wanted))
        if self._counts:
            pictures = (Picture(run.key_pts + n, p.frame) for n, p in enumerate(pictures))
        first = next(pictures, None)
        earlier = self._keyframe_before(run.key_pts)
        if (first is None or first.pts > run.wanted[0]) and tries > 0 and earlier is not None:
            # A damaged key frame, or one that is whole only some pictures later (gradual refresh).
            del pictures
            yield from self._decode_run(Run(earlier, run.last_pts, run.wanted), tries - 1)
        elif first is not None:
            yield from _choose_pictures(chain([first], pictures), run.wanted)

    def _keyframe_before(self, pts: int) -> int | None:
        place = bisect_left(self.video.keyframes, pts, key=lambda point: point.pts)
        return self.video.keyframes[place - 1].pts if place > 0 else None

    def _enter(self, key: int) -> bool:
        """Go to where the next packet is the one at `key`: by reading on, by seeks from further and further back.

        False: there is no such packet. Where the stream begins amid a GOP whose first part an edit list cuts off, it
        is the key frame before it.
        """
        if key <= self.video.start_pts:
            return self._begin()
        ahead = (key - self._at) * self.video.time_base * self.video.frame_rate
        if -_LATE_PACKETS <= ahead <= _READ_THROUGH_PACKETS and self._read_to(key, _READ_THROUGH_PACKETS):
            return True
        for margin in _SEEK_MARGINS_S:
            self._seek(key - int(margin / self.video.time_base))
            if self._read_to(key):
                return True
        self._seek(None)
        return self._read_to(key)

    def _begin(self) -> bool:
        for pts in (self.video.start_pts, None):
            self._seek(pts)
            packet = next((p for p in self._rest() if p.is_keyframe), None)
            at = None if packet is None else _time_of(packet)
            if at is not None and (pts is None or at <= pts):
                self._held = packet
                return True
        return False

    def _seek(self, pts: int | None) -> None:
        self._stream.codec_context.flush_buffers()
        self._held = None
        try:
            if pts is None:
                self._container.seek(min(0, self._container.start_time or 0))
            else:
                self._container.seek(pts, stream=self._stream)
        except av.FFmpegError:
            self._container.seek(0)
        self._packets = self._container.demux(self._stream)

    def _read_to(self, key: int, most: int | None = None) -> bool:
        for read, packet in enumerate(self._rest(), 1):
            pts = _time_of(packet)
            if pts == key:
                self._held = packet
                return True
            if pts is not None and (packet.dts if packet.dts is not None else pts) > key:
                self._held = packet
                return False
            if most is not None and read >= most:
                return False
        return False

    def _rest(self) -> Iterator[VideoPacket]:
        """The packets from here on. A damaged stretch of the container ends them."""
        while True:
            packet, self._held = self._held, None
            if packet is None:
                try:
                    packet = next(self._packets, None)
                except av.FFmpegError:
                    return
            if packet is None or packet.size == 0:
                return
            self._at = packet.dts if packet.dts is not None else self._at
            yield packet

    def _until(self, last: int) -> Iterator[VideoPacket]:
        """The packets from here on up to the one at `last`; where times are made up, some more."""
        if self._counts:
            last += _LATE_PACKETS
        for packet in self._rest():
            yield packet
            if _time_of(packet) == last or (packet.dts is not None and packet.dts > last):
                return

    def _decode(self, packets: Iterable[VideoPacket], wanted: set[int] | None) -> Iterator[Picture]:
        """The pictures of these packets; with `wanted`, others that no picture depends on are left out."""
        context = self._stream.codec_context
        if self._can_skip:
            context.skip_frame = "DEFAULT"
        try:
            for packet in packets:
                if wanted is not None and self._can_skip:
                    context.skip_frame = "DEFAULT" if _time_of(packet) in wanted else "NONREF"
                yield from _pictures(context, packet)
            yield from _pictures(context, None)
        finally:
            context.flush_buffers()


def _time_of(packet: VideoPacket) -> int | None:
    return packet.pts if packet.pts is not None else packet.dts


def _pictures(context: VideoCodecContext, packet: VideoPacket | None) -> Iterator[Picture]:
    try:
        frames = context.decode(packet)
    except av.FFmpegError:
        return  # a damaged packet: what comes after it may be whole
    for frame in frames:
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is not None:
            yield Picture(pts, frame)


def _choose_pictures(pictures: Iterator[Picture], wanted: Sequence[int]) -> Iterator[Picture]:
    missing = deque(wanted)
    before: Picture | None = None
    for picture in pictures:
        while missing and missing[0] < picture.pts:
            pts = missing.popleft()
            yield Picture(pts, (before or picture).frame)
        if missing and missing[0] == picture.pts:
            missing.popleft()
            yield picture
        before = picture
    if before is not None:
        for pts in missing:
            yield Picture(pts, before.frame)
