"""`kill -9` of the server at random points of a job: after each restart it goes on by itself, and loses nothing."""

import random
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from tests.e2e.driving import Driver, Json, processes_below
from tests.e2e.numbered import lag, picture, sound, tone, worst_difference
from tests.e2e.streams import assert_whole, breaches, listed, steady, track
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import Server
from tests.fixtures.waiting import wait_until

SECONDS, FRAMES = "40", 1200
RENDITIONS = [{"height": 180}, {"height": 144, "codec": "hevc"}]
STAGES = {"probe", "audio", "poster", "storyboard", "preview", "encode", "package", "mp4"}


def _source(clip: ClipMaker) -> Path:
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "250", "-c:a", "pcm_s16le"]
    return clip("numbered-kill", [*picture(seconds=SECONDS), *tone(SECONDS), *video], suffix=".mov")


def _done_tasks(job: Json) -> Mapping[str, tuple[int, int]]:
    """By stage: how many of its tasks are done, and how often they were started."""
    return {stage["name"]: (stage["tasks_done"], stage["attempts"]) for stage in job["stages"]}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def _kill_within(server: Server, delay_s: float) -> set[int]:
    """Kill the server after a while; the processes that were below it."""
    assert server.process is not None
    end = time.monotonic() + delay_s
    wait_until(lambda: time.monotonic() >= end, what="the moment of the kill")
    below = set(processes_below(server.process.pid))
    server.kill()
    return below


def _assert_nothing_left(below: set[int], server: Server) -> None:
    wait_until(lambda: not any(map(_alive, below)), timeout_s=20, what="the end of every child")
    text = str(server.data_dir).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _alive(int(entry.name)):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            assert text not in line, f"{entry.name} survived: {line!r}"


def _kill_often(clip: ClipMaker, folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    data = folder / "data"
    data.mkdir()
    environment = {"VIDCOMPUTE_CPU_COUNT": "2"}
    server = Server(data, environment).start()
    driver = Driver(server)
    job_id = driver.submit(
        _source(clip), outputs=["hls", "mp4", "thumbnail", "storyboard", "preview"], renditions=RENDITIONS
    )["id"]
    finished: Mapping[str, tuple[int, int]] = {}
    for _ in range(kills):
        driver.close()
        below = _kill_within(server, chance.uniform(0.0, 1.2))
        _assert_nothing_left(below, server)
        server = Server(data, environment).start()
        driver = Driver(server)
        finished = _assert_kept(driver.job(job_id), finished)
    try:
        _assert_whole(driver, driver.done(job_id), finished, kills)
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


def _assert_whole(driver: Driver, job: Json, finished: Mapping[str, tuple[int, int]], kills: int) -> None:
    _assert_kept(job, finished)
    assert {stage["name"] for stage in job["stages"]} == STAGES
    for stage in job["stages"]:
        # Each kill costs each task that ran at most one attempt, and no task is started again once it is done.
        assert stage["attempts"] <= stage["tasks"] + 2 * kills, stage
        assert stage["tasks_done"] == stage["tasks"]
    assert sum(s["attempts"] for s in job["stages"]) > sum(s["tasks"] for s in job["stages"])  # some kill cost work
    playback_id = job["asset"]["playback_id"]
    assert breaches(driver, playback_id) == []
    assert sorted(listed(driver, playback_id)) == ["audio-0", "h264-180", "hevc-144"]
    for name in ("h264-180", "hevc-144"):
        shown = assert_whole(track(driver, playback_id, name), steady(FRAMES, Fraction(30)))
        assert [frame.number for frame in shown] == list(range(1024)) + list(range(FRAMES - 1024))
    heard = sound(track(driver, playback_id, "audio-0").joined)
    original = sound(driver.server.data_dir / "storage" / _source_key(driver))
    delay = lag(heard.samples, original.samples)
    assert abs(delay) <= 48
    assert worst_difference(heard.samples[max(0, delay) :], original.samples[max(0, -delay) :]) < 0.1
    for output in job["outputs"]:
        assert output["ready"], output


def _source_key(driver: Driver) -> str:
    root = driver.server.data_dir / "storage"
    (found,) = [path for path in root.glob("orgs/*/sources/**/*") if path.is_file()]
    return str(found.relative_to(root))


def test_a_job_survives_kills_of_the_server(clip: ClipMaker, tmp_path: Path) -> None:
    _kill_often(clip, tmp_path, kills=3, seed=20_261_121)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_job_survives_ten_kills_of_the_server(clip: ClipMaker, tmp_path: Path, seed: int) -> None:
    _kill_often(clip, tmp_path, kills=10, seed=seed)
