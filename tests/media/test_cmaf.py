"""What real encoders put out, cut by us, plays back as the same frames at exact times."""

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidcompute.errors import VidComputeError
from vidcompute.media.cmaf import (
    AudioCutter,
    CutStream,
    Cutter,
    FragmentReader,
    InitSegment,
    Sample,
    Scan,
    Segment,
    SegmentCutter,
    SegmentPlan,
    read_file,
    scan_segment,
)

FRAGMENTED = ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]
PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=128x72:rate=30000/1001:duration=5"]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]
ENCODERS = {
    "avc1": X264,
    "hvc1": [
        *("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params"),
        "log-level=none:keyint=60:min-keyint=60:open-gop=0:scenecut=0:bframes=3",
    ],
    "av01": ["-c:v", "libsvtav1", "-preset", "12", "-g", "60"],
}

STEP, TIMESCALE = 1001, 30000


def run(ffmpeg: str, *arguments: str) -> bytes:
    command = [ffmpeg, "-v", "error", "-nostdin", "-y", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def encode(ffmpeg: str, *arguments: str) -> bytes:
    """Fragmented MP4 through a pipe, as a growing output arrives."""
    return run(ffmpeg, *arguments, *FRAGMENTED, "pipe:1")


def pieces(data: bytes, size: int = 4099) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def cut(data: bytes, cutter: Cutter) -> tuple[InitSegment, list[Segment]]:
    stream = CutStream(cutter)
    made = [item for piece in pieces(data) for item in stream.feed(piece)]
    made += stream.finish()
    init, segments = made[0], made[1:]
    assert isinstance(init, InitSegment)
    return init, [s for s in segments if isinstance(s, Segment)]


def ffmpeg_is_late(scan: Scan) -> int:
    """FFmpeg (libavformat/mov.c, dts_shift) moves a track by its most negative composition offset."""
    return max(0, *(s.dts - s.pts for s in scan.samples))


def joined(init: InitSegment, segments: list[Segment], path: Path, delay: int = 0) -> Path:
    path.write_bytes(b"".join((init.to_bytes(delay), *(s.data for s in segments))))
    return path


def hashes(ffmpeg: str, path: Path, stream: str = "v") -> list[str]:
    """The MD5 of each decoded frame."""
    text = run(ffmpeg, "-i", str(path), "-map", f"0:{stream}", "-f", "framemd5", "-").decode()
    return [line.rsplit(",", 1)[1].strip() for line in text.splitlines() if not line.startswith("#")]


def presentation_times(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts for frame in container.decode(stream) if frame.pts is not None]


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def encoded(request: pytest.FixtureRequest, ffmpeg: str) -> tuple[str, bytes]:
    name: str = request.param
    return name, encode(ffmpeg, *PICTURE, *ENCODERS[name], "-video_track_timescale", str(TIMESCALE))


def plan() -> list[SegmentPlan]:
    return [SegmentPlan(frames=60), SegmentPlan(frames=60), SegmentPlan(frames=30)]


@pytest.mark.parametrize("delay", [0, 2 * STEP])
def test_recut_video_decodes_to_the_same_frames(
    delay: int, encoded: tuple[str, bytes], ffmpeg: str, tmp_path: Path
) -> None:
    entry, data = encoded
    (tmp_path / "original.mp4").write_bytes(data)
    cutter = SegmentCutter(TIMESCALE, plan(), frame_duration=STEP, composition_delay=delay)
    init, segments = cut(data, cutter)
    path = joined(init, segments, tmp_path / "cut.mp4", delay)
    assert (init.sample_entry, init.width, init.height, init.timescale) == (entry, 128, 72, TIMESCALE)
    assert [(s.info.number, s.info.start, s.info.duration, s.info.frames) for s in segments] == [
        (0, 0, 60 * STEP, 60),
        (1, 60 * STEP, 60 * STEP, 60),
        (2, 120 * STEP, 30 * STEP, 30),
    ]
    assert hashes(ffmpeg, path) == hashes(ffmpeg, tmp_path / "original.mp4")
    scan = read_file(path)
    assert scan.init is not None
    assert sorted(scan.init.presentation(s.pts) for s in scan.samples) == [
        Fraction(i * STEP, TIMESCALE) for i in range(150)
    ]
    late = ffmpeg_is_late(scan)
    assert (late > 0) == (entry != "av01" and delay == 0)
    assert presentation_times(path) == [late + i * STEP for i in range(150)]


def test_each_segment_decodes_alone_from_its_keyframe(encoded: tuple[str, bytes], ffmpeg: str, tmp_path: Path) -> None:
    _, data = encoded
    delay = 2 * STEP
    init, segments = cut(data, SegmentCutter(TIMESCALE, plan(), frame_duration=STEP, composition_delay=delay))
    whole = hashes(ffmpeg, joined(init, segments, tmp_path / "all.mp4", delay))
    alone = joined(init, segments[1:2], tmp_path / "one.mp4", delay)
    assert hashes(ffmpeg, alone) == whole[60:120]
    assert presentation_times(alone)[0] == 60 * STEP


def test_keyframe_range_is_one_decodable_picture(encoded: tuple[str, bytes], ffmpeg: str, tmp_path: Path) -> None:
    _, data = encoded
    two = [SegmentPlan(frames=120), SegmentPlan(frames=30)]
    delay = 2 * STEP
    init, segments = cut(data, SegmentCutter(TIMESCALE, two, frame_duration=STEP, composition_delay=delay))
    whole = hashes(ffmpeg, joined(init, segments, tmp_path / "all.mp4", delay))
    ranges = segments[0].info.keyframes
    assert [(k.time, k.duration) for k in ranges] == [(0, 60 * STEP), (60 * STEP, 60 * STEP)]
    for index, key in enumerate(ranges):
        part = segments[0].data[key.byte_offset : key.byte_offset + key.byte_length]
        path = tmp_path / f"key{index}.mp4"
        path.write_bytes(init.to_bytes(delay) + part)
        with av.open(str(path)) as container:
            first = next(container.demux(container.streams.video[0]))
            assert first.is_keyframe
            assert first.pts == key.time
        assert hashes(ffmpeg, path)[0] == whole[60 * index]


def test_scan_agrees_with_what_was_written(encoded: tuple[str, bytes], tmp_path: Path) -> None:
    _, data = encoded
    init, segments = cut(data, SegmentCutter(TIMESCALE, plan(), frame_duration=STEP, start_time=7 * STEP))
    scan = read_file(joined(init, segments, tmp_path / "cut.mp4"))
    assert scan.init is not None
    assert scan.init.to_bytes() == init.to_bytes()
    assert sorted(s.pts for s in scan.samples) == [(7 + i) * STEP for i in range(150)]
    assert [s.dts for s in scan.samples] == [(7 + i) * STEP for i in range(150)]
    assert [i for i, s in enumerate(scan.samples) if s.sync] == [0, 60, 120]
    assert scan_segment(segments[2].data).samples[0].dts == 127 * STEP


def test_equal_settings_give_equal_headers(ffmpeg: str) -> None:
    same = ["-x264-params", "stitchable=1:cabac=1:8x8dct=1:bframes=3:b-adapt=0:weightp=1:weightb=1:ref=1"]
    made = []
    for preset in ("ultrafast", "veryfast"):
        data = encode(
            ffmpeg,
            *PICTURE,
            "-c:v",
            "libx264",
            "-preset",
            preset,
            "-profile:v",
            "high",
            "-g",
            "60",
            *same,
            "-metadata",
            f"title={preset}",
            "-metadata:s:v",
            f"handler_name={preset}",
        )
        made.append(InitSegment.parse(data).to_bytes())
    assert made[0] == made[1]


def test_variable_rate_keeps_every_time(ffmpeg: str, tmp_path: Path) -> None:
    times = "if(lt(N,50),N*40,2000+(N-50)*73)"
    data = encode(
        ffmpeg, *PICTURE[:2], "-i", "testsrc2=size=128x72:rate=25:duration=4",
        "-vf", f"settb=1/1000,setpts='{times}'", "-fps_mode", "passthrough", "-enc_time_base", "1/1000", *X264,
        "-force_key_frames", "2", "-video_track_timescale", "1000",
    )  # fmt: skip
    wanted = [i * 40 if i < 50 else 2000 + (i - 50) * 73 for i in range(100)]
    for chosen in (
        [SegmentPlan(frames=50), SegmentPlan(frames=50)],
        [SegmentPlan(end=2000), SegmentPlan()],
        [SegmentPlan(frames=50, end=2000), SegmentPlan(frames=50, end=5650)],
    ):
        init, segments = cut(data, SegmentCutter(1000, chosen))
        scan = read_file(joined(init, segments, tmp_path / "cut.mp4"))
        assert sorted(s.pts for s in scan.samples) == wanted
        assert [s.info.start for s in segments] == [0, 2000]
        assert segments[0].info.end == 2000
        assert segments[1].info.end == 5650


def test_open_groups_of_pictures_are_found_out(ffmpeg: str) -> None:
    data = encode(
        ffmpeg, *PICTURE, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "log-level=none:keyint=60:min-keyint=60:open-gop=1:scenecut=0:bframes=3",
        "-video_track_timescale", str(TIMESCALE),
    )  # fmt: skip
    with pytest.raises(VidComputeError, match="encode_mismatch"):
        cut(data, SegmentCutter(TIMESCALE, plan(), frame_duration=STEP))


def test_sound_is_cut_on_its_grid(ffmpeg: str, tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", "aevalsrc=sin(440*2*PI*t)*min(1\\,t):s=48000:d=5"]
    data = run(ffmpeg, *sound, "-c:a", "aac", "-b:a", "96k", *FRAGMENTED, "-frag_duration", "500000", "pipe:1")
    ends = [96096, 192192, 240000]
    init, segments = cut(data, AudioCutter(48000, ends, drop_frames=1))
    assert (init.codec_string, init.sample_rate, init.channels) == ("mp4a.40.2", 48000, 1)
    assert [s.info.start for s in segments] == [0, 94 * 1024, 188 * 1024]
    assert segments[-1].info.end == 240000
    with av.open(str(joined(init, segments, tmp_path / "cut.mp4"))) as container:
        frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[0])]
    decoded = np.concatenate(frames, axis=1)[0]
    assert 240000 <= decoded.size < 240000 + 1024
    time = np.arange(240000) / 48000
    wanted = np.sin(440 * 2 * np.pi * time) * np.minimum(1, time)
    assert np.abs(decoded[2048:238000] - wanted[2048:238000]).max() < 0.1


