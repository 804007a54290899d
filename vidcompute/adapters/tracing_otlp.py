"""Traces to an OpenTelemetry collector, by OTLP over HTTP; imported only where tracing is on."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from vidcompute import logs
from vidcompute.ports.tracing import Scalar, Span, parse

_log = logs.get("tracing")
_PATH = "/v1/traces"
_KINDS = {"server": WireSpan.SPAN_KIND_SERVER, "internal": WireSpan.SPAN_KIND_INTERNAL}
_KEPT = 4096  # spans that wait for the collector; the oldest go
_BATCH = 512
_TIMEOUT_S = 5.0
_EVERY_S = 1.0  # spans are sent together
_LONGEST_WAIT_S = 30.0  # between two tries where nobody listens
_CLOSE_S = 2.0


class OtlpTracing:
    """Implements `ports.tracing.Tracing` on one event loop. `endpoint` is the collector's base URL.

    `headers` is "name=value,…" with values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them.
    """

    def __init__(self, endpoint: str, *, headers: str = "", version: str = "", instance: str = "") -> None:
        about = {"service.name": "vidcompute", "service.version": version, "service.instance.id": instance}
        self._resource = Resource(attributes=_attributes(about))
        self._url = endpoint.rstrip("/") + _PATH
        self._client = httpx2.AsyncClient(timeout=_TIMEOUT_S, headers=_headers(headers))
        self._waiting: deque[Span] = deque(maxlen=_KEPT)
        self._some = asyncio.Event()
        self._closing = asyncio.Event()
        self.fails = 0  # tries in a row that the collector did not take
        self._sending = asyncio.create_task(self._send(), name="tracing")

    def record(self, span: Span) -> None:
        """See `Tracing.record`."""
        context = parse(span.context)
        if context is not None and context[2]:
            self._waiting.append(span)
            self._some.set()

    @property
    def waiting(self) -> int:
        """How many spans wait to be sent."""
        return len(self._waiting)

    async def _send(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_EVERY_S * 2**self.fails, _LONGEST_WAIT_S)):
                    await self._closing.wait()
            await self._flush()
            if self._closing.is_set():
                return

    async def _flush(self) -> None:
        """Send all that waits, as long as it is taken."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                answer = await self._post(batch)
                if answer.status_code in {429, 502, 503, 504}:
                    answer.raise_for_status()
            except httpx2.HTTPError as error:
                if not self.fails:
                    _log.warning("spans_not_sent", detail=str(error) or type(error).__name__)
                self.fails = min(self.fails + 1, 10)
                self._put_back(batch)
                return
            if answer.status_code >= 400:  # it will not take them another time either
                _log.warning("spans_refused", status=answer.status_code, spans=len(batch))
            self.fails = 0

    async def _post(self, batch: Iterable[Span]) -> httpx2.Response:
        headers = {"Content-Type": "application/x-protobuf"}
        return await self._client.post(self._url, content=self._encoded(batch), headers=headers)

    async def trouble(self) -> str | None:
        """See `Tracing.trouble`."""
        try:
            answer = await self._post(())
        except httpx2.HTTPError as error:
            return f"{self._url} can't be reached: {str(error) or type(error).__name__}"
        return None if answer.status_code < 400 else f"{self._url} answers {answer.status_code}"

    def _put_back(self, batch: list[Span]) -> None:
        """What came meanwhile is worth more than what is old."""
        room = _KEPT - len(self._waiting)
        self._waiting.extendleft(reversed(batch[-room:] if room else []))
        self._some.set()

    def _encoded(self, spans: Iterable[Span]) -> bytes:
        scope = ScopeSpans(scope=InstrumentationScope(name="vidcompute"), spans=[_wire(span) for span in spans])
        spans_of_ours = ResourceSpans(resource=self._resource, scope_spans=[scope])
        encoded: bytes = ExportTraceServiceRequest(resource_spans=[spans_of_ours]).SerializeToString()
        return encoded

    async def close(self) -> None:
        """See `Tracing.close`."""
        self._closing.set()
        self._some.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._sending  # what is on its way is not sent twice
        await self._client.aclose()


def _headers(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _wire(span: Span) -> WireSpan:
    context, parent = parse(span.context), parse(span.parent)
    assert context is not None, "`record` took it"
    code = Status.STATUS_CODE_ERROR if span.error else Status.STATUS_CODE_UNSET
    return WireSpan(
        trace_id=bytes.fromhex(context[0]),
        span_id=bytes.fromhex(context[1]),
        parent_span_id=bytes.fromhex(parent[1]) if parent else b"",
        flags=int(context[2]),
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=round(span.start_ms * 1e6),
        end_time_unix_nano=round(max(span.start_ms, span.end_ms) * 1e6),
        attributes=_attributes(span.attributes),
        status=Status(code=code, message=span.error),
    )


def _attributes(values: Mapping[str, Scalar]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(**_value(value))) for name, value in values.items() if value != ""]


def _value(value: Scalar) -> dict[str, Any]:
    if isinstance(value, bool):  # before int, which it is one of
        return {"bool_value": value}
    if isinstance(value, int):
        return {"int_value": value}
    return {"double_value": value} if isinstance(value, float) else {"string_value": value}
