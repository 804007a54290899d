"""Webhooks of the running platform: nothing is lost over kills, nobody holds up others, other languages check them."""

import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook as Verifier

from tests.fixtures.command import vidctl
from tests.fixtures.platform import Server
from tests.fixtures.receiving import Received, Receiver, answer, receiving
from tests.fixtures.waiting import wait_until

WEB = Path(__file__).parents[2] / "web"
HOOKS = "/api/v1/webhooks"
OPEN = {"VIDCOMPUTE_ALLOW_PRIVATE_ADDRESSES": "true"}
HASTY = OPEN | {"VIDCOMPUTE_WEBHOOK_TIMEOUT_S": "1"}
LATE_S = 0.3

# A receiver in Node.js: it exits with 0 where each message on stdin is rightly signed, and none that is changed.
CHECK = """
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
const { secret, messages } = JSON.parse(readFileSync(0, 'utf8'));
const webhook = new Webhook(secret);
for (const { headers, body } of messages) {
  if (webhook.verify(body, headers).type !== JSON.parse(body).type) process.exit(2);
  let refused = false;
  try { webhook.verify(body.replace('{', '{ '), headers); } catch { refused = true; }
  if (!refused) process.exit(3);
}
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def create(client: httpx2.Client, url: str, *events: str, **more: Any) -> dict[str, Any]:
    answered = client.post(HOOKS, json={"url": url, "events": list(events), **more})
    assert answered.status_code == 201, answered.text
    found: dict[str, Any] = answered.json()
    return found


def node_checks(secret: str, seen: Sequence[Received]) -> None:
    """The npm package of the specification's authors finds every signature right."""
    node = shutil.which("node") or str(Path(sys.executable).with_name("node"))
    assert (WEB / "node_modules" / "standardwebhooks").is_dir(), "npm packages are missing: `make test` gets them"
    messages = [{"headers": dict(message.headers), "body": message.body} for message in seen]
    done = subprocess.run(
        [node, "--input-type=module", "-e", CHECK],
        input=json.dumps({"secret": secret, "messages": messages}),
        cwd=WEB,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


class Changing:
    """Somebody who changes things while the server comes and goes; `promised` counts what was acknowledged."""

    def __init__(self, webhook_id: str) -> None:
        self.webhook_id = webhook_id
        self.server: Server | None = None
        self.promised: list[str] = []
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        number = 0
        while not self.enough.wait(0.005):
            number += 1
            server = self.server
            if server is None:
                continue
            try:
                with server.client() as client:
                    changed = client.patch(f"{HOOKS}/{self.webhook_id}", json={"description": str(number)})
            except httpx2.TransportError:
                continue
            if changed.status_code == 200:
                self.promised.append(str(number))


def unsteady(receiver: Receiver, chance: random.Random) -> Callable[[BaseHTTPRequestHandler], None]:
    """A receiver that mostly takes a message, and else fails, sends elsewhere, answers late, or never."""

    def answers(handler: BaseHTTPRequestHandler) -> None:
        match chance.choices(("takes", "fails", "redirects", "is late", "hangs"), (70, 15, 5, 6, 4))[0]:
            case "fails":
                answer(handler, 503)
            case "redirects":
                answer(handler, 302, headers={"Location": receiver.url("/elsewhere")})
            case "hangs":
                receiver.ending.wait(60)
            case mood:
                receiver.ending.wait(LATE_S if mood == "is late" else 0)
                answer(handler, 204)

    return answers


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.long)])
def test_nothing_is_lost_over_kills_of_the_server_and_no_effect_comes_twice(
    start_server: Callable[..., Server], receiver: Receiver, kills: int
) -> None:
    chance = random.Random(7)
    receiver.answers["/hook"] = unsteady(receiver, chance)
    server = start_server(**HASTY)
    with server.client() as client:
        changed = create(client, receiver.url("/unused"), "job.done", enabled=False)
        hook = create(client, receiver.url("/hook"), "webhook.updated")
    changing = Changing(changed["id"])
    changing.server = server
    changing.thread.start()
    for _ in range(kills):
        wanted = len(receiver.seen) + chance.randint(1, 30)
        wait_until(partial(_has, receiver, wanted), what="more messages")
        changing.enough.wait(chance.uniform(0, LATE_S))  # at whatever instant
        changing.server = None
        server.kill()
        server = start_server(data_dir=server.data_dir, **HASTY)
        changing.server = server
    wait_until(partial(_has, receiver, len(receiver.seen) + 1), what="messages after the last kill")
    changing.enough.set()
    changing.thread.join()
    with server.client() as client:
        happened = _every_event(client, "webhook.updated")
        assert len(happened) >= len(changing.promised) > 0
        path = f"{HOOKS}/{hook['id']}"
        wait_until(lambda: _delivered(client, path) == set(happened), what="every delivery", timeout_s=120)
    # A consumer that honours ids has each event once.
    effects = {message.id: message.event["seq"] for message in receiver.of("/hook")}
    assert sorted(effects.values()) == sorted(happened)
    assert receiver.of("/elsewhere") == []
    newest = receiver.seen[-300:]  # those who check signatures refuse what is minutes old
    for message in newest:
        Verifier(hook["secret"]).verify(message.body, dict(message.headers))
    node_checks(hook["secret"], newest)


