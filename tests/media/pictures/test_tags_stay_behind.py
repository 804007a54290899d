"""Where a video was taken, by whom and with what, is nobody's business: no tag of a source is in what is made of it."""

import subprocess
from pathlib import Path

import pytest

from tests.fixtures.clips import ClipMaker, clip_arguments
from tests.media.pictures.local_work import Studio
from vidcompute.media.encode import join_command, mp4_output
from vidcompute.media.ffmpeg import file_url, global_args, input_args
from vidcompute.pipeline.stages.poster import Poster

TAGS = {
    "location": "+52.5200+013.4050/",
    "com.apple.quicktime.location.ISO6709": "+52.5200+013.4050+034.000/",
    "make": "CanaryCam",
    "model": "Canary-9",
    "artist": "Ann Canary",
    "comment": "canary at home",
}
CANARIES = (b"Canary", b"canary", b"52.52")


@pytest.fixture
def tagged(clip: ClipMaker) -> Path:
    """A clip as a telephone makes it: the file, and its streams, say where, by whom and with what."""
    tags = [part for name, value in TAGS.items() for part in ("-metadata", f"{name}={value}")]
    tags += [part for name, value in TAGS.items() for part in ("-metadata:s:v:0", f"{name}={value}")]
    arguments, _ = clip_arguments("h264_aac_240p25_2s")
    made = clip("tagged", [*arguments, *tags, "-movflags", "use_metadata_tags"], suffix=".mp4")
    assert left_in(made) == list(CANARIES), "the clip has them"
    return made


def left_in(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [canary for canary in CANARIES if canary in data]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_tracks_have_no_tags_of_their_source(ffmpeg: str, tagged: Path, tmp_path: Path) -> None:
    target = tmp_path / "track.mp4"
    how = ["-map", "0:v:0", "-c", "copy", *mp4_output(file_url(target))]
    run([ffmpeg, *global_args(), *input_args(tagged), *how])
    assert target.stat().st_size > 1000
    assert left_in(target) == []


def test_downloads_have_no_tags_of_their_source(ffmpeg: str, tagged: Path, tmp_path: Path) -> None:
    target = tmp_path / "video.mp4"
    run(join_command(Path(ffmpeg), [tagged], target))
    assert target.stat().st_size > 1000
    assert left_in(target) == []


def test_pictures_have_no_tags_of_their_source(studio: Studio, tagged: Path) -> None:
    _, work = studio.run(Poster(), tagged)
    poster = work.output / "poster.jpg"
    assert left_in(poster) == []
    assert b"Exif" not in poster.read_bytes()
