"""Text tracks: WebVTT and SubRip files that people bring, read into cues and written as WebVTT that is sound. Pure.

What is written is UTF-8 with one header, its cues in order, and in their texts no markup but WebVTT's own. Styles,
regions, comments and the names of cues are left out: a text track says what is said and when, and pages style it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from vidcompute.errors import refused

MEDIA_TYPE = "text/vtt; charset=utf-8"
LATEST_MS = 24 * 3600 * 1000  # twice as long as the longest source that is taken as a rule

_ARROW = "-->"
_MAP = "X-TIMESTAMP-MAP="
_SIGNATURE = re.compile(r"WEBVTT(?:[ \t\n]|\Z)")
_TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{1,2})[.,]([0-9]{1,3})"
_CLOCK = re.compile(_TIME)
_TIMING = re.compile(rf"\s*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t]+(.*))?\s*")
_SETTING = re.compile(
    r"vertical:(?:rl|lr)"
    r"|line:-?[0-9]{1,5}(?:\.[0-9]{1,5})?%?(?:,(?:start|center|end))?"
    r"|position:[0-9]{1,3}(?:\.[0-9]{1,5})?%(?:,(?:line-left|center|line-right))?"
    r"|size:[0-9]{1,3}(?:\.[0-9]{1,5})?%"
    r"|align:(?:start|center|end|left|right)"
)
# What stays of markup: WebVTT's tags (3.5.1 of its specification), times within a cue, and its character references.
_TOKEN = re.compile(
    r"(</?(?:b|i|u|c|v|lang|ruby|rt)(?:\.[\w-]{1,60}){0,9}(?:[ \t][^<>&]{0,200})?>"
    r"|<(?:[0-9]{2,4}:)?[0-5][0-9]:[0-5][0-9]\.[0-9]{3}>"
    r"|&(?:amp|lt|gt|lrm|rlm|nbsp);)"
    r"|[<>&]"
)
_ESCAPED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_SRT_STYLE = re.compile(r"</?font(?:\s[^<>]{0,300})?>|\{\\[^{}]{0,100}\}", re.IGNORECASE)
_SRT_TAG = re.compile(r"</?[biu]>", re.IGNORECASE)
_CONTROLS = {**dict.fromkeys((*range(32), *range(127, 160))), ord("\t"): " ", ord("\n"): "\n"}
_WINDOW_MS = 4000  # as long as segments are


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in milliseconds; `settings` say where. Lines are never empty, nor is the text."""

    start_ms: int
    end_ms: int
    text: str
    settings: str = ""

    def __str__(self) -> str:
        settings = f" {self.settings}" if self.settings else ""
        return f"{_clock(self.start_ms)} {_ARROW} {_clock(self.end_ms)}{settings}\n{self.text}\n"


@dataclass(frozen=True)
class Rates:
    """Bits a second of a track as it is delivered in segments: the highest of any, and on average."""

    peak_bps: int
    average_bps: int


def read(data: bytes) -> tuple[Cue, ...]:
    """The cues of a WebVTT or SubRip file, by start and end. What is never shown (no text, no time) is left out.

    Refused: `text_track_encoding`, `text_track_unknown`, `text_track_invalid` (with the line), `text_track_empty`.
    """
    text = _decoded(data)
    is_webvtt = _SIGNATURE.match(text) is not None
    if not is_webvtt and not any(_TIMING.fullmatch(line) for line in text.split("\n") if _ARROW in line):
        detail = "This is neither WebVTT (which begins with WEBVTT) nor SubRip (00:00:01,000 --> 00:00:02,500)."
        raise refused("text_track_unknown", detail)
    found = [cue for cue in (_webvtt(text) if is_webvtt else _subrip(text)) if cue is not None]
    if not found:
        raise refused(
            "text_track_empty", "No text is ever shown: there is no cue with a text and an end after its start."
        )
    return tuple(sorted(found, key=lambda cue: (cue.start_ms, cue.end_ms)))


def write(cues: Iterable[Cue], *, header: str = "") -> str:
    """A WebVTT file with these cues; `header` are further lines of its head, each with its line break."""
    return "\n".join((f"WEBVTT\n{header}", *map(str, cues)))


def segment(cues: Sequence[Cue], start_ms: int, end_ms: int) -> str:
    """One WebVTT segment: every cue that is shown at some time in `[start_ms, end_ms)`, with its own whole time.

    Times are those of the media, whose 0 is the 0 of cues (RFC 8216bis, 3.1.4).
    """
    shown = (cue for cue in cues if cue.start_ms < end_ms and cue.end_ms > start_ms)
    return write(shown, header=f"{_MAP}LOCAL:00:00:00.000,MPEGTS:0\n")


@dataclass(frozen=True)
class Segment:
    """A WebVTT segment as somebody made it: whether it begins as one, its X-TIMESTAMP-MAP ("" for none), its cues."""

    has_header: bool
    time_map: str
    cues: tuple[Cue, ...]

    @property
    def shift_ms(self) -> Fraction | None:
        """What is added to a cue's time for the time of the media (3.1.4); None where its map can't be read."""
        if not self.time_map:
            return Fraction(0)
        parts = dict(part.partition(":")[::2] for part in self.time_map.split(","))
        local, ticks = _CLOCK.fullmatch(parts.get("LOCAL", "")), parts.get("MPEGTS", "")
        local_ms = _time_ms(local.groups()) if local else None
        if local_ms is None or re.fullmatch("[0-9]{1,15}", ticks) is None or len(parts) != 2:
            return None
        return Fraction(int(ticks), 90) - local_ms


