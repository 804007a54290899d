"""Bad files: each must end with a stable code, fast, without a connection and without a look at other files."""

import random
import struct
from pathlib import Path

from tests.media.corpus import AAC, X264, Kit, Recipe, case, ff, sound, video
from tests.media.corpus_bytes import STBL, box, find_box, set_u32


def _bytes(data: bytes) -> Recipe:
    def recipe(_: Kit, path: Path) -> None:
        path.write_bytes(data)

    return recipe


case("empty", _bytes(b""), "source_empty")
for name, data in (
    ("text", b"Dear diary,\ntoday I made a video.\n" * 40),
    ("html", b"<!DOCTYPE html><html><body>Please log in</body></html>"),
    ("json", b'{"error": "not found"}'),
    ("xml", b'<?xml version="1.0"?><note>hi</note>'),
    ("zip", b"PK\x03\x04" + bytes(range(256)) * 8),
    ("pdf", b"%PDF-1.7\n" + bytes(range(256)) * 4),
    ("png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
    ("elf", b"\x7fELF\x02\x01\x01" + bytes(64)),
    ("zeros", bytes(4096)),
    ("random", random.Random(7).randbytes(20_000)),
    ("utf-16-text", "A text in UTF-16.\n".encode("utf-16") * 20),
):
    case(f"not-media-{name}", _bytes(data), "source_not_media")
_PLAYLIST = "source_is_playlist"
for name, file_name, text in (
    ("m3u8", "movie.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
    ("m3u8-bom", "movie.mp4", "\ufeff#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n"),
    ("ffconcat", "movie.mkv", "ffconcat version 1.0\nfile /etc/passwd\n"),
    ("concat-without-header", "movie.mkv", "# my list\nfile '/etc/passwd'\nfile '/etc/hosts'\n"),
    ("sdp", "movie.mov", "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"),
    ("mpd", "movie.mp4", '<?xml version="1.0"?>\n<MPD><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>'),
    ("pls", "movie.mp4", "[playlist]\nFile1=http://127.0.0.1:1/\n"),
    ("xspf", "movie.mp4", '<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"/>'),
    ("asx", "movie.wmv", '<ASX version="3.0"><Entry><Ref href="http://127.0.0.1:1/"/></Entry></ASX>'),
    ("address", "movie.mp4", "https://127.0.0.1:1/video.mp4\n"),
):
    case(f"playlist-{name}", _bytes(text.encode()), _PLAYLIST, file_name=file_name)

_AV = (*video(seconds=2), *sound(2), *X264, *AAC)


def _cut(share: float, *more: str) -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        data = kit.bytes(*_AV, *more)
        path.write_bytes(data[: int(len(data) * share)])

    return recipe


for share in (10, 50, 90):
    case(f"cut-at-{share}", _cut(share / 100), "source_truncated")
case("cut-at-50-index-in-front", _cut(0.5, "-movflags", "+faststart"), "source_truncated")
case("cut-within-the-index", _cut(0.02, "-movflags", "+faststart"), "source_truncated")


def _cut_mkv(kit: Kit, path: Path) -> None:
    data = kit.bytes(*_AV, "-f", "matroska", name="clip.mkv")
    path.write_bytes(data[: len(data) // 2])


case("cut-mkv", _cut_mkv, "source_truncated")


def _cut_avi(kit: Kit, path: Path) -> None:
    data = kit.bytes(*video(seconds=2), "-c:v", "mpeg4", "-f", "avi", name="clip.avi")
    path.write_bytes(data[: len(data) // 2])


case("cut-avi", _cut_avi, "source_truncated")


def _edited(change: str, *arguments: str) -> Recipe:
    """An MP4 with one edit, by name; see `_EDITS`."""

    def recipe(kit: Kit, path: Path) -> None:
        data = kit.bytes(*(arguments or (*video(), *X264)))
        path.write_bytes(_EDITS[change](data))

    return recipe


def _without_moov(data: bytearray) -> bytes:
    start, end = find_box(data, "moov")
    return bytes(data[:start] + data[end:])


def _external(data: bytearray) -> bytes:
    """Say that the samples lie in another file; the entry keeps its length, so that nothing else moves."""
    start, end = find_box(data, "moov/trak/mdia/minf/dinf/dref")
    entry = box(b"url ", bytes(4), b"file:///etc/passwd\0")
    grown = box(b"dref", bytes(data[start + 8 : start + 16]), entry)
    return _replaced(data, ("moov", "trak", "mdia", "minf", "dinf"), start, end, grown)


def _replaced(data: bytearray, parents: tuple[str, ...], start: int, end: int, content: bytes) -> bytes:
    growth = len(content) - (end - start)
    for depth in range(1, len(parents) + 1):
        at, _ = find_box(data, "/".join(parents[:depth]))
        data[at : at + 4] = struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + growth)
    return bytes(data[:start] + content + data[end:])


def _reference_movie(_: bytearray) -> bytes:
    place = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", 12), b"/etc/passwd\0")
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"rmra", box(b"rmda", place)))


def _lying_size(data: bytearray) -> bytes:
    at, _ = find_box(data, f"{STBL}/stsd/png ")
    data[at + 32 : at + 36] = b"\xff\xff\xff\xff"
    return bytes(data)


def _lying_image(data: bytearray) -> bytes:
    """The header of the pictures themselves says 65535 x 65535 too."""
    at = data.find(b"IHDR")
    while at > 0:
        data[at + 4 : at + 12] = struct.pack(">II", 65535, 65535)
        at = data.find(b"IHDR", at + 4)
    return _lying_size(data)


def _many_samples(data: bytearray) -> bytes:
    return bytes(set_u32(data, f"{STBL}/stsz", 8, 0x7FFFFFFF))


def _many_equal_samples(data: bytearray) -> bytes:
    return bytes(set_u32(set_u32(data, f"{STBL}/stsz", 8, 0x7FFFFFFF), f"{STBL}/stsz", 4, 100_000))


def _endless_samples(data: bytearray) -> bytes:
    return bytes(set_u32(data, f"{STBL}/stts", 12, 0x7FFFFFF0))


def _hollow(data: bytearray) -> bytes:
    start, end = find_box(data, "mdat")
    return bytes(data[: start + 8] + bytes(end - start - 8) + data[end:])


def _garbage(data: bytearray) -> bytes:
    start, end = find_box(data, "mdat")
    return bytes(data[: start + 8] + random.Random(3).randbytes(end - start - 8) + data[end:])


def _nested(data: bytearray) -> bytes:
    deep = b""
    for _ in range(3000):
        deep = box(b"trak", box(b"mdia", deep))
    return bytes(data[: find_box(data, "ftyp")[1]]) + box(b"moov", deep)


def _looping(data: bytearray) -> bytes:
    """A box of size 0 (to the end of the file) within one of size 8 within one larger than its parent."""
    start, _ = find_box(data, "moov")
    inside = struct.pack(">I4sI4sI4s", 8, b"trak", 0, b"trak", 0xFFFFFFF0, b"mdia")
    return bytes(data[:start]) + box(b"moov", inside * 50)


def _encrypted_entry(data: bytearray) -> bytes:
    at, _ = find_box(data, f"{STBL}/stsd/avc1")
    data[at + 4 : at + 8] = b"encv"
    return bytes(data)


_EDITS = {
    "without-moov": _without_moov,
    "external": _external,
    "reference-movie": _reference_movie,
    "lying-image": _lying_image,
    "many-samples": _many_samples,
    "many-equal-samples": _many_equal_samples,
    "endless-samples": _endless_samples,
    "hollow": _hollow,
    "garbage": _garbage,
    "nested": _nested,
    "looping": _looping,
    "encrypted": _encrypted_entry,
}
_PNG = (*video(), "-c:v", "png", "-f", "mov")
_DAMAGED = "source_damaged"
case("moov-missing", _edited("without-moov"), "source_truncated")
case("data-in-another-file", _edited("external"), "source_external_reference")
case("reference-movie", _edited("reference-movie"), "source_external_reference")
case("lying-dimensions", _edited("lying-image", *_PNG), ("source_too_large_picture", _DAMAGED, "video_undecodable"))
case("lying-sample-count", _edited("many-samples"), _DAMAGED)
case("lying-equal-samples", _edited("many-equal-samples"), (_DAMAGED, "source_truncated"))
case("lying-sample-times", _edited("endless-samples"), ("source_too_long", "source_time_holes", _DAMAGED))
case("hollow-pictures", _edited("hollow"), "video_undecodable")
case("garbage-pictures", _edited("garbage"), "video_undecodable")
case("hollow-sound", _edited("hollow", *sound(), *AAC), _DAMAGED)
case("garbage-sound", _edited("garbage", *sound(), "-c:a", "flac"), _DAMAGED)
case("nested-boxes", _edited("nested"), ("source_no_streams", _DAMAGED, "source_too_many_streams"))
case(
    "looping-boxes", _edited("looping"), ("source_no_streams", _DAMAGED, "source_too_many_streams", "source_truncated")
)
case("encrypted", _edited("encrypted"), "source_encrypted")

_HOLE = ("-vf", "setpts='(if(lt(N,20),0,43000)+N/25)/TB'", "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
case("time-hole", ff(*video(), *_HOLE, *X264), "source_time_holes")
case("time-hole-mkv", ff(*video(), *_HOLE, *X264, "-f", "matroska"), "source_time_holes")
_SLOW = ("-vf", "setpts='N*25000/TB'", "-fps_mode", "passthrough", "-enc_time_base", "1")
case("too-long", ff(*video(rate="4"), *_SLOW, *X264), "source_too_long")


def _restarting(kit: Kit, path: Path) -> None:
    first = kit.bytes(*video(seconds=15, rate="5"), *X264, "-f", "mpegts", name="a.ts")
    path.write_bytes(first + first)


case("clock-restarts", _restarting, "source_clock_restarts")


def _flood(muxer: str) -> Recipe:
    def recipe(kit: Kit, path: Path) -> None:
        tone = kit.clip(*sound("0.1", 8000, "mono"), "-c:a", "pcm_mulaw", name="tone.mov")
        kit.run("-i", tone, *["-map", "0"] * 300, "-c", "copy", "-f", muxer, path)

    return recipe


case("flood-of-tracks-mov", _flood("mov"), "source_too_many_streams")
case("flood-of-tracks-mkv", _flood("matroska"), "source_too_many_streams")


def _cover_only(kit: Kit, path: Path) -> None:
    cover = kit.clip(*video(seconds="0.04"), "-frames:v", "1", name="cover.png")
    kit.run("-i", cover, "-c", "copy", "-disposition:v", "attached_pic", "-f", "mp4", path)


def _words_only(kit: Kit, path: Path) -> None:
    words = kit.folder / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,900\nHello\n")
    kit.run("-i", words, "-f", "matroska", path)


case("only-subtitles", _words_only, "source_no_streams")
case("mp4-without-tracks", _bytes(box(b"ftyp", b"isom", bytes(4)) + box(b"moov")), ("source_no_streams", _DAMAGED))


def _huge_ebml(kit: Kit, path: Path) -> None:
    """Elements that claim nearly 2^56 bytes, in a segment of unknown length."""
    head = kit.bytes(*video(), *X264, "-f", "matroska", "-live", "1", name="live.mkv")
    at = head.index(b"\x16\x54\xae\x6b")  # Tracks
    path.write_bytes(bytes(head[:at]) + b"\x16\x54\xae\x6b" + b"\x01" + b"\xff" * 6 + b"\xfe" + bytes(64))


case("mkv-huge-elements", _huge_ebml, ("source_no_streams", _DAMAGED, "source_truncated"))


def _unknown_codec(kit: Kit, path: Path) -> None:
    data = kit.bytes(*video(), *X264)
    at, _ = find_box(data, f"{STBL}/stsd/avc1")
    data[at + 4 : at + 8] = b"xyzw"
    path.write_bytes(data)


case("video-of-unknown-codec", _unknown_codec, ("video_codec_unsupported", "video_undecodable"))
