"""HLS playlists: exact text, durations that add up, rates by the book, and names that can't break out."""

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_stream import made_stream
from vidcompute.media.cmaf import KeyframeRange, SegmentInfo
from vidcompute.media.hls_check import check
from vidcompute.media.hls_check.parse import parse
from vidcompute.media.playlists import (
    AudioTrack,
    Bandwidth,
    VideoTrack,
    iframe_playlist,
    measure,
    media_playlist,
    multivariant_playlist,
    target_duration_s,
    track_bandwidth,
    variant_order,
)


def segments(*durations: int, size: int = 1000) -> tuple[SegmentInfo, ...]:
    start, made = 0, []
    for number, duration in enumerate(durations):
        keys = (KeyframeRange(28, 400, start, duration),)
        made.append(SegmentInfo(number, start, duration, size, duration, "", keys))
        start += duration
    return tuple(made)


def video(name: str, width: int, height: int, codec: str = "avc1.64001f") -> VideoTrack:
    return VideoTrack(name, codec, 1000, segments(4000, 4000, 1500), name, None, width, height, Fraction(25))


def audio(name: str, language: str = "en", title: str = "") -> AudioTrack:
    return AudioTrack(name, "mp4a.40.2", 1000, segments(4000, 4000, 1500, size=8000), name, None, language, title)


def test_media_playlist_text() -> None:
    assert media_playlist(video("v", 640, 360), 4, query="t=1") == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        '#EXT-X-MAP:URI="init.mp4?t=1"\n#EXTINF:4.000000,\n0.m4s?t=1\n#EXTINF:4.000000,\n1.m4s?t=1\n'
        "#EXTINF:1.500000,\n2.m4s?t=1\n#EXT-X-ENDLIST\n"
    )


def test_iframe_playlist_text() -> None:
    text = iframe_playlist(replace(video("v", 640, 360), segments=segments(2000, 1000)))
    assert text.split("\n")[2:] == [
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-I-FRAMES-ONLY",
        '#EXT-X-MAP:URI="init.mp4"',
        *("#EXTINF:2.000000,", "#EXT-X-BYTERANGE:400@28", "0.m4s"),
        *("#EXTINF:1.000000,", "#EXT-X-BYTERANGE:400@28", "1.m4s"),
        *("#EXT-X-ENDLIST", ""),
    ]


@given(durations=st.lists(st.integers(1, 500_000), min_size=1, max_size=60), timescale=st.integers(1, 96_000))
def test_durations_add_up_to_the_microsecond(durations: list[int], timescale: int) -> None:
    track = VideoTrack("v", "avc1.64001f", timescale, segments(*durations), "v")
    target = target_duration_s([track])
    playlist = parse(media_playlist(track, target))
    listed = [s.seconds for s in playlist.segments if s.seconds is not None]
    assert len(listed) == len(durations)
    for count in range(1, len(listed) + 1):
        assert abs(sum(listed[:count]) - Fraction(sum(durations[:count]), timescale)) <= Fraction(1, 2_000_000)
    assert playlist.target_s == target
    assert all(int(s + Fraction(1, 2)) <= target for s in listed)


def test_peak_is_of_runs_near_the_target() -> None:
    assert measure([(500, Fraction(4)), (1000, Fraction(4)), (900, Fraction(1, 2))], 4) == Bandwidth(3378, 2259)
    assert measure([(1000, Fraction(1, 5))], 4) == Bandwidth(40000, 40000)
    assert measure([], 4) == Bandwidth(0, 0)


def test_an_estimate_stands_in_for_segments_to_come() -> None:
    track = replace(video("v", 640, 360), estimate=Bandwidth(900_000, 800_000))
    assert track_bandwidth(track, 4) == Bandwidth(900_000, 800_000)
    assert "BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000" in multivariant_playlist([track], [])


def test_order_is_of_codecs_and_heights_alone() -> None:
    tracks = [
        video("av1-720", 1280, 720, "av01.0.05M.08"),
        video("h264-1080", 1920, 1080),
        video("h264-480", 854, 480),
        video("hevc-720", 1280, 720, "hvc1.1.6.L93.B0"),
        video("h264-720", 1280, 720),
    ]
    wanted = ["h264-720", "h264-480", "h264-1080", "hevc-720", "av1-720"]
    assert [t.name for t in variant_order(tracks)] == wanted
    assert [t.name for t in variant_order(tracks[::-1])] == wanted
    assert [t.name for t in variant_order([tracks[1]])] == ["h264-1080"]
    assert variant_order([]) == []


