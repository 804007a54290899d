"""Coming in, in a real browser: where links in mails lead, registering, logging in, the second factor."""

import time
from collections.abc import Callable

import pyotp
from playwright.sync_api import Page, expect

from tests.e2e.accounts import BOB, EMAIL, PASSWORD, is_in, join, log_in, log_out, put, type_in
from tests.fixtures.cluster import free_port
from tests.fixtures.platform import Server


def test_an_invitation_is_accepted_and_a_forgotten_password_set(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-of-the-invitation")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/account/invitation#secret-of-the-invitation")
    expect(page.get_by_text(f"Join local as editor, with the address {EMAIL}.")).to_be_visible()
    assert "secret" not in page.url
    page.get_by_label("Your name").fill("<b>Ann</b>")
    page.get_by_label("A new password").fill("short")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("This password won't do.")
    page.get_by_label("A new password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    is_in(page)
    assert log_in(server, PASSWORD) == 200

    put(server, "reset", "secret-of-the-reset")
    page.goto(f"{server.url}/account/reset#secret-of-the-reset")
    page.get_by_label("A new password").fill("staple of the day")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("Done: log in with the new password.")).to_be_visible()
    assert (log_in(server, "staple of the day"), log_in(server, PASSWORD)) == (200, 401)
    assert asked
    assert not [url for url in asked if "secret-of" in url.partition("#")[0]], "no server is told by an address"


def test_one_registers_proves_the_mailbox_logs_in_reloads_and_logs_out(
    start_server: Callable[..., Server], page: Page
) -> None:
    server = start_server(VIDCOMPUTE_REGISTRATION="open")
    page.goto(f"{server.url}/account/login")
    page.get_by_role("link", name="Register").click()
    page.get_by_label("Your name").fill("<b>Ann</b>")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("A new password").fill("short")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("This password won't do.")
    page.get_by_label("A new password").fill(PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Look into your mailbox")).to_be_visible()

    page.get_by_role("link", name="Log in").click()
    type_in(page, EMAIL, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Confirm your e-mail address first")
    page.get_by_role("link", name="Send the link again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm your address")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("the link is on its way")).to_be_visible()

    put(server, "verify", "secret-of-the-mailbox")
    page.goto(f"{server.url}/account/verify#secret-of-the-mailbox")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Done: you can log in now.")).to_be_visible()
    page.get_by_role("link", name="Log in").click()
    type_in(page, EMAIL, PASSWORD)
    is_in(page)
    page.reload()
    is_in(page)
    page.goto(f"{server.url}/account/login")
    is_in(page)
    log_out(page)
    page.goto(f"{server.url}/dashboard/videos")
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


def test_a_forgotten_password_is_asked_for_and_registering_where_it_is_closed(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/account/register")
    expect(page.get_by_text("One comes in here by invitation only.")).to_be_visible()
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A forgotten password")
    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("If there is an account of this address")).to_be_visible()


def test_a_link_that_is_none_says_so(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/account/invitation#nonsense")
    expect(page.get_by_role("alert")).to_contain_text("This invitation was accepted, has ended")


def test_an_app_is_set_up_asked_for_and_switched_off(server: Server, page: Page) -> None:
    join(server, BOB, "Bob")
    page.goto(f"{server.url}/account/security")
    type_in(page, BOB, PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    page.get_by_role("button", name="Set up an app").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    box = page.get_by_role("img", name="The key as a QR code").bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert box["width"] == box["height"]
    app = pyotp.TOTP(dialog.get_by_role("region", name="The key").inner_text().strip())
    dialog.get_by_label("A code of your app").fill(app.generate_otp(int(time.time()) // 30))
    dialog.get_by_role("button", name="Switch it on").click()
    codes = dialog.get_by_role("region", name="Recovery codes").inner_text().split()
    assert len(codes) == 10
    dialog.get_by_role("button", name="I have them").click()
    expect(page.get_by_role("button", name="Switch it off")).to_be_visible()
    assert log_in(server, PASSWORD, BOB) == 401

    page.context.clear_cookies()
    page.goto(f"{server.url}/account/security")
    type_in(page, BOB, PASSWORD)
    page.get_by_label("Code").fill("nonsense")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()

    page.get_by_role("button", name="Switch it off").click()
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_label("A code of your app").fill(app.generate_otp(int(time.time()) // 30 + 1))
    dialog.get_by_role("button", name="Switch it off").click()
    expect(page.get_by_text("Your password alone opens your account now.")).to_be_visible()
    assert log_in(server, PASSWORD, BOB) == 200


def test_a_passkey_is_added_opens_the_account_and_is_removed(start_server: Callable[..., Server], page: Page) -> None:
    port = free_port()
    site = f"http://localhost:{port}"
    server = start_server(VIDCOMPUTE_PORT=str(port), VIDCOMPUTE_BASE_URL=site)
    join(server, BOB, "Bob")
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    kind |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    own_id = device.send("WebAuthn.addVirtualAuthenticator", {"options": kind})["authenticatorId"]
    passkeys = page.get_by_role("list", name="Passkeys").get_by_role("listitem")

    page.goto(f"{site}/account/security")
    type_in(page, BOB, PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("What to call it").fill("<b>Laptop</b>")
    page.get_by_role("dialog").get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add it").click()
    expect(passkeys).to_contain_text("<b>Laptop</b>")
    expect(passkeys).to_contain_text("never used")
    (kept,) = device.send("WebAuthn.getCredentials", {"authenticatorId": own_id})["credentials"]
    assert (kept["rpId"], kept["isResidentCredential"]) == ("localhost", True)

    page.context.clear_cookies()
    page.goto(f"{site}/account/security")
    page.get_by_role("button", name="Use a passkey").click()
    expect(passkeys).to_contain_text("last used")
    page.get_by_role("button", name="Rename <b>Laptop</b>").click()
    page.get_by_label("What to call it").fill("Old laptop")
    page.get_by_role("button", name="Rename it").click()
    expect(passkeys).to_contain_text("Old laptop")
    page.get_by_role("button", name="Remove Old laptop").click()
    page.get_by_role("button", name="Remove it").click()
    expect(passkeys).to_have_count(0)

    page.context.clear_cookies()
    page.goto(f"{site}/account/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("is not good here")
