"""What a person answers to a program that shows a code and asks to be let in; the page /account/device asks this."""

from fastapi import APIRouter

from vidcompute.api import device_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import problems
from vidcompute.api.people import Entrance
from vidcompute.api.views import when
from vidcompute.services import people

router = APIRouter(prefix="/api/v1", tags=["people"])

_ERRORS = (400, 401, 403, 404, 413, 422, 429)


@router.post(
    "/devices/view",
    operation_id="view_device",
    summary="Who asks to be let in?",
    responses=problems(*_ERRORS),
)
async def view_device(wish: Json[schemas.DeviceCode], caller: Caller, lobby: Entrance) -> schemas.Device:
    """The program that shows this code, while nobody has answered."""
    found = await people.view_device(lobby, caller.person_id, wish.code.get_secret_value())
    return schemas.Device(
        agent=found.agent,
        address=found.address,
        asked_at=when(found.created_ms),
        expires_at=when(found.expires_ms),
    )


@router.post(
    "/devices/answer",
    operation_id="answer_device",
    summary="Let a program in, or not",
    status_code=204,
    responses=problems(*_ERRORS),
)
async def answer_device(wish: Json[schemas.DeviceAnswer], caller: Caller, lobby: Entrance) -> None:
    """Let the program that shows this code work as oneself, in a session that can be ended; or refuse it."""
    code = wish.code.get_secret_value()
    await people.answer_device(lobby, caller.person_id, code, wish.organization_id, allow=wish.allow)
