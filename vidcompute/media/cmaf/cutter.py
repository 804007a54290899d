"""Cutting one encoder's output into segments with exact times, and proving that it is what was promised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.cmaf.init import TRACK_ID, InitSegment
from vidcompute.media.cmaf.reader import FragmentReader, Sample
from vidcompute.media.cmaf.writer import Segment, write_with_info

MAX_CHUNKS = 256  # moofs in one segment: their numbers are `segment number * MAX_CHUNKS + 1 …`
ROUNDING_TICKS = 1  # how far an encoder's time may be from the planned one, where both were rounded


def encode_mismatch(detail: str) -> VidComputeError:
    """An encoder's output is not what the recipe promised."""
    return VidComputeError(Kind.INTERNAL, "encode_mismatch", detail)


@dataclass(frozen=True)
class SegmentPlan:
    """What one video segment is to hold: its number of frames, the tick where it ends, or both.

    With `frames` and an end that is known (`end`, or a steady step), the segment is complete with its last frame;
    otherwise with the next segment's first. With `end` alone it goes on until a keyframe that is shown at or after
    `end`. With neither, it takes all the rest. `end` counts as the cutter's `start_time` does.
    """

    frames: int | None = None
    end: int | None = None


class SegmentCutter:
    """Cuts video frames, given in decode order, into segments.

    The first frame given is shown at `start_time` (ticks of `timescale`) exactly. With `frame_duration` the n-th
    frame shown comes n steps later, whatever rounding the encoder's own times have; without it, times are the
    encoder's, moved. Decode times are the presentation times in ascending order, so each segment's first decode time
    is the time of its first frame, composition offsets may be negative, and durations add up exactly.

    `composition_delay` (ticks) is added to every composition offset, and is to be given to `InitSegment.to_bytes`
    as well: with the encoder's reordering depth there (the composition offset of its very first frame), no offset is
    negative. FFmpeg, 9 included, shows all frames of a track with negative offsets late, by the most negative one;
    with the delay and its edit list it is exact, and Chromium reads both forms right (tests/media/test_cmaf*.py).

    Raises encode_mismatch when a segment does not begin with a sync frame that is shown first, has another number
    of frames than planned, shows two frames at one time, or has a frame that strays from the steady step.
    Frames behind the end of `plan` are a mismatch, and so are planned segments that are not there at `finish`.
    """

    def __init__(
        self,
        timescale: int,
        plan: Iterable[SegmentPlan],
        *,
        first_number: int = 0,
        start_time: int = 0,
        frame_duration: int | None = None,
        composition_delay: int = 0,
        track_id: int = TRACK_ID,
    ) -> None:
        self.timescale = timescale
        self._plan = iter(plan)
        self._number = first_number
        self._time = start_time
        self._step = frame_duration
        self._delay = composition_delay
        self._track_id = track_id
        self._shift: int | None = None  # from the encoder's times to ours
        self._held: list[Sample] = []
        self._current = next(self._plan, None)

    def push(self, sample: Sample) -> Iterator[Segment]:
        """Take the next frame in decode order; yields each segment that is complete with it."""
        if self._shift is None:
            self._shift = self._time - sample.pts
        moved = replace(sample, dts=sample.dts + self._shift)
        if self._held and self._is_full(moved):
            yield self._close(moved.pts)
        plan = self._current
        if plan is None:
            raise encode_mismatch(f"There are more frames than planned: segment {self._number} is one too many.")
        if not self._held and not moved.sync:
            raise encode_mismatch(f"Segment {self._number} does not begin with a keyframe.")
        self._held.append(moved)
        if len(self._held) == plan.frames and (plan.end is not None or self._step is not None):
            yield self._close(None)

    def finish(self) -> Iterator[Segment]:
        """Say that no more frames come; yields the last segment. Raises encode_mismatch where frames are missing."""
        plan = self._current
        if self._held and plan is not None:
            if plan.frames not in {None, len(self._held)}:
                raise encode_mismatch(
                    f"Segment {self._number} should have {plan.frames} frames and has {len(self._held)}."
                )
            yield self._close(None)
            plan = self._current
        if plan is not None and plan != SegmentPlan():
            raise encode_mismatch(f"The frames end before segment {self._number}.")

    def _is_full(self, following: Sample) -> bool:
        plan = self._current
        if plan is None or plan.frames is not None:
            return plan is not None and len(self._held) == plan.frames
        if plan.end is None or not following.sync:
            return False
        time = following.pts if self._step is None else self._time + len(self._held) * self._step
        return time >= plan.end - ROUNDING_TICKS

    def _close(self, next_time: int | None) -> Segment:
        """Write the held frames as a segment; `next_time` is when the next segment's first frame is shown, if known."""
        plan = self._current or SegmentPlan()
        times = self._moved_times() if self._step is None else self._steady_times(self._step)
        end = self._end(times, plan, next_time)
        ordered = sorted(times)
        if any(a == b for a, b in pairwise(ordered)):
            raise encode_mismatch(f"Segment {self._number} shows two frames at one time.")
        if times[0] != self._time or ordered[0] != self._time:
            raise encode_mismatch(f"Segment {self._number} does not begin with the frame that is shown first.")
        if end <= ordered[-1]:
            raise encode_mismatch(f"Segment {self._number} has a frame that is shown after its end.")
        made = self._write(times, [*ordered, end])
        self._number += 1
        self._time = end
        self._held = []
        self._current = next(self._plan, None)
        return made

    def _moved_times(self) -> list[int]:
        """The encoder's own times in decode order; the first is the segment's start where rounding parts them."""
        times = [sample.pts for sample in self._held]
        if abs(times[0] - self._time) <= ROUNDING_TICKS:
            times[0] = self._time
        return times

    def _steady_times(self, step: int) -> list[int]:
        """Times in decode order, a step apart in the order in which frames are shown."""
        if len({sample.pts for sample in self._held}) < len(self._held):
            raise encode_mismatch(f"Segment {self._number} shows two frames at one time.")
        times = [0] * len(self._held)
        for rank, index in enumerate(sorted(range(len(self._held)), key=lambda i: self._held[i].pts)):
            times[index] = self._time + rank * step
            if 2 * abs(self._held[index].pts - times[index]) > step + ROUNDING_TICKS:
                raise encode_mismatch(
                    f"Frame {rank} of segment {self._number} is shown at {self._held[index].pts}, not {times[index]}."
                )
        return times

    def _end(self, times: list[int], plan: SegmentPlan, next_time: int | None) -> int:
        if self._step is not None:
            end = self._time + len(times) * self._step
            if plan.end is not None and 2 * abs(end - plan.end) > self._step + ROUNDING_TICKS:
                raise encode_mismatch(f"Segment {self._number} ends at {end} and should end at {plan.end}.")
            return end
        if plan.end is not None:
            return plan.end
        if next_time is not None:
            return next_time
        last = max(range(len(times)), key=times.__getitem__)
        return times[last] + max(self._held[last].duration, 1)

    def _write(self, times: list[int], edges: list[int]) -> Segment:
        """`times` in decode order; `edges` are the same in order, then the segment's end."""
        samples = [
            replace(sample, dts=dts, duration=following - dts, composition_offset=time - dts + self._delay)
            for sample, time, (dts, following) in zip(self._held, times, pairwise(edges), strict=True)
        ]
        return write_with_info(
            samples,
            number=self._number,
            sequence=self._number * MAX_CHUNKS + 1,
            decode_time=self._time,
            chunk_starts=self._chunk_starts(samples),
            track_id=self._track_id,
            composition_delay=self._delay,
        )

    def _chunk_starts(self, samples: list[Sample]) -> list[int]:
        """A chunk for each closed group of pictures that begins a second or more after the chunk before."""
        starts, last = [0], samples[0].dts
        for index, sample in enumerate(samples):
            due = sample.dts - last >= self.timescale and len(starts) < MAX_CHUNKS
            if due and sample.sync and sample.composition_offset == self._delay:
                starts.append(index)
                last = sample.dts
        return starts


