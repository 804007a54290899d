"""Reads packets: what is needed of each for the timeline, and the first ones through a decoder."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs alone

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any, TypeVar

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcompute.media.probe.limits import Budget, timed_out
from vidcompute.media.probe.nal import hidden, starts_closed
from vidcompute.media.probe.names import INTERLACED_FIELD_ORDERS
from vidcompute.media.probe.timeline import Flags, Ticks

NO_TIME = -(2**63)
_FARTHEST = 2**56  # ticks: two years of nanoseconds; beyond is damage, and sums of it would overflow
_MOST_TRIES = 400  # packets that a decoder may be fed before it must have given a frame
_FIRST_PACKETS = 24  # show whether the presentation times lie on the grid of the decoding times
_FIELD_CODECS = frozenset(("h264", "mpeg2video"))
_FIELD_FRAMES = 6  # decoded frames that show whether packets are fields
MOST_KEYS_INSPECTED = 64


def _sane(time: int | None) -> int:
    return NO_TIME if time is None or abs(time) > _FARTHEST else time


@dataclass
class Rows:
    """The packets of one stream in the order of the file, without those that an edit list hides."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("b"))
    size_bytes: int = 0

    def add(self, packet: Packet[Any]) -> None:
        """Keep what is needed of a packet."""
        self.size_bytes += packet.size
        if packet.is_discard:
            return
        self.pts.append(_sane(packet.pts))
        self.dts.append(_sane(packet.dts))
        self.durations.append(min(max(packet.duration or 0, 0), _FARTHEST))
        self.keys.append(packet.is_keyframe)

    def times(self) -> Ticks:
        """Presentation times; where a container has none, its decoding times; NO_TIME where it has neither."""
        pts = np.array(self.pts, dtype=np.int64)
        return np.where(pts == NO_TIME, np.array(self.dts, dtype=np.int64), pts)

    def key_flags(self) -> Flags:
        """Which packets are random access points."""
        return np.array(self.keys, dtype=np.bool_)


class VideoReader:
    """Follows one video stream: its rows, and its first frames decoded."""

    def __init__(self, stream: VideoStream) -> None:
        self.stream = stream
        self.rows = Rows()
        self.first: VideoFrame | None = None
        self.times: list[int] = []  # of decoded frames
        self.closed = True
        self.interlaced = stream.codec_context.field_order in INTERLACED_FIELD_ORDERS
        self.codec = stream.codec_context.codec.canonical_name
        self.keys_inspected = 0
        self._fed = 0

    @property
    def settled(self) -> bool:
        """Whether the beginning is known: enough was decoded, and enough packets were seen."""
        return self._decoded_enough and len(self.rows.pts) >= _FIRST_PACKETS

    @property
    def _decoded_enough(self) -> bool:
        if self._fed >= _MOST_TRIES:
            return True
        if self.first is not None and self.interlaced and self.codec in _FIELD_CODECS:
            return len(self.times) >= _FIELD_FRAMES
        return self.first is not None

    def take(self, packet: Packet[VideoStream]) -> None:
        """One packet, or at the end an empty one."""
        if packet.size and not hidden(self.codec, packet):
            self.rows.add(packet)
            if packet.is_keyframe and self.keys_inspected < MOST_KEYS_INSPECTED:
                self.inspect_key(memoryview(packet))
        if not self._decoded_enough:
            self._decode(packet)

    def inspect_key(self, data: memoryview) -> None:
        """Note whether decoding can begin at this key packet with nothing lost."""
        self.keys_inspected += 1
        self.closed = self.closed and starts_closed(self.codec, data, self.stream.codec_context.extradata or b"")

    def _decode(self, packet: Packet[VideoStream]) -> None:
        self._fed += 1
        for frame in _decoded(packet.decode):
            self.first = self.first or frame
            self.interlaced = self.interlaced or frame.interlaced_frame
            if frame.pts is not None:
                self.times.append(frame.pts)


class AudioReader:
    """Follows one audio stream: its rows, and its first frame decoded."""

    def __init__(self, stream: AudioStream) -> None:
        self.stream = stream
        self.rows = Rows()
        self.first: AudioFrame | None = None
        self.start: Fraction | None = None  # seconds, encoder delay taken off
        self.codec = stream.codec_context.codec.canonical_name
        self._fed = 0

    @property
    def settled(self) -> bool:
        """Whether a frame was decoded, or so much in vain that there is no hope."""
        return self.first is not None or self._fed >= _MOST_TRIES

    def take(self, packet: Packet[AudioStream]) -> None:
        """One packet, or at the end an empty one."""
        if packet.size:
            self.rows.add(packet)
        if self.settled:
            return
        self._fed += 1
        for frame in _decoded(packet.decode):
            if self.first is None and frame.samples > 0:
                self.first = frame
                if frame.pts is not None and frame.time_base is not None:
                    self.start = frame.pts * frame.time_base


Reader = VideoReader | AudioReader


_FrameT = TypeVar("_FrameT")


def _decoded(decode: Callable[[], Sequence[_FrameT]]) -> Sequence[_FrameT]:
    """The frames of one packet; none where it is damaged."""
    try:
        return decode()
    except (av.error.FFmpegError, ValueError, MemoryError):
        return ()


def only(container: InputContainer, wanted: Sequence[Reader]) -> None:
    """Let the demuxer read the wanted streams and pass over the others."""
    indexes = {reader.stream.index for reader in wanted}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in indexes else Discard.all


def read(container: InputContainer, readers: Sequence[Reader], budget: Budget, *, beginning: bool) -> None:
    """Feed the readers: until all are settled when `beginning`, else to the end of the file.

    A file that can't be read further ends there: what came before counts.
    """
    only(container, readers)
    by_index: dict[int, Reader] = {reader.stream.index: reader for reader in readers}
    for packet in _packets(container, readers):
        budget.spend(packet.pos)
        # The empty packets that PyAV ends with know their stream, but not its index.
        by_index[packet.stream.index].take(packet)
        if beginning and all(reader.settled for reader in readers):
            return


def stretch(container: InputContainer, readers: Sequence[Reader], most: int, budget: Budget) -> dict[int, Rows]:
    """The rows of the next packets, at most so many, by stream index; nothing of them is decoded."""
    found = {reader.stream.index: Rows() for reader in readers}
    codecs = {reader.stream.index: reader.codec for reader in readers}
    for packet in islice(_packets(container, readers), most):
        budget.spend(packet.pos)
        index = packet.stream.index
        if packet.size and not hidden(codecs[index], packet):
            found[index].add(packet)
    return found


def _packets(container: InputContainer, readers: Sequence[Reader]) -> Iterator[Packet[Any]]:
    packets = container.demux([reader.stream for reader in readers])
    while True:
        try:
            packet = next(packets, None)
        except av.error.ExitError as error:
            raise timed_out() from error
        except (av.error.FFmpegError, ValueError, MemoryError, IndexError):
            return  # an IndexError comes after the last packet, of streams that turned up late
        if packet is None:
            return
        yield packet
