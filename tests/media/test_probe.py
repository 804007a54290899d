"""The probe's ways: its two readings agree, limits hold, damage never escapes as anything but a code."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.media.corpus import AAC, CASES, X264, Kit, make, sound, video
from tests.media.corpus_all import load
from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.facts import from_json
from vidcompute.media.probe import ProbeLimits, probe, source
from vidcompute.pipeline.stage import Stage, Work, options_of
from vidcompute.pipeline.stages.probe import Probe

load()
_INDEXED = [
    name
    for name, case in CASES.items()
    if not case.codes and not any(word in name for word in ("mkv", "fragmented", "hostile", "ts", "hole", "missing"))
]


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath / ".cache" / "corpus"


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(get_ffmpeg_exe(), tmp_path)


@pytest.mark.parametrize("name", _INDEXED)
def test_reading_the_index_tells_what_reading_everything_tells(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(CASES[name], folder, get_ffmpeg_exe())
    quick = probe(path)
    reading = source._Reading
    monkeypatch.setattr(reading, "by_index", lambda _: None)
    slow = probe(path)
    assert replace(quick, audio=(), video=None, duration_ms=0, bitrate_bps=0) == replace(
        slow, audio=(), video=None, duration_ms=0, bitrate_bps=0
    )
    assert quick.video == slow.video
    for one, other in zip(quick.audio, slow.audio, strict=True):
        # Only the packets show an encoder's padding at the end; only the index has the size without reading.
        assert abs(one.duration - other.duration) < 0.13
        assert replace(one, end_pts=0, bitrate_bps=0) == replace(other, end_pts=0, bitrate_bps=0)


def test_an_index_that_can_be_trusted_is_enough(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kit.clip(*video(seconds=3), *sound(3), "-c:v", "libx264", "-bf", "2", "-g", "10", *AAC)
    monkeypatch.setattr(source._Reading, "by_packets", lambda _: pytest.fail("all packets were read"))
    found = probe(path)
    assert found.video is not None
    assert (found.video.frame_count, len(found.video.keyframes), len(found.audio)) == (75, 8, 1)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ProbeLimits(max_duration_s=1), "source_too_long"),
        (ProbeLimits(max_pixels=1000), "source_too_large_picture"),
        (ProbeLimits(max_side=60), "source_too_large_picture"),
        (ProbeLimits(max_streams=1), "source_too_many_streams"),
        (ProbeLimits(max_frames=40), "source_too_long"),
        (ProbeLimits(max_packets=10), "source_too_many_packets"),
        (ProbeLimits(max_cpu_s=-1), "probe_timeout"),
    ],
)
def test_limits_hold(kit: Kit, limits: ProbeLimits, code: str) -> None:
    path = kit.clip(*video(seconds=11), *sound(11), *X264, *AAC, "-f", "matroska", name="clip.mkv")
    with pytest.raises(VidComputeError) as caught:
        probe(path, limits)
    assert caught.value.code == code


def test_pictures_that_ffmpeg_may_not_decode_are_refused_by_the_probe(kit: Kit) -> None:
    path = kit.clip(*video(), "-c:v", "magicyuv", "-pix_fmt", "gbrp", name="clip.mkv")
    with pytest.raises(VidComputeError) as caught:
        probe(path)
    assert caught.value.code == "video_codec_unsupported"


def test_sound_that_ffmpeg_may_not_decode_is_left_out(kit: Kit) -> None:
    spoken = (*sound(rate=8000, layout="mono"), *X264, "-c:a", "g723_1", "-b:a", "6300")
    found = probe(kit.clip(*video(), *spoken, name="clip.mkv"))
    assert found.video is not None
    assert found.audio == ()
    assert any("can't be read" in warning for warning in found.warnings)


def test_a_picture_may_stand_still_while_sound_plays(kit: Kit) -> None:
    held = (
        "-vf",
        "settb=1/1000,setpts='if(lt(N,24),N/25,40)/TB'",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/1000",
    )
    silent = kit.clip(*video(), *held, *X264, name="silent.mp4")
    sounding = kit.clip(*video(), *sound(41), *held, *X264, *AAC, name="sounding.mp4")
    limits = ProbeLimits(max_hole_s=10)
    with pytest.raises(VidComputeError, match="source_time_holes"):
        probe(silent, replace(limits, max_frames=600))
    assert probe(sounding, limits).duration_ms == pytest.approx(41_000, abs=60)


def test_progress_is_told_where_everything_is_read(kit: Kit) -> None:
    path = kit.clip(*video("16x16", "100", 12), *X264, "-f", "mpegts", name="clip.ts")
    told: list[float] = []
    probe(path, report=told.append)
    assert told == sorted(told)
    assert told
    assert 0 < told[0] <= told[-1] <= 1


class _Desk:
    """A Work with one input."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: list[str] = []

    def path(self, name: str) -> Path:
        assert name == "source"
        return self._path

    def progress(self, fraction: float) -> None:
        assert 0 <= fraction <= 1

    def log(self, message: str, level: str = "info") -> None:
        self.lines.append(f"{level}: {message}")


def test_the_stage_returns_the_facts_and_logs_the_warnings(folder: Path) -> None:
    path = make(CASES["two-videos"], folder, get_ffmpeg_exe())
    stage: Stage = Probe()
    desk = _Desk(path)
    returned: Mapping[str, Any] = stage.run(cast("Work", desk))
    assert from_json(dict(returned)) == probe(path)
    assert desk.lines == ["warning: The file has 2 videos; the first one is taken."]
    assert set(options_of(stage)) == set(ProbeLimits.__dataclass_fields__)
    assert stage.needs().memory_bytes == 512 * 2**20


def test_the_stage_passes_its_options_on(folder: Path) -> None:
    path = make(CASES["plain"], folder, get_ffmpeg_exe())
    with pytest.raises(VidComputeError, match="source_too_large_picture"):
        Probe(max_side=10).run(cast("Work", _Desk(path)))


_EXCITING = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1")
_HURT = ("aac-stereo", "fragmented", "mkv-h264-opus", "ts", "mpeg2-ps", "flv", "wmv", "theora-ogg", "ivf", "mjpeg-avi")


@pytest.mark.parametrize("name", _HURT)
def test_damage_ends_in_facts_or_a_code(name: str, folder: Path, tmp_path: Path) -> None:
    whole = make(CASES[name], folder, get_ffmpeg_exe()).read_bytes()
    dice = random.Random(name)
    hurt = tmp_path / "hurt"
    ends = set()
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 3, 10))):
            at = dice.choice((dice.randrange(1500), -dice.randrange(4, 1500), dice.randrange(len(data) - 4))) % len(
                data
            )
            data[at : at + 4] = dice.choice((*_EXCITING, dice.randbytes(4)))
        hurt.write_bytes(data)
        ends.add(_end(hurt))
    assert ends <= {"ready", Kind.REFUSED}


def _end(path: Path) -> str:
    try:
        probe(path)
    except VidComputeError as error:
        return error.kind
    return "ready"
