"""The page of one video in Chromium, on the running platform: its pictures, frames and tracks, and how it is made."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.dashboards import breaches, complaints, enter
from tests.e2e.driving import Driver, Json
from tests.fixtures.platform import Server

SMALL: Json = {"outputs": ["hls", "thumbnail", "storyboard", "preview"], "renditions": [{"height": 180}]}
TABS = ("details", "sharing", "files", "tracks", "images", "frames", "processing")
ENDS_MS = 60_000


@pytest.fixture(scope="module")
def ready(driver: Driver, source: Path) -> Json:
    return driver.done(driver.submit(source, title="A clip", **SMALL)["id"])


def tab(page: Page, server: Server, asset_id: str, name: str) -> None:
    """The tab of a video, in a browser that was not there before."""
    enter(page, server, f"videos/{asset_id}?tab={name}")
    expect(page.get_by_role("tab", selected=True)).to_have_text(name.capitalize())


def picture(page: Page) -> Locator:
    return page.get_by_role("region", name="The plan")


def test_frames_are_asked_for_fill_and_are_downloaded(
    server: Server, driver: Driver, page: Page, ready: Json, tmp_path: Path
) -> None:
    tab(page, server, ready["asset_id"], "frames")
    heard = complaints(page)
    page.get_by_label("Which frames").select_option(label="Each n-th frame")
    page.get_by_label("One of how many").fill("30")
    page.get_by_label("To", exact=True).fill("0:03")
    page.get_by_label("Width in pixels").fill("64")
    expect(page.get_by_text("About 3 pictures.")).to_be_visible()
    page.get_by_role("button", name="Take them").click()
    row = page.get_by_role("row").filter(has_text="One frame in 30, 0:00 to 0:03, JPEG, 64 px wide")
    expect(row).to_contain_text("Ready", timeout=ENDS_MS)
    with page.expect_download() as found:
        row.get_by_role("link", name=re.compile("^Download")).click()
    found.value.save_as(tmp_path / "frames.zip")
    with zipfile.ZipFile(tmp_path / "frames.zip") as archive:
        assert archive.testzip() is None
        assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == 3
    assert [item["id"] for item in driver.http.get("/api/v1/assets").json()["items"]] == [ready["asset_id"]]
    assert driver.asset(ready["asset_id"])["job_id"] == ready["id"]
    assert heard == []


def test_a_poster_is_chosen_by_keyboard_alone(server: Server, driver: Driver, page: Page, ready: Json) -> None:
    tab(page, server, ready["asset_id"], "images")
    heard = complaints(page)
    slider = page.get_by_role("slider", name=re.compile("^At "))
    slider.focus()
    page.keyboard.press("End")
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    shown = page.get_by_role("img", name="The video at 0:05.0")
    expect(shown).to_have_js_property("complete", value=True)
    assert shown.evaluate("(picture) => picture.naturalWidth") > 0
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use this frame")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The poster is the picture at 0:05.0.")).to_be_visible()
    expect(page.get_by_role("img", name="The poster now")).to_have_attribute("src", re.compile("time=5$"))
    expect(page.locator(".vc-poster"), "without a reload").to_have_attribute("src", re.compile("time=5$"))
    assert driver.asset(ready["asset_id"])["poster_time_ms"] == 5_000
    page.goto(f"{server.url}/dashboard/videos")
    expect(page.get_by_role("row").locator("img")).to_have_attribute("src", re.compile("time=5$"))
    driver.http.patch(f"/api/v1/assets/{ready['asset_id']}", json={"poster_time_ms": None}).raise_for_status()
    assert heard == []


def test_the_tracks_of_a_private_video_are_listed_and_its_pictures_shown(
    server: Server, driver: Driver, page: Page, source: Path
) -> None:
    private = driver.done(driver.submit(source, title="Private", playback_policy="signed", **SMALL)["id"])
    tab(page, server, private["asset_id"], "tracks")
    heard = complaints(page)
    rendition = page.get_by_role("region", name="Renditions").get_by_role("row").nth(1)
    expect(rendition).to_contain_text(re.compile("180p320 . 180H.264 avc1"))
    expect(page.get_by_role("region", name="Sound").get_by_role("row").nth(1)).to_contain_text("StereoAAC")
    expect(page.get_by_role("region", name="Source")).to_contain_text(re.compile("640 . 360, 30 frames a second"))
    page.get_by_role("tab", name="Images").click()
    sheet = page.get_by_role("img", name=re.compile("^Sheet 1 of"))
    expect(sheet).to_have_js_property("complete", value=True)
    assert sheet.evaluate("(picture) => picture.naturalWidth") > 0
    expect(page.get_by_text("Others see it by a signed link, from the tab Sharing.").first).to_be_visible()
    driver.http.delete(f"/api/v1/assets/{private['asset_id']}").raise_for_status()
    assert heard == []


def test_the_plan_is_followed_to_its_end_and_a_stage_opened_by_keyboard(
    server: Server, driver: Driver, page: Page, source: Path
) -> None:
    enter(page, server)
    heard = complaints(page)
    job = driver.submit(source, title="Followed", outputs=["hls"], renditions=[{"height": 144}])
    page.goto(f"{server.url}/dashboard/videos/{job['asset_id']}?tab=processing")
    stages = picture(page).get_by_role("button")
    expect(stages.filter(has_text="package")).to_contain_text("Done", timeout=ENDS_MS)
    expect(stages).to_have_count(3)
    encode = stages.filter(has_text="encode")
    expect(encode).to_contain_text("144p")
    encode.focus()
    page.keyboard.press("Enter")
    opened = page.get_by_role("region", name="The stage encode")
    expect(opened.get_by_role("row").nth(1)).to_contain_text("ok")
    page.keyboard.press("Enter")
    expect(opened).to_have_count(0)
    driver.http.delete(f"/api/v1/assets/{job['asset_id']}").raise_for_status()
    assert heard == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_captions_are_added_chosen_in_the_player_and_removed_by_keyboard(
    server: Server, driver: Driver, page: Page, ready: Json, tmp_path: Path, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    (tmp_path / "clip.pt-BR.srt").write_text("1\n00:00:00,000 --> 00:00:05,000\nolá\n")
    (tmp_path / "clip.txt").write_text("no captions")
    tab(page, server, ready["asset_id"], "tracks")
    heard = complaints(page)
    expect(page.get_by_text("There are none.")).to_be_visible()
    page.get_by_role("button", name="Add captions or subtitles").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("File").set_input_files(tmp_path / "clip.txt")
    dialog.get_by_label("Language").fill("pt-BR")
    dialog.get_by_role("button", name="Add it").focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("neither WebVTT")
    assert breaches(page) == []
    dialog.get_by_label("File").set_input_files(tmp_path / "clip.pt-BR.srt")
    dialog.get_by_label("Name").fill("Português")
    page.keyboard.press("Enter")
    row = page.get_by_role("region", name="Text").get_by_role("row").filter(has_text="Português")
    expect(row).to_contain_text("Brazilian PortuguesePortuguêsSubtitles1")
    expect(page.locator("media-captions-button")).to_be_visible()
    assert breaches(page) == []
    row.get_by_role("button", name="Remove Português").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove it").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("There are none.")).to_be_visible()
    expect(page.locator("media-captions-button")).to_be_hidden()
    assert driver.http.get(f"/api/v1/assets/{ready['asset_id']}/tracks").json() == {"items": []}
    refused = [text for text in heard if "422" not in text]  # the browser tells of the file that was refused
    assert refused == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_any_tab(server: Server, page: Page, ready: Json, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    tab(page, server, ready["asset_id"], "details")
    heard = complaints(page)
    found: dict[str, list[str]] = {}
    for name in TABS:
        page.get_by_role("tab", name=name.capitalize()).click()
        expect(page.get_by_role("tabpanel")).to_be_visible()
        if name == "processing":
            picture(page).get_by_role("button", name=re.compile("^encode")).click()
            expect(page.get_by_role("region", name="Attempts at encode")).to_be_visible()
        expect(page.get_by_text("loading", exact=False).and_(page.locator(".sr-only"))).to_have_count(0)
        if wrong := breaches(page):
            found[name] = wrong
    assert (found, heard) == ({}, [])


def test_on_a_phone_each_tab_fits_and_the_plan_scrolls_in_its_box(server: Server, page: Page, ready: Json) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    tab(page, server, ready["asset_id"], "details")
    for name in TABS:
        page.get_by_role("tab", name=name.capitalize()).click()
        expect(page.get_by_role("tabpanel")).to_be_visible()
        wide = page.evaluate("[document.body, document.querySelector('main')].map((one) => one.scrollWidth)")
        assert max(wide) <= 375, name
    plan = picture(page)
    plan.get_by_role("button", name=re.compile("^package")).scroll_into_view_if_needed()
    expect(plan.get_by_role("button", name=re.compile("^package"))).to_be_in_viewport()
    assert plan.evaluate("(box) => box.scrollWidth > box.clientWidth")
