"""What the first bytes of coded pictures tell, without decoding them."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs alone

from collections.abc import Iterator

from av.packet import Packet
from av.video.stream import VideoStream

_LOOK_BYTES = 4096  # parameter sets and messages come before the first slice; pictures are long
_MOST_UNITS = 64


def hidden(codec: str, packet: Packet[VideoStream]) -> bool:
    """Whether a packet is a picture that is never shown: VP8's and VP9's reference-only frames."""
    if codec not in {"vp8", "vp9"}:
        return False
    data = memoryview(packet)
    return hides(codec, data[0], data[1] if len(data) > 1 else 0) and not ends_superframe(codec, data[-1])


def hides(codec: str, first: int, second: int) -> bool:
    """Whether the first two bytes of VP8 or VP9 say that the picture is not shown.

    RFC 6386, 9.1 (show_frame); VP9 bitstream specification, 6.2.
    """
    if codec == "vp8":
        return first & 0x10 == 0
    if codec != "vp9":
        return False
    bits = first << 8 | second
    at = 10 if bits & 0x3000 == 0x3000 else 11  # profile 3 has a reserved bit before
    if bits >> at & 1:  # show_existing_frame
        return False
    return bits >> at - 2 & 1 == 0


def ends_superframe(codec: str, last: int) -> bool:
    """Whether the last byte is the marker of a VP9 superframe (annex B), which shows one of its frames."""
    return codec == "vp9" and last & 0xE0 == 0xC0


def opus_length(first: int, second: int) -> int:
    """How long an Opus packet lasts, in samples at 48 kHz, by its first two bytes (RFC 6716, 3.1 and 3.2)."""
    configuration, code = first >> 3, first & 3
    if configuration < 12:
        samples = (480, 960, 1920, 2880)[configuration & 3]
    elif configuration < 16:
        samples = (480, 960)[configuration & 1]
    else:
        samples = (120, 240, 480, 960)[configuration & 3]
    return samples * (1, 2, 2, second & 0x3F)[code]


def starts_closed(codec: str, data: memoryview, extradata: bytes) -> bool:
    """Whether a key packet lets decoding begin with nothing lost before or after it: an IDR, or its like."""
    if codec == "mpeg2video":
        return _closed_group(bytes(data[:256]))
    test = {"h264": _is_idr, "hevc": _is_hevc_idr}.get(codec)
    if test is None:
        return True
    for first in _units(data[:_LOOK_BYTES], _length_bytes(codec, extradata)):
        slice_closed = test(first)
        if slice_closed is not None:
            return slice_closed
    return True


def _length_bytes(codec: str, extradata: bytes) -> int:
    """How many bytes the lengths before NAL units take; 0 for start codes (ISO/IEC 14496-15, 5.3.3 and 8.3.3)."""
    if len(extradata) < 7 or extradata[0] != 1:
        return 0
    at = 4 if codec == "h264" else 21
    return (extradata[at] & 3) + 1 if len(extradata) > at else 4


def _units(data: memoryview, length_bytes: int) -> Iterator[int]:
    """The first byte of each NAL unit."""
    if length_bytes == 0:
        yield from _annex_b_units(bytes(data))
        return
    at = 0
    for _ in range(_MOST_UNITS):
        if at + length_bytes >= len(data):
            return
        yield data[at + length_bytes]
        at += length_bytes + int.from_bytes(data[at : at + length_bytes], "big")


def _annex_b_units(data: bytes) -> Iterator[int]:
    at = 0
    for _ in range(_MOST_UNITS):
        at = data.find(b"\x00\x00\x01", at) + 3
        if at < 3 or at >= len(data):
            return
        yield data[at]


def _is_idr(first: int) -> bool | None:
    """ITU-T H.264, table 7-1: 5 is a slice of an IDR picture, 1 and 2 of another."""
    kind = first & 0x1F
    return kind == 5 if kind in {1, 2, 5} else None


def _is_hevc_idr(first: int) -> bool | None:
    """ITU-T H.265, table 7-1: 19 and 20 are IDR pictures; 16 to 18 (BLA) and 21 (CRA) lose their leading pictures."""
    kind = first >> 1 & 0x3F
    return kind in {19, 20} if kind < 32 else None


def _closed_group(data: bytes) -> bool:
    """ITU-T H.262, 6.2.2.6: closed_gop follows the 25-bit time code of a group of pictures header."""
    at = data.find(b"\x00\x00\x01\xb8")
    return at >= 0 and len(data) > at + 7 and bool(data[at + 7] & 0x40)
