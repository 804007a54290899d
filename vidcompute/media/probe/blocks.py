"""The block headers of a whole Matroska file (RFC 9559), read without touching what lies between them.

All clusters are walked at once, an element of each at a time, so that NumPy does the work. That is for files as muxers
write them: whatever is odd (unknown sizes, lost bytes, elements that don't belong there) is left to the demuxer.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcompute.media.probe.limits import Budget
from vidcompute.media.probe.structure import ebml_size
from vidcompute.media.probe.timeline import Flags, Ticks

_SEGMENT, _TRACKS, _CLUSTER, _CUES = (bytes.fromhex(name) for name in ("18538067", "1654ae6b", "1f43b675", "1c53bb6b"))
_TOP_LEVEL = {_TRACKS, _CLUSTER, _CUES} | {  # and: seek head, info, chapters, attachments, tags
    bytes.fromhex(name) for name in ("114d9b74", "1549a966", "1043a770", "1941a469", "1254c367")
}
_TRACK_ENTRY, _TRACK_NUMBER = b"\xae", b"\xd7"
_VOID, _CRC = 0xEC, 0xBF
_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, _BLOCK, _REFERENCE = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
_ALLOWED = np.zeros((2, 0x8000), dtype=np.bool_)
_ALLOWED[:, [_VOID, _CRC]] = True
_ALLOWED[0, [_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, 0xA7, 0xAB]] = True  # in a cluster; also: position, previous size
_ALLOWED[1, [_BLOCK, _REFERENCE, 0x9B, 0xA4, 0x75A1, 0x75A2]] = True  # in a group; also: duration, state, more, padding
_FEWEST_CLUSTERS = 12  # with fewer, walking them together gains nothing
_MOST_TOP_ELEMENTS = 100_000
_MOST_ELEMENTS = 6000  # in one cluster
_WORD_BYTES = 8

# By the first byte of an EBML number: how long it is (0: no number), the bits of its value, and what "unknown" is.
_LENGTH = np.array([0, *(9 - first.bit_length() for first in range(1, 256))], dtype=np.int64)
_MASK = np.array([(1 << 64 - int(n)) - 1 if n else 0 for n in _LENGTH], dtype=np.uint64)
_UNKNOWN = np.array([(1 << 7 * int(n)) - 1 for n in _LENGTH], dtype=np.int64)

Words = npt.NDArray[np.uint64]


class _OddError(Exception):
    """The file isn't laid out as muxers do; the demuxer knows better."""


@dataclass(frozen=True)
class Blocks:
    """Blocks in the order of the file, one frame each.

    `times` are in ticks without the codec's delay taken off; `keys` says whether they are marked as random access
    points; `places` is where their content begins, `sizes` its bytes, `heads` its first two (0 for what isn't there).
    """

    times: Ticks
    keys: Flags
    places: Ticks
    sizes: Ticks
    heads: npt.NDArray[np.uint16]

    def only(self, wanted: Flags) -> "Blocks":
        """Some of them."""
        return Blocks(*(column[wanted] for column in vars(self).values()))


class BlockIndex:
    """All blocks of a file that lies mapped in memory, by track."""

    def __init__(self, data: mmap.mmap, numbers: list[int], blocks: Blocks, tracks: Ticks, laced: Flags) -> None:
        self.data = data
        self._numbers = numbers
        self._blocks, self._tracks, self._laced = blocks, tracks, laced

    def __len__(self) -> int:
        return len(self._tracks)

    def track(self, place: int) -> Blocks | None:
        """The blocks of the track that is listed at `place`; None where there are none, or one holds several frames."""
        if place >= len(self._numbers):
            return None
        wanted = self._tracks == self._numbers[place]
        return None if not wanted.any() or self._laced[wanted].any() else self._blocks.only(wanted)


def block_index(path: Path, budget: Budget) -> BlockIndex | None:
    """The blocks of a Matroska file; None where it is short, has no cues, or is not laid out as muxers do."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        top = list(_top_level(data))
        clusters = np.array([(body, end) for name, body, end in top if name == _CLUSTER and end > body], dtype=np.int64)
        tracks = [(body, end) for name, body, end in top if name == _TRACKS]
        if len(clusters) < _FEWEST_CLUSTERS or len(tracks) != 1 or not any(name == _CUES for name, *_ in top):
            return None
        numbers = list(_track_numbers(data, *tracks[0]))
        words: Words = np.ndarray((len(data) - _WORD_BYTES + 1,), dtype=">u8", buffer=data, strides=(1,))
        return _sorted_out(data, words, numbers, _walked(words, clusters, budget))
    except (OSError, ValueError, OverflowError, _OddError):  # the first three: no room to map it, or nothing to map
        return None


def _top_level(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """The segment's elements: name, and where the content begins and ends."""
    size_bytes, used = ebml_size(data[4:12], 0)
    at = 4 + used + size_bytes
    size_bytes, used = ebml_size(data[at + 4 : at + 12], 0)
    if data[at : at + 4] != _SEGMENT or not used or at + 4 + used + size_bytes != len(data):
        raise _OddError
    for name, body, end in _children(data, at + 4 + used, len(data), name_bytes=4):
        if len(name) > 1 and name not in _TOP_LEVEL:
            raise _OddError
        yield name, body, end


