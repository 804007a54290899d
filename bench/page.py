"""The watch page in Chromium, and what is measured in it: seeks, standstills of the picture, silence in the sound."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.results import BenchError

if TYPE_CHECKING:
    from playwright.sync_api import Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
# Tells of every silence above 5 ms as it ends. A sample of the tone is below the threshold at its zero crossings only.
_METER = """
registerProcessor('silence-meter', class extends AudioWorkletProcessor {
  run = 0; heard = false;
  constructor() { super(); this.port.onmessage = () => this.port.postMessage({ open: this.heard ? this.run : -1 }); }
  process([input]) {
    const samples = input[0];
    for (let i = 0; i < 128; i++) {
      if (samples && Math.abs(samples[i]) > 0.001) {
        if (this.heard && this.run > 240) this.port.postMessage({ samples: this.run });
        this.run = 0; this.heard = true;
      } else if (this.heard) this.run += 1;
    }
    return true;
  }
});
"""
_FIRST_FRAME = """
() => new Promise((done) => {
  const look = () => {
    const video = document.querySelector('video');
    if (video && video.currentTime > 0 && video.videoWidth > 0) done(performance.now()); else setTimeout(look, 5);
  };
  look();
})
"""
_SEEK = """
([to, mostMs]) => new Promise((done) => {
  const video = document.querySelector('video'), began = performance.now();
  video.currentTime = to;
  if (video.paused) void video.play();
  const look = () => {
    const passed = performance.now() - began;
    if ((!video.seeking && video.currentTime >= to + 0.05) || passed > mostMs) done(passed); else setTimeout(look, 5);
  };
  look();
})
"""
# A standstill is time in which the media clock moved at less than a quarter of its speed: a late timer is none, for
# then both clocks have moved on.
_PROBE = """
async (meter) => {
  const video = document.querySelector('video'), root = document.documentElement;
  const probe = { stalls: [], silences: [], tracks: [root.dataset.level], moves: [], completeMs: null, ended: false };
  window.benchProbe = probe;
  let stall = null, last = { wall: performance.now(), media: video.currentTime };
  setInterval(() => {
    const now = { wall: performance.now(), media: video.currentTime };
    const passed = now.wall - last.wall;
    if (video.paused || (now.media - last.media) * 1000 > passed / 4) stall = null;
    else if (stall) stall.ms += passed;
    else { stall = { at: last.wall, ms: passed }; probe.stalls.push(stall); }
    if (probe.completeMs === null && root.dataset.complete === 'true') probe.completeMs = now.wall;
    if (root.dataset.level && probe.tracks.at(-1) !== root.dataset.level) {
      probe.tracks.push(root.dataset.level);
      probe.moves.push(now.wall);
    }
    probe.ended ||= video.ended;
    last = now;
  }, 10);
  const context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([meter], { type: 'text/javascript' })));
  await context.resume();
  const node = new AudioWorkletNode(context, 'silence-meter');
  node.port.onmessage = ({ data }) => {
    if (data.samples) probe.silences.push({ at: performance.now() - data.samples / 48, ms: data.samples / 48 });
    else probe.open = data.open;
  };
  context.createMediaElementSource(video).connect(node).connect(context.destination);
  probe.node = node;
}
"""
_READ = """
async () => {
  const probe = window.benchProbe;
  probe.open = null;
  probe.node.port.postMessage('read');
  while (probe.open === null) await new Promise((done) => setTimeout(done, 10));
  if (probe.open > 240) probe.silences.push({ at: performance.now() - probe.open / 48, ms: probe.open / 48 });
  const { stalls, silences, tracks, moves, completeMs, ended, open } = probe;
  return { stalls: stalls.filter((s) => s.ms > 15), silences, tracks, moves, completeMs, ended, heard: open >= 0 };
}
"""


@dataclass(frozen=True)
class Seen:
    """What the probe saw: lengths of standstills and silences (ms) with their times, and the tracks in turn
    with the times when one took over from the other."""

    stalls: list[dict[str, float]]
    silences: list[dict[str, float]]
    tracks: list[str]
    moves_ms: list[float]
    complete_ms: float | None
    ended: bool
    heard: bool

    def longest_stall_ms(self, since_ms: float) -> float:
        """The longest standstill that was not over by then; 0 without one."""
        return _longest(self.stalls, since_ms)

    def longest_silence_ms(self, since_ms: float) -> float:
        """The longest silence that was not over by then; 0 without one."""
        return _longest(self.silences, since_ms)


def _longest(found: list[dict[str, float]], since_ms: float) -> float:
    return max((one["ms"] for one in found if one["at"] + one["ms"] >= since_ms), default=0.0)


class WatchPage:
    """One open watch page."""

    def __init__(self, page: "Page") -> None:
        self._page = page

    def open(self, url: str) -> float:
        """Go there and play; seconds from the navigation to the first frame."""
        self._page.goto(url, wait_until="commit")
        return float(self._page.evaluate(_FIRST_FRAME)) / 1000

    def seek(self, to_s: float, *, most_s: float = 15.0) -> float:
        """Jump; seconds until the picture moves there, at most `most_s`."""
        return float(self._page.evaluate(_SEEK, [to_s, most_s * 1000])) / 1000

    def start_probe(self) -> None:
        """Begin to measure."""
        self._page.evaluate(_PROBE, _METER)

    def read_probe(self) -> Seen:
        """What was measured so far."""
        seen: dict[str, Any] = self._page.evaluate(_READ)
        return Seen(
            stalls=seen["stalls"],
            silences=seen["silences"],
            tracks=seen["tracks"],
            moves_ms=seen["moves"],
            complete_ms=seen["completeMs"],
            ended=seen["ended"],
            heard=seen["heard"],
        )

    def wait_for_move(self, *, timeout_s: float) -> None:
        """Wait until a better rendition plays; BenchError when the video ends, or the time is over, before."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            seen = self.read_probe()
            if len(seen.tracks) > 1 and seen.complete_ms is not None:
                return
            if seen.ended:
                raise BenchError(f"the video ended before the full ladder played: {seen.tracks}")
            self.play_on(0.5)
        raise BenchError(f"no better rendition played within {timeout_s:g} s")

    def play_on(self, seconds: float) -> None:
        """Let it play."""
        self._page.wait_for_timeout(seconds * 1000)


def chromium() -> str:
    """Where Chromium lies; BenchError where it is missing."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise BenchError("Chromium is needed: install the package chromium")
    return path


@contextlib.contextmanager
def watch_page() -> Iterator[WatchPage]:
    """A fresh browser with one page; closed after it."""
    from playwright.sync_api import Error, sync_playwright

    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            # The page's policy allows no scripts but its own, and the silence meter is one of ours.
            page = browser.new_page(viewport={"width": 1280, "height": 720}, bypass_csp=True)
            yield WatchPage(page)
        except Error as error:
            raise BenchError(f"the browser: {error}") from error
        finally:
            browser.close()
