"""The commands of this machine, and those that need no server: run, doctor, version, plan, check."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fixtures.vidctl import (
    ASSET,
    JOB,
    URL,
    Following,
    answering,
    event,
    job,
    local,
    vidctl,
)
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.local import Check, Diagnosis, Endpoint, Platform, Say, Setting
from vidcompute.cli.output import clean, duration, size


def test_doctor_ends_with_1_when_something_is_wrong() -> None:
    checks = (Check("ffmpeg", ok=True, detail="9.0"), Check("server", ok=None, detail="not running"))
    found = Diagnosis(checks, (Setting("port", "8550", "default"),))
    told = vidctl("doctor", parts=local(doctor=lambda: found))
    assert told.exit_code == 0
    assert "✓\tffmpeg\t9.0\n·\tserver\tnot running\n" in told.stdout
    broken = replace(found, checks=(*checks, Check("storage", ok=False, detail="full")))
    told = vidctl("doctor", "--json", parts=local(doctor=lambda: broken))
    assert told.exit_code == ExitCode.FAILED
    assert json.loads(told.stdout)["ok"] is False


def test_version_and_openapi() -> None:
    parts = local(version=lambda: {"version": "1.2.3", "commit": ""}, openapi=lambda form: f"a {form}\n")
    assert vidctl("version", parts=parts).stdout == "version\t1.2.3\ncommit\tunknown\n"
    assert json.loads(vidctl("version", "--json", parts=parts).stdout) == {"version": "1.2.3", "commit": ""}
    assert vidctl("openapi", "--yaml", parts=parts).stdout == "a yaml\n"
    assert vidctl("openapi", "--json", parts=parts).stdout == "a json\n"


class _Platform:
    """A platform that is there at once, and has ended."""

    def __init__(self, *, reused: bool) -> None:
        self.reused = reused
        self.log_file = Path("server.log")

    def ready(self) -> Endpoint:
        return Endpoint(URL, "k")

    def ended(self, timeout_s: float) -> bool:
        return timeout_s > 0


@pytest.mark.parametrize(
    ("status", "once", "reused", "code"),
    [("done", True, False, 0), ("cancelled", True, True, 1), ("done", False, True, 0), ("done", False, False, 7)],
)
def test_run_names_the_watch_page_and_ends_as_asked(
    status: str, *, once: bool, reused: bool, code: int, tmp_path: Path
) -> None:
    clip = tmp_path / "sample.mp4"
    clip.write_bytes(b"media")
    following = Following(event("asset.playable", {"asset_id": ASSET}, 2), end=job(status))

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/keys":
            return httpx2.Response(201, json={"secret": "vck_x"})
        return httpx2.Response(201, json=job("queued")) if request.method == "POST" else following(request)

    @contextmanager
    def platform(say: Say) -> Iterator[Platform]:
        say("Port 8550 is taken.")
        yield _Platform(reused=reused)

    parts = local(answer, platform=platform, sample=lambda _: clip)
    told = vidctl("run", *(["--once"] if once else []), parts=parts)
    assert told.exit_code == code, told.output
    assert told.stdout.startswith("Port 8550 is taken.\n")
    assert f"watch {URL}/watch/abc" in told.stdout
    assert (f"{URL}/dashboard/enter#vck_x" in told.stdout) == (not once), "who ends at once has nothing to look at"


def test_plan_shows_costs_by_stage_and_command_lines_for_a_shell(tmp_path: Path) -> None:
    clip = tmp_path / "it's.mp4"
    clip.write_bytes(b"media")
    cost = {"cpu_s": 2.0, "wall_s": 1.0}
    nodes = [
        {"id": "probe", "stage": "probe", "encoder": "", "inputs": {"source": ["source"]}, "cost": cost},
        {"id": "encode/0", "stage": "encode", "encoder": "libx264", "inputs": {"source": ["source"]}, "cost": cost},
        {"id": "encode/1", "stage": "encode", "encoder": "libx264", "inputs": {"source": ["source"]}, "cost": cost},
        {"id": "package", "stage": "package", "encoder": "", "inputs": {"v": ["encode/0", "encode/1"]}, "cost": cost},
    ]
    found = {"nodes": nodes, "notes": ["a note"], "cost": {"cpu_s": 8.0, "wall_s": 4.0}}
    wanted: list[Any] = []

    def plan(path: Path, spec: Any) -> dict[str, Any]:
        wanted.append((path, spec))
        return found

    parts = local(plan=plan, commands=lambda _, source: {"encode/0": [["ffmpeg", "-i", f"file:{source}"]]})
    told = vidctl("plan", str(clip), "--output", "mp4", parts=parts)
    assert wanted == [(clip, {"outputs": ["mp4"]})]
    assert "encode x 2 (libx264)\t4.0\t2.0\tafter source\n" in told.stdout
    assert "package\t2.0\t1.0\tafter encode\n" in told.stdout
    assert "- a note\n" in told.stdout
    told = vidctl("plan", str(clip), "--commands", parts=parts)
    assert told.stdout == f"# encode/0\nffmpeg -i 'file:{tmp_path}/it'\"'\"'s.mp4'\n"
    both = json.loads(vidctl("plan", str(clip), "--commands", "--json", parts=parts).stdout)
    assert both == {**found, "commands": {"encode/0": [["ffmpeg", "-i", f"file:{clip}"]]}}
    of_job = replace(parts, transport=httpx2.MockTransport(answering(**{f"GET /api/v1/jobs/{JOB}/plan": found})))
    assert json.loads(vidctl("plan", JOB, "--json", parts=of_job).stdout) == found


def test_check_tells_of_breaches_with_their_clauses() -> None:
    def stream(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/a.m3u8":
            return httpx2.Response(200, text="#EXTM3U\n#EXTINF:4,\nseg.ts\n")
        return httpx2.Response(404)

    told = vidctl("check", "http://127.0.0.1/a.m3u8", "--json", parts=local(stream))
    assert told.exit_code == ExitCode.FAILED
    report = json.loads(told.stdout)
    assert all(finding["clause"] for finding in report["findings"])
    assert vidctl("check", "a.m3u8", parts=local(stream)).exit_code == ExitCode.INVALID


def test_help_names_every_command_and_completion_is_there() -> None:
    told = vidctl("--help", parts=local()).stdout
    names = {"submit", "frames", "plan", "check", "status", "watch", "logs", "list", "cancel", "retry", "dead"}
    names |= {"assets", "keys", "members", "whoami", "audit", "quotas", "usage", "run", "serve", "doctor", "version"}
    assert all(name in told for name in names)
    assert "--install-completion" in told


def test_texts_for_people() -> None:
    assert [duration(ms) for ms in (None, 400, 12_000, 187_000, 3_750_000)] == ["", "0.4 s", "12 s", "3:07", "1:02:30"]
    assert [size(n) for n in (None, 312, 4200, 123_456, 4_200_000_000, 7 * 10**12)] == [
        *("", "312 B", "4.2 kB", "123 kB", "4.2 GB", "7.0 TB")
    ]
    assert clean("a\x1b]0;b\x07\tc\nd") == "a�]0;b�\tc�d"


def test_the_command_line_starts_without_what_few_commands_need() -> None:
    code = """
import sys
from vidcompute import main
from vidcompute.cli.app import create_app
from vidcompute.local import parts
heavy = {"pydantic_settings", "httpx2", "structlog", "sqlalchemy", "fastapi", "rich.progress", "av"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
