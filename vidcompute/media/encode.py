"""Command lines that turn a stretch of a source into renditions: one decode, scaled and encoded for each rung."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from fractions import Fraction
from itertools import accumulate, groupby
from pathlib import Path

from vidcompute.media import encoders
from vidcompute.media.facts import VideoFacts
from vidcompute.media.ffmpeg import file_url, global_args, input_args
from vidcompute.media.ladder import Rung
from vidcompute.media.timeline import Chunk, RateRule, Timeline

_REORDERED_FRAMES = 2  # three B-frames, one of them a reference

FRAGMENTED = "+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets"
_INDEXED = frozenset({"mov", "matroska"})  # seeks go to a key frame at or before the time
_SEEK_MARGIN_S = 1
# Where frames are reordered, ffmpeg seeks so much earlier than it is told, in every container but MOV (it tells by
# AVFMT_SEEK_TO_PTS, ffmpeg_demux.c): a whole GOP too early, then, though Matroska's cues are presentation times too.
_SEEKS_EARLIER = frozenset({"matroska"})
_EARLIER_S = Fraction(3, 23)
_LEFT_OUT_MAX = 3000  # packets: an argument has 128 KiB at the most
_LEAF = 4
_RAW = frozenset({"h264", "hevc", "vvc", "m4v", "mpegvideo", "h261", "h263", "obu", "vc1"})
COPY_SHIFT_S = 2  # copied times are moved by so much, because those before 0 can't be written

# Linear light by zimg, Hable's curve, back to BT.709 (ITU-R BT.2390 describes the steps).
_TONE_MAP = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)


_NARROW, _WIDE = "yuv420p", "yuv420p10le"
_RGB = re.compile("pal8|gbr|[0ax]?2?(rgb|bgr)")  # ffmpeg's names of pixel formats


class Taking(Enum):
    """How the source's frames are taken over, in the order in which the ways are tried."""

    USUAL = auto()  # as they come
    STEADY = auto()  # scaled to one size first: ffmpeg starts its filters, and their frame count, anew at each change
    FILLED = auto()  # so, too, and frames that can't be decoded are replaced by a neighbour


