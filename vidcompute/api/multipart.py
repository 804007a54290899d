"""Multipart forms, parsed while they arrive: pieces of parts in order, nothing kept but the parts' names."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vidcompute.errors import VidComputeError, invalid
from vidcompute.media.titles import title_of

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass(frozen=True)
class PartBegins:
    """A part named `name` begins; `title` is the sender's file name made harmless, empty where there is none."""

    name: str
    title: str


@dataclass(frozen=True)
class PartData:
    """Bytes of the part that began last."""

    data: bytes | memoryview


@dataclass(frozen=True)
class PartEnds:
    """The part that began last is whole."""


FormEvent = PartBegins | PartData | PartEnds


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart/form-data content type declares; `invalid_multipart` where there is none."""
    _, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise invalid(
            "invalid_multipart", "The content type multipart/form-data needs a boundary of 1 to 70 characters."
        )
    return boundary


class _Parser:
    """Turns the push parser's callbacks into events; they are taken off after each piece of the body."""

    def __init__(self, boundary: bytes) -> None:
        self.events: list[FormEvent] = []
        self.ended = False
        self._field = b""
        self._value = b""
        self._disposition = b""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._finish,
        }
        self._parser = MultipartParser(boundary, callbacks, max_header_count=8, max_header_size=4096)

    def feed(self, piece: bytes) -> list[FormEvent]:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise invalid("invalid_multipart", f"The body is no valid multipart form: {error}.") from error
        events, self.events = self.events, []
        return events

    def _begin(self) -> None:
        self._disposition = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(PartData(memoryview(data)[start:end]))

    def _end(self) -> None:
        self.events.append(PartEnds())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        kind, parameters = parse_options_header(self._disposition)
        name = parameters.get(b"name")
        if kind != b"form-data" or name is None:
            raise invalid("invalid_multipart", "Each part needs a Content-Disposition of form-data with a name.")
        title = title_of(parameters.get(b"filename", b"").decode("utf-8", "replace"))
        self.events.append(PartBegins(name.decode("utf-8", "replace")[:100], title))

    def _finish(self) -> None:
        self.ended = True


async def form_events(body: AsyncIterator[bytes], boundary: bytes) -> AsyncGenerator[FormEvent]:
    """The form's events while its body arrives. Raises `invalid_multipart`, or `body_cut` where the end is missing."""
    parser = _Parser(boundary)
    async for piece in body:
        for event in parser.feed(piece) if piece else ():
            yield event
    if not parser.ended:
        raise body_cut()


def body_cut() -> VidComputeError:
    """The error of a body that ends in its middle."""
    return invalid("body_cut", "The body ends before the form does: the line was cut, or its length is wrong.")
