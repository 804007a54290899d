"""`vidctl doctor` proves Redis and the collector where they are set: by a message, by an empty batch."""

import asyncio
from pathlib import Path

from pydantic import SecretStr

from tests.fixtures.collector import Collector
from tests.fixtures.redis import RedisServer
from vidcompute.settings import Settings
from vidcompute.wiring.proving_aids import prove


async def _proved(settings: Settings) -> dict[str, tuple[bool | None, str]]:
    """In a thread of its own: the doctor begins an event loop."""
    return {proof.name: (proof.ok, proof.detail) for proof in await asyncio.to_thread(prove, settings)}


async def test_nothing_is_tried_that_is_not_set(tmp_path: Path) -> None:
    assert await _proved(Settings(data_dir=tmp_path)) == {}


async def test_what_works_is_told(tmp_path: Path, redis_server: RedisServer, collector: Collector) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=SecretStr(redis_server.url), otlp_endpoint=collector.url)
    assert await _proved(settings) == {
        "redis": (True, "carries messages from one connection to another"),
        "traces": (True, f"{collector.url} takes them"),
    }
    assert collector.spans == []
    with redis_server.client() as client:
        assert all(str(key).startswith("doctor:") for key in client.scan_iter())


async def test_what_is_away_is_told(tmp_path: Path, collector: Collector) -> None:
    collector.status = 401
    settings = Settings(data_dir=tmp_path, redis_url=SecretStr("redis://127.0.0.1:1/0"), otlp_endpoint=collector.url)
    found = await _proved(settings)
    assert found["redis"][0] is False
    assert "Redis is away" in found["redis"][1]
    assert found["traces"] == (False, f"{collector.url}/v1/traces answers 401")