@dataclass(frozen=True)
class VideoCut:
    """A stretch of one video stream and how its frames are taken over. Times of the source are in its own ticks.

    `zero_pts` becomes 0 of the output. `gops` has the frame counts of each GOP for each segment, so their sum is
    exactly how many frames come out. `start_ticks` and `end_ticks` are output times in 1/`timescale` s.
    `delay_ticks` is how much later than in decoding order frames may be shown, at the most. `counted` says that the
    source's frames have no reliable times: they are told by their number, so decoding begins at the first.
    `next_key_pts` is the source's key frame after the one at `seek_pts`, if there is one. `rgb` says that its pixels
    are RGB, not Y'CbCr.
    """

    stream: int
    container: str
    time_base: tuple[int, int]
    zero_pts: int
    seek_pts: int
    start_pts: int
    end_pts: int | None
    rule: str
    rate: tuple[int, int]
    timescale: int
    frame_ticks: int
    first_segment: int
    start_ticks: int
    end_ticks: int
    delay_ticks: int
    gops: tuple[tuple[int, ...], ...]
    display_size: tuple[int, int]
    deinterlace: bool
    hdr: bool
    counted: bool = False
    next_key_pts: int | None = None
    rgb: bool = field(default=False, metadata={"later": True})  # plans of others stay what they were

    @property
    def begin_pts(self) -> int:
        """Where decoding begins: at the key frame to seek to, or at the source's begin."""
        return self.zero_pts if self.counted else max(self.zero_pts, self.seek_pts)

    @property
    def seeks(self) -> bool:
        """Whether reading begins elsewhere than at the source's begin."""
        return self.begin_pts != self.zero_pts

    @property
    def lead(self) -> Fraction:
        """Seconds from there to the first frame that is wanted."""
        return (self.start_pts - self.begin_pts) * Fraction(*self.time_base)

    @property
    def frames(self) -> int:
        """How many frames come out."""
        return sum(map(sum, self.gops))

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second (the average, where they keep times of their own)."""
        return Fraction(*self.rate)


def cut(timeline: Timeline, video: VideoFacts, container: str, chunk: Chunk) -> VideoCut:
    """The stretch of a source that a chunk covers."""
    following = chunk.segments[-1].number + 1
    last = following == len(timeline.segments)
    seek_pts = _seek_pts(video, chunk.seek_pts)
    return VideoCut(
        stream=video.index,
        container=container,
        time_base=video.time_base.as_integer_ratio(),
        zero_pts=video.start_pts,
        seek_pts=seek_pts,
        start_pts=chunk.start_pts,
        end_pts=chunk.end_pts,
        rule=timeline.rule.value,
        rate=timeline.frame_rate.as_integer_ratio(),
        timescale=timeline.timescale,
        frame_ticks=timeline.frame_ticks,
        first_segment=chunk.segments[0].number,
        start_ticks=chunk.segments[0].start_ticks,
        end_ticks=timeline.end_ticks if last else timeline.segments[following].start_ticks,
        delay_ticks=_REORDERED_FRAMES * _longest_frame_ticks(timeline, video),
        gops=tuple(s.gops for s in chunk.segments),
        display_size=(video.display_width, video.display_height),
        deinterlace=video.interlaced,
        hdr=video.hdr,
        counted=is_counted(video, container) and timeline.rule is RateRule.EVERY,
        next_key_pts=_next_key_pts(video, seek_pts),
        rgb=_RGB.match(video.pixel_format) is not None,
    )


def _seek_pts(video: VideoFacts, key_pts: int) -> int:
    """The key frame to begin with for the frames behind `key_pts`: the one before it, where it may not be whole.

    H.264 calls it a key frame, too, where a picture begins to be refreshed bit by bit (ITU-T H.264, D.2.8).
    """
    if video.codec != "h264" or video.closed_gops:
        return key_pts
    place = bisect_left(video.keyframes, key_pts, key=lambda point: point.pts)
    return video.keyframes[max(0, place - 1)].pts if video.keyframes else key_pts


def _next_key_pts(video: VideoFacts, pts: int) -> int | None:
    place = bisect_right(video.keyframes, pts, key=lambda point: point.pts)
    return video.keyframes[place].pts if place < len(video.keyframes) else None


def is_counted(video: VideoFacts, container: str) -> bool:
    """Whether a container says nothing of when its frames are shown: raw streams, and AVI with reordered frames."""
    return container in _RAW or (container == "avi" and video.codec in {"h264", "hevc"})


def _longest_frame_ticks(timeline: Timeline, video: VideoFacts) -> int:
    return timeline.frame_ticks or -(-video.longest_gap_ms * timeline.timescale // 1000)


def seconds(ticks: int, time_base: tuple[int, int]) -> str:
    """Ticks as a decimal number of seconds, to the microsecond, for a command line."""
    return f"{float(ticks * Fraction(*time_base)):.6f}"


def video_input(
    part: VideoCut,
    source: Path,
    *,
    pace: float | None = None,
    decode: bool = True,
    left_out: Sequence[int] = (),
    decoder: str = "",
    threads: int = 0,
    taking: Taking = Taking.USUAL,
) -> list[str]:
    """Arguments that open the source where a stretch begins; `pace` limits reading to so many times real time.

    The packets at the times `left_out`, in order, never reach the decoder (see `decode.unreferenced`). `decoder` is
    one in hardware; `threads` are those of one in software (0: as many as there are cores).
    """
    seeking = _seeking(part) if part.seeks else []
    dropping = drop_packets(part.stream, _any_of(left_out[:_LEFT_OUT_MAX])) if left_out else []
    steady = [] if taking is Taking.USUAL else ["-reinit_filter", "0"]
    decoding = [*encoders.decoder(decoder), *(("-threads", str(threads)) if threads else ()), *steady]
    reading = [*paced(pace, part.lead), *seeking, *dropping, *decoding]
    return [*reading, *input_args(source, part.container, decode=decode)]


def drop_packets(stream: int, condition: str) -> list[str]:
    """Arguments that keep the packets of an input's stream away from all else, for which an expression is true."""
    escaped = condition.replace(",", "\\,")
    return [f"-bsf:{stream}", f"noise=drop={escaped}"]


