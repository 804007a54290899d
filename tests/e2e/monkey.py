"""A monkey at the dashboard, in Chromium: it clicks, types and goes about at random, for as long as it is let.

`make monkey` lets it for 30 minutes (`MINUTES=`), `make test` for 20 seconds. It complains of exceptions that nobody
caught, of errors on the console, and of answers of 500 and more. What it does follows from its seed (`SEED=`) and from
what it finds; it waits between its steps until nothing is asked for, so that the same seed finds the same.
"""

import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error, expect, sync_playwright

from tests.e2e.dashboards import DESK, PAGES, PHONE
from tests.e2e.driving import Driver, Json, running
from tests.fixtures.chromium import CHROMIUM_ARGUMENTS, chromium_path
from tests.fixtures.clips import ClipMaker
from tests.fixtures.receiving import Receiver, receiving
from tests.fixtures.rows import written
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.media import ffmpeg
from vidcompute.services.accounts import keys

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

MINUTES = 30.0
SMALL: Json = {"outputs": ["hls", "mp4", "thumbnail", "preview"], "renditions": [{"height": 180}]}
SETTINGS = {"VIDCOMPUTE_ALLOW_PRIVATE_ADDRESSES": "true"}
TABS = (
    *("videos?view=grid", "videos?tab=failed", "videos?q=monkey&sort=title", "jobs?tab=all", "jobs?tab=dead"),
    *("developers?tab=webhooks", "settings?tab=members", "settings?tab=usage", "settings?tab=retention"),
    *(
        "settings?tab=audit",
        "settings?tab=account",
        "developers?tab=signing",
        "developers?tab=events",
        "videos/nothing",
        "nowhere",
    ),
)
VIDEO_TABS = ("details", "sharing", "files", "tracks", "images", "frames", "processing")
# Answers that last as long as somebody listens or watches.
LASTING = ("/events", "/watch/", "/stream/")
TEXTS = (
    *("", " ", "cat", "-1", "0", "999999999999", "ann@example.com", "https://example.invalid/film.mp4", "job.*"),
    *("<img src=x onerror=alert(1)>", "' OR 1=1 --", "../../etc/passwd", "%00%0a{{7*7}}${7*7}"),
    *("שלום עולם 🎬", "W" * 5000),
)
KEYS = (
    "Tab",
    "Tab",
    "Shift+Tab",
    "Enter",
    "Enter",
    "Escape",
    "Space",
    "ArrowDown",
    "ArrowUp",
    "ArrowRight",
    "ArrowLeft",
    "Home",
    "End",
    "PageDown",
    "Delete",
    "Backspace",
    "j",
    "k",
    "x",
    "/",
    "?",
    "[",
    "g",
    "v",
    "u",
    "d",
    "s",
    "Control+k",
)
_LAST = 40  # steps that are told of where it complains
_QUIET_S = 0.5  # at most, until nothing is asked for
_FILLS = 200  # steps after which a video is added: it deletes them
# What can be pressed or typed into, and is on screen.
_TARGETS = """
() => [...document.querySelectorAll(
  'a[href], button, input, select, textarea, [role="tab"], [role^="menuitem"], [role="option"], [role="slider"]'
)].flatMap((one) => {
  const { left, top, width, height } = one.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const isSeen = width > 0 && height > 0 && x > 0 && y > 0 && x < innerWidth && y < innerHeight && !one.disabled;
  if (!isSeen || !one.checkVisibility()) return [];
  const name = (one.getAttribute('aria-label') ?? one.textContent ?? '').trim().slice(0, 60);
  const takesText = one.matches('textarea, input:not([type="checkbox"], [type="range"], [type="file"])');
  return [{ kind: one.tagName.toLowerCase(), name, x, y, takesText, options: one.options?.length ?? 0 }];
})
"""


