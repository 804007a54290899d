"""The facts of an audio stream."""

from fractions import Fraction

import numpy as np
from av.audio.stream import AudioStream
from av.stream import Stream

from vidcompute.media.facts import AudioFacts
from vidcompute.media.languages import bcp47
from vidcompute.media.probe import names, table, timeline
from vidcompute.media.probe.scan import NO_TIME, AudioReader
from vidcompute.media.probe.table import AudioTable

_STOCK_TITLES = (
    *("soundhandler", "sound media handler", "apple sound media handler", "core media audio", "#mainconcept"),
    *("subtitlehandler", "subtitle media handler", "text media handler", "apple text media handler"),
)
_TITLE_CHARACTERS = 200


def readable(stream: AudioStream) -> bool:
    """Whether there is a decoder that may be used."""
    context = stream.codec_context
    if context is None:
        return False
    return context.codec.canonical_name in names.AUDIO_CODECS


def from_table(reader: AudioReader, size_bytes: int, *, header_is_exact: bool) -> AudioTable | None:
    """Where the sound ends by the container's index or header; None where all packets must be read."""
    if not header_is_exact:
        return table.audio_table(reader, size_bytes)
    duration = reader.stream.duration
    return AudioTable((reader.stream.start_time or 0) + duration) if duration and duration > 0 else None


def facts(reader: AudioReader, end: AudioTable | None) -> AudioFacts:
    """All facts of an audio stream that a frame was decoded of: by its index, or by its packets where `end` is None."""
    frame, stream = reader.first, reader.stream
    if frame is None or stream.time_base is None or stream.time_base <= 0:
        raise ValueError("no sound was decoded")
    time_base, context = stream.time_base, stream.codec_context
    pts = reader.rows.times()
    durations = np.array(reader.rows.durations, dtype=np.int64)
    pts, durations = pts[pts != NO_TIME], durations[pts != NO_TIME]
    start = _start(reader, pts, time_base)
    end_pts = end.end_pts if end is not None else _packets_end(pts, durations, start, reader)
    end_pts = max(end_pts, start + 1)
    seconds = (end_pts - start) * time_base
    bitrate = context.bit_rate or 0
    if end is None:
        bitrate = round(reader.rows.size_bytes * 8 / seconds)
    return AudioFacts(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=context.profile or "",
        sample_rate=frame.sample_rate,
        channels=frame.layout.nb_channels,
        layout=frame.layout.name,
        language=bcp47(stream.language),
        title=title(stream),
        default=bool(stream.disposition & 1),
        time_base=time_base,
        start_pts=start,
        end_pts=end_pts,
        bitrate_bps=bitrate,
        gapless=not _has_holes(pts, durations, time_base) if end is None else end.gapless,
    )


def _has_holes(pts: timeline.Ticks, durations: timeline.Ticks, time_base: Fraction) -> bool:
    order = np.argsort(pts, kind="stable")
    return timeline.has_holes(pts[order], durations[order], time_base)


def _start(reader: AudioReader, pts: timeline.Ticks, time_base: Fraction) -> int:
    if reader.start is not None:
        return round(reader.start / time_base)
    return int(pts[0]) if len(pts) else 0


def _packets_end(pts: timeline.Ticks, durations: timeline.Ticks, start: int, reader: AudioReader) -> int:
    """Where the last packet ends; without timestamps, all lengths added up."""
    if not len(pts):
        return start + int(sum(reader.rows.durations))
    at = int(np.argmax(pts))
    length = int(durations[at]) or (int(np.median(np.diff(pts))) if len(pts) > 1 else 0)
    return int(pts[at]) + length


def title(stream: Stream) -> str:
    """What the source calls the track, without what every encoder writes there, and without control characters."""
    said = stream.metadata.get("title") or stream.metadata.get("handler_name") or ""
    said = "".join(character for character in said if character.isprintable()).strip()[:_TITLE_CHARACTERS]
    return "" if said.lower().startswith(_STOCK_TITLES) else said
