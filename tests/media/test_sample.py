"""The sample video: what it is said to be, and a source that can be repackaged."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from vidcompute.media import remux, sample
from vidcompute.media.decode import VideoReader
from vidcompute.media.facts import SourceFacts
from vidcompute.media.probe import probe
from vidcompute.media.scenes import cuts, reduced


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
