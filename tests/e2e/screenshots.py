"""Pictures of every page of the dashboard, in both themes, at desk and phone size: `make screenshots` puts them into
`screenshots/`, to be looked at. With `--readme` those that the README shows are renewed as well.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect, sync_playwright

from tests.e2e.accounts import EMAIL, PASSWORD, is_in, join, put, type_in
from tests.e2e.dashboards import PAGES, enter
from tests.e2e.driving import Driver, Json, running
from tests.fixtures.chromium import CHROMIUM_ARGUMENTS, chromium_path
from vidcompute.media import ffmpeg, sample
from vidcompute.media.run import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "screenshots"
# What the README shows, by the picture that it is.
README = {
    "dashboard-video": "video-under-way",
    "dashboard-videos": "videos-grid-desk-dark",
    "dashboard-phone": "overview-phone-light",
}
LONG: "ViewportSize" = {"width": 1280, "height": 1100}
# Those that are seen: what is further down comes when one scrolls there.
_PICTURES_ARE_THERE = """
() => [...document.images].every((one) => one.complete || one.getBoundingClientRect().top > innerHeight)
"""
SCENE_MS = 6_000  # of the film that all of them are: each shows another one
SIZES: "dict[str, ViewportSize]" = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
OUTPUTS: Json = {"outputs": ["hls", "mp4", "thumbnail", "storyboard", "preview"], "renditions": [{"height": 360}]}
TITLES = (
    "Launch film, second cut",
    "Interview with Ada in the workshop, unedited, both cameras, with room tone for the mix and everything else",
    "שלום עולם 🎬",
    "<b>Titles are text</b>",
)


def main() -> int:
    """Make the pictures; what was made is told."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        film = Path(work) / "sample.mp4"
        run(sample.command(ffmpeg.locate(None), film), timeout_s=900)
        with running(Path(work) / "data") as driver, sync_playwright() as playwright:
            asset_id = _fill(driver, film, Path(work))
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
            for name in _pictures(browser, driver, asset_id):
                sys.stdout.write(f"{name}\n")
            sys.stdout.write(f"{_under_way(browser, driver, film)}\n")
            browser.close()
    if "--readme" in sys.argv[1:]:
        for target, name in README.items():
            shutil.copyfile(FOLDER / f"{name}.png", ROOT / "docs" / "images" / f"{target}.png")
    return 0


def _fill(driver: Driver, film: Path, work: Path) -> str:
    """Videos in several states; one that is ready."""
    for number, title in enumerate(TITLES):
        ready = driver.done(driver.submit(film, title=title, **OUTPUTS)["id"])
        poster = {"poster_time_ms": number * SCENE_MS + SCENE_MS // 2}
        driver.http.patch(f"/api/v1/assets/{ready['asset_id']}", json=poster).raise_for_status()
    frames: Json = {"type": "frames", "pick": "every", "every": 30, "width": 320}
    wish = {"input": {"asset": ready["asset_id"]}, "outputs": [frames]}
    driver.done(driver.http.post("/api/v1/jobs", json=wish).json()["id"])
    broken = work / "broken.mp4"
    broken.write_bytes(film.read_bytes()[:20_000])
    driver.ended(driver.submit(broken, title="A file that was cut off", **OUTPUTS)["id"])
    join(driver.server)
    driver.http.post("/api/v1/signing-keys", json={"name": "Our shop"})
    driver.http.post("/api/v1/webhooks", json={"url": "https://receiver.invalid/hook", "events": ["asset.*"]})
    return str(ready["asset_id"])


def _pictures(browser: "Browser", driver: Driver, asset_id: str) -> Iterator[str]:
    tabs = ("sharing", "files", "tracks", "images", "frames", "processing")
    paths = {path or "overview": path for path in PAGES}
    paths |= {"video": f"videos/{asset_id}"} | {f"video-{tab}": f"videos/{asset_id}?tab={tab}" for tab in tabs}
    paths |= {"videos-grid": "videos?view=grid", "jobs-dead": "jobs?tab=dead", "jobs-all": "jobs?tab=all"}
    paths |= {f"settings-{tab}": f"settings?tab={tab}" for tab in ("members", "usage", "retention", "audit")}
    paths |= {f"developers-{tab}": f"developers?tab={tab}" for tab in ("webhooks", "signing", "events")}
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=viewport, color_scheme="dark" if scheme == "dark" else "light")
            page = context.new_page()
            yield from _of_people(page, driver, f"{size}-{scheme}")
            enter(page, driver.server)
            for name, path in paths.items():
                yield _picture(page, f"{driver.server.url}/dashboard/{path}", f"{name}-{size}-{scheme}")
            page.get_by_role("button", name="Code of what this page did").click()
            expect(page.get_by_role("dialog")).to_be_visible()
            yield _picture(page, None, f"code-{size}-{scheme}")
            context.close()


def _under_way(browser: "Browser", driver: Driver, film: Path) -> str:
    """A video that can be watched while the rest of it is made."""
    context = browser.new_context(viewport=LONG, color_scheme="light")
    page = context.new_page()
    enter(page, driver.server)
    job = driver.submit(film, title="Launch film, third cut")
    driver.until(job["id"], "a video that plays", lambda found: found["asset"]["status"] == "playable")
    page.goto(f"{driver.server.url}/dashboard/videos/{job['asset_id']}?tab=processing")
    expect(page.get_by_role("region", name="The plan")).to_be_visible()
    expect(page.locator(".vc-poster")).to_have_js_property("complete", value=True)
    page.screenshot(path=FOLDER / "video-under-way.png")
    context.close()
    return "video-under-way"


def _of_people(page: "Page", driver: Driver, suffix: str) -> Iterator[str]:
    """The ways in, and the account of one who came by one of them."""
    dashboard = f"{driver.server.url}/dashboard"
    for path in ("enter", "register", "forgot", "reset", "verify", "email"):
        yield _picture(page, f"{dashboard}/{path}", f"{path}-{suffix}")
    link = f"invitation-for-{suffix}"
    put(driver.server, "invitation", link, f"{suffix}@example.com")
    yield _picture(page, f"{dashboard}/invitation#{link}", f"invitation-{suffix}")
    page.goto(f"{dashboard}/enter")
    type_in(page, EMAIL, PASSWORD)
    is_in(page)
    yield _picture(page, f"{dashboard}/settings?tab=account", f"settings-account-{suffix}")
    yield _picture(page, f"{dashboard}/device", f"device-{suffix}")
    page.context.clear_cookies()


def _picture(page: "Page", address: str | None, name: str) -> str:
    """What an address shows when all of it is there; or the page as it is."""
    if address is not None:
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("load")
    page.locator(".animate-pulse").first.wait_for(state="detached")
    if address is not None and re.search(r"/videos/\w", address):
        expect(page.locator(".vc-poster")).to_be_visible()
    page.wait_for_function(_PICTURES_ARE_THERE)
    page.screenshot(path=FOLDER / f"{name}.png")
    return name


if __name__ == "__main__":
    sys.exit(main())
