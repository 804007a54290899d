"""What people do for the safety of their own account, with their password at hand."""

import asyncio
from collections.abc import Mapping
from typing import Any

from vidcompute.db.outbox import now_ms
from vidcompute.services.people import ceremonies, passkeys, queries, second_factor
from vidcompute.services.people.coming_in import Lobby, confirm, limit_logins
from vidcompute.services.people.models import Enrolment, Passkey
from vidcompute.services.visitors import Visitor


async def begin_second_factor(lobby: Lobby, person_id: str, password: str, visitor: Visitor) -> Enrolment:
    """Give them the secret for an authenticator app, this once. `password_wrong`, `second_factor_on`."""
    person = await confirm(lobby, person_id, password, visitor)
    return await lobby.db.write(second_factor.begin, person)


async def confirm_second_factor(lobby: Lobby, person_id: str, code: str, visitor: Visitor, *, but: str) -> list[str]:
    """Ask for codes from now on; the recovery codes, this once. All sessions but one end.

    `code_wrong`, `second_factor_off`, `second_factor_on`, `too_many_attempts`.
    """
    person = await lobby.db.read(queries.get, person_id)
    await limit_logins(lobby, person.email, visitor)
    return await lobby.db.write(second_factor.confirm, person, code, now_ms(), but=but)


async def end_second_factor(lobby: Lobby, person_id: str, password: str, code: str, visitor: Visitor) -> None:
    """Ask for codes no more. `password_wrong`, `code_wrong`, `second_factor_off`, `too_many_attempts`."""
    person = await confirm(lobby, person_id, password, visitor)
    await lobby.db.write(second_factor.end, person, code, now_ms())


async def begin_passkey(lobby: Lobby, person_id: str, password: str, visitor: Visitor) -> dict[str, Any]:
    """What their browser is to ask a device, to make a passkey. `passkeys_unavailable`, `password_wrong`."""
    site = ceremonies.site_of(lobby.base_url)
    person = await confirm(lobby, person_id, password, visitor)
    known = await lobby.db.read(queries.credentials_of, person_id)
    asked = await asyncio.to_thread(ceremonies.to_make, site, person, known)
    await lobby.db.write(passkeys.expect, asked.challenge, person_id, lobby.policy.ticket_ms)
    return asked.options


async def add_passkey(lobby: Lobby, person_id: str, name: str, answer: Mapping[str, Any], *, most: int) -> Passkey:
    """Add the passkey that a device has made. `passkey_refused`, `passkey_known`, `passkeys_full`."""
    site = ceremonies.site_of(lobby.base_url)
    challenge = await asyncio.to_thread(ceremonies.challenge_in, answer)
    await lobby.db.write(passkeys.take, challenge, person_id)  # committed, so that it is gone whatever follows
    made = await asyncio.to_thread(ceremonies.made, site, answer, challenge)
    return await lobby.db.write(passkeys.add, person_id, name, made, most=most)
