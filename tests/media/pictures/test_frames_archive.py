"""The `frames` stage around the frames: names, sizes, formats, what is refused, and the archive while it grows."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork, Studio
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.spec import Frames as FramesOutput
from vidcompute.pipeline.stage import Stage, options_of
from vidcompute.pipeline.stages.frames import Frames
from vidcompute.pipeline.stages.poster import Poster
from vidcompute.pipeline.stages.preview import Preview
from vidcompute.pipeline.stages.storyboard import Storyboard
from vidcompute.pipeline.stages.thumbnail import Thumbnail


@pytest.fixture(scope="module")
def source(clip: ClipMaker) -> Path:
    return clip("h264_aac_180p25_3s")


def _pictures(work: LocalWork) -> dict[str, Image.Image]:
    with zipfile.ZipFile(work.output / "frames.zip") as opened:
        names = [name for name in opened.namelist() if name != "frames.json"]
        return {name: Image.open(io.BytesIO(opened.read(name))) for name in names}


def test_options_are_those_of_the_output() -> None:
    wanted = FramesOutput(pick="times", times=(1.5,), width=64).model_dump(mode="json", exclude={"type"})
    stage = Frames(**wanted)
    assert isinstance(stage, Stage)
    assert {name: options_of(stage)[name] for name in wanted} == wanted


@pytest.mark.parametrize(("image_format", "kind"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")])
def test_each_format(source: Path, studio: Studio, image_format: str, kind: str) -> None:
    facts, work = studio.run(Frames(rate=1, format=image_format), source)
    pictures = _pictures(work)
    assert [p.format for p in pictures.values()] == [kind] * 3
    assert [p.size for p in pictures.values()] == [(320, 180)] * 3
    assert facts["size_bytes"] == (work.output / "frames.zip").stat().st_size
    assert facts["files"] == ["frames.zip", "frames.json"]


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (160, None, (160, 90)),
        (None, 60, (107, 60)),
        (100, 100, (100, 56)),
        (640, None, (320, 180)),
        (None, None, (320, 180)),
    ],
)
def test_sizes_keep_the_shape_and_nothing_is_enlarged(
    source: Path, studio: Studio, width: int | None, height: int | None, size: tuple[int, int]
) -> None:
    facts, work = studio.run(Frames(rate=0.5, width=width, height=height), source)
    assert {picture.size for picture in _pictures(work).values()} == {size}
    assert (facts["width"], facts["height"]) == size


def test_lower_quality_gives_smaller_files(source: Path, studio: Studio) -> None:
    sizes = [studio.run(Frames(rate=1, quality=quality), source)[0]["size_bytes"] for quality in (95, 85, 40)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[2]


def test_the_list_tells_of_the_source(source: Path, studio: Studio) -> None:
    _, work = studio.run(Frames(rate=1), source)
    listed = json.loads((work.output / "frames.json").read_text())
    assert listed["source"]["frame_count"] == 75
    assert listed["source"]["frame_rate"] == "25"
    assert (listed["format"], listed["width"], listed["height"]) == ("jpeg", 320, 180)
    assert [(f["index"], f["time_ms"]) for f in listed["frames"]] == [(0, 0), (25, 1000), (50, 2000)]


def test_what_is_written_stays_as_it_is(source: Path, studio: Studio) -> None:
    class Follower(LocalWork):
        """Reads the archive at every report of progress, as one who downloads it while it is made."""

        def progress(self, fraction: float, **_: object) -> None:
            seen.append((self.output / "frames.zip").read_bytes())

    seen: list[bytes] = []
    work = Follower(source, studio.work(source).root / "follower")
    Frames(pick="every", every=5).run(work)
    whole = (work.output / "frames.zip").read_bytes()
    assert len(seen) == 15
    assert all(whole.startswith(part) for part in seen)
    assert [part.count(b"PK\x03\x04frame-") or part.count(b"PK\x03\x04") for part in seen] == list(range(1, 16))


@pytest.mark.parametrize(
    "stage", [Frames(start=50.0), Frames(pick="times", times=(99.0,)), Frames(pick="all", start=3.5, end=4.0)]
)
def test_a_range_without_frames_is_refused(source: Path, studio: Studio, stage: Frames) -> None:
    with pytest.raises(VidComputeError) as caught:
        studio.run(stage, source)
    assert (caught.value.kind, caught.value.code) == (Kind.REFUSED, "frames_none")


def test_sound_alone_has_no_frames(clip: ClipMaker, studio: Studio) -> None:
    with pytest.raises(VidComputeError) as caught:
        studio.run(Frames(), clip("none_aac_1s"))
    assert caught.value.code == "no_video"


def test_scene_starts_are_picked(clip: ClipMaker, studio: Studio) -> None:
    graph = "testsrc2=s=320x180:d=1[a];smptebars=s=320x180:d=1[b];mandelbrot=s=320x180:r=25,trim=duration=1[c]"
    source = clip("three-scenes", ["-filter_complex", f"{graph};[a][b][c]concat=n=3", "-pix_fmt", "yuv420p"])
    _, work = studio.run(Frames(pick="scenes"), source)
    listed = json.loads((work.output / "frames.json").read_text())
    assert [frame["time_ms"] for frame in listed["frames"]] == [0, 1000, 2000]


def test_a_damaged_stretch_costs_no_more_than_its_frames(source: Path, studio: Studio, tmp_path: Path) -> None:
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(3).bytes(3000)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    facts, work = studio.run(Frames(pick="all"), broken)
    assert facts["count"] == 75
    assert all(picture.size == (320, 180) for picture in _pictures(work).values())


def test_pictures_that_are_all_destroyed_are_an_error(source: Path, studio: Studio, tmp_path: Path) -> None:
    work = studio.work(source)
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4 if data.index(b"moov") > start else len(data)
    data[start:end] = bytes(end - start)
    work.source = tmp_path / "zeros.mp4"
    work.source.write_bytes(data)
    with pytest.raises(VidComputeError) as caught:
        Frames().run(work)
    assert (caught.value.kind, caught.value.code) == (Kind.REFUSED, "frame_unreadable")


@pytest.mark.parametrize("stage", [Storyboard(), Preview(), Poster(), Thumbnail(2.5), Frames(rate=2)])
def test_a_file_cut_off_in_the_middle_gives_what_is_there(
    stage: Stage, clip: ClipMaker, studio: Studio, tmp_path: Path
) -> None:
    whole = clip("index-first", ["-i", str(clip("h264_aac_180p25_5s")), "-c", "copy", "-movflags", "+faststart"])
    work = studio.work(whole)
    work.source = tmp_path / "half.mp4"
    work.source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    facts = stage.run(work)
    assert all((work.output / name).stat().st_size > 0 for name in facts["files"])
