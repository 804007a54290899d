"""Which mails a person wants: what they chose in their account, and by the link at the end of each mail.

The link holds who ends what, signed with a secret that all servers share: it needs no account to be logged in to, and
is good for as long as the mail is kept.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert

from vidcompute.db import acting, secrets
from vidcompute.db.acting import Deed
from vidcompute.db.outbox import now_ms
from vidcompute.db.schema_people import mail_choices
from vidcompute.errors import FieldProblem, Kind, VidComputeError, invalid
from vidcompute.services.telling import queries
from vidcompute.services.telling.models import KINDS, Choice

_NAME = "mails"  # of the secret


def choices_of(conn: Connection, person_id: str) -> dict[str, Choice]:
    """How much of each kind of mail a person gets."""
    chosen = queries.choices(conn, person_id)
    return {name: chosen.get(name, kind.default) for name, kind in KINDS.items()}


def choose(conn: Connection, person_id: str, wanted: Mapping[str, Choice]) -> None:
    """Send a person so much of each of these kinds from now on.

    `mail_kind_unknown`, `mail_choice_invalid` (invalid); `mail_kind_needed` (conflict) for what security needs.
    """
    for name, choice in wanted.items():
        _check(name, choice)
    at = now_ms()
    mine = (mail_choices.c.person_id == person_id) & mail_choices.c.kind.in_(sorted(wanted))
    conn.execute(delete(mail_choices).where(mine))
    rows = [{"person_id": person_id, "kind": name, "choice": choice.value} for name, choice in wanted.items()]
    if rows:
        conn.execute(insert(mail_choices).values(updated_ms=at), rows)
        told = {name: choice.value for name, choice in wanted.items()}
        acting.record(conn, [Deed(None, "person.mails_chosen", person_id, told)], at)


def _check(name: str, choice: Choice) -> None:
    kind = KINDS.get(name)
    pointer = f"/choices/{name[:80]}"
    if kind is None:
        told = f"There is no kind of mail {name[:80]!r}; there are {', '.join(KINDS)}."
        raise invalid("mail_kind_unknown", told, FieldProblem(pointer, told))
    if not kind.choices:
        told = f"Mails of the kind {name} can't be switched off: an account can't be kept safe without them."
        raise VidComputeError(Kind.CONFLICT, "mail_kind_needed", told, problems=(FieldProblem(pointer, told),))
    if choice not in kind.choices:
        told = f"Choose one of {', '.join(kind.choices)} for {name}."
        raise invalid("mail_choice_invalid", told, FieldProblem(pointer, told))


def token_of(conn: Connection, person_id: str, kind: str) -> str:
    """What the link at the end of a mail holds."""
    return f"{person_id}.{kind}.{_signature(secrets.ensure(conn, _NAME), person_id, kind)}"


def unsubscribe(conn: Connection, token: str) -> str:
    """End a kind of mail for whom it was sent to; its name. `link_invalid` for what is no such link."""
    person_id, kind, signature = ([*token.split("."), "", "", ""])[:3]
    known = secrets.known(conn, _NAME)
    right = known is not None and hmac.compare_digest(signature.encode(), _signature(known, person_id, kind).encode())
    if not right or kind not in KINDS or not queries.person_exists(conn, person_id):
        raise invalid("link_invalid", "This link is not whole, or there is no such account any more.")
    choose(conn, person_id, {kind: Choice.OFF})
    return kind


def _signature(key: bytes, person_id: str, kind: str) -> str:
    made = hmac.digest(key, f"{person_id}.{kind}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made[:24]).decode()