class Monkey:
    """One monkey at one page. `complaints` is what it found wrong, `steps` what it did last, `taken` how many steps."""

    def __init__(self, driver: Driver, page: "Page", film: Path, seed: int) -> None:
        self.complaints: list[str] = []
        self.steps: deque[str] = deque(maxlen=_LAST)
        self.taken = 0
        self._driver = driver
        self._page = page
        self._film = film
        self._seed = seed
        self._chance = random.Random(seed)
        self._asked: set[Request] = set()
        self._listen()

    def report(self) -> str:
        """What it complains of, how it came there, and how to have it again."""
        lines = [*self.complaints, f"It was at {self._page.url}, at step {self.taken} of seed {self._seed}, after:"]
        return "\n".join([*lines, *(f"  {step}" for step in self.steps), f"Again: make monkey SEED={self._seed}"])

    def enter(self) -> None:
        """Come in by a key of its own: it may have revoked the one before."""
        self._note("enters")
        self._page.goto(f"{self._driver.server.url}/dashboard/enter#{self._new_key()}")
        expect(self._page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    def play(self, seconds: float) -> None:
        """Go on for so long, or until there is something to complain of."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.complaints:
            if self.taken % _FILLS == 0:
                self._bring_film()
            self.taken += 1
            try:
                self._come_back()
                self._step()
            except Error as error:  # what it wanted to press is gone: pages change
                self._note(f"  could not: {error.message.splitlines()[0][:100]}")
            except AssertionError as error:
                self.complaints.append(f"it could not come in: {str(error)[:500]}")
            self._wait()

    def _listen(self) -> None:
        page = self._page
        page.on("pageerror", lambda error: self.complaints.append(f"nobody caught: {error.stack or error}"))
        page.on("crash", lambda _: self.complaints.append("the page crashed"))
        page.on("console", self._hear)
        page.on("response", self._look_at)
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("filechooser", lambda chooser: chooser.set_files(self._film))

    def _begin(self, request: "Request") -> None:
        self._asked.add(request)

    def _end(self, request: "Request") -> None:
        self._asked.discard(request)

    def _hear(self, message: "ConsoleMessage") -> None:
        # That something was refused is what a monkey is for.
        if message.type == "error" and "responded with a status of 4" not in message.text:
            self.complaints.append(f"on the console: {message.text}")

    def _look_at(self, response: "Response") -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} to {response.request.method} {response.url}")

    def _note(self, step: str) -> None:
        self.steps.append(step)

    def _new_key(self) -> str:
        secret = keys.new_secret()
        url = self._driver.server.database_url
        written(url, lambda conn: keys.add_whole(conn, LOCAL_ORGANIZATION, "of the monkey", secret))
        return secret

    def _bring_film(self) -> None:
        self._driver.http.headers["Authorization"] = f"Bearer {self._new_key()}"
        self._driver.submit(self._film, title=f"monkey {self.taken}", **SMALL)

    def _come_back(self) -> None:
        """Go back to the dashboard where a step led out of it; at its door it stays for a while."""
        for other in self._page.context.pages:
            if other != self._page:
                other.close()
        base = f"{self._driver.server.url}/dashboard"
        is_at_door = self._page.url.startswith(f"{base}/enter")
        if not self._page.url.startswith(base) or (is_at_door and self._chance.random() < 0.3):
            self.enter()

    def _step(self) -> None:
        steps: dict[Callable[[], None], int] = {
            self._click: 50,
            self._type: 16,
            self._press: 16,
            self._go: 6,
            self._turn: 4,
            self._scroll: 5,
            self._resize: 3,
        }
        (step,) = self._chance.choices(list(steps), list(steps.values()))
        step()

    def _targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._page.evaluate(_TARGETS)
        return found

    def _click(self) -> None:
        targets = self._targets()
        target = self._chance.choice(targets) if targets else None
        if target is None:
            self._go()
        elif target["options"]:
            self._choose(target)
        else:
            self._note(f"clicks {target['kind']} {target['name']!r}")
            self._page.mouse.click(target["x"], target["y"], click_count=self._chance.choice((1, 1, 1, 2)))

    def _choose(self, target: dict[str, Any]) -> None:
        place = self._chance.randrange(target["options"])
        self._note(f"chooses {place} of {target['name']!r}")
        at = [target["x"], target["y"]]
        element = self._page.evaluate_handle("([x, y]) => document.elementFromPoint(x, y)", at).as_element()
        if element is not None:
            element.select_option(index=place, timeout=1000)

    def _type(self) -> None:
        targets = [target for target in self._targets() if target["takesText"]]
        text = self._chance.choice(TEXTS)
        if targets:
            target = self._chance.choice(targets)
            self._page.mouse.click(target["x"], target["y"])
            self._page.keyboard.press("Control+a")
        self._note(f"types {text[:60]!r}{' into ' + repr(target['name']) if targets else ''}")
        self._page.keyboard.insert_text(text)
        if self._chance.random() < 0.4:
            self._page.keyboard.press("Enter")

    def _press(self) -> None:
        key = self._chance.choice(KEYS)
        self._note(f"presses {key}")
        self._page.keyboard.press(key)

    def _go(self) -> None:
        assets = self._driver.http.get("/api/v1/assets", params={"limit": 5})
        ids = [asset["id"] for asset in assets.json()["items"]] if assets.is_success else []
        videos = [f"videos/{one}?tab={self._chance.choice(VIDEO_TABS)}" for one in ids]
        path = self._chance.choice([*PAGES, *TABS, *videos])
        self._note(f"goes to {path or 'the overview'}")
        self._page.goto(f"{self._driver.server.url}/dashboard/{path}", wait_until="commit")

    def _turn(self) -> None:
        way = self._chance.choice(("back", "forward", "reload"))
        self._note(f"goes {way}")
        turn = {"back": self._page.go_back, "forward": self._page.go_forward, "reload": self._page.reload}[way]
        turn(wait_until="commit")

    def _scroll(self) -> None:
        by = self._chance.choice((-2000, -300, 300, 2000))
        self._note(f"scrolls by {by} px")
        self._page.mouse.wheel(0, by)

    def _resize(self) -> None:
        size = self._chance.choice((DESK, PHONE))
        self._note(f"has a window of {size['width']} px")
        self._page.set_viewport_size(size)

    def _wait(self) -> None:
        """Until nothing is asked for but what lasts; at most half a second."""
        deadline = time.monotonic() + _QUIET_S
        while time.monotonic() < deadline:
            if not [one for one in self._asked if not any(part in one.url for part in LASTING)]:
                return
            self._page.wait_for_timeout(10)


def fill(driver: Driver, film: Path, receiver: Receiver) -> None:
    """What a dashboard shows: videos that are ready, and one that failed; a key, an endpoint, an invitation."""
    for title in ("Launch film", "<b>Titles are text</b> שלום 🎬"):
        driver.done(driver.submit(film, title=title, **SMALL)["id"])
    broken = film.with_name("broken.mp4")
    broken.write_bytes(film.read_bytes()[:20_000])
    driver.ended(driver.submit(broken, title="Cut off", **SMALL)["id"])
    for path, wish in {
        "keys": {"name": "reader", "scopes": ["assets:read"]},
        "webhooks": {"url": receiver.url("/hook"), "events": ["*"]},
        "invitations": {"email": "ann@example.com", "role": "viewer"},
    }.items():
        driver.http.post(f"/api/v1/{path}", json=wish).raise_for_status()


def let_loose(browser: "Browser", driver: Driver, film: Path, seed: int, seconds: float) -> Monkey:
    """A monkey that has played for so long, or until it found something."""
    context = browser.new_context(viewport=DESK, accept_downloads=False)
    try:
        monkey = Monkey(driver, context.new_page(), film, seed)
        monkey.enter()
        monkey.play(seconds)
        return monkey
    finally:
        context.close()


def main() -> int:
    """Let one loose as the environment says; 1 where it found something."""
    minutes = float(os.environ.get("MINUTES") or MINUTES)
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    sys.stdout.write(f"{minutes:g} minutes of random clicks and typing, SEED={seed}\n")
    with tempfile.TemporaryDirectory() as work, receiving() as receiver, sync_playwright() as playwright:
        film = ClipMaker(str(ffmpeg.locate(None)), Path(work))("h264_aac_360p30_6s")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        with running(Path(work) / "data", **SETTINGS) as driver:
            fill(driver, film, receiver)
            monkey = let_loose(browser, driver, film, seed, minutes * 60)
        browser.close()
    sys.stdout.write(f"{monkey.report()}\n" if monkey.complaints else f"{monkey.taken} steps, nothing wrong\n")
    return 1 if monkey.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
