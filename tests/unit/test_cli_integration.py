"""`vidctl events`, `webhooks` and `mails`: what is asked, and how the answers are told."""

import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2

from tests.fixtures.vidctl import answering, event, local, vidctl
from vidcompute.cli.exit_codes import ExitCode

HOOK = "hook_01kq3v8a4rj0t5w6x7y8z9abcd"
MESSAGE = "msg_01kq3v8a4rj0t5w6x7y8z9abce"
PATH = f"/api/v1/webhooks/{HOOK}"


def happened(seq: int, kind: str = "job.done") -> dict[str, Any]:
    return {
        "type": kind,
        "version": 1,
        "timestamp": "2026-11-21T10:00:00.000Z",
        "seq": seq,
        "organization_id": "org_1",
        "subject_id": "job_1",
        "data": {"job_id": "job_1", "status": "done"},
    }


def hook(**changes: Any) -> dict[str, Any]:
    made = {
        "id": HOOK,
        "url": "https://receiver.test/",
        "description": "",
        "events": ["job.*"],
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:00:00Z",
    }
    return made | changes


def delivery(status: str, **attempt: Any) -> dict[str, Any]:
    made = {"started_at": "2026-11-21T10:00:00Z", "latency_ms": 12, "response_status": 204}
    made |= {"error_code": None, "error_detail": None}
    return {
        "id": MESSAGE,
        "status": status,
        "type": "webhook.ping",
        "subject_id": HOOK,
        "next_attempt_at": "2026-11-21T10:05:00Z" if status == "waiting" else None,
        "attempts": [made | attempt] if attempt or status == "delivered" else [],
    }


def test_events_are_listed_page_after_page() -> None:
    asked = []

    def answer(request: httpx2.Request) -> dict[str, Any]:
        asked.append(request.url.params.multi_items())
        first = "cursor" not in request.url.params
        return {"items": [happened(n) for n in (range(1, 501) if first else (501,))], "next_cursor": "500"}

    told = vidctl(
        "events", "--type", "job.*", "--type", "asset.ready", parts=local(answering(**{"GET /api/v1/events": answer}))
    )
    assert told.exit_code == 0, told.stderr
    assert len(told.stdout.splitlines()) == 501
    assert "501  2026-11-21T10:00:00  job.done" in told.stdout
    assert [value for name, value in asked[0] if name == "type"] == ["job.*", "asset.ready"]
    assert ("cursor", "500") in asked[1]


def test_events_are_followed_from_where_the_line_broke() -> None:
    pieces = [
        event("cursor", {"seq": 7}, 7) + event("job.done", happened(8), 8),
        event("cursor", {"seq": 8}, 8) + event("job.done", happened(9), 9),
    ]
    last_ids = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        last_ids.append(request.headers.get("Last-Event-ID", ""))
        if not pieces:
            return httpx2.Response(401, json={"code": "invalid_api_key", "detail": "Revoked."})
        return httpx2.Response(200, text=pieces.pop(0), headers={"Content-Type": "text/event-stream"})

    told = vidctl("events", "--follow", "--json", parts=local(answering(**{"GET /api/v1/events/stream": answer})))
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert [line.get("seq") for line in lines] == [8, 9, None]
    assert last_ids == ["", "8", "9"]
    assert told.exit_code == ExitCode.UNAUTHENTICATED


def test_types_of_events_are_listed() -> None:
    answers = {"GET /api/v1/event-types": {"items": [{"name": "job.done", "summary": "It is done."}]}}
    assert vidctl("events", "--types", parts=local(answering(**answers))).stdout == "job.done\tIt is done.\n"


def test_a_webhook_is_created_with_its_secret_shown() -> None:
    bodies = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        return hook(secret="whsec_abc")

    parts = local(answering(**{"POST /api/v1/webhooks": take}))
    told = vidctl("webhooks", "create", "https://receiver.test/", "--event", "job.*", parts=parts)
    assert "secret  whsec_abc" in told.stdout
    vidctl("webhooks", "create", "https://receiver.test/", parts=parts)
    assert bodies == [
        {"url": "https://receiver.test/", "description": "", "events": ["job.*"]},
        {"url": "https://receiver.test/", "description": ""},
    ]


def test_webhooks_are_listed_with_how_they_do() -> None:
    items = [
        hook(),
        hook(enabled=False, disabled_reason="failing"),
        hook(enabled=False),
        hook(failing_since="2026-11-21T10:00:00Z"),
    ]
    answers = {"GET /api/v1/webhooks": {"items": items, "next_cursor": None}}
    lines = vidctl("webhooks", "list", parts=local(answering(**answers))).stdout.splitlines()
    assert [line.split("\t")[1][:11] for line in lines] == ["on", "off (failin", "off", "fails since"]


