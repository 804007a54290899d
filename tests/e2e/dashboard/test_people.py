"""The dashboard's pages for programs and for people, in Chromium: Developers, Settings, and the ways in."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pyotp
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.accounts import BOB, EMAIL, PASSWORD, is_in, join, log_in, put, type_in
from tests.e2e.dashboards import breaches, complaints, enter
from tests.fixtures.platform import Server

CY = "cy@example.com"
DAN = "dan@example.com"
WAYS_IN = ("enter", "register", "forgot", "verify")
BY_LINK = ("enter", "reset", "verify", "email", "invitation")
FOR_PROGRAMS = ("developers?tab=signing", "developers?tab=events", "settings?tab=retention")
SOON_MS = 15_000


def test_a_signing_key_is_made_shown_once_and_revoked(server: Server, page: Page) -> None:
    enter(page, server, "developers?tab=signing")
    page.get_by_role("button", name="Make a signing key").first.click()
    page.get_by_label("Name").fill("<b>shop</b>")
    page.get_by_role("button", name="Make it").click()
    shown = page.get_by_role("dialog", name="Your new signing key")
    expect(shown.get_by_role("region", name="Private key")).to_contain_text("BEGIN PRIVATE KEY")
    with page.expect_download() as download:
        shown.get_by_role("link", name="Download it").click()
    assert "END PRIVATE KEY" in Path(download.value.path()).read_text()
    shown.get_by_role("button", name="I have it").click()
    row = page.get_by_role("row").filter(has_text="<b>shop</b>")
    row.get_by_role("button", name="Revoke <b>shop</b>").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("Revoked")
    with server.client() as client:
        (key,) = client.get("/api/v1/signing-keys").json()["items"]
    assert key["revoked_at"] is not None


def make_key(server: Server, name: str) -> None:
    with server.client() as client:
        client.post("/api/v1/keys", json={"name": name, "scopes": ["assets:read"]}).raise_for_status()


def test_events_come_by_themselves_are_filtered_and_wait_in_a_pause(server: Server, page: Page) -> None:
    make_key(server, "before")
    enter(page, server, "developers?tab=events")
    events = page.get_by_role("button", name=re.compile(r"^\w+\.\w+$"))
    expect(events.first).to_have_text("key.revoked")  # that of the link which opened the dashboard
    page.get_by_label("Only this type").select_option("key.created")
    there = events.count()
    make_key(server, "meanwhile")
    expect(events).to_have_count(there + 1)
    events.first.click()
    expect(page.get_by_role("region", name=re.compile("^Event [0-9]+$"))).to_contain_text('"name": "meanwhile"')

    page.get_by_role("button", name="Pause").click()
    make_key(server, "in the pause")
    expect(page.get_by_text("Paused, 1 new")).to_be_visible()
    expect(events).to_have_count(there + 1)
    page.get_by_role("button", name="Go on").click()
    expect(events).to_have_count(there + 2)

    page.context.set_offline(True)
    expect(page.get_by_text("Connection lost", exact=True)).to_be_visible()
    make_key(server, "while away")
    page.context.set_offline(False)
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=SOON_MS)
    expect(events).to_have_count(there + 3)


def test_what_a_page_did_runs_as_a_program(server: Server, page: Page) -> None:
    enter(page, server, "developers")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill("""it's "$HOME" שלום""")
    page.get_by_label("assets:read").check()
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name="Code of what this page did").click()
    dialog = page.get_by_role("dialog", name="As code")
    expect(dialog.get_by_label("Request").locator("option:checked")).to_have_text("POST /api/v1/keys")
    texts: dict[str, str] = {}
    for language in ("curl", "Python", "JavaScript"):
        dialog.get_by_role("tab", name=language).click()
        texts[language] = dialog.get_by_role("region", name=f"The request in {language}").inner_text()
        assert "vck_" not in texts[language]

    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment = {**kept, "VIDCOMPUTE_KEY": server.key}
    node = shutil.which("node") or str(Path(sys.executable).with_name("node"))
    programs = [
        [sys.executable, "-c", texts["Python"]],
        [node, "--input-type=module", "-e", texts["JavaScript"]],
    ]
    for program in programs:
        done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["secret"].startswith("vck_")
    _, _, method, url, _, header, _, body = shlex.split(texts["curl"].replace("\\\n", ""))
    name, _, value = header.partition(": ")
    headers = {name: value.replace("$VIDCOMPUTE_KEY", server.key), "Content-Type": "application/json"}
    httpx2.request(method, url, headers=headers, content=body, trust_env=False).raise_for_status()
    with server.client() as client:
        names = [key["name"] for key in client.get("/api/v1/keys").json()["items"]]
    assert names.count("""it's "$HOME" שלום""") == 4


def test_an_organization_has_a_logo_that_is_seen_and_taken_away(server: Server, page: Page) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (600, 300), "#2257d6").save(picture, "WEBP")
    enter(page, server, "settings")
    heard = complaints(page)
    file = page.get_by_label("File of the logo")
    file.set_input_files({"name": "logo.webp", "mimeType": "image/webp", "buffer": picture.getvalue()})
    shown = page.locator("header img")
    expect(shown.first).to_have_js_property("naturalWidth", 256)
    page.reload()
    expect(shown.first).to_have_js_property("naturalWidth", 256)
    page.get_by_role("button", name="Take it away").click()
    expect(shown).to_have_count(0)
    assert heard == []
    file.set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": b"<svg onload='alert(1)'/>"})
    expect(page.get_by_text("A logo is a picture: PNG, JPEG or WebP.")).to_be_visible()


