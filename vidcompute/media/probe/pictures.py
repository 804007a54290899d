"""The facts of a video stream: what one decoded frame tells, and its timeline."""

from fractions import Fraction

import av.error
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidcompute.errors import refused
from vidcompute.media.facts import VideoFacts
from vidcompute.media.probe import names, table, timeline
from vidcompute.media.probe.limits import Budget, ProbeLimits
from vidcompute.media.probe.scan import NO_TIME, VideoReader
from vidcompute.media.probe.timeline import Ticks, Timeline

_FALLBACK_RATE = Fraction(25)  # where nothing tells, as FFmpeg has it
_WIDEST_SAMPLE = 16  # sample aspect ratios beyond 1:16 and 16:1 are mistakes


def check_codec(stream: VideoStream) -> None:
    """Raise `video_codec_unsupported` or `source_too_large_picture` for what isn't even tried."""
    # PyAV leaves the context out where FFmpeg has no decoder.
    context = stream.codec_context
    if context is None or context.codec.canonical_name not in names.VIDEO_CODECS:
        what = "of an unknown kind" if context is None else f"{context.codec.canonical_name!r}"
        raise refused(
            "video_codec_unsupported", f"The video's codec ({what}) can't be read. Export the video as H.264 instead."
        )


def check_size(width: int, height: int, limits: ProbeLimits) -> None:
    """Raise `source_too_large_picture` for pictures over the limits."""
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise refused(
            "source_too_large_picture",
            f"Its pictures are {width} x {height}; at most {limits.max_pixels} pixels, and {limits.max_side} "
            "on a side, are accepted.",
        )


def first_frame(reader: VideoReader, limits: ProbeLimits) -> VideoFrame:
    """The first frame that was decoded. Raises `video_undecodable`, or `source_damaged` where there are no packets."""
    if reader.first is None:
        context = reader.stream.codec_context
        check_size(context.width, context.height, limits)
        raise refused(
            "video_undecodable",
            f"No picture of the video ({reader.codec}) can be decoded: its data is damaged. Re-export it.",
        )
    check_size(reader.first.width, reader.first.height, limits)
    return reader.first


def from_table(
    container: InputContainer, reader: VideoReader, index: table.VideoTable, budget: Budget, warnings: list[str]
) -> Timeline | None:
    """The timeline by the container's index; None where that is not to be trusted."""
    if not table.holds(container, reader, index, budget):
        return None
    return _built(reader, index.pts, index.keys, index.last_duration, warnings)


def from_packets(reader: VideoReader, warnings: list[str]) -> Timeline:
    """The timeline of a stream whose packets were all read."""
    rows, time_base = reader.rows, base_of(reader)
    pts, keys = rows.times(), rows.key_flags()
    if bool((pts == NO_TIME).all()):
        rate = _guessed_rate(reader)
        warnings.append(f"The file has no timestamps; its pictures are taken as {float(rate):g} a second.")
        keys, pts = _from_first_key(keys), np.empty(0, dtype=np.int64)
        times = np.rint(np.arange(len(keys)) * float(1 / (rate * time_base))).astype(np.int64)
        return timeline.build(times, times[keys], 0, time_base, rate)
    known = pts != NO_TIME
    pts, keys = pts[known], keys[known]
    last_duration = int(np.array(rows.durations, dtype=np.int64)[known][int(np.argmax(pts))])
    return _built(reader, pts, keys, last_duration, warnings)


def _built(reader: VideoReader, pts: Ticks, keys: timeline.Flags, last_duration: int, warnings: list[str]) -> Timeline:
    """The timeline of packets in decode order, with known times."""
    time_base = base_of(reader)
    back = timeline.goes_back(pts, time_base)
    if back >= 0:
        at_s = float((int(pts[:back].max()) - int(pts[0])) * time_base)
        raise refused(
            "source_clock_restarts",
            f"The file's clock jumps back after {at_s:.1f} s: it seems to be several recordings joined. "
            "Submit them one by one, or join them with a tool that rewrites timestamps.",
        )
    if _leads_count(reader):
        reader.closed = reader.closed and not bool(timeline.leading_pictures(pts, keys).any())
    times = _presented(reader, pts, warnings)
    # An edit list may hide the key frame that the first shown picture depends on.
    reader.closed = reader.closed and bool((pts[keys] == times[0]).any())
    return timeline.build(times, np.sort(pts[keys]), last_duration, time_base, _guessed_rate(reader))


def _guessed_rate(reader: VideoReader) -> Fraction:
    rate = reader.stream.guessed_rate or reader.stream.average_rate or _FALLBACK_RATE
    return rate if rate > 0 else _FALLBACK_RATE


def _leads_count(reader: VideoReader) -> bool:
    """H.264, HEVC and MPEG-2 say themselves whether pictures before a key picture can do without what came before."""
    return reader.codec not in {"hevc", "mpeg2video"}


