"""Watching while the encode runs: segments on request, in any order, that the ladder's own take the place of."""

import io
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.driving import Driver, busy, running
from tests.e2e.numbered import Samples, called, dubbed, frames, lag, picture, sound, tone, worst_difference
from tests.e2e.streams import Track, assert_whole, breaches, listed, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.processes import descendants
from tests.fixtures.waiting import wait_until
from vidcompute.media.hls_check.parse import parse

SECONDS, FRAMES = "32", 960
EDGES = (0, *range(60, FRAMES, 120), FRAMES)  # the first frame of each segment, and the end
FAST, OTHER = "h264-180", "h264-144"
RENDITIONS = [{"height": 180}, {"height": 144}]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "250"]
# By container: one with exact times whose sound is copied, one whose sound is encoded, one with times in milliseconds.
SOURCES = {
    "copied-aac": (["-c:a", "aac"], ".mp4"),
    "pcm": (["-c:a", "pcm_s16le"], ".mov"),
    "opus": (["-c:a", "libopus"], ".mkv"),
}
CLOCK_S = {"opus": 0.0015}  # how exactly a source says where a sound is, if not to the sample
OUT_OF_ORDER = (7, 0, 4, 5, 2)
FRAME = 1024
AAC_TOLERANCE = 0.06  # how much two encodes of the same sound differ


@dataclass
class Early:
    """What was fetched of a source while no ladder got on."""

    driver: Driver
    job: dict[str, Any]
    listed: list[str]
    planned: list[str]
    playlist: str
    inits: dict[str, httpx2.Response]
    answers: dict[tuple[str, int], httpx2.Response] = field(default_factory=dict)
    encode_status: str = ""

    @property
    def playback_id(self) -> str:
        return str(self.job["asset"]["playback_id"])

    def piece(self, name: str, number: int) -> io.BytesIO:
        """A provisional segment, made playable by its header."""
        return io.BytesIO(self.inits[name].content + self.answers[name, number].content)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    with running(tmp_path_factory.mktemp("first-play") / "data", VIDCOMPUTE_CPU_COUNT="1") as made:
        yield made


def _source(clip: ClipMaker, name: str) -> Path:
    audio, suffix = SOURCES[name]
    film = clip("numbered-first", [*picture(seconds=SECONDS), *X264])
    return clip(f"numbered-first-{name}", dubbed(film, tone(SECONDS), audio), suffix=suffix)


def _submit(driver: Driver, clip: ClipMaker, name: str) -> dict[str, Any]:
    return driver.submit(_source(clip, name), outputs=["hls"], renditions=RENDITIONS, title=name)


def _watch(driver: Driver, job: dict[str, Any]) -> Early:
    """Fetch as a player does that jumps about."""
    playback_id = job["asset"]["playback_id"]
    stream = f"/stream/{playback_id}"
    found = Early(
        driver,
        job,
        listed(driver, playback_id),
        listed(driver, playback_id, "?planned=1"),
        driver.bytes(f"{stream}/{FAST}/index.m3u8").decode(),
        {name: driver.get(f"{stream}/{name}/init.mp4") for name in (FAST, "audio-0")},
    )
    for number in OUT_OF_ORDER:
        for name in (FAST, "audio-0"):
            found.answers[name, number] = driver.get(f"{stream}/{name}/{number}.m4s")
    found.encode_status = next(s["status"] for s in driver.job(job["id"])["stages"] if s["name"] == "encode")
    return found


@pytest.fixture(scope="module")
def early(driver: Driver, clip: ClipMaker) -> dict[str, Early]:
    with busy(driver, clip):
        return {name: _watch(driver, _submit(driver, clip, name)) for name in SOURCES}


@pytest.fixture(scope="module")
def late(driver: Driver, early: dict[str, Early]) -> dict[str, dict[str, Track]]:
    """The tracks of each source once its job is done."""
    for seen in early.values():
        driver.done(seen.job["id"])
    return {
        name: {n: track(driver, seen.playback_id, n) for n in listed(driver, seen.playback_id)}
        for name, seen in early.items()
    }


