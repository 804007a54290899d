"""Rules about subtitles: how playlists list them, and what WebVTT segments hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate

from vidcompute.media import webvtt
from vidcompute.media.hls_check.load import Media, Stream
from vidcompute.media.hls_check.model import Breaches, RuleTable
from vidcompute.media.hls_check.parse import SegmentEntry, Tag
from vidcompute.media.hls_check.rules_text import at, line_of

TABLE = RuleTable()
EDGE_MS = 1  # rounding of a time that a playlist and a text share


def _renditions(stream: Stream) -> Iterator[tuple[str, Tag]]:
    for tag in stream.master.all("EXT-X-MEDIA") if stream.master else ():
        yield at(stream.master, tag) if stream.master else "", tag


@TABLE.must("subtitles-uri", "RFC 8216bis 4.4.6.1")
def _subtitles_uri(stream: Stream) -> Breaches:
    for where, tag in _renditions(stream):
        if tag.attributes.get("TYPE") == "SUBTITLES" and not tag.attributes.get("URI"):
            yield where, "Subtitles have no URI."


@TABLE.must("forced-subtitles", "RFC 8216bis 4.4.6.1")
def _forced_subtitles(stream: Stream) -> Breaches:
    for where, tag in _renditions(stream):
        if "FORCED" in tag.attributes and tag.attributes.get("TYPE") != "SUBTITLES":
            yield where, "FORCED is for subtitles alone."


def _read(media: Media) -> Iterator[tuple[SegmentEntry, webvtt.Segment]]:
    for entry, text in zip(media.playlist.segments, media.texts, strict=True):
        if text is not None:
            yield entry, text


@TABLE.must("webvtt-header", "RFC 8216bis 3.1.4")
def _webvtt_header(stream: Stream) -> Breaches:
    for media in stream.texts():
        for entry, text in _read(media):
            if not text.has_header:
                yield line_of(media.playlist, entry.line), "The segment does not begin with WEBVTT."


@TABLE.should("webvtt-map", "RFC 8216bis 3.1.4")
def _webvtt_map(stream: Stream) -> Breaches:
    for media in stream.texts():
        for entry, text in _read(media):
            if text.has_header and not text.time_map:
                yield line_of(media.playlist, entry.line), "The segment has no X-TIMESTAMP-MAP."


@TABLE.must("webvtt-map-form", "RFC 8216bis 3.1.4")
def _webvtt_map_form(stream: Stream) -> Breaches:
    for media in stream.texts():
        for entry, text in _read(media):
            if text.shift_ms is None:
                told = f"X-TIMESTAMP-MAP={text.time_map[:60]} maps no cue time to one of the media."
                yield line_of(media.playlist, entry.line), told


@TABLE.must("webvtt-cues", "RFC 8216bis 3.1.4")
def _webvtt_cues(stream: Stream) -> Breaches:
    """A cue that is shown during several segments stands in each of them, with its whole time."""
    for media in stream.texts():
        if None not in media.texts and all(text.shift_ms is not None for _, text in _read(media)):
            yield from _missing(media)


def _missing(media: Media) -> Breaches:
    held = [_cues(text) for _, text in _read(media)]
    ends = list(accumulate((1000 * (entry.seconds or 0) for entry in media.playlist.segments), initial=Fraction(0)))[1:]
    for start, end, said in sorted(set().union(*held)):
        first, last = bisect_right(ends, start + EDGE_MS), bisect_left(ends, end - EDGE_MS)
        for number in range(first, min(last + 1, len(held))):
            if (start, end, said) not in held[number]:
                entry = media.playlist.segments[number]
                told = f"The cue of {float(start) / 1000:.3f} s to {float(end) / 1000:.3f} s is not in the segment."
                yield line_of(media.playlist, entry.line), told


def _cues(text: webvtt.Segment) -> set[tuple[Fraction, Fraction, str]]:
    shift_ms = text.shift_ms or Fraction(0)
    return {(cue.start_ms + shift_ms, cue.end_ms + shift_ms, cue.text) for cue in text.cues}
