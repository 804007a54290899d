"""Rules about one playlist's text: RFC 8216bis (draft-pantos-hls-rfc8216bis-22), clause 4 and 8."""

import re
from collections import Counter
from fractions import Fraction
from math import floor

from vidcompute.media.hls_check.load import Stream
from vidcompute.media.hls_check.model import Breaches, RuleTable
from vidcompute.media.hls_check.parse import MEDIA_TAGS, MULTIVARIANT_TAGS, SEGMENT_TAGS, Playlist, Tag

TABLE = RuleTable()
_ONCE = MEDIA_TAGS | {"EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-START"}
_NO_COLON = re.compile(r"#EXT(M3U|-X-ENDLIST|-X-I-FRAMES-ONLY|-X-INDEPENDENT-SEGMENTS|-X-DISCONTINUITY|-X-GAP):")
_ENUMERATED = {
    "EXT-X-MEDIA": {
        "TYPE": {"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"},
        "DEFAULT": {"YES", "NO"},
        "AUTOSELECT": {"YES", "NO"},
        "FORCED": {"YES", "NO"},
    },
    "EXT-X-STREAM-INF": {"VIDEO-RANGE": {"SDR", "HLG", "PQ"}, "HDCP-LEVEL": {"NONE", "TYPE-0", "TYPE-1"}},
    "EXT-X-I-FRAME-STREAM-INF": {"VIDEO-RANGE": {"SDR", "HLG", "PQ"}, "HDCP-LEVEL": {"NONE", "TYPE-0", "TYPE-1"}},
    "EXT-X-KEY": {"METHOD": {"NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"}},
}
_QUOTED = {
    "EXT-X-MEDIA": {"URI", "GROUP-ID", "LANGUAGE", "ASSOC-LANGUAGE", "NAME", "CHARACTERISTICS", "CHANNELS"},
    "EXT-X-STREAM-INF": {"CODECS", "SUPPLEMENTAL-CODECS", "AUDIO", "VIDEO", "SUBTITLES"},
    "EXT-X-I-FRAME-STREAM-INF": {"CODECS", "SUPPLEMENTAL-CODECS", "VIDEO", "URI"},
    "EXT-X-MAP": {"URI", "BYTERANGE"},
    "EXT-X-KEY": {"URI", "KEYFORMAT", "KEYFORMATVERSIONS"},
}


def line_of(playlist: Playlist, line: int) -> str:
    """A place in a playlist, for people."""
    return f"{playlist.url or 'the playlist'} line {line}"


def at(playlist: Playlist, tag: Tag) -> str:
    """A tag's place, for people."""
    return line_of(playlist, tag.line)


def name(playlist: Playlist) -> str:
    """A playlist, for people."""
    return playlist.url or "the playlist"