def _any_of(times: Sequence[int]) -> str:
    """An expression that is true for packets at these times; a tree, since it is reckoned for each packet."""
    if len(times) <= _LEAF:
        return "+".join(f"eq(pts,{pts})" for pts in times)
    middle = len(times) // 2
    return f"if(lt(pts,{times[middle]}),{_any_of(times[:middle])},{_any_of(times[middle:])})"


def _seeking(part: VideoCut) -> list[str]:
    place = part.seek_pts * Fraction(*part.time_base)
    if part.container in _INDEXED:
        # Half a frame is added because the time is written in microseconds and must not fall before the key frame.
        return seek(place + 1 / part.frame_rate / 2 + _made_up_for(part))
    # Elsewhere a seek goes to any packet by its decoding time: to one surely before the key frame, then.
    return seek(place - _SEEK_MARGIN_S)


def _made_up_for(part: VideoCut) -> Fraction:
    """What is added for ffmpeg to take away; nothing where that could lead to the next key frame, if it does not."""
    if part.container not in _SEEKS_EARLIER:
        return Fraction(0)
    room = None if part.next_key_pts is None else (part.next_key_pts - part.seek_pts) * Fraction(*part.time_base)
    return _EARLIER_S if room is None or room > _EARLIER_S + 1 / part.frame_rate else Fraction(0)


def seek(place: Fraction) -> list[str]:
    """Arguments that begin to read near a time of the source's own clock, or at a key frame before it.

    Without -seek_timestamp ffmpeg would add the source's start time, which is not 0 in MPEG-TS and others.
    """
    return ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{float(place):.6f}"]


def paced(pace: float | None, lead: Fraction = Fraction(0)) -> list[str]:
    """Arguments that read at a pace, after a first burst: `lead` seconds that are only read over, and two segments."""
    return [] if pace is None else ["-readrate", f"{pace:g}", "-readrate_initial_burst", f"{float(lead) + 9:.3f}"]


def encode_args(
    part: VideoCut,
    outputs: Sequence[tuple[Rung, str]],
    *,
    fast: bool = False,
    taking: Taking = Taking.USUAL,
    threads: int = 0,
    by: Sequence[str] = (),
) -> list[str]:
    """Arguments that encode the first input for several rungs, each to its own URL (`pipe:3`) as fragmented MP4.

    `fast` takes the quickest preset. `by` names the encoder of each rung; left out, they are those in software.
    """
    by = by or [encoders.SOFTWARE[rung.codec] for rung, _ in outputs]
    made = [_Made(rung, encoder, url) for (rung, url), encoder in zip(outputs, by, strict=True)]
    args = ["-filter_complex", _graph(part, made, taking)]
    for n, one in enumerate(made):
        args += _output(part, n, one, fast=fast, threads=threads)
    return args


def copy_args(part: VideoCut, url: str) -> list[str]:
    """Arguments that copy the first input's picture as fragmented MP4, its times moved so that 0 is COPY_SHIFT_S."""
    end = [] if part.end_pts is None else ["-to", seconds(part.end_pts, part.time_base)]
    shift = COPY_SHIFT_S - _zero(part)
    return [
        *("-map", f"0:{part.stream}", "-c:v", "copy", *end, "-output_ts_offset", f"{float(shift):.6f}"),
        *mp4_output(url, part.timescale),
    ]


def one_filter_thread() -> list[str]:
    """Arguments in front of all inputs by which filters do their work in one thread each."""
    return ["-filter_complex_threads", "1"]


def command(ffmpeg: Path, *arguments: Sequence[str]) -> list[str]:
    """A whole command line. -copyts keeps the source's own clock, in which cuts are stated."""
    return [str(ffmpeg), *global_args(), "-copyts", *(argument for group in arguments for argument in group)]


def join_command(ffmpeg: Path, parts: Sequence[Path], target: Path) -> list[str]:
    """The command that puts tracks together in one progressive MP4 with its index in front."""
    inputs = [argument for part in parts for argument in input_args(part, "mov,mp4,m4a,3gp,3g2,mj2")]
    maps = [argument for number in range(len(parts)) for argument in ("-map", f"{number}:0")]
    tags = ["-map_metadata", "-1", "-map_chapters", "-1"]
    output = ["-c", "copy", *tags, "-movflags", "+faststart", "-f", "mp4", file_url(target)]
    return [str(ffmpeg), *global_args(), *inputs, *maps, *output]


