"""Outputs of real jobs, fetched over HTTP: every frame and sample that was promised, once, in its place."""

import hashlib
import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import streams
from tests.e2e.driving import Driver, running
from tests.e2e.numbered import LIP_SYNC_S, Sound, frames, lag, picture, sound, tone, worst_difference
from tests.e2e.streams import Track, assert_whole, breaches, listed, steady, track
from tests.fixtures.clips import ClipMaker
from vidcompute.media.hls_check.parse import parse

SECONDS = "12"  # two chunks
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
SMALL = [*X264, "-b:v", "200k", "-maxrate", "300k", "-bufsize", "300k", "-sc_threshold", "0"]
MPEG2 = ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "3"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"]
AAC = ["-c:a", "aac", "-b:a", "96k"]
_PQ = "format=yuv420p10le,setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv:color_trc=smpte2084"
_VARIABLE = ["-vf", "select='not(eq(mod(n,7),3)+eq(mod(n,11),5))'", "-fps_mode", "passthrough"]


@dataclass(frozen=True)
class Case:
    """A source: ffmpeg's arguments, its container, and what its outputs must be.

    `rate` None: every frame keeps the source's own time. `fields` is how many numbers each frame of the source holds.
    """

    arguments: list[str]
    suffix: str = ".mp4"
    rate: Fraction | None = Fraction(30)
    count: int = 360
    fields: int = 1
    copied: bool = False
    tracks: int = 1
    size: tuple[int, int] = (320, 180)


def _both(video: list[str], audio: list[str] = AAC, *, pictures: list[str] | None = None) -> list[str]:
    return [*(pictures or picture(seconds=SECONDS)), *tone(SECONDS), *video, *audio]


CASES = {
    "conformant": Case(_both([*SMALL, "-g", "60"]), copied=True),
    "long-gop": Case(_both([*X264, "-g", "1000"])),
    "vp9-opus": Case(
        _both(["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"], ["-c:a", "libopus"]), ".webm"
    ),
    "ntsc-b-frames-mkv": Case(
        _both([*X264, "-bf", "3", "-g", "250"], ["-c:a", "flac"], pictures=picture(rate="30000/1001", seconds=SECONDS)),
        ".mkv",
        rate=Fraction(30000, 1001),
        count=360,
    ),
    "variable-rate": Case(_both([*_VARIABLE, *X264, "-g", "250"]), ".mkv", rate=None),
    "portrait-rotated": Case(
        _both([*X264, "-vf", "transpose=cclock", "-g", "250"], pictures=picture("180x320", seconds=SECONDS)),
        size=(180, 320),
    ),
    "interlaced": Case(
        _both(
            ["-vf", "tinterlace=interleave_top,setfield=tff", *MPEG2],
            ["-c:a", "mp2"],
            pictures=picture("320x192", rate="50", seconds=SECONDS),
        ),
        ".ts",
        rate=Fraction(25),
        count=300,
        fields=2,
        size=(300, 180),
    ),
    "surround-two-languages": Case(
        [
            *(*picture(seconds=SECONDS), *tone(SECONDS, 6), *tone(SECONDS, 2, 300)),
            *("-map", "0", "-map", "1", "-map", "2"),
            *(*X264, "-g", "250", "-c:a", "flac", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger"),
        ],
        ".mkv",
        tracks=2,
    ),
    "transport-stream": Case(_both([*X264, "-bf", "3", "-g", "75"]), ".ts"),
    "late-start": Case([*_both([*X264, "-g", "250"], ["-c:a", "ac3"]), "-output_ts_offset", "100"], ".mkv"),
    "avi-without-times": Case(_both([*X264, "-bf", "3", "-g", "75"], ["-c:a", "libmp3lame"]), ".avi"),
    "program-stream": Case(
        _both(["-c:v", "mpeg2video", "-q:v", "3", "-bf", "2"], ["-c:a", "mp2", "-f", "vob"]), ".mpg"
    ),
    "raw-h264": Case([*picture(seconds=SECONDS), *X264, "-bf", "3", "-g", "75"], ".h264", tracks=0),
    "hdr10": Case(_both(["-vf", _PQ, *X265])),
    "silent": Case([*picture(seconds=SECONDS), *X264, "-g", "250"], tracks=0),
    "length-0.2-s": Case([*picture(seconds="0.2"), *tone("0.2"), *X264, *AAC], count=6),
}
EVERYTHING = ["hls", "mp4", "audio", "thumbnail", "storyboard", "preview"]
RENDITIONS = [{"height": 180}, {"height": 144}]


@dataclass
class Ready:
    """A case's source and its finished job."""

    driver: Driver
    source: Path
    job: dict[str, Any]

    @property
    def playback_id(self) -> str:
        return str(self.job["asset"]["playback_id"])

    @cached_property
    def tracks(self) -> dict[str, Track]:
        """All tracks that the playlist lists."""
        return {name: track(self.driver, self.playback_id, name) for name in listed(self.driver, self.playback_id)}

    @cached_property
    def pictures(self) -> list[Track]:
        return [found for name, found in self.tracks.items() if not name.startswith("audio-")]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.driver.bytes(f"/stream/{self.playback_id}/manifest.json"))
        return found


