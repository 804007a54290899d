"""`vidctl retention`, `cleanup`, `fsck`, and what expires, against a server that is a function."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.fixtures.vidctl import ASSET, answering, job, local, vidctl
from vidcompute.cli.exit_codes import ExitCode

KEPT = {"sources_s": 30 * 86400, "outputs_s": None, "frames_s": 5400, "logs_s": None}
ITEMS = [
    {"what": "asset", "subject_id": ASSET, "name": "Holiday", "count": 1, "size_bytes": 4_200_000},
    {"what": "logs", "subject_id": "org_1", "name": "logs", "count": 12, "size_bytes": 300},
]


def test_how_long_things_are_kept_is_shown_and_changed() -> None:
    asked: list[Any] = []

    def change(request: httpx2.Request) -> dict[str, Any]:
        asked.append(json.loads(request.content))
        return KEPT

    path = "/api/v1/organization/retention"
    parts = local(answering(**{f"GET {path}": KEPT, f"PATCH {path}": change}))
    shown = vidctl("retention", "show", parts=parts).stdout
    assert shown.splitlines() == ["sources\t30 days", "outputs\tfor ever", "frames\t1.5 hours", "logs\tfor ever"]
    assert json.loads(vidctl("retention", "show", "--json", parts=parts).stdout) == KEPT
    assert vidctl("retention", "set", "--sources", "30d", "--logs", "never", parts=parts).exit_code == 0
    assert asked == [{"sources_s": 30 * 86400, "logs_s": None}]
    assert vidctl("retention", "set", parts=parts).exit_code == ExitCode.USAGE
    assert vidctl("retention", "set", "--logs", "long", parts=parts).exit_code == ExitCode.USAGE


def test_a_dry_run_shows_what_would_go_page_by_page() -> None:
    def page(request: httpx2.Request) -> dict[str, Any]:
        if "cursor" not in request.url.params:
            return {"at": "", "items": ITEMS[:1], "next_cursor": "1.asset.x"}
        return {"at": "", "items": ITEMS[1:], "next_cursor": None}

    parts = local(answering(**{"GET /api/v1/cleanup": page}))
    lines = vidctl("cleanup", "--dry-run", parts=parts).stdout.splitlines()
    assert lines == [
        f"asset\t{ASSET}\t4.2 MB\tHoliday",
        "logs\torg_1\t300 B\tlogs",
        "would go: 1 deleted assets, 12 logs; 4.2 MB",
    ]
    told = json.loads(vidctl("cleanup", "--dry-run", "--json", parts=parts).stdout)
    assert (told["items"], told["purged"], told["logs"], told["freed_bytes"]) == (ITEMS, 1, 12, 4_200_300)


def test_a_clean_up_is_asked_for_until_it_is_done() -> None:
    part = {"expired": 0, "purged": 2, "sources": 0, "frames": 0, "logs": 0, "freed_bytes": 500, "more": True}
    parts_left = [part, {**part, "more": False}]
    parts = local(answering(**{"POST /api/v1/cleanup": lambda _: parts_left.pop(0)}))
    assert vidctl("cleanup", parts=parts).stdout == "removed: 4 deleted assets; 1.0 kB\n"
    assert parts_left == []


def test_a_deletion_is_for_good_where_it_is_asked_for() -> None:
    asked: list[str] = []

    def delete(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url.params))
        return httpx2.Response(204)

    parts = local(answering(**{f"DELETE /api/v1/assets/{ASSET}": delete}))
    assert vidctl("assets", "delete", ASSET, "--permanent", parts=parts).exit_code == ExitCode.INVALID
    done = vidctl("assets", "delete", ASSET, "--permanent", "--yes", parts=parts)
    assert done.stdout == f"{ASSET} deleted for good\n"
    assert vidctl("assets", "delete", ASSET, "--yes", parts=parts).exit_code == 0
    assert asked == ["permanent=true", ""]


def test_a_deletion_is_taken_back() -> None:
    parts = local(answering(**{f"POST /api/v1/assets/{ASSET}/restore": {"id": ASSET, "status": "ready"}}))
    assert vidctl("assets", "restore", ASSET, parts=parts).stdout == f"{ASSET} is there again, ready\n"


def test_an_asset_is_given_an_end() -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        return httpx2.Response(201, json=job("queued"))

    parts = local(answer)
    assert vidctl("submit", "https://example.com/a.mp4", "--expires-in", "2h", parts=parts).exit_code == 0
    left = datetime.fromisoformat(asked[0]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < left <= timedelta(hours=2)


def test_fsck_ends_with_1_where_something_is_left_wrong() -> None:
    faults: list[dict[str, Any]] = [{"fault": "orphan", "place": "orgs/o/logs/x.log", "size_bytes": 12, "mended": None}]

    def fsck(tell: Callable[[Any], object], *, mend: bool) -> None:
        for fault in faults:
            tell({**fault, "mended": "removed" if mend else None})

    found = vidctl("fsck", parts=local(fsck=fsck))
    assert found.exit_code == ExitCode.FAILED
    assert found.stdout.splitlines()[0] == "orphan orgs/o/logs/x.log (12 B)"
    mended = vidctl("fsck", "--mend", parts=local(fsck=fsck))
    assert (mended.exit_code, mended.stdout.splitlines()[0]) == (0, "orphan orgs/o/logs/x.log (12 B): removed")
    assert json.loads(vidctl("fsck", "--json", parts=local(fsck=fsck)).stdout) == {"faults": faults}
    faults.clear()
    assert vidctl("fsck", parts=local(fsck=fsck)).exit_code == 0
