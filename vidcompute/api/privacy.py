"""What is kept about a person: all of it as a file, and its end. For themselves, and for who runs the installation."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from vidcompute.api import cookies
from vidcompute.api import privacy_schemas as schemas
from vidcompute.api.auth import Caller, CameFrom
from vidcompute.api.body import Json
from vidcompute.api.declared import problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.people import Entrance
from vidcompute.db import acting
from vidcompute.db.acting import Deed
from vidcompute.db.outbox import now_ms
from vidcompute.services import mailboxes, people, privacy
from vidcompute.services.accounts import Principal

router = APIRouter(prefix="/api/v1", tags=["people"])

_KEPT: dict[int | str, dict[str, Any]] = {200: {"model": schemas.Kept, "description": "A JSON document, as a file."}}


def _file(deps: Deps, person_id: str) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="vidcompute-export.json"'}
    return StreamingResponse(privacy.export(deps.db, person_id), headers=headers, media_type="application/json")


@router.get(
    "/me/export",
    operation_id="export_me",
    summary="All that is kept about me",
    response_class=Response,
    responses=problems(401, 403, own=_KEPT),
)
async def export_me(caller: Caller, deps: Given) -> Response:
    """Every row that tells of oneself: account, sessions, memberships, mails, what one did."""
    return _file(deps, caller.person_id)


@router.post(
    "/me/erase",
    operation_id="erase_me",
    summary="Erase my account",
    status_code=204,
    responses=problems(400, 401, 403, 409, 413, 422, 429),
)
async def erase_me(
    wish: Json[schemas.Erasure], caller: Caller, deps: Given, lobby: Entrance, visitor: CameFrom
) -> Response:
    """Take one's account away, and one's name from what others keep. Who is the last owner hands over first."""
    password = wish.current_password.get_secret_value() if wish.current_password else None
    await people.confirm_erasure(lobby, caller.person_id, wish.email, password, visitor)
    await privacy.erase(deps.db, caller.person_id)
    response = Response(status_code=204)
    cookies.take_back(response, deps)
    return response


@router.post(
    "/people/export",
    operation_id="export_person",
    summary="All that is kept about a person",
    response_class=Response,
    responses=problems(400, 401, 404, 413, 422, own=_KEPT),
)
async def export_person(wish: Json[schemas.Whom], caller: Caller, deps: Given) -> Response:
    """For who runs the installation: what `export_me` gives the person themselves."""
    return _file(deps, await _named(wish, caller, deps, "person.exported"))


@router.post(
    "/people/erase",
    operation_id="erase_person",
    summary="Erase a person",
    status_code=204,
    responses=problems(400, 401, 404, 409, 413, 422),
)
async def erase_person(wish: Json[schemas.Whom], caller: Caller, deps: Given) -> None:
    """For who runs the installation: what `erase_me` does for the person themselves."""
    await privacy.erase(deps.db, await _named(wish, caller, deps, "person.erasure_asked"))


async def _named(wish: schemas.Whom, caller: Principal, deps: Deps, deed: str) -> str:
    """The person whom a request names, once it is written down that somebody asked."""

    def work(conn: Connection) -> str:
        person_id = privacy.by_email(conn, mailboxes.normal(wish.email))
        acting.record(conn, [Deed(caller.organization_id, deed, person_id, {})], now_ms())
        return person_id

    return await deps.db.write(work)
