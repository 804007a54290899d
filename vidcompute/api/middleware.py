"""What happens around every request: an id, security headers, one log line, metrics, and a last catch for faults.

Pure ASGI: bodies pass through untouched, piece by piece.
"""

import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidcompute import logs, scrubbing
from vidcompute.api.delivered import Delivered
from vidcompute.api.files import CORS_HEADERS, PREFLIGHT_HEADERS
from vidcompute.api.metrics import Metrics
from vidcompute.api.problems import internal_error, problem_response
from vidcompute.api.tracing import Traced
from vidcompute.db import acting
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import new_id

_log = logs.get(__name__)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PUBLIC = ("/stream/", "/image/", "/oembed", "/watch/", "/embed/")
_OPEN = ("/stream/", "/image/", "/oembed")  # for pages of every site, which are told as well why something is not there
_GONE = 499  # the client went away before there was an answer
# Metrics have a line for each of these; who makes up others gets none of their own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/health", "/ready", "/metrics"})

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Around:
    """The outermost layer of the application, whose state has its parts: `metrics`, `delivered`, `traced`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        visit = _Visit(scope, send, request_id)
        traced: Traced | None = scope["app"].state.traced
        metrics: Metrics = scope["app"].state.metrics
        trace = traced.begin(scope) if traced else None
        metrics.http_in_flight.inc()
        ids = {"request_id": request_id, **({"trace_id": trace.id} if trace else {})}
        scrubbing.begin()
        with acting.nobody(), logs.bound(**ids):
            try:
                await self._answer(scope, receive, visit)
            finally:
                metrics.http_in_flight.dec()
                self._note(scope, visit, metrics)
                if trace is not None and not visit.streams:
                    trace.end(scope, visit.status or _GONE, request_id)

    async def _answer(self, scope: Scope, receive: Receive, visit: "_Visit") -> None:
        if scope["method"] == "OPTIONS" and scope["path"].startswith(_PUBLIC):
            await Response(status_code=204, headers=dict(PREFLIGHT_HEADERS))(scope, receive, visit.send)
            return
        refused = _without_place(scope)
        if refused is not None:
            await problem_response(refused, visit.request_id)(scope, receive, visit.send)
            return
        try:
            await self._app(scope, receive, visit.send)
        except Exception:
            _log.exception("request_broke", method=scope["method"], path=scope["path"])
            if visit.status:
                raise  # the answer has begun: only cutting the line can tell
            response = problem_response(internal_error(), visit.request_id)
            await response(scope, receive, visit.send)

    @staticmethod
    def _note(scope: Scope, visit: "_Visit", metrics: Metrics) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        status = visit.status or _GONE
        duration_s = time.monotonic() - visit.started_s
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics.http_requests.labels(method, route, str(status)).inc()
        if not visit.streams:
            metrics.http_duration_s.labels(method, route).observe(duration_s)
        told = {"method": scope["method"], "path": scope["path"], "status": status}
        _bill(scope, visit.sent_bytes, metrics)
        viewer_id = scope.get("state", {}).get("viewer_id")
        if viewer_id is not None:
            told["viewer_id"] = viewer_id
        line = _log.debug if scope["path"] in _QUIET else _log.info
        line("request", **told, duration_ms=round(duration_s * 1000, 1), sent_bytes=visit.sent_bytes)


def _without_place(scope: Scope) -> VidComputeError | None:
    """The error of an address with the character U+0000, which PostgreSQL has no place for."""
    if "\x00" in scope["path"]:
        return VidComputeError(Kind.NOT_FOUND, "no_such_route", "Nothing has an address with the character U+0000.")
    if b"%00" in scope["query_string"]:
        return invalid("invalid_request", "A query may not contain the character U+0000.")
    return None


def _bill(scope: Scope, sent_bytes: int, metrics: Metrics) -> None:
    owner = scope.get("state", {}).get("delivered_for")
    if owner and sent_bytes:
        delivered: Delivered = scope["app"].state.delivered
        delivered.count(owner, sent_bytes)
        metrics.delivered_bytes.inc(sent_bytes)


class _Visit:
    """One request on its way through: adds headers to its answer and remembers what was sent."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._api = scope["path"].startswith(("/api/", "/health", "/ready", "/metrics"))
        self._open = scope["path"].startswith(_OPEN)
        self._send = send
        self.request_id = request_id
        self.started_s = time.monotonic()
        self.status = 0
        self.sent_bytes = 0
        self.streams = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            for name, value in {**SECURITY_HEADERS, **(CORS_HEADERS if self._open else {})}.items():
                headers.setdefault(name, value)
            if self._api:
                headers.setdefault("Content-Security-Policy", API_POLICY)
                headers.setdefault("Cache-Control", "no-store")
            self.streams = headers.get("content-type", "").startswith("text/event-stream")
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The id that the client gave, where it is a harmless one; else a fresh one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else new_id("req")
