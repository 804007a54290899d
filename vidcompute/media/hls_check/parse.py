"""Playlists as data. Reading never fails: what is wrong is kept for the rules to tell of."""

import re
from dataclasses import dataclass, field
from fractions import Fraction

_ATTRIBUTE = re.compile(r'\s*([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^",]*)(,|$)')
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_WHOLE = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"([0-9]{1,18})(?:@([0-9]{1,18}))?")

LISTS = frozenset(
    {
        *("EXT-X-MAP", "EXT-X-KEY", "EXT-X-START", "EXT-X-DEFINE", "EXT-X-MEDIA", "EXT-X-STREAM-INF"),
        *("EXT-X-I-FRAME-STREAM-INF", "EXT-X-SESSION-DATA", "EXT-X-SESSION-KEY", "EXT-X-DATERANGE"),
    }
)
MULTIVARIANT_TAGS = frozenset(
    {
        *("EXT-X-MEDIA", "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF"),
        *("EXT-X-SESSION-DATA", "EXT-X-SESSION-KEY", "EXT-X-CONTENT-STEERING"),
    }
)
MEDIA_TAGS = frozenset(
    {
        *("EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-ENDLIST"),
        *("EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY", "EXT-X-PART-INF", "EXT-X-SERVER-CONTROL"),
    }
)
SEGMENT_TAGS = frozenset(
    {
        *("EXTINF", "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP"),
        *("EXT-X-PROGRAM-DATE-TIME", "EXT-X-GAP", "EXT-X-BITRATE", "EXT-X-PART"),
    }
)


@dataclass(frozen=True)
class Tag:
    """One line that begins with #EXT. `attributes` have their quotes removed; `quoted` names those that had them."""

    line: int
    name: str
    value: str
    attributes: dict[str, str] = field(default_factory=dict)
    quoted: frozenset[str] = frozenset()
    problem: str = ""

    def number(self, name: str) -> Fraction | None:
        """A decimal attribute, or None where it is missing or no number."""
        text = self.attributes.get(name, "")
        return Fraction(text) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True)
class ByteRange:
    """A part of a resource: where it begins (None: behind the one before) and how long it is, in bytes."""

    offset: int | None
    length: int


@dataclass(frozen=True)
class SegmentEntry:
    """One segment as a media playlist lists it. `seconds` is None where EXTINF is missing or no number."""

    line: int
    uri: str
    seconds: Fraction | None
    byte_range: ByteRange | None
    map_uri: str | None
    map_range: ByteRange | None
    discontinuity: bool
    gap: bool
    encrypted: bool


@dataclass(frozen=True)
class Variant:
    """An EXT-X-STREAM-INF tag and the URI on the line behind it ("" where there is none)."""

    tag: Tag
    uri: str


@dataclass(frozen=True)
class Playlist:
    """A playlist of either kind, as it was read. `text_problem` says what is wrong with its characters."""

    url: str
    lines: tuple[str, ...]
    tags: tuple[Tag, ...]
    variants: tuple[Variant, ...]
    segments: tuple[SegmentEntry, ...]
    text_problem: str = ""

    def all(self, *names: str) -> list[Tag]:
        """The tags with one of these names, in order."""
        return [tag for tag in self.tags if tag.name in names]

    def first(self, name: str) -> Tag | None:
        """The first tag with this name."""
        return next((tag for tag in self.tags if tag.name == name), None)

    @property
    def is_multivariant(self) -> bool:
        """Whether it has a tag that only multivariant playlists have."""
        return any(tag.name in MULTIVARIANT_TAGS for tag in self.tags)

    @property
    def version(self) -> int:
        """The version it declares; 1 where it does not."""
        tag = self.first("EXT-X-VERSION")
        return int(tag.value) if tag and _WHOLE.fullmatch(tag.value) else 1

    @property
    def target_s(self) -> int | None:
        """The target duration, where it has one that is a number."""
        tag = self.first("EXT-X-TARGETDURATION")
        return int(tag.value) if tag and _WHOLE.fullmatch(tag.value) else None

    @property
    def duration_s(self) -> Fraction:
        """The sum of its EXTINF durations."""
        return sum((s.seconds for s in self.segments if s.seconds is not None), Fraction(0))


