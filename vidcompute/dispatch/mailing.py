"""Sends mails that were queued, in the server that leads: each at least once, and its row says what came of it."""

import asyncio
from collections.abc import Callable

from vidcompute import logs
from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.db.outbox import now_ms
from vidcompute.dispatch.leading import Leading
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.mail import Mailer, Message
from vidcompute.ports.outcomes import UNHEARD, Outcomes
from vidcompute.services import mail
from vidcompute.services.mail import DueMail, MailStatus

log = logs.get("mail")
_AT_ONCE = 4
_LOOK_S = 5.0


class Mailing:
    """One server's part of it. `clock` gives Unix milliseconds; `outcomes` hears of each attempt."""

    def __init__(
        self, db: Database, mailer: Mailer, *, clock: Callable[[], int] = now_ms, outcomes: Outcomes = UNHEARD
    ) -> None:
        self._db = db
        self._mailer = mailer
        self._clock = clock
        self._outcomes = outcomes

    async def run(self, lead: Leading) -> None:
        """Go on until cancelled, or until another server leads (LeaseLostError)."""
        with self._db.subscribe(PATIENT_S, hears=lambda _kind: False) as woken:  # what is queued is no event
            while True:
                due = await self._db.read(mail.due, self._clock(), _AT_ONCE)
                if due:
                    await asyncio.gather(*(self._send(lead, item) for item in due))
                    continue
                next_ms = await self._db.read(mail.next_due_ms)
                wait_s = _LOOK_S if next_ms is None else (next_ms - self._clock()) / 1000
                await woken.wait(max(0.001, min(_LOOK_S, wait_s)))

    async def _send(self, lead: Leading, item: DueMail) -> None:
        try:
            await self._mailer.send(_message(item))
        except VidComputeError as error:
            log.warning("mail_not_sent", mail_id=item.id, template=item.template, code=error.code, detail=error.detail)
            await self._failed(lead, item, error)
        except Exception:  # a fault of ours, in a template say: the others are to be sent
            log.exception("mail_not_made", mail_id=item.id, template=item.template)
            fault = VidComputeError(Kind.INTERNAL, "mail_not_made", "The mail could not be made; see the log.")
            await self._failed(lead, item, fault)
        else:
            log.info("mail_sent", mail_id=item.id, template=item.template)
            self._outcomes.mail_attempted(item.template, "sent")
            await lead.write(mail.record_sent, item.id, self._clock())

    async def _failed(self, lead: Leading, item: DueMail, error: VidComputeError) -> None:
        status = await lead.write(mail.record_failure, item.id, error, self._clock())
        self._outcomes.mail_attempted(item.template, "failed" if status is MailStatus.FAILED else "postponed")


def _message(item: DueMail) -> Message:
    made = mail.render(item.template, item.values, item.unsubscribe)
    return Message(item.id, item.recipient, made.subject, made.text, made.html, item.unsubscribe)
