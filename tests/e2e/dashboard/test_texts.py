"""What others call things, write and answer, in the dashboard in Chromium: markup, other directions, endless words.

It is read as text, wherever it stands, and nothing becomes wider than the window, at a desk and on a phone.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection, update

from tests.e2e.accounts import PASSWORD, join
from tests.e2e.dashboards import COMES_MS, DESK, PHONE, complaints, enter, wide
from tests.e2e.driving import Driver, Json
from tests.fixtures.platform import Server
from tests.fixtures.receiving import receiving
from tests.fixtures.rows import written
from tests.fixtures.waiting import wait_until
from vidcompute.db.schema import assets, attempts, jobs, tasks
from vidcompute.errors import Kind

MARKUP = '<img src=x data-live onerror="window.taken=1">'
LONGEST = 5000
SMALL: Json = {"outputs": ["hls", "thumbnail", "preview"], "renditions": [{"height": 180}]}
# Long, and without a place to break.
EMAIL = f"{'w' * 50}@{'x' * 50}.{'y' * 50}.example.com"


def hostile(length: int) -> str:
    """A text of so many characters."""
    start = f"{MARKUP}<b data-live>&amp;</b>\"'\u202e שלום עולם \u2067 مرحبا \u2069 🎬👩‍👩‍👧‍👦 Z\u0351\u036b\u0343 "
    return start + "W" * (length - len(start))


@dataclass(frozen=True)
class Library:
    """Identifiers of what the platform has: a video that is ready, one that failed."""

    ready: str
    failed: str


@pytest.fixture(scope="module")
def library(driver: Driver, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Everything that has a name or says something has one that tries what names can."""
    broken = tmp_path_factory.mktemp("broken") / "broken.mp4"
    broken.write_bytes(source.read_bytes()[:20_000])
    ready = driver.done(driver.submit(source, title=hostile(500), metadata={"note": hostile(LONGEST)}, **SMALL)["id"])
    failed = driver.ended(driver.submit(broken, title=hostile(500))["id"])
    written(driver.server.database_url, lambda conn: complain(conn, failed))
    (log,) = [key for stage in ready["stages"] if stage["name"] == "package" for key in stage["logs_keys"]]
    with (driver.server.data_dir / "storage" / log).open("a") as lines:
        lines.write(f"2026-11-21T10:00:00Z error {hostile(LONGEST)}\n")
    name_all(driver)
    return Library(ready["asset_id"], failed["asset_id"])


def complain(conn: Connection, job: Json) -> None:
    """Let a job that failed, and all that belongs to it, say so at length; another try may help it."""
    said = {"error_detail": hostile(LONGEST), "error_code": "ffmpeg_failed"}
    conn.execute(update(jobs).where(jobs.c.id == job["id"]).values(**said, error_kind=Kind.UNAVAILABLE))
    conn.execute(update(assets).where(assets.c.id == job["asset_id"]).values(**said))
    conn.execute(update(tasks).where(tasks.c.error_detail.is_not(None)).values(**said))
    conn.execute(update(attempts).where(attempts.c.error_detail.is_not(None)).values(**said))


def name_all(driver: Driver) -> None:
    """A key, an endpoint with a delivery, a member, an invitation, and the organization."""
    http = driver.http
    http.post("/api/v1/keys", json={"name": hostile(200), "scopes": ["assets:read"]}).raise_for_status()
    join(driver.server, EMAIL, hostile(200), role="viewer")
    http.post("/api/v1/invitations", json={"email": f"z{EMAIL}", "role": "viewer"}).raise_for_status()
    http.patch("/api/v1/organization", json={"name": hostile(200)}).raise_for_status()
    with receiving() as receiver:
        long = f"/hook?{'w' * 1900}"
        receiver.says(long, 400, hostile(LONGEST).encode())
        endpoint = {"url": receiver.url(long), "events": ["asset.*"], "description": hostile(500)}
        hook = http.post("/api/v1/webhooks", json=endpoint).raise_for_status().json()
        http.post(f"/api/v1/webhooks/{hook['id']}/ping").raise_for_status()
        path = f"/api/v1/webhooks/{hook['id']}/deliveries"
        wait_until(lambda: http.get(path).json()["items"][0]["attempts"], what="the answer of the receiver")


