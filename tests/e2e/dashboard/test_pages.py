"""The dashboard in Chromium, on the running platform: from the first start to a video that plays, and all around it."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accounts import EMAIL, PASSWORD, put
from tests.e2e.dashboards import PAGES, TITLES, breaches, complaints, enter, link
from tests.e2e.driving import Driver, Json
from tests.fixtures.platform import Server
from tests.fixtures.receiving import receiving

SMALL: Json = {"outputs": ["hls", "thumbnail", "preview"], "renditions": [{"height": 180}]}
FILLING = 3_000_000  # bytes of a box that says nothing: there is more to send then
SLOW_BYTES_S = 200_000
PLAYS_MS = 60_000
MOST_JS_BYTES = 175_000


@pytest.fixture(scope="module")
def ready(driver: Driver, source: Path) -> Json:
    """A video that is there, whose title tries what titles can."""
    job = driver.submit(source, title=f'<b>Ready</b> & "quoted" שלום 🎬 {"W" * 150}', **SMALL)
    return driver.done(job["id"])


def test_a_link_lets_one_browser_in_once(server: Server, page: Page) -> None:
    address = link(server)
    heard = complaints(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert "vck_" not in page.url
    assert not [url for url in asked if "vck_" in url.partition("#")[0]], "no server is told by an address"
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert heard == []

    page.get_by_role("button", name="You and this page").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(f"{server.url}/dashboard/videos")
    expect(page).to_have_url(re.compile("/dashboard/enter"))
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text("vidctl dashboard")


def test_what_is_uploaded_is_watched_and_every_stage_is_seen(server: Server, page: Page, source: Path) -> None:
    enter(page, server, "upload")
    heard = complaints(page)
    page.get_by_label("Video files").set_input_files(source)
    page.get_by_role("link", name="Watch it").click(timeout=PLAYS_MS)
    expect(page.get_by_role("heading", level=1)).to_contain_text(source.stem)
    page.locator(".vc-big").click()
    expect(page.locator(".vc-player")).to_have_attribute("data-playback", "playing", timeout=PLAYS_MS)
    page.get_by_role("tab", name="Processing").click()
    summary = page.locator("section", has=page.get_by_role("heading", name="Job"))
    expect(summary.get_by_role("heading")).to_contain_text("Done", timeout=PLAYS_MS)
    expect(summary.get_by_role("listitem").filter(has_text="encode").first).to_contain_text("Done")
    page.get_by_role("tab", name="Files").click()
    expect(page.get_by_role("link", name="Download: Poster")).to_be_visible()
    assert heard == []


def test_an_upload_pauses_goes_on_and_outlives_a_reload(
    server: Server, driver: Driver, page: Page, tmp_path: Path, source: Path
) -> None:
    film = tmp_path / "long.mp4"
    film.write_bytes(source.read_bytes() + FILLING.to_bytes(4, "big") + b"free" + bytes(FILLING - 8))
    enter(page, server, "upload")
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_S}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Video files").set_input_files(film)
    bar = page.get_by_role("progressbar", name="Upload of long.mp4")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[1-9]"), timeout=PLAYS_MS)
    page.get_by_role("button", name="Pause long.mp4").click()
    expect(page.get_by_text("Paused")).to_be_visible()
    page.get_by_role("button", name="Go on with long.mp4").click()
    expect(page.get_by_text(re.compile("left$"))).to_be_visible()

    page.reload()
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    unfinished = page.get_by_role("list", name="Uploads that are not finished")
    expect(unfinished.get_by_role("listitem")).to_have_count(1)
    page.get_by_label("Files to go on with").set_input_files(film)
    expect(page.get_by_role("link", name=re.compile("Watch it|See how it goes"))).to_be_visible(timeout=PLAYS_MS)
    uploads = driver.http.get("/api/v1/uploads").json()["items"]
    assert [one["status"] for one in uploads if one["name"].startswith("long")] == ["completed"]


def test_videos_are_searched_deleted_and_restored(server: Server, page: Page, ready: Json) -> None:
    title = ready["asset"]["title"]
    enter(page, server, "videos")
    row = page.get_by_role("row").filter(has_text=title)
    expect(row).to_contain_text("Ready")
    expect(row.locator("img")).to_have_js_property("complete", value=True)
    row.locator("img").hover()
    moving = row.locator("img[src$='preview.webp']")
    expect(moving).to_have_js_property("complete", value=True)
    page.get_by_role("heading", level=1).hover()
    expect(moving).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("quoted")
    expect(page).to_have_url(re.compile(r"\?q=quoted"))
    expect(page.get_by_role("row")).to_have_count(2)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("quoted")
    page.get_by_role("checkbox", name=f"Choose {title}").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No video is like this")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 video restored.")).to_be_visible()
    expect(row).to_have_count(1)


def test_a_list_changes_by_itself_while_videos_are_made(
    server: Server, driver: Driver, page: Page, source: Path
) -> None:
    enter(page, server, "videos")
    expect(page.get_by_role("heading", level=1)).to_have_text("Videos")
    job = driver.submit(source, title="Made meanwhile", **SMALL)
    row = page.get_by_role("row").filter(has_text="Made meanwhile")
    expect(row).to_be_visible()
    expect(row).to_contain_text("Ready", timeout=PLAYS_MS)
    driver.http.patch(f"/api/v1/assets/{job['asset_id']}", json={"title": "Called otherwise"})
    expect(page.get_by_role("row").filter(has_text="Called otherwise")).to_be_visible()
    driver.http.delete(f"/api/v1/assets/{job['asset_id']}")
    expect(page.get_by_role("row").filter(has_text="Called otherwise")).to_have_count(0)


def test_what_was_deleted_is_restored_or_goes_for_good(
    server: Server, driver: Driver, page: Page, source: Path
) -> None:
    asset = f"/api/v1/assets/{driver.done(driver.submit(source, title='Not wanted', **SMALL)['id'])['asset_id']}"
    row = page.get_by_role("row").filter(has_text="Not wanted")
    enter(page, server, "videos?tab=deleted")
    expect(page.get_by_role("heading", level=1)).to_have_text("Videos")
    driver.http.delete(asset)
    row.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("1 video restored.")).to_be_visible()
    assert driver.http.get(asset).status_code == 200
    driver.http.delete(asset)
    row.get_by_role("button", name="for good").click()
    assert breaches(page) == []
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_text("1 video deleted for good.")).to_be_visible()
    expect(row).to_have_count(0)
    assert driver.http.post(f"{asset}/restore").status_code == 404


def test_a_stage_runs_again_from_where_one_wants(server: Server, driver: Driver, page: Page, ready: Json) -> None:
    enter(page, server, f"videos/{ready['asset_id']}?tab=processing")
    before = driver.attempts(ready["id"])
    page.get_by_role("button", name="Run again from package").click()
    expect(page.get_by_text("It runs again from package.")).to_be_visible()
    driver.until(ready["id"], "the next attempt", lambda job: driver.attempts(job["id"])["package"] > before["package"])
    driver.done(ready["id"])
    expect(page.get_by_role("heading", name="Job")).to_contain_text("Done")
    assert driver.attempts(ready["id"])["encode"] == before["encode"], "what is not named is reused"


def test_a_key_is_made_shown_once_and_used(server: Server, page: Page) -> None:
    enter(page, server, "developers")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill("reader")
    page.get_by_label("assets:read").check()
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_role("textbox", name="Key").input_value()

    def status(path: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx2.get(f"{server.url}/api/v1/{path}", headers=headers, trust_env=False).status_code

    assert (status("assets"), status("jobs")) == (200, 403)
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name="Revoke reader").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("row").filter(has_text="reader")).to_have_count(0)
    assert status("assets") == 401


def test_an_endpoint_is_tested_and_a_delivery_sent_again(server: Server, page: Page) -> None:
    with receiving() as receiver:
        enter(page, server, "developers?tab=webhooks")
        page.get_by_role("button", name="Add an endpoint").click()
        page.get_by_label("Address").fill(receiver.url("/hook"))
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Test", exact=True).click()
        delivery = page.get_by_role("row").filter(has_text="webhook.ping").first
        expect(delivery).to_contain_text("Delivered", timeout=PLAYS_MS)
        delivery.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("It is sent again.")).to_be_visible()
        page.get_by_role("button", name="webhook.ping").first.click()
        expect(page.locator("pre").first).to_contain_text("webhook.ping")


def test_a_viewer_is_offered_no_deletion_and_the_api_refuses_it(server: Server, page: Page, ready: Json) -> None:
    put(server, "invitation", "secret-of-the-invitation")
    wish = {"email": EMAIL, "name": "Ann", "password": PASSWORD, "invitation": "secret-of-the-invitation"}
    assert httpx2.post(f"{server.url}/api/v1/register", json=wish, trust_env=False).status_code == 202
    with server.client() as client:
        (ann,) = client.get("/api/v1/members").json()["items"]
        client.patch(f"/api/v1/members/{ann['person_id']}", json={"role": "viewer"}).raise_for_status()
    page.goto(f"{server.url}/dashboard/videos/{ready['asset_id']}")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page).to_have_url(re.compile(f"/dashboard/videos/{ready['asset_id']}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(ready["asset"]["title"])
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    expect(page.get_by_role("link", name="Developers")).to_have_count(0)
    refused = page.evaluate(
        "async (path) => (await fetch(path, {method: 'DELETE'})).status", f"/api/v1/assets/{ready['asset_id']}"
    )
    assert refused == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_and_the_browser_find_nothing_wrong_on_any_page(
    server: Server, page: Page, ready: Json, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(f"{server.url}/dashboard/enter")
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    assert breaches(page) == []
    enter(page, server)
    heard = complaints(page)
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    titles = dict(zip(PAGES, TITLES, strict=True))
    video = f"videos/{ready['asset_id']}"
    tabs = [f"{video}?tab={tab}" for tab in ("details", "sharing", "files", "images", "processing")]
    more = ["videos?view=grid", "developers?tab=webhooks", "settings?tab=members", "settings?tab=usage"]
    found: dict[str, list[str]] = {}
    for path in (*PAGES, *tabs, *more, "settings?tab=audit", "jobs?tab=all"):
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if title := titles.get(path):
            expect(page.get_by_role("heading", level=1)).to_have_text(title)
            expect(page).to_have_title(f"{title} · VidCompute")
        expect(page.get_by_text("loading", exact=False).and_(page.locator(".sr-only"))).to_have_count(0)
        if wrong := breaches(page):
            found[path] = wrong
    assert (found, heard) == ({}, [])


def test_everything_is_reached_by_keyboard(server: Server, page: Page, ready: Json) -> None:
    enter(page, server)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to Videos")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", level=1)).to_have_text("Videos")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("quoted")
    expect(page.get_by_role("option", name=ready["asset"]["title"])).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(ready["asset"]["title"])


def test_a_phone_shows_all_pages_and_scrolls_none_sideways(server: Server, page: Page, ready: Json) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    enter(page, server)
    page.get_by_role("button", name="More").click()
    page.get_by_role("dialog").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    for path in (*PAGES, f"videos/{ready['asset_id']}", "videos?view=grid"):
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wide = page.evaluate("[document.body, document.querySelector('main')].map((one) => one.scrollWidth)")
        assert max(wide) <= 375, path


def test_a_theme_that_was_chosen_stays(server: Server, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    enter(page, server)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="You and this page").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_lost_connection_is_seen_and_nothing_is_missed(
    server: Server, driver: Driver, page: Page, ready: Json
) -> None:
    enter(page, server, "videos")
    row = page.get_by_role("row").filter(has_text="Renamed while away")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    page.context.set_offline(offline=True)
    expect(page.get_by_text("Connection lost")).to_be_visible(timeout=PLAYS_MS)
    driver.http.patch(f"/api/v1/assets/{ready['asset_id']}", json={"title": "Renamed while away"})
    page.context.set_offline(offline=False)
    expect(row).to_be_visible(timeout=PLAYS_MS)
    expect(page.get_by_text("Connection lost")).to_have_count(0)
    driver.http.patch(f"/api/v1/assets/{ready['asset_id']}", json={"title": ready["asset"]["title"]})


def test_the_list_of_videos_loads_little(server: Server, page: Page) -> None:
    enter(page, server)
    scripts: set[str] = set()
    page.on("request", lambda request: scripts.add(request.url) if request.resource_type == "script" else None)
    page.goto(f"{server.url}/dashboard/videos")
    expect(page.get_by_role("heading", level=1)).to_have_text("Videos")
    expect(page.get_by_role("row").or_(page.get_by_text("No videos yet")).first).to_be_visible()
    own = {url for url in scripts if urlsplit(url).path.startswith("/pages/")}
    sizes = {url: len(gzip.compress(httpx2.get(url, trust_env=False).content, 9)) for url in own}
    assert sizes
    assert sum(sizes.values()) < MOST_JS_BYTES, sizes
    assert page.evaluate("vidcomputeEarly.size") == 0, "what was asked for early was taken"
    named = httpx2.get(f"{server.url}/dashboard/videos", trust_env=False).text
    assert re.search(r'rel="modulepreload" crossorigin href="/pages/assets/_in\.videos\.index-', named)
    assert not [url for url in own if "hls" in url], "the player comes with a video"
