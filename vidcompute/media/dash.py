"""A DASH manifest (ISO/IEC 23009-1) over the same segments as the HLS playlists."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from math import ceil
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from vidcompute.media import codecs
from vidcompute.media.playlists import (
    INIT_NAME,
    AudioTrack,
    Track,
    VideoTrack,
    clean_language,
    default_audio,
    target_duration_s,
    track_bandwidth,
    variant_order,
)

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
PROFILES = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"

_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
_ROLE = "urn:mpeg:dash:role:2011"
_TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
_TRANSFERS = {"PQ": "16", "HLG": "18"}


def manifest(videos: Sequence[VideoTrack], audios: Sequence[AudioTrack], *, query: str = "") -> str:
    """The MPD as text: static, one period, an adaptation set per video codec and per audio track.

    Either kind of track may be missing. `query` (without "?") is added to every URI.
    """
    tracks: list[Track] = [*videos, *audios]
    target_s = target_duration_s(tracks)
    mpd = Xml.Element(
        "MPD",
        {
            "xmlns": NAMESPACE,
            "type": "static",
            "profiles": PROFILES,
            "mediaPresentationDuration": _duration(max((t.end for t in tracks), default=Fraction(0))),
            "maxSegmentDuration": f"PT{_longest_s(tracks)}S",
            "minBufferTime": f"PT{target_s}S",
        },
    )
    period = Xml.SubElement(mpd, "Period", {"id": "0", "start": "PT0S"})
    number = 0
    for _, members in groupby(variant_order(videos), key=lambda t: (codecs.family(t.codec_string), t.video_range)):
        _video_set(period, number, list(members), target_s, query)
        number += 1
    for track in audios:
        _audio_set(period, number, track, target_s, query, main=track is default_audio(audios))
        number += 1
    Xml.indent(mpd)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(mpd, encoding="unicode") + "\n"


def _longest_s(tracks: Sequence[Track]) -> int:
    return ceil(max((Fraction(s.duration, t.timescale) for t in tracks for s in t.segments), default=Fraction(1)))


def _duration(seconds: Fraction) -> str:
    """An xs:duration, to the microsecond."""
    micros = round(seconds * 1_000_000)
    return f"PT{micros // 1_000_000}.{micros % 1_000_000:06d}S"


def _video_set(period: Xml.Element, number: int, tracks: Sequence[VideoTrack], target_s: int, query: str) -> None:
    adaptation = Xml.SubElement(
        period,
        "AdaptationSet",
        {
            "id": str(number),
            "contentType": "video",
            "mimeType": "video/mp4",
            "segmentAlignment": "true",
            "startWithSAP": "1",
            "maxWidth": str(max(t.width for t in tracks)),
            "maxHeight": str(max(t.height for t in tracks)),
        },
    )
    transfer = _TRANSFERS.get(tracks[0].video_range)
    if transfer:
        Xml.SubElement(adaptation, "SupplementalProperty", {"schemeIdUri": _TRANSFER, "value": transfer})
    for track in tracks:
        rate = track.frame_rate
        size = {"width": str(track.width), "height": str(track.height), "sar": "1:1"}
        if rate:
            size["frameRate"] = str(rate.numerator) if rate.denominator == 1 else f"{rate.numerator}/{rate.denominator}"
        _template(_representation(adaptation, track, target_s, size), track, query)


def _audio_set(period: Xml.Element, number: int, track: AudioTrack, target_s: int, query: str, *, main: bool) -> None:
    adaptation = Xml.SubElement(
        period,
        "AdaptationSet",
        {
            "id": str(number),
            "contentType": "audio",
            "mimeType": "audio/mp4",
            "lang": clean_language(track.language),
            "segmentAlignment": "true",
            "startWithSAP": "1",
        },
    )
    label = "".join(c for c in track.title if c.isprintable())
    if label:
        Xml.SubElement(adaptation, "Label").text = label
    Xml.SubElement(adaptation, "Role", {"schemeIdUri": _ROLE, "value": "main" if main else "alternate"})
    representation = _representation(adaptation, track, target_s, {"audioSamplingRate": str(track.sample_rate)})
    Xml.SubElement(
        representation, "AudioChannelConfiguration", {"schemeIdUri": _CHANNELS, "value": str(track.channels)}
    )
    _template(representation, track, query)


def _representation(adaptation: Xml.Element, track: Track, target_s: int, attributes: dict[str, str]) -> Xml.Element:
    bandwidth = str(max(1, track_bandwidth(track, target_s).peak_bps))
    return Xml.SubElement(
        adaptation,
        "Representation",
        {"id": track.name, "bandwidth": bandwidth, "codecs": track.codec_string, **attributes},
    )


def _template(representation: Xml.Element, track: Track, query: str) -> None:
    """Segment addresses and times (23009-1, 5.3.9.4 and 5.3.9.6); equal durations in a row are one entry."""
    folder = quote(track.folder).replace("$", "$$")
    tail = f"?{query}".replace("$", "$$") if query else ""
    first = track.segments[0] if track.segments else None
    template = Xml.SubElement(
        representation,
        "SegmentTemplate",
        {
            "timescale": str(track.timescale),
            "startNumber": str(first.number if first else 0),
            "initialization": f"{folder}/{INIT_NAME}{tail}",
            "media": f"{folder}/$Number$.m4s{tail}",
        },
    )
    timeline = Xml.SubElement(template, "SegmentTimeline")
    for index, (duration, run) in enumerate(groupby(track.segments, key=lambda s: s.duration)):
        members = list(run)
        entry = Xml.SubElement(timeline, "S", {"d": str(duration)})
        if index == 0:
            entry.set("t", str(members[0].start))
        if len(members) > 1:
            entry.set("r", str(len(members) - 1))
