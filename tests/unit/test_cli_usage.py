"""`vidctl quotas` and `vidctl usage` against a server that is a function."""

import json
from typing import Any

import httpx2
import pytest

from tests.fixtures.vidctl import answering, local, vidctl
from vidcompute.cli.exit_codes import ExitCode

ORG = "org_01kq3v8a4rj0t5w6x7y8z9abch"
PATH = f"/api/v1/organizations/{ORG}/quotas"


def quota(name: str, **changes: Any) -> dict[str, Any]:
    nothing = {"limit": None, "own": False, "used": None, "reserved": None, "left": None, "free_at": None}
    return {"name": name, **nothing, **changes}


def quotas(*items: dict[str, Any]) -> dict[str, Any]:
    return {"organization_id": ORG, "items": list(items)}


def test_limits_are_shown_with_what_is_left() -> None:
    stored = quota("stored_bytes", limit=500_000_000_000, own=True, used=2e9, reserved=0, left=498e9)
    month = quota("encode_minutes", limit=90, used=1.5, reserved=4, left=84.5, free_at="2026-12-01T00:00:00.000Z")
    found = quotas(stored, month, quota("jobs", used=3, reserved=0))
    told = vidctl("quotas", parts=local(answering(**{"GET /api/v1/quotas": found})))
    first, second, third = told.stdout.splitlines()
    assert first.split("\t") == ["stored_bytes", "500 GB", "2.0 GB", "0 B", "498 GB", "set for this organization"]
    assert second.split("\t")[:5] == ["encode_minutes", "90", "1.5", "4", "84.5"]
    assert second.split("\t")[5].startswith("until 2026-1")
    assert third.split("\t") == ["jobs", "-", "3", "0", "-", ""]


def test_limits_are_set_by_name() -> None:
    asked: list[Any] = []

    def changed(request: httpx2.Request) -> Any:
        asked.append(json.loads(request.content))
        return quotas(quota("jobs", limit=20, own=True, used=0, reserved=0, left=20))

    parts = local(answering(**{f"PATCH {PATH}": changed, f"GET {PATH}": quotas()}))
    wanted = ("jobs=20", "stored_bytes=5TB", "upload_bytes=none", "encode_minutes=default")
    sets = [argument for limit in wanted for argument in ("--set", limit)]
    assert vidctl("quotas", "--organization", ORG, *sets, parts=parts).stdout.startswith("jobs\t20\t")
    assert asked == [{"jobs": 20, "stored_bytes": 5 * 10**12, "upload_bytes": 0, "encode_minutes": None}]
    assert vidctl("quotas", "--organization", ORG, "--json", parts=parts).exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--set", "jobs=20"), ExitCode.INVALID),
        (("--organization", ORG, "--set", "jobs=many"), ExitCode.INVALID),
        (("--organization", "../keys"), ExitCode.NOT_FOUND),
    ],
)
def test_what_can_not_be_set_is_not_sent(arguments: tuple[str, ...], code: ExitCode) -> None:
    assert vidctl("quotas", *arguments, parts=local()).exit_code == code


def test_usage_is_shown_by_kind_and_by_day() -> None:
    items = [
        {"day": "2026-11-21", "kind": "delivered_bytes", "detail": "", "amount": 4_200_000},
        {"day": "2026-11-21", "kind": "encode_ms", "detail": "h264-720", "amount": 187_000},
        {"day": "2026-11-21", "kind": "model_tokens", "detail": "small", "amount": 9},
        {"day": "2026-11-21", "kind": "stored_byte_hours", "detail": "", "amount": 3_000_000},
    ]
    totals = {item["kind"]: item["amount"] for item in items}
    asked: list[str] = []

    def answer(request: httpx2.Request) -> Any:
        asked.append(request.url.query.decode())
        return {"from_day": "2026-11-01", "to_day": "2026-11-21", "items": items, "totals": totals}

    parts = local(answering(**{"GET /api/v1/usage": answer}))
    assert vidctl("usage", "--from", "2026-11-01", "--to", "2026-11-30", parts=parts).stdout.splitlines() == [
        *("delivered_bytes\t4.2 MB", "encode_ms\t3:07", "model_tokens\t9", "stored_byte_hours\t3.0 MB h"),
    ]
    assert asked == ["from_day=2026-11-01&to_day=2026-11-30"]
    by_day = vidctl("usage", "--by-day", "--kind", "encode_ms", parts=parts).stdout.splitlines()
    assert by_day[1] == "2026-11-21\tencode_ms\th264-720\t3:07"
