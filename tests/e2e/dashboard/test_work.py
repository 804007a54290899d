"""Work in the dashboard, in Chromium: stages live to their end, jobs that wait, give up and go on, and webhooks."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook as Verifier

from tests.contract.site import serving
from tests.e2e.dashboards import COMES_MS, breaches, complaints, enter
from tests.e2e.driving import Driver, Json, endless
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import Server
from tests.fixtures.receiving import receiving

# An encode that takes a while: it is seen on its way.
SLOW: Json = {"outputs": ["hls"], "renditions": [{"height": 360, "codec": "hevc", "quality": 8}]}
WAITING: Json = {"outputs": ["hls"], "renditions": [{"height": 144}]}
# What the bars of the job and of its encode have shown, in turn.
_RECORD = """
const shown = { job: [], encode: [] };
window.shownShares = shown;
const note = (shares, label) => {
  const bar = document.querySelector(`[role="progressbar"][aria-label="${label}"]`);
  const share = bar?.hasAttribute('aria-valuenow') ? Number(bar.getAttribute('aria-valuenow')) : null;
  if (share !== null && shares.at(-1) !== share) shares.push(share);
};
new MutationObserver(() => {
  note(shown.job, 'The whole job');
  note(shown.encode, 'encode');
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


@pytest.fixture(scope="module")
def settings(settings: Mapping[str, str]) -> Mapping[str, str]:
    """One core, so that jobs wait for each other; what fails to be fetched is given up at once."""
    once = json.dumps({"fetch": {"max_attempts": 1}})
    return {**settings, "VIDCOMPUTE_CPU_COUNT": "1", "VIDCOMPUTE_STAGES": once}


@pytest.fixture(scope="module")
def long(clip: ClipMaker) -> Path:
    return endless(clip)


def another(film: Path, path: Path) -> Path:
    """The same film as a file of its own, of which nothing is known yet."""
    name = path.name.encode()
    path.write_bytes(film.read_bytes() + (8 + len(name)).to_bytes(4, "big") + b"free" + name)
    return path


def is_at_work(job: Json) -> bool:
    return ("encode", "running") in [(stage["name"], stage["status"]) for stage in job["stages"]]


def test_a_job_is_followed_live_to_its_end(server: Server, driver: Driver, page: Page, source: Path) -> None:
    enter(page, server)
    heard = complaints(page)
    page.add_init_script(_RECORD)
    job = driver.submit(source, title="Followed", **SLOW)
    page.goto(f"{server.url}/dashboard/videos/{job['asset_id']}?tab=processing")
    expect(page.get_by_role("heading", name="Job")).to_contain_text("Done", timeout=COMES_MS)
    expect(page.get_by_role("progressbar", name="The whole job")).to_have_count(0)
    shown: dict[str, list[int]] = page.evaluate("window.shownShares")
    assert any(0 < share < 100 for share in shown["job"]), shown
    assert shown["job"] == sorted(shown["job"]), "what is done stays done"
    assert shown["encode"], shown

    attempts = page.get_by_role("region", name="Attempts").get_by_role("row").filter(has_text="encode")
    expect(attempts.first).to_contain_text("ok")
    expect(page.get_by_text("The log is empty.").first).to_be_visible()
    assert heard == []


def test_a_job_is_cancelled_when_one_means_it_and_goes_on(
    server: Server, driver: Driver, page: Page, long: Path
) -> None:
    job = driver.submit(long, title="Cancelled", **SLOW)
    driver.until(job["id"], "the encode", is_at_work)
    enter(page, server, f"videos/{job['asset_id']}?tab=processing")
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    asked = page.get_by_role("alertdialog", name="Cancel this job?")
    cancel.click()
    asked.get_by_role("button", name="Cancel", exact=True).click()
    expect(asked).to_have_count(0)
    assert driver.job(job["id"])["status"] == "running"
    cancel.click()
    asked.get_by_role("button", name="Cancel the job").click()
    heading = page.get_by_role("heading", name="Job")
    expect(heading).to_contain_text("Cancelled")
    assert driver.job(job["id"])["status"] == "cancelled"
    page.get_by_role("button", name="Try again").click()
    expect(heading).to_contain_text(re.compile("Waiting|Running"))
    driver.http.delete(f"/api/v1/jobs/{job['id']}").raise_for_status()
    expect(heading).to_contain_text("Cancelled")


def test_the_queue_shows_places_and_reasons_and_empties_by_itself(
    server: Server, driver: Driver, page: Page, long: Path, source: Path, tmp_path: Path
) -> None:
    first = driver.submit(long, title="At work", priority="high", **SLOW)
    driver.until(first["id"], "the encode", is_at_work)
    enter(page, server, "jobs")
    rows = page.get_by_role("region", name="The queue").get_by_role("row")
    expect(rows).to_have_count(2)
    driver.submit(another(source, tmp_path / "last.mp4"), title="Comes last", priority="low", **WAITING)
    driver.submit(another(source, tmp_path / "next.mp4"), title="Comes next", **WAITING)
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("At work")
    expect(rows.nth(1).get_by_role("progressbar")).to_be_visible()
    for place, title in enumerate(("Comes next", "Comes last"), 1):
        row = rows.nth(1 + place)
        expect(row).to_contain_text(title)
        expect(row.get_by_role("cell").first).to_have_text(f"{place}")
        expect(row).to_contain_text(re.compile("Waits (for|behind)"))
    rows.nth(1).get_by_role("button", name="Cancel").click()
    page.get_by_role("alertdialog", name="Cancel this job?").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("Nothing to do")).to_be_visible(timeout=COMES_MS)


def test_what_gave_up_says_why_and_is_done_once_it_is_tried_again(
    server: Server, driver: Driver, page: Page, clip: ClipMaker
) -> None:
    def dead() -> list[Any]:
        found: list[Any] = driver.http.get("/api/v1/jobs", params={"dead": True}).json()["items"]
        return found

    with serving() as site:
        enter(page, server, "upload")
        page.get_by_label("Address").fill(site.serve("/film.mp4", b"", status=503))
        page.get_by_role("button", name="Fetch it").click()
        expect(page.get_by_text("The video is being fetched.")).to_be_visible()
        page.get_by_role("link", name="Overview").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("1 job gave up. The server answers 503", timeout=COMES_MS)
        (job,) = dead()
        alert.get_by_role("link", name="Look at them").click()
        row = page.get_by_role("row").filter(has_text="The server answers 503")
        expect(row).to_contain_text("Failed")
        log = row.get_by_role("button", name=re.compile("^Log of"))
        log.click()
        expect(page.get_by_label("Search the log")).to_be_visible()
        assert breaches(page) == []
        log.click()
        site.serve("/film.mp4", clip("h264_aac_240p30_2s").read_bytes(), Content_Type="video/mp4")
        row.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("No job has given up")).to_be_visible()
        driver.done(job["id"])
        assert dead() == []
        page.get_by_role("tab", name="Done", exact=True).click()
        expect(page.get_by_role("row").nth(1)).to_contain_text("Done")


