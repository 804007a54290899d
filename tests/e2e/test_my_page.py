"""One's own account, and the end of mails, as pages in a real browser."""

import json
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect

from tests.e2e.accounts import BOB, EMAIL, PASSWORD, join, log_in, type_in
from tests.fixtures.platform import Server


def test_one_chooses_mails_sees_what_is_kept_and_leaves(server: Server, page: Page) -> None:
    join(server, name="<b>Ann</b>")
    page.goto(f"{server.url}/account/me")
    type_in(page, EMAIL, PASSWORD)
    expect(page.get_by_role("tab", name="You")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("<b>Ann</b>")).to_be_visible()
    expect(page.get_by_label("A video could not be processed.")).to_have_value("own")
    page.get_by_label("A video is ready.").select_option("all")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("A video is ready.")).to_have_value("all")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of it").click()
    kept = json.loads(Path(download.value.path()).read_text())
    chosen = {row["kind"]: row["choice"] for row in kept["kept"]["mail_choices"]}
    assert (kept["addresses"], chosen["job_finished"]) == ([EMAIL], "all")
    page.get_by_role("button", name="Erase my account").click()
    page.get_by_label("Your e-mail address, once more").fill(EMAIL)
    page.get_by_label("Your password, if you have one").fill("nonsense")
    page.get_by_role("button", name="Erase it for good").click()
    expect(page.get_by_role("alert")).to_have_text("This is not your password.")
    page.get_by_label("Your password, if you have one").fill(PASSWORD)
    page.get_by_role("button", name="Erase it for good").click()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    login = {"email": EMAIL, "password": PASSWORD}
    assert httpx2.post(f"{server.url}/api/v1/login", json=login, trust_env=False).status_code == 401


def test_one_changes_password_and_address_and_ends_sessions(server: Server, page: Page) -> None:
    join(server, BOB, "Bob")
    assert log_in(server, PASSWORD, BOB) == 200
    page.goto(f"{server.url}/account/me")
    type_in(page, BOB, PASSWORD)
    sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    expect(sessions).to_have_count(2)
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(sessions).to_have_count(1)
    expect(sessions).to_contain_text("this one")

    page.get_by_role("button", name="Change: Password").click()
    page.get_by_label("Your present password").fill("nonsense")
    page.get_by_label("A new password").fill("staple of the day")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_have_text("This is not your password.")
    page.get_by_label("Your present password").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Changed: you are logged in here alone now.")).to_be_visible()
    assert (log_in(server, "staple of the day", BOB), log_in(server, PASSWORD, BOB)) == (200, 401)

    page.get_by_role("button", name="Change: E-mail address").click()
    page.get_by_label("The new address").fill("bob.new@example.com")
    page.get_by_label("Your present password").fill("staple of the day")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("Look into the new mailbox")).to_be_visible()


def test_the_end_of_mails_is_a_button_and_not_a_visit(server: Server, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.goto(f"{server.url}/account/unsubscribe?token=nonsense")
    expect(page.get_by_role("button", name="No more of these")).to_be_visible()
    assert set(asked) == {"GET"}
    assert "nonsense" not in page.url
    page.get_by_role("button", name="No more of these").click()
    expect(page.locator("#outcome")).to_contain_text("This link is not whole")
