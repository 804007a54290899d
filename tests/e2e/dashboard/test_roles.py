"""Who may what in the dashboard, and what it shows where there is nothing, no answer, or no right, in Chromium."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accounts import PASSWORD, is_in
from tests.e2e.dashboards import COMES_MS, DESK, breaches, enter, mailed_link
from tests.e2e.driving import Driver, Json
from tests.fixtures.faulty import faulty_way
from tests.fixtures.platform import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SMALL: Json = {"outputs": ["hls", "thumbnail"], "renditions": [{"height": 180}]}
VIEWER = "vi@example.com"
NOTHING = {
    "": "No videos yet",
    "videos": "No videos yet",
    "videos?q=none": "No video is like this",
    "jobs": "Nothing to do",
    "jobs?tab=dead": "No job has given up",
    "developers?tab=webhooks": "No endpoints",
    "settings?tab=members": "Nobody yet",
    "videos/asset_00000000000000000000000000": "Not here",
    "nowhere": "There is no such page",
}
# What is fetched ahead, while the first page is looked at.
AHEAD = ["_in.nodes", "_in.jobs", "_in.settings", "_in.videos.index", "palette", "person", "account"]
_HAS_COME = """
(names) => {
  const came = performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop());
  return names.every((name) => came.some((file) => file.startsWith(`${name}-`)));
}
"""


@pytest.fixture(scope="module")
def ready(driver: Driver, source: Path) -> Json:
    return driver.done(driver.submit(source, title="For all to see", **SMALL)["id"])


def test_where_there_is_nothing_it_says_so(server: Server, page: Page) -> None:
    enter(page, server)
    for path, words in NOTHING.items():
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
        assert breaches(page) == [], path


def test_who_is_invited_by_mail_sees_what_their_role_may(
    server: Server, page: Page, browser: "Browser", ready: Json
) -> None:
    enter(page, server, "settings?tab=members")
    page.get_by_label("E-mail address").fill(VIEWER)
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("row").filter(has_text=VIEWER)).to_contain_text("viewer")
    own = browser.new_context(viewport=DESK)
    try:
        theirs = own.new_page()
        accept(theirs, server)
        look_around_as_viewer(theirs, server, ready)
        page.get_by_label(f"Role of {VIEWER}").select_option("editor")
        expect(page.get_by_text("Saved.")).to_be_visible()
        theirs.reload()
        expect(theirs.get_by_role("button", name="Delete", exact=True)).to_be_visible()
        page.get_by_role("button", name=f"Remove {VIEWER}").click()
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_role("row").filter(has_text=VIEWER)).to_have_count(0)
        theirs.reload()
        expect(theirs.get_by_text("You are in no organization")).to_be_visible()
    finally:
        own.close()


def accept(page: Page, server: Server) -> None:
    """Follow the link in the mail, and join."""
    page.goto(mailed_link(server, VIEWER))
    page.get_by_label("Your name").fill("Vi")
    page.get_by_label("A new password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    is_in(page)


def look_around_as_viewer(page: Page, server: Server, ready: Json) -> None:
    """Nothing that changes something is offered, what may not be seen says so, and the API refuses it all."""
    asset, job = ready["asset_id"], ready["id"]
    pages = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(pages).to_have_text(["Overview", "Videos", "Jobs", "Nodes", "Settings"])
    for path in ("videos", "jobs?tab=all", "settings?tab=members", f"videos/{asset}?tab=processing"):
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_text(ready["asset"]["title"]).or_(page.get_by_text(VIEWER)).first).to_be_visible()
        changes = re.compile("Delete|Remove|Cancel|again|From here|Upload|Invite|Save")
        expect(page.get_by_role("button", name=changes)).to_have_count(0)
    for path in ("upload", "developers"):
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_text("Not for you")).to_be_visible()
    wishes = [
        ("DELETE", f"/api/v1/assets/{asset}"),
        ("POST", f"/api/v1/jobs/{job}/retry"),
        ("POST", "/api/v1/jobs/requeue"),
        ("GET", "/api/v1/keys"),
    ]
    ask = "async ([method, path]) => (await fetch(path, { method })).status"
    assert {path: page.evaluate(ask, [method, path]) for method, path in wishes} == dict.fromkeys(
        (path for _, path in wishes), 403
    )
    page.goto(f"{server.url}/dashboard/videos/{asset}")
    expect(page.get_by_role("heading", level=1)).to_have_text(ready["asset"]["title"])


def test_a_line_that_breaks_is_seen_and_what_was_missed_comes(
    driver: Driver, page: Page, source: Path, ready: Json
) -> None:
    other = driver.done(driver.submit(source, title="Goes meanwhile", **SMALL)["id"])
    titles = page.get_by_role("row").get_by_role("link")
    with faulty_way(driver.server.url) as way:
        enter(page, replace(driver.server, url=way.endpoint), "jobs?tab=all")
        expect(page.get_by_role("row").filter(has_text="Goes meanwhile")).to_be_visible()
        page.get_by_role("link", name="Videos").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Videos")
        expect(titles).to_have_text([re.compile("Goes meanwhile"), re.compile("For all to see")])
        way.break_down("reset")
        way.cut()
        expect(page.get_by_text("Connection lost")).to_be_visible(timeout=COMES_MS)
        driver.http.delete(f"/api/v1/assets/{other['asset_id']}").raise_for_status()
        driver.http.patch(f"/api/v1/assets/{ready['asset_id']}", json={"title": "Renamed meanwhile"}).raise_for_status()
        page.get_by_role("link", name="Jobs").click()
        page.get_by_role("tab", name="Failed").click()
        expect(page.get_by_text("No answer")).to_be_visible(timeout=COMES_MS)
        way.mend()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("No such job")).to_be_visible()
        page.get_by_role("link", name="Videos").click()
        expect(titles).to_have_text([re.compile("Renamed meanwhile")], timeout=COMES_MS)
        expect(page.get_by_text("Connection lost")).to_have_count(0)


def test_a_page_that_does_not_come_says_so_and_is_there_when_the_line_is(server: Server, page: Page) -> None:
    scripts = re.compile(r"/pages/assets/_in\.nodes-")
    page.route(scripts, lambda route: route.abort("internetdisconnected"))
    enter(page, server)
    page.get_by_role("link", name="Nodes").click()
    expect(page.get_by_text("This page did not come")).to_be_visible(timeout=COMES_MS)
    assert breaches(page) == []
    page.context.set_offline(offline=True)
    again = page.get_by_role("button", name="Try again")
    again.click()
    expect(again).to_be_enabled()
    page.unroute(scripts)
    page.context.set_offline(offline=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nodes", timeout=COMES_MS)
    expect(page).to_have_url(re.compile("/dashboard/nodes$"))


def test_without_a_connection_one_goes_from_page_to_page(server: Server, page: Page) -> None:
    enter(page, server)
    page.wait_for_function(_HAS_COME, arg=AHEAD, timeout=COMES_MS)
    page.context.set_offline(offline=True)
    for name in ("Nodes", "Jobs", "Settings", "Videos"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="You and this page").click()
    expect(page.get_by_role("menuitem", name="Keys")).to_be_visible()