def _has(receiver: Receiver, count: int) -> bool:
    return len(receiver.seen) >= count


def _every_event(client: httpx2.Client, kind: str) -> list[int]:
    seqs: list[int] = []
    cursor = "0"
    while True:
        page = client.get("/api/v1/events", params={"type": kind, "cursor": cursor, "limit": 500}).json()
        seqs += [event["seq"] for event in page["items"]]
        if len(page["items"]) < 500:
            return seqs
        cursor = page["next_cursor"]


def _delivered(client: httpx2.Client, path: str) -> set[int]:
    """What was delivered by now; what failed is made again, that the test need not wait for the schedule."""
    seqs: set[int] = set()
    cursor = None
    while True:
        page = client.get(f"{path}/deliveries", params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
        for delivery in page["items"]:
            if delivery["status"] == "delivered":
                seqs.add(delivery["seq"])
            elif delivery["attempts"]:
                client.post(f"{path}/deliveries/{delivery['id']}/replay")
        cursor = page["next_cursor"]
        if cursor is None:
            return seqs


def test_receivers_that_hang_fail_or_redirect_hold_up_nobody(
    start_server: Callable[..., Server], receiver: Receiver
) -> None:
    server = start_server(**OPEN)
    receiver.says("/secret", 200)
    with server.client() as client:
        changed = create(client, receiver.url("/unused"), "job.done", enabled=False)
        bad = [
            create(client, url, "webhook.updated")
            for url in (
                *(receiver.hangs(f"/hangs{number}") for number in range(4)),
                receiver.says("/fails", 500, b"broken"),
                receiver.says("/redirects", 302, Location=receiver.url("/secret")),
            )
        ]
        well = create(client, receiver.url("/well"), "webhook.updated")
        for number in range(30):
            client.patch(f"{HOOKS}/{changed['id']}", json={"description": str(number)})
        wait_until(lambda: len(receiver.of("/well")) == 30, what="30 messages")
        redirected = client.get(f"{HOOKS}/{bad[-1]['id']}/deliveries").json()["items"][-1]
        log = wait_until(
            lambda: client.get(f"{HOOKS}/{bad[-2]['id']}/deliveries").json()["items"][-1]["attempts"], what="an attempt"
        )
        assert (log[0]["response_status"], log[0]["response_body"]) == (500, "broken")
        assert redirected["status"] == "waiting"
        assert client.get(f"{HOOKS}/{well['id']}").json()["failing_since"] is None
    assert receiver.of("/secret") == []
    assert server.stop() == 0


def test_inside_addresses_are_refused_unless_a_setting_allows_them(
    start_server: Callable[..., Server], receiver: Receiver
) -> None:
    server = start_server()
    with server.client() as client:
        hook = create(client, receiver.url("/hook"), "job.done")
    told = vidctl("webhooks", "ping", hook["id"], "--json", data_dir=server.data_dir, code=1)
    assert json.loads(told)["attempts"][0]["error_code"] == "url_address_refused"
    assert receiver.seen == []


def test_one_that_is_gone_is_told_of_by_mail_which_lies_in_the_outbox(
    start_server: Callable[..., Server], receiver: Receiver
) -> None:
    receiver.says("/gone", 410)
    server = start_server(**OPEN, VIDCOMPUTE_MAIL_OPERATOR="ann@example.org")
    with server.client() as client:
        hook = create(client, receiver.url("/gone"), "webhook.updated")
        client.patch(f"{HOOKS}/{hook['id']}", json={"description": "x"})
        path = f"{HOOKS}/{hook['id']}"
        wait_until(lambda: client.get(path).json()["disabled_reason"] == "gone", what="the webhook's end")
        wait_until(
            lambda: [mail["status"] for mail in client.get("/api/v1/mails").json()["items"]] == ["sent"],
            what="the mail",
        )
    outbox = json.loads(vidctl("mails", "outbox", "--json", data_dir=server.data_dir))
    assert [(mail["to"], mail["subject"]) for mail in outbox["items"]] == [
        ("ann@example.org", "A webhook was switched off")
    ]
    assert receiver.url("/gone") in vidctl("mails", "read", data_dir=server.data_dir)
    events = vidctl("events", "--type", "webhook.disabled", "--json", data_dir=server.data_dir).splitlines()
    assert [json.loads(event)["subject_id"] for event in events] == [hook["id"]]
