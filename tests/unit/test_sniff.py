"""First bytes: what they name, what they refuse, and that nothing makes them raise."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.media.sniff import HEAD_BYTES, refusal, sniff

_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes
_ADTS_FRAME = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9)  # 16 bytes
_TS_PACKET = b"\x47\x40\x00\x10" + bytes(184)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypisom" + bytes(100), "mov"),
        (b"\0\0\0\x14ftypqt  " + bytes(100), "mov"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov"),
        (b"\0\0\0\x01mdat\0\0\0\0\0\1\0\0", "mov"),
        (b"\0\0\0\x18stypmsdh" + bytes(40), "mov"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", "matroska"),
        (_TS_PACKET * 20, "mpegts"),
        ((bytes(4) + _TS_PACKET) * 20, "mpegts"),
        ((_TS_PACKET + bytes(16)) * 20, "mpegts"),
        (bytes(77) + _TS_PACKET * 20, "mpegts"),
        (b"\0\0\1\xba\x44" + bytes(100), "mpeg"),
        (b"RIFF\x10\0\0\0AVI LIST", "avi"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", "w64"),
        (b"FLV\x01\x05\0\0\0\x09", "flv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "asf"),
        (b"OggS\0\2" + bytes(30), "ogg"),
        (b"fLaC\0\0\0\x22", "flac"),
        (_MP3_FRAME * 5, "mp3"),
        (b"ID3\4\0\0\0\0\0\x05hello" + _MP3_FRAME * 3, "mp3"),
        (b"ID3\4\0\0\0\x7f\x7f\x7fhello", "mp3"),
        (b"ID3\4\0\0\0\0\0\x05hello" + b"fLaC\0\0\0\x22", "flac"),
        (_ADTS_FRAME * 5, "aac"),
        (b"FORM\0\0\0\x20AIFFCOMM", "aiff"),
        (b"caff\0\1\0\0desc", "caf"),
        (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02", "mxf"),
        (bytes(100) + b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02", "mxf"),
        (b"GIF89a\x10\0\x10\0", "gif"),
        (b"DKIF\0\0\x20\0VP90", "ivf"),
        (b"YUV4MPEG2 W16 H16 F25:1\n", "yuv4mpegpipe"),
        (b"\x1f\x07\x00\xbf" + bytes(76) + b"\x3f" + bytes(79), "dv"),
        (b"#!AMR\n", "amr"),
        (b"\0\0\0\1\x67\x64\0\x1f", "h264"),
        (b"\0\0\1\x09\x10\0\0\1\x67", "h264"),
        (b"\0\0\0\1\x40\1\x0c\1", "hevc"),
        (b"\0\0\1\xb3\x10\0\x10\x13", "mpegvideo"),
        (b"\0\0\1\xb0\1\0\0\1", "m4v"),
        (b"\x12\0\x0a\x0b\0\0\0", "obu"),
        (b"\x0b\x77\0\0\x14\x40\0", "ac3"),
        (b"\x0b\x77\0\0\x14\x80\0", "eac3"),
        (b"nut/multimedia container\0" + bytes(8), "nut"),
    ],
)
def test_containers_are_known_by_their_bytes(head: bytes, name: str) -> None:
    assert sniff(head) == name
    assert refusal(head) is None


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "source_empty"),
        (b"#EXTM3U\n#EXTINF:10,\na.ts\n", "source_is_playlist"),
        (b"\xef\xbb\xbf\n #extm3u\n", "source_is_playlist"),
        ("#EXTM3U\nfile:///etc/passwd".encode("utf-16"), "source_is_playlist"),
        (b"#EXTM3U\n" + bytes(range(256)) * 8, "source_is_playlist"),
        (b"ffconcat version 1.0\nfile 'a'\n", "source_is_playlist"),
        (b"# list\nfile 'a.mp4'\n", "source_is_playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "source_is_playlist"),
        (b"<?xml version='1.0'?><MPD/>", "source_is_playlist"),
        (b"<playlist/>", "source_is_playlist"),
        (b"<asx version='3'>", "source_is_playlist"),
        (b"<smil></smil>", "source_is_playlist"),
        (b"[playlist]\nFile1=a", "source_is_playlist"),
        (b"[Reference]\nRef1=http://a/", "source_is_playlist"),
        (b"http://a/b.mp4", "source_is_playlist"),
        (b"PK\x03\x04\x14\0", "source_not_media"),
        (b"%PDF-1.4", "source_not_media"),
        (b"\x89PNG\r\n\x1a\n", "source_not_media"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "source_not_media"),
        (b"\x7fELF\2\1\1", "source_not_media"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "source_not_media"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "source_not_media"),
        (b"<!doctype html><p>", "source_not_media"),
        (b'{"a": 1}', "source_not_media"),
        (b"Hello.\n" * 100, "source_not_media"),
        (b"File this under diary.\nChapter one\n", "source_not_media"),
        (bytes(500), "source_not_media"),
    ],
)
def test_what_is_plainly_not_media_is_refused_with_a_reason(head: bytes, code: str) -> None:
    found = refusal(head)
    assert found is not None
    assert found[0] == code
    assert found[1].endswith(".")


def test_unknown_bytes_are_left_to_the_probe() -> None:
    unknown = bytes((n * 89 + 7) % 256 for n in range(600))
    assert sniff(unknown) is None
    assert refusal(unknown) is None


_STARTS = st.sampled_from(
    [
        b"",
        b"ID3\4\0\0",
        b"\xff\xfb",
        b"\xff\xf1",
        b"\0\0\0\1",
        b"\0\0\1",
        b"RIFF",
        b"G",
        b"\x0b\x77",
        b"<",
        b"file ",
        b"\xff\xfe",
    ]
)


@given(_STARTS, st.binary(max_size=600))
def test_nothing_makes_it_raise(start: bytes, rest: bytes) -> None:
    head = start + rest
    name, refused = sniff(head), refusal(head)
    assert name is None or name.islower()
    if refused is not None:
        assert refused[0] in {"source_empty", "source_is_playlist", "source_not_media"}
    if name is not None:
        assert refused is None or refused[0] == "source_is_playlist"


@given(st.text(min_size=1, max_size=300))
def test_text_is_never_left_to_the_probe_unless_it_looks_like_a_container(text: str) -> None:
    head = text.encode()
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    if printable and sniff(head) is None:
        assert refusal(head) is not None


@given(st.integers(min_value=0, max_value=HEAD_BYTES))
def test_a_shorter_head_never_names_another_container(length: int) -> None:
    assert sniff((_TS_PACKET * 50)[:length]) in {None, "mpegts"}


def test_it_imports_without_the_heavy_libraries() -> None:
    code = (
        "import sys, vidcompute.media.sniff, vidcompute.media.probe, vidcompute.pipeline.stages.probe;"
        "sys.exit(any(name in sys.modules for name in ('av', 'numpy', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