every_source = pytest.mark.parametrize("name", list(SOURCES))


@every_source
def test_the_whole_timeline_is_there_before_the_ladder(early: dict[str, Early], name: str) -> None:
    seen = early[name]
    assert seen.encode_status in {"ready", "waiting"}
    assert seen.listed == [FAST, "audio-0"]
    assert seen.planned == [FAST, OTHER, "audio-0"]
    playlist = parse(seen.playlist, "")
    assert [entry.seconds for entry in playlist.segments] == [Fraction(b - a, 30) for a, b in pairwise(EDGES)]
    assert "#EXT-X-ENDLIST" in seen.playlist


@every_source
def test_any_segment_comes_on_request_with_the_right_pictures_at_the_right_time(
    early: dict[str, Early], name: str
) -> None:
    seen = early[name]
    for number in OUT_OF_ORDER:
        answer = seen.answers[FAST, number]
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        shown = frames(seen.piece(FAST, number))
        promised = range(EDGES[number], EDGES[number + 1])
        assert [f.number for f in shown] == list(promised)
        assert [f.time for f in shown] == [Fraction(n, 30) for n in promised]


@every_source
def test_the_ladder_takes_the_place_of_what_was_made_in_haste(
    early: dict[str, Early], late: dict[str, dict[str, Track]], name: str
) -> None:
    seen, made = early[name], late[name]
    assert list(made) == [FAST, OTHER, "audio-0"]
    assert breaches(seen.driver, seen.playback_id) == []
    for track_name in (FAST, OTHER):
        assert [f.number for f in assert_whole(made[track_name], steady(FRAMES, Fraction(30)))] == list(range(FRAMES))
    for track_name, header in seen.inits.items():
        assert header.content == made[track_name].header
    assert all(seen.answers[FAST, number].content != made[FAST].segments[number] for number in OUT_OF_ORDER)
    again = seen.driver.get(f"/stream/{seen.playback_id}/{FAST}/7.m4s")
    assert "immutable" in again.headers["cache-control"]


@every_source
def test_hasty_and_final_pictures_play_one_after_the_other(
    early: dict[str, Early], late: dict[str, dict[str, Track]], name: str
) -> None:
    made = late[name][FAST]
    parts = [early[name].answers[FAST, n].content if n in {2, 5} else data for n, data in enumerate(made.segments)]
    shown = frames(io.BytesIO(made.header + b"".join(parts)))
    assert [(f.number, f.time) for f in shown] == [(n, Fraction(n, 30)) for n in range(FRAMES)]


def _decoded(header: bytes, segments: list[bytes]) -> Samples:
    return sound(io.BytesIO(header + b"".join(segments))).samples


@every_source
def test_sound_after_a_jump_joins_with_what_is_around_it(
    early: dict[str, Early], late: dict[str, dict[str, Track]], name: str
) -> None:
    seen, made = early[name], late[name]["audio-0"]
    whole = _decoded(made.header, made.segments)
    for number in OUT_OF_ORDER:
        start = made.samples[number][0].dts
        end = start + sum(s.duration for s in made.samples[number])
        data = seen.answers["audio-0", number].content
        joined = _decoded(made.header, [*made.segments[:number], data, *made.segments[number + 1 :]])
        assert len(joined) == len(whole)
        assert abs(lag(joined[start + FRAME : end], whole[start + FRAME : end])) <= CLOCK_S.get(name, 0) * 48000
        around = slice(max(0, start - 8 * FRAME), end + 8 * FRAME)
        if name == "copied-aac":
            assert data == made.segments[number]
        elif name not in CLOCK_S:
            assert worst_difference(joined[around], whole[around]) < AAC_TOLERANCE


def test_what_is_not_there_yet_is_held_and_never_404(driver: Driver, clip: ClipMaker) -> None:
    with busy(driver, clip):
        stream = f"/stream/{_fresh(driver, clip, 'held')}"
        driver.bytes(f"{stream}.m3u8")
        other = driver.get(f"{stream}/{OTHER}/3.m4s")  # of a rung that the busy core has not begun
        assert other.status_code == 503
        assert other.json()["code"] == "segment_not_ready"
        assert other.headers["retry-after"]
        assert driver.get(f"{stream}/{FAST}/9.m4s").status_code == 404  # behind the end: it will never be there


