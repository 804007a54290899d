"""What tests of webhooks work with: a leader that sends, receivers in this process, a clock that stands still."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from tests.fixtures.attempts import eventually
from tests.fixtures.receiving import InProcess
from tests.unit.engine.toys import ORG
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.webhooks import WebhookDeliveries
from vidcompute.services import webhooks
from vidcompute.services.webhooks import DeliveryPolicy, Webhook

URL = "https://receiver.test/hook"


@dataclass
class Clock:
    """A clock that stands still until a test sets it, in Unix milliseconds; rows that are made are due at once."""

    at_ms: int = field(default_factory=lambda: outbox.now_ms() + 60_000)

    def __call__(self) -> int:
        return self.at_ms


@dataclass
class Heard:
    """Implements `ports.outcomes.Outcomes`: everything that it was told of, in order."""

    told: list[tuple[str, ...]] = field(default_factory=list)
    published: int = 0

    def webhook_attempted(self, outcome: str, latency_ms: int) -> None:
        assert latency_ms >= 0
        self.told.append(("webhook", outcome))

    def mail_attempted(self, template: str, outcome: str) -> None:
        self.told.append(("mail", template, outcome))

    def events_published(self, count: int) -> None:
        self.published += count

    def broker_failed(self) -> None:
        self.told.append(("broker", "failed"))


@dataclass
class Bench:
    """The parts, and shortcuts."""

    db: Database
    receivers: InProcess
    clock: Clock
    lead: Leading
    policy: DeliveryPolicy
    heard: Heard = field(default_factory=Heard)

    async def create(self, url: str = URL, *, events: list[str] | None = None, **more: Any) -> Webhook:
        wanted = {"url": url, "events": events or ["asset.deleted"], "at_most": 100, **more}
        return await self.db.write(lambda conn: webhooks.create(conn, ORG, **wanted))

    async def happen(self, count: int = 1, *, kind: str = "asset.deleted") -> list[int]:
        """Emit events; their numbers."""

        def step(conn: Connection) -> list[int]:
            for _ in range(count):
                outbox.emit(conn, ORG, kind, "asset_1", {"asset_id": "asset_1", "job_ids": []})
            last = outbox.last_seq(conn)
            return list(range(last - count + 1, last + 1))

        return await self.db.write(step)

    def looked(self, conn: Connection) -> webhooks.Round:
        """What is to be sent now."""
        return webhooks.due(conn, self.clock(), {}, self.policy, "")

    async def pass_time(self, by_ms: int) -> None:
        self.clock.at_ms += by_ms
        await self.db.write(outbox.wake)

    async def deliveries(self, webhook: Webhook) -> list[webhooks.Delivery]:
        page = await self.db.read(webhooks.list_deliveries, ORG, webhook.id, limit=100, cursor=None)
        return list(reversed(page.items))

    async def until(self, webhook: Webhook, *statuses: str) -> list[webhooks.Delivery]:
        """Wait until its deliveries stand so, oldest first."""

        async def so() -> list[webhooks.Delivery] | None:
            found = await self.deliveries(webhook)
            return found if [delivery.status.value for delivery in found] == list(statuses) else None

        found: list[webhooks.Delivery] = await eventually(so)
        return found

    async def until_attempts(self, webhook: Webhook, count: int) -> webhooks.Delivery:
        """Wait until so many attempts at its only delivery are in the log."""

        async def made() -> webhooks.Delivery | None:
            found = await self.deliveries(webhook)
            return found[0] if found and len(found[0].attempts) >= count else None

        found: webhooks.Delivery = await eventually(made)
        return found

    async def read(self, webhook: Webhook) -> Webhook:
        return await self.db.read(webhooks.get, ORG, webhook.id)

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Meanwhile, a leader sends."""
        sending = WebhookDeliveries(self.db, lambda: self.receivers, self.policy, clock=self.clock, outcomes=self.heard)
        task = asyncio.create_task(sending.run(self.lead))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