def vmaf_command(
    ffmpeg: Path, part: VideoCut, source: Path, rendition: Path, report: Path, *, every: int, hdr: bool = False
) -> list[str]:
    """The command that compares a rendition with the frames of the source that it was made of, at the source's size.

    `hdr` says that the rendition kept a high dynamic range. The model knows the standard one: both are mapped to it.
    The report goes, as JSON, to a file of that name in the working directory, for filter options have no good quoting.
    """
    size = f"scale={part.display_size[0]}:{part.display_size[1]}:flags=bicubic,setsar=1,format=yuv420p"
    shown = ",".join((_frames(part), *_deinterlaced(part), *([_TONE_MAP] if part.hdr else ()), size))
    reference = f"[0:{part.stream}]{shown},settb=1/1000,setpts=N[reference]"
    judged = f"[1:0]{f'{_TONE_MAP},' if hdr else ''}{size},settb=1/1000,setpts=N[judged]"
    compare = f"[judged][reference]libvmaf=n_subsample={every}:log_fmt=json:log_path={report.name}"
    graph = ";".join((reference, judged, compare))
    return [
        *(str(ffmpeg), *global_args(), "-copyts", *input_args(source, part.container)),
        *input_args(rendition, "mov,mp4,m4a,3gp,3g2,mj2"),
        *("-filter_complex", graph, "-f", "null", "-"),
    ]


def mp4_output(url: str, timescale: int | None = None, *, late_header: bool = False) -> list[str]:
    """Output arguments for one track of fragmented MP4: no tags, chapters or edit lists, time stamps left alone.

    With `late_header` the header waits for the first packets, where it can't be known without them.
    """
    scale = [] if timescale is None else ["-video_track_timescale", str(timescale)]
    flags = FRAGMENTED.replace("empty_moov", "delay_moov") if late_header else FRAGMENTED
    return [
        *("-map_metadata", "-1", "-map_chapters", "-1", "-avoid_negative_ts", "disabled", *scale),
        *("-use_editlist", "0"),
        *("-movflags", flags, "-flush_packets", "1", "-f", "mp4", url),
    ]


@dataclass(frozen=True)
class _Made:
    """A rung in the making."""

    rung: Rung
    encoder: str
    url: str


def _graph(part: VideoCut, ladder: Sequence[_Made], taking: Taking) -> str:
    steady = "" if taking is Taking.USUAL else f"{_one_size(part)},"
    chain = [f"[0:{part.stream}]{steady}{_frames(part, fill=taking is Taking.FILLED)}", *_deinterlaced(part)]
    kept, mapped = _ranges(part, ladder)
    if kept and mapped:
        head = ",".join(chain) + ",split=2[wide][narrow]"
        wide = _fan("[wide]null", kept, _WIDE, _matrix(part, hdr=True))
        return ";".join((head, wide, _fan(f"[narrow]{_TONE_MAP}", mapped, _NARROW)))
    if part.hdr and mapped:
        chain.append(_TONE_MAP)
    return _fan(",".join(chain), kept or mapped, _WIDE if kept else _NARROW, _matrix(part, hdr=bool(kept)))


def _matrix(part: VideoCut, *, hdr: bool) -> str:
    """The option of `scale` by which RGB becomes what players take it for, in standard or in high dynamic range.

    Left alone, ffmpeg makes BT.601 of it, and says so nowhere; players take large pictures for BT.709.
    """
    return f":out_color_matrix={'bt2020' if hdr else 'bt709'}" if part.rgb else ""


def _one_size(part: VideoCut) -> str:
    """The filter that scales all frames to the first one's size; the fields of an interlaced frame each by itself."""
    fields = ":interl=-1" if part.deinterlace else ""
    return f"scale={part.display_size[0]}:{part.display_size[1]}:flags=bicubic{fields}"


def _deinterlaced(part: VideoCut) -> list[str]:
    """The filter that makes whole pictures of the fields of an interlaced source; none for others."""
    return ["bwdif=mode=send_frame:deint=all"] if part.deinterlace else []


