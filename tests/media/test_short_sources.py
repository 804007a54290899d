"""A short source is read once for all of its tracks, which come out as they do one by one."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.numbered import picture, tone
from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork
from vidcompute.errors import VidComputeError
from vidcompute.media.audio import AudioCut
from vidcompute.media.probe import probe
from vidcompute.pipeline.plan import SOURCE, PlanNode
from vidcompute.pipeline.recipes.encoding import Capacity
from vidcompute.pipeline.recipes.standard import plan
from vidcompute.pipeline.spec import MediaSpec
from vidcompute.pipeline.stage import Cost
from vidcompute.pipeline.stages.audio import EncodeAudio
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.pipeline.stages.remux import Remux
from vidcompute.runner.decode import decode
from vidcompute.services import usage

PROBE = PlanNode("probe", "probe", 1, {}, {"source": (SOURCE,)}, Cost(0.1, 0.1))


@dataclass
class Place(LocalWork):
    """A place for a stage that starts ffmpeg."""

    program: Path = Path()

    @property
    def ffmpeg(self) -> Path:
        return self.program


X264 = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "1M", "-g", "60"]
SOURCES = {
    "copied-aac": ("1280x720", "5", [*X264, "-c:a", "aac", "-b:a", "96k"], ".mp4"),
    "copied-pcm": ("854x480", "3", [*X264, "-c:a", "pcm_s16le"], ".mov"),
    "copied-silent": ("1280x720", "2", [*X264, "-an"], ".mp4"),
    "encoded-ac3": ("640x360", "3", ["-c:v", "mpeg2video", "-q:v", "4", "-c:a", "ac3"], ".mkv"),
}


@pytest.fixture
def source(clip: ClipMaker, name: str) -> Path:
    size, seconds, coding, suffix = SOURCES[name]
    return clip(f"short-{name}", [*picture(size, seconds=seconds), *tone(seconds), *coding], suffix=suffix)


def planned(source: Path) -> Encode:
    """The one node that makes its tracks."""
    made = plan(probe(source), MediaSpec(), Capacity(2), PROBE)
    assert [node.id for node in made.nodes if node.stage in {"encode", "audio", "remux"}] == ["encode/0"]
    return decode(Encode, made.node("encode/0").options)


def files(work: LocalWork) -> dict[str, bytes]:
    """What lies in the output, by its path."""
    found = (path for path in work.output.rglob("*") if path.is_file())
    return {path.relative_to(work.output).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("name", "copied", "sound"),
    [
        ("copied-aac", "h264-720", True),
        ("copied-pcm", "h264-480", False),
        ("copied-silent", "h264-720", None),
        ("encoded-ac3", "", False),
    ],
)
def test_tracks_that_are_made_at_once_are_those_that_are_made_apart(
    ffmpeg: str, source: Path, tmp_path: Path, copied: str, sound: bool | None
) -> None:
    stage = planned(source)
    assert stage.copied == copied
    assert [cut.copy for cut in stage.sounds] == ([] if sound is None else [sound])
    at_once, apart = (Place(source, tmp_path / name, program=Path(ffmpeg)) for name in ("at_once", "apart"))
    facts = stage.run(at_once)
    assert at_once.lines == []
    parts = [replace(stage, copied="", sounds=(), one_thread=False, threads=1).run(apart)]
    parts += [Remux(copied, stage.cut).run(apart)] if copied else []
    parts += [EncodeAudio(cut).run(apart) for cut in stage.sounds]
    assert facts["tracks"] == {track: told for part in parts for track, told in part["tracks"].items()}
    assert files(at_once) == files(apart)
    assert usage.encoded_ms(facts) == usage.encoded_ms(parts[0])


def longer(cut: AudioCut) -> AudioCut:
    """What a container promises that has less of it."""
    return replace(cut, boundaries=(*cut.boundaries[:-1], cut.boundaries[-1] + cut.sample_rate))


@pytest.mark.parametrize("name", ["copied-aac"])
def test_where_one_of_them_fails_each_is_made_by_itself(ffmpeg: str, source: Path, tmp_path: Path) -> None:
    stage = planned(source)
    work, right = (Place(source, tmp_path / name, program=Path(ffmpeg)) for name in ("work", "right"))
    facts = replace(stage, sounds=tuple(map(longer, stage.sounds))).run(work)
    assert ["one after the other" in line for line in work.lines] == [True, False]
    assert "encoded instead of copied" in work.lines[1]
    good = stage.run(right)
    pictures = ["h264-720", "h264-480"]
    assert [facts["tracks"][track] for track in pictures] == [good["tracks"][track] for track in pictures]
    assert facts["tracks"]["audio-0"] != good["tracks"]["audio-0"]
    assert len(facts["tracks"]["audio-0"]["segments"]) == len(stage.sounds[0].boundaries) - 1
    assert facts["beside"] == ["h264-720", "audio-0"]


@pytest.mark.parametrize("name", ["copied-aac"])
def test_what_can_not_be_made_at_all_fails_as_it_does_by_itself(ffmpeg: str, source: Path, tmp_path: Path) -> None:
    stage = planned(source)
    missing = replace(stage.sounds[0], stream=7)
    with pytest.raises(VidComputeError) as apart:
        EncodeAudio(missing).run(Place(source, tmp_path / "apart", program=Path(ffmpeg)))
    with pytest.raises(VidComputeError) as at_once:
        replace(stage, sounds=(missing,)).run(Place(source, tmp_path / "at_once", program=Path(ffmpeg)))
    assert (at_once.value.code, at_once.value.detail) == (apart.value.code, apart.value.detail)


@pytest.mark.parametrize("name", ["copied-aac"])
def test_decoder_filters_and_encoders_of_a_short_source_have_one_thread(ffmpeg: str, source: Path) -> None:
    stage = planned(source)
    [line] = stage.commands(Path(ffmpeg), source)
    assert line[line.index("-filter_complex_threads") + 1] == "1"
    threads = [line[n + 1] for n, argument in enumerate(line) if argument == "-threads"]
    assert threads == ["1", "1"]  # of the decoder and of the one encoder
    [line] = replace(stage, one_thread=False, threads=4).commands(Path(ffmpeg), source)
    assert [line[n + 1] for n, argument in enumerate(line) if argument == "-threads"] == ["4"]
    assert "-filter_complex_threads" not in line
    assert stage.needs().cpu * 3 <= 2
