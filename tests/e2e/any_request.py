"""What Schemathesis is told of us: in whose name it asks, and what it leaves alone so that there is something to ask.

It loads this file by the setting `hooks`; the test that starts it says in the environment where the rows are.
"""

import asyncio
import os
from typing import Any

import schemathesis
from sqlalchemy import Connection

from vidcompute.db.engine import Database
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import passwords
from vidcompute.services.accounts import Role
from vidcompute.services.organizations import service as members
from vidcompute.services.people import Policy, sessions
from vidcompute.services.people import service as people
from vidcompute.services.visitors import Visitor

DATABASE, KEPT_ASSETS = "FUZZ_DATABASE_URL", "FUZZ_KEPT_ASSETS"
PASSWORD = "correct horse battery"

# After these, one is no owner of this organization any more, or has another password than is known.
_LEAVING = frozenset({"change_password", "leave_organization", "transfer_ownership"})
_SHUT_OUT = frozenset({"scope_missing", "person_required"})
# An address beyond 64 KiB is refused before anybody knows which operation it is about: the document has it with none.
_LONGEST = 1000
_NOWHERE = "http://127.0.0.1:9/"  # what is fetched from there fails at once: no name is looked up


class Owner:
    """A person who may everything: a new one whenever the last one was erased, has left, or was shut out."""

    def __init__(self) -> None:
        self.token = ""

    def header(self) -> str:
        """What a request of theirs carries."""
        self.token = self.token or add_owner(os.environ[DATABASE], f"{new_id('owner')}@example.com")
        return f"Bearer {self.token}"

    def look(self, case: Any, response: Any) -> None:
        """Whether they can go on after this answer."""
        if case.headers.get("Authorization") != f"Bearer {self.token}":
            return
        left = _operation(case) in _LEAVING and response.status_code < 300
        if left or response.status_code == 401 or _code(response) in _SHUT_OUT:
            self.token = ""


def add_owner(database_url: str, email: str) -> str:
    """Put an owner of the local organization into the rows, who has the password; a token of theirs."""

    async def work() -> str:
        database, kept = Database.open(database_url), await passwords.hashed(PASSWORD)
        try:
            return await database.write(_add, email, kept)
        finally:
            await database.close()

    return asyncio.run(work())


def _add(conn: Connection, email: str, kept: str) -> str:
    person = people.add(conn, email, "Ann", kept, verified=True)
    members.join(conn, LOCAL_ORGANIZATION, person.id, email, Role.OWNER)
    started = sessions.start(conn, person, "app", Visitor(), Policy(access_ms=24 * 3600 * 1000))
    assert started.tokens is not None
    return started.tokens.access


def _operation(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def _code(response: Any) -> str:
    if not response.content or "application/problem+json" not in str(response.headers.get("content-type", "")):
        return ""
    return str(response.json().get("code", ""))


owner = Owner()
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask as the owner; what would leave nothing to ask for is asked of something else."""
    del context, kwargs
    if case.operation.definition.raw.get("security"):
        case.headers = {**(case.headers or {}), "Authorization": owner.header()}
    case.query = {key: value[:_LONGEST] if isinstance(value, str) else value for key, value in case.query.items()}
    name, path = _operation(case), case.path_parameters or {}
    if name == "delete_asset" and path.get("asset_id") in os.environ[KEPT_ASSETS].split():
        path["asset_id"] = new_id("asset")
    elif name == "update_organization" and isinstance(case.body, dict):
        case.body.pop("second_factor_required", None)
    elif name == "set_quotas_of" and path.get("organization_id") == LOCAL_ORGANIZATION:
        path["organization_id"] = new_id("org")
    elif name == "submit_job" and isinstance(case.body, dict) and _is_url(case.body.get("input")):
        case.body["input"] = _NOWHERE


def _is_url(value: Any) -> bool:
    address = value.get("url") if isinstance(value, dict) else value
    return isinstance(address, str) and address.startswith("http")


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """See whether the owner is still one."""
    del context
    owner.look(case, response)
