"""Fetching a whole stream and boiling its media down to what the rules ask for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from urllib.parse import urljoin

from vidcompute.errors import VidComputeError
from vidcompute.media import webvtt
from vidcompute.media.cmaf import InitSegment, scan_segment
from vidcompute.media.cmaf.boxes import boxes, container_invalid
from vidcompute.media.hls_check.parse import ByteRange, Playlist, SegmentEntry, Variant, parse

Fetch = Callable[[str], bytes]


def joined(base: str, uri: str) -> str:
    """A URI made absolute; one that can't be is left as it is, and can't be fetched."""
    try:
        return urljoin(base, uri)
    except ValueError:
        return uri


@dataclass(frozen=True)
class SegmentFacts:
    """One segment (or byte range of one) as its media says. Times are seconds; decode times are ticks."""

    size_bytes: int
    frames: int
    start: Fraction
    end: Fraction
    first_dts: int
    end_dts: int
    begins_with_key: bool
    leading: bool  # frames are shown before the first one
    key_times: tuple[Fraction, ...]
    shortest_frame: Fraction
    begins_with_moof: bool
    first_sample_whole: bool


@dataclass
class Media:
    """A media playlist with what its resources hold. Lists run parallel to the playlist's segments."""

    playlist: Playlist
    inits: list[InitSegment | None] = field(default_factory=list)
    facts: list[SegmentFacts | None] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)
    texts: list[webvtt.Segment | None] = field(default_factory=list)
    is_subtitles: bool = False

    @property
    def url(self) -> str:
        """Where it was read from."""
        return self.playlist.url

    @property
    def is_iframes(self) -> bool:
        """Whether it lists I-frames alone."""
        return self.playlist.first("EXT-X-I-FRAMES-ONLY") is not None

    @property
    def is_text(self) -> bool:
        """Whether it lists subtitles in WebVTT that can be read."""
        return self.is_subtitles and not any(e.map_uri or e.encrypted for e in self.playlist.segments)

    @property
    def init(self) -> InitSegment | None:
        """The first initialization section that could be read."""
        return next((i for i in self.inits if i is not None), None)

    @property
    def handler(self) -> str:
        """The kind of its media, as the header names it: vide, soun, or nothing where it is not known."""
        return self.init.handler if self.init else ""

    def scanned(self) -> Iterator[tuple[SegmentEntry, SegmentFacts]]:
        """The segments whose media could be read."""
        for entry, facts in zip(self.playlist.segments, self.facts, strict=True):
            if facts is not None:
                yield entry, facts

    def neighbours(self) -> Iterator[tuple[SegmentEntry, SegmentFacts, SegmentFacts]]:
        """Each segment that follows another without a discontinuity: its entry, the one before, itself."""
        for (_, before), (entry, facts) in pairwise(zip(self.playlist.segments, self.facts, strict=True)):
            if before is not None and facts is not None and not entry.discontinuity:
                yield entry, before, facts

    def rates(self) -> list[tuple[int, Fraction]]:
        """Bytes and seconds of each segment whose size is known."""
        rows = zip(self.playlist.segments, self.sizes, strict=True)
        return [(size, entry.seconds) for entry, size in rows if size is not None and entry.seconds]


@dataclass
class Stream:
    """Everything that a check looks at. `master` is None where the check began at a media playlist."""

    master: Playlist | None
    media: dict[str, Media]
    unreachable: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    several_tracks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def playlists(self) -> list[Playlist]:
        """Every playlist, the multivariant one first."""
        return [*([self.master] if self.master else []), *(m.playlist for m in self.media.values())]

    def resolve(self, uri: str) -> Media | None:
        """The media playlist that a URI of the multivariant playlist names."""
        return self.media.get(joined(self.master.url, uri)) if self.master else None

    def variants(self) -> list[tuple[Variant, Media | None]]:
        """Each variant with its media playlist."""
        return [(v, self.resolve(v.uri)) for v in self.master.variants] if self.master else []

    def video_variants(self) -> list[tuple[Variant, Media | None]]:
        """The variants that have pictures, as far as attributes or media tell."""
        return [
            (v, m)
            for v, m in self.variants()
            if "RESOLUTION" in v.tag.attributes or (m is not None and m.handler == "vide")
        ]

    def group(self, kind: str, group_id: str) -> list[Media]:
        """The media playlists of a rendition group."""
        if self.master is None:
            return []
        tags = (t.attributes for t in self.master.all("EXT-X-MEDIA"))
        uris = [a["URI"] for a in tags if a.get("TYPE") == kind and a.get("GROUP-ID") == group_id and "URI" in a]
        return [m for uri in uris if (m := self.resolve(uri)) is not None]

    def texts(self) -> list[Media]:
        """The media playlists of subtitles in WebVTT."""
        return [media for media in self.media.values() if media.is_text]

    def parts(self, variant: Variant, media: Media | None) -> tuple[list[Media], list[Media]]:
        """A variant's own playlist (if it is not one of the group's), and the sound that can go with it."""
        sound = self.group("AUDIO", variant.tag.attributes.get("AUDIO", ""))
        own = [media] if media is not None and all(media is not s for s in sound) else []
        return own, sound

    def normal(self) -> list[Media]:
        """The media playlists that are not of I-frames."""
        return [m for m in self.media.values() if not m.is_iframes]


def load(start: str, fetch: Fetch) -> Stream:
    """Read a playlist (its URL, or its text) and everything below it.

    `fetch` gives the bytes of a URL and raises any exception when it can't.
    """
    text, url = (start, "") if "\n" in start or start.startswith("#EXT") else ("", start)
    stream = Stream(None, {})
    data = text or _fetched(stream, fetch, url)
    if data is None:
        return stream
    top = parse(data, url)
    if not top.is_multivariant:
        stream.media[url] = Media(top)
    else:
        stream.master = top
        for uri in _playlist_uris(top):
            address = joined(url, uri)
            if address not in stream.media:
                body = _fetched(stream, fetch, address)
                if body is not None:
                    stream.media[address] = Media(parse(body, address))
        _find_texts(stream, top)
    _load_media(stream, fetch)
    return stream