def test_requests_for_one_segment_share_one_run(driver: Driver, clip: ClipMaker) -> None:
    with busy(driver, clip), ThreadPoolExecutor(8) as pool:
        stream = f"/stream/{_fresh(driver, clip, 'shared')}"
        driver.bytes(f"{stream}/{FAST}/0.m4s")
        wait_until(lambda: not _runs(driver), what="the end of the opening's run")
        names = [FAST, "audio-0"] * 4
        asked = [pool.submit(driver.get, f"{stream}/{name}/6.m4s") for name in names]
        seen: set[int] = set()
        wait_until(lambda: _noted(seen, driver) and all(request.done() for request in asked), what="the answers")
        answers = [request.result() for request in asked]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 2
        assert len(seen) <= 1


def _noted(seen: set[int], driver: Driver) -> bool:
    seen.update(_runs(driver))
    return True


def _counted(numbers: list[int], driver: Driver) -> bool:
    numbers.append(len(_runs(driver)))
    return True


def _runs(driver: Driver) -> set[int]:
    """The processes that make segments in haste now."""
    below = descendants(*driver.server.roots())
    return {pid for pid, line in below.items() if "ffmpeg" in line.split(" ")[0] and "ultrafast" in line}


def test_an_asset_may_be_deleted_for_good_while_it_is_made_and_watched(driver: Driver, clip: ClipMaker) -> None:
    with busy(driver, clip), ThreadPoolExecutor(4) as pool:
        job = _job(driver, clip, "deleted")
        stream = f"/stream/{job['asset']['playback_id']}"
        driver.bytes(f"{stream}.m3u8")
        asked = [pool.submit(driver.get, f"{stream}/{name}/{n}.m4s") for name in (FAST, OTHER) for n in (6, 3)]
        path = f"/api/v1/assets/{job['asset_id']}"
        assert driver.http.delete(path, params={"permanent": "true"}).status_code == 204
        assert {request.result().status_code for request in asked} <= {200, 404, 503}
        assert driver.http.get(path).status_code == 404
        wait_until(lambda: driver.get(f"{stream}.m3u8").status_code == 404, what="the stream's end")
        wait_until(lambda: not _runs(driver), what="the end of the runs for it")
    assert driver.get("/health").status_code == 200


def test_jumps_have_a_budget(driver: Driver, clip: ClipMaker) -> None:
    long = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=600", *X264[:2], "-preset", "ultrafast", "-g", "250"]
    source = clip("long-and-tiny", long)
    with busy(driver, clip), ThreadPoolExecutor(90) as pool:
        job = driver.submit(source, outputs=["hls"])
        stream = f"/stream/{job['asset']['playback_id']}"
        (name,) = listed(driver, job["asset"]["playback_id"])
        driver.bytes(f"{stream}/{name}/0.m4s")
        jumps = [pool.submit(driver.get, f"{stream}/{name}/{n * 67 % 149}.m4s") for n in range(1, 91)]
        most: list[int] = []
        wait_until(lambda: _counted(most, driver) and all(jump.done() for jump in jumps), what="the answers")
        assert max(most) <= 2  # one that ends, and the next
        statuses = [jump.result().status_code for jump in jumps]
        assert set(statuses) <= {200, 429, 503}
        assert 429 in statuses
        driver.http.delete(f"/api/v1/assets/{job['asset_id']}").raise_for_status()
    assert driver.get("/health").status_code == 200
    assert "Traceback" not in driver.server.log_text()


def _job(driver: Driver, clip: ClipMaker, name: str) -> dict[str, Any]:
    """A job of a source of its own, so that no other test's work is shared."""
    source = clip(f"numbered-{name}", called(_source(clip, "copied-aac"), name))
    return driver.submit(source, outputs=["hls"], renditions=RENDITIONS)


def _fresh(driver: Driver, clip: ClipMaker, name: str) -> str:
    return str(_job(driver, clip, name)["asset"]["playback_id"])