def _children(data: mmap.mmap, at: int, end: int, *, name_bytes: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """The elements between two places, which they must fill; `name_bytes` is the length of what isn't filling."""
    for _ in range(_MOST_TOP_ELEMENTS):
        if at >= end:
            break
        long = name_bytes or 9 - data[at].bit_length()
        name = data[at : at + (1 if data[at] in {_VOID, _CRC} else long)]
        size_bytes, used = ebml_size(data[at + len(name) : at + len(name) + 8], 0)
        body = at + len(name) + used
        at = body + size_bytes
        if not used or size_bytes < 0 or at > end:
            raise _OddError
        yield name, body, at
    if at != end:
        raise _OddError


def _track_numbers(data: mmap.mmap, at: int, end: int) -> Iterator[int]:
    """The numbers of the tracks in the order in which they are listed, which is that of the demuxer's streams."""
    for name, body, entry_end in _children(data, at, end):
        if name == _TRACK_ENTRY:
            found = {inner: data[start:stop] for inner, start, stop in _children(data, body, entry_end)}
            yield int.from_bytes(found.get(_TRACK_NUMBER, b""), "big")


@dataclass(frozen=True)
class _Found:
    """The blocks of all clusters: where each begins, its size, its cluster's time, and its group's place (0: none).

    `references` are the places of the groups that need other frames.
    """

    places: Ticks
    sizes: Ticks
    times: Ticks
    groups: Ticks
    references: Ticks


def _walked(words: Words, clusters: Ticks, budget: Budget) -> _Found:
    """All blocks, by going through all clusters side by side."""
    at, end = clusters.T
    time, group, group_end = np.full(len(at), -1), np.zeros_like(at), np.zeros_like(at)
    found: list[tuple[Any, ...]] = []
    references: list[Ticks] = []
    for step in range(_MOST_ELEMENTS):
        if step % 64 == 0:
            budget.check()
        inside = at < group_end
        kind, body, size = _elements(words, at)
        after = body + size
        if bool((after > np.where(inside, group_end, end)).any()) or not _ALLOWED[inside.astype(np.intp), kind].all():
            raise _OddError
        blocks = (kind == _SIMPLE_BLOCK) | (kind == _BLOCK)
        if not blocks.all():
            stamps = kind == _TIMESTAMP
            if stamps.any():
                time = np.where(stamps, _whole_numbers(words, body, size, stamps), time)
            references.append(group[kind == _REFERENCE])
            groups = kind == _GROUP
            group, group_end = np.where(groups, at, group), np.where(groups, after, group_end)
            after = np.where(groups, body, after)
        found.append((body[blocks], size[blocks], time[blocks], np.where(inside, group, 0)[blocks]))
        going = after < end
        at = after
        if not going.all():
            at, end, time, group, group_end = (column[going] for column in (at, end, time, group, group_end))
            if not len(at):
                break
    else:
        raise _OddError
    places, sizes, times, groups = (np.concatenate(column) for column in zip(*found, strict=True))
    return _Found(places, sizes, times, groups, np.concatenate([*references, at[:0]]))


def _word(words: Words, at: Ticks) -> Words:
    """The eight bytes from each of these places on; zeros for what lies behind the file's end."""
    beyond = np.maximum(at - (len(words) - 1), 0)
    if not beyond.any():
        return words[at].astype(np.uint64)
    return words[at - beyond].astype(np.uint64) << (8 * beyond).astype(np.uint64)


def _elements(words: Words, at: Ticks) -> tuple[Ticks, Ticks, Ticks]:
    """What the elements at these places are, where their contents begin, and how long those are."""
    kind = (_word(words, at) >> 48).astype(np.int64)
    short = kind >= 0x8000
    kind = np.where(short, kind >> 8, kind)
    at = at + 2 - short
    word = _word(words, at)
    first = (word >> 56).astype(np.intp)
    used = _LENGTH[first]
    size = ((word & _MASK[first]) >> (64 - 8 * used).astype(np.uint64)).astype(np.int64)
    if not used.all() or bool((size == _UNKNOWN[first]).any()):
        raise _OddError
    return kind, at + used, size


def _whole_numbers(words: Words, body: Ticks, size: Ticks, wanted: Flags) -> Ticks:
    """The values of unsigned integers, where wanted."""
    lengths = size[wanted]
    if not bool(((lengths > 0) & (lengths <= _WORD_BYTES)).all()):
        raise _OddError
    values = np.zeros_like(body)
    values[wanted] = _word(words, body[wanted]) >> (64 - 8 * lengths).astype(np.uint64)
    return values


def _sorted_out(data: mmap.mmap, words: Words, numbers: list[int], found: _Found) -> BlockIndex:
    """What the blocks' own headers say (RFC 9559, 10.2): track, time, flags."""
    if not len(found.places):
        raise _OddError
    order = np.argsort(found.places)
    places, sizes, groups = found.places[order], found.sizes[order], found.groups[order]
    head = _word(words, places)
    first = (head >> 56).astype(np.int64)
    two = (first < 0x80).astype(np.int64)
    tracks = np.where(two > 0, (head >> 48).astype(np.int64) & 0x3FFF, first & 0x7F)
    head <<= (8 * two).astype(np.uint64)
    times = found.times[order] + (head >> 40).astype(np.uint16).view(np.int16)
    flags = (head >> 32).astype(np.int64) & 0xFF
    sizes -= 4 + two
    in_group = groups > 0
    wrong = (first < 0x40) | (sizes < 1) | (times < 0) | (found.times[order] < 0) | ~np.isin(tracks, numbers)
    if bool(wrong.any()) or len(np.unique(groups[in_group])) < int(in_group.sum()):
        raise _OddError
    heads = (head >> 16).astype(np.uint16)
    heads[sizes < 2] &= 0xFF00
    keys = np.where(in_group, ~np.isin(groups, found.references), flags & 0x80 > 0)
    blocks = Blocks(times, keys, places + 4 + two, sizes, heads)
    return BlockIndex(data, numbers, blocks, tracks, flags & 0x06 > 0)
