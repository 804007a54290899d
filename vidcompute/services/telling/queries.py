"""What is read to tell people: events, members and what they chose, jobs and who began them."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, func, select

from vidcompute.db import outbox
from vidcompute.db.outbox import Event
from vidcompute.db.schema import assets, audit, events, jobs, organizations
from vidcompute.db.schema_outgoing import mails
from vidcompute.db.schema_people import mail_choices, memberships, persons
from vidcompute.services.accounts import Role
from vidcompute.services.telling.models import Choice, News, Recipient, Video

_BATCH = 200
_TRANSACTION_MS = 60_000  # a deed is written down with its job, in one transaction that takes no longer


def news(conn: Connection, seq: int, types: Collection[str]) -> News:
    """The next events after `seq` of these types."""
    last = outbox.last_seq(conn)
    query = select(events).where(events.c.seq > seq, events.c.type.in_(sorted(types)))
    found = [Event(**row._mapping) for row in conn.execute(query.order_by(events.c.seq).limit(_BATCH))]
    if len(found) == _BATCH:
        return News(tuple(found), found[-1].seq, more=True)
    return News(tuple(found), max(seq, last))


def choices(conn: Connection, person_id: str) -> dict[str, Choice]:
    """What a person chose, by kind of mail."""
    query = select(mail_choices.c.kind, mail_choices.c.choice).where(mail_choices.c.person_id == person_id)
    return {row.kind: Choice(row.choice) for row in conn.execute(query)}


def recipients(conn: Connection, organization_id: str, kind: str, roles: Sequence[Role]) -> list[Recipient]:
    """The members with these roles whose mailbox is proved, and what each chose for this kind of mail."""
    query = (
        select(persons.c.id, persons.c.email, mail_choices.c.choice)
        .join(memberships, memberships.c.person_id == persons.c.id)
        .outerjoin(mail_choices, (mail_choices.c.person_id == persons.c.id) & (mail_choices.c.kind == kind))
        .where(memberships.c.organization_id == organization_id, persons.c.verified_ms.is_not(None))
        .where(memberships.c.role.in_([role.value for role in roles]))
        .order_by(persons.c.id)
    )
    return [Recipient(row.id, row.email, Choice(row.choice) if row.choice else None) for row in conn.execute(query)]


def organization_name(conn: Connection, organization_id: str) -> str:
    """What an organization is called."""
    return str(conn.execute(select(organizations.c.name).where(organizations.c.id == organization_id)).scalar_one())


def video(conn: Connection, job_id: str) -> Video | None:
    """What a job is about; None where it was deleted."""
    query = (
        select(assets.c.title, assets.c.playback_id, organizations.c.name, jobs.c.created_ms)
        .join(assets, assets.c.id == jobs.c.asset_id)
        .join(organizations, organizations.c.id == jobs.c.organization_id)
        .where(jobs.c.id == job_id)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Video(row.title or "Video", row.playback_id, row.name, row.created_ms)


def beginner(conn: Connection, job_id: str, created_ms: int) -> str | None:
    """The person who began a job; None where a key did, or where the audit log is not kept so long."""
    about = audit.c.created_ms.between(created_ms - _TRANSACTION_MS, created_ms + _TRANSACTION_MS)
    query = select(audit.c.actor_id).where(about, audit.c.subject_id == job_id, audit.c.action == "job.created")
    return conn.execute(query.where(audit.c.actor_kind == "person").limit(1)).scalar()


def told_since(conn: Connection, email: str, kinds: Collection[str], since_ms: int) -> int:
    """How many mails of these kinds were queued for a mailbox since then."""
    query = select(func.count()).select_from(mails).where(mails.c.created_ms >= since_ms, mails.c.recipient == email)
    return int(conn.execute(query.where(mails.c.template.in_(sorted(kinds)))).scalar_one())


def person_exists(conn: Connection, person_id: str) -> bool:
    """Whether there is such a person (still)."""
    return conn.execute(select(persons.c.id).where(persons.c.id == person_id)).first() is not None
