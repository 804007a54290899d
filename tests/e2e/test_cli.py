"""`vidctl` as a process of its own, against the running platform."""

import json
import re
import shlex
import socket
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clips import ClipMaker
from tests.fixtures.command import vidctl
from tests.fixtures.platform import Server
from tests.fixtures.waiting import wait_until

# Small, and of a codec that can't be copied: so there is an encode.
CLIP = "mpeg2_mp3_144p15_2s"
LADDER = ("--output", "hls", "--rendition", "144")


def ask(*arguments: str, server: Server, code: int = 0) -> Any:
    """The one JSON document that a command prints."""
    return json.loads(vidctl(*arguments, "--json", data_dir=server.data_dir, code=code))


@pytest.fixture(scope="module")
def ready(server: Server, clip: ClipMaker) -> dict[str, Any]:
    """A job that is done, submitted with --wait."""
    said = vidctl("submit", str(clip(CLIP)), *LADDER, "--title", "A clip", "--wait", "--json", data_dir=server.data_dir)
    events = [json.loads(line) for line in said.splitlines()]
    assert events[0]["event"] == "submitted"
    assert {"job.created", "asset.playable", "job.done"} <= {event["event"] for event in events}
    assert events[-1]["event"] == "end"
    job: dict[str, Any] = events[-1]["data"]
    assert job["status"] == "done"
    return job


def test_what_was_submitted_is_shown_listed_and_logged(server: Server, ready: dict[str, Any]) -> None:
    assert ask("status", ready["id"], server=server)["stages"] == ready["stages"]
    listed = ask("list", "--status", "done", server=server)["items"]
    assert ready["id"] in [job["id"] for job in listed]
    assert ask("list", "--before", "2020-01-01T00:00:00Z", server=server)["items"] == []
    assert ask("assets", "show", ready["asset_id"], server=server)["title"] == "A clip"
    assert (
        vidctl("watch", ready["id"], data_dir=server.data_dir).splitlines()[-1].startswith(f"Job {ready['id']} is done")
    )
    for extra in ((), ("-f",)):
        vidctl("logs", ready["id"], *extra, data_dir=server.data_dir)


def test_a_finished_stream_passes_the_check(server: Server, ready: dict[str, Any]) -> None:
    report = ask("check", ready["urls"]["stream"], server=server)
    assert report["ok"]
    assert report["segments"] >= 1
    assert ask("check", f"{server.url}/stream/{'0' * 24}.m3u8", server=server, code=1)["findings"]


def test_frames_are_saved_from_a_file_and_from_an_asset(
    server: Server, ready: dict[str, Any], clip: ClipMaker, tmp_path: Path
) -> None:
    for source, name in ((str(clip(CLIP)), "file.zip"), (ready["asset_id"], "asset.zip")):
        target = tmp_path / name
        vidctl("frames", source, "-o", str(target), "--times", "0.5,1", "--width", "64", data_dir=server.data_dir)
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None
            assert len([entry for entry in archive.namelist() if entry.endswith(".jpg")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asset.zip", "file.zip"]


def test_a_plan_of_a_file_prints_command_lines_that_run(clip: ClipMaker, tmp_path: Path) -> None:
    file = tmp_path / "it's a clip.mkv"
    file.write_bytes(clip(CLIP).read_bytes())
    data_dir = tmp_path / "data"
    plan = json.loads(vidctl("plan", str(file), *LADDER, "--json", data_dir=data_dir))
    assert [node["id"] for node in plan["nodes"]] == ["probe", "encode/0", "package"]
    assert plan["cost"]["cpu_s"] > 0
    lines = vidctl("plan", str(file), *LADDER, "--commands", data_dir=data_dir).splitlines()
    assert lines[0::2] == ["# encode/0"]
    for line in lines[1::2]:
        tracks = {number: tmp_path / f"track-{number}.mp4" for number in map(int, re.findall(r"pipe:(\d+)", line))}
        pipes = " ".join(f"{number}>{shlex.quote(str(track))}" for number, track in tracks.items())
        subprocess.run(["bash", "-c", f"{line} {pipes}"], check=True, timeout=60)
        assert len(tracks) == 2  # a rendition and the sound
        assert all(b"moof" in track.read_bytes() for track in tracks.values())
    assert not data_dir.exists()


def test_a_plan_of_a_job_is_the_plan_that_was_carried_out(server: Server, ready: dict[str, Any]) -> None:
    plan = ask("plan", ready["id"], "--commands", server=server)
    assert {node["stage"] for node in plan["nodes"]} == {stage["name"] for stage in ready["stages"]}
    assert "file:/source" in plan["commands"]["encode/0"][0]


def test_a_running_job_is_cancelled_and_retried(server: Server, ready: dict[str, Any], clip: ClipMaker) -> None:
    heavy = ("--rendition", "480:av1", "--output", "hls")
    job = ask("submit", str(clip("mpeg2_none_480p30_20s")), *heavy, server=server)
    wait_until(lambda: ask("status", job["id"], server=server)["status"] == "running", what="the job's start")
    assert ask("cancel", job["id"], server=server)["status"] == "cancelled"
    assert vidctl("watch", job["id"], data_dir=server.data_dir, code=8)
    assert ask("retry", job["id"], server=server)["status"] in {"queued", "running"}
    assert ask("cancel", job["id"], server=server)["status"] == "cancelled"
    for over in ("cancel", "retry"):
        assert ask(over, ready["id"], server=server, code=6)["error"]["detail"]


def test_failures_have_codes_of_their_own(server: Server, tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no video at all")
    assert ask("submit", str(text), server=server, code=3)["error"]["code"] == "source_not_media"
    wrong = ask("submit", "https://example.org/a.mp4", "--rendition", "99", server=server, code=3)
    assert wrong["error"]["problems"][0]["pointer"] == "/renditions/0/height"
    missing = "job_" + "0" * 26
    assert ask("status", missing, server=server, code=4)["error"]["code"] == "job_not_found"
    vidctl("list", data_dir=server.data_dir, code=5, environment={"VIDCOMPUTE_API_KEY": "vck_wrong"})
    vidctl("list", data_dir=tmp_path, code=7)


def test_doctor_finds_everything_in_order(server: Server) -> None:
    found = ask("doctor", server=server)
    assert found["ok"]
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["storage reads ranges"]["ok"]
    assert checks["database writes"]["ok"]
    assert checks["database"]["ok"]
    assert server.url in checks["server"]["detail"]
    assert {"name": "data_dir", "value": str(server.data_dir), "source": "env"} in found["settings"]


def test_version_tells_what_runs(server: Server) -> None:
    assert ask("version", server=server).keys() == {"version", "commit", "python", "ffmpeg"}


@pytest.mark.timeout(180)
def test_run_serves_one_video_and_leaves_nothing_running(clip: ClipMaker, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = vidctl(
            "run", "--file", str(clip(CLIP)), "--once", data_dir=data_dir, environment={"VIDCOMPUTE_PORT": port}
        )
    assert f"Port {port} is taken" in said
    assert "/watch/" in said
    assert not (data_dir / "server.json").exists()
    assert vidctl("run", "--file", str(tmp_path / "none"), "--once", data_dir=data_dir, code=4) == ""


@pytest.mark.timeout(180)
def test_run_uses_the_platform_that_runs(start_server: Callable[..., Server], clip: ClipMaker) -> None:
    server = start_server()
    said = vidctl("run", "--file", str(clip(CLIP)), data_dir=server.data_dir)
    assert f"The platform is at {server.url}" in said
    assert "goes on" in said
    assert server.stop() == 0
