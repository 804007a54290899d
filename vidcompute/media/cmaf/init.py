"""The initialization segment of a fragmented MP4 with one track: read, and written again in one fixed form."""

import struct
from dataclasses import dataclass, field
from fractions import Fraction

from vidcompute.media import codecs
from vidcompute.media.cmaf.boxes import Box, boxes, child, container_invalid, make, make_full, unpack

TRACK_ID = 1
MOVIE_TIMESCALE = 1000

_VISUAL_HEADER = 78  # bytes of a VisualSampleEntry before its child boxes (14496-12, 12.1.3)
_AUDIO_HEADER = 28  # bytes of an AudioSampleEntry of version 0 (12.2.3)
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_NO_COLOUR = codecs.Colour()
_DROPPED = frozenset({b"btrt"})  # a bitrate differs between encodes that are otherwise interchangeable


@dataclass(frozen=True)
class Defaults:
    """What `trex` says of samples that do not say it themselves (14496-12, 8.8.3): ticks, bytes, sample flags."""

    duration: int = 0
    size: int = 0
    flags: int = 0


@dataclass(frozen=True)
class Edit:
    """The edit list of a track: `delay` is an empty edit's length in seconds, `media_time` the tick shown first."""

    delay: Fraction = Fraction(0)
    media_time: int = 0


