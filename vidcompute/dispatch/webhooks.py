"""Tells endpoints of events, in the server that leads: makes deliveries from the outbox, and sends those that are due.

Nothing that is kept here matters: where a server dies, the next one goes on from the rows, and sends again what no row
says was delivered. So each message arrives at least once, under one id.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import cursors
from vidcompute.db.engine import UNHURRIED_S, Database, Subscription
from vidcompute.db.lease import LeaseLostError
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.leading import Leading
from vidcompute.errors import VidComputeError
from vidcompute.ports.outcomes import UNHEARD, Outcomes
from vidcompute.ports.webhooks import WebhookSender
from vidcompute.services import webhooks
from vidcompute.services.webhooks import Attempt, DeliveryPolicy, Outgoing, Round

log = logs.get("webhooks")
_TOGETHER_S = 0.05  # events that come so close are looked at together; a place that is free again is filled at once
_LOOK_S = 5.0  # what a wake-up that was missed would have told is found by then
_SAVED_EVERY = 1000  # events of which nobody wants to hear; sooner it is not worth a write
_AGAIN_S = 5.0
_LONGEST_ERROR = 500


class WebhookDeliveries:
    """One server's part of it. `sender` is made when there is something to send; `clock` gives Unix milliseconds.

    `outcomes` hears of each attempt.
    """

    def __init__(
        self,
        db: Database,
        sender: Callable[[], WebhookSender],
        policy: DeliveryPolicy,
        *,
        clock: Callable[[], int] = now_ms,
        outcomes: Outcomes = UNHEARD,
    ) -> None:
        self._db = db
        self._sender = cache(sender)
        self._policy = policy
        self._clock = clock
        self._outcomes = outcomes
        self._under_way: dict[str, str] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._turn = ""
        self._freed = asyncio.Event()

    async def run(self, lead: Leading) -> None:
        """Go on until cancelled, or until another server leads (LeaseLostError)."""
        seq = saved = await self._db.read(cursors.read, webhooks.CURSOR)
        with self._db.subscribe(UNHURRIED_S) as woken:
            try:
                while True:
                    seq, saved = await self._follow(lead, seq, saved)
                    wait_s = await self._begin(lead, woken)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_TOGETHER_S):
                            await self._freed.wait()
                    await woken.wait(wait_s)
            finally:
                await self._stop()

    async def _follow(self, lead: Leading, seq: int | None, saved: int | None) -> tuple[int, int | None]:
        """Make deliveries of what happened since; how far that went, and how far a row says that it did."""
        while True:
            found = await self._db.read(webhooks.matched, seq or 0)
            if found.items or saved is None or found.seq - saved >= _SAVED_EVERY:
                await lead.write(webhooks.enqueue, found)
                saved = found.seq
            seq = found.seq
            if not found.more:
                return seq, saved

    async def _begin(self, lead: Leading, woken: Subscription) -> float:
        """Begin to send what is due, as far as there is room; in how many seconds to look again."""
        self._freed.clear()
        # As it is now: what ends while the database is read is waiting still in what is read.
        found = await self._db.read(self._due, self._clock(), dict(self._under_way))
        for item in found.items:
            self._under_way[item.id] = item.webhook_id
            self._turn = item.webhook_id
            task = asyncio.create_task(self._send(lead, item, woken), name=f"webhook-{item.id}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        wait_s = _LOOK_S if found.next_ms is None else (found.next_ms - self._clock()) / 1000
        return max(0.001, min(_LOOK_S, wait_s))

    def _due(self, conn: Connection, at_ms: int, under_way: Mapping[str, str]) -> Round:
        return webhooks.due(conn, at_ms, under_way, self._policy, self._turn)

    async def _send(self, lead: Leading, item: Outgoing, woken: Subscription) -> None:
        """One attempt, written down; one that can't be is made again after a while."""
        try:
            attempt = await self._attempt(item)
            self._outcomes.webhook_attempted(attempt.error_code or "delivered", attempt.latency_ms)
            await lead.write(webhooks.record, item.id, attempt, self._policy)
        except LeaseLostError:
            pass  # who leads now sends it again
        except Exception:  # the database is away, say
            log.exception("delivery_not_recorded", delivery_id=item.id, webhook_id=item.webhook_id)
            await asyncio.sleep(_AGAIN_S)
        finally:
            self._under_way.pop(item.id, None)
            self._freed.set()
            woken.wake()

    async def _attempt(self, item: Outgoing) -> Attempt:
        started_ms, began_s = self._clock(), time.monotonic()
        signed = webhooks.headers(item.secrets, item.id, started_ms // 1000, item.body)
        told = {name: value for name, value in signed.items() if name != "webhook-signature"}

        def ended(**outcome: Any) -> Attempt:
            latency_ms = round(1000 * (time.monotonic() - began_s))
            return Attempt(started_ms, latency_ms, item.url, told, **outcome)

        try:
            answer = await self._sender().post(item.url, signed, item.body.encode())
        except VidComputeError as error:
            return ended(error_code=error.code, error_detail=error.detail[:_LONGEST_ERROR])
        if 200 <= answer.status < 300:
            return ended(response_status=answer.status, response_body=answer.body)
        return ended(
            response_status=answer.status,
            response_body=answer.body,
            retry_after_ms=round(1000 * answer.retry_after_s),
            error_code="webhook_refused",
            error_detail=_why(answer.status),
        )

    async def _stop(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._under_way.clear()


def _why(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}: redirects are not followed, change the URL instead."
    return f"The receiver answered {status}, which is no success."
