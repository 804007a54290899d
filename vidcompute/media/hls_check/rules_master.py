"""Rules about what a multivariant playlist declares: RFC 8216bis 4.4.6 and Apple's authoring specification, 9."""

import re
from collections import Counter
from itertools import combinations

from vidcompute.media import codecs
from vidcompute.media.hls_check.load import Stream
from vidcompute.media.hls_check.model import Breaches, RuleTable
from vidcompute.media.hls_check.parse import Playlist, Tag
from vidcompute.media.hls_check.rules_text import at, name

TABLE = RuleTable()
VIDEO_CODECS = frozenset({"h264", "hevc", "av1", "dvh1", "dvhe", "dav1", "mjpg"})
AUDIO_CODECS = frozenset({"aac", "ac3", "eac3", "alac", "flac", "opus"})
CELLULAR_BPS = 192_000

_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z0-9]{1,8})*|[xX](?:-\w{1,8})+")
_RESOLUTION = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_WHOLE = re.compile(r"[0-9]{1,18}")
_FRAME_RATE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_GROUP_KINDS = ("AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS")
_SAME_IN_GROUPS = ("LANGUAGE", "ASSOC-LANGUAGE", "NAME", "DEFAULT", "AUTOSELECT", "FORCED", "CHARACTERISTICS")


def _master(stream: Stream) -> list[Playlist]:
    return [stream.master] if stream.master else []


def _tags(stream: Stream, *names: str) -> list[tuple[str, Tag]]:
    """Tags of the multivariant playlist with their places."""
    return [(at(master, tag), tag) for master in _master(stream) for tag in master.all(*names)]


def _media_tags(stream: Stream) -> list[tuple[str, Tag]]:
    return _tags(stream, "EXT-X-MEDIA")


def resolution(tag: Tag) -> tuple[int, int] | None:
    """RESOLUTION as width and height in pixels."""
    match = _RESOLUTION.fullmatch(tag.attributes.get("RESOLUTION", ""))
    return (int(match[1]), int(match[2])) if match else None


def codec_list(tag: Tag) -> list[str]:
    """The members of CODECS."""
    return [c.strip() for c in tag.attributes.get("CODECS", "").split(",") if c.strip()]


@TABLE.must("variant-uri", "RFC 8216bis 4.4.6.2")
def _variant_uri(stream: Stream) -> Breaches:
    for variant, _ in stream.variants():
        if stream.master and not variant.uri:
            yield at(stream.master, variant.tag), "No URI follows #EXT-X-STREAM-INF."


