"""A jump into the middle of a source: where reading begins, what is left out on the way, and what comes out."""

import io
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.numbered import numbers, picture, tone
from tests.fixtures.clips import ClipMaker
from tests.media.pictures.local_work import LocalWork
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import timeline
from vidcompute.media.audio import audio_input
from vidcompute.media.decode import unreferenced
from vidcompute.media.encode import VideoCut, command, cut, video_input
from vidcompute.media.facts import SourceFacts
from vidcompute.media.probe import probe
from vidcompute.pipeline.recipes.layout import Layout, layout
from vidcompute.pipeline.spec import MediaSpec, Rendition
from vidcompute.pipeline.stages.first_play import FirstPlay

SECONDS = "14"
# Two of four frames are such that no other depends on them, and key frames stand 5 s apart.
REORDERED = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-b-pyramid", "normal", "-b_strategy", "0"]
LONG = [*REORDERED, "-g", "150", "-keyint_min", "150", "-sc_threshold", "0"]
DENSE = [*REORDERED, "-bf", "1", "-g", "3", "-keyint_min", "3", "-sc_threshold", "0"]
# What is called a key frame is whole only many frames later.
REFRESH = ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", "intra-refresh=1:keyint=50:scenecut=0"]
SOURCES = {
    "mkv-opus": (LONG, ["-c:a", "libopus"], ".mkv"),
    "mp4-aac": (LONG, ["-c:a", "aac"], ".mp4"),
    "mov-pcm": (LONG, ["-c:a", "pcm_s16le"], ".mov"),
    "mkv-dense": (DENSE, ["-c:a", "libopus"], ".mkv"),
    "mkv-plain": ([*DENSE, "-bf", "0"], ["-c:a", "libopus"], ".mkv"),
    "mkv-refresh": ([*REFRESH], ["-an"], ".mkv"),
    "mp4-refresh": ([*REFRESH], ["-an"], ".mp4"),
    "mkv-hevc": (["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0"], ["-an"], ".mkv"),
}
ENCODED = MediaSpec(renditions=(Rendition(height=180, quality=23),))  # a rate of its own is never copied
JUMPS = (1, 2, 3)  # the segments from 2, 6 and 10 s on
every_source = pytest.mark.parametrize("name", list(SOURCES))
long_gops = pytest.mark.parametrize("name", ["mkv-opus", "mp4-aac", "mov-pcm"])
matroska = pytest.mark.parametrize("name", ["mkv-opus", "mkv-dense", "mkv-plain", "mkv-hevc"])


class _Work(LocalWork):
    program: Path

    @property
    def ffmpeg(self) -> Path:
        return self.program


@pytest.fixture
def source(clip: ClipMaker, name: str) -> Path:
    video, audio, suffix = SOURCES[name]
    return clip(f"jump-{name}", [*picture(seconds=SECONDS), *tone(SECONDS), *video, *audio], suffix=suffix)


def _stretch(facts: SourceFacts, plan: Layout, first: int) -> VideoCut:
    assert facts.video is not None
    assert plan.timeline is not None
    return cut(
        plan.timeline, facts.video, facts.container, timeline.stretch(plan.timeline, facts.video, first, first + 1)
    )


def _lines(ffmpeg: str, *arguments: list[str]) -> list[list[str]]:
    """What ffmpeg's framecrc format says of each packet: stream, decoding time, time, duration, size, checksum."""
    done = subprocess.run(
        [*command(Path(ffmpeg), *arguments), "-f", "framecrc", "-"], check=True, capture_output=True, timeout=60
    )
    rows = [line.split(",") for line in done.stdout.decode().splitlines() if not line.startswith("#")]
    return [[value.strip() for value in row] for row in rows]


@matroska
def test_reading_begins_at_the_key_frame_or_a_little_before(ffmpeg: str, source: Path, name: str) -> None:
    facts = probe(source)
    assert facts.video is not None
    keys = [key.pts for key in facts.video.keyframes]
    for first in JUMPS:
        part = _stretch(facts, layout(facts, ENCODED), first)
        copied = ["-map", "0:0", "-c", "copy", "-frames:v", "1"]
        ((_, _, pts, *_),) = _lines(ffmpeg, video_input(part, source, decode=False), copied)
        least = part.seek_pts if name != "mkv-dense" else part.seek_pts - 250  # milliseconds
        assert least <= int(pts) <= part.seek_pts
        assert int(pts) in keys


