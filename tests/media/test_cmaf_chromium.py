"""Chromium shows our segments from their very time on, in both forms of composition offsets."""

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest

from vidcompute.media.cmaf import CutStream, InitSegment, Segment, SegmentCutter, SegmentPlan

if TYPE_CHECKING:
    from playwright.sync_api import Page

STEP, TIMESCALE = 512, 15360
APPEND = """async ([parts, mime]) => {
  const video = document.createElement('video');
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((opened) => { source.onsourceopen = opened; });
  const buffer = source.addSourceBuffer(mime);
  for (const part of parts) {
    buffer.appendBuffer(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)));
    await new Promise((done) => { buffer.onupdateend = done; });
  }
  const ranges = [];
  for (let i = 0; i < buffer.buffered.length; i += 1) {
    ranges.push([buffer.buffered.start(i), buffer.buffered.end(i)]);
  }
  return ranges;
}"""


@pytest.fixture(scope="module")
def encoded(ffmpeg: str) -> bytes:
    command = [
        ffmpeg, "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=128x72:rate=30:duration=4",
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "60", "-video_track_timescale", str(TIMESCALE),
        "-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "pipe:1",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("delay", [0, 2 * STEP])
@pytest.mark.parametrize(("first", "wanted"), [(0, (0.0, 4.0)), (1, (2.0, 4.0))])
def test_chromium_buffers_exact_times(
    page: "Page", encoded: bytes, delay: int, first: int, wanted: tuple[float, float]
) -> None:
    cutter = SegmentCutter(TIMESCALE, [SegmentPlan(60), SegmentPlan(60)], frame_duration=STEP, composition_delay=delay)
    stream = CutStream(cutter)
    made = [*stream.feed(encoded), *stream.finish()]
    init = next(item for item in made if isinstance(item, InitSegment))
    segments = [item.data for item in made if isinstance(item, Segment)][first:]
    parts = [base64.b64encode(data).decode() for data in (init.to_bytes(delay), *segments)]
    ranges = page.evaluate(APPEND, [parts, f'video/mp4; codecs="{init.codec_string}"'])
    assert len(ranges) == 1
    assert ranges[0] == pytest.approx(wanted, abs=0.00001)