def parse(data: bytes | str, url: str = "") -> Playlist:
    """Read a playlist. `url` is kept for resolving URIs and for messages."""
    text, problem = _decode(data)
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    tags = tuple(_tag(number, line) for number, line in enumerate(lines, 1) if line.startswith("#EXT"))
    by_line = {tag.line: tag for tag in tags}
    return Playlist(url, lines, tags, tuple(_variants(lines, by_line)), tuple(_segments(lines, by_line)), problem)


def _decode(data: bytes | str) -> tuple[str, str]:
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    problem = ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text, problem = data.decode("utf-8", "replace"), "It is not UTF-8."
    if text.startswith("\ufeff"):
        text, problem = text[1:], "It begins with a byte order mark."
    if any((ord(c) < 32 and c not in "\r\n") or 127 <= ord(c) < 160 for c in text):
        problem = problem or "It has control characters."
    return text, problem


def _tag(line: int, text: str) -> Tag:
    name, _, value = text[1:].partition(":")
    name = name.strip()
    if name not in LISTS:
        return Tag(line, name, value.strip())
    attributes: dict[str, str] = {}
    quoted = set()
    place, problem = 0, ""
    while place < len(value):
        match = _ATTRIBUTE.match(value, place)
        if match is None:
            problem = f"The attribute list can't be read from {value[place : place + 30]!r} on."
            break
        key, content = match[1], match[2]
        if key in attributes:
            problem = f"The attribute {key} stands there twice."
        if content.startswith('"'):
            quoted.add(key)
        attributes[key] = content.strip('"')
        place = match.end()
    return Tag(line, name, value, attributes, frozenset(quoted), problem)


def _variants(lines: tuple[str, ...], tags: dict[int, Tag]) -> list[Variant]:
    found = []
    for number, tag in tags.items():
        if tag.name == "EXT-X-STREAM-INF":
            following = (line.strip() for line in lines[number:])
            uri = next((line for line in following if line), "")
            found.append(Variant(tag, "" if uri.startswith("#") else uri))
    return found


def byte_range(text: str) -> ByteRange | None:
    """`n[@o]` as a range; None for anything else."""
    match = _RANGE.fullmatch(text.strip())
    return ByteRange(int(match[2]) if match[2] else None, int(match[1])) if match else None


class _SegmentState:
    """The tags that apply to the next segment, and those that stay."""

    def __init__(self) -> None:
        self.map_uri: str | None = None
        self.map_range: ByteRange | None = None
        self.encrypted = False
        self.clear()

    def clear(self) -> None:
        self.seconds: Fraction | None = None
        self.byte_range: ByteRange | None = None
        self.discontinuity = False
        self.gap = False

    def take(self, tag: Tag) -> None:
        if tag.name == "EXTINF":
            text = tag.value.split(",", 1)[0].strip()
            self.seconds = Fraction(text) if _NUMBER.fullmatch(text) else None
        elif tag.name == "EXT-X-BYTERANGE":
            self.byte_range = byte_range(tag.value)
        elif tag.name == "EXT-X-MAP":
            self.map_uri = tag.attributes.get("URI")
            self.map_range = byte_range(tag.attributes.get("BYTERANGE", ""))
        elif tag.name == "EXT-X-KEY":
            self.encrypted = tag.attributes.get("METHOD") != "NONE"
        else:
            self.discontinuity |= tag.name == "EXT-X-DISCONTINUITY"
            self.gap |= tag.name == "EXT-X-GAP"


def _segments(lines: tuple[str, ...], tags: dict[int, Tag]) -> list[SegmentEntry]:
    if any(tag.name in MULTIVARIANT_TAGS for tag in tags.values()):
        return []
    found = []
    state = _SegmentState()
    for number, line in enumerate(lines, 1):
        tag = tags.get(number)
        if tag is not None:
            state.take(tag)
        elif line.strip() and not line.startswith("#"):
            found.append(
                SegmentEntry(
                    number,
                    line.strip(),
                    state.seconds,
                    state.byte_range,
                    state.map_uri,
                    state.map_range,
                    state.discontinuity,
                    state.gap,
                    state.encrypted,
                )
            )
            state.clear()
    return found
