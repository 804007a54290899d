"""HLS playlists as text, from descriptions of tracks. Clauses are those of draft-pantos-hls-rfc8216bis-22.

Every file of a track lies in its folder under a fixed name, so a playlist's URIs are known from the folder alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from urllib.parse import quote

from vidcompute.media import codecs
from vidcompute.media.cmaf import SegmentInfo

INIT_NAME = "init.mp4"
PLAYLIST_NAME = "index.m3u8"
IFRAMES_NAME = "iframes.m3u8"
VERSION = 7
CELLULAR_BPS = 192_000  # Apple's authoring specification, 9.21 (iOS)
AUDIO_GROUP = "audio"
TEXT_GROUP = "text"
TEXT_NAME = "track.vtt"

# What HLS calls a text that is for who does not hear (RFC 8216bis, 4.4.6.1, CHARACTERISTICS).
_OF_CAPTIONS = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
_BANDWIDTH = re.compile(r"(?<=[:,])(AVERAGE-)?BANDWIDTH=([0-9]+)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_FAMILY_ORDER = ("h264", "hevc", "av1")
_FIRST_HEIGHT = 720  # the rung that a player starts with, where there is one (Apple 1.32: about 2 Mbit/s)


@dataclass(frozen=True)
class Bandwidth:
    """Peak and average segment bit rate in bits a second (RFC 8216bis, 4.1)."""

    peak_bps: int
    average_bps: int


@dataclass(frozen=True)
class Track:
    """What video and audio tracks have in common.

    `folder` is where its files lie, relative to the multivariant playlist and the MPD, without a slash at its end.
    `segments` cover the whole timeline; times are ticks of `timescale`. `estimate` replaces the measured bandwidth
    while segments are still to be made.
    """

    name: str
    codec_string: str
    timescale: int
    segments: tuple[SegmentInfo, ...]
    folder: str
    estimate: Bandwidth | None = None

    @property
    def end(self) -> Fraction:
        """Seconds from 0 to the end of the last segment."""
        return Fraction(self.segments[-1].end, self.timescale) if self.segments else Fraction(0)


@dataclass(frozen=True)
class VideoTrack(Track):
    """A video track: coded size in pixels, highest frame rate, and SDR, PQ or HLG."""

    width: int = 0
    height: int = 0
    frame_rate: Fraction = Fraction(0)
    video_range: str = "SDR"

    @property
    def has_iframes(self) -> bool:
        """Whether the byte ranges of its keyframes are known."""
        return any(segment.keyframes for segment in self.segments)


@dataclass(frozen=True)
class AudioTrack(Track):
    """An audio track: BCP 47 language ("und" when unknown), a title for people, channels and sample rate in Hz."""

    language: str = "und"
    title: str = ""
    default: bool = False
    channels: int = 2
    sample_rate: int = 48000


@dataclass(frozen=True)
class TextRendition:
    """A text track: captions (or subtitles), with the flags that HLS has for it and what it needs of the line.

    `name` is both its folder and the name of its track; `title` is for people.
    """

    name: str
    language: str
    title: str
    is_captions: bool
    default: bool
    autoselect: bool
    forced: bool
    rates: Bandwidth


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number}.m4s"


def text_segment_name(number: int) -> str:
    """The file name of a segment of a text track."""
    return f"{number}.vtt"


def target_duration_s(tracks: Iterable[Track]) -> int:
    """The target duration that all playlists of an asset share: the longest segment, in whole seconds (4.4.3.1)."""
    longest = (Fraction(max((s.duration for s in t.segments), default=0), t.timescale) for t in tracks)
    return max(1, _nearest(max(longest, default=Fraction(0))))


def measure(sizes: Sequence[tuple[int, Fraction]], target_s: int) -> Bandwidth:
    """Peak and average bit rate of a playlist's segments, given as (bytes, seconds).

    The peak is the highest rate of any run of segments that lasts 0.5 to 1.5 target durations (RFC 8216bis, 4.1);
    where no run does, the average.
    """
    total_s = sum((seconds for _, seconds in sizes), Fraction(0))
    if total_s == 0:
        return Bandwidth(0, 0)
    average = 8 * sum(size for size, _ in sizes) / total_s
    shortest, longest = Fraction(target_s, 2), Fraction(3 * target_s, 2)
    peak = Fraction(0)
    for first in range(len(sizes)):
        size, seconds = 0, Fraction(0)
        for more, lasting in sizes[first:]:
            size, seconds = size + more, seconds + lasting
            if seconds > longest:
                break
            if seconds >= shortest:
                peak = max(peak, 8 * size / seconds)
    return Bandwidth(ceil(peak or average), ceil(average))


def track_bandwidth(track: Track, target_s: int) -> Bandwidth:
    """Peak and average bit rate of a track: measured, or its estimate."""
    if track.estimate is not None:
        return track.estimate
    return measure([(s.size_bytes, Fraction(s.duration, track.timescale)) for s in track.segments], target_s)


def media_playlist(track: Track, target_s: int, *, query: str = "") -> str:
    """The media playlist of a track that is complete, or whose whole timeline is promised.

    `target_s` is the asset's `target_duration_s`. `query` (URL-encoded, without "?") is added to every URI. That
    segments are independent is said in the multivariant playlist alone (4.4.2.1).
    """
    lines = _head(target_s)
    lines.append(f'#EXT-X-MAP:URI="{_uri("", INIT_NAME, query)}"')
    clock = _Clock(track.timescale)
    for segment in track.segments:
        lines += (clock.extinf(segment.start, segment.end), _uri("", segment_name(segment.number), query))
    return _text([*lines, "#EXT-X-ENDLIST"])


def text_playlist(edges: Sequence[int], timescale: int, target_s: int) -> str:
    """The media playlist of a text track, cut where the pictures (or the sound) are: at these ticks.

    `target_s` is the asset's `target_duration_s`.
    """
    lines, clock = _head(target_s), _Clock(timescale)
    for number, (start, end) in enumerate(pairwise(edges)):
        lines += (clock.extinf(start, end), text_segment_name(number))
    return _text([*lines, "#EXT-X-ENDLIST"])


def with_texts(multivariant: str, texts: Sequence[TextRendition], folder: str) -> str:
    """A multivariant playlist of ours with these text tracks, which lie below `folder`; as it was, without any.

    Every variant gets the group, and the rates of the text that needs most beside its own (4.4.6.2).
    """
    if not texts:
        return multivariant
    peak_bps, average_bps = max(t.rates.peak_bps for t in texts), max(t.rates.average_bps for t in texts)

    def raised(found: re.Match[str]) -> str:
        more = average_bps if found[1] else peak_bps
        return f"{found[1] or ''}BANDWIDTH={int(found[2]) + more}"

    lines: list[str] = []
    for line in multivariant.splitlines():
        if not line.startswith("#EXT-X-STREAM-INF:"):
            lines.append(line)
            continue
        if not any(before.startswith("#EXT-X-STREAM-INF:") for before in lines):
            lines += _text_media(texts, folder)
        lines.append(_BANDWIDTH.sub(raised, line) + f',SUBTITLES="{TEXT_GROUP}"')
    return _text(lines)


def iframe_playlist(track: VideoTrack, *, query: str = "") -> str:
    """The I-frame playlist of a video track: byte ranges of the keyframes in its segments (4.4.3.6)."""
    frames = [(segment, key) for segment in track.segments for key in segment.keyframes]
    lines = [*_head(_iframe_target_s(track)), "#EXT-X-I-FRAMES-ONLY"]
    lines.append(f'#EXT-X-MAP:URI="{_uri("", INIT_NAME, query)}"')
    clock = _Clock(track.timescale)
    for segment, key in frames:
        lines += (
            clock.extinf(key.time, key.time + key.duration),
            f"#EXT-X-BYTERANGE:{key.byte_length}@{key.byte_offset}",
            _uri("", segment_name(segment.number), query),
        )
    return _text([*lines, "#EXT-X-ENDLIST"])


def multivariant_playlist(
    videos: Sequence[VideoTrack], audios: Sequence[AudioTrack], *, query: str = "", cellular: bool = True
) -> str:
    """The playlist that names every track. Either kind may be missing.

    The order depends on codecs and heights alone, so it is the same before and after bit rates are known. With
    `cellular`, an audio-only variant is added below 192 kbit/s unless a video variant is (Apple 9.21).
    """
    target_s = target_duration_s([*videos, *audios])
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += _audio_media(audios, query)
    sound = [track_bandwidth(track, target_s) for track in audios]
    loudest = Bandwidth(
        max((b.peak_bps for b in sound), default=0),
        max((b.average_bps for b in sound), default=0),
    )
    peaks = []
    for video in variant_order(videos):
        picture = track_bandwidth(video, target_s)
        both = Bandwidth(picture.peak_bps + loudest.peak_bps, picture.average_bps + loudest.average_bps)
        peaks.append(both.peak_bps)
        lines += _variant(video, audios, both, query)
    wanted = not videos or (cellular and min(peaks) > CELLULAR_BPS and loudest.peak_bps <= CELLULAR_BPS)
    if audios and wanted:
        lines += _audio_variant(audios, loudest, query)
    for video in variant_order(videos):
        if video.has_iframes:
            lines.append(_iframe_variant(video, query))
    return _text(lines)


def variant_order(videos: Sequence[VideoTrack]) -> list[VideoTrack]:
    """The order in which variants are listed: a middling one of the most compatible codec, then by codec and size."""

    def rank(track: VideoTrack) -> tuple[int, int, str]:
        family = codecs.family(track.codec_string)
        place = _FAMILY_ORDER.index(family) if family in _FAMILY_ORDER else len(_FAMILY_ORDER)
        return place, min(track.width, track.height), track.name

    ordered = sorted(videos, key=rank)
    if ordered:
        best = [track for track in ordered if rank(track)[0] == rank(ordered[0])[0]]
        small = [track for track in best if min(track.width, track.height) <= _FIRST_HEIGHT]
        first = small[-1] if small else best[0]
        ordered.remove(first)
        ordered.insert(0, first)
    return ordered


def default_audio(audios: Sequence[AudioTrack]) -> AudioTrack:
    """The track that plays unless a viewer chooses: the first that is marked so, else the first."""
    return next((track for track in audios if track.default), audios[0])


def clean_language(language: str) -> str:
    """A language tag that is well-formed (BCP 47); "und" for what is not."""
    return language if _LANGUAGE.fullmatch(language) else "und"


def _head(target_s: int) -> list[str]:
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


class _Clock:
    """Durations in microseconds whose sum is never more than half of one away from the truth."""

    def __init__(self, timescale: int) -> None:
        self._timescale = timescale

    def extinf(self, start: int, end: int) -> str:
        lasting = self._microseconds(end) - self._microseconds(start)
        return f"#EXTINF:{lasting // 1_000_000}.{lasting % 1_000_000:06d},"

    def _microseconds(self, ticks: int) -> int:
        """To the nearest; halves go up, as `_nearest` has it."""
        return (2_000_000 * ticks + self._timescale) // (2 * self._timescale)


def _nearest(value: Fraction) -> int:
    """The nearest whole number; halves go up."""
    return floor(value + Fraction(1, 2))


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _uri(folder: str, name: str, query: str) -> str:
    path = f"{quote(folder)}/{name}" if folder else name
    return f"{path}?{query}" if query else path


def _quoted(text: str) -> str:
    """A quoted-string (4.2): no double quotes, no line breaks of any kind or control characters, in NFC (4.1)."""
    kept = "".join(
        c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"}
    )
    return '"' + kept.replace('"', "'") + '"'


def _audio_media(audios: Sequence[AudioTrack], query: str) -> list[str]:
    lines, names, languages = [], set[str](), set[str]()
    for number, track in enumerate(audios, 1):
        language = clean_language(track.language)
        default = track is default_audio(audios)
        chosen = default or (language not in languages and language != default_audio(audios).language)
        languages.add(language)
        wanted = track.title.strip() or (language if language != "und" else f"Audio {number}")
        name = wanted if _quoted(wanted) not in names else f"{wanted} ({number})"
        names.add(_quoted(name))
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",LANGUAGE="{language}",NAME={_quoted(name)},'
            f"DEFAULT={_yes(default)},AUTOSELECT={_yes(chosen)},"
            f'CHANNELS="{track.channels}",URI="{_uri(track.folder, PLAYLIST_NAME, query)}"'
        )
    return lines


def _text_media(texts: Sequence[TextRendition], folder: str) -> list[str]:
    chosen = _chosen_by_itself(texts)
    lines, names = [], set[str]()
    for number, text in enumerate(texts, 1):
        wanted = text.title.strip() or text.language
        name = wanted if _quoted(wanted) not in names else f"{wanted} ({number})"
        names.add(_quoted(name))
        forced = "FORCED=YES," if text.forced else ""
        captions = f'CHARACTERISTICS="{_OF_CAPTIONS}",' if text.is_captions else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="{TEXT_GROUP}",LANGUAGE="{text.language}",NAME={_quoted(name)},'
            f"DEFAULT={_yes(text.default)},AUTOSELECT={_yes(text.name in chosen)},{forced}{captions}"
            f'URI="{_uri(f"{folder}/{text.name}", PLAYLIST_NAME, "")}"'
        )
    return lines


def _chosen_by_itself(texts: Sequence[TextRendition]) -> set[str]:
    """The names of those that a player may choose by itself: it could not tell two that are alike (4.4.6.1.1)."""
    alike: dict[tuple[str, bool, bool], str] = {}
    for text in sorted(texts, key=lambda text: not text.default):
        if text.default or text.autoselect:
            alike.setdefault((text.language, text.forced, text.is_captions), text.name)
    return set(alike.values())


def _yes(value: object) -> str:
    return "YES" if value else "NO"


def _codecs(tracks: Iterable[Track]) -> str:
    return '"' + ",".join(dict.fromkeys(track.codec_string for track in tracks)) + '"'


def _rates(bandwidth: Bandwidth) -> str:
    return f"BANDWIDTH={bandwidth.peak_bps},AVERAGE-BANDWIDTH={bandwidth.average_bps}"


def _variant(video: VideoTrack, audios: Sequence[AudioTrack], both: Bandwidth, query: str) -> list[str]:
    thousandths = _nearest(video.frame_rate * 1000)
    sound = f',AUDIO="{AUDIO_GROUP}"' if audios else ""
    tag = (
        f"#EXT-X-STREAM-INF:{_rates(both)},CODECS={_codecs([video, *audios])},"
        f"RESOLUTION={video.width}x{video.height},FRAME-RATE={thousandths // 1000}.{thousandths % 1000:03d},"
        f"VIDEO-RANGE={video.video_range}{sound},CLOSED-CAPTIONS=NONE"
    )
    return [tag, _uri(video.folder, PLAYLIST_NAME, query)]


def _audio_variant(audios: Sequence[AudioTrack], bandwidth: Bandwidth, query: str) -> list[str]:
    return [
        f'#EXT-X-STREAM-INF:{_rates(bandwidth)},CODECS={_codecs(audios)},AUDIO="{AUDIO_GROUP}",CLOSED-CAPTIONS=NONE',
        _uri(default_audio(audios).folder, PLAYLIST_NAME, query),
    ]


def _iframe_target_s(video: VideoTrack) -> int:
    longest = max((k.duration for s in video.segments for k in s.keyframes), default=0)
    return max(1, _nearest(Fraction(longest, video.timescale)))


def _iframe_variant(video: VideoTrack, query: str) -> str:
    sizes = [(k.byte_length, Fraction(k.duration, video.timescale)) for s in video.segments for k in s.keyframes]
    return (
        f"#EXT-X-I-FRAME-STREAM-INF:{_rates(measure(sizes, _iframe_target_s(video)))},CODECS={_codecs([video])},"
        f"RESOLUTION={video.width}x{video.height},VIDEO-RANGE={video.video_range},"
        f'URI="{_uri(video.folder, IFRAMES_NAME, query)}"'
    )
