"""The dashboard in Chromium: a list of 5,000 videos scrolled to its end, what a page loads first, Lighthouse's word."""

import contextlib
import json
import shutil
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from sqlalchemy import Connection

from bench import page, processes
from bench.client import Client
from bench.processes import Platform, platform
from bench.results import BenchError, Figure, Report
from bench.run import Run
from setup.places import LIGHTHOUSE
from tests.fixtures.rows import copies, written
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services.accounts import keys

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAME = "dashboard"
_VIDEOS, _VIDEOS_QUICK = 5_000, 300
_LONGEST_MS, _JS_LIMIT_KB, _SCORE = 50, 200, 95
_KB = 1000
# As who holds a key down, some rows further in each frame until all have come; then as who drags the bar about.
_SCROLL = """
async ([wanted, stepPx, mostMs]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const tasks = [], frames = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: 'longtask' });
  const list = document.querySelector('main table, main ul[aria-label$="videos"]');
  const scroller = list.parentElement;
  const began = performance.now();
  let last = began;
  const drawn = async () => {
    await frame();
    frames.push(performance.now() - last);
    last = performance.now();
  };
  const isOver = () =>
    list.getAttribute('aria-label').startsWith(wanted) &&
    scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
  while (!isOver() && performance.now() - began < mostMs) {
    scroller.scrollTop += stepPx;
    await drawn();
  }
  const over = isOver();
  for (let jump = 0; jump < 40; jump += 1) {
    scroller.scrollTop = (((jump * 17) % 40) / 40) * scroller.scrollHeight;
    await drawn();
    await drawn();
  }
  await new Promise((done) => setTimeout(done, 500)); // until all tasks were told of
  return { over, tasks, frames, tookMs: performance.now() - began };
}
"""
_STEP_PX = 400
_MOST_MS = 240_000


@dataclass(frozen=True)
class _Scrolled:
    """How a list was scrolled: tasks of the page that took more than 50 ms, and what lay between two frames (ms)."""

    tasks_ms: list[float]
    frames_ms: list[float]
    took_ms: float


def measure(run: Run) -> Report:
    """The copies of one real video share its pictures; every figure is of the page as it was built."""
    count = _VIDEOS_QUICK if run.quick else _VIDEOS
    with platform(run.work / NAME) as server:
        secret = _filled(server, run, count)
        with _browser(run.work) as (opened, port):
            scripts = _entered(opened, server, secret)
            table = _scrolled(opened, f"{server.url}/dashboard/videos", count)
            grid = _scrolled(opened, f"{server.url}/dashboard/videos?view=grid", count)
            run.say(f"table: {table.took_ms / 1000:.1f} s, grid: {grid.took_ms / 1000:.1f} s")
            scores = {kind: _scores(run, server, port, kind) for kind in ("desktop", "mobile")}
    figures = (
        _longest(f"longest task while {count:,} videos are scrolled", table),
        _longest(f"longest task while {count:,} pictures are scrolled", grid),
        Figure("JavaScript that the list of videos loads, gzipped", scripts / _KB, "kB", _JS_LIMIT_KB),
        *(_score(kind, found) for kind, found in scores.items()),
    )
    tasks = {"table_tasks_ms": table.tasks_ms, "grid_tasks_ms": grid.tasks_ms}
    return Report(NAME, figures, {**tasks, "lighthouse": scores})


def _longest(name: str, found: _Scrolled) -> Figure:
    middle, late = (statistics.quantiles(found.frames_ms, n=100)[place] for place in (49, 98))
    note = f"{len(found.tasks_ms)} beyond 50 ms; frames after {middle:.0f} ms, 99 of 100 within {late:.0f} ms"
    return Figure(name, max(found.tasks_ms, default=0.0), "ms", _LONGEST_MS, note=note)


def _score(kind: str, found: list[dict[str, float]]) -> Figure:
    value = statistics.median(one["score"] for one in found)
    parts = [name for name in found[0] if name != "score"]
    note = ", ".join(f"{name} {statistics.median(one[name] for one in found):.3g}" for name in parts)
    return Figure(f"Lighthouse performance of the list, {kind}", value, "points", _SCORE, at_least=True, note=note)