def test_a_delivery_shows_both_sides_and_is_sent_again(server: Server, page: Page) -> None:
    with receiving() as receiver:
        receiver.says("/hook", 500, b"<b>broken</b>")
        enter(page, server, "developers?tab=webhooks")
        page.get_by_role("button", name="Add an endpoint").click()
        page.get_by_label("Address").fill(receiver.url("/hook"))
        page.get_by_role("button", name="Add it").click()
        secret = page.get_by_role("textbox", name="Secret")
        expect(secret).to_have_value(re.compile("^whsec_"))
        verifier = Verifier(secret.input_value())
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Test", exact=True).click()
        delivery = page.get_by_role("row").filter(has_text="webhook.ping").first
        expect(delivery).to_contain_text("500")
        delivery.get_by_role("button", name="webhook.ping").click()
        pings = [message for message in receiver.of("/hook") if message.event["type"] == "webhook.ping"]
        sent = pings[0]
        verifier.verify(sent.body, dict(sent.headers))
        request, answer = page.locator("pre").nth(0), page.locator("pre").nth(1)
        expect(request).to_have_text(sent.body)
        expect(answer).to_have_text("<b>broken</b>")
        receiver.answers.clear()
        delivery.get_by_role("button", name="Send again").click()
        expect(delivery).to_contain_text("Delivered")
        assert [message.body for message in receiver.of("/hook") if message.id == sent.id][1:] == [sent.body]
