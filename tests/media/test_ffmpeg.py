"""The ffmpeg that is used, and what it refuses to open."""

import subprocess
from pathlib import Path

import av
import pytest

from tests.fixtures.clips import ClipMaker
from vidcompute.errors import VidComputeError
from vidcompute.media import ffmpeg as ff
from vidcompute.media.probe.names import AUDIO_CODECS, VIDEO_CODECS
from vidcompute.media.run import run


def test_the_wheels_ffmpeg_is_found_and_known_safe(ffmpeg: str) -> None:
    path = ff.locate()
    assert path == Path(ffmpeg)
    assert (ff.version_numbers(ff.version(path)) or (0,)) >= ff.FLOOR
    assert ff.safety_warning(path) is None
    assert ff.build_id(path).startswith(ff.version(path) + "+")
    assert {"libx264", "libx265", "libsvtav1", "aac", "libwebp"} <= ff.encoders(path)


def test_an_override_must_exist(tmp_path: Path) -> None:
    assert ff.locate("/bin/sh") == Path("/bin/sh")
    with pytest.raises(VidComputeError, match="ffmpeg_not_found"):
        ff.locate(str(tmp_path / "ffmpeg"))


def fake(folder: Path, version: str) -> Path:
    path = folder / f"ffmpeg-{version}"
    path.write_text(f"#!/bin/sh\necho 'ffmpeg version {version} Copyright (c) the FFmpeg developers'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        ("7.1.4-0+deb13u1", True),
        ("8.1.1", True),
        ("8.1", True),
        ("8.1.2", False),
        ("n9.0.2-17-gabc", False),
        ("9.1", False),
    ],
)
def test_old_versions_are_warned_of(tmp_path: Path, version: str, *, warned: bool) -> None:
    assert (ff.safety_warning(fake(tmp_path, version)) is not None) is warned


def test_a_build_without_a_release_is_warned_of(tmp_path: Path) -> None:
    assert "can't be told" in (ff.safety_warning(fake(tmp_path, "git-2026-01-01-abc")) or "")


def test_the_build_is_part_of_keys(tmp_path: Path) -> None:
    assert ff.build_id(fake(tmp_path, "9.0.1")) != ff.build_id(fake(tmp_path, "9.0.2"))


def test_the_probe_reads_nothing_that_ffmpeg_may_not_decode() -> None:
    allowed = {av.Codec(name, "r").canonical_name for name in ff.DECODERS if name in av.codecs_available}
    assert allowed >= VIDEO_CODECS | AUDIO_CODECS


def test_all_allowed_names_exist(ffmpeg: str) -> None:
    def names(what: str) -> set[str]:
        listing = subprocess.run([ffmpeg, "-hide_banner", what], capture_output=True, text=True, check=True).stdout
        lines = listing.split("---")[-1].splitlines()
        return {name for line in lines if line.strip() for name in line.split()[1].split(",")}

    assert set(ff.DECODERS) <= names("-decoders")
    assert set(ff.TEXT_DECODERS) <= names("-decoders")
    assert not set(ff.TEXT_DECODERS) & set(ff.DECODERS)
    assert set(ff.DEMUXERS) <= names("-demuxers")


def test_what_may_never_be_opened_is_not_allowed() -> None:
    never = {"hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "lavfi", "ffmetadata", "image2", "imf", "avisynth"}
    assert not never & set(ff.DEMUXERS)
    assert not {"rawvideo", "data", "bin", "u8", "s16le", "srt", "webvtt", "svg_pipe"} & set(ff.DEMUXERS)


@pytest.mark.parametrize("container", ["mov,mp4,m4a,3gp,3g2,mj2", None])
def test_a_source_is_decoded(ffmpeg: str, clip: ClipMaker, container: str | None) -> None:
    source = clip("h264_aac_96p30_2s")
    run([ffmpeg, *ff.global_args(), *ff.input_args(source, container), "-f", "null", "-"], timeout_s=30)
    copied = ff.input_args(source, container, decode=False)
    run([ffmpeg, *ff.global_args(), *copied, "-c", "copy", "-f", "null", "-"], timeout_s=30)
    with av.open(ff.file_url(source), options=ff.container_options()) as opened:
        assert len(opened.streams) == 2


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile clip.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n",
        ";FFMETADATA1\ntitle=x\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
    ],
)
@pytest.mark.parametrize("name", ["video.mp4", "list.m3u8", "list.ffconcat", "stream.sdp"])
def test_lists_and_scripts_are_refused_under_any_name(
    ffmpeg: str, clip: ClipMaker, tmp_path: Path, text: str, name: str
) -> None:
    clip.copy("h264_aac_96p30_2s", tmp_path / "clip.mp4")
    (tmp_path / name).write_text(text)
    with pytest.raises(VidComputeError, match="ffmpeg_failed"):
        run([ffmpeg, *ff.global_args(), *ff.input_args(tmp_path / name), "-f", "null", "-"], timeout_s=30)
    with pytest.raises((av.error.FFmpegError, ValueError)):
        av.open(ff.file_url(tmp_path / name), options=ff.container_options())


def test_a_name_is_never_read_as_a_protocol(ffmpeg: str, clip: ClipMaker, tmp_path: Path) -> None:
    hostile = clip.copy("h264_aac_96p30_2s", tmp_path / "concat:a|b.mp4")
    run([ffmpeg, *ff.global_args(), *ff.input_args(hostile), "-f", "null", "-"], timeout_s=30)


def test_a_picture_that_is_too_large_is_refused(ffmpeg: str, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mkv"
    wide = ["-f", "lavfi", "-i", "color=black:s=16384x2400:r=1:d=1", "-c:v", "ffv1", str(huge)]
    subprocess.run([ffmpeg, "-v", "error", *wide], check=True, timeout=60)
    with pytest.raises(VidComputeError):
        run([ffmpeg, *ff.global_args(), *ff.input_args(huge), "-f", "null", "-"], timeout_s=30)


def test_containers_are_named_once() -> None:
    assert ff.short_name("mov,mp4,m4a,3gp,3g2,mj2") == "mov"
    assert ff.short_name("matroska,webm") == "matroska"
    with pytest.raises(VidComputeError, match="unsupported_container"):
        ff.short_name("hls,applehttp")