class Cases:
    """Submits every case at once, and waits for each when it is looked at."""

    def __init__(self, driver: Driver, clip: ClipMaker) -> None:
        self._driver = driver
        self._ready: dict[str, Ready] = {}
        self._sources = {n: clip(f"numbered-{n}", c.arguments, suffix=c.suffix) for n, c in CASES.items()}
        self._sources["portrait-rotated"] = _rotated(self._sources["portrait-rotated"], clip)
        self._jobs = {name: self._submit(name) for name in CASES}

    def _submit(self, name: str) -> str:
        outputs = EVERYTHING if name == "conformant" else ["hls"]
        options: dict[str, Any] = {"outputs": outputs, "renditions": RENDITIONS, "title": name}
        return str(self._driver.submit(self._sources[name], **options)["id"])

    def __getitem__(self, name: str) -> Ready:
        if name not in self._ready:
            self._ready[name] = Ready(self._driver, self._sources[name], self._driver.done(self._jobs[name]))
        return self._ready[name]


def _rotated(source: Path, clip: ClipMaker) -> Path:
    """The same file with a note that players turn it by 90 degrees clockwise."""
    return clip("numbered-rotated", ["-display_rotation:v:0", "-90", "-i", str(source), "-c", "copy"], suffix=".mp4")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, clip: ClipMaker) -> Generator[Cases]:
    with running(tmp_path_factory.mktemp("outputs") / "data", VIDCOMPUTE_CPU_COUNT="2") as driver:
        yield Cases(driver, clip)


every_case = pytest.mark.parametrize("name", list(CASES))


@every_case
def test_the_stream_keeps_every_rule_that_says_must(cases: Cases, name: str) -> None:
    ready = cases[name]
    assert breaches(ready.driver, ready.playback_id) == []


@every_case
def test_every_frame_of_the_source_is_in_each_rendition_once(cases: Cases, name: str) -> None:
    ready, case = cases[name], CASES[name]
    assert (ready.pictures[0].init.width, ready.pictures[0].init.height) == case.size
    if case.rate is None:
        original = frames(ready.source)
        count, wanted = len(original), [f.number for f in original]
        assert 250 < count < 330
    else:
        count, wanted = case.count, list(range(case.count))
    chunks = next(stage["tasks"] for stage in ready.job["stages"] if stage["name"] == "encode")
    assert chunks == (1 if name in {"length-0.2-s", "avi-without-times", "raw-h264"} else 2)
    assert [p.name for p in ready.pictures] == ["h264-180", "h264-144"]
    for pictures in ready.pictures:
        promised = steady(count, case.rate) if case.rate else _own_times(ready.source, pictures)
        shown = assert_whole(pictures, promised)
        assert [f.number // case.fields for f in shown if f.number is not None] == wanted
        described = next(t for t in ready.manifest["tracks"] if t["name"] == pictures.name)
        assert described["frames"] == count


def _own_times(source: Path, made: Track) -> list[Fraction]:
    times = [f.time for f in frames(source)]
    # Matroska rounds to milliseconds; the last frame's end is the promise of the timeline alone.
    return [*(time - times[0] for time in times), made.boundaries()[-1]]


@every_case
def test_all_renditions_are_cut_at_the_same_instants(cases: Cases, name: str) -> None:
    ready = cases[name]
    cuts = {tuple(p.boundaries()) for p in ready.pictures}
    assert len(cuts) == 1
    stated = {tuple(s.seconds for s in p.playlist.segments) for p in ready.pictures}
    assert len(stated) == 1
    for heard in (t for n, t in ready.tracks.items() if n.startswith("audio-")):
        for boundary in heard.boundaries()[1:-1]:  # sound is cut at the frame nearest to the picture's boundary
            assert min(abs(boundary - cut) for cut in next(iter(cuts))) <= Fraction(1024, heard.init.timescale)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.tracks])