def _playlist_uris(master: Playlist) -> list[str]:
    tags = master.all("EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF")
    kinds = {"AUDIO", "VIDEO", "SUBTITLES", None}
    uris = [t.attributes["URI"] for t in tags if "URI" in t.attributes and t.attributes.get("TYPE") in kinds]
    return list(dict.fromkeys([v.uri for v in master.variants if v.uri] + uris))


def _find_texts(stream: Stream, master: Playlist) -> None:
    """Note which playlists are of subtitles."""
    for tag in master.all("EXT-X-MEDIA"):
        media = stream.resolve(tag.attributes.get("URI", "")) if tag.attributes.get("TYPE") == "SUBTITLES" else None
        if media is not None:
            media.is_subtitles = True


def _fetched(stream: Stream, fetch: Fetch, url: str) -> bytes | None:
    try:
        return fetch(url)
    except Exception as error:  # whatever the caller's client raises is one finding, not the end of the check
        stream.unreachable.append((url, f"It can't be fetched: {error}"))
        return None


def _load_media(stream: Stream, fetch: Fetch) -> None:
    inits: dict[tuple[str, ByteRange | None], InitSegment | None] = {}
    wanted: dict[str, list[tuple[Media, int]]] = {}
    for media in stream.media.values():
        encrypted = any(e.encrypted for e in media.playlist.segments)
        plain = not any(e.map_uri for e in media.playlist.segments)
        if encrypted or (not media.is_text and (plain or media.is_subtitles)):
            why = "encrypted" if encrypted else "not fMP4" if plain else "subtitles in fMP4"
            stream.notes.append(f"{media.url}: {why}, its media was not read.")
        for index, entry in enumerate(media.playlist.segments):
            init = None
            if entry.map_uri and not (encrypted or media.is_subtitles):
                key = (joined(media.url, entry.map_uri), entry.map_range)
                if key not in inits:
                    inits[key] = _read_init(stream, fetch, *key)
                init = inits[key]
            media.inits.append(init)
            wanted.setdefault(joined(media.url, entry.uri), []).append((media, index))
        media.facts = [None] * len(media.playlist.segments)
        media.sizes = [None] * len(media.playlist.segments)
        media.texts = [None] * len(media.playlist.segments)
    for url, uses in wanted.items():
        if not all(media.playlist.segments[index].gap for media, index in uses):
            _load_segment(stream, fetch, url, uses)


def _read_init(stream: Stream, fetch: Fetch, url: str, part: ByteRange | None) -> InitSegment | None:
    data = _fetched(stream, fetch, url)
    if data is None:
        return None
    if part is not None:
        data = data[part.offset or 0 : (part.offset or 0) + part.length]
    try:
        return InitSegment.parse(data)
    except VidComputeError as error:
        if _tracks(data) > 1:
            stream.several_tracks.append(url)
        else:
            stream.unreadable.append((url, error.detail))
        return None


def _tracks(data: bytes) -> int:
    try:
        moov = next(b for b in boxes(data) if b.kind == b"moov")
        return sum(b.kind == b"trak" for b in boxes(data, moov.body, moov.end))
    except (VidComputeError, StopIteration):
        return 0


def _load_segment(stream: Stream, fetch: Fetch, url: str, uses: list[tuple[Media, int]]) -> None:
    data = _fetched(stream, fetch, url)
    if data is None:
        return
    for media, index in uses:
        part, init = media.playlist.segments[index].byte_range, media.inits[index]
        offset = _offset(media, index) if part else 0
        piece = data[offset : offset + part.length] if part else data
        media.sizes[index] = len(piece)
        try:
            if media.is_text:
                media.texts[index] = webvtt.read_segment(piece)
            elif init is not None:
                media.facts[index] = _facts(piece, init, whole=not media.is_iframes)
        except VidComputeError as error:
            stream.unreadable.append((f"{media.url} line {media.playlist.segments[index].line}", error.detail))


def _offset(media: Media, index: int) -> int:
    """Where a byte range begins: as it says, or behind those before it (4.4.4.2)."""
    place = 0
    for distance, entry in enumerate(reversed(media.playlist.segments[: index + 1])):
        if entry.byte_range is None:
            break
        place += entry.byte_range.length if distance else 0
        if entry.byte_range.offset is not None:
            return place + entry.byte_range.offset
    return place


def _facts(data: bytes, init: InitSegment, *, whole: bool) -> SegmentFacts:
    """What a segment holds. An I-frame's byte range (not `whole`) may end in the middle of its mdat."""
    scan = scan_segment(data, init, partial=not whole)
    samples = [s for s in scan.samples if s.track_id == init.track_id]
    if not samples:
        raise container_invalid("The segment holds no frames.")
    first = samples[0]
    ticks = sum(s.duration for s in samples)
    start = min(s.pts for s in samples)
    return SegmentFacts(
        size_bytes=len(data),
        frames=len(samples),
        start=init.presentation(start),
        end=init.presentation(start + ticks),
        first_dts=first.dts,
        end_dts=first.dts + ticks,
        begins_with_key=first.sync,
        leading=start < first.pts,
        key_times=tuple(init.presentation(s.pts) for s in samples if s.sync),
        shortest_frame=Fraction(min(s.duration for s in samples), init.timescale),
        begins_with_moof=data[4:8] == b"moof",
        first_sample_whole=first.offset + first.size <= len(data),
    )
