"""The log of mails that concern an organization."""

from dataclasses import asdict

from fastapi import APIRouter

from vidcompute.api import event_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.declared import Cursor, Limit, problems
from vidcompute.api.deps import Given
from vidcompute.api.views import at
from vidcompute.services import mail
from vidcompute.services.mail import LoggedMail

router = APIRouter(prefix="/api/v1", tags=["mails"])


def _view(logged: LoggedMail) -> schemas.Mail:
    values = {name: value for name, value in asdict(logged).items() if not name.endswith("_ms")}
    return schemas.Mail(
        **values, created_at=at(logged.created_ms), next_attempt_at=at(logged.next_ms), ended_at=at(logged.ended_ms)
    )


@router.get("/mails", operation_id="list_mails", summary="List mails", responses=problems(400, 401, 422))
async def list_mails(caller: Caller, deps: Given, limit: Limit = 20, cursor: Cursor = None) -> schemas.MailPage:
    """What was, and is to be, sent by mail, newest first, with what came of it; what they say is not kept."""
    page = await deps.db.read(mail.list_mails, caller.organization_id, limit=limit, cursor=cursor)
    return schemas.MailPage(items=[_view(logged) for logged in page.items], next_cursor=page.next_cursor)