def test_sound_is_whole_and_keeps_its_place_beside_the_picture(cases: Cases, name: str) -> None:
    ready, case = cases[name], CASES[name]
    heard = [t for n, t in ready.tracks.items() if n.startswith("audio-")]
    assert len(heard) == case.tracks
    first_picture = frames(ready.pictures[0].piece(0))[0].time
    for number, made in enumerate(heard):
        streams.assert_listed(made)
        came = sound(made.joined)
        assert abs(came.start - first_picture) < LIP_SYNC_S
        original = sound(ready.source, number)
        zero = frames(ready.source)[0].time
        delay = lag(came.samples, original.samples)
        assert abs(float(came.start) + delay / 48000 - float(original.start - zero)) < LIP_SYNC_S
        _assert_same(came, original, delay, case)


def _assert_same(came: Sound, original: Sound, delay: int, case: Case) -> None:
    later = came.samples[max(0, delay) :], original.samples[max(0, -delay) :]
    if case.count > 10:
        assert worst_difference(*later) < 0.1
        assert abs(came.seconds - float(SECONDS)) < 0.15


def test_languages_are_named(cases: Cases) -> None:
    ready = cases["surround-two-languages"]
    text = ready.driver.bytes(f"/stream/{ready.playback_id}.m3u8").decode()
    assert 'LANGUAGE="en"' in text
    assert 'LANGUAGE="de"' in text
    assert [t["language"] for t in ready.manifest["tracks"] if t["kind"] == "audio"] == ["en", "de"]
    assert ready.tracks["audio-0"].init.channels == 2


def test_a_conformant_source_is_copied(cases: Cases) -> None:
    ready = cases["conformant"]
    assert "remux" in ready.driver.attempts(ready.job["id"])
    assert "remux" not in ready.driver.attempts(cases["long-gop"].job["id"])


def test_high_dynamic_range_becomes_standard_for_h264(cases: Cases) -> None:
    ready = cases["hdr10"]
    assert ready.job["asset"]["facts"]["video"]["hdr"] is True
    assert {t["video_range"] for t in ready.manifest["tracks"] if t["kind"] == "video"} == {"SDR"}


