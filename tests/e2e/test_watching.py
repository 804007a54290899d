"""The watch page in a real browser on the really running platform: right picture and sound while the job still runs."""

import random
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.driving import Driver, busy, running
from tests.e2e.numbered import dubbed, picture, tone
from tests.e2e.watch_probe import read_probe, start_probe, wait_for_data, wait_for_time
from tests.fixtures.clips import ClipMaker

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECONDS = 60
JUMPS = 4
LATEST_S = SECONDS - 4
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "250"]
SOURCES = {
    "copied-aac": (["-c:a", "aac"], ".mp4"),
    "pcm": (["-c:a", "pcm_s16le"], ".mov"),
    "opus": (["-c:a", "libopus"], ".mkv"),
}
FRAMES_OFF = 2  # the picture that is drawn may be one of those beside the one that was told of
SOUND_OFF_S = 0.5  # about as exactly as a tone's pitch tells its time while it plays
# Jumps there, and returns the first frame that is shown: its time and the number that its bars say (see numbered.py).
_JUMP = """
(to) => new Promise((done) => {
  const video = document.querySelector('video'), canvas = document.createElement('canvas');
  const look = (_now, { mediaTime }) => {
    if (video.seeking || mediaTime < to - 0.1) return void video.requestVideoFrameCallback(look);
    const { width, height } = Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const levels = Array.from({ length: 12 }, (_, n) =>
      context.getImageData(Math.round(((n + 0.5) * width) / 12), Math.round(height / 8), 1, 1).data[1]);
    const middle = (levels[0] + levels[11]) / 2;
    const number = levels.slice(1, 11).reduce((sum, level, bit) => sum + (level > middle ? 2 ** bit : 0), 0);
    done({ mediaTime, number, contrast: levels[0] - levels[11] });
  };
  video.requestVideoFrameCallback(look);
  video.currentTime = to;
  void video.play();
})
"""
# Waits until a clear tone plays, and returns the time that its pitch says and the time of the picture.
_LISTEN = """
async () => {
  const video = document.querySelector('video');
  if (!window.listening) {
    const context = new AudioContext({ sampleRate: 48000 });
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    await context.resume();
    context.createMediaElementSource(video).connect(analyser).connect(context.destination);
    window.listening = { analyser, began: video.currentTime };
  }
  const { analyser } = window.listening, from = video.currentTime;
  const levels = new Float32Array(analyser.frequencyBinCount);
  for (;;) {
    await new Promise((done) => setTimeout(done, 20));
    const shown = video.currentTime;
    if (shown < from + 0.6) continue;
    analyser.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels)), loud = levels[loudest];
    // A busy machine may leave a hole in the sound; a tone that is clear comes soon all the same.
    if (loud > -40 || shown > from + 3) return { heard: ((loudest * 48000) / 8192 - 150) / 60, shown, loud };
  }
}
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver]:
    with running(tmp_path_factory.mktemp("watching") / "data", VIDCOMPUTE_CPU_COUNT="1") as made:
        yield made


@pytest.mark.alone
@pytest.mark.parametrize("name", list(SOURCES))
def test_jumps_past_the_frontier_show_and_sound_what_belongs_there(
    driver: Driver, clip: ClipMaker, page: "Page", name: str
) -> None:
    audio, suffix = SOURCES[name]
    film = clip("numbered-long", [*picture(seconds=str(SECONDS)), *X264])
    source = clip(f"numbered-long-{name}", dubbed(film, tone(str(SECONDS)), audio), suffix=suffix)
    places = random.Random(name)
    with busy(driver, clip):
        job = driver.submit(source, outputs=["hls"], renditions=[{"height": 180}, {"height": 144}], title=name)
        page.goto(f"{job['urls']['watch']}?autoplay=1")
        wait_for_data(page, "state", "playing")
        for _ in range(JUMPS):
            to_s = places.uniform(8, LATEST_S)
            seen: dict[str, Any] = page.evaluate(_JUMP, to_s)
            assert seen["contrast"] > 60
            off = seen["number"] - round(seen["mediaTime"] * 30)
            assert min(off % 1024, -off % 1024) <= FRAMES_OFF, seen
            sound: dict[str, Any] = page.evaluate(_LISTEN)
            assert sound["loud"] > -40
            assert abs(sound["heard"] - sound["shown"]) < SOUND_OFF_S, sound
        stages = {stage["name"]: stage["status"] for stage in driver.job(job["id"])["stages"]}
        assert stages["package"] == "waiting"  # all of it was made for the viewer
    driver.http.delete(f"/api/v1/jobs/{job['id']}").raise_for_status()


def test_the_page_moves_up_to_the_ladder_that_was_made_meanwhile(driver: Driver, clip: ClipMaker, page: "Page") -> None:
    source = clip("numbered-high", [*picture("1280x720", seconds="24"), *tone("24"), *X264, "-c:a", "aac"])
    job = driver.submit(source, outputs=["hls"])
    page.goto(f"{job['urls']['watch']}?autoplay=1")
    wait_for_data(page, "level", "h264-480")
    wait_for_time(page, 1)
    start_probe(page)
    page.evaluate("document.querySelector('video').pause()")  # else a slow machine comes to the end before the ladder
    driver.done(job["id"])
    wait_for_data(page, "waiting", "0")
    page.evaluate("document.querySelector('video').play()")
    wait_for_data(page, "level", "h264-720")
    wait_for_time(page, 12)
    measured = read_probe(page)
    assert measured.tracks[-1] == "h264-720"
    assert measured.rewinds == 0