def test_rates_are_the_largest_sum_and_every_codec_is_named() -> None:
    video_track = replace(video("v", 1280, 720), frame_rate=Fraction(30000, 1001))
    sounds = [
        audio("a0"),
        replace(audio("a1", "de"), segments=segments(4000, 4000, 1500, size=20000), codec_string="ac-3"),
    ]
    lines = multivariant_playlist([video_track], sounds).split("\n")
    line = next(line for line in lines if "RESOLUTION" in line and "STREAM-INF:" in line and "I-FRAME" not in line)
    assert "BANDWIDTH=61092,AVERAGE-BANDWIDTH=53054," in line
    assert 'CODECS="avc1.64001f,mp4a.40.2,ac-3"' in line
    assert "FRAME-RATE=29.970" in line


def attributes(text: str, tag: str) -> list[dict[str, str]]:
    return [t.attributes for t in parse(text).all(tag)]


def test_audio_only_and_silent_sources() -> None:
    only = multivariant_playlist([], [audio("a")])
    assert [v.uri for v in parse(only).variants] == ["a/index.m3u8"]
    assert "RESOLUTION" not in only
    silent = multivariant_playlist([video("v", 640, 360)], [])
    assert "AUDIO" not in silent
    assert [v.uri for v in parse(silent).variants] == ["v/index.m3u8"]


def test_the_cellular_variant_is_there_when_it_is_needed_and_possible() -> None:
    heavy = replace(video("v", 1280, 720), segments=segments(4000, 4000, size=2_000_000))
    sound = audio("a")
    loud = replace(audio("a"), segments=segments(4000, 4000, size=200_000))
    assert [v.uri for v in parse(multivariant_playlist([heavy], [sound])).variants] == ["v/index.m3u8", "a/index.m3u8"]
    assert len(parse(multivariant_playlist([heavy], [sound], cellular=False)).variants) == 1
    assert len(parse(multivariant_playlist([heavy], [loud])).variants) == 1
    assert len(parse(multivariant_playlist([video("v", 320, 180)], [sound])).variants) == 1


def test_iframes_are_listed_when_their_ranges_are_known() -> None:
    known = video("v", 640, 360)
    unknown = replace(known, segments=tuple(replace(s, keyframes=()) for s in known.segments))
    assert attributes(multivariant_playlist([known], []), "EXT-X-I-FRAME-STREAM-INF")[0]["URI"] == "v/iframes.m3u8"
    assert not attributes(multivariant_playlist([unknown], []), "EXT-X-I-FRAME-STREAM-INF")


def test_names_are_told_apart_and_one_is_the_default() -> None:
    sounds = [
        audio("a0", "en"),
        audio("a1", "en", "Music"),
        replace(audio("a2", "nonsense!", "Music"), default=True),
        audio("a3"),
    ]
    tags = attributes(multivariant_playlist([], sounds), "EXT-X-MEDIA")
    assert [t["NAME"] for t in tags] == ["en", "Music", "Music (3)", "en (4)"]
    assert [t["LANGUAGE"] for t in tags] == ["en", "en", "und", "en"]
    assert [t["DEFAULT"] for t in tags] == ["NO", "NO", "YES", "NO"]
    assert [t["AUTOSELECT"] for t in tags] == ["YES", "NO", "YES", "NO"]


@given(title=st.text(max_size=40), language=st.text(max_size=12), folder=st.text(max_size=12))
def test_no_title_breaks_out(title: str, language: str, folder: str) -> None:
    tracks = [audio("a0", "en"), replace(audio("a1", language, title), folder=f"b{folder}")]
    report = parse(multivariant_playlist([video("v", 640, 360)], tracks))
    assert not report.text_problem
    assert [t.problem for t in report.tags if t.problem] == []
    assert len(report.all("EXT-X-MEDIA")) == 2
    assert [v.uri for v in report.variants] == ["v/index.m3u8"]


def test_hdr_is_told() -> None:
    text = multivariant_playlist([replace(video("v", 640, 360), video_range="PQ")], [])
    assert len(re.findall("VIDEO-RANGE=PQ", text)) == 2


@pytest.mark.parametrize("parts", [{}, {"video": False}, {"audio": False}])
def test_our_playlists_pass_our_checker(parts: dict[str, bool]) -> None:
    stream = made_stream(**parts)
    assert check(stream.master, stream.fetch).ok
