"""Takes a person away: their account with all that is theirs, and their name from what others keep.

The long part, which looks through the logs, is done before in small steps that may be done again; the account goes in
one transaction at the end. Where that is cut short the account is still there, and can be erased once more.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, update

from vidcompute.db import acting
from vidcompute.db.acting import Deed
from vidcompute.db.engine import Database
from vidcompute.db.outbox import emit, now_ms
from vidcompute.db.schema import audit, events, organizations
from vidcompute.db.schema_outgoing import deliveries, delivery_attempts, mails
from vidcompute.db.schema_people import invitations, memberships, persons
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services import accounts, admission, idempotency, webhooks
from vidcompute.services import organizations as tenants
from vidcompute.services.privacy import queries
from vidcompute.services.privacy.models import ERASED, Home, Mentions, Subject
from vidcompute.services.tasks.moves import batches

_MANY = 1000  # keys, webhooks, invitations: more than any organization may have


async def erase(db: Database, person_id: str) -> None:
    """Erase a person. `person_not_found`; `last_owner` (conflict) tells what they have to hand over first."""
    subject = await db.read(queries.subject, person_id)
    check(await db.read(queries.homes, person_id))
    began_ms = now_ms()
    found = await db.read(queries.mentions, subject)
    for part in _parts(found):
        await db.write(anonymise, subject, part)
    await db.write(_finish, subject, began_ms)


def check(homes: list[Home]) -> None:
    """Refuse to leave an organization without an owner: `last_owner` (conflict), with what is to be done first."""
    told = []
    for home in homes:
        if home.is_only_owner and home.others:
            told.append(f"make somebody else an owner of {home.name!r} (`POST /api/v1/organization/transfer`)")
        elif home.is_only_owner and home.is_in_use and home.organization_id != LOCAL_ORGANIZATION:
            told.append(f"delete the videos of {home.name!r}, where nobody else is, or invite who is to own them")
    if told:
        detail = f"Some organizations have no other owner. First: {'; '.join(told)}."
        raise VidComputeError(Kind.CONFLICT, "last_owner", detail)


def _parts(found: Mentions) -> list[Mentions]:
    """The same in parts that a transaction deals with in a moment."""
    return [
        *(Mentions(tuple(ids), (), (), ()) for ids in batches(found.audit)),
        *(Mentions((), tuple(seqs), (), ()) for seqs in batches(found.events)),
        *(Mentions((), (), tuple(ids), ()) for ids in batches(found.deliveries)),
        *(Mentions((), (), (), tuple(ids)) for ids in batches(found.mails)),
    ]


def anonymise(conn: Connection, subject: Subject, found: Mentions) -> None:
    """Take a person's addresses out of these rows of others; what was done stays to be seen, by whom does not."""
    for row in queries.audit_rows(conn, found.audit):
        fresh: dict[str, Any] = {"data": _without(row.data, subject)}
        if row.actor_id == subject.person_id:
            fresh |= {"actor": ERASED, "address": ""}
        conn.execute(update(audit).where(audit.c.id == row.id).values(fresh))
    for row in queries.event_rows(conn, found.events):
        conn.execute(update(events).where(events.c.seq == row.seq).values(data=_without(row.data, subject)))
    for delivery_id in found.deliveries:
        _in_delivery(conn, delivery_id, subject)
    for row in queries.mail_rows(conn, found.mails):
        if row.recipient in subject.addresses:
            conn.execute(delete(mails).where(mails.c.id == row.id))
        else:
            conn.execute(update(mails).where(mails.c.id == row.id).values({"values": _without(row[2], subject)}))


def _in_delivery(conn: Connection, delivery_id: str, subject: Subject) -> None:
    for address in subject.addresses:
        own = func.replace(deliveries.c.body, f'"{address}"', f'"{ERASED}"')
        conn.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(body=own))
        echo = func.replace(delivery_attempts.c.response_body, address, ERASED)
        of_it = delivery_attempts.c.delivery_id == delivery_id
        conn.execute(update(delivery_attempts).where(of_it).values(response_body=echo))


def _without(value: Any, subject: Subject) -> Any:
    """A document whose texts are no address of the person."""
    if isinstance(value, Mapping):
        return {name: _without(part, subject) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(part, subject) for part in value]
    return ERASED if value in subject.addresses else value


def _finish(conn: Connection, subject: Subject, began_ms: int) -> None:
    homes = queries.homes(conn, subject.person_id)
    check(homes)
    deeds = [Deed(home.organization_id, "person.erased", subject.person_id, {}) for home in homes]
    acting.record(conn, deeds, now_ms())
    for home in homes:
        _leave(conn, home, subject)
    conn.execute(delete(invitations).where(invitations.c.email.in_(subject.addresses)))
    idempotency.forget(conn, subject.person_id, subject.addresses)
    anonymise(conn, subject, queries.mentions(conn, subject, began_ms - 60_000))
    conn.execute(delete(persons).where(persons.c.id == subject.person_id))


def _leave(conn: Connection, home: Home, subject: Subject) -> None:
    member = tenants.get_member(conn, home.organization_id, subject.person_id)
    mine = (memberships.c.organization_id == home.organization_id) & (memberships.c.person_id == subject.person_id)
    conn.execute(delete(memberships).where(mine))
    told = {"person_id": subject.person_id, "email": ERASED, "role": member.role.value}
    emit(conn, home.organization_id, "member.left", subject.person_id, told)
    tenants.take_back_beyond(conn, home.organization_id, subject.person_id, frozenset())
    if home.is_only_owner and not home.others and home.organization_id != LOCAL_ORGANIZATION:
        _close(conn, home.organization_id)


def _close(conn: Connection, organization_id: str) -> None:
    """Nobody is left: nothing opens it any more, it tells nobody anything, and its name and logo are forgotten."""
    at = now_ms()
    for key in accounts.list_keys(conn, organization_id, limit=_MANY, alive_ms=at).items:
        accounts.revoke_key(conn, organization_id, key.id)
    for signing_key in admission.keys_of(conn, organization_id):
        admission.revoke_key(conn, organization_id, signing_key.id)
    for invitation in tenants.list_invitations(conn, organization_id, at, limit=_MANY).items:
        tenants.revoke_invitation(conn, organization_id, invitation.id)
    for webhook in webhooks.list_webhooks(conn, organization_id, limit=_MANY, cursor=None).items:
        webhooks.remove(conn, organization_id, webhook.id)
    tenants.remove_logo(conn, organization_id)
    tenants.change(conn, organization_id, tenants.Changes(name="erased"))
    conn.execute(update(organizations).where(organizations.c.id == organization_id).values(slug=None))
