"""Which mails one wants: chosen in one's account, or ended by the link in a mail."""

from fastapi import APIRouter
from sqlalchemy import Connection

from vidcompute.api import privacy_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.services import telling

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.get("/me/mails", operation_id="get_mail_choices", summary="Mails that I get", responses=problems(401, 403))
async def get_mail_choices(caller: Caller, deps: Given) -> schemas.MailKindList:
    """Every kind of mail, how much of it one gets, and what one can choose."""
    return await deps.db.read(_choices, caller.person_id)


@router.patch(
    "/me/mails",
    operation_id="choose_mails",
    summary="Choose my mails",
    responses=problems(400, 401, 403, 409, 413, 422),
)
async def choose_mails(wish: Json[schemas.MailChoices], caller: Caller, deps: Given) -> schemas.MailKindList:
    """Get more or less of some kinds of mail from now on. What security needs can't be switched off."""

    def work(conn: Connection) -> schemas.MailKindList:
        telling.choose(conn, caller.person_id, wish.choices)
        return _choices(conn, caller.person_id)

    return await deps.db.write(work)


def _choices(conn: Connection, person_id: str) -> schemas.MailKindList:
    chosen = telling.choices_of(conn, person_id)
    items = [
        schemas.MailKind(kind=kind.name, summary=kind.summary, choice=chosen[kind.name], choices=list(kind.choices))
        for kind in telling.KINDS.values()
    ]
    return schemas.MailKindList(items=items)
