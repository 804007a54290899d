"""Requests to the API as spans: the first of a job's trace, or one within the caller's own."""

import time
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from vidcompute.ports.tracing import Span, Tracing, begin, parse

_API = "/api/"


@dataclass(frozen=True)
class Traced:
    """Tells of requests; of those that bring no trace along, `ratio` (0 to 1) are recorded."""

    tracing: Tracing
    ratio: float = 1.0

    def begin(self, scope: Scope) -> "_Visit | None":
        """A request comes in: handlers find its context by `traceparent_of`. None for one that is no API's."""
        if not scope["path"].startswith(_API):
            return None
        given = Headers(scope=scope).get("traceparent")
        parent = given if parse(given) else None
        context = begin(parent, self.ratio)
        scope["state"]["traceparent"] = context
        return _Visit(self.tracing, context, parent, time.time() * 1000)


@dataclass(frozen=True)
class _Visit:
    tracing: Tracing
    context: str
    parent: str | None
    start_ms: float

    @property
    def id(self) -> str:
        """Of the trace, for log lines."""
        return self.context.split("-")[1]

    def end(self, scope: Scope, status: int, request_id: str) -> None:
        """The answer is out."""
        route = getattr(scope.get("route"), "path", "unmatched")
        attributes = {
            "http.request.method": scope["method"],
            "http.route": route,
            "http.response.status_code": status,
            "url.path": scope["path"],
            "vidcompute.request.id": request_id,
        }
        error = f"status {status}" if status >= 500 else ""
        name = f"{scope['method']} {route}"
        self.tracing.record(
            Span(self.context, self.parent, name, self.start_ms, time.time() * 1000, attributes, error, "server")
        )


def traceparent_of(request: Request) -> str | None:
    """The context of a request's span, for what it sets going; None where it is not traced."""
    found: str | None = getattr(request.state, "traceparent", None)
    return found