def paths(library: Library) -> dict[str, bool]:
    """Every page on which such texts stand, and whether it shows the markup itself."""
    ready, failed = f"videos/{library.ready}", f"videos/{library.failed}"
    return {
        "": True,
        "videos": True,
        "videos?view=grid": True,
        ready: True,
        f"{ready}?tab=sharing": True,
        f"{ready}?tab=files": True,
        f"{ready}?tab=images": True,
        f"{ready}?tab=tracks": True,
        f"{ready}?tab=frames": True,
        f"{ready}?tab=processing": True,
        f"{failed}?tab=processing": True,
        "jobs?tab=dead": True,
        "jobs?tab=all": True,
        "developers": True,
        "developers?tab=webhooks": True,
        "settings": False,
        "settings?tab=members": True,
        "settings?tab=audit": False,
    }


def assert_whole(page: Page, where: str) -> None:
    """Nothing is too wide, at a desk and on a phone, and nothing of what was written came to life."""
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert wide(page) == [], f"{where}, {size['width']} px"
    assert page.locator("[data-live]").count() == 0, where
    assert page.evaluate("window.taken") is None, where


def test_every_page_shows_it_as_text_and_stays_whole(server: Server, page: Page, library: Library) -> None:
    enter(page, server)
    heard = complaints(page)
    for path, is_shown in paths(library).items():
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".animate-pulse")).to_have_count(0)
        if is_shown:
            expect(page.get_by_text(MARKUP).locator("visible=true").first).to_be_visible()
        assert_whole(page, path)
    assert heard == []


def test_what_opens_above_a_page_stays_whole(server: Server, page: Page, library: Library) -> None:
    enter(page, server, "developers?tab=webhooks")
    page.get_by_role("button", name="Show the deliveries").click()
    page.get_by_role("button", name="webhook.ping").click()
    expect(page.locator("pre").filter(has_text=MARKUP)).to_be_visible()
    assert_whole(page, "deliveries")
    page.get_by_role("tab", name="API keys").click()
    page.get_by_role("button", name=f"Revoke {MARKUP}").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    assert_whole(page, "the question before a deed")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Find a video or a page").fill("img src")
    expect(page.get_by_role("option", name=MARKUP).first).to_be_visible()
    assert_whole(page, "what is found")
    page.keyboard.press("Escape")
    page.goto(f"{server.url}/dashboard/videos?tab=failed")
    page.get_by_role("row").filter(has_text=MARKUP).locator("span[data-state]").hover()
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text(MARKUP)
    assert_whole(page, "a tooltip")


def test_a_file_may_be_called_anything(server: Server, page: Page) -> None:
    enter(page, server, "upload")
    for name in (hostile(480) + ".mp4", hostile(LONGEST) + ".mp4"):
        page.get_by_label("Video files").set_input_files(
            {"name": name, "mimeType": "video/mp4", "buffer": b"This is no video."}
        )
    lines = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(lines).to_have_count(2)
    # One is no video, and the other's name is longer than the server takes.
    expect(page.get_by_role("button", name="Try")).to_have_count(2, timeout=COMES_MS)
    expect(lines.filter(has_text=MARKUP)).to_have_count(2)
    assert_whole(page, "uploads")


def test_a_viewer_of_a_private_library_reads_it_all(server: Server, page: Page, library: Library) -> None:
    """Who may change nothing sees titles and metadata as text, and not in fields."""
    page.goto(f"{server.url}/dashboard/videos/{library.ready}")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("definition").filter(has_text="W" * 4000)).to_be_visible()
    page.get_by_role("button", name="You and this page").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert_whole(page, "as a viewer")