# Not the shortest: FFmpeg's DASH reader gives all frames of a lone tiny segment twice.
@pytest.mark.parametrize("name", ["conformant", "ntsc-b-frames-mkv", "variable-rate"])
def test_dash_plays_the_same_frames(cases: Cases, name: str, ffmpeg: str) -> None:
    ready = cases[name]
    url = f"{ready.driver.server.url}/stream/{ready.playback_id}.mpd"
    maps = ["-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough"]
    command = [ffmpeg, "-v", "error", "-nostdin", "-i", url, *maps, "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [line.partition(",")[0] for line in done.stdout.splitlines() if not line.startswith("#")]
    count = sum(len(samples) for samples in ready.pictures[0].samples)
    assert [lines.count(str(n)) for n in range(len(ready.pictures))] == [count] * len(ready.pictures)
    assert lines.count(str(len(ready.pictures))) > 5


def test_the_progressive_file_and_the_sound_alone_hold_what_the_stream_holds(cases: Cases, tmp_path: Path) -> None:
    ready = cases["conformant"]
    file = tmp_path / "video.mp4"
    answer = ready.driver.get(streams.by_type(ready.job, "mp4")["url"])
    assert answer.headers["content-type"] == "video/mp4"
    file.write_bytes(answer.content)
    assert answer.content.index(b"moov") < answer.content.index(b"mdat")
    assert [f.number for f in frames(file)] == list(range(360))
    assert [f.time for f in frames(file)][:2] == [0, Fraction(1, 30)]
    alone = tmp_path / "sound.m4a"
    alone.write_bytes(ready.driver.bytes(f"/stream/{ready.playback_id}.m4a"))
    streamed, filed, single = sound(ready.tracks["audio-0"].joined), sound(file), sound(alone)
    assert worst_difference(filed.samples, streamed.samples) < 1e-3
    assert worst_difference(single.samples, streamed.samples) < 1e-3
    assert abs(float(filed.start - frames(file)[0].time)) < LIP_SYNC_S


@every_case
def test_the_manifest_tells_true_sizes_and_digests(cases: Cases, name: str) -> None:
    ready = cases[name]
    assert ready.manifest["playback_id"] == ready.playback_id
    assert [t["name"] for t in ready.manifest["tracks"]] == list(ready.tracks)
    for described in ready.manifest["tracks"]:
        made = ready.tracks[described["name"]]
        digests = "".join(hashlib.sha256(data).hexdigest() for data in made.segments)
        assert described["segments_sha256"] == hashlib.sha256(digests.encode()).hexdigest()
        assert described["size_bytes"] == sum(map(len, made.segments))
        assert described["segments"] == len(made.segments)
        assert described["codec"] == made.init.codec_string


def test_newer_codecs_and_quality_on_request(cases: Cases, clip: ClipMaker) -> None:
    driver = cases["conformant"].driver
    source = clip("numbered-short", [*picture(seconds="7"), *X264, "-g", "250"])
    wanted = [{"height": 180}, {"height": 180, "codec": "hevc"}, {"height": 144, "codec": "av1", "quality": 30}]
    job = driver.submit(source, outputs=["hls"], renditions=wanted, vmaf=True)
    playback_id = job["asset"]["playback_id"]
    driver.until(job["id"], "a first play", lambda j: j["asset"]["status"] in {"playable", "ready"})
    planned = _codecs(driver, playback_id, "?planned=1")
    driver.done(job["id"])
    assert breaches(driver, playback_id) == []
    assert planned == _codecs(driver, playback_id)
    names = listed(driver, playback_id)
    assert sorted(names) == ["av1-144", "h264-180", "hevc-180"]
    for name in names:
        made = track(driver, playback_id, name)
        assert [f.number for f in assert_whole(made, steady(210, Fraction(30)))] == list(range(210))
        assert made.init.codec_string.startswith({"h264": "avc1.", "hevc": "hvc1.", "av1": "av01."}[name[:-4]])
    manifest = json.loads(driver.bytes(f"/stream/{playback_id}/manifest.json"))
    scores = {f["facts"]["track"]: f["facts"]["mean"] for f in manifest["files"] if f["output"].startswith("vmaf/")}
    assert sorted(scores) == sorted(names)
    assert all(40 < score <= 100 for score in scores.values()), scores


def _codecs(driver: Driver, playback_id: str, query: str = "") -> list[tuple[str, str, str]]:
    """What a player chooses by, in the order of the multivariant playlist."""
    master = parse(driver.bytes(f"/stream/{playback_id}.m3u8{query}"), "")
    return [(v.uri, v.tag.attributes["CODECS"], v.tag.attributes["VIDEO-RANGE"]) for v in master.variants]


def test_an_audio_file_becomes_a_stream_of_sound(cases: Cases, clip: ClipMaker) -> None:
    driver = cases["conformant"].driver
    source = clip("numbered-only-sound", [*tone(SECONDS), "-c:a", "flac"], suffix=".flac")
    job = driver.done(driver.submit(source, outputs=["hls", "audio", "thumbnail"])["id"])
    playback_id = job["asset"]["playback_id"]
    assert breaches(driver, playback_id) == []
    assert listed(driver, playback_id) == ["audio-0"]
    made, original = sound(track(driver, playback_id, "audio-0").joined), sound(source)
    assert made.start == 0
    delay = lag(made.samples, original.samples)
    assert abs(delay) < LIP_SYNC_S * 48000
    assert worst_difference(made.samples[max(0, delay) :], original.samples[max(0, -delay) :]) < 0.1
    assert driver.get(f"/image/{playback_id}/thumbnail.jpg").headers["content-type"] == "image/jpeg"
