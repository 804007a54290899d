"""The dashboard in a browser: letting one in, and what every page of it has."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.fixtures.platform import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ("", "videos", "upload", "jobs", "nodes", "developers", "settings")
TITLES = ("Overview", "Videos", "Upload", "Jobs", "Nodes", "Developers", "Settings")


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
    """What axe finds wrong with what the page shows now, by WCAG 2.2 A and AA."""
    page.evaluate(AXE.read_text())
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate(
        "(rules) => axe.run({exclude: ['.vc-player']}, {runOnly: rules, resultTypes: ['violations']})", rules
    )
    return [f"{breach['id']}: {[node['html'][:200] for node in breach['nodes']]}" for breach in found["violations"]]
