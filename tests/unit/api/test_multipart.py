"""Multipart forms: any cut of the body gives the same parts, and hostile forms are told as what they are."""

import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.api.multipart import FormEvent, PartBegins, PartData, PartEnds, boundary_of, form_events
from vidcompute.errors import VidComputeError

BOUNDARY = b"frontier"


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (BOUNDARY, head.encode(), data)
        for head, data in parts
    )
    return body + b"--%b--\r\n" % BOUNDARY


async def parsed(body: bytes, cuts: list[int] | None = None) -> list[tuple[str, str, bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        edges = [0, *sorted(c % (len(body) + 1) for c in cuts or []), len(body)]
        for start, end in itertools.pairwise(edges):
            yield body[start:end]

    found: list[tuple[str, str, bytes]] = []
    opened: list[FormEvent] = []
    async for event in form_events(pieces(), BOUNDARY):
        match event:
            case PartBegins(name, title):
                opened.append(event)
                found.append((name, title, b""))
            case PartData(data):
                found[-1] = (*found[-1][:2], found[-1][2] + bytes(data))
            case PartEnds():
                opened.pop()
    assert opened == []
    return found


TRICKY = b"\r\n--frontie\r\n--frontierX\r\n-\r\r\n--"


@given(st.binary(max_size=300), st.lists(st.integers(0, 2000), max_size=20))
async def test_any_cut_gives_the_same_parts(data: bytes, cuts: list[int]) -> None:
    parts = [("spec", "", b'{"outputs": ["hls"]}'), ("file", "clip.mp4", data + TRICKY + data)]
    body = form(('name="spec"', parts[0][2]), ('name="file"; filename="clip.mp4"', parts[1][2]))
    if b"--frontier" in data:
        return
    assert await parsed(body, cuts) == parts


async def test_an_empty_part_is_a_part() -> None:
    assert await parsed(form(('name="file"; filename="x"', b""))) == [("file", "x", b"")]


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ('name="file"; filename="../../etc/passwd"', "passwd"),
        ('name="file"; filename="映画\u202e.mp4"', "映画.mp4"),
        ('name="file"', ""),
    ],
)
async def test_a_file_name_is_data(head: str, title: str) -> None:
    assert await parsed(form((head, b"x"))) == [("file", title, b"x")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_cut"),
        (form(('name="file"', b"x"))[:-8], "body_cut"),
        (b"no form at all", "invalid_multipart"),
        (form(("filename=x", b"")), "invalid_multipart"),
        (b"--frontier\r\n\r\nx\r\n--frontier--\r\n", "invalid_multipart"),
        (b"--frontier\r\nContent-Disposition: attachment; name=a\r\n\r\n", "invalid_multipart"),
        (b"--frontier\r\nX: " + b"y" * 10_000, "invalid_multipart"),
        (b"--frontier\r\n" + b"X: y\r\n" * 100, "invalid_multipart"),
    ],
)
async def test_a_form_that_is_none_is_told(body: bytes, code: str) -> None:
    with pytest.raises(VidComputeError) as told:
        await parsed(body)
    assert told.value.code == code


@pytest.mark.parametrize(
    "declared", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 71]
)
def test_a_boundary_is_needed(declared: str) -> None:
    with pytest.raises(VidComputeError, match="invalid_multipart"):
        boundary_of(declared)
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
