"""`vidctl keys`, `whoami` and `audit` against a server that is a function."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from tests.fixtures.vidctl import URL, answering, local, vidctl
from vidcompute.cli.exit_codes import ExitCode

KEY = "key_01kq3v8a4rj0t5w6x7y8z9abcg"
AT = "2026-11-21T10:00:00Z"


def key(**changes: Any) -> dict[str, Any]:
    made = {"id": KEY, "name": "shop", "prefix": "vck_AbCdEfGh", "scopes": ["jobs:read"], "replaces": None}
    times = {"created_at": AT, "expires_at": None, "last_used_at": None, "revoked_at": None}
    return {**made, **times, **changes}


def test_keys_are_listed_with_what_they_may_do() -> None:
    page = {"items": [key(), key(revoked_at=AT)], "next_cursor": None}
    told = vidctl("keys", "list", "--dead", parts=local(answering(**{"GET /api/v1/keys": page})))
    first, second = told.stdout.splitlines()
    assert first.split("\t")[:4] == [KEY, "vck_AbCdEfGh", "shop", "jobs:read"]
    assert "revoked" in second


def test_a_new_key_goes_alone_into_a_pipe() -> None:
    asked: list[Any] = []

    def made(request: httpx2.Request) -> Any:
        asked.append(json.loads(request.content))
        return httpx2.Response(201, json=key(secret="vck_secret"))

    routes = {"POST /api/v1/keys": made, f"POST /api/v1/keys/{KEY}/rotate": made}
    parts = local(answering(**routes))
    scopes = ("--scope", "jobs:read", "--scope", "assets:write")
    told = vidctl("keys", "create", "shop", *scopes, "--expires-in-days", "7", parts=parts)
    assert told.stdout == "vck_secret\n"
    assert vidctl("keys", "rotate", KEY, "--overlap-s", "60", parts=parts).stdout == "vck_secret\n"
    assert asked[0]["scopes"] == ["jobs:read", "assets:write"]
    assert asked[0]["expires_at"]
    assert asked[1] == {"overlap_s": 60}
    assert json.loads(vidctl("keys", "create", "x", *scopes, "--json", parts=parts).stdout)["secret"] == "vck_secret"


def test_the_dashboard_is_opened_by_a_key_that_is_good_for_minutes() -> None:
    asked: list[Any] = []

    def made(request: httpx2.Request) -> Any:
        asked.append(json.loads(request.content))
        return httpx2.Response(201, json=key(secret="vck_secret"))

    parts = local(answering(**{"POST /api/v1/keys": made}))
    told = vidctl("dashboard", parts=parts)
    assert told.stdout == f"{URL}/dashboard/enter#vck_secret\n"
    assert asked[0]["scopes"] == ["*"]
    assert timedelta() < datetime.fromisoformat(asked[0]["expires_at"]) - datetime.now(UTC) <= timedelta(minutes=10)
    assert json.loads(vidctl("dashboard", "--json", parts=parts).stdout)["url"].endswith("#vck_secret")


def test_a_key_is_revoked_by_its_id() -> None:
    parts = local(answering(**{f"DELETE /api/v1/keys/{KEY}": key(revoked_at=AT)}))
    assert vidctl("keys", "revoke", KEY, parts=parts).stdout == f"{KEY} revoked\n"
    assert vidctl("keys", "revoke", "../jobs", parts=local()).exit_code == ExitCode.NOT_FOUND


def test_whoami() -> None:
    me = {"name": "vck_AbCdEfGh", "key_id": KEY, "person_id": None, "organization_id": "org_1", "role": None}
    parts = local(answering(**{"GET /api/v1/caller": {**me, "scopes": ["assets:read", "jobs:read"]}}))
    told = vidctl("whoami", parts=parts).stdout
    assert f"key_id\t{KEY}\n" in told
    assert "scopes\tassets:read jobs:read\n" in told


def test_the_audit_log_is_listed_and_saved(tmp_path: Path) -> None:
    entry = {"at": AT, "actor": "vck_AbCdEfGh", "action": "job.created", "subject_id": "job_1", "address": "192.0.2.1"}
    asked: list[str] = []

    def export(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        return httpx2.Response(200, text="at,actor\n")

    page = {"items": [entry], "next_cursor": None}
    parts = local(answering(**{"GET /api/v1/audit": page, "GET /api/v1/audit/export": export}))
    assert vidctl("audit", parts=parts).stdout.split("\t")[1:] == [
        *("vck_AbCdEfGh", "job.created", "job_1", "192.0.2.1\n"),
    ]
    target = tmp_path / "audit.csv"
    assert vidctl("audit", "--action", "job.created", "--export", str(target), parts=parts).exit_code == 0
    assert target.read_text() == "at,actor\n"
    assert asked == ["action=job.created&format=csv"]


def test_members_are_listed_invited_changed_and_removed() -> None:
    ann = {"person_id": "person_01kq3v8a4rj0t5w6x7y8z9abcj", "email": "ann@example.com", "role": "owner"}
    bob = {"id": "inv_01kq3v8a4rj0t5w6x7y8z9abck", "email": "bob@example.com", "role": "editor", "expires_at": AT}
    path = f"/api/v1/members/{ann['person_id']}"
    routes = {
        "GET /api/v1/members": {"items": [{**ann, "joined_at": AT}], "next_cursor": None},
        "GET /api/v1/invitations": {"items": [bob], "next_cursor": None},
        "POST /api/v1/invitations": bob,
        f"PATCH {path}": {**ann, "role": "viewer"},
        f"DELETE {path}": httpx2.Response(204),
        f"DELETE /api/v1/invitations/{bob['id']}": httpx2.Response(204),
    }
    parts = local(answering(**routes))
    listed = vidctl("members", "list", parts=parts).stdout.splitlines()
    assert [line.split("\t")[1:3] for line in listed] == [[ann["email"], "owner"], [bob["email"], "editor"]]
    assert "is invited as editor" in vidctl("members", "invite", bob["email"], "--role", "editor", parts=parts).stdout
    assert (
        vidctl("members", "role", ann["person_id"], "viewer", parts=parts).stdout == f"{ann['email']} is viewer now\n"
    )
    for who in (ann["person_id"], bob["id"]):
        assert vidctl("members", "remove", who, parts=parts).stdout == f"{who} removed\n"
    assert vidctl("members", "remove", "../keys", parts=local()).exit_code == ExitCode.NOT_FOUND


def test_what_is_kept_about_a_person_is_saved_and_erased_only_when_sure(tmp_path: Path) -> None:
    asked: list[Any] = []

    def erased(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        return httpx2.Response(204)

    kept = {"person_id": "person_1", "exported_at": AT, "addresses": ["ann@example.com"], "kept": {"persons": []}}
    parts = local(answering(**{"POST /api/v1/people/export": kept, "POST /api/v1/people/erase": erased}))
    target = tmp_path / "ann.json"
    assert vidctl("people", "export", "ann@example.com", "-o", str(target), parts=parts).exit_code == 0
    assert json.loads(target.read_text()) == kept
    assert json.loads(vidctl("people", "export", "ann@example.com", parts=parts).stdout) == kept
    assert vidctl("people", "erase", "ann@example.com", parts=parts).exit_code == ExitCode.INVALID
    assert asked == []
    assert vidctl("people", "erase", "ann@example.com", "--yes", parts=parts).stdout == "ann@example.com erased\n"
    assert asked == [{"email": "ann@example.com"}]


def test_somebody_who_has_lost_the_app_is_let_in_by_who_runs_the_installation() -> None:
    asked: list[Any] = []

    def taken(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        return httpx2.Response(204)

    parts = local(answering(**{"POST /api/v1/people/second-factor/off": taken}))
    assert vidctl("people", "second-factor-off", "ann@example.com", parts=parts).exit_code == ExitCode.INVALID
    assert asked == []
    done = vidctl("people", "second-factor-off", "ann@example.com", "--yes", parts=parts)
    assert done.stdout == "ann@example.com is asked for codes no more\n"
    assert asked == [{"email": "ann@example.com"}]


def test_links_that_were_signed_are_taken_back() -> None:
    path = "DELETE /api/v1/assets/asset_01kq3v8a4rj0t5w6x7y8z9abce/signed-links"
    parts = local(answering(**{path: lambda _: httpx2.Response(204)}))
    done = vidctl("sign", "asset_01kq3v8a4rj0t5w6x7y8z9abce", "--revoke", parts=parts)
    assert done.stdout == "the links that were signed for it open nothing within a minute\n"