def _filled(server: Platform, run: Run, count: int) -> str:
    """Let it have so many videos, and a key that may do everything."""
    with Client(server) as client:
        job = client.done(client.submit(run.sources.make("conformant", 8)).answer["id"], timeout_s=300)
    secret = keys.new_secret()

    def fill(conn: Connection) -> None:
        titles = (f"Video {number} of a long list, with a title as titles are" for number in range(1, count))
        copies(conn, job["asset_id"], titles)
        keys.add_whole(conn, LOCAL_ORGANIZATION, "bench", secret)

    written(f"sqlite:///{server.data_dir / 'vidcompute.db'}", fill)
    return secret


@contextlib.contextmanager
def _browser(work: Path) -> Iterator[tuple["Page", int]]:
    """A page of a browser that others, on the port, can open pages in: they share its cookies."""
    from playwright.sync_api import Error, sync_playwright

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(dir=work, ignore_cleanup_errors=True) as profile:
        arguments = [*page.ARGUMENTS, f"--remote-debugging-port={port}"]
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=page.chromium(), args=arguments, viewport={"width": 1280, "height": 800}
        )
        try:
            yield context.new_page(), port
        except Error as error:
            raise BenchError(f"the browser: {error}") from error
        finally:
            context.close()


def _entered(opened: "Page", server: Platform, secret: str) -> int:
    """Let the browser in; how many bytes of scripts, gzipped, the list of videos then loads first."""
    opened.goto(f"{server.url}/dashboard/enter#{secret}")
    opened.get_by_role("heading", name="Overview", level=1).wait_for()
    asked: set[str] = set()
    opened.on("request", lambda request: asked.add(request.url) if request.resource_type == "script" else None)
    opened.goto(f"{server.url}/dashboard/videos")
    opened.locator("main tbody a").first.wait_for()
    return sum(_gzipped_bytes(url) for url in asked)


def _gzipped_bytes(url: str) -> int:
    with urlopen(Request(url, headers={"Accept-Encoding": "gzip"})) as answer:
        return len(answer.read())


def _scrolled(opened: "Page", url: str, count: int) -> _Scrolled:
    opened.goto(url)
    opened.locator("main tbody a, main li a").first.wait_for()
    found: dict[str, Any] = opened.evaluate(_SCROLL, [f"{count:,} ", _STEP_PX, _MOST_MS])
    if not found["over"]:
        raise BenchError(f"the list did not come to its end within {_MOST_MS // 1000} s")
    return _Scrolled(found["tasks"], found["frames"], found["tookMs"])


def _scores(run: Run, server: Platform, port: int, kind: str) -> list[dict[str, float]]:
    """What Lighthouse says of the list: points, and what they come from, in seconds (the shift has no unit)."""
    cli = LIGHTHOUSE / "node_modules" / "lighthouse" / "cli" / "index.js"
    if not cli.is_file():
        raise BenchError("Lighthouse is not installed: `make bench` gets it")
    node = shutil.which("node") or str(Path(sys.executable).with_name("node"))
    told = run.work / f"lighthouse-{kind}.json"
    options = ["--only-categories=performance", "--output=json", f"--output-path={told}", "--quiet"]
    options += ["--disable-storage-reset", "--no-enable-error-reporting", f"--port={port}"]
    options += ["--preset=desktop"] if kind == "desktop" else []
    found = []
    for _ in range(run.times(5)):
        processes.run([node, str(cli), f"{server.url}/dashboard/videos", *options])
        found.append(_read(json.loads(told.read_text())))
    return found


def _read(report: dict[str, Any]) -> dict[str, float]:
    audits = {
        "first paint": "first-contentful-paint",
        "largest paint": "largest-contentful-paint",
        "blocked": "total-blocking-time",
    }
    if "/enter" in report["finalDisplayedUrl"]:
        raise BenchError("Lighthouse was not let in")
    seconds = {name: report["audits"][audit]["numericValue"] / 1000 for name, audit in audits.items()}
    shift = report["audits"]["cumulative-layout-shift"]["numericValue"]
    return {"score": report["categories"]["performance"]["score"] * 100, **seconds, "shift": shift}
