"""From events to mails: each event is looked at once, in the transaction that queues what follows from it.

So a mail is queued once for each event, whatever is killed. What happens a hundred times an hour is told some times:
who wants to know more finds it in the lists.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db import cursors, outbox
from vidcompute.db.outbox import Event, now_ms
from vidcompute.errors import VidComputeError
from vidcompute.services import mail
from vidcompute.services.accounts import Role
from vidcompute.services.mail import Mail
from vidcompute.services.states import JobKind
from vidcompute.services.telling import queries
from vidcompute.services.telling.choosing import token_of
from vidcompute.services.telling.models import KINDS, Choice, News, Recipient, Teller

log = logs.get("telling")
CURSOR = "tellings"
_HOUR_MS = 3_600_000
_MOST_AN_HOUR = 20  # mails about jobs to one mailbox
_OF_JOBS = {"job.done": "job_finished", "job.failed": "job_failed"}
_WHO_LOOK_AFTER_IT = (Role.ADMIN, Role.OWNER)
_WHY_DISABLED = {"gone": "the receiver answered 410 Gone.", "failing": "for days, no delivery came through."}


def begin(conn: Connection) -> int:
    """How far events were looked at; at the very first start, all that were there."""
    seq = cursors.read(conn, CURSOR)
    if seq is None:
        seq = outbox.last_seq(conn)
        cursors.advance(conn, CURSOR, seq)
    return seq


def tell(conn: Connection, found: News, teller: Teller) -> int:
    """Queue the mails that follow from these events, and record that they were looked at; how many mails."""
    count = sum(_queue(conn, _MAKERS[event.type](conn, event, teller)) for event in found.items)
    cursors.advance(conn, CURSOR, found.seq)
    return count


def report(conn: Connection, organization_id: str, kind: str, values: Mapping[str, str], teller: Teller) -> int:
    """Queue a mail of this kind to who looks after an organization, in the caller's transaction; how many.

    That are owners and admins who want it; the operator where it has none with an address. `values` are those of the
    template without `organization`.
    """
    return _queue(conn, _to_who_looks_after_it(conn, organization_id, kind, values, teller))


def _queue(conn: Connection, items: Iterable[Mail]) -> int:
    count = 0
    for item in items:
        try:
            mail.queue(conn, item)
        except VidComputeError as error:  # an address that can't be one
            log.warning("mail_not_queued", template=item.template, code=error.code)
        else:
            count += 1
    return count


def _of_job(conn: Connection, event: Event, teller: Teller) -> Iterator[Mail]:
    if event.data["kind"] != JobKind.MEDIA:  # who asked for frames looks for them
        return
    kind = _OF_JOBS[event.type]
    found = queries.recipients(conn, event.organization_id, kind, list(Role))
    chosen = {one: one.choice or KINDS[kind].default for one in found}
    video = queries.video(conn, event.subject_id) if set(chosen.values()) - {Choice.OFF} else None
    if video is None:
        return
    values = {"title": video.title, "organization": video.organization}
    values["link"] = f"{teller.base_url}/watch/{video.playback_id}"
    if kind == "job_failed":
        values["reason"] = str(event.data.get("error_detail") or event.data.get("error_code") or "It failed.")
    beginner = queries.beginner(conn, event.subject_id, video.created_ms)
    for one, wanted in chosen.items():
        concerns = wanted is Choice.ALL or (wanted is Choice.OWN and one.person_id == beginner)
        if concerns and not _is_flooded(conn, one):
            yield _to(conn, one, kind, values, organization_id=event.organization_id, teller=teller)


def _is_flooded(conn: Connection, to: Recipient) -> bool:
    return queries.told_since(conn, to.email, _OF_JOBS.values(), now_ms() - _HOUR_MS) >= _MOST_AN_HOUR


def _of_webhook(conn: Connection, event: Event, teller: Teller) -> Iterator[Mail]:
    reason = str(event.data.get("reason"))
    values = {"url": str(event.data["url"]), "reason": _WHY_DISABLED.get(reason, reason)}
    yield from _to_who_looks_after_it(conn, event.organization_id, "endpoint_disabled", values, teller)


def _of_quota(conn: Connection, event: Event, teller: Teller) -> Iterator[Mail]:
    quota = str(event.data["quota"])
    values = {
        "limit": quota.removesuffix("_bytes").replace("_", " ").capitalize(),
        "used": _amount(quota, event.data["used"]),
        "most": _amount(quota, event.data["limit"]),
    }
    yield from _to_who_looks_after_it(conn, event.organization_id, "quota_near", values, teller)


def _amount(quota: str, amount: float) -> str:
    return f"{amount / 1e9:.1f} GB" if quota.endswith("_bytes") else f"{amount:g}"


def _to_who_looks_after_it(
    conn: Connection, organization_id: str, kind: str, values: Mapping[str, str], teller: Teller
) -> Iterator[Mail]:
    named = {**values, "organization": queries.organization_name(conn, organization_id)}
    found = queries.recipients(conn, organization_id, kind, _WHO_LOOK_AFTER_IT)
    for one in found:
        if (one.choice or KINDS[kind].default) is not Choice.OFF:
            yield _to(conn, one, kind, named, organization_id=organization_id, teller=teller)
    if not found and teller.operator is not None:
        yield Mail(teller.operator, kind, named, organization_id)


def _to(
    conn: Connection, one: Recipient, kind: str, values: Mapping[str, str], *, organization_id: str, teller: Teller
) -> Mail:
    end = f"{teller.base_url}/account/unsubscribe?token={token_of(conn, one.person_id, kind)}"
    return Mail(one.email, kind, values, organization_id, end)


_MAKERS: Mapping[str, Callable[[Connection, Event, Teller], Iterator[Mail]]] = {
    "job.done": _of_job,
    "job.failed": _of_job,
    "quota.near": _of_quota,
    "webhook.disabled": _of_webhook,
}
TYPES = frozenset(_MAKERS)
"""The types of events that mails follow from."""