@dataclass(frozen=True)
class InitSegment:
    """One track's header.

    `handler` is "vide", "soun" or another four-character code; `timescale` is ticks a second; `sample_entry` is
    "avc1", "hvc1", "av01", "mp4a", …; `config` is the body of the codec's configuration box. `width`, `height` are
    coded pixels (0 for sound); `sample_rate` in Hz and `channels` are 0 for pictures. `transfer` is the code point
    of the transfer function (ITU-T H.273), 2 where the header does not say.
    """

    track_id: int
    handler: str
    timescale: int
    sample_entry: str
    config: bytes = field(repr=False)
    codec_string: str
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    transfer: int = 2
    defaults: Defaults = Defaults()
    edit: Edit = Edit()
    brands: tuple[str, ...] = ()
    _description: bytes = field(repr=False, default=b"")
    _matrix: bytes = field(repr=False, default=_UNITY)
    _display_size: bytes = field(repr=False, default=bytes(8))
    _language: int = field(repr=False, default=0x55C4)  # "und", packed

    @property
    def video_range(self) -> str:
        """SDR, PQ or HLG, as VIDEO-RANGE of RFC 8216bis 4.4.6.2 names them."""
        return {16: "PQ", 18: "HLG"}.get(self.transfer, "SDR")

    def presentation(self, pts: int) -> Fraction:
        """When a sample with this composition time in ticks is shown, in seconds, the edit list applied."""
        return Fraction(pts - self.edit.media_time, self.timescale) + self.edit.delay

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> "InitSegment":
        """Read `ftyp` and `moov` out of `data`, which may go on behind them.

        Raises container_invalid unless there is exactly one track, with one sample description and its own data.
        """
        brands: tuple[str, ...] = ()
        for box in boxes(data):
            if box.kind == b"ftyp":
                brands = _brands(bytes(data[box.body : box.end]))
            elif box.kind == b"moov":
                return _read_moov(data, box, brands)
        raise container_invalid("There is no moov box.")

    def to_bytes(self, composition_delay: int = 0) -> bytes:
        """The header in its fixed form: CMAF brands, no tags, no times, no bitrates, track ID 1.

        Two encodes with equal settings give equal bytes. There is no edit list (the cmf2 brand of ISO/IEC 23000-19),
        unless the samples are written with a `composition_delay` (ticks): then one that takes it off again.
        """
        brands = (b"iso6", b"cmfc", *(() if composition_delay else (b"cmf2",)), b"dash", b"mp41")
        ftyp = make(b"ftyp", b"iso6", struct.pack(">I", 0), *brands)
        trex = make_full(b"trex", 0, 0, struct.pack(">5I", TRACK_ID, 1, 0, 0, 0))
        moov = make(b"moov", _mvhd(), self._trak(composition_delay), make(b"mvex", trex))
        return ftyp + moov

    def _trak(self, composition_delay: int) -> bytes:
        sound = self.handler == "soun"
        tkhd = make_full(
            b"tkhd",
            0,
            3,
            struct.pack(">5I", 0, 0, TRACK_ID, 0, 0),
            struct.pack(">2I4H", 0, 0, 0, 1 if sound else 0, 0x100 if sound else 0, 0),
            self._matrix,
            self._display_size,
        )
        mdhd = make_full(b"mdhd", 0, 0, struct.pack(">4I2H", 0, 0, self.timescale, 0, self._language, 0))
        name = {"vide": b"VideoHandler\0", "soun": b"SoundHandler\0"}.get(self.handler, b"\0")
        hdlr = make_full(b"hdlr", 0, 0, bytes(4), self.handler.encode("latin-1"), bytes(12), name)
        edit = struct.pack(">IIi2H", 1, 0, composition_delay, 1, 0)
        edts = make(b"edts", make_full(b"elst", 0, 0, edit)) if composition_delay else b""
        return make(b"trak", tkhd, edts, make(b"mdia", mdhd, hdlr, self._minf()))

    def _minf(self) -> bytes:
        header = {"vide": make_full(b"vmhd", 0, 1, bytes(8)), "soun": make_full(b"smhd", 0, 0, bytes(4))}
        dref = make_full(b"dref", 0, 0, struct.pack(">I", 1), make_full(b"url ", 0, 1))
        empty = [make_full(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc")]
        stsd = make_full(b"stsd", 0, 0, struct.pack(">I", 1), self._description)
        stbl = make(b"stbl", stsd, *empty, make_full(b"stsz", 0, 0, bytes(8)), make_full(b"stco", 0, 0, bytes(4)))
        return make(b"minf", header.get(self.handler, make_full(b"nmhd", 0, 0)), make(b"dinf", dref), stbl)


def _mvhd() -> bytes:
    times = struct.pack(">4I", 0, 0, MOVIE_TIMESCALE, 0)
    return make_full(
        b"mvhd", 0, 0, times, struct.pack(">IH10x", 0x10000, 0x100), _UNITY, bytes(24), struct.pack(">I", TRACK_ID + 1)
    )


def _brands(body: bytes) -> tuple[str, ...]:
    names = [body[:4], *(body[i : i + 4] for i in range(8, len(body) - 3, 4))]
    return tuple(dict.fromkeys(name.decode("latin-1") for name in names if len(name) == 4))


Data = bytes | bytearray | memoryview


def _need(data: Data, parent: Box, *path: bytes) -> Box:
    found = child(data, parent, *path)
    if found is None:
        raise container_invalid(f"The box {b'/'.join(path).decode('latin-1')} is missing.")
    return found


def _version(data: Data, box: Box) -> int:
    return unpack(">B", data, box.body, box.end)[0]


def _read_moov(data: Data, moov: Box, brands: tuple[str, ...]) -> InitSegment:
    tracks = [box for box in boxes(data, moov.body, moov.end) if box.kind == b"trak"]
    if len(tracks) != 1:
        raise container_invalid(f"There should be one track, and there are {len(tracks)}.")
    trak = tracks[0]
    track_id, matrix, display_size = _read_tkhd(data, _need(data, trak, b"tkhd"))
    timescale, language = _read_mdhd(data, _need(data, trak, b"mdia", b"mdhd"))
    hdlr = _need(data, trak, b"mdia", b"hdlr")
    unpack(">12x", data, hdlr.body, hdlr.end)
    handler = bytes(data[hdlr.body + 8 : hdlr.body + 12]).decode("latin-1")
    _check_own_data(data, _need(data, trak, b"mdia", b"minf", b"dinf", b"dref"))
    entry = _read_stsd(data, _need(data, trak, b"mdia", b"minf", b"stbl", b"stsd"), handler)
    mvhd = _need(data, moov, b"mvhd")
    (movie_timescale,) = unpack(">I", data, mvhd.body + (20 if _version(data, mvhd) == 1 else 12), mvhd.end)
    return InitSegment(
        track_id=track_id,
        handler=handler,
        timescale=timescale,
        sample_entry=entry.kind,
        config=entry.config,
        codec_string=codecs.codec_string(entry.kind, entry.config, entry.colour),
        width=entry.width,
        height=entry.height,
        sample_rate=entry.sample_rate,
        channels=entry.channels,
        transfer=entry.colour.transfer,
        defaults=_read_trex(data, moov, track_id),
        edit=_read_edit(data, trak, movie_timescale),
        brands=brands,
        _description=entry.description,
        _matrix=matrix,
        _display_size=display_size,
        _language=language,
    )


def _read_tkhd(data: Data, box: Box) -> tuple[int, bytes, bytes]:
    times = 32 if _version(data, box) == 1 else 20
    unpack(f">4x{times}x60x", data, box.body, box.end)
    (track_id,) = unpack(">I", data, box.body + 4 + (16 if times == 32 else 8), box.end)
    start = box.body + 4 + times + 16
    return track_id, bytes(data[start : start + 36]), bytes(data[start + 36 : start + 44])


def _read_mdhd(data: Data, box: Box) -> tuple[int, int]:
    form, skip = (">IQ2H", 16) if _version(data, box) == 1 else (">2I2H", 8)
    timescale, _, language, _ = unpack(form, data, box.body + 4 + skip, box.end)
    if timescale == 0:
        raise container_invalid("The track's timescale is 0.")
    return timescale, language


def _check_own_data(data: Data, dref: Box) -> None:
    for box in boxes(data, dref.body + 8, dref.end):
        (flags,) = unpack(">I", data, box.body, box.end)
        if not flags & 1:
            raise container_invalid("The track's data lies in another file.")


def _read_trex(data: Data, moov: Box, track_id: int) -> Defaults:
    mvex = child(data, moov, b"mvex")
    if mvex is None:
        return Defaults()
    for box in boxes(data, mvex.body, mvex.end):
        if box.kind == b"trex":
            track, _, duration, size, flags = unpack(">5I", data, box.body + 4, box.end)
            if track == track_id:
                return Defaults(duration, size, flags)
    return Defaults()


def _read_edit(data: Data, trak: Box, movie_timescale: int) -> Edit:
    elst = child(data, trak, b"edts", b"elst")
    if elst is None or movie_timescale == 0:
        return Edit()
    form, size = (">Qq", 20) if _version(data, elst) == 1 else (">Ii", 12)
    (count,) = unpack(">I", data, elst.body + 4, elst.end)
    delay = Fraction(0)
    for index in range(count):
        duration, media_time = unpack(form, data, elst.body + 8 + index * size, elst.end)
        if media_time >= 0:
            return Edit(delay, media_time)
        delay += Fraction(duration, movie_timescale)
    return Edit(delay, 0)


@dataclass(frozen=True)
class _Entry:
    kind: str
    config: bytes
    description: bytes
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    channels: int = 0
    colour: codecs.Colour = _NO_COLOUR


def _read_stsd(data: Data, stsd: Box, handler: str) -> _Entry:
    entries = list(boxes(data, stsd.body + 8, stsd.end))
    if len(entries) != 1:
        raise container_invalid(f"There should be one sample description, and there are {len(entries)}.")
    entry = entries[0]
    if handler == "vide":
        return _read_visual(data, entry)
    if handler == "soun":
        return _read_audio(data, entry)
    return _Entry(entry.kind.decode("latin-1"), b"", bytes(data[entry.start : entry.end]))


def _inner(data: Data, entry: Box, header: int) -> dict[bytes, bytes]:
    """The child boxes of a sample entry, whole, by type."""
    return {box.kind: bytes(data[box.start : box.end]) for box in boxes(data, entry.body + header, entry.end)}


def _config(kind: str, inner: dict[bytes, bytes]) -> bytes:
    name = codecs.CONFIG_BOXES.get(kind)
    if name is None:
        return b""
    if name not in inner:
        raise container_invalid(f"The sample description {kind} lacks its {name.decode()} box.")
    return inner[name][8:]


def _read_visual(data: Data, entry: Box) -> _Entry:
    unpack(f">{_VISUAL_HEADER}x", data, entry.body, entry.end)
    width, height = unpack(">2H", data, entry.body + 24, entry.end)
    kind = entry.kind.decode("latin-1")
    inner = _inner(data, entry, _VISUAL_HEADER)
    head = bytearray(data[entry.body : entry.body + _VISUAL_HEADER])
    head[42:74] = bytes(32)  # compressorname: the encoder's build
    colr = inner.get(b"colr", b"")
    colour = _NO_COLOUR
    if len(colr) >= 19 and colr[8:12] == b"nclx":
        primaries, transfer, matrix, flags = struct.unpack_from(">3HB", colr, 12)
        colour = codecs.Colour(primaries, transfer, matrix, bool(flags & 0x80))
    kept = (body for name, body in inner.items() if name not in _DROPPED)
    return _Entry(kind, _config(kind, inner), make(entry.kind, head, *kept), width, height, colour=colour)


def _read_audio(data: Data, entry: Box) -> _Entry:
    unpack(f">{_AUDIO_HEADER}x", data, entry.body, entry.end)
    (version,) = unpack(">H", data, entry.body + 8, entry.end)
    channels, _, _, _, rate = unpack(">4HI", data, entry.body + 16, entry.end)
    if version != 0:
        raise container_invalid(f"A QuickTime sound description of version {version} is not legal in MP4.")
    kind = entry.kind.decode("latin-1")
    inner = _inner(data, entry, _AUDIO_HEADER)
    config = _config(kind, inner)
    known = codecs.audio_config(kind, config)
    head = bytes(data[entry.body : entry.body + _AUDIO_HEADER])
    return _Entry(
        kind,
        config,
        make(entry.kind, head, *(body for name, body in inner.items() if name not in _DROPPED)),
        sample_rate=known.sample_rate if known and known.sample_rate else rate >> 16,
        channels=known.channels if known and known.channels else channels,
    )