class AudioCutter:
    """Cuts audio frames of one length into segments, on the grid `frame index * frame_samples + offset` (ticks).

    The first `drop_frames` frames (encoder priming, preroll) are left out; the next is number `first_frame` of the
    whole track. `boundaries` are the ticks where the segments are to end: each ends with the frame edge nearest to
    its boundary. With `final`, the last boundary is the end of the sound: the last frame's duration is cut there.
    Frames behind the last boundary are left out.

    Raises encode_mismatch when frames are missing, a segment would be empty, or a frame's time strays from the grid
    by more than half a frame.
    """

    def __init__(
        self,
        timescale: int,
        boundaries: Iterable[int],
        *,
        frame_samples: int = 1024,
        drop_frames: int = 0,
        first_frame: int = 0,
        offset: int = 0,
        first_number: int = 0,
        final: bool = True,
        track_id: int = TRACK_ID,
    ) -> None:
        self.timescale = timescale
        self._frame_samples = frame_samples
        self._offset = offset
        self._drop = drop_frames
        self._frame = self._first_frame = first_frame
        self._number = first_number
        self._track_id = track_id
        ends = list(boundaries)
        self._end = ends[-1] if final and ends else None
        self._edges = self._frame_edges(ends)
        self._next_edge = 0
        self._held: list[Sample] = []
        self._origin: int | None = None

    def _frame_edges(self, ends: list[int]) -> list[int]:
        """The number of the frame behind each segment's last."""
        edges = [(2 * (end - self._offset) + self._frame_samples) // (2 * self._frame_samples) for end in ends]
        if self._end is not None:
            edges[-1] = -(-(self._end - self._offset) // self._frame_samples)
            if len(edges) > 1 and edges[-1] <= edges[-2]:
                edges.pop()
        if any(b <= a for a, b in pairwise((self._first_frame, *edges))):
            raise encode_mismatch("A segment of sound would be empty.")
        if self._first_frame * self._frame_samples + self._offset < 0:
            raise encode_mismatch("The sound would begin before 0.")
        return edges

    def push(self, sample: Sample) -> Iterator[Segment]:
        """Take the next frame; yields the segment that is complete with it."""
        if self._drop:
            self._drop -= 1
            return
        if self._next_edge == len(self._edges):
            return
        if self._origin is None:
            self._origin = sample.dts
        time = self._frame * self._frame_samples + self._offset
        expected = self._origin + (self._frame - self._first_frame) * self._frame_samples
        if 2 * abs(sample.dts - expected) > self._frame_samples:
            raise encode_mismatch(f"Frame {self._frame} of the sound is at {sample.dts}, not at {expected}.")
        duration = self._frame_samples
        if self._end is not None:
            duration = min(duration, self._end - time)
        self._held.append(replace(sample, dts=time, duration=duration, composition_offset=0, sync=True))
        self._frame += 1
        if self._frame == self._edges[self._next_edge]:
            yield self._close()

    def finish(self) -> Iterator[Segment]:
        """Say that no more frames come: nothing is left to yield. Raises encode_mismatch where frames are missing."""
        if self._next_edge < len(self._edges):
            raise encode_mismatch(f"The sound has {self._frame} frames and should have {self._edges[-1]}.")
        yield from ()

    def _close(self) -> Segment:
        made = write_with_info(
            self._held,
            number=self._number,
            sequence=self._number * MAX_CHUNKS + 1,
            decode_time=self._held[0].dts,
            track_id=self._track_id,
            keyframe_ranges=False,
        )
        self._number += 1
        self._next_edge += 1
        self._held = []
        return made


class Cutter(Protocol):
    """What `SegmentCutter` and `AudioCutter` have in common."""

    @property
    def timescale(self) -> int:
        """Ticks a second."""
        ...

    def push(self, sample: Sample) -> Iterator[Segment]:
        """Take the next frame in decode order."""
        ...

    def finish(self) -> Iterator[Segment]:
        """Say that no more frames come."""
        ...


class CutStream:
    """A reader and a cutter in one: bytes of an encoder's fragmented MP4 in, its header and finished segments out."""

    def __init__(self, cutter: Cutter) -> None:
        self._reader = FragmentReader()
        self._cutter = cutter

    def feed(self, data: bytes | memoryview) -> Iterator[InitSegment | Segment]:
        """Take in bytes; yields the header once, then each segment as soon as it is complete."""
        for item in self._reader.feed(data):
            if isinstance(item, Sample):
                yield from self._cutter.push(item)
                continue
            if item.timescale != self._cutter.timescale:
                raise encode_mismatch(
                    f"The encoder counts {item.timescale} ticks a second, and {self._cutter.timescale} were planned."
                )
            yield item

    def finish(self) -> Iterator[Segment]:
        """Say that no more bytes come; yields what is left. Raises when the file is cut off, or frames are missing."""
        self._reader.close()
        yield from self._cutter.finish()
