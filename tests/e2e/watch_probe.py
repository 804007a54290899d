"""What a test measures in the watch page: standstills of the picture, silence in the sound, the states it shows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Samples the media clock 50 times a second. A standstill is time in which it moved at less than a quarter of its speed:
# a late timer alone does not count, for then both clocks have moved on.
_START = """
async (meter) => {
  const video = document.querySelector('video');
  const probe = { longestStandstillMs: 0, waits: 0, tracks: [], rewinds: 0 };
  window.watchProbe = probe;
  let run = 0, last = { wall: performance.now(), media: video.currentTime };
  video.addEventListener('waiting', () => { probe.waits += 1; });
  new MutationObserver(() => {
    const track = document.documentElement.dataset.level;
    if (track && probe.tracks.at(-1) !== track) probe.tracks.push(track);
  }).observe(document.documentElement, { attributes: true, attributeFilter: ['data-level'] });
  setInterval(() => {
    const now = { wall: performance.now(), media: video.currentTime };
    const moved = (now.media - last.media) * 1000, passed = now.wall - last.wall;
    if (moved < 0) probe.rewinds += 1;
    run = video.paused || video.ended || moved > passed / 4 ? 0 : run + passed;
    probe.longestStandstillMs = Math.max(probe.longestStandstillMs, run);
    last = now;
  }, 20);
  if (!meter) return;
  const context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule(meter);
  const node = new AudioWorkletNode(context, 'silence-meter');
  context.createMediaElementSource(video).connect(node).connect(context.destination);
  probe.node = node;
}
"""
_READ = """
async () => {
  const { longestStandstillMs, waits, tracks, rewinds, node } = window.watchProbe;
  const silence = node
    ? await new Promise((done) => { node.port.onmessage = (event) => done(event.data); node.port.postMessage('read'); })
    : 0;
  return { longestStandstillMs, waits, tracks: [...tracks], rewinds, longestSilenceMs: silence / 48 };
}
"""

_TEXTS = """
() => [...document.querySelector('video').textTracks]
  .filter((track) => track.mode === 'showing')
  .flatMap((track) => [...(track.activeCues ?? [])].map((cue) => `${track.language}: ${cue.text}`))
"""


@dataclass(frozen=True)
class Measured:
    """What the probe saw since it was started."""

    longest_standstill_ms: float
    longest_silence_ms: float
    waits: int
    rewinds: int
    tracks: list[str]


def start_probe(page: "Page", meter_url: str | None = None) -> None:
    """Starts measuring; with the address of the silence meter, the sound as well."""
    page.evaluate(_START, meter_url)


def read_probe(page: "Page") -> Measured:
    """What was measured so far."""
    seen: dict[str, Any] = page.evaluate(_READ)
    return Measured(
        longest_standstill_ms=seen["longestStandstillMs"],
        longest_silence_ms=seen["longestSilenceMs"],
        waits=seen["waits"],
        rewinds=seen["rewinds"],
        tracks=seen["tracks"],
    )


def texts_on_screen(page: "Page") -> list[str]:
    """What is on screen of captions and subtitles, as the browser has it: the language, and the text as it was sent."""
    shown: list[str] = page.evaluate(_TEXTS)
    return shown


def wait_for_data(page: "Page", name: str, value: str, *, timeout_s: float = 30.0) -> None:
    """Waits until the page says `data-{name}="{value}"` on its root."""
    page.locator(f"html[data-{name}='{value}']").wait_for(state="attached", timeout=timeout_s * 1000)


def wait_for_time(page: "Page", seconds: float, *, timeout_s: float = 60.0) -> None:
    """Waits until playback has come to this time."""
    page.wait_for_function(
        "(at) => document.querySelector('video').currentTime >= at", arg=seconds, timeout=timeout_s * 1000
    )