@TABLE.must("text", "RFC 8216bis 4.1")
def _text(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        if playlist.text_problem:
            yield name(playlist), playlist.text_problem


@TABLE.must("extm3u", "RFC 8216bis 4.4.1.1")
def _extm3u(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        if playlist.lines[0].strip() != "#EXTM3U":
            yield line_of(playlist, 1), "The first line is not #EXTM3U."


@TABLE.must("tag-syntax", "RFC 8216bis 4.1")
def _tag_syntax(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        for number, line in enumerate(playlist.lines, 1):
            if _NO_COLON.match(line):
                yield line_of(playlist, number), f"The tag {line.split(':')[0]} has no value."


@TABLE.must("attribute-list", "RFC 8216bis 4.2")
def _attribute_list(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        for tag in playlist.tags:
            if tag.problem:
                yield at(playlist, tag), tag.problem


@TABLE.must("attribute-type", "RFC 8216bis 4.2")
def _attribute_type(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        for tag in playlist.tags:
            for key in tag.attributes:
                wants_quotes = key in _QUOTED.get(tag.name, ())
                if wants_quotes and key not in tag.quoted:
                    yield at(playlist, tag), f"{key} should be a quoted string."
                allowed = _ENUMERATED.get(tag.name, {}).get(key)
                if allowed and (key in tag.quoted or tag.attributes[key] not in allowed):
                    yield at(playlist, tag), f"{key} should be one of {', '.join(sorted(allowed))}, without quotes."


@TABLE.must("tag-once", "RFC 8216bis 4.4.1.2, 4.4.2, 4.4.3")
def _tag_once(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        counts = Counter(tag.name for tag in playlist.tags)
        for tag_name in sorted(_ONCE):
            if counts[tag_name] > 1:
                yield name(playlist), f"#{tag_name} stands there {counts[tag_name]} times."


@TABLE.must("tag-place", "RFC 8216bis 4.4.3, 4.4.4, 4.4.6")
def _tag_place(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        is_master = playlist is stream.master
        for tag in playlist.tags:
            if tag.name in ((MEDIA_TAGS | SEGMENT_TAGS) if is_master else MULTIVARIANT_TAGS):
                kind = "multivariant" if is_master else "media"
                yield at(playlist, tag), f"#{tag.name} must not stand in a {kind} playlist."


@TABLE.must("version", "RFC 8216bis 8")
def _version(stream: Stream) -> Breaches:
    for playlist in stream.playlists():
        needed, why = max(_needs(playlist), default=(1, ""))
        if playlist.version < needed:
            yield name(playlist), f"{why} needs EXT-X-VERSION {needed}, and it says {playlist.version}."


def _needs(playlist: Playlist) -> list[tuple[int, str]]:
    """What asks for which version."""
    iframes = playlist.first("EXT-X-I-FRAMES-ONLY") is not None
    by_tag = {"EXT-X-BYTERANGE": 4, "EXT-X-I-FRAMES-ONLY": 4, "EXT-X-MAP": 5 if iframes else 6, "EXT-X-DEFINE": 8}
    needs = [(by_tag[t.name], f"#{t.name}") for t in playlist.tags if t.name in by_tag]
    needs += [(3, "#EXTINF with a fraction") for t in playlist.all("EXTINF") if "." in t.value.split(",")[0]]
    for key in playlist.all("EXT-X-KEY", "EXT-X-SESSION-KEY"):
        if {"KEYFORMAT", "KEYFORMATVERSIONS"} & key.attributes.keys():
            needs.append((5, f"#{key.name} with KEYFORMAT"))
        elif "IV" in key.attributes:
            needs.append((2, f"#{key.name} with IV"))
    for media in playlist.all("EXT-X-MEDIA"):
        if media.attributes.get("INSTREAM-ID", "").startswith("SERVICE"):
            needs.append((7, "INSTREAM-ID with SERVICE"))
    return needs


@TABLE.must("extinf", "RFC 8216bis 4.4.4.1")
def _extinf(stream: Stream) -> Breaches:
    for media in stream.media.values():
        for entry in media.playlist.segments:
            if entry.seconds is None:
                yield line_of(media.playlist, entry.line), "The segment has no EXTINF with a duration."


@TABLE.must("target-duration", "RFC 8216bis 4.4.3.1")
def _target_duration(stream: Stream) -> Breaches:
    for media in stream.media.values():
        if not media.playlist.target_s:
            yield name(media.playlist), "There is no #EXT-X-TARGETDURATION of at least 1."


@TABLE.must("target-duration-bound", "RFC 8216bis 4.4.3.1")
def _target_bound(stream: Stream) -> Breaches:
    for media in stream.media.values():
        target = media.playlist.target_s
        for entry in media.playlist.segments:
            if target and entry.seconds is not None and floor(entry.seconds + Fraction(1, 2)) > target:
                where = line_of(media.playlist, entry.line)
                yield where, f"A segment of {float(entry.seconds):.3f} s is longer than the target of {target} s."


@TABLE.must("sequence-first", "RFC 8216bis 4.4.3.2, 4.4.3.3")
def _sequence_first(stream: Stream) -> Breaches:
    for media in stream.media.values():
        first = media.playlist.segments[0].line if media.playlist.segments else 0
        for tag in media.playlist.all("EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE"):
            if not tag.value.isdecimal() or tag.line > first > 0:
                yield at(media.playlist, tag), f"#{tag.name} needs a number, and its place before the first segment."


@TABLE.must("byte-range", "RFC 8216bis 4.4.4.2")
def _byte_range(stream: Stream) -> Breaches:
    for media in stream.media.values():
        before = None
        for entry in media.playlist.segments:
            part = entry.byte_range
            if part and part.offset is None and (before is None or before.uri != entry.uri or not before.byte_range):
                yield (
                    line_of(media.playlist, entry.line),
                    "A byte range without an offset follows no other of its file.",
                )
            before = entry


@TABLE.must("playlist-type", "RFC 8216bis 4.4.3.5")
def _playlist_type(stream: Stream) -> Breaches:
    for media in stream.media.values():
        tag = media.playlist.first("EXT-X-PLAYLIST-TYPE")
        if tag and tag.value not in {"VOD", "EVENT"}:
            yield at(media.playlist, tag), "The playlist type is neither VOD nor EVENT."


@TABLE.must("vod-type", "Apple HLS Authoring 8.6")
def _vod_type(stream: Stream) -> Breaches:
    for media in stream.media.values():
        tag = media.playlist.first("EXT-X-PLAYLIST-TYPE")
        if media.playlist.first("EXT-X-ENDLIST") and (tag is None or tag.value == "EVENT"):
            yield name(media.playlist), "The playlist has ended, and its type is not VOD."


@TABLE.must("end-list", "RFC 8216bis 4.4.3.4, 6.2.1")
def _end_list(stream: Stream) -> Breaches:
    for media in stream.media.values():
        tag = media.playlist.first("EXT-X-PLAYLIST-TYPE")
        if tag and tag.value == "VOD" and not media.playlist.first("EXT-X-ENDLIST"):
            yield name(media.playlist), "A playlist of type VOD can't grow, and there is no #EXT-X-ENDLIST."


@TABLE.must("segments", "RFC 8216bis 4.4.4")
def _segments(stream: Stream) -> Breaches:
    for media in stream.media.values():
        if not media.playlist.segments:
            yield name(media.playlist), "It lists no segments."


@TABLE.must("map", "Apple HLS Authoring 8.20")
def _map(stream: Stream) -> Breaches:
    for media in stream.media.values():
        for entry in media.playlist.segments:
            path = entry.uri.split("?", 1)[0].lower()
            if entry.map_uri is None and path.endswith((".m4s", ".mp4", ".cmfv", ".cmfa", ".m4a", ".m4v")):
                yield line_of(media.playlist, entry.line), "A segment of fMP4 has no #EXT-X-MAP."
                break


@TABLE.should("target-six", "Apple HLS Authoring 7.5, 7.6")
def _target_six(stream: Stream) -> Breaches:
    """Shorter segments than 6 s are taken as a choice for a faster start; longer ones are told of."""
    for media in stream.normal():
        if (media.playlist.target_s or 0) > 6:
            yield name(media.playlist), f"The target duration is {media.playlist.target_s} s: 6 s or less is better."
