"""What is no request is told so as everything else is told: by a problem with a code."""

import asyncio
import json
import socket
from unittest.mock import Mock

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from vidcompute.api.protocol import LARGEST_HEAD_BYTES, LONGEST_ADDRESS_BYTES, HttpProtocol

HOST = b"Host: test\r\n"
LONG = b"/?" + b"a" * (LONGEST_ADDRESS_BYTES - 1)
LINE = b"GET / HTTP/1.1\r\n" + HOST


def filled(begin: bytes, filler: bytes) -> bytes:
    """A head that is one byte too large, so that all of it has been read when that is known."""
    return (begin + filler * LARGEST_HEAD_BYTES)[: LARGEST_HEAD_BYTES + 1]


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how long the query and the body were."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(scope['query_string'])} {len(body)}")(scope, receive, send)


async def answer(*sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to what is sent, read until the server closes the line."""
    config = Config(_length, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    await loop.connect_accepted_socket(lambda: HttpProtocol(config, ServerState(), {}), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        writer.write(b"".join(sent))
        async with asyncio.timeout(10):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET " + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "address_too_long"),
        (filled(b"GET /", b"a"), 414, "address_too_long"),
        (filled(LINE + b"X-Long: ", b"a"), 431, "head_too_large"),
        (filled(LINE, b"X: y\r\n"), 431, "head_too_large"),
        (b"no request at all\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", 400, "bad_request"),
        (LINE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
    ],
    ids=["address", "endless address", "endless header", "endless headers", "words", "NUL", "two lengths"],
)
async def test_what_can_not_be_read_is_a_problem(sent: bytes, status: int, code: str) -> None:
    got, headers, body = await answer(sent)
    problem = json.loads(body)
    assert (got, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"]
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"


async def test_an_address_of_the_longest_is_read() -> None:
    line = b"GET " + LONG[:-1] + b" HTTP/1.1\r\n"
    status, _, body = await answer(line, HOST, b"Connection: close\r\n\r\n")
    assert (status, body) == (200, f"{LONGEST_ADDRESS_BYTES - 2} 0".encode())


async def test_a_body_is_no_part_of_the_head() -> None:
    large = b"a" * (4 * LARGEST_HEAD_BYTES)
    length = f"Content-Length: {len(large)}\r\nConnection: close\r\n\r\n".encode()
    status, _, body = await answer(b"POST /?abc HTTP/1.1\r\n", HOST, length, large)
    assert (status, body) == (200, f"3 {len(large)}".encode())


async def test_what_a_body_leaves_in_a_block_is_no_part_of_the_head_after_it() -> None:
    config = Config(_length, http=HttpProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    protocol = HttpProtocol(config, ServerState(), {})
    line = Mock(spec=asyncio.Transport)
    line.is_closing.return_value = False
    protocol.connection_made(line)
    protocol.data_received(b"POST / HTTP/1.1\r\n" + HOST + f"Content-Length: {LARGEST_HEAD_BYTES}\r\n\r\n".encode())
    protocol.data_received(b"a" * LARGEST_HEAD_BYTES + LINE[:9])
    protocol.data_received(LINE[9:])
    line.write.assert_not_called()
    protocol.connection_lost(None)
