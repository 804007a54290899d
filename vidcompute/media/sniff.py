"""Names a container by its first bytes, and says no to what is plainly not media. Looks at no name, opens no file."""

import re
from collections.abc import Callable

HEAD_BYTES = 8192
"""How much of a file's beginning `sniff` and `refusal` want to see; less where the file is shorter."""

Refusal = tuple[str, str]
"""A stable code, and what to tell the user."""

# Magic numbers at offset 0 that need no second look. The names are those of FFmpeg's demuxers.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"FLV\x01", "flv"),
    (b"OggS\x00", "ogg"),
    (b"fLaC", "flac"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"DKIF", "ivf"),
    (b"YUV4MPEG2 ", "yuv4mpegpipe"),
    (b"caff\x00\x01", "caf"),
    (b".snd\x00\x00\x00", "au"),
    (b"#!AMR", "amr"),
    (b"nut/multimedia container\x00", "nut"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "w64"),
    (b".RMF\x00\x00\x00", "rm"),
    (b"wvpk", "wv"),
    (b"TTA1", "tta"),
    (b"MAC \x96\x0f", "ape"),
    (b"\x7f\xfe\x80\x01", "dts"),
    (b"\x12\x00\x0a", "obu"),  # AV1: a temporal delimiter, then a sequence header
)

# Form types of IFF and RIFF files, at offset 8.
_FORMS: dict[tuple[bytes, bytes], str] = {
    (b"RIFF", b"AVI "): "avi",
    (b"RIFF", b"AVIX"): "avi",
    (b"RIFF", b"WAVE"): "wav",
    (b"RIFX", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"BW64", b"WAVE"): "wav",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}

# ISO/IEC 14496-12 and QuickTime boxes that a file may begin with.
_FIRST_BOXES = frozenset(
    (
        b"ftyp",
        b"moov",
        b"mdat",
        b"free",
        b"skip",
        b"wide",
        b"pnot",
        b"styp",
        b"moof",
        b"sidx",
        b"uuid",
        b"junk",
        b"pdin",
    )
)
_STILL_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif"))

_PLAYLISTS: tuple[tuple[bytes, str], ...] = (
    (b"#extm3u", "an HLS or M3U playlist"),
    (b"ffconcat", "an ffmpeg concat script"),
    (b"[playlist]", "a PLS playlist"),
    (b"[reference]", "a reference list"),
    (b"rtsptext", "an RTSP reference"),
    (b"smiltext", "a SMIL reference"),
    (b"rtsp://", "a stream address"),
    (b"http://", "a list of addresses"),
    (b"https://", "a list of addresses"),
)
_SCRIPT = re.compile(rb"(?:#[^\n]*\n\s*)*file[ \t]+(?:'[^'\n]*'|\S+)[ \t]*\r?(?:\n|$)")
_SDP = re.compile(rb"v=0\s*\r?\n\s*[a-z]=")
_XML_PLAYLISTS: tuple[tuple[bytes, str], ...] = (
    (b"<mpd", "a DASH manifest"),
    (b"<playlist", "an XSPF playlist"),
    (b"<asx", "an ASX playlist"),
    (b"<smil", "a SMIL document"),
    (b"<smoothstreamingmedia", "a Smooth Streaming manifest"),
    (b"<?wpl", "a Windows Media playlist"),
    (b"<isml", "a Smooth Streaming manifest"),
    (b"<imf", "an IMF list"),
    (b"<compositionplaylist", "an IMF composition"),
)

_OTHER: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive (or an office document)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"8BPS", "a Photoshop picture"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"SQLite format 3\x00", "a database"),
    (b"{\\rtf", "a text document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"FWS", "a Flash program"),
    (b"CWS", "a Flash program"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"MThd", "a MIDI score, which holds notes and no sound"),
)


def sniff(head: bytes) -> str | None:
    """The name of the FFmpeg demuxer for a file that begins with `head`, or None where no known container begins so.

    `head` is the first HEAD_BYTES of the file, or all of it. A name is a guess that the demuxer still has to confirm.
    """
    form = _FORMS.get((head[:4], head[8:12]))
    if form is not None:
        return form
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    for test in _TESTS:
        found = test(head)
        if found is not None:
            return found
    return None


def refusal(head: bytes) -> Refusal | None:
    """Why a file that begins with `head` can't be a video, or None where it may be one.

    Codes: `source_empty`, `source_is_playlist` (whatever points to other files or addresses), `source_not_media`.
    """
    if not head:
        return "source_empty", "The file is empty: it has no bytes. Upload it again."
    playlist = _playlist(head)
    if playlist is not None:
        return "source_is_playlist", f"This is {playlist}, not a video. Submit the video itself, or its own URL."
    if sniff(head) is not None:
        return None
    other = _not_media(head)
    if other is not None:
        return "source_not_media", f"This is {other}, not a video or sound file."
    return None