def _ranges(part: VideoCut, ladder: Sequence[_Made]) -> tuple[list[tuple[int, _Made]], list[tuple[int, _Made]]]:
    """Which rungs keep the source's high dynamic range (HEVC and AV1) and which are mapped to standard range."""
    numbered = list(enumerate(ladder))
    if not part.hdr:
        return [], numbered
    return [(n, m) for n, m in numbered if m.rung.keeps_hdr], [(n, m) for n, m in numbered if not m.rung.keeps_hdr]


def _fan(head: str, rungs: list[tuple[int, _Made]], pixel_format: str, matrix: str = "") -> str:
    """One chain for several rungs with square pixels: each size is made once, from the next larger one, and shared."""
    sized = sorted(rungs, key=lambda rung: _size(rung[1]), reverse=True)
    sizes = [(size, list(those)) for size, those in groupby(sized, key=lambda rung: _size(rung[1]))]
    chains = []
    for place, ((width, height), those) in enumerate(sizes):
        scaled = f"{head},scale={width}:{height}:flags=bicubic:out_range=tv{matrix},setsar=1,format={pixel_format}"
        smaller = "" if place + 1 == len(sizes) else f"[to{those[0][0]}]"
        taps = "".join(f"[s{n}]" for n, _ in those) + smaller
        chains.append(f"{scaled},split={len(those) + bool(smaller)}{taps}")
        chains += (f"[s{n}]{encoders.surface(m.encoder, pixel_format)}[v{n}]" for n, m in those)
        head, matrix = f"{smaller}null", ""
    return ";".join(chains)


def _size(made: _Made) -> tuple[int, int]:
    return made.rung.width_px, made.rung.height_px


def _frames(part: VideoCut, *, fill: bool = False) -> str:
    """The filters that take exactly the promised frames, numbered or timed from 0 of this stretch."""
    if part.rule == RateRule.CONSTANT or fill:
        rate = "/".join(map(str, part.rate))
        start = float(Fraction(part.start_ticks, part.timescale))
        return (
            f"setpts=PTS-({part.zero_pts}),fps=fps={rate}:start_time={start:.6f},"
            f"tpad=stop=-1:stop_mode=clone,trim=end_frame={part.frames},{_numbered(part)}"
        )
    if part.counted:
        first = part.start_ticks // part.frame_ticks
        return f"trim=start_frame={first}:end_frame={first + part.frames},{_numbered(part)}"
    end = "" if part.end_pts is None else f":end_pts={part.end_pts}"
    trim = f"trim=start_pts={part.start_pts}{end}"
    if part.rule == RateRule.EVERY:
        return f"{trim},{_numbered(part)}"
    zero = round(_zero(part) * part.timescale)
    return f"{trim},setpts=PTS-({part.zero_pts}),settb=1/{part.timescale},setpts=PTS+{max(0, zero)}"


def _numbered(part: VideoCut) -> str:
    # Times from the frame's number, not from rounded source times: setpts=N/30/TB would truncate. They are about the
    # source's, because ffmpeg lets no output run ahead of the others, copied ones among them.
    num, den = part.rate
    first = round((_zero(part) + Fraction(part.start_ticks, part.timescale)) * part.frame_rate)
    return f"settb={den}/{num},setpts=N+{max(0, first)}"


def _zero(part: VideoCut) -> Fraction:
    return part.zero_pts * Fraction(*part.time_base)


def _output(part: VideoCut, n: int, made: _Made, *, fast: bool, threads: int) -> list[str]:
    time_base = f"1:{part.timescale}" if part.rule == RateRule.VARIABLE else f"{part.rate[1]}:{part.rate[0]}"
    return [
        *("-map", f"[v{n}]", "-fps_mode", "passthrough", "-enc_time_base", time_base),
        *encoders.arguments(made.rung, made.encoder, fast=fast, threads=threads),
        *("-force_key_frames", _key_frames(part)),
        *mp4_output(made.url, part.timescale),
    ]


def _key_frames(part: VideoCut) -> str:
    """An expression that is true for the frame numbers at which GOPs begin."""
    starts = list(accumulate((frames for segment in part.gops for frames in segment), initial=0))[:-1]
    return "expr:" + "+".join(f"eq(n,{start})" for start in starts)