def test_pieces_of_sound_join_without_a_seam(ffmpeg: str, tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", "aevalsrc=sin(440*2*PI*t)*0.5:s=48000:d=4"]
    whole = run(ffmpeg, *sound, "-c:a", "aac", "-b:a", "128k", *FRAGMENTED, "-frag_duration", "500000", "pipe:1")
    edge = 94 * 1024
    init, first = cut(whole, AudioCutter(48000, [edge], drop_frames=1, final=False))
    preroll = 4
    rest = run(
        ffmpeg, *sound, "-af", f"atrim=start_sample={edge - preroll * 1024},asetpts=N", "-c:a", "aac", "-b:a", "128k",
        *FRAGMENTED, "-frag_duration", "500000", "pipe:1",
    )  # fmt: skip
    _, second = cut(rest, AudioCutter(48000, [192000], drop_frames=1 + preroll, first_frame=94, first_number=1))
    assert [(s.info.number, s.info.start) for s in (*first, *second)] == [(0, 0), (1, edge)]
    with av.open(str(joined(init, [*first, *second], tmp_path / "cut.mp4"))) as container:
        decoded = np.concatenate([f.to_ndarray() for f in container.decode(container.streams.audio[0])], axis=1)[0]
    wanted = np.sin(440 * 2 * np.pi * np.arange(192000) / 48000) * 0.5
    assert np.abs(decoded[edge - 4096 : edge + 4096] - wanted[edge - 4096 : edge + 4096]).max() < 0.05


def test_edit_list_tells_when_the_first_sample_is_shown(ffmpeg: str) -> None:
    data = run(
        ffmpeg, *PICTURE, *X264, "-f", "mp4", "-movflags", "+frag_keyframe+delay_moov+default_base_moof",
        "-use_editlist", "1", "-avoid_negative_ts", "disabled", "pipe:1",
    )  # fmt: skip
    reader = FragmentReader()
    items = [item for piece in pieces(data) for item in reader.feed(piece)]
    init, first = items[0], items[1]
    assert isinstance(init, InitSegment)
    assert isinstance(first, Sample)
    assert init.edit.media_time > 0
    assert init.presentation(first.pts) == 0
    assert InitSegment.parse(init.to_bytes()).edit.media_time == 0
