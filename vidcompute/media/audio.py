"""Sound tracks of the outputs: what may be copied, where segments are cut, and ffmpeg's arguments."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from vidcompute.media.cmaf import AudioCutter, Sample, Segment
from vidcompute.media.encode import COPY_SHIFT_S, drop_packets, mp4_output, paced, seek
from vidcompute.media.facts import AudioFacts, SourceFacts
from vidcompute.media.ffmpeg import file_url, global_args, input_args
from vidcompute.media.timeline import SEGMENT_S, Timeline

FRAME_SAMPLES = 1024  # an AAC-LC access unit, ISO/IEC 14496-3
BITRATE_BPS = 128_000  # with it, the sound alone stays below 192 kbit/s: the variant for cellular networks
_COPY_BITRATE_MAX_BPS = 192_000
_COPY_START_TOLERANCE_S = Fraction(20, 1000)  # lip sync
_SHORTER_TOLERANCE_S = Fraction(1, 2)
_SHORTEST_SEGMENT_S = Fraction(1, 4)
_KEPT_RATES = (44_100, 48_000)
# The MDCT of a frame overlaps with the one before: so many frames are encoded ahead of a piece and dropped.
PREROLL_FRAMES = 3
_EXTRA_FRAMES = 2
_FRAGMENT_US = "250000"  # a segment is whole when the fragment behind its end is: a viewer may wait for that
_SEEK_MARGIN_S = Fraction(1, 4)
_SEEKS_BY_PICTURE = frozenset({"matroska"})  # to a key frame of the picture, which may be long before
DECODED = "nut"  # ffmpeg's own container, which keeps time stamps as they are
PRIMING_FRAMES = 1  # ffmpeg's AAC encoder begins with one frame of silence


@dataclass(frozen=True)
class AudioCut:
    """One sound track and its segments. Times are in samples (`sample_rate`) from 0 of the output.

    `zero` is the source time that becomes 0, as a fraction of seconds. `boundaries` has the nominal start of each
    segment and the end of the last; cuts go to the AAC frame nearest to them. Frame n begins at
    `offset + n * FRAME_SAMPLES`.
    """

    track: str
    stream: int
    container: str
    copy: bool
    zero: tuple[int, int]
    sample_rate: int
    boundaries: tuple[int, ...]
    bitrate_bps: int
    offset: int

    @property
    def segments(self) -> int:
        """How many segments it has."""
        return len(self.boundaries) - 1

    def first_frame(self, segment: int) -> int:
        """The number of the AAC frame that begins a segment: the edge nearest to its boundary."""
        if segment == 0:
            return 0
        return (2 * (self.boundaries[segment] - self.offset) + FRAME_SAMPLES) // (2 * FRAME_SAMPLES)

    def edges(self) -> tuple[int, ...]:
        """Where each segment really starts, and where the last ends, in samples."""
        starts = (self.offset + self.first_frame(n) * FRAME_SAMPLES for n in range(self.segments))
        return (*starts, self.boundaries[-1])


def may_copy(audio: AudioFacts, start: Fraction, duration: Fraction | None) -> bool:
    """Whether a source track can be taken over as it is: stereo AAC-LC that starts and ends with the picture."""
    aac = audio.codec == "aac" and audio.profile in {"LC", "Low Complexity"} and audio.channels <= 2
    fits = audio.gapless and audio.sample_rate in _KEPT_RATES and 0 < audio.bitrate_bps <= _COPY_BITRATE_MAX_BPS
    late = audio.start - start > _COPY_START_TOLERANCE_S
    end = audio.start - start + audio.duration
    short = duration is not None and end < duration - _SHORTER_TOLERANCE_S
    return aac and fits and not late and not short


def cut(facts: SourceFacts, number: int, timeline: Timeline | None) -> AudioCut:
    """How sound track `number` is cut: on the picture's segment boundaries, each 4 s where there is none."""
    audio = facts.audio[number]
    copy = may_copy(audio, facts.start, timeline.duration if timeline else None)
    rate = audio.sample_rate if audio.sample_rate in _KEPT_RATES else 48_000
    end = audio.start - facts.start + audio.duration
    offset = _grid_offset(audio.start - facts.start, rate) if copy else 0
    if copy:  # as many whole frames as there are
        end = Fraction((round(end * rate) - offset) // FRAME_SAMPLES * FRAME_SAMPLES + offset, rate)
    elif timeline:  # silence as long as the picture lasts
        end = max(end, timeline.duration)
    return AudioCut(
        track=f"audio-{number}",
        stream=audio.index,
        container=facts.container,
        copy=copy,
        zero=facts.start.as_integer_ratio(),
        sample_rate=rate,
        boundaries=_boundaries(timeline, end, rate),
        bitrate_bps=audio.bitrate_bps if copy else BITRATE_BPS,
        offset=offset,
    )


def _grid_offset(start: Fraction, rate: int) -> int:
    """Where the first AAC frame at or behind 0 begins, for a track whose first frame begins at `start`."""
    ticks = round(start * rate)
    return ticks if ticks >= 0 else ticks % FRAME_SAMPLES


def _boundaries(timeline: Timeline | None, end: Fraction, rate: int) -> tuple[int, ...]:
    starts = [Fraction(t, timeline.timescale) for t in timeline.boundaries()] if timeline else [Fraction(0)]
    while len(starts) > 1 and end - starts[-1] < _SHORTEST_SEGMENT_S:
        starts.pop()
    while end - starts[-1] > SEGMENT_S + _SHORTEST_SEGMENT_S:
        starts.append(starts[-1] + SEGMENT_S)
    return (*(round(s * rate) for s in starts), max(1, round(end * rate)))


def audio_input(part: AudioCut, source: Path, *, first_frame: int = 0, pace: float | None = None) -> list[str]:
    """Arguments that open the source early enough for AAC frame `first_frame`."""
    place = Fraction(*part.zero) + Fraction(_begin(first_frame), part.sample_rate) - _SEEK_MARGIN_S
    seeking = seek(place) if first_frame else []
    if first_frame and part.container in _SEEKS_BY_PICTURE:
        seeking += drop_packets(part.stream, f"gt(pts,nopts)*lt(pts*tb,{float(place):.6f})")
    return [*paced(pace), *seeking, *input_args(source, part.container, decode=not part.copy)]


def audio_args(
    part: AudioCut, url: str, *, number: int = 0, first_frame: int = 0, end_frame: int | None = None
) -> list[str]:
    """Arguments that make the AAC frames `[first_frame, end_frame)` of a track from input `number`, as fragmented MP4.

    An encoded track begins `PRIMING_FRAMES` (and, away from 0, `PREROLL_FRAMES`) before `first_frame`; a copied one
    has the source's times, moved, so its first frames may lie before it, too. Both may go on a little behind the end.
    """
    end = part.boundaries[-1]
    if end_frame is not None:
        end = min(end, part.offset + (end_frame + _EXTRA_FRAMES) * FRAME_SAMPLES)
    zero = Fraction(*part.zero)
    if part.copy:
        until = [] if end_frame is None else ["-to", f"{float(zero + Fraction(end, part.sample_rate)):.6f}"]
        how = ["-c:a", "copy", "-bsf:a", "aac_adtstoasc", *until]  # which leaves frames without ADTS headers alone
    else:
        how = _encoding(part, _begin(first_frame), end, zero)
    how += ["-output_ts_offset", f"{float(COPY_SHIFT_S - zero):.6f}", "-frag_duration", _FRAGMENT_US]
    return ["-map", f"{number}:{part.stream}", *how, *mp4_output(url, late_header=part.copy)]


def decode_command(ffmpeg: Path, part: AudioCut, source: Path, target: Path) -> list[str]:
    """The command that decodes a whole track into stereo PCM of one rate, at its own times; see `decoded`.

    Where a track changes its channels or its rate, ffmpeg starts its filters anew, and those that count begin at 0.
    """
    kind = f"sample_fmts=s16:sample_rates={part.sample_rate}:channel_layouts=stereo"
    coding = ["-af", f"aresample={part.sample_rate},aformat={kind}", "-c:a", "pcm_s16le"]
    reading = [*global_args(), "-copyts", *input_args(source, part.container), "-map", f"0:{part.stream}"]
    return [str(ffmpeg), *reading, *coding, "-avoid_negative_ts", "disabled", "-f", DECODED, file_url(target)]


def decoded(part: AudioCut) -> AudioCut:
    """The cut of the same track out of the file that `decode_command` makes."""
    return replace(part, stream=0, container=DECODED)


def _begin(first_frame: int) -> int:
    return max(0, first_frame - PREROLL_FRAMES) * FRAME_SAMPLES


def _encoding(part: AudioCut, begin: int, end: int, zero: Fraction) -> list[str]:
    # aresample fills holes and trims or pads to the exact first sample; apad makes the sound as long as the picture.
    # Times are the source's again at the end, because ffmpeg lets no output run ahead of the others.
    total = end - begin
    first = max(0, round(zero * part.sample_rate) + begin)
    chain = (
        f"asetpts=round(PTS-({float(zero):.9f})/TB),"
        f"aresample={part.sample_rate}:async=1:min_hard_comp=0.05:first_pts={begin},"
        f"aformat=sample_fmts=fltp:channel_layouts=stereo,"
        f"apad=whole_len={total},atrim=end_sample={total},asetpts=(N+{first})/SR/TB"
    )
    return ["-af", chain, "-c:a", "aac", "-b:a", str(part.bitrate_bps), "-ar", str(part.sample_rate)]


def cutter(part: AudioCut, first: int = 0, end: int | None = None) -> "AudioCutter | _CopiedCutter":
    """The cutter for the segments `[first, end)` of a track, for what `command` gives from their first frame on."""
    end = part.segments if end is None else end
    frame = part.first_frame(first)
    begin = max(0, frame - PREROLL_FRAMES)
    inner = AudioCutter(
        part.sample_rate,
        part.boundaries[first + 1 : end + 1],
        frame_samples=FRAME_SAMPLES,
        drop_frames=0 if part.copy else frame - begin + PRIMING_FRAMES,
        first_frame=frame,
        offset=part.offset,
        first_number=first,
        final=end == part.segments,
    )
    return _CopiedCutter(inner, part, frame) if part.copy else inner


class _CopiedCutter:
    """Leaves out copied frames before the wanted one, by their times, and hands the others on."""

    def __init__(self, inner: AudioCutter, part: AudioCut, frame: int) -> None:
        self._inner = inner
        self._begin = COPY_SHIFT_S * part.sample_rate + part.offset + frame * FRAME_SAMPLES - FRAME_SAMPLES // 2

    @property
    def timescale(self) -> int:
        """Ticks a second."""
        return self._inner.timescale

    def push(self, sample: Sample) -> Iterator[Segment]:
        """Take the next frame; yields the segment that is complete with it."""
        if sample.dts >= self._begin:
            yield from self._inner.push(sample)

    def finish(self) -> Iterator[Segment]:
        """Say that no more frames come."""
        return self._inner.finish()
