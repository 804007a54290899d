"""`vidctl` against a server that is a function: errors, exit codes, jobs and assets."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from tests.fixtures.vidctl import (
    ASSET,
    JOB,
    SOURCE,
    URL,
    answering,
    event,
    invoke,
    job,
    local,
    unused,
    vidctl,
)
from vidcompute.cli.exit_codes import ExitCode, of_kind
from vidcompute.errors import Kind


def test_the_guide_shows_the_table_of_exit_codes() -> None:
    text = (Path(__file__).parents[2] / "docs" / "guides" / "cli.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", text, re.MULTILINE))
    assert rows == {str(code.value): code.meaning for code in ExitCode}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_error_has_an_exit_code_that_is_not_0(kind: Kind) -> None:
    assert of_kind(kind) not in {ExitCode.OK, ExitCode.USAGE}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 3),
        (401, 5),
        (403, 5),
        (404, 4),
        (409, 6),
        (413, 3),
        (415, 3),
        (422, 3),
        (429, 7),
        (500, 1),
        (503, 7),
        (504, 7),
        (507, 7),
    ],
)
def test_problems_of_the_server_become_exit_codes_and_plain_words(status: int, code: int) -> None:
    problem = {"code": "some_code", "detail": "Do this instead.", "status": status}
    wrong = [{"pointer": "/renditions/0/height", "detail": "too small", "code": "greater_than"}]
    parts = local(lambda _: httpx2.Response(status, json={**problem, "problems": wrong}))
    told = vidctl("status", JOB, parts=parts)
    assert told.exit_code == code
    assert told.stdout == ""
    assert told.stderr == "vidctl: Do this instead. [some_code]\n  /renditions/0/height: too small\n"
    as_json = json.loads(vidctl("status", JOB, "--json", parts=parts).stdout)
    assert as_json["error"]["code"] == "some_code"
    assert as_json["error"]["problems"] == wrong


def test_an_answer_that_is_no_problem_and_a_server_that_is_away_are_told() -> None:
    proxy = vidctl("status", JOB, parts=local(lambda _: httpx2.Response(502, text="<html>")))
    assert proxy.exit_code == ExitCode.UNAVAILABLE
    assert "is a VidCompute server there?" in proxy.stderr

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    away = vidctl("list", parts=local(refuse))
    assert away.exit_code == ExitCode.UNAVAILABLE
    assert "vidctl serve" in away.stderr


def test_wrong_usage_ends_with_2_and_says_nothing_on_stdout() -> None:
    for arguments in (["submit"], ["list", "--limit", "0"], ["nonsense"], ["assets", "update", ASSET, "--json"]):
        told = vidctl(*arguments, parts=local())
        assert told.exit_code == ExitCode.USAGE, arguments
        assert told.stdout == ""


def test_ids_that_can_be_none_are_not_asked_for() -> None:
    assert vidctl("status", "../assets", parts=local()).exit_code == ExitCode.NOT_FOUND
    assert vidctl("assets", "show", "x/../y", parts=local()).exit_code == ExitCode.NOT_FOUND


def _seen_key(*arguments: str, **parts: Any) -> tuple[Result, list[tuple[str, str]]]:
    seen: list[tuple[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((str(request.url.copy_with(query=None)), request.headers.get("Authorization", "")))
        return httpx2.Response(200, json={"items": [], "next_cursor": None})

    return vidctl("list", *arguments, parts=local(answer, **parts)), seen


def test_the_local_server_and_its_key_are_found() -> None:
    assert _seen_key()[1] == [(f"{URL}/api/v1/jobs", "Bearer vck_local")]


def test_the_local_key_goes_to_no_other_server() -> None:
    told, seen = _seen_key("--server", "https://video.example.org")
    assert told.exit_code == ExitCode.UNAUTHENTICATED
    assert seen == []
    assert _seen_key("--server", URL + "/")[1] == [(f"{URL}/api/v1/jobs", "Bearer vck_local")]
    _, seen = _seen_key("--server", "https://video.example.org/v", "--key", "vck_theirs")
    assert seen == [("https://video.example.org/v/api/v1/jobs", "Bearer vck_theirs")]


def test_environment_variables_name_server_and_key() -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.url.host, request.headers["Authorization"]))
        return httpx2.Response(200, json={"items": [], "next_cursor": None})

    environment = {"VIDCOMPUTE_SERVER": "http://one.example.org", "VIDCOMPUTE_API_KEY": "vck_one"}
    runner = CliRunner(env=environment)
    parts = local(answer, find=unused)
    assert invoke(runner, "list", parts=parts).exit_code == 0
    assert invoke(runner, "list", "--server", "http://two.example.org", "--key", "vck_two", parts=parts).exit_code == 0
    assert seen == [("one.example.org", "Bearer vck_one"), ("two.example.org", "Bearer vck_two")]


def test_status_and_list_are_plain_lines_in_a_pipe_and_json_on_request() -> None:
    page = {"items": [job()], "next_cursor": "more"}
    parts = local(answering(**{f"GET /api/v1/jobs/{JOB}": job("failed"), "GET /api/v1/jobs": page}))
    told = vidctl("status", JOB, parts=parts).stdout
    assert "It broke. [encode_mismatch]" in told
    assert "encode\tdead\t100%\t2/2\t2.0 s\tframe 60, 30 fps, 1.50x\t" in told
    assert "hls\t1.2 MB\t" in told
    assert json.loads(vidctl("status", JOB, "--json", parts=parts).stdout) == job("failed")
    row = vidctl("list", "--limit", "1", parts=parts).stdout.split("\t")
    assert row[:3] == [JOB, "done", "normal"]
    assert json.loads(vidctl("list", "--limit", "1", "--json", parts=parts).stdout) == page


def test_lists_go_through_pages_with_their_filters() -> None:
    asked = []

    def page(request: httpx2.Request) -> dict[str, Any]:
        asked.append(dict(request.url.params))
        return {"items": [job()] * int(request.url.params["limit"]), "next_cursor": "c" if len(asked) < 3 else None}

    parts = local(answering(**{"GET /api/v1/jobs": page}))
    told = vidctl("list", "--status", "done", "--since", "2026-11-21T00:00:00Z", "--limit", "150", parts=parts)
    assert len(told.stdout.splitlines()) == 150
    only = {"status": "done", "created_from": "2026-11-21T00:00:00Z"}
    assert asked == [{"limit": "100", **only}, {"limit": "50", "cursor": "c", **only}]
    asked.clear()
    assert len(vidctl("list", "--all", parts=parts).stdout.splitlines()) == 300


def test_logs_are_read_by_page_and_followed_to_the_end() -> None:
    line = {"stage": "encode", "task": "encode/0", "attempt_id": "att_x", "line": 1, "level": "warning"}
    line |= {"at": "2026-11-21T10:00:01Z", "message": "hard \x1b[31mtimes"}

    def logs(request: httpx2.Request) -> httpx2.Response:
        assert request.url.params["stage"] == "encode"
        if "event-stream" in request.headers.get("Accept", ""):
            return httpx2.Response(200, text=event("log", line) + event("end", {"status": "done"}))
        return httpx2.Response(200, json={"items": [line], "next_cursor": "x"})

    parts = local(answering(**{f"GET /api/v1/jobs/{JOB}/logs": logs}))
    for extra in ((), ("-f",)):
        told = vidctl("logs", JOB, "--stage", "encode", *extra, parts=parts)
        assert told.stdout == "10:00:01 encode/0  warning: hard �[31mtimes\n"
        assert json.loads(vidctl("logs", JOB, "--stage", "encode", "--json", *extra, parts=parts).stdout) == line


def test_cancel_and_retry() -> None:
    bodies: list[bytes] = []

    def resumed(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        return httpx2.Response(200, json=job("queued") | {"runs": ["package"], "reused": ["probe", "encode"]})

    cancelled = answering(**{f"DELETE /api/v1/jobs/{JOB}": job("cancelled"), f"POST /api/v1/jobs/{JOB}/retry": resumed})
    assert vidctl("cancel", JOB, parts=local(cancelled)).stdout == f"{JOB} cancelled\n"
    assert json.loads(vidctl("retry", JOB, "--json", parts=local(cancelled)).stdout)["status"] == "queued"
    told = vidctl("retry", JOB, "--from", "package", parts=local(cancelled)).stdout
    assert told == f"{JOB} queued\nruns package; reused probe, encode\n"
    assert [json.loads(body) if body else None for body in bodies] == [None, {"resume_from": "package"}]
    ended = httpx2.Response(409, json={"code": "job_ended", "detail": "The job has ended."})
    assert vidctl("cancel", JOB, parts=local(lambda _: ended)).exit_code == ExitCode.CONFLICT


def test_dead_jobs_are_listed_and_queued_again() -> None:
    left = [1, 0]
    broken = job("failed") | {"error": {"code": "attempt_lost", "detail": "3 attempts were lost."}}

    def listing(request: httpx2.Request) -> httpx2.Response:
        assert request.url.params["dead"] == "true"
        return httpx2.Response(200, json={"items": [broken], "next_cursor": None})

    def requeue(request: httpx2.Request) -> httpx2.Response:
        del request
        return httpx2.Response(200, json={"job_ids": [f"job_{len(left)}"], "left": left.pop(0)})

    routes = {
        "GET /api/v1/jobs": listing,
        "POST /api/v1/jobs/requeue": requeue,
        f"POST /api/v1/jobs/{JOB}/retry": job("queued") | {"runs": [], "reused": []},
    }
    parts = local(answering(**routes))
    assert "3 attempts were lost. [attempt_lost]" in vidctl("dead", parts=parts).stdout
    assert vidctl("dead", JOB, parts=parts).stdout == f"{JOB} queued\n"
    assert vidctl("dead", "--requeue", parts=parts).stdout == "job_2 queued\njob_1 queued\n"


def test_nodes_are_listed_with_what_they_have_their_cache_and_what_runs_there() -> None:
    attempts = [{"label": "encode/3", "job_id": JOB}, {"label": "probe", "job_id": None}]
    busy = {"name": "one", "cpu": 8.0, "memory_bytes": 16 * 10**9, "gpus": ["T4"], "cache_bytes": 2 * 10**9}
    idle = {"name": "two", "cpu": 0.5, "memory_bytes": 4 * 10**9, "gpus": [], "cache_bytes": 0, "attempts": []}
    found = {"items": [busy | {"attempts": attempts}, idle]}
    told = vidctl("nodes", parts=local(answering(**{"GET /api/v1/nodes": found}))).stdout
    assert told == f"one\t8\t16 GB\tT4\t2 GB\tencode/3 of {JOB}, probe\ntwo\t0.5\t4 GB\t-\t-\tidle\n"


def test_assets_are_shown_changed_and_deleted_only_when_sure() -> None:
    asset: dict[str, Any] = {
        "id": ASSET,
        "status": "ready",
        "title": "Holi\x07day",
        "passthrough": None,
        "metadata": {"a": "b"},
    }
    asset |= {"playback_id": "0" * 24, "playback_policy": "public"}
    asset |= {"job_id": JOB, "source_id": SOURCE, "duration_ms": 61_000, "width_px": 640, "height_px": 360}
    asset |= {"poster_time_ms": 1_500}
    asset |= {"frame_rate": 25.0, "error": None, "created_at": "2026-11-21T10:00:00Z", "expires_at": None}
    asset |= {"urls": job()["urls"]}
    seen = []

    def change(request: httpx2.Request) -> dict[str, Any]:
        seen.append(json.loads(request.content))
        return asset

    path = f"/api/v1/assets/{ASSET}"
    parts = local(
        answering(
            **{
                f"GET {path}": asset,
                f"GET {path}/outputs": {"items": job()["outputs"]},
                f"PATCH {path}": change,
                f"DELETE {path}": httpx2.Response(204),
                "GET /api/v1/assets": {"items": [asset], "next_cursor": None},
            }
        )
    )
    assert "Holi�day" in vidctl("assets", "list", parts=parts).stdout
    shown = vidctl("assets", "show", ASSET, parts=parts).stdout
    assert "1:01" in shown
    assert "1.5 s" in shown
    assert json.loads(vidctl("assets", "show", ASSET, "--json", parts=parts).stdout)["outputs"]
    vidctl("assets", "update", ASSET, "--title", "", "--metadata", "k=v", parts=parts)
    for poster in ("12.5", "usual"):
        vidctl("assets", "update", ASSET, "--poster", poster, parts=parts)
    assert seen == [{"title": None, "metadata": {"k": "v"}}, {"poster_time_ms": 12_500}, {"poster_time_ms": None}]
    assert vidctl("assets", "delete", ASSET, parts=parts).exit_code == ExitCode.INVALID
    assert vidctl("assets", "delete", ASSET, "--yes", parts=parts).stdout == f"{ASSET} deleted\n"