@matroska
def test_a_next_key_frame_is_known_but_for_the_last(source: Path, name: str) -> None:
    facts = probe(source)
    assert facts.video is not None
    keys = [key.pts for key in facts.video.keyframes]
    following = dict(pairwise(keys))
    assert (len(keys) > 100) == (name in {"mkv-dense", "mkv-plain"})
    for first in JUMPS:
        part = _stretch(facts, layout(facts, ENCODED), first)
        assert part.next_key_pts == following.get(part.seek_pts)


@pytest.mark.parametrize("name", ["mkv-opus"])
def test_sound_is_read_from_a_little_before_its_place(ffmpeg: str, source: Path, name: str) -> None:
    (part,) = layout(probe(source), ENCODED).audio
    frame = part.first_frame(3)
    copied = ["-map", f"0:{part.stream}", "-c", "copy", "-frames:a", "1"]
    ((_, _, pts, *_),) = _lines(ffmpeg, audio_input(part, source, first_frame=frame), copied)
    wanted_ms = frame * 1024 * 1000 // part.sample_rate
    assert wanted_ms - 400 < int(pts) < wanted_ms - 200


@long_gops
def test_frames_are_the_same_without_what_is_left_out(ffmpeg: str, source: Path, name: str) -> None:
    facts = probe(source)
    assert facts.video is not None
    for first in (0, 2):  # from the beginning, and by a seek
        part = _stretch(facts, layout(facts, ENCODED), first)
        start = part.start_pts + round(3 / facts.video.time_base)  # amid the GOP
        free = unreferenced(source, facts.container, part.stream, part.seek_pts, start)
        passed = (start - part.seek_pts) * facts.video.time_base * 30
        assert 0.4 * (passed - 20) < len(free) < 0.6 * passed
        assert free == sorted(free)
        shown = ["-vf", f"trim=start_pts={start}", "-map", "0:0", "-fps_mode", "passthrough", "-enc_time_base", "demux"]
        whole = _lines(ffmpeg, video_input(part, source), shown)
        spared = _lines(ffmpeg, video_input(part, source, left_out=free), shown)
        assert len(whole) > 120
        assert spared == whole


@pytest.mark.parametrize("name", ["mkv-hevc"])
def test_nothing_is_left_out_where_it_cannot_be_told(source: Path, name: str) -> None:
    part = _stretch(probe(source), layout(probe(source), ENCODED), 3)
    assert unreferenced(source, "matroska", part.stream, part.seek_pts, part.start_pts) == []
    assert unreferenced(source, "matroska", 7, part.seek_pts, part.start_pts) == []
    assert unreferenced(source.with_name("none.mkv"), "matroska", 0, part.seek_pts, part.start_pts) == []


@every_source
def test_a_jump_gives_the_right_frames(ffmpeg: str, source: Path, tmp_path: Path, name: str) -> None:
    facts = probe(source)
    plan = layout(facts, ENCODED)
    assert plan.fast is not None
    for first in JUMPS:
        work = _Work(source, tmp_path / str(first), {"unused": True})
        work.program = Path(ffmpeg)
        FirstPlay(
            _stretch(facts, plan, first), plan.fast, plan.copied is not None, plan.audio, first, first + 1, 1.25
        ).run(work)
        folder = work.output / plan.fast.name
        made = (folder / "init.mp4").read_bytes() + (folder / f"{first}.m4s").read_bytes()
        assert numbers(io.BytesIO(made)) == list(range(60 + 120 * (first - 1), 60 + 120 * first))
        assert all((work.output / part.track / f"{first}.m4s").exists() for part in plan.audio)


@pytest.mark.parametrize("name", ["mkv-opus"])
def test_a_source_that_is_gone_is_said_to_be(ffmpeg: str, source: Path, tmp_path: Path, name: str) -> None:
    facts = probe(source)
    plan = layout(facts, ENCODED)
    work = _Work(source.with_name("gone.mkv"), tmp_path / "work", {"unused": True})
    work.program = Path(ffmpeg)
    with pytest.raises(VidComputeError) as raised:
        FirstPlay(_stretch(facts, plan, 2), plan.fast, False, plan.audio, 2, 3, 1.25).run(work)
    assert (raised.value.kind, raised.value.code) == (Kind.NOT_FOUND, "segment_not_found")