def test_the_audit_log_is_taken_along_as_one_says(server: Server, page: Page) -> None:
    make_key(server, "audited")
    enter(page, server, "settings?tab=audit")
    page.get_by_label("Only this action").fill("key.created")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=re.compile("^CSV")).click()
    assert download.value.suggested_filename == "audit.csv"
    head, *lines = Path(download.value.path()).read_text().splitlines()
    assert "action" in head
    assert lines
    assert all("key.created" in line for line in lines)


def test_who_lacks_the_second_factor_that_is_demanded_sets_one_up_and_is_in(server: Server, page: Page) -> None:
    join(server, CY, "Cy")
    enter(page, server, "settings")
    demand = page.get_by_label("Every member needs one")
    demand.click()
    page.get_by_role("button", name="Demand it").click()
    expect(demand).to_be_checked()

    page.context.clear_cookies()
    page.goto(f"{server.url}/dashboard/videos")
    type_in(page, CY, PASSWORD)
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_role("button", name="Set up an app").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    app = pyotp.TOTP(dialog.get_by_role("region", name="The key").inner_text().strip())
    dialog.get_by_label("A code of your app").fill(app.generate_otp(int(time.time()) // 30))
    dialog.get_by_role("button", name="Switch it on").click()
    dialog.get_by_role("button", name="I have them").click()
    page.get_by_role("link", name="Videos").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Videos")

    with server.client() as client:
        client.patch("/api/v1/organization", json={"second_factor_required": False}).raise_for_status()


def test_one_makes_another_organization_and_goes_from_one_to_the_other(server: Server, page: Page) -> None:
    join(server, DAN, "Dan")
    page.goto(f"{server.url}/dashboard/enter")
    type_in(page, DAN, PASSWORD)
    page.get_by_role("button", name="Organization: local").click()
    page.get_by_role("menuitem", name="Make another organization").click()
    page.get_by_label("Name of the organization").fill("<b>Films</b>")
    page.get_by_role("button", name="Make it").click()
    own = page.get_by_role("button", name="Organization: <b>Films</b>")
    expect(own).to_be_visible()
    page.reload()
    own.click()
    page.get_by_role("menuitemradio", name="local").click()
    expect(page.get_by_role("button", name="Organization: local")).to_be_visible()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until this has the focus, as who has no pointer does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not come to {target}")


def test_one_comes_in_changes_something_and_leaves_by_keyboard_alone(server: Server, page: Page) -> None:
    join(server)
    page.goto(f"{server.url}/dashboard/enter")
    tab_to(page, page.get_by_label("E-mail address"))
    page.keyboard.type(EMAIL)
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    is_in(page)
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="As code")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    tab_to(page, page.get_by_role("tab", name="Organization"))
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="You")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("button", name="Change: Name")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Change: Name"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="You and this page"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitemradio").first).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Log out")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_people_and_programs(server: Server, page: Page, scheme: str) -> None:
    email = f"{scheme}-{BOB}"
    join(server, email, "Bob")
    put(server, "invitation", f"{scheme}-invitation-of-one-more", f"{scheme}-more@example.com")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        expect(page.get_by_role("heading", level=1).or_(page.get_by_role("dialog")).first).to_be_visible()
        expect(page.get_by_text("loading", exact=False).and_(page.locator(".sr-only"))).to_have_count(0)
        if wrong := breaches(page):
            found[name] = wrong

    for path in WAYS_IN:
        page.goto(f"{server.url}/dashboard/{path}")
        look(path)
    for path in BY_LINK:
        page.goto("about:blank")
        page.goto(f"{server.url}/dashboard/{path}#{scheme}-invitation-of-one-more")
        look(f"{path} with a link")
    page.goto(f"{server.url}/account/security")
    type_in(page, email, PASSWORD)
    expect(page.get_by_role("button", name="Set up an app")).to_be_visible()
    look("account")
    page.get_by_role("button", name="Change: Password").click()
    look("a form of the account")
    page.goto(f"{server.url}/dashboard/device")
    look("device")
    assert log_in(server, PASSWORD, email) == 200

    page.context.clear_cookies()
    enter(page, server)
    heard = complaints(page)
    for path in FOR_PROGRAMS:
        page.goto(f"{server.url}/dashboard/{path}")
        look(path)
    page.get_by_role("button", name="Code of what this page did").click()
    look("code")
    assert (found, heard) == ({}, [])


def test_a_phone_shows_the_ways_in_and_scrolls_none_sideways(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    join(server, BOB, f"<b>{'Bob' * 40}</b>")

    def look(path: str) -> None:
        page.goto(f"{server.url}/dashboard/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("loading", exact=False).and_(page.locator(".sr-only"))).to_have_count(0)
        wide = page.evaluate("[document.body, document.querySelector('main')].map((one) => one.scrollWidth)")
        assert max(wide) <= 375, path

    for path in WAYS_IN:
        look(path)
    page.goto(f"{server.url}/dashboard/enter")
    type_in(page, BOB, PASSWORD)
    is_in(page)
    for path in ("settings", "settings?tab=account", "device"):
        look(path)
    page.context.clear_cookies()
    enter(page, server)
    for path in FOR_PROGRAMS:
        look(path)
