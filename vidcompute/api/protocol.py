"""uvicorn's HTTP/1.1, with problem details for requests that can't be parsed or whose head is too large."""

import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from vidcompute import logs
from vidcompute.api.middleware import API_POLICY, SECURITY_HEADERS
from vidcompute.api.problems import MEDIA_TYPE, problem_document
from vidcompute.errors import VidComputeError, invalid
from vidcompute.ids import new_id

_log = logs.get(__name__)
LONGEST_ADDRESS_BYTES = 65_535  # the parser counts them in 16 bits
LARGEST_HEAD_BYTES = 256 * 1024  # the parser holds all headers in memory until it has the last one


class HttpProtocol(HttpToolsProtocol):
    """One connection. What is no request is answered by a problem, and the connection is closed.

    `address_too_long` (414), `head_too_large` (431), `bad_request` (400).
    """

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.url = b""
        self._in_head = False
        self._head_bytes = 0

    def on_message_begin(self) -> None:
        """See uvicorn."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """See uvicorn."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See uvicorn."""
        self._head_bytes = 0  # of the next one; what may have come of it in this block is not counted
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """See uvicorn."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > LARGEST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(invalid("head_too_large", f"The headers of a request may have {LARGEST_HEAD_BYTES} bytes."))

    def send_400_response(self, msg: str) -> None:
        """See uvicorn."""
        del msg
        self._refuse(invalid("bad_request", "This is no HTTP request that can be read."))

    def _refuse(self, error: VidComputeError) -> None:
        if len(self.url) > LONGEST_ADDRESS_BYTES:
            detail = f"An address may have {LONGEST_ADDRESS_BYTES} bytes, with all that follows its question mark."
            error = invalid("address_too_long", detail)
        request_id = new_id("req")
        problem = problem_document(error, request_id)
        body = json.dumps(problem).encode()
        headers = {
            **SECURITY_HEADERS,
            "Content-Security-Policy": API_POLICY,
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Request-Id": request_id,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem["status"]] + lines.encode() + b"\r\n" + body)
        self.transport.close()
        _log.info("request_unreadable", code=error.code, request_id=request_id)
