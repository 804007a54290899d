"""One's own account, and the end of mails, as pages in a real browser."""

import json
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect

from tests.e2e.test_account_pages import BOB, EMAIL, PASSWORD, log_in, put, type_in
from tests.fixtures.platform import Server


def test_one_chooses_mails_sees_what_is_kept_and_leaves(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-of-the-invitation")
    wish = {"email": EMAIL, "name": "<b>Ann</b>", "password": PASSWORD, "invitation": "secret-of-the-invitation"}
    joined = httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False)
    assert joined.json() == {"verified": True}
    page.goto(f"{server.url}/account/me")
    expect(page).to_have_url(f"{server.url}/account/login")
    type_in(page, EMAIL, PASSWORD)
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#who")).to_have_text(f"<b>Ann</b>, {EMAIL}")
    expect(page.get_by_label("A video could not be processed.")).to_have_value("own")
    page.get_by_label("A video is ready.").select_option("all")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#outcome")).to_have_text("Saved.")
    page.reload()
    expect(page.get_by_label("A video is ready.")).to_have_value("all")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it").click()
    kept = json.loads(Path(download.value.path()).read_text())
    chosen = {row["kind"]: row["choice"] for row in kept["kept"]["mail_choices"]}
    assert (kept["addresses"], chosen["job_finished"]) == ([EMAIL], "all")
    page.get_by_label("Your e-mail address, once more").fill(EMAIL)
    page.get_by_label("Your password, if you have one").fill("nonsense")
    page.get_by_role("button", name="Erase my account").click()
    expect(page.locator("#outcome")).to_have_text("This is not your password.")
    page.get_by_label("Your password, if you have one").fill(PASSWORD)
    page.get_by_role("button", name="Erase my account").click()
    expect(page.locator("#outcome")).to_have_text("Your account is erased.")
    login = {"email": EMAIL, "password": PASSWORD}
    assert httpx2.post(f"{server.url}/api/v1/login", json=login, trust_env=False).status_code == 401


def test_one_changes_password_and_address_and_ends_sessions(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-for-bob", BOB)
    wish = {"email": BOB, "name": "Bob", "password": PASSWORD, "invitation": "secret-for-bob"}
    assert httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False).status_code == 202
    assert log_in(server, PASSWORD, BOB) == 200
    page.goto(f"{server.url}/account/login")
    type_in(page, BOB, PASSWORD)
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#organizations li")).to_have_text("local (editor)")
    sessions = page.locator("#sessions li")
    expect(sessions).to_have_count(2)
    page.get_by_role("button", name="End", exact=True).click()
    expect(sessions).to_have_count(1)
    expect(sessions).to_contain_text("this one")

    password = page.locator("#password")
    password.get_by_label("Your present password").fill("nonsense")
    password.get_by_label("A new password").fill("staple of the day")
    password.get_by_role("button").click()
    expect(page.locator("#outcome")).to_have_text("This is not your password.")
    password.get_by_label("Your present password").fill(PASSWORD)
    password.get_by_role("button").click()
    expect(page.locator("#outcome")).to_contain_text("Changed")
    assert (log_in(server, "staple of the day", BOB), log_in(server, PASSWORD, BOB)) == (200, 401)

    address = page.locator("#email")
    address.get_by_label("The new address").fill("bob.new@example.com")
    address.get_by_label("Your password, to be sure").fill("staple of the day")
    address.get_by_role("button").click()
    expect(page.locator("#outcome")).to_contain_text("Look into the new mailbox")


def test_the_end_of_mails_is_a_button_and_not_a_visit(server: Server, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.goto(f"{server.url}/account/unsubscribe?token=nonsense")
    expect(page.get_by_role("button", name="No more of these")).to_be_visible()
    assert set(asked) == {"GET"}
    assert "nonsense" not in page.url
    page.get_by_role("button", name="No more of these").click()
    expect(page.locator("#outcome")).to_contain_text("This link is not whole")