def _boxes(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    if head[4:8] not in _FIRST_BOXES or 1 < size < 8:
        return None
    return None if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mov"


def _mpegts(head: bytes) -> str | None:
    """MPEG-TS has a sync byte every 188 bytes, 192 with Blu-ray's time codes, 204 with error correction."""
    for packet_bytes in (188, 192, 204):
        for offset in range(min(packet_bytes, len(head))):
            syncs = head[offset::packet_bytes]
            if len(syncs) >= 2 and syncs.count(0x47) == len(syncs) and (len(syncs) >= 5 or len(head) < HEAD_BYTES // 4):
                return "mpegts"
    return None


def _dolby(head: bytes) -> str | None:
    # ETSI TS 102 366: the bit stream identification tells AC-3 from E-AC-3.
    if head[:2] != b"\x0b\x77" or len(head) < 6:
        return None
    return "ac3" if head[5] >> 3 <= 10 else "eac3"


def _mxf(head: bytes) -> str | None:
    # SMPTE ST 377-1, 6.5: a run-in of up to 64 KiB may come before the header partition's key.
    return "mxf" if b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02" in head else None


def _dv(head: bytes) -> str | None:
    # IEC 61834-2: the header DIF block, then the first subcode block 80 bytes on.
    return "dv" if head[:3] == b"\x1f\x07\x00" and head[80:81] in {b"\x3f", b"\x5f"} else None


def _annex_b(head: bytes) -> str | None:
    """Raw H.264, HEVC, MPEG-2 or MPEG-4 part 2: a start code, then what such a stream may begin with."""
    code = head.find(b"\x00\x00\x01", 0, 64)
    if code < 0 or any(head[:code]) or len(head) < code + 5:
        return None
    first, second = head[code + 3], head[code + 4]
    if first in {0x40, 0x42, 0x44, 0x46, 0x4E, 0x26, 0x28, 0x2A} and second == 1:
        return "hevc"
    if first & 0x80 == 0 and first & 0x1F in {5, 6, 7, 9} and (first & 0x60 != 0 or first & 0x1F in {6, 9}):
        return "h264"
    return {0xB3: "mpegvideo", 0xB0: "m4v", 0xB5: "m4v"}.get(first)


_MP3_KBPS: dict[tuple[bool, int], tuple[int, ...]] = {  # (MPEG-1, layer) to kbit/s by index, ISO/IEC 11172-3, 2.4.2.3
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_audio_bytes(head: bytes, at: int) -> int:
    """The length of the MPEG audio frame (layer I to III) that begins at `at`; 0 where none does."""
    if len(head) < at + 4 or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[at + 1] >> 3 & 3, 4 - (head[at + 1] >> 1 & 3)
    rate_index, hz_index = head[at + 2] >> 4, head[at + 2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index in {0, 15} or hz_index == 3:
        return 0
    mpeg1 = version == 3
    hz = (44100, 48000, 32000)[hz_index] >> {3: 0, 2: 1, 0: 2}[version]
    bps = _MP3_KBPS[mpeg1, layer][rate_index - 1] * 1000
    padding = head[at + 2] >> 1 & 1
    if layer == 1:
        return (12 * bps // hz + padding) * 4
    return (144 if mpeg1 or layer == 2 else 72) * bps // hz + padding


def _adts_bytes(head: bytes, at: int) -> int:
    """The length of the ADTS frame that begins at `at`; 0 where none does (ISO/IEC 13818-7, 6.2)."""
    if len(head) < at + 7 or head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0 or head[at + 2] >> 2 & 15 > 12:
        return 0
    length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return length if length >= 7 else 0


def _frames_follow(head: bytes, at: int, length_of: Callable[[bytes, int], int]) -> bool:
    """Whether three frames (or all that are in `head`) follow each other from `at` on."""
    for seen in range(3):
        length = length_of(head, at)
        if length == 0:
            return seen > 0 and at + 7 > len(head)
        at += length
    return True


def _mpeg_audio(head: bytes) -> str | None:
    at = 0
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[3:4] + head[6:10]) < 0x80:
        at = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        if at >= len(head):
            return "mp3"  # a large tag: pictures stand in it; the demuxer will see
        inner = sniff(head[at:]) if head[at : at + 3] != b"ID3" else None
        return inner or "mp3"
    if _frames_follow(head, at, _adts_bytes):
        return "aac"
    return "mp3" if _frames_follow(head, at, _mpeg_audio_bytes) else None


_TESTS: tuple[Callable[[bytes], str | None], ...] = (_boxes, _dolby, _mxf, _dv, _annex_b, _mpeg_audio, _mpegts)


def _plain_text(head: bytes) -> bytes | None:
    """`head` as lower-case ASCII-like text without byte order mark and leading space; None where it is binary."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        codec = "utf-16-le" if head[:1] == b"\xff" else "utf-16-be"
        head = head[2:].decode(codec, "replace").encode("utf-8", "replace")
    elif head[:3] == b"\xef\xbb\xbf":
        head = head[3:]
    control = sum(1 for byte in head if byte < 32 and byte not in b"\t\n\r\f\x1b")
    return head.lstrip().lower() if control * 200 <= len(head) else None


def _playlist(head: bytes) -> str | None:
    # A playlist may have binary after its first line: what counts is what a player would follow.
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:4096]
    lowered = _plain_text(head) or start.lower()
    for prefix, what in _PLAYLISTS:
        if lowered.startswith(prefix):
            return what
    if _SDP.match(lowered):
        return "a session description (SDP)"
    if _SCRIPT.match(lowered):
        return "an ffmpeg concat script"
    if lowered.startswith(b"<"):
        return next((what for tag, what in _XML_PLAYLISTS if tag in lowered), None)
    return None


def _not_media(head: bytes) -> str | None:
    for magic, what in _OTHER:
        if head.startswith(magic):
            return what
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return "a still picture (HEIF or AVIF)"
    text = _plain_text(head)
    if text is not None:
        return _kind_of_text(text)
    return "a block of zeros" if not any(head) else None


def _kind_of_text(text: bytes) -> str:
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (was a login needed to download it?)"
    if text.startswith(b"<"):
        return "an XML document"
    if text.startswith((b"{", b"[")):
        return "a JSON document"
    return "text"
