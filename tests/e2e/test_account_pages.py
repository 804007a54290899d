"""The pages of an account, in a real browser: where links in mails lead, logging in, the second factor."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pyotp
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, insert

from tests.fixtures.cluster import free_port
from tests.fixtures.platform import Server
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import invitations, proofs
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services.people import queries

EMAIL = "ann@example.com"
BOB = "bob@example.com"
PASSWORD = "correct horse battery"
HOUR_MS = 3_600_000


def put(server: Server, table: str, secret: str, email: str = EMAIL) -> None:
    """A link that was sent: what would be in the mail is known here."""

    def step(conn: Connection) -> None:
        times = {"created_ms": now_ms(), "expires_ms": now_ms() + HOUR_MS}
        row = {"digest": hashlib.sha256(secret.encode()).hexdigest(), "email": email, **times}
        if table == "invitation":
            own = {"id": new_id("inv"), "organization_id": LOCAL_ORGANIZATION, "role": "editor", "invited_by": "key_x"}
            conn.execute(insert(invitations).values(**row, **own))
        else:
            person = queries.by_email(conn, email)
            assert person is not None
            conn.execute(insert(proofs).values(**row, person_id=person.id, purpose=table))

    async def work() -> None:
        database = Database.open(server.database_url)
        await database.write(step)
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        thread.submit(lambda: asyncio.run(work())).result()


def log_in(server: Server, password: str, email: str = EMAIL) -> int:
    wish = {"email": email, "password": password}
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


def test_who_registers_proves_the_mailbox_and_logs_in(start_server: Callable[..., Server], page: Page) -> None:
    server = start_server(VIDCOMPUTE_REGISTRATION="open")
    page.goto(f"{server.url}/account/login")
    page.get_by_role("link", name="Register").click()
    page.get_by_label("Your name").fill("<b>Ann</b>")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("A new password").fill("short")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#outcome")).to_contain_text("This password won't do.")
    page.get_by_label("A new password").fill(PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#lead")).to_contain_text("Look into your mailbox")

    page.get_by_role("link", name="Log in").click()
    type_in(page, EMAIL, PASSWORD)
    expect(page.locator("#outcome")).to_contain_text("Confirm your e-mail address first")
    page.get_by_role("link", name="Send the link again").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#outcome")).to_contain_text("the link is on its way")

    put(server, "verify", "secret-of-the-mailbox")
    page.goto(f"{server.url}/account/verify#secret-of-the-mailbox")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Log in").click()
    type_in(page, EMAIL, PASSWORD)
    expect(page.locator("#lead")).to_have_text(f"You are logged in as {EMAIL}.")


def test_a_forgotten_password_is_asked_for_and_registering_where_it_is_closed(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/account/login")
    expect(page.get_by_role("link", name="Forgot your password?")).to_be_visible()
    expect(page.get_by_role("link", name="Register")).to_have_count(0)
    page.goto(f"{server.url}/account/register")
    expect(page.locator("#lead")).to_have_text("One comes in here by invitation only.")
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#outcome")).to_contain_text("If there is an account of this address")


def test_a_link_that_is_none_says_so(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/account/invitation#nonsense")
    expect(page.locator("#outcome")).to_contain_text("This invitation was accepted, has ended")
    assert httpx2.get(f"{server.url}/account/passwd", trust_env=False).status_code == 404
    headers = httpx2.get(f"{server.url}/account/reset", trust_env=False).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def type_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Log in").click()


def look_after(page: Page) -> None:
    """Go on to the page of the account's safety, once logged in."""
    page.get_by_role("button", name="Security").click()
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()


def test_an_app_is_set_up_asked_for_and_switched_off(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-for-bob", BOB)
    wish = {"email": BOB, "name": "Bob", "password": PASSWORD, "invitation": "secret-for-bob"}
    assert httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False).status_code == 202

    page.goto(f"{server.url}/account/security")
    expect(page).to_have_url(f"{server.url}/account/login")
    type_in(page, BOB, PASSWORD)
    look_after(page)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set up an app").click()
    picture = page.get_by_role("img", name="The key as a QR code")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert box["width"] == box["height"]
    app = pyotp.TOTP(page.locator("#extra code").inner_text())
    page.get_by_label("A code of your app").fill(app.generate_otp(int(time.time()) // 30))
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator("#extra li")).to_have_count(10)
    codes = page.locator("#extra li").all_inner_texts()
    assert log_in(server, PASSWORD, BOB) == 401

    page.context.clear_cookies()
    page.goto(f"{server.url}/account/login")
    type_in(page, BOB, PASSWORD)
    page.get_by_label("A code of your app").fill("nonsense")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#outcome")).to_contain_text("The code is wrong")
    page.get_by_label("A code of your app").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    look_after(page)
    expect(page.locator("#lead")).to_contain_text("9 recovery codes left")

    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("A code of your app").fill(app.generate_otp(int(time.time()) // 30 + 1))
    page.get_by_role("button", name="Switch it off").click()
    expect(page.locator("#outcome")).to_contain_text("your password alone opens your account now")
    assert log_in(server, PASSWORD, BOB) == 200


def test_a_passkey_is_added_opens_the_account_and_is_removed(start_server: Callable[..., Server], page: Page) -> None:
    port = free_port()
    site = f"http://localhost:{port}"
    server = start_server(VIDCOMPUTE_PORT=str(port), VIDCOMPUTE_BASE_URL=site)
    put(server, "invitation", "secret-for-bob", BOB)
    wish = {"email": BOB, "name": "Bob", "password": PASSWORD, "invitation": "secret-for-bob"}
    assert httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False).status_code == 202
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    kind |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    own_id = device.send("WebAuthn.addVirtualAuthenticator", {"options": kind})["authenticatorId"]

    page.goto(f"{site}/account/login")
    type_in(page, BOB, PASSWORD)
    look_after(page)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("What to call it").fill("<b>Laptop</b>")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#below li")).to_contain_text("<b>Laptop</b> (never used)")
    (kept,) = device.send("WebAuthn.getCredentials", {"authenticatorId": own_id})["credentials"]
    assert (kept["rpId"], kept["isResidentCredential"]) == ("localhost", True)

    page.context.clear_cookies()
    page.goto(f"{site}/account/login")
    page.get_by_role("button", name="Use a passkey").click()
    look_after(page)
    expect(page.locator("#below li")).to_contain_text("last used")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("What to call it").fill("Old laptop")
    page.get_by_role("button", name="Rename it").click()
    expect(page.locator("#below li")).to_contain_text("Old laptop")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#below li")).to_have_count(0)

    page.context.clear_cookies()
    page.goto(f"{site}/account/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#outcome")).to_contain_text("is not good here")