def test_a_webhook_is_changed_switched_and_deleted() -> None:
    bodies = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        return hook(**bodies[-1])

    parts = local(answering(**{f"PATCH {PATH}": take, f"DELETE {PATH}": httpx2.Response(204)}))
    vidctl("webhooks", "change", HOOK, "--event", "job.done", "--url", "https://b.test/", parts=parts)
    vidctl("webhooks", "disable", HOOK, parts=parts)
    vidctl("webhooks", "enable", HOOK, parts=parts)
    assert bodies == [{"url": "https://b.test/", "events": ["job.done"]}, {"enabled": False}, {"enabled": True}]
    assert vidctl("webhooks", "delete", HOOK, parts=parts).stdout == f"{HOOK} is gone.\n"
    assert vidctl("webhooks", "delete", "job_1", parts=parts).exit_code == ExitCode.NOT_FOUND


def test_a_secret_is_shown_and_changed() -> None:
    shown = {"secret": "whsec_a", "old_secret": None, "old_secret_until": None}
    changed = {"secret": "whsec_b", "old_secret": "whsec_a", "old_secret_until": "2026-11-22T10:00:00Z"}
    parts = local(answering(**{f"POST {PATH}/secret": shown, f"POST {PATH}/secret/rotate": changed}))
    assert vidctl("webhooks", "secret", HOOK, parts=parts).stdout == "whsec_a\n"
    assert "whsec_a (until " in vidctl("webhooks", "secret", HOOK, "--rotate", parts=parts).stdout


def test_a_ping_waits_for_what_came_back() -> None:
    answers = [delivery("waiting"), delivery("delivered")]
    parts = local(
        answering(
            **{
                f"POST {PATH}/ping": delivery("waiting"),
                f"GET {PATH}/deliveries/{MESSAGE}": lambda _request: answers.pop(0),
            }
        )
    )
    told = vidctl("webhooks", "ping", HOOK, parts=parts)
    assert told.exit_code == 0
    assert "204  12 ms" in told.stdout
    failed = delivery("failed", response_status=None, error_code="url_timeout", error_detail="Slow.")
    parts = local(answering(**{f"POST {PATH}/ping": failed}))
    told = vidctl("webhooks", "ping", HOOK, parts=parts)
    assert told.exit_code == ExitCode.FAILED
    assert "url_timeout  12 ms  Slow." in told.stdout


def test_deliveries_are_listed_and_made_again() -> None:
    bodies = []

    def take(request: httpx2.Request) -> dict[str, Any]:
        bodies.append(json.loads(request.content))
        return {"queued": 3, "next_cursor": "500" if bodies[-1]["cursor"] is None else None}

    parts = local(
        answering(
            **{
                f"GET {PATH}/deliveries": {"items": [delivery("waiting")], "next_cursor": None},
                f"POST {PATH}/deliveries/{MESSAGE}/replay": delivery("waiting"),
                f"POST {PATH}/replay": take,
            }
        )
    )
    assert f"{MESSAGE} waiting, again at " in vidctl("webhooks", "deliveries", HOOK, parts=parts).stdout
    assert vidctl("webhooks", "replay", HOOK, MESSAGE, parts=parts).stdout == f"{MESSAGE} is sent again.\n"
    since = "2026-11-21T00:00:00Z"
    assert vidctl("webhooks", "replay", HOOK, "--since", since, parts=parts).stdout == "6 deliveries are made.\n"
    assert [body["cursor"] for body in bodies] == [None, "500"]
    assert vidctl("webhooks", "replay", HOOK, parts=parts).exit_code == ExitCode.INVALID


def test_the_log_of_mails_is_listed() -> None:
    mail = {
        "id": "mail_1",
        "status": "failed",
        "created_at": "2026-11-21T10:00:00Z",
        "template": "reset",
        "recipient": "ann@example.org",
        "error_code": "mail_refused",
        "error_detail": "No such user.",
    }
    answers = {"GET /api/v1/mails": {"items": [mail], "next_cursor": None}}
    told = vidctl("mails", "list", parts=local(answering(**answers))).stdout
    assert "reset\tann@example.org\tNo such user. [mail_refused]" in told


def test_mails_in_the_outbox_are_listed_and_read(tmp_path: Path) -> None:
    for number in (1, 2):
        message = EmailMessage()
        message["To"], message["Subject"] = "ann@example.org", f"Mail {number}\u200b"
        message.set_content(f"Text {number}\x1b[31m\n")
        message.add_alternative(f"<p>HTML {number}</p>", subtype="html")
        (tmp_path / f"mail_{number}.eml").write_bytes(message.as_bytes())
    parts = local(outbox=lambda: tmp_path)
    lines = vidctl("mails", "outbox", parts=parts).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["mail_2", "mail_1"]
    read = vidctl("mails", "read", parts=parts).stdout
    assert "To: ann@example.org\nSubject: Mail 2�\n\nText 2�[31m\n" in read
    assert "<p>HTML 1</p>" in vidctl("mails", "read", "mail_1", "--html", parts=parts).stdout
    document = json.loads(vidctl("mails", "read", "mail_1", "--json", parts=parts).stdout)
    assert (document["subject"], document["plain"]) == ("Mail 1\u200b", "Text 1\x1b[31m\n")
    assert vidctl("mails", "read", "mail_9", parts=parts).exit_code == ExitCode.NOT_FOUND