def _from_first_key(keys: timeline.Flags) -> timeline.Flags:
    return keys[int(np.argmax(keys)) :] if bool(keys.any()) else keys


def _presented(reader: VideoReader, pts: Ticks, warnings: list[str]) -> Ticks:
    """The times of the frames that are shown: from the first that could be decoded on, each once, fields paired."""
    times = timeline.distinct(pts)
    if len(times) < len(pts):
        warnings.append(f"{len(pts) - len(times)} pictures have the same time as another one.")
    if reader.times:
        lost = int(np.searchsorted(times, min(reader.times)))
        if lost:
            warnings.append(f"The first {lost} pictures can't be decoded without what came before them; left out.")
        times = times[lost:]
    if _packets_are_fields(reader, times):
        times = times[::2]
    return times if len(times) else timeline.distinct(pts)


def _packets_are_fields(reader: VideoReader, times: Ticks) -> bool:
    """Whether two packets make one frame (field pictures), by the first decoded frames."""
    decoded = sorted(reader.times)
    if not reader.interlaced or len(decoded) < 3:
        return False
    packets = int(np.searchsorted(times, decoded[-1]) - np.searchsorted(times, decoded[0]))
    return packets >= 2 * (len(decoded) - 1)


def base_of(reader: VideoReader) -> Fraction:
    """The stream's time base."""
    base = reader.stream.time_base
    if base is None or base <= 0:
        raise refused("source_damaged", "The file is damaged: its video has no time base.")
    return base


def facts(reader: VideoReader, frame: VideoFrame, line: Timeline, size_bytes: int, warnings: list[str]) -> VideoFacts:
    """All facts of the video stream."""
    stream, context = reader.stream, reader.stream.codec_context
    rotation = _rotation(frame, warnings)
    aspect = _sample_aspect(stream, warnings)
    display_width, display_height = max(round(frame.width * aspect), 1), frame.height
    if rotation in {90, 270}:
        display_width, display_height = display_height, display_width
    time_base = base_of(reader)
    duration = (line.end_pts - line.start_pts) * time_base
    gap = (line.longest_gap[1] - line.longest_gap[0]) * time_base
    return VideoFacts(
        index=stream.index,
        codec=reader.codec,
        profile=context.profile or "",
        level=max(context.level, 0),
        width=frame.width,
        height=frame.height,
        display_width=display_width,
        display_height=display_height,
        rotation=rotation,
        sample_aspect=aspect,
        pixel_format=frame.format.name,
        bit_depth=max((component.bits for component in frame.format.components), default=8),
        color_primaries=names.COLOR_PRIMARIES.get(context.color_primaries)
        or names.COLOR_PRIMARIES.get(frame.color_primaries, names.UNKNOWN),
        color_transfer=names.COLOR_TRANSFER.get(context.color_trc)
        or names.COLOR_TRANSFER.get(frame.color_trc, names.UNKNOWN),
        color_space=names.COLOR_SPACE.get(context.colorspace) or names.COLOR_SPACE.get(frame.colorspace, names.UNKNOWN),
        color_range=names.COLOR_RANGE.get(context.color_range)
        or names.COLOR_RANGE.get(frame.color_range, names.UNKNOWN),
        interlaced=reader.interlaced,
        time_base=time_base,
        start_pts=line.start_pts,
        end_pts=line.end_pts,
        frame_rate=line.frame_rate,
        steady=line.steady,
        frame_count=line.frame_count,
        longest_gap_ms=round(gap * 1000),
        bitrate_bps=round(size_bytes * 8 / duration) if duration > 0 else 0,
        grid=line.grid,
        keyframes=line.keyframes,
        closed_gops=reader.closed,
        mirrored=_is_mirrored(frame),
    )


def _rotation(frame: VideoFrame, warnings: list[str]) -> int:
    """Degrees clockwise: PyAV gives the display matrix's angle, which counts the other way."""
    degrees = -frame.rotation % 360
    quarter = round(degrees / 90) * 90 % 360
    if degrees != quarter:
        warnings.append(f"The picture is turned by {degrees} degrees; it is shown turned by {quarter}.")
    return quarter


def _is_mirrored(frame: VideoFrame) -> bool:
    """Whether the display matrix (ISO/IEC 14496-12, 6.2.2) changes left and right, as selfies of some phones do."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return False
    a, b, _, c, d, *_ = np.frombuffer(memoryview(matrix), dtype=np.int32).tolist()
    return bool(a * d - b * c < 0)


def _sample_aspect(stream: VideoStream, warnings: list[str]) -> Fraction:
    try:
        aspect = stream.sample_aspect_ratio
    except (av.error.FFmpegError, ZeroDivisionError):
        aspect = None
    if not aspect or aspect < 0:
        return Fraction(1)
    if not Fraction(1, _WIDEST_SAMPLE) <= aspect <= _WIDEST_SAMPLE:
        warnings.append(f"The pixels' shape of {aspect} makes no sense; they are taken as square.")
        return Fraction(1)
    return aspect
