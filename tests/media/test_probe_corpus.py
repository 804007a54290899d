"""The probe over the whole corpus: every file ends with the right facts or a stable code, quickly."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.media.corpus import CASES, Case, make
from tests.media.corpus_all import load
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import facts as facts_module
from vidcompute.media.facts import SourceFacts, VideoFacts
from vidcompute.media.probe import probe

load()
READY = [case for case in CASES.values() if not case.codes]
BAD = [case for case in CASES.values() if case.codes]
EXACT = [case for case in READY if case.exact]
# Raw streams have no timestamps, and AVI's are made up by the demuxer: there the number of frames is all to compare.
NO_TIMES = frozenset(("raw-h264", "raw-hevc", "avi-b-frames-without-pts"))


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    """Where the corpus is kept between runs."""
    return pytestconfig.rootpath / ".cache" / "corpus"


def _file(case: Case, folder: Path, tmp_path: Path) -> Path:
    """The case's file under the name that a user gave it."""
    named = tmp_path / case.file_name.replace("/", "%2F")
    shutil.copyfile(make(case, folder, get_ffmpeg_exe()), named)
    return named


def _named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def test_the_corpus_is_large_enough() -> None:
    assert len(READY) >= 60
    assert len(BAD) >= 40


@_named(READY)
def test_odd_files_are_understood(case: Case, folder: Path, tmp_path: Path) -> None:
    found = probe(_file(case, folder, tmp_path))
    wrong = {
        name: (wanted, got) for name, wanted in case.facts.items() if not _same(wanted, got := _value(found, name))
    }
    assert not wrong, f"{wrong}\n{found}"
    _assert_consistent(found)
    assert facts_module.from_json(facts_module.to_json(found)) == found


@_named(BAD)
def test_bad_files_end_with_a_stable_code(case: Case, folder: Path, tmp_path: Path) -> None:
    path = _file(case, folder, tmp_path)
    began = time.process_time()
    with pytest.raises(VidComputeError) as caught:
        probe(path)
    assert caught.value.code in case.codes, caught.value
    assert caught.value.kind is Kind.REFUSED
    assert re.fullmatch(r"[A-Z].{20,}[.)?]", caught.value.detail), caught.value.detail
    assert str(tmp_path) not in caught.value.detail
    assert time.process_time() - began < 10


@_named(EXACT)
def test_facts_agree_with_a_full_decode(case: Case, folder: Path, tmp_path: Path) -> None:
    path = _file(case, folder, tmp_path)
    found = probe(path)
    if found.video is not None:
        _compare_pictures(found.video, sorted(_decoded(path, found, found.video.index)), case.name not in NO_TIMES)
    for track in found.audio:
        spans = list(_heard(path, found, track.index))
        start, end = min(s for s, _ in spans), max(e for _, e in spans)
        # The end may keep an encoder's padding, of less than a frame of any codec.
        assert abs(start - float(track.start)) < 0.011, (start, track)
        assert abs(end - float(track.start + track.duration)) < 0.13, (end, track)


def _compare_pictures(video: VideoFacts, times: list[float], timed: bool) -> None:
    assert len(times) == video.frame_count, video
    if not timed:
        return
    tick = float(video.time_base) * 1.01 + 1e-9
    assert abs(times[0] - float(video.start)) <= tick
    assert times[-1] < float(video.start + video.duration)
    for point in (*video.grid, *video.keyframes):
        assert abs(times[point.index] - float(point.pts * video.time_base)) <= tick, point
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps, default=0.0) * 1000 <= video.longest_gap_ms + 1
    if video.steady:
        drift = [time - times[0] - index / float(video.frame_rate) for index, time in enumerate(times)]
        assert max(drift) - min(drift) <= 2 * tick


def _open(path: Path, found: SourceFacts) -> Any:
    return av.open(f"file:{path}", format=found.container, metadata_errors="replace")


def _decoded(path: Path, found: SourceFacts, index: int) -> Iterator[float]:
    """The time of every frame that a decoder gives, the slow and sure way."""
    with _open(path, found) as container:
        stream = container.streams[index]
        for packet in container.demux(stream):
            if packet.dts is not None and not packet.size:
                continue  # "the same again": no player counts that as a picture
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                yield -1.0 if frame.pts is None else float(frame.pts * stream.time_base)


def _heard(path: Path, found: SourceFacts, index: int) -> Iterator[tuple[float, float]]:
    end = 0.0
    with _open(path, found) as container:
        for frame in container.decode(container.streams[index]):
            start = end if frame.pts is None else float(frame.pts * frame.time_base)
            end = start + frame.samples / frame.sample_rate
            yield start, end


_SHORT: dict[str, Callable[[Any], Any]] = {
    "display": lambda f: (f.video.display_width, f.video.display_height),
    "codec": lambda f: f.video.codec,
    "rotation": lambda f: f.video.rotation,
    "fps": lambda f: f.video.frame_rate,
    "frames": lambda f: f.video.frame_count,
    "seconds": lambda f: f.duration_ms / 1000,
    "audio": lambda f: len(f.audio),
    "pictures": lambda f: f.video is not None,
    "video_seconds": lambda f: float(f.video.duration),
    "video_start": lambda f: float(f.video.start),
    "audio_0_start": lambda f: float(f.audio[0].start),
    "grid": lambda f: [(p.index, float((p.pts - f.video.start_pts) * f.video.time_base)) for p in f.video.grid],
    "keys": lambda f: [p.index for p in f.video.keyframes],
}


def _value(found: SourceFacts, name: str) -> Any:
    if name in _SHORT:
        return _SHORT[name](found)
    kind, _, rest = name.partition("_")
    if kind == "video":
        return getattr(found.video, rest)
    number, _, attribute = rest.partition("_")
    return getattr(found.audio[int(number)], attribute)


def _same(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, range):
        return got in wanted
    if isinstance(got, float):  # a time in seconds: within two AAC frames, or a tick of a coarse clock
        return bool(abs(got - wanted) < 0.06)
    return bool(got == wanted) and isinstance(got, Fraction) >= isinstance(wanted, Fraction)


def _assert_consistent(found: SourceFacts) -> None:
    assert found.duration_ms > 0
    assert found.bitrate_bps > 0
    assert found.size_bytes > 0
    assert found.video is not None or found.audio
    video = found.video
    if video is None:
        return
    assert video.end_pts > video.start_pts
    assert video.frame_rate > 0
    assert video.bitrate_bps > 0
    assert video.grid[0].index == video.keyframes[0].index == 0
    assert video.grid[0].pts == video.keyframes[0].pts == video.start_pts
    for points in (video.grid, video.keyframes):
        indexes = [point.index for point in points]
        assert indexes == sorted(set(indexes))
        assert indexes[-1] < video.frame_count
    assert video.rotation in {0, 90, 180, 270}
    assert video.width > 0
    assert video.height > 0
