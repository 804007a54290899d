"""Byte edits for the corpus: boxes of an MP4, EBML, ZIP, and a hand-written H.264 stream of field pictures."""

import struct


def find_box(data: bytes | bytearray, path: str, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Where the first box at a path such as "moov/trak/mdia" begins and ends."""
    kind, _, rest = path.partition("/")
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == kind.encode():
            inner = at + 8 if kind != "stsd" else at + 16
            return find_box(data, rest, inner, at + size) if rest else (at, at + size)
        at += size
    raise LookupError(path)


STBL = "moov/trak/mdia/minf/stbl"


def set_u32(data: bytearray, box: str, offset: int, value: int) -> bytearray:
    """Overwrite four bytes at `offset` after a box's header."""
    at, _ = find_box(data, box)
    data[at + 8 + offset : at + 12 + offset] = struct.pack(">I", value)
    return data


def box(kind: bytes, *content: bytes) -> bytes:
    """One box."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


class Bits:
    """Writes H.264's bit fields (ITU-T H.264, 7.2 and 9.1)."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def u(self, width: int, value: int) -> "Bits":
        """`width` bits."""
        self._bits += [value >> place & 1 for place in reversed(range(width))]
        return self

    def ue(self, *values: int) -> "Bits":
        """Exp-Golomb codes."""
        for value in values:
            width = (value + 1).bit_length()
            self.u(2 * width - 1, value + 1)
        return self

    def align(self, bit: int = 0) -> "Bits":
        """Fill up to a whole byte."""
        self._bits += [bit] * (-len(self._bits) % 8)
        return self

    def raw(self, data: bytes) -> "Bits":
        """Whole bytes."""
        for byte in data:
            self.u(8, byte)
        return self

    def unit(self, header: int) -> bytes:
        """As an Annex B NAL unit, with stop bit and emulation prevention (7.4.1)."""
        self.u(1, 1).align()
        body = bytes(int("".join(map(str, self._bits[at : at + 8])), 2) for at in range(0, len(self._bits), 8))
        out = bytearray([header])
        zeros = 0
        for byte in body:
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\x00\x00\x00\x01" + bytes(out)


def field_pictures(frames: int, rate: int = 25) -> bytes:
    """A raw H.264 stream of 16 x 32 frames, each two field pictures (PAFF) of one PCM macroblock."""
    sps = Bits().u(8, 77).u(8, 0).u(8, 30).ue(0, 0, 2, 1).u(1, 0).ue(0, 0).u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 1)
    # VUI: only timing, then nothing else. A field lasts one tick (E.2.1).
    sps.u(4, 0).u(1, 1).u(32, 1).u(32, 2 * rate).u(1, 1).u(2, 0).u(1, 0).u(1, 0)
    pps = Bits().ue(0, 0).u(1, 0).u(1, 0).ue(0, 0, 0).u(1, 0).u(2, 0).ue(0, 0, 0).u(1, 1).u(1, 0).u(1, 0)
    units = []
    for number in range(frames):
        for bottom in (0, 1):
            idr = bottom == 0 and number == 0
            head = Bits().ue(0, 7, 0).u(4, number % 16).u(1, 1).u(1, bottom)
            if idr:
                head.ue(0)
            head.u(1, 0).u(1, 0) if idr else head.u(1, 0)  # dec_ref_pic_marking
            head.ue(0, 1).ue(25).align()  # slice_qp_delta, no deblocking, mb_type I_PCM
            head.raw(bytes([16 + (number * 8 + bottom) % 200]) * 256 + bytes([128]) * 128)
            units.append(b"\x00\x00\x00\x01\x09\x10" + head.unit(0x65 if idr else 0x61))
    return sps.unit(0x67) + pps.unit(0x68) + b"".join(units)
