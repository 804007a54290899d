"""The sample video: what it is said to be, and a source that can be repackaged."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidcompute.media import remux, sample
from vidcompute.media.decode import VideoReader
from vidcompute.media.facts import SourceFacts
from vidcompute.media.probe import probe
from vidcompute.media.scenes import cuts, reduced

_CLOCK = "crop=100:36:2:2"  # where testsrc2 writes the time and the frame's number
_SHOWN = "crop=400:144:48:48"  # where the sample has it, four times as large
_BELOW = "crop=1920:800:0:280"
_SIZE = (100, 36)
_LOOKED_AT = f"select='lt(mod(n,{sample.RATE}),2)'"  # the first two pictures of every second
_HEARD_HZ = 8000


@pytest.fixture(scope="module")
def made(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.mp4"
    subprocess.run(sample.command(Path(ffmpeg), path), check=True, capture_output=True, timeout=150)
    return path


def test_it_is_what_make_run_promises(made: Path) -> None:
    facts: SourceFacts = probe(made)
    video, (sound,) = facts.video, facts.audio
    assert video is not None
    assert (video.width, video.height, video.frame_count) == (1920, 1080, sample.FRAMES)
    assert video.frame_rate == Fraction(30)
    assert (sound.codec, sound.sample_rate, sound.channels) == ("aac", 48_000, 2)
    assert abs(sound.duration - sample.DURATION_S) < 0.05
    assert remux.refusal(video) is None
    with VideoReader(made, facts, light=True) as reader:
        pictures = reader.decode(reader.index().runs(reader.index().shown))
        found = [round(reader.time_ms(pts) / 1000) for pts in cuts(reduced(pictures), video.frame_rate)]
    assert found == [sample.SCENE_S * n for n in range(1, sample.DURATION_S // sample.SCENE_S)]


def test_a_clock_on_it_tells_the_time_of_each_picture(made: Path, ffmpeg: str) -> None:
    told = _pictures(ffmpeg, ["-i", str(made)], _SHOWN)
    source = f"testsrc2=size=128x72:rate={sample.RATE}:duration={sample.DURATION_S}"
    clock = _pictures(ffmpeg, ["-f", "lavfi", "-i", source], _CLOCK)
    assert len(told) == len(clock) == 2 * sample.DURATION_S
    likest = [int(np.abs(clock - picture).mean(axis=1).argmin()) for picture in told]
    assert likest == list(range(len(told)))


def test_its_pictures_move_and_each_scene_has_another_tone(made: Path, ffmpeg: str) -> None:
    pictures = _pictures(ffmpeg, ["-i", str(made)], _BELOW)
    a_second_apart = np.abs(np.diff(pictures[::2], axis=0)).mean(axis=1)
    assert a_second_apart.min() > 1

    heard = np.frombuffer(
        _decoded(ffmpeg, ["-i", str(made), "-ac", "1", "-ar", str(_HEARD_HZ), "-f", "s16le"]), np.int16
    ).astype(np.float64)
    seconds = heard[: sample.DURATION_S * _HEARD_HZ].reshape(sample.DURATION_S, _HEARD_HZ)
    assert np.sqrt((seconds**2).mean(axis=1)).min() > 500  # of 32768
    middles = seconds[sample.SCENE_S // 2 :: sample.SCENE_S, _HEARD_HZ // 2 :]  # behind the second's beep
    tones = np.abs(np.fft.rfft(middles, axis=1)).argmax(axis=1)
    assert len(set(tones)) == sample.DURATION_S // sample.SCENE_S


def _pictures(ffmpeg: str, source: list[str], part: str) -> Any:
    """Luma of a part of the pictures that are looked at, brought to one size: a row each."""
    width, height = _SIZE
    filters = f"{_LOOKED_AT},{part},scale={width}:{height}:flags=area,format=gray"
    raw = _decoded(ffmpeg, [*source, "-vf", filters, "-fps_mode", "passthrough", "-f", "rawvideo"])
    return np.frombuffer(raw, np.uint8).reshape(-1, width * height).astype(np.int16)


def _decoded(ffmpeg: str, arguments: list[str]) -> bytes:
    quiet = ["-hide_banner", "-nostdin", "-loglevel", "error"]
    return subprocess.run([ffmpeg, *quiet, *arguments, "-"], check=True, capture_output=True, timeout=120).stdout
