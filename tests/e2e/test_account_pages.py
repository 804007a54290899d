"""The pages that links in mails lead to, in a real browser."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

import httpx2
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, insert

from tests.fixtures.platform import Server
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import invitations, proofs
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services.people import queries

EMAIL = "ann@example.com"
PASSWORD = "correct horse battery"
HOUR_MS = 3_600_000


def put(server: Server, table: str, secret: str) -> None:
    """A link that was sent: what would be in the mail is known here."""

    def step(conn: Connection) -> None:
        times = {"created_ms": now_ms(), "expires_ms": now_ms() + HOUR_MS}
        row = {"digest": hashlib.sha256(secret.encode()).hexdigest(), "email": EMAIL, **times}
        if table == "invitation":
            own = {"id": new_id("inv"), "organization_id": LOCAL_ORGANIZATION, "role": "editor", "invited_by": "key_x"}
            conn.execute(insert(invitations).values(**row, **own))
        else:
            person = queries.by_email(conn, EMAIL)
            assert person is not None
            conn.execute(insert(proofs).values(**row, person_id=person.id, purpose=table))

    async def work() -> None:
        database = Database.open(server.database_url)
        await database.write(step)
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        thread.submit(lambda: asyncio.run(work())).result()


def log_in(server: Server, password: str) -> int:
    wish = {"email": EMAIL, "password": password}
    return httpx2.post(f"{server.url}/api/v1/login", json=wish, trust_env=False).status_code


def test_an_invitation_is_accepted_and_a_forgotten_password_set(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-of-the-invitation")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/account/invitation#secret-of-the-invitation")
    expect(page.locator("#lead")).to_have_text(f"Join local as editor, with the address {EMAIL}.")
    assert "secret" not in page.url
    page.get_by_label("Your name").fill("<b>Ann</b>")
    page.get_by_label("A new password").fill("short")
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#outcome")).to_contain_text("This password won't do.")
    page.get_by_label("A new password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#outcome")).to_have_text("You are a member of local now.")
    assert log_in(server, PASSWORD) == 200

    put(server, "reset", "secret-of-the-reset")
    page.goto(f"{server.url}/account/reset#secret-of-the-reset")
    page.get_by_label("A new password").fill("staple of the day")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#outcome")).to_contain_text("Done")
    assert (log_in(server, "staple of the day"), log_in(server, PASSWORD)) == (200, 401)
    assert asked
    assert not [url for url in asked if "secret-of" in url.partition("#")[0]], "no server is told by an address"


def test_a_link_that_is_none_says_so(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/account/invitation#nonsense")
    expect(page.locator("#outcome")).to_contain_text("This invitation was accepted, has ended")
    assert httpx2.get(f"{server.url}/account/passwd", trust_env=False).status_code == 404
    headers = httpx2.get(f"{server.url}/account/reset", trust_env=False).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
