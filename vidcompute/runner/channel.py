"""JSON lines over a socket: what the runner's processes tell each other."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

MAX_LINE_BYTES = 64 * 2**20  # facts of a long video name each of its segments
_PIECE_BYTES = 256 * 1024


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as a line. ValueError or TypeError for what is not plain JSON (NaN among it)."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


class LineTooLongError(Exception):
    """The other side sent more than it may without an end of line."""


class LineReader:
    """Cuts what comes into messages. A line that is no JSON object raises ValueError or TypeError."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._pending = bytearray()
        self.ended = False

    def read(self) -> Iterator[dict[str, Any]]:
        """The messages that one read completes; `ended` is set when the other side has closed."""
        try:
            data = os.read(self.fd, _PIECE_BYTES)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        start = len(self._pending)
        self._pending += data
        while (end := self._pending.find(b"\n", start)) >= 0:
            message = json.loads(self._pending[:end])
            del self._pending[: end + 1]
            start = 0
            yield dict(message)
        if len(self._pending) > MAX_LINE_BYTES:
            raise LineTooLongError

    def one(self) -> dict[str, Any]:
        """Wait for the next message; EOFError when there is none. Only for a side that sends one and waits."""
        while not self.ended:
            for message in self.read():
                return message
        raise EOFError


class Sender:
    """Sends messages, each whole; BrokenPipeError when nobody listens any more."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.sending = False

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; waits while the other side is behind."""
        self.sending = True
        try:
            self._connection.sendall(encode(message))
        finally:
            self.sending = False
