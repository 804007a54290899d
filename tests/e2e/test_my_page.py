"""One's own account, and the end of mails, as pages in a real browser."""

import json
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect

from tests.e2e.test_account_pages import EMAIL, PASSWORD, put
from tests.fixtures.platform import Server


def test_one_chooses_mails_sees_what_is_kept_and_leaves(server: Server, page: Page) -> None:
    put(server, "invitation", "secret-of-the-invitation")
    wish = {"email": EMAIL, "name": "<b>Ann</b>", "password": PASSWORD, "invitation": "secret-of-the-invitation"}
    joined = httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False)
    assert joined.json() == {"verified": True}
    page.goto(f"{server.url}/account/me")
    page.get_by_label("E-mail address", exact=True).fill(EMAIL)
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
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


def test_the_end_of_mails_is_a_button_and_not_a_visit(server: Server, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.goto(f"{server.url}/account/unsubscribe?token=nonsense")
    expect(page.get_by_role("button", name="No more of these")).to_be_visible()
    assert set(asked) == {"GET"}
    assert "nonsense" not in page.url
    page.get_by_role("button", name="No more of these").click()
    expect(page.locator("#outcome")).to_contain_text("This link is not whole")
