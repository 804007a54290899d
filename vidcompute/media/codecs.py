"""Codec strings (RFC 6381 and the codecs' own specifications), read from the configuration that an MP4 carries."""

from dataclasses import dataclass

from vidcompute.errors import Kind, VidComputeError

CONFIG_BOXES = {
    "avc1": b"avcC",
    "avc3": b"avcC",
    "hvc1": b"hvcC",
    "hev1": b"hvcC",
    "av01": b"av1C",
    "vp09": b"vpcC",
    "mp4a": b"esds",
    "ac-3": b"dac3",
    "ec-3": b"dec3",
    "Opus": b"dOps",
    "fLaC": b"dfLa",
}

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_AAC_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}
_AC3_RATES = (48000, 44100, 32000)
_AC3_CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)


def _unreadable(what: str) -> VidComputeError:
    return VidComputeError(Kind.INTERNAL, "container_invalid", f"The codec configuration {what} can't be read.")


class _Bits:
    """Big-endian bit reader over a few bytes."""

    def __init__(self, data: bytes, what: str) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = len(data) * 8
        self._what = what

    def take(self, count: int) -> int:
        if count > self._left:
            raise _unreadable(self._what)
        self._left -= count
        return self._number >> self._left & ((1 << count) - 1)


@dataclass(frozen=True)
class AudioConfig:
    """What a decoder puts out: sample rate in Hz and channels; `object_type` is the MPEG-4 one, 0 for other codecs."""

    sample_rate: int
    channels: int
    object_type: int = 0


@dataclass(frozen=True)
class Colour:
    """Code points of ITU-T H.273 for primaries, transfer and matrix (2: not said), and whether the range is full."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False


def codec_string(sample_entry: str, config: bytes, colour: Colour | None = None) -> str:
    """The codec string of a track, such as "avc1.64001f" or "mp4a.40.2".

    `sample_entry` is the four-character code, `config` the body of its configuration box (avcC, hvcC, av1C, esds, …).
    AV1 names its `colour` where that is not BT.709, which is what it leaves out.
    Raises container_invalid when the configuration can't be read. Sources: RFC 6381 3.3 and 3.4, ISO/IEC 14496-15
    annex E (HEVC), AV1-ISOBMFF 5, VP9-ISOBMFF.
    """
    if sample_entry in {"avc1", "avc3"}:
        return _avc(sample_entry, config)
    if sample_entry in {"hvc1", "hev1"}:
        return _hevc(sample_entry, config)
    if sample_entry == "av01":
        return _av1(config, colour or Colour())
    if sample_entry == "vp09":
        return _vp9(config)
    if sample_entry == "mp4a":
        return _mp4a(config)
    return sample_entry


def _avc(sample_entry: str, config: bytes) -> str:
    if len(config) < 4:
        raise _unreadable("avcC")
    return f"{sample_entry}.{config[1:4].hex()}"


def _hevc(sample_entry: str, config: bytes) -> str:
    if len(config) < 13:
        raise _unreadable("hvcC")
    space = ("", "A", "B", "C")[config[1] >> 6]
    tier = "H" if config[1] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(config[2:6], 'big'):032b}"[::-1], 2)
    constraints = config[6:12].rstrip(b"\0")
    parts = [sample_entry, f"{space}{config[1] & 31}", f"{compatibility:X}", f"{tier}{config[12]}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])


def _av1(config: bytes, colour: Colour) -> str:
    if len(config) < 4:
        raise _unreadable("av1C")
    profile, level = config[1] >> 5, config[1] & 31
    tier = "H" if config[2] & 0x80 else "M"
    high, twelve = config[2] & 0x40, config[2] & 0x20
    depth = 12 if high and twelve and profile == 2 else 10 if high else 8
    short = f"av01.{profile}.{level:02d}{tier}.{depth:02d}"
    if {colour.primaries, colour.transfer, colour.matrix} <= {1, 2}:
        return short
    mono, across, down, place = config[2] >> 4 & 1, config[2] >> 3 & 1, config[2] >> 2 & 1, config[2] & 3
    points = f"{colour.primaries:02d}.{colour.transfer:02d}.{colour.matrix:02d}.{int(colour.full_range)}"
    return f"{short}.{mono}.{across}{down}{place if across and down else 0}.{points}"


def _vp9(config: bytes) -> str:
    if len(config) < 8:
        raise _unreadable("vpcC")
    return f"vp09.{config[4]:02d}.{config[5]:02d}.{config[6] >> 4:02d}"


def _mp4a(config: bytes) -> str:
    kind, specific = _decoder_config(config)
    if kind != 0x40 or not specific:
        return f"mp4a.{kind:02x}"
    return f"mp4a.40.{_aac(specific).object_type}"


def _descriptor(data: bytes, offset: int) -> tuple[int, int, int]:
    """Tag, body offset and end of the descriptor at `offset` (ISO/IEC 14496-1, 8.3.3)."""
    if offset >= len(data):
        raise _unreadable("esds")
    tag, size, place = data[offset], 0, offset + 1
    for place in range(offset + 1, min(offset + 5, len(data))):
        size = size << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            break
    return tag, place + 1, min(place + 1 + size, len(data))


def _decoder_config(esds: bytes) -> tuple[int, bytes]:
    """The object type indication and the decoder specific bytes of an esds body (with its version and flags)."""
    tag, offset, end = _descriptor(esds, 4)
    if tag != 3 or offset + 3 > end:
        raise _unreadable("esds")
    flags = esds[offset + 2]
    offset += 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40:
        offset += 1 + (esds[offset] if offset < end else 0)
    offset += 2 if flags & 0x20 else 0
    tag, offset, end = _descriptor(esds, offset)
    if tag != 4 or offset + 13 > end:
        raise _unreadable("esds")
    kind = esds[offset]
    if offset + 13 == end:
        return kind, b""
    tag, inner, inner_end = _descriptor(esds, offset + 13)
    return kind, esds[inner:inner_end] if tag == 5 else b""


def _object_type(bits: _Bits) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == 31 else kind


def _rate(bits: _Bits) -> int:
    index = bits.take(4)
    if index == 15:
        return bits.take(24)
    if index >= len(_AAC_RATES):
        raise _unreadable("AudioSpecificConfig")
    return _AAC_RATES[index]


def _aac(specific: bytes) -> AudioConfig:
    """AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): signalled SBR and PS give the extension's object type."""
    bits = _Bits(specific, "AudioSpecificConfig")
    kind = _object_type(bits)
    rate = _rate(bits)
    layout = bits.take(4)
    if kind in {5, 29}:
        rate = _rate(bits)
    return AudioConfig(rate, 2 if kind == 29 else _AAC_CHANNELS.get(layout, 0), kind)


