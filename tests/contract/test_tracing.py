"""Traces reach a collector, and a collector that is away, slow or unwilling costs nothing."""

import asyncio
import time

import pytest

from tests.fixtures.attempts import eventually
from tests.fixtures.collector import Collector
from vidcompute.adapters import tracing_otlp
from vidcompute.adapters.tracing_otlp import OtlpTracing
from vidcompute.ports.tracing import Scalar, Span, begin, within


def span(name: str = "it", parent: str | None = None, ratio: float = 1.0) -> Span:
    attributes: dict[str, Scalar] = {"text": "ü", "whole": 7, "part": 0.5, "yes": True, "nothing": ""}
    return Span(begin(parent, ratio), parent, name, 1_700_000_000_000.0, 1_700_000_001_000.0, attributes)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing_otlp, "_EVERY_S", 0.01)


async def test_spans_arrive_as_they_were_told(collector: Collector) -> None:
    tracing = OtlpTracing(f"{collector.url}/", headers="X-Key=a%2Cb, x-other=c", version="1.2", instance="here")
    outer = span("outer")
    inner = Span(within(outer.context, "job_1"), outer.context, "inner", 5.0, 4.0, {}, "It broke.", "server")
    tracing.record(outer)
    tracing.record(inner)
    await eventually(lambda: len(collector.spans) == 2)
    one, two = collector.spans
    assert (one.trace, one.span, one.parent) == (outer.context[3:35], outer.context[36:52], "")
    assert (two.trace, two.parent) == (one.trace, one.span)
    assert one.attributes == {"text": "ü", "whole": 7, "part": 0.5, "yes": True}
    assert (one.start_ns, one.end_ns, one.error) == (1_700_000_000_000_000_000, 1_700_000_001_000_000_000, "")
    assert (two.start_ns, two.end_ns, two.error) == (5_000_000, 5_000_000, "It broke.")  # never back in time
    assert (one.kind, two.kind) == (1, 2)
    assert collector.paths[0] == "/v1/traces"
    assert collector.headers[0]["x-key"] == "a,b"
    assert collector.headers[0]["x-other"] == "c"
    about = {"service.name": "vidcompute", "service.version": "1.2", "service.instance.id": "here"}
    assert collector.resources[0] == about
    await tracing.close()


async def test_what_is_not_sampled_is_not_sent(collector: Collector) -> None:
    tracing = OtlpTracing(collector.url)
    tracing.record(span("left out", ratio=0.0))
    tracing.record(span("sent"))
    await eventually(lambda: collector.spans)
    await tracing.close()
    assert [told.name for told in collector.spans] == ["sent"]


async def test_the_end_sends_what_is_left(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing_otlp, "_EVERY_S", 60.0)
    tracing = OtlpTracing(collector.url)
    for number in range(1000):
        tracing.record(span(str(number)))
    await tracing.close()
    assert [told.name for told in collector.spans] == [str(number) for number in range(1000)]


async def test_where_nobody_listens_nothing_is_slowed_and_memory_is_bounded() -> None:
    tracing = OtlpTracing("http://127.0.0.1:1")
    template = span()
    began_s = time.monotonic()
    for _ in range(100_000):
        tracing.record(template)
    assert time.monotonic() - began_s < 2
    await eventually(lambda: tracing.fails > 1)
    assert tracing.waiting <= 4096
    began_s = time.monotonic()
    await tracing.close()
    assert time.monotonic() - began_s < 3


async def test_a_collector_that_comes_back_gets_what_was_kept(collector: Collector) -> None:
    collector.status = 503
    tracing = OtlpTracing(collector.url)
    for number in range(3):
        tracing.record(span(str(number)))
    await eventually(lambda: len(collector.paths) >= 2)
    assert collector.spans == []
    collector.status = 200
    await eventually(lambda: [told.name for told in collector.spans] == ["0", "1", "2"])
    await tracing.close()


async def test_what_a_collector_refuses_is_not_sent_again(collector: Collector) -> None:
    collector.status = 400
    tracing = OtlpTracing(collector.url)
    tracing.record(span("refused"))
    await eventually(lambda: collector.paths)
    await eventually(lambda: not tracing.waiting)
    collector.status = 200
    tracing.record(span("taken"))
    await eventually(lambda: collector.spans)
    await tracing.close()
    assert [told.name for told in collector.spans] == ["taken"]


async def test_a_collector_that_never_answers_does_not_hold_up_the_end() -> None:
    never = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tracing = OtlpTracing(f"http://127.0.0.1:{port}")
    tracing.record(span())
    began_s = time.monotonic()
    await tracing.close()
    assert time.monotonic() - began_s < 3
    never.set()
    server.close()
    await server.wait_closed()
