"""The HLS checker: a right stream passes, and each rule finds the one thing that is wrong for it."""

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_stream import (
    STEP,
    TIMESCALE,
    MadeStream,
    add_audio,
    add_texts,
    add_video,
    cut_pictures,
    made_stream,
    pictures,
    video_init,
)
from vidcompute.media.cmaf import SegmentCutter, SegmentPlan
from vidcompute.media.cmaf.boxes import boxes, make
from vidcompute.media.hls_check import RULES, Severity, check

MAIN = MadeStream.master
HIGH, LOW = "x/h264-720/index.m3u8", "x/h264-360/index.m3u8"
HIGH_KEYS = "x/h264-720/iframes.m3u8"
TEXT = "x/track_0/1.vtt"
GERMAN = "x/audio-1/index.m3u8"
LOW_RATES = "BANDWIDTH=244800,AVERAGE-BANDWIDTH=243099"
TS = """#EXTM3U
#EXT-X-VERSION:4
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:3
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:4.000,
a.ts
#EXTINF:3.500,
b.ts
#EXT-X-ENDLIST
"""

Broken = tuple[str, Callable[[str], bytes]]
Break = Callable[[], Broken]


def broken_text(old: str, new: str, url: str = MAIN, count: int = 1, start: str = MAIN) -> Break:
    """A stream in which a piece of one playlist is replaced."""

    def make_it() -> Broken:
        stream = made_stream()
        stream.replace(url, old, new, count)
        return start, stream.fetch

    return make_it


def broken_lines(pattern: str, url: str = MAIN) -> Break:
    """A stream in which everything that matches is taken out of one playlist."""

    def make_it() -> Broken:
        stream = made_stream()
        text, count = re.subn(pattern, "", stream.text(url), flags=re.MULTILINE)
        assert count
        stream.files[url] = text.encode()
        return MAIN, stream.fetch

    return make_it


def broken_ts(old: str, new: str) -> Break:
    """A media playlist of transport stream segments, whose media is not looked into, with a piece replaced."""
    assert old in TS
    return lambda: (TS.replace(old, new, 1), lambda _: b"")


def broken_file(url: str, change: Callable[[bytes], bytes]) -> Break:
    def make_it() -> Broken:
        stream = made_stream()
        stream.files[url] = change(stream.files[url])
        return MAIN, stream.fetch

    return make_it


def with_texts(old: str, new: str, url: str = TEXT) -> Break:
    """A stream with subtitles and captions, in which a piece of one file is replaced."""

    def make_it() -> Broken:
        stream = made_stream()
        add_texts(stream, "en", "de")
        stream.replace(url, old, new, 1)
        return MAIN, stream.fetch

    return make_it


def without(url: str) -> Break:
    def make_it() -> Broken:
        stream = made_stream()
        del stream.files[url]
        return MAIN, stream.fetch

    return make_it


def built(change: Callable[[MadeStream], None]) -> Break:
    """A stream put together by `change` from nothing."""

    def make_it() -> Broken:
        stream = MadeStream()
        change(stream)
        return MAIN, stream.publish().fetch

    return make_it


def with_low_rung(plan: list[int], *, gop: int = 60, start: int = 0, sizes: tuple[int, ...] = (500,)) -> Break:
    """A stream whose lower rung is cut, keyed, placed or sized in another way than the upper one."""

    def change(stream: MadeStream) -> None:
        add_video(stream, 720, 1500)
        add_video(stream, 360, 500)
        init = video_init(640, 360)
        cutter = SegmentCutter(TIMESCALE, [SegmentPlan(n) for n in plan], start_time=start, frame_duration=STEP)
        each = sum(plan) // len(sizes)
        runs = (pictures(each, size, gop=gop, start=i * each * STEP) for i, size in enumerate(sizes))
        segments = cut_pictures(cutter, chain.from_iterable(runs))
        stream.videos[1] = replace(stream.videos[1], segments=tuple(s.info for s in segments))
        stream.add(stream.videos[1], init, segments)
        add_audio(stream, "en")

    return built(change)


def shifted(ticks: int) -> Callable[[bytes], bytes]:
    """The change of a segment's decode time."""

    def change(data: bytes) -> bytes:
        at = data.index(b"tfdt") + 8
        (time,) = struct.unpack_from(">Q", data, at)
        return data[:at] + struct.pack(">Q", time + ticks) + data[at + 8 :]

    return change