def audio_config(sample_entry: str, config: bytes) -> AudioConfig | None:
    """Sample rate and channels as the codec's own configuration says; None where it says nothing we can read."""
    if sample_entry == "mp4a":
        kind, specific = _decoder_config(config)
        return _aac(specific) if kind == 0x40 and specific else None
    if sample_entry == "Opus" and len(config) >= 2:
        return AudioConfig(48000, config[1])
    if sample_entry == "ac-3" and len(config) >= 3:
        bits = _Bits(config[:3], "dac3")
        rate, _, mode, lfe = bits.take(2), bits.take(8), bits.take(3), bits.take(1)
        return AudioConfig(_AC3_RATES[rate], _AC3_CHANNELS[mode] + lfe) if rate < 3 else None
    if sample_entry == "ec-3" and len(config) >= 5:
        bits = _Bits(config[:5], "dec3")
        bits.take(16)
        rate, _, mode, lfe = bits.take(2), bits.take(10), bits.take(3), bits.take(1)
        return AudioConfig(_AC3_RATES[rate], _AC3_CHANNELS[mode] + lfe) if rate < 3 else None
    return None


FAMILIES = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "av01": "av1",
    "vp09": "vp9",
    "mp4a": "aac",
    "ac-3": "ac3",
    "ec-3": "eac3",
    "opus": "opus",
    "flac": "flac",
}


def family(codec: str) -> str:
    """The codec's plain name ("h264", "hevc", "av1", "aac", …) from its string; the first part itself when unknown."""
    head = codec.split(".", 1)[0]
    return FAMILIES.get(head.lower(), head.lower())
