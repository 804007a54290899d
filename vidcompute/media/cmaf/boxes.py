"""Boxes of the ISO base media file format (ISO/IEC 14496-12): finding them in bytes, and making them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vidcompute.errors import Kind, VidComputeError


def container_invalid(detail: str) -> VidComputeError:
    """Bytes that are not the MP4 they should be. Kind internal: it was one of our own processes that wrote them."""
    return VidComputeError(Kind.INTERNAL, "container_invalid", detail)


@dataclass(frozen=True)
class Box:
    """One box in a buffer: its type, and byte offsets in that buffer of its header, its body and its end."""

    kind: bytes
    start: int
    body: int
    end: int


def read_header(data: bytes | bytearray | memoryview, offset: int, limit: int) -> tuple[bytes, int, int] | None:
    """The header at `offset`: type, header length and box size in bytes; size 0 means "to the end of the file".

    None when fewer bytes than a header are there before `limit`. Raises container_invalid for an impossible size.
    Layout: ISO/IEC 14496-12, 4.2.
    """
    if limit - offset < 8:
        return None
    size, kind = struct.unpack_from(">I4s", data, offset)
    header = 8
    if size == 1:
        if limit - offset < 16:
            return None
        (size,) = struct.unpack_from(">Q", data, offset + 8)
        header = 16
    if size != 0 and size < header:
        raise container_invalid(f"A box of type {kind!r} says that it has {size} bytes.")
    return kind, header, size


def boxes(
    data: bytes | bytearray | memoryview, start: int = 0, end: int | None = None, *, cut_off: bytes | None = None
) -> Iterator[Box]:
    """The boxes in `data[start:end]`, in order. Raises container_invalid where one does not fit.

    A box of the type `cut_off` may be longer than the data: it ends where they do.
    """
    limit = len(data) if end is None else end
    offset = start
    while offset < limit:
        found = read_header(data, offset, limit)
        if found is None:
            raise container_invalid(f"{limit - offset} stray bytes stand where a box should begin.")
        kind, header, size = found
        stop = limit if size == 0 else offset + size
        if stop > limit and kind == cut_off:
            stop = limit
        if stop > limit:
            raise container_invalid(f"A box of type {kind!r} is longer than what holds it.")
        yield Box(kind, offset, offset + header, stop)
        offset = stop


def child(data: bytes | bytearray | memoryview, parent: Box, *path: bytes, skip: int = 0) -> Box | None:
    """The first box found by following `path` below `parent`; `skip` bytes stand before the parent's first child."""
    place = Box(parent.kind, parent.start, parent.body + skip, parent.end)
    for kind in path:
        for inner in boxes(data, place.body, place.end):
            if inner.kind == kind:
                place = inner
                break
        else:
            return None
    return place


def unpack(form: str, data: bytes | bytearray | memoryview, offset: int, end: int) -> tuple[int, ...]:
    """`struct.unpack_from` within `[offset, end)`. Raises container_invalid when the bytes are not there."""
    if offset + struct.calcsize(form) > min(end, len(data)):
        raise container_invalid("A box is shorter than its fields.")
    return struct.unpack_from(form, data, offset)


def make(kind: bytes, *parts: bytes | bytearray | memoryview) -> bytes:
    """A box of these parts; with a 64-bit size where 32 bits are too few."""
    size = 8 + sum(len(p) for p in parts)
    if size >= 1 << 32:
        return b"".join((struct.pack(">I4sQ", 1, kind, size + 8), *parts))
    return b"".join((struct.pack(">I4s", size, kind), *parts))


def make_full(kind: bytes, version: int, flags: int, *parts: bytes | bytearray | memoryview) -> bytes:
    """A full box: a box that begins with a version and 24 bits of flags."""
    return make(kind, struct.pack(">I", version << 24 | flags), *parts)