def two_tracks(data: bytes) -> bytes:
    moov = next(box for box in boxes(data) if box.kind == b"moov")
    parts = [data[box.start : box.end] for box in boxes(data, moov.body, moov.end)]
    return data[: moov.start] + make(b"moov", *parts, *(p for p in parts if p[4:8] == b"trak"))


def no_key(data: bytes) -> bytes:
    return data.replace(struct.pack(">I", 0x02000000), struct.pack(">I", 0x01010000), 1)


def twice_listed() -> Broken:
    stream = made_stream()
    text = stream.text(MAIN)
    lines = re.findall(f"^#EXT-X-STREAM-INF.*\n{LOW}\n", text, flags=re.MULTILINE)
    stream.files[MAIN] = (text + lines[0]).encode()
    return MAIN, stream.fetch


def one_rung(stream: MadeStream) -> None:
    add_video(stream, 720, 500)
    add_audio(stream)


CASES: list[tuple[str, Break, set[str]]] = [
    ("text", broken_file(HIGH, lambda data: b"\xef\xbb\xbf" + data), set()),
    ("text", broken_file(HIGH, lambda data: data + b"#\xff\n"), set()),
    ("extm3u", broken_text("#EXTM3U", "\n#EXTM3U", HIGH), set()),
    ("tag-syntax", broken_text("#EXT-X-ENDLIST", "#EXT-X-ENDLIST:1", HIGH), set()),
    ("attribute-list", broken_text('iframes.m3u8"', 'iframes.m3u8",bad'), set()),
    ("attribute-list", broken_text("VIDEO-RANGE=SDR", "VIDEO-RANGE=SDR,VIDEO-RANGE=SDR"), set()),
    ("attribute-type", broken_text("VIDEO-RANGE=SDR", 'VIDEO-RANGE="SDR"'), set()),
    ("attribute-type", broken_text('NAME="en"', "NAME=en"), set()),
    ("tag-once", broken_text("#EXT-X-PLAYLIST-TYPE:VOD\n", "#EXT-X-PLAYLIST-TYPE:VOD\n" * 2, HIGH), set()),
    ("tag-place", broken_text("#EXT-X-VERSION:7\n", "#EXT-X-VERSION:7\n#EXT-X-ENDLIST\n"), set()),
    ("version", broken_text("VERSION:7", "VERSION:5", HIGH), set()),
    ("version", broken_ts("#EXT-X-VERSION:4\n", ""), set()),
    ("extinf", broken_ts("#EXTINF:4.000,\n", ""), set()),
    ("extinf", broken_ts("#EXTINF:4.000,", "#EXTINF:four,"), set()),
    ("target-duration", broken_ts("#EXT-X-TARGETDURATION:4\n", ""), set()),
    ("target-duration-bound", broken_ts("TARGETDURATION:4", "TARGETDURATION:3"), set()),
    ("sequence-first", broken_ts("b.ts\n", "b.ts\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), set()),
    ("byte-range", broken_ts("a.ts", "#EXT-X-BYTERANGE:100\na.ts"), set()),
    ("playlist-type", broken_ts("TYPE:VOD", "TYPE:LIVE"), set()),
    ("vod-type", broken_ts("#EXT-X-PLAYLIST-TYPE:VOD\n", ""), set()),
    ("end-list", broken_ts("#EXT-X-ENDLIST\n", ""), set()),
    ("segments", lambda: (TS[: TS.index("#EXTINF")] + "#EXT-X-ENDLIST\n", lambda _: b""), set()),
    ("map", broken_ts("a.ts", "a.m4s?x=1"), set()),
    ("target-six", broken_ts("TARGETDURATION:4", "TARGETDURATION:10"), set()),
    ("variant-uri", broken_lines("^x/h264-360/index.m3u8\n"), set()),
    ("bandwidth", broken_text("BANDWIDTH=244800,", ""), set()),
    ("average-bandwidth", broken_text(",AVERAGE-BANDWIDTH=243099", ""), set()),
    ("codecs", broken_lines(r'(?<=10352,)CODECS="avc1.64001f",'), set()),
    ("resolution", broken_lines(r'(?<="avc1.64001f",)RESOLUTION=640x360,'), set()),
    ("frame-rate", broken_text("FRAME-RATE=30.000,", ""), set()),
    ("frame-rate-form", broken_text("FRAME-RATE=30.000,", "FRAME-RATE=30.0000,"), set()),
    ("frame-rate-limit", broken_text("FRAME-RATE=30.000,", "FRAME-RATE=61.000,"), {"frame-rate-true"}),
    ("iframe-uri", broken_text(',URI="x/h264-360/iframes.m3u8"', ""), set()),
    (
        "iframe-uri",
        broken_text("#EXT-X-I-FRAMES-ONLY\n", "", HIGH_KEYS),
        {"same-target-duration", "aligned", "readable"},
    ),
    ("iframe-playlist", broken_lines("^#EXT-X-I-FRAME-STREAM-INF.*\n"), set()),
    ("media-attributes", broken_text("NAME=\"Die 'Fassung'\",", ""), set()),
    ("media-language", broken_text('LANGUAGE="de",', ""), set()),
    ("language-tag", broken_text('LANGUAGE="de"', 'LANGUAGE="german language"'), set()),
    ("default-autoselect", broken_text("DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO"), set()),
    ("channels", broken_text('CHANNELS="2",', ""), set()),
    ("group-names", broken_text("NAME=\"Die 'Fassung'\"", 'NAME="en"'), set()),
    ("group-default", broken_text("DEFAULT=NO", "DEFAULT=YES"), set()),
    ("group-autoselect", broken_text('LANGUAGE="de"', 'LANGUAGE="en"'), set()),
    (
        "groups-equal",
        broken_text(
            "#EXT-X-STREAM-INF",
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",LANGUAGE="fr",NAME="fr",CHANNELS="2",URI="x/audio-1/index.m3u8"\n'
            "#EXT-X-STREAM-INF",
        ),
        set(),
    ),
    ("group-defined", broken_text('"mp4a.40.2",AUDIO="audio"', '"mp4a.40.2",AUDIO="b"'), set()),
    ("closed-captions", broken_text(",CLOSED-CAPTIONS=NONE", ""), set()),
    ("variants-distinct", twice_listed, set()),
    ("several-rates", built(one_rung), set()),
    ("cellular", broken_lines("^#EXT-X-STREAM-INF.*\nx/audio-0/index.m3u8\n"), set()),
    ("codecs-allowed", broken_text('"mp4a.40.2",AUDIO', '"mp4a.40.2,vp09.00.10.08",AUDIO'), {"codecs-exact"}),
    ("stereo-aac", broken_text("mp4a.40.2", "ac-3", count=-1), {"codecs-complete", "codecs-exact"}),
    ("h264-offered", broken_text("avc1.64001f", "hvc1.1.6.L93.B0", count=-1), {"codecs-complete", "codecs-exact"}),
    ("parameter-sets", broken_text("avc1.64001f", "avc3.64001f"), {"codecs-complete"}),
    ("h264-level", broken_text("avc1.64001f", "avc1.64003c"), {"codecs-complete"}),
    ("hevc-level", broken_text("avc1.64001f", "avc1.64001f,hvc1.4.10.L93.B0"), {"codecs-exact"}),
    ("aspect-ratio", broken_text("RESOLUTION=640x360", "RESOLUTION=640x480"), {"resolution-true"}),
    ("score", broken_text(",CLOSED-CAPTIONS=NONE", ",SCORE=1.0,CLOSED-CAPTIONS=NONE"), set()),
    ("independent-segments", broken_text("#EXT-X-INDEPENDENT-SEGMENTS\n", ""), set()),
    ("independent-segments-twice", broken_text("#EXTINF", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF", HIGH), set()),
    ("reachable", without("x/audio-1/1.m4s"), set()),
    ("readable", broken_file("x/audio-1/1.m4s", lambda data: bytes(len(data))), set()),
    ("readable", broken_file("x/audio-1/1.m4s", lambda data: data[:-100]), set()),
    ("separate-tracks", broken_file("x/h264-360/init.mp4", two_tracks), set()),
    ("same-target-duration", broken_text("TARGETDURATION:4", "TARGETDURATION:5", GERMAN), set()),
    ("same-type", broken_lines("^#EXT-X-(PLAYLIST-TYPE.*|ENDLIST)\n", GERMAN), set()),
    ("same-duration", broken_lines("^#EXTINF:2.000000,\n2.m4s\n", GERMAN), set()),
    ("discontinuities", broken_text("#EXTINF:3", "#EXT-X-DISCONTINUITY\n#EXTINF:3", GERMAN), set()),
    ("aligned", with_low_rung([60, 120, 120]), set()),
    ("start-together", with_low_rung([120, 120, 60], start=768), set()),
    ("decode-times", broken_file("x/audio-1/1.m4s", shifted(5)), set()),
    ("continuous", broken_file("x/audio-1/1.m4s", shifted(2000)), {"decode-times"}),
    ("key-first", broken_file("x/h264-720/1.m4s", no_key), {"iframe-key"}),
    ("key-often", with_low_rung([120, 120, 60], gop=120), set()),
    (
        "over-target",
        broken_text("TARGETDURATION:4", "TARGETDURATION:3", HIGH, start=HIGH),
        {"target-duration-bound"},
    ),
    ("durations", broken_text("EXTINF:4.000000", "EXTINF:4.100000", HIGH, start=HIGH), set()),
    ("codecs-complete", broken_text("avc1.64001f", "avc1.640020"), set()),
    ("codecs-exact", broken_text('"mp4a.40.2",AUDIO', '"mp4a.40.2,ac-3",AUDIO'), set()),
    ("resolution-true", broken_text("RESOLUTION=640x360", "RESOLUTION=656x368"), set()),
    ("frame-rate-true", broken_text("FRAME-RATE=30.000", "FRAME-RATE=25.000"), set()),
    ("frame-rate-true", broken_text("FRAME-RATE=30.000", "FRAME-RATE=50.000"), set()),
    ("video-range-true", broken_text("VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"), set()),
    ("bandwidth-true", broken_text(LOW_RATES, LOW_RATES.replace("=244800", "=300000")), set()),
    ("average-bandwidth-true", broken_text(LOW_RATES, LOW_RATES.replace("243099", "200000")), set()),
    ("peak-to-average", with_low_rung([120, 120, 60], sizes=(9000, 100, 100, 100, 100)), set()),
    ("iframe-bandwidth-true", broken_text("BANDWIDTH=26352,", "BANDWIDTH=36352,"), set()),
    ("iframe-moof", broken_text("@28", "@0", HIGH_KEYS), {"iframe-key"}),
    ("iframe-key", broken_text("BYTERANGE:6588@28", "BYTERANGE:6500@28", HIGH_KEYS), set()),
    ("iframe-durations", broken_text("EXTINF:2.000000", "EXTINF:1.900000", HIGH_KEYS), set()),
    ("subtitles-uri", with_texts(',URI="x/track_1/index.m3u8"', "", MAIN), set()),
    ("forced-subtitles", with_texts("TYPE=AUDIO,", "TYPE=AUDIO,FORCED=YES,", MAIN), set()),
    ("webvtt-header", with_texts("WEBVTT", "WEBTEXT"), set()),
    ("webvtt-map", with_texts("X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n", ""), set()),
    ("webvtt-map-form", with_texts("LOCAL:00:00:00.000", "LOCAL:0"), set()),
    ("webvtt-cues", with_texts("two", "too"), set()),
    ("webvtt-cues", with_texts("00:00:03.900", "00:00:04.000"), set()),
    ("webvtt-cues", with_texts("MPEGTS:0", "MPEGTS:90000"), set()),
    ("readable", with_texts("00:00:03.900", "at four"), set()),
    ("reachable", with_texts("0.vtt", "zero.vtt", "x/track_0/index.m3u8"), set()),
    ("same-target-duration", with_texts("TARGETDURATION:4", "TARGETDURATION:5", "x/track_0/index.m3u8"), set()),
    ("group-defined", with_texts('SUBTITLES="text"', 'SUBTITLES="texts"', MAIN), set()),
]


@pytest.mark.parametrize("parts", [{}, {"video": False}, {"audio": False}])
def test_a_right_stream_has_no_findings(parts: dict[str, bool]) -> None:
    report = check(MAIN, made_stream(**parts).fetch)
    serious = [f for f in report.findings if f.rule != "cellular"]
    assert serious == []
    assert report.ok
    assert report.notes == ()
    assert report.segments > 0


def test_a_right_stream_with_texts_has_no_findings() -> None:
    stream = made_stream()
    before = check(MAIN, stream.fetch)
    add_texts(stream, "en", "de", "fr")
    report = check(MAIN, stream.fetch)
    assert (report.findings, report.notes) == ((), ())
    assert (report.playlists, report.segments) == (before.playlists + 3, before.segments + 9)


def test_subtitles_in_fmp4_are_noted_and_not_read() -> None:
    stream = made_stream()
    add_texts(stream, "en")
    url = "x/track_0/index.m3u8"
    stream.replace(url, "#EXTINF", '#EXT-X-MAP:URI="init.mp4"\n#EXTINF', 1)
    report = check(MAIN, stream.fetch)
    assert report.findings == ()
    assert report.notes == (f"{url}: subtitles in fMP4, its media was not read.",)


def test_a_right_media_playlist_has_no_findings() -> None:
    stream = made_stream()
    report = check(HIGH, stream.fetch)
    assert report.findings == ()
    assert (report.playlists, report.segments) == (1, 3)


def test_a_playlist_of_other_media_is_noted_and_not_read() -> None:
    report = check(TS, lambda _: b"\x47" * 188)
    assert report.findings == ()
    assert "not fMP4" in report.notes[0]


@pytest.mark.parametrize(("rule", "make_it", "others"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_each_rule_finds_its_own_fault(rule: str, make_it: Break, others: set[str]) -> None:
    start, fetch = make_it()
    report = check(start, fetch)
    assert {f.rule for f in report.findings} == {rule, *others}
    finding = next(f for f in report.findings if f.rule == rule)
    assert finding.where
    assert finding.message
    assert re.search(r"RFC 8216bis \d|Apple HLS Authoring \d", finding.clause)
    assert report.ok == all(f.severity is Severity.SHOULD for f in report.findings)


def test_every_rule_has_a_case_and_its_own_name() -> None:
    names = [rule.id for rule in RULES]
    assert sorted(names) == sorted(set(names))
    assert {case[0] for case in CASES} == set(names)


def test_report_is_plain_json() -> None:
    start, fetch = broken_text("FRAME-RATE=30.000", "FRAME-RATE=25.000")()
    told = check(start, fetch).to_json()
    assert told["ok"] is False
    assert told["findings"][0]["severity"] == "must"


def test_a_stream_that_is_not_there_is_one_finding() -> None:
    def refuse(url: str) -> bytes:
        raise ConnectionError(url)

    report = check("https://example.test/a.m3u8", refuse)
    assert [f.rule for f in report.findings] == ["reachable"]


@pytest.mark.parametrize("uri", ["http://[x", "\udcff", "x" * 9000, "//", "?"])
def test_a_strange_address_is_a_finding(uri: str) -> None:
    def fetch(url: str) -> bytes:
        raise FileNotFoundError(url)

    text = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={'9' * 9000}\n{uri}\n"
    found = {f.rule for f in check(text, fetch).findings}
    assert {"reachable", "bandwidth"} <= found


def some_lines() -> st.SearchStrategy[str]:
    tags = sorted(
        {line.split(":")[0] for url in (MAIN, HIGH, HIGH_KEYS) for line in made_stream().text(url).split("\n")}
    )
    return st.lists(
        st.builds(lambda tag, rest: tag + rest, st.sampled_from(tags), st.text(max_size=30)), max_size=12
    ).map("\n".join)


@given(text=some_lines())
def test_no_text_makes_it_fail(text: str) -> None:
    assert check("#EXTM3U\n" + text, lambda _: b"").rules == len(RULES)


@given(data=st.data())
def test_no_damage_makes_it_fail(data: st.DataObject) -> None:
    stream = made_stream(audio=False)
    url = data.draw(st.sampled_from(sorted(stream.files)))
    body = bytearray(stream.files[url])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, min(len(body), 900) - 1))] = data.draw(st.integers(0, 255))
    stream.files[url] = bytes(body)
    assert check(MAIN, stream.fetch).rules == len(RULES)