def read_segment(data: bytes) -> Segment:
    """A segment, of which nothing is left out. Refused: `text_track_encoding`, `text_track_invalid`."""
    text = _decoded(data)
    head = text.partition("\n\n")[0].split("\n")[1:]
    maps = [line.removeprefix(_MAP) for line in head if line.startswith(_MAP)]
    cues = tuple(cue for cue in _webvtt(text) if cue is not None)
    return Segment(_SIGNATURE.match(text) is not None, maps[0].strip() if maps else "", cues)


def rates(cues: Sequence[Cue]) -> Rates:
    """What the track needs when it is delivered in segments of four seconds."""
    head = len(segment((), 0, 1)) + 1
    changes: Counter[int] = Counter()
    for cue in cues:
        size_bytes = len(str(cue).encode()) + 1
        changes[cue.start_ms // _WINDOW_MS] += size_bytes
        changes[(cue.end_ms - 1) // _WINDOW_MS + 1] -= size_bytes
    places = sorted(changes)
    sizes = list(accumulate(changes[place] for place in places))
    spans = (after - before for before, after in pairwise(places))
    total = sum(size * span for size, span in zip(sizes, spans, strict=False))
    seconds = _WINDOW_MS // 1000
    peak, average = max(sizes, default=0), total // max(1, places[-1] if places else 0)
    return Rates(8 * (peak + head) // seconds, 8 * (average + head) // seconds)


def _clock(time_ms: int) -> str:
    seconds, ms = divmod(time_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


def _decoded(data: bytes) -> str:
    """The text with line feeds alone, and without characters that control something."""
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise refused("text_track_encoding", "The file is not UTF-8: save it with that encoding.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS).lstrip("\ufeff")


def _webvtt(text: str) -> Iterator[Cue | None]:
    """Cues are what follows a timing, up to an empty line; everything else is no cue's."""
    timing: tuple[int, int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate((*text.split("\n"), ""), 1):
        if _ARROW not in line and line:
            lines.append(line)
            continue
        if timing is not None:
            yield _cue(timing, map(_escaped, lines))
        timing, lines = (_timing(line, number) if line else None), []


def _subrip(text: str) -> Iterator[Cue | None]:
    """Cues are what follows a timing, up to the next one and its number; empty lines within are left out."""
    timing: tuple[int, int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if _ARROW not in line:
            lines.append(line)
            continue
        if timing is not None:
            yield _cue(timing, map(_subrip_text, _without_number(lines)))
        timing, lines = (*_timing(line, number)[:2], ""), []
    if timing is not None:
        yield _cue(timing, map(_subrip_text, lines))


def _without_number(lines: list[str]) -> list[str]:
    return lines[:-1] if lines and lines[-1].strip().isdecimal() else lines


def _cue(timing: tuple[int, int, str], lines: Iterable[str]) -> Cue | None:
    start_ms, end_ms, settings = timing
    text = "\n".join(line.strip() for line in lines if line.strip())
    return Cue(start_ms, end_ms, text, settings) if text and end_ms > start_ms else None


def _timing(line: str, number: int) -> tuple[int, int, str]:
    """Start, end and settings of a line with an arrow."""
    found = _TIMING.fullmatch(line)
    times = None if found is None else (_time_ms(found.groups()[:4]), _time_ms(found.groups()[4:8]))
    if found is None or times is None or None in times:
        detail = f"Line {number} can't be read as two times: {line.strip()[:80]!r}."
        raise refused("text_track_invalid", detail)
    start_ms, end_ms = (time for time in times if time is not None)
    if end_ms > LATEST_MS:
        raise refused(
            "text_track_invalid", f"Line {number} is about a time after the first day: {line.strip()[:80]!r}."
        )
    return start_ms, end_ms, " ".join(part for part in (found[9] or "").split() if _SETTING.fullmatch(part))


def _time_ms(parts: Sequence[str | None]) -> int | None:
    """Milliseconds of hours (or none), minutes, seconds and a fraction; None where there are more than 59 of them."""
    hours, minutes, seconds = (int(part or 0) for part in parts[:3])
    if minutes > 59 or seconds > 59:
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((parts[3] or "").ljust(3, "0"))


def _escaped(line: str) -> str:
    """A line whose markup is WebVTT's own: all other signs of markup are text."""
    return _TOKEN.sub(lambda found: found[1] or _ESCAPED[found[0]], line)


def _subrip_text(line: str) -> str:
    """A line of SubRip: bold, italic and underlined stay, fonts and places go, everything else is text."""
    plain = _SRT_STYLE.sub("", line)
    tags = [tag.lower() for tag in _SRT_TAG.findall(plain)]
    pieces = zip(_SRT_TAG.split(plain), [*tags, ""], strict=True)
    return "".join(_text_alone(piece) + tag for piece, tag in pieces)


def _text_alone(text: str) -> str:
    return _escaped(re.sub("[<>]", lambda found: _ESCAPED[found[0]], text))