@TABLE.must("bandwidth", "RFC 8216bis 4.4.6.2, 4.4.6.3")
def _bandwidth(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"):
        if not _WHOLE.fullmatch(tag.attributes.get("BANDWIDTH", "")):
            yield where, "There is no BANDWIDTH in whole bits a second."


@TABLE.must("average-bandwidth", "Apple HLS Authoring 9.14")
def _average_bandwidth(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        if not _WHOLE.fullmatch(tag.attributes.get("AVERAGE-BANDWIDTH", "")):
            yield where, "There is no AVERAGE-BANDWIDTH in whole bits a second."


@TABLE.must("codecs", "Apple HLS Authoring 9.1, 9.3")
def _codecs(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"):
        if not codec_list(tag):
            yield where, "There is no CODECS attribute."


@TABLE.must("resolution", "Apple HLS Authoring 9.2, 9.4")
def _resolution(stream: Stream) -> Breaches:
    pictures = {id(v.tag) for v, _ in stream.video_variants()}
    for where, tag in _tags(stream, "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"):
        video = (
            id(tag) in pictures or tag.name == "EXT-X-I-FRAME-STREAM-INF" or any(_is_video(c) for c in codec_list(tag))
        )
        if video and resolution(tag) is None:
            yield where, "There is no RESOLUTION such as 1280x720."


def _is_video(codec: str) -> bool:
    return codecs.family(codec) in VIDEO_CODECS


@TABLE.must("frame-rate", "Apple HLS Authoring 9.15")
def _frame_rate(stream: Stream) -> Breaches:
    for variant, _ in stream.video_variants():
        if stream.master and "FRAME-RATE" not in variant.tag.attributes:
            yield at(stream.master, variant.tag), "There is no FRAME-RATE."


@TABLE.must("frame-rate-form", "RFC 8216bis 4.4.6.2")
def _frame_rate_form(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        text = tag.attributes.get("FRAME-RATE", "0")
        if not _FRAME_RATE.fullmatch(text):
            yield where, f"FRAME-RATE {text} is no number with at most three decimals."


@TABLE.must("frame-rate-limit", "Apple HLS Authoring 1.19")
def _frame_rate_limit(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        rate = tag.number("FRAME-RATE")
        if rate is not None and rate > 60:
            yield where, f"A frame rate of {float(rate):.3f} is above 60."


@TABLE.must("iframe-uri", "RFC 8216bis 4.4.6.3")
def _iframe_uri(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-I-FRAME-STREAM-INF"):
        uri = tag.attributes.get("URI")
        media = stream.resolve(uri) if uri else None
        if not uri:
            yield where, "There is no URI."
        elif media is not None and not media.is_iframes:
            yield where, "The playlist it names has no #EXT-X-I-FRAMES-ONLY."


@TABLE.must("iframe-playlist", "Apple HLS Authoring 6.1")
def _iframe_playlist(stream: Stream) -> Breaches:
    if stream.master and stream.video_variants() and not stream.master.first("EXT-X-I-FRAME-STREAM-INF"):
        yield name(stream.master), "There is no I-frame playlist for scrubbing."


@TABLE.must("media-attributes", "RFC 8216bis 4.4.6.1")
def _media_attributes(stream: Stream) -> Breaches:
    for where, tag in _media_tags(stream):
        for key in ("TYPE", "GROUP-ID", "NAME"):
            if not tag.attributes.get(key):
                yield where, f"#EXT-X-MEDIA has no {key}."


@TABLE.must("media-language", "Apple HLS Authoring 8.10")
def _media_language(stream: Stream) -> Breaches:
    for where, tag in _media_tags(stream):
        if tag.attributes.get("TYPE") != "VIDEO" and "LANGUAGE" not in tag.attributes:
            yield where, "#EXT-X-MEDIA has no LANGUAGE."


@TABLE.must("language-tag", "RFC 8216bis 4.4.6.1 (RFC 5646)")
def _language_tag(stream: Stream) -> Breaches:
    for where, tag in _media_tags(stream):
        for key in ("LANGUAGE", "ASSOC-LANGUAGE"):
            language = tag.attributes.get(key)
            if language is not None and not _LANGUAGE.fullmatch(language):
                yield where, f"{key} {language!r} is no language tag."


@TABLE.must("default-autoselect", "RFC 8216bis 4.4.6.1")
def _default_autoselect(stream: Stream) -> Breaches:
    for where, tag in _media_tags(stream):
        if tag.attributes.get("DEFAULT") == "YES" and tag.attributes.get("AUTOSELECT") == "NO":
            yield where, "AUTOSELECT must be YES where DEFAULT is."


@TABLE.should("channels", "RFC 8216bis 4.4.6.1")
def _channels(stream: Stream) -> Breaches:
    for where, tag in _media_tags(stream):
        if tag.attributes.get("TYPE") == "AUDIO" and not tag.attributes.get("CHANNELS", "")[:1].isdecimal():
            yield where, "There is no CHANNELS attribute with a number of channels."


def _groups(stream: Stream) -> dict[tuple[str, str], list[Tag]]:
    groups: dict[tuple[str, str], list[Tag]] = {}
    for _, tag in _media_tags(stream):
        groups.setdefault((tag.attributes.get("TYPE", ""), tag.attributes.get("GROUP-ID", "")), []).append(tag)
    return groups


@TABLE.must("group-names", "RFC 8216bis 4.4.6.1.1")
def _group_names(stream: Stream) -> Breaches:
    for (kind, group), tags in _groups(stream).items():
        for text, count in Counter(t.attributes.get("NAME", "") for t in tags).items():
            if count > 1:
                yield f"{kind} group {group}", f"{count} renditions have the name {text!r}."


@TABLE.must("group-default", "RFC 8216bis 4.4.6.1.1")
def _group_default(stream: Stream) -> Breaches:
    for (kind, group), tags in _groups(stream).items():
        count = sum(t.attributes.get("DEFAULT") == "YES" for t in tags)
        if count > 1:
            yield f"{kind} group {group}", f"{count} renditions are the default."


@TABLE.should("group-autoselect", "RFC 8216bis 4.4.6.1.1")
def _group_autoselect(stream: Stream) -> Breaches:
    keys = ("LANGUAGE", "ASSOC-LANGUAGE", "FORCED", "CHARACTERISTICS")
    for (kind, group), tags in _groups(stream).items():
        chosen = [tuple(t.attributes.get(k) for k in keys) for t in tags if t.attributes.get("AUTOSELECT") == "YES"]
        if len(set(chosen)) < len(chosen):
            yield f"{kind} group {group}", "Two renditions with AUTOSELECT=YES can't be told apart."


@TABLE.must("groups-equal", "RFC 8216bis 4.4.6.1.1")
def _groups_equal(stream: Stream) -> Breaches:
    members = {
        key: {tuple(t.attributes.get(k) for k in _SAME_IN_GROUPS) for t in tags}
        for key, tags in _groups(stream).items()
    }
    for (one, first), (other, second) in combinations(members.items(), 2):
        if one[0] == other[0] and first != second:
            yield f"{one[0]} groups {one[1]} and {other[1]}", "They do not have the same members."


@TABLE.must("group-defined", "RFC 8216bis 4.4.6.2")
def _group_defined(stream: Stream) -> Breaches:
    groups = _groups(stream)
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        for kind in _GROUP_KINDS:
            group = tag.attributes.get(kind)
            absent = kind == "CLOSED-CAPTIONS" and group == "NONE" and kind not in tag.quoted
            if group is not None and not absent and (kind, group) not in groups:
                yield where, f"There is no {kind} group {group!r}."


@TABLE.must("closed-captions", "RFC 8216bis 4.4.6.2")
def _closed_captions(stream: Stream) -> Breaches:
    values = {tag.attributes.get("CLOSED-CAPTIONS") for _, tag in _tags(stream, "EXT-X-STREAM-INF")}
    if stream.master and "NONE" in values and len(values) > 1:
        yield name(stream.master), "CLOSED-CAPTIONS=NONE stands on some variants and not on all."


@TABLE.should("variants-distinct", "RFC 8216bis 6.2.4")
def _variants_distinct(stream: Stream) -> Breaches:
    keys = [(v.uri, v.tag.attributes.get("AUDIO"), v.tag.attributes.get("SUBTITLES")) for v, _ in stream.variants()]
    for (uri, *_), count in Counter(keys).items():
        if count > 1 and stream.master:
            yield name(stream.master), f"The variant {uri} is listed {count} times."


@TABLE.must("several-rates", "Apple HLS Authoring 9.9")
def _several_rates(stream: Stream) -> Breaches:
    """A source of at most 240 lines has nothing below it to offer."""
    sizes = [resolution(v.tag) for v, _ in stream.video_variants()]
    if stream.master and len(sizes) == 1 and sizes[0] is not None and min(sizes[0]) > 240:
        yield name(stream.master), "There is only one bit rate of video."


@TABLE.should("cellular", "Apple HLS Authoring 9.21")
def _cellular(stream: Stream) -> Breaches:
    rates = [tag.number("BANDWIDTH") for _, tag in _tags(stream, "EXT-X-STREAM-INF")]
    if stream.master and rates and not any(rate is not None and rate <= CELLULAR_BPS for rate in rates):
        yield name(stream.master), "For cellular networks there must be a variant of at most 192 kbit/s."


@TABLE.must("codecs-allowed", "Apple HLS Authoring 1.1, 2.2, 2.5")
def _codecs_allowed(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"):
        for codec in codec_list(tag):
            known = codec.split(".")[0] in {"wvtt", "stpp"} or codecs.family(codec) in VIDEO_CODECS | AUDIO_CODECS
            if not known:
                yield where, f"{codec} is no codec that HLS on Apple devices plays."


@TABLE.must("stereo-aac", "Apple HLS Authoring 2.3")
def _stereo_aac(stream: Stream) -> Breaches:
    listed = {codecs.family(c) for _, tag in _tags(stream, "EXT-X-STREAM-INF") for c in codec_list(tag)}
    if stream.master and listed & AUDIO_CODECS and "aac" not in listed:
        yield name(stream.master), "There is sound, and none of it is AAC."


@TABLE.should("h264-offered", "Apple HLS Authoring 1.12")
def _h264_offered(stream: Stream) -> Breaches:
    listed = [codecs.family(c) for _, tag in _tags(stream, "EXT-X-STREAM-INF") for c in codec_list(tag) if _is_video(c)]
    if stream.master and listed and "h264" not in listed:
        yield name(stream.master), "No variant is H.264, which old devices need."


@TABLE.should("parameter-sets", "Apple HLS Authoring 1.10")
def _parameter_sets(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        for codec in codec_list(tag):
            if codec.split(".")[0] in {"avc3", "hev1", "dvhe"}:
                yield where, f"{codec} keeps its parameter sets in the samples: avc1, hvc1 or dvh1 is better."


@TABLE.must("h264-level", "Apple HLS Authoring 1.3b")
def _h264_level(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        for codec in codec_list(tag):
            match = re.fullmatch(r"avc[13]\.([0-9A-Fa-f]{2})[0-9A-Fa-f]{2}([0-9A-Fa-f]{2})", codec)
            if match and (int(match[1], 16) > 100 or int(match[2], 16) > 52):
                yield where, f"{codec} is above High profile, level 5.2."


@TABLE.must("hevc-level", "Apple HLS Authoring 1.6b")
def _hevc_level(stream: Stream) -> Breaches:
    for where, tag in _tags(stream, "EXT-X-STREAM-INF"):
        for codec in codec_list(tag):
            match = re.fullmatch(r"h(?:vc|ev)1\.[ABC]?([0-9]{1,4})\.[0-9A-Fa-f]+\.[LH]([0-9]{1,4})(\..*)?", codec)
            if match and (int(match[1]) > 2 or int(match[2]) > 153):
                yield where, f"{codec} is above Main 10 profile, level 5.1."


@TABLE.should("aspect-ratio", "Apple HLS Authoring 1.33")
def _aspect_ratio(stream: Stream) -> Breaches:
    """Sizes are even numbers of pixels, so shapes may differ by what two pixels make."""
    sizes = [size for v, _ in stream.video_variants() if (size := resolution(v.tag))]
    for width, height in sizes[1:]:
        wide, high = sizes[0]
        if stream.master and abs(width * high - height * wide) > 2 * max(width + wide, height + high):
            yield name(stream.master), f"{width}x{height} has another shape than {wide}x{high}."


@TABLE.should("score", "Apple HLS Authoring 9.19")
def _score(stream: Stream) -> Breaches:
    scored = ["SCORE" in v.tag.attributes for v, _ in stream.variants()]
    if stream.master and any(scored) and not all(scored):
        yield name(stream.master), "SCORE stands on some variants and not on all."


@TABLE.must("independent-segments", "Apple HLS Authoring 9.11, 9.12")
def _independent_segments(stream: Stream) -> Breaches:
    if stream.master and not stream.master.first("EXT-X-INDEPENDENT-SEGMENTS"):
        for variant, media in stream.video_variants():
            if media is not None and not media.playlist.first("EXT-X-INDEPENDENT-SEGMENTS"):
                yield (
                    at(stream.master, variant.tag),
                    "Neither this playlist nor the variant's has #EXT-X-INDEPENDENT-SEGMENTS.",
                )


@TABLE.should("independent-segments-twice", "RFC 8216bis 4.4.2.1")
def _independent_segments_twice(stream: Stream) -> Breaches:
    if stream.master and stream.master.first("EXT-X-INDEPENDENT-SEGMENTS"):
        for media in stream.media.values():
            if media.playlist.first("EXT-X-INDEPENDENT-SEGMENTS"):
                yield name(media.playlist), "#EXT-X-INDEPENDENT-SEGMENTS stands in the multivariant playlist already."
