"""What is read about a person, wherever it stands.

A table with a column `person_id` is theirs: a new one is exported, and erased with the account, without a word here.
What stands in tables of others is found by the person's identifier and by every address that they had.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, String, Table, cast, exists, func, or_, select

from vidcompute.db.schema import assets, audit, events, metadata, organizations, uploads
from vidcompute.db.schema_outgoing import deliveries, mails
from vidcompute.db.schema_people import invitations, memberships, persons
from vidcompute.errors import not_found
from vidcompute.services.accounts import Role
from vidcompute.services.assets.queries import LIVING
from vidcompute.services.privacy.models import ERASED, Home, Mentions, Subject

AnyRow = Row[*tuple[Any, ...]]

WITHHELD = frozenset({"digest", "code_digest", "password", "salt", "values", "unsubscribe"})
"""Columns that are not exported: digests of secrets, what secrets are made from, and what links in mails open."""
_OF_OTHERS = (audit, events, mails, invitations)


def by_email(conn: Connection, email: str) -> str:
    """The identifier of who has this address; `person_not_found`."""
    found = conn.execute(select(persons.c.id).where(persons.c.email == email)).scalar()
    if found is None:
        raise not_found("person", email)
    return str(found)


def subject(conn: Connection, person_id: str) -> Subject:
    """Who is to be shown, or erased; `person_not_found`."""
    email = conn.execute(select(persons.c.email).where(persons.c.id == person_id)).scalar()
    if email is None:
        raise not_found("person", person_id)
    mine = select(audit.c.actor).where(audit.c.actor_kind == "person", audit.c.actor_id == person_id).distinct()
    had = {str(email), *conn.execute(mine).scalars()} - {ERASED}
    others = select(persons.c.email).where(persons.c.email.in_(sorted(had)), persons.c.id != person_id)
    return Subject(person_id, str(email), tuple(sorted(had - set(conn.execute(others).scalars()))))


def own_tables() -> list[Table]:
    """The tables whose rows belong to persons."""
    return [table for table in metadata.sorted_tables if "person_id" in table.c]


def tables() -> list[Table]:
    """The tables that tell of persons: the persons', their own, and those of others."""
    return [persons, *own_tables(), *_OF_OTHERS]


def _about(table: Table, of: Subject) -> ColumnElement[bool]:
    if table is persons:
        return persons.c.id == of.person_id
    if table is audit:
        return or_(audit.c.actor_id == of.person_id, audit.c.subject_id == of.person_id, _names(audit.c.data, of))
    if table is events:
        return or_(events.c.subject_id == of.person_id, _names(events.c.data, of))
    if table is mails:
        return mails.c.recipient.in_(of.addresses)
    if table is invitations:
        return invitations.c.email.in_(of.addresses)
    return table.c.person_id == of.person_id


def _names(document: ColumnElement[Any], of: Subject) -> ColumnElement[bool]:
    """Whether a document, or a JSON text, has one of the person's addresses as a text of its own."""
    text = cast(document, String)
    return or_(*(text.contains(f'"{address}"', autoescape=True) for address in of.addresses))


def _key(table: Table) -> Column[Any]:
    """What tells apart the rows of a table that are about one person."""
    keys: Sequence[Column[Any]] = list(table.primary_key.columns)
    return next((key for key in keys if key.name != "person_id"), keys[0])


def rows(conn: Connection, table: Table, of: Subject, after: Any, limit: int) -> tuple[list[AnyRow], Any]:
    """Up to `limit` rows about a person, and where to go on after them; None where there are no more."""
    key = _key(table)
    shown = [column for column in table.c if column.name not in WITHHELD]
    query = select(*shown, key.label("row_key")).where(_about(table, of)).order_by(key).limit(limit + 1)
    found = list(conn.execute(query if after is None else query.where(key > after)))
    return found[:limit], found[limit - 1].row_key if len(found) > limit else None


def mentions(conn: Connection, of: Subject, since_ms: int = 0) -> Mentions:
    """The rows of others that tell of a person and were made since then. It looks at all of them: it takes a while."""

    def keys(table: Table, about: ColumnElement[bool]) -> tuple[Any, ...]:
        query = select(_key(table)).where(table.c.created_ms >= since_ms, about)
        return tuple(conn.execute(query.order_by(_key(table))).scalars())

    told = or_(_names(mails.c["values"], of), mails.c.recipient.in_(of.addresses))
    return Mentions(
        audit=keys(audit, _about(audit, of)),
        events=keys(events, _about(events, of)),
        deliveries=keys(deliveries, _names(deliveries.c.body, of)),
        mails=keys(mails, told),
    )


def audit_rows(conn: Connection, ids: Iterable[str]) -> list[AnyRow]:
    """Entries of the audit log (id, actor_id, data)."""
    return list(conn.execute(select(audit.c.id, audit.c.actor_id, audit.c.data).where(audit.c.id.in_(list(ids)))))


def event_rows(conn: Connection, seqs: Iterable[int]) -> list[AnyRow]:
    """Events (seq, data)."""
    return list(conn.execute(select(events.c.seq, events.c.data).where(events.c.seq.in_(list(seqs)))))


def mail_rows(conn: Connection, ids: Iterable[str]) -> list[AnyRow]:
    """Mails (id, recipient, values)."""
    columns = (mails.c.id, mails.c.recipient, mails.c["values"])
    return list(conn.execute(select(*columns).where(mails.c.id.in_(list(ids)))))


def homes(conn: Connection, person_id: str) -> list[Home]:
    """The organizations that a person is in."""
    query = select(organizations.c.id, organizations.c.name, memberships.c.role)
    query = query.join(memberships, memberships.c.organization_id == organizations.c.id)
    query = query.where(memberships.c.person_id == person_id).order_by(organizations.c.id)
    return [_home(conn, row, person_id) for row in conn.execute(query).all()]


def _home(conn: Connection, row: AnyRow, person_id: str) -> Home:
    others = select(func.count()).select_from(memberships)
    others = others.where(memberships.c.organization_id == row.id, memberships.c.person_id != person_id)
    owners = int(conn.execute(others.where(memberships.c.role == Role.OWNER.value)).scalar_one())
    has = or_(
        exists().where(assets.c.organization_id == row.id, LIVING),
        exists().where(uploads.c.organization_id == row.id, uploads.c.status == "uploading"),
    )
    return Home(
        row.id,
        row.name,
        is_only_owner=row.role == Role.OWNER.value and owners == 0,
        others=int(conn.execute(others).scalar_one()),
        is_in_use=bool(conn.execute(select(has)).scalar()),
    )
