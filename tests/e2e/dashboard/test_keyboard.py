"""What people do in the dashboard, done in Chromium by keyboard alone: no test here has a mouse."""

import re
from pathlib import Path
from typing import Literal

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.accounts import EMAIL, PASSWORD, join
from tests.e2e.dashboards import COMES_MS, by_keyboard, enter
from tests.e2e.driving import Driver, Json
from tests.fixtures.platform import Server
from tests.fixtures.receiving import receiving

SMALL: Json = {"outputs": ["hls", "thumbnail"], "renditions": [{"height": 180}]}


@pytest.fixture(scope="module")
def ready(driver: Driver, source: Path) -> Json:
    return driver.done(driver.submit(source, title="By keyboard", **SMALL)["id"])


@pytest.fixture(scope="module")
def other(driver: Driver, source: Path) -> Json:
    """A video beside `ready`, so that the list stays when that is deleted."""
    return driver.done(driver.submit(source, title="Another one", **SMALL)["id"])


def press(page: Page, name: str, *, role: str = "button") -> None:
    """Go to a button and press it."""
    target = page.get_by_role("link" if role == "link" else "button", name=name, exact=True)
    by_keyboard(page, target)
    page.keyboard.press("Enter")


def write(page: Page, label: str, text: str) -> None:
    """Go to a field and type."""
    by_keyboard(page, page.get_by_label(label, exact=True))
    page.keyboard.type(text)


def go_to_row(page: Page, row: Locator) -> None:
    """Go to the top of a list of videos, and down it to one of them."""
    rows = page.get_by_role("row")
    for _ in range(rows.count()):
        page.keyboard.press("k")
    for place in range(1, rows.count()):
        expect(rows.nth(place)).to_have_attribute("data-current", "true")
        if row.get_attribute("data-current") == "true":
            return
        page.keyboard.press("j")
    raise AssertionError(f"the list has no {row}")


def go_to_tab(page: Page, name: str) -> None:
    """Go to the row of tabs and along it."""
    by_keyboard(page, page.get_by_role("tab", selected=True))
    wanted = page.get_by_role("tab", name=name)
    for _ in range(page.get_by_role("tab").count()):
        if wanted.get_attribute("aria-selected") == "true":
            return
        selected = page.get_by_role("tab", selected=True)
        before = selected.inner_text()
        page.keyboard.press("ArrowRight")
        expect(selected).not_to_have_text(before)
    raise AssertionError(f"there is no tab {name}")


def choose(page: Page, name: str, *, role: Literal["menuitem", "menuitemradio"]) -> None:
    """Open the menu of the person, and type what one wants of it."""
    press(page, "You and this page")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.type(name)
    expect(page.get_by_role(role, name=name)).to_be_focused()
    page.keyboard.press("Enter")


def test_a_video_is_uploaded_and_played(server: Server, page: Page, source: Path) -> None:
    enter(page, server)
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", level=1)).to_have_text("Upload")
    with page.expect_file_chooser() as chooser:
        press(page, "Choose files")
    chooser.value.set_files(source)
    expect(page.get_by_role("link", name="Watch it")).to_be_visible(timeout=COMES_MS)
    press(page, "Watch it", role="link")
    expect(page.get_by_role("heading", level=1)).to_contain_text(source.stem)
    by_keyboard(page, page.locator(".vc-big"))
    page.keyboard.press("Enter")
    expect(page.locator(".vc-player")).to_have_attribute("data-playback", "playing", timeout=COMES_MS)


def test_videos_are_chosen_deleted_restored_and_opened(server: Server, page: Page, other: Json, ready: Json) -> None:
    enter(page, server)
    page.keyboard.press("g")
    page.keyboard.press("v")
    row = page.get_by_role("row").filter(has_text=ready["asset"]["title"])
    expect(row).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("keyboard")
    expect(page.get_by_role("row")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.get_by_role("row").filter(has_text=other["asset"]["title"])).to_be_visible()
    go_to_row(page, row)
    page.keyboard.press("x")
    expect(page.get_by_text("1 video chosen")).to_be_visible()
    page.keyboard.press("Delete")
    expect(row).to_have_count(0)
    press(page, "Undo")
    expect(row).to_be_visible()
    expect(page.get_by_text("1 video restored.")).to_be_visible()
    go_to_row(page, row)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(ready["asset"]["title"])
    go_to_tab(page, "Processing")
    before = server_attempts(server, ready["id"])
    press(page, "Run again from package")
    expect(page.get_by_text("It runs again from package.")).to_be_visible()
    expect(page.get_by_role("heading", name="Job")).to_contain_text("Done", timeout=COMES_MS)
    assert server_attempts(server, ready["id"]) > before


def server_attempts(server: Server, job_id: str) -> int:
    with server.client() as client:
        return len(client.get(f"/api/v1/jobs/{job_id}/attempts", params={"limit": 100}).json()["items"])


def test_a_key_is_made_and_revoked(server: Server, page: Page) -> None:
    enter(page, server)
    page.keyboard.press("g")
    page.keyboard.press("d")
    press(page, "Make a key")
    write(page, "Name", "typed")
    by_keyboard(page, page.get_by_label("assets:read"))
    page.keyboard.press("Space")
    press(page, "Make it")
    secret = page.get_by_role("textbox", name="Key").input_value()

    def status() -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx2.get(f"{server.url}/api/v1/assets", headers=headers, trust_env=False).status_code

    assert status() == 200
    page.keyboard.press("Escape")
    press(page, "Revoke typed")
    press(page, "Revoke it")
    expect(page.get_by_role("row").filter(has_text="typed")).to_have_count(0)
    assert status() == 401


def test_a_dialog_gives_the_focus_back_to_where_one_was(server: Server, page: Page) -> None:
    enter(page, server, "developers")
    press(page, "Make a key")
    write(page, "Name", "where")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Make a key")).to_be_focused()
    press(page, "You and this page")
    page.get_by_role("menuitem", name="Keys").press("Enter")
    expect(page.get_by_role("dialog", name="Keys").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="You and this page")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Find or do something")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="You and this page")).to_be_focused()


def test_an_endpoint_is_added_tested_and_removed(server: Server, page: Page) -> None:
    with receiving() as receiver:
        enter(page, server, "developers?tab=webhooks")
        press(page, "Add an endpoint")
        write(page, "Address", receiver.url("/hook"))
        press(page, "Add it")
        expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
        page.keyboard.press("Escape")
        press(page, "Test")
        expect(page.get_by_role("row").filter(has_text="webhook.ping")).to_contain_text("Delivered", timeout=COMES_MS)
        press(page, "webhook.ping")
        expect(page.locator("pre").first).to_have_text(receiver.of("/hook")[0].body)
        press(page, "Remove")
        press(page, "Remove it")
        expect(page.get_by_text("No endpoints")).to_be_visible()


def test_one_logs_in_chooses_a_theme_invites_and_logs_out(server: Server, page: Page) -> None:
    join(server, role="admin")
    page.emulate_media(color_scheme="light")
    page.goto(f"{server.url}/dashboard/settings?tab=members")
    write(page, "E-mail address", EMAIL)
    write(page, "Password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    write(page, "E-mail address", "bob@example.com")
    by_keyboard(page, page.get_by_label("Role", exact=True))
    page.keyboard.type("Editor")
    press(page, "Invite")
    invited = page.get_by_role("row").filter(has_text="bob@example.com")
    expect(invited).to_contain_text("editor")
    press(page, "Take back the invitation of bob@example.com")
    expect(invited).to_have_count(0)

    choose(page, "Dark", role="menuitemradio")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    choose(page, "Log out", role="menuitem")
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
