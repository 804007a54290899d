"""People in a browser: what would be in their mails, and how they log in."""

import hashlib
from typing import TYPE_CHECKING

import httpx2
from playwright.sync_api import expect
from sqlalchemy import Connection, insert

from tests.fixtures.plain_http import NO_TLS
from tests.fixtures.platform import Server
from tests.fixtures.rows import written
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import invitations, proofs
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services.people import queries

if TYPE_CHECKING:
    from playwright.sync_api import Page

EMAIL = "ann@example.com"
BOB = "bob@example.com"
PASSWORD = "correct horse battery"
HOUR_MS = 3_600_000


def put(server: Server, table: str, secret: str, email: str = EMAIL, role: str = "editor") -> None:
    """A link that was sent: what would be in the mail is known here."""

    def step(conn: Connection) -> None:
        times = {"created_ms": now_ms(), "expires_ms": now_ms() + HOUR_MS}
        row = {"digest": hashlib.sha256(secret.encode()).hexdigest(), "email": email, **times}
        if table == "invitation":
            own = {"id": new_id("inv"), "organization_id": LOCAL_ORGANIZATION, "role": role, "invited_by": "key_x"}
            conn.execute(insert(invitations).values(**row, **own))
        else:
            person = queries.by_email(conn, email)
            assert person is not None
            conn.execute(insert(proofs).values(**row, person_id=person.id, purpose=table))

    written(server.database_url, step)


def join(server: Server, email: str = EMAIL, name: str = "Ann", role: str = "editor") -> None:
    """A person of the local organization, who came by an invitation."""
    secret = f"invitation-of-{email}"
    put(server, "invitation", secret, email, role)
    wish = {"email": email, "name": name, "password": PASSWORD, "invitation": secret}
    answer = httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False, verify=NO_TLS)
    assert (answer.status_code, answer.json()) == (202, {"verified": True})


def log_in(server: Server, password: str, email: str = EMAIL) -> int:
    """Whether this password opens the account: the status of the answer."""
    wish = {"email": email, "password": password}
    return httpx2.post(f"{server.url}/api/v1/login", json=wish, trust_env=False, verify=NO_TLS).status_code


def type_in(page: "Page", email: str, password: str) -> None:
    """Log in on the page that asks for it."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: "Page") -> None:
    """Log out by the menu of every page."""
    page.get_by_role("button", name="You and this page").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def is_in(page: "Page") -> None:
    """The dashboard is there."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
