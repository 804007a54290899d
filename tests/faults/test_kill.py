"""`kill -9` of the server at random points of a job: after each restart it goes on by itself, and loses nothing."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json
from tests.e2e.numbered import LIP_SYNC_S, Sound, lag, numbers, picture, sound, tone, worst_difference
from tests.e2e.streams import assert_whole, breaches, by_type, listed, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import PROFILE, Server
from tests.fixtures.processes import alive, descendants
from tests.fixtures.waiting import wait_until

RENDITIONS: list[Json] = [{"height": 180}, {"height": 144, "codec": "hevc"}]
OUTPUTS = ["hls", "mp4", "thumbnail", "storyboard", "preview"]
STAGES = {"probe", "audio", "poster", "storyboard", "preview", "encode", "package", "mp4"}
RATE = Fraction(30)
CORES = 2
LAG_FOUND_IN = 60 * 48_000  # samples at the beginning, by which two sounds are laid upon each other


@dataclass(frozen=True)
class Work:
    """What is submitted, and how long the server lives between two kills, at most."""

    seconds: int
    size: str
    rise_hz: int
    renditions: list[Json] | None
    names: list[str]
    life_s: float

    def source(self, clip: ClipMaker) -> Path:
        """Numbered pictures and a rising tone that must both be encoded."""
        inputs = [*picture(self.size, seconds=str(self.seconds)), *tone(str(self.seconds), rise_hz=self.rise_hz)]
        video = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "pcm_s16le"]
        return clip(f"numbered-kill-{self.seconds}", [*inputs, *video], suffix=".mov")

    @property
    def spec(self) -> Json:
        """The job's, but for its input."""
        return {"outputs": OUTPUTS} | ({"renditions": self.renditions} if self.renditions else {})

    @property
    def frames(self) -> int:
        """How many there are of each rendition."""
        return int(self.seconds * RATE)


SHORT = Work(40, "320x180", 60, RENDITIONS, ["audio-0", "h264-180", "hevc-144"], 1.2)
TEN_MINUTES = Work(600, "1280x720", 6, None, ["audio-0", "h264-480", "h264-720"], 20)


def _done_tasks(job: Json) -> Mapping[str, tuple[int, int]]:
    """By stage: how many of its tasks are done, and how often they were started."""
    return {stage["name"]: (stage["tasks_done"], stage["attempts"]) for stage in job["stages"]}


def _kill_within(server: Server, delay_s: float) -> set[int]:
    """Kill the server after a while; the processes that were below it."""
    assert server.process is not None
    end = time.monotonic() + delay_s
    wait_until(lambda: time.monotonic() >= end, what="the moment of the kill")
    below = set(descendants(server.process.pid))
    server.kill()
    return below


def _assert_nothing_left(below: set[int], server: Server) -> None:
    wait_until(lambda: not alive(below), timeout_s=20, what="the end of every child")
    text = str(server.data_dir).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and alive([int(entry.name)]):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            assert text not in line, f"{entry.name} survived: {line!r}"


def _kill_often(work: Work, clip: ClipMaker, folder: Path, kills: int, seed: int) -> None:
    with PROFILE[-1].cores(CORES):
        _live_through_kills(work, work.source(clip), folder / "data", kills, random.Random(seed))


def _live_through_kills(work: Work, source: Path, data: Path, kills: int, chance: random.Random) -> None:
    environment = {"VIDCOMPUTE_CPU_COUNT": str(CORES)}
    server = Server(data, environment).prepare().start()
    driver = Driver(server)
    job_id = driver.submit(source, **work.spec)["id"]
    finished: Mapping[str, tuple[int, int]] = {}
    for _ in range(kills):
        driver.close()
        below = _kill_within(server, chance.uniform(0.0, work.life_s))
        _assert_nothing_left(below, server)
        server = Server(data, environment).start()
        driver = Driver(server)
        finished = _assert_kept(driver.job(job_id), finished)
    try:
        job = driver.done(job_id)
        _assert_kept(job, finished)
        _assert_cost_little(job, kills)
        _assert_whole(driver, job, work, source)
    finally:
        driver.close()
        server.stop()


def _assert_kept(job: Json, before: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, int]]:
    """What was done before is done still, and a stage that was over was not started again."""
    now = _done_tasks(job)
    tasks = {stage["name"]: stage["tasks"] for stage in job["stages"]}
    for name, (done, attempts) in before.items():
        assert now[name][0] >= done, name
        if done == tasks[name]:
            assert now[name][1] == attempts, f"{name} was run again"
    assert job["status"] in {"queued", "running", "done"}
    return now


def _assert_cost_little(job: Json, kills: int) -> None:
    assert {stage["name"] for stage in job["stages"]} == STAGES
    for stage in job["stages"]:
        # Each kill costs each task that ran at most one attempt, and no task is started again once it is done.
        assert stage["attempts"] <= stage["tasks"] + 2 * kills, stage
        assert stage["tasks_done"] == stage["tasks"]
    if not PROFILE[-1].elsewhere():  # attempts were processes of the server's: some kill cost work
        assert sum(s["attempts"] for s in job["stages"]) > sum(s["tasks"] for s in job["stages"])


def _assert_whole(driver: Driver, job: Json, work: Work, source: Path) -> None:
    playback_id = job["asset"]["playback_id"]
    assert breaches(driver, playback_id) == []
    assert sorted(listed(driver, playback_id)) == work.names
    for output in job["outputs"]:
        assert output["ready"], output
    wanted = [n % 1024 for n in range(work.frames)]
    boundaries = set()
    for name in work.names[1:]:
        made = track(driver, playback_id, name)
        assert [frame.number for frame in assert_whole(made, steady(work.frames, RATE))] == wanted
        assert made.boundaries()[0] == 0
        boundaries.add(tuple(made.boundaries()))
    assert len(boundaries) == 1
    heard = sound(track(driver, playback_id, "audio-0").joined)
    assert abs(heard.start) < LIP_SYNC_S
    _assert_sounds_like(heard, sound(source))
    file = driver.server.data_dir / "whole.mp4"
    file.write_bytes(driver.bytes(by_type(job, "mp4")["url"]))
    assert numbers(file) == wanted


def _assert_sounds_like(heard: Sound, original: Sound) -> None:
    delay = lag(heard.samples[:LAG_FOUND_IN], original.samples[:LAG_FOUND_IN])
    assert abs(delay) <= 48
    assert abs(heard.seconds - original.seconds) < 0.15
    assert worst_difference(heard.samples[max(0, delay) :], original.samples[max(0, -delay) :]) < 0.1


def test_a_job_survives_kills_of_the_server(clip: ClipMaker, tmp_path: Path) -> None:
    _kill_often(SHORT, clip, tmp_path, kills=3, seed=20_261_121)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_job_survives_ten_kills_of_the_server(clip: ClipMaker, tmp_path: Path, seed: int) -> None:
    _kill_often(SHORT, clip, tmp_path, kills=10, seed=seed)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_minutes_survive_ten_kills_of_the_server(clip: ClipMaker, tmp_path: Path) -> None:
    _kill_often(TEN_MINUTES, clip, tmp_path, kills=10, seed=1)
