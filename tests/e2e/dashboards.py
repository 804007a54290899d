"""The dashboard in a browser: letting one in, and what every page of it has."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.fixtures.platform import Server
from tests.fixtures.waiting import wait_until
from vidcompute.local import OUTBOX

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, ViewportSize

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ("", "videos", "upload", "jobs", "nodes", "developers", "settings")
TITLES = ("Overview", "Videos", "Upload", "Jobs", "Nodes", "Developers", "Settings")
DESK: "ViewportSize" = {"width": 1280, "height": 720}
PHONE: "ViewportSize" = {"width": 375, "height": 740}
COMES_MS = 60_000  # at most, what a job has to do first
# What scrolls sideways, but for what is made to (tables, rows of tabs), and fields.
_WIDE = """
async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame(); // what follows the window's size follows it now
  await frame();
  const may = '.overflow-x-auto, input, textarea, select, .vc-player, .vc-player *';
  const isPage = (one) => one.matches('html, body, main');
  const scrolls = (one) => isPage(one) || ['auto', 'scroll'].includes(getComputedStyle(one).overflowX);
  const all = document.querySelectorAll('html, body, main, main *, [role="dialog"], [role="alertdialog"]');
  return [...all]
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && scrolls(one) && !one.matches(may))
    .map((one) => `${one.tagName} ${one.className}: ${one.scrollWidth} of ${one.clientWidth} px`);
}
"""


def link(server: Server) -> str:
    """A link that lets one browser in, as `vidctl dashboard` prints it."""
    with server.client() as client:
        made = client.post("/api/v1/keys", json={"name": "link", "scopes": ["*"]}).raise_for_status().json()
    return f"{server.url}/dashboard/enter#{made['secret']}"


def enter(page: "Page", server: Server, path: str = "") -> None:
    """Open the dashboard in a browser that was not there before, and go to a page of it."""
    page.goto(link(server))
    expect(page).to_have_url(re.compile(r"/dashboard/?$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    if path:
        page.goto(f"{server.url}/dashboard/{path}")


def complaints(page: "Page") -> list[str]:
    """What the browser complains of from now on: exceptions, and whatever the content security policy refuses."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    return heard


def breaches(page: "Page") -> list[str]:
    """What axe finds wrong with what the page shows, by WCAG 2.2 A and AA."""
    page.evaluate(AXE.read_text())
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate(
        "(rules) => axe.run({exclude: ['.vc-player']}, {runOnly: rules, resultTypes: ['violations']})", rules
    )
    return [f"{breach['id']}: {[node['html'][:200] for node in breach['nodes']]}" for breach in found["violations"]]


def by_keyboard(page: "Page", target: "Locator", *, most: int = 120) -> None:
    """Move the focus to something as who has no mouse does: by Tab."""
    expect(target).to_be_visible()
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"Tab did not come to {target} {most} times")


def wide(page: "Page") -> list[str]:
    """What of the page can be scrolled sideways and should not be."""
    found: list[str] = page.evaluate(_WIDE)
    return found


def mailed_link(server: Server, to: str) -> str:
    """The address in the newest mail to somebody, once that is in the outbox."""

    def look() -> str | None:
        for path in sorted((server.data_dir / OUTBOX).glob("mail_*.eml"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=default)
            text = mail.get_body(("plain",))
            found = re.search(r"https?://[^/\s]+(/\S+#\S+)", text.get_content()) if text else None
            if found and to in str(mail["To"]):
                return server.url + found[1]
        return None

    return wait_until(look, what=f"a mail to {to}")
