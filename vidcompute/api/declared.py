"""Parts of the OpenAPI document that many routes share: parameters, and the answers that tell of errors."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Query

from vidcompute.api.account_schemas import KEY_ID, ORGANIZATION_ID
from vidcompute.api.people_schemas import INVITATION_ID, PERSON_ID, SESSION_ID
from vidcompute.api.problems import Problem
from vidcompute.api.security_schemas import PASSKEY_ID
from vidcompute.api.track_schemas import TRACK_ID
from vidcompute.api.upload_schemas import UPLOAD_ID
from vidcompute.api.wire import ASSET_ID, JOB_ID

JobId = Annotated[str, Path(description="A job's identifier.", examples=[JOB_ID], max_length=100)]
UploadId = Annotated[str, Path(description="An upload's identifier.", examples=[UPLOAD_ID], max_length=100)]
KeyId = Annotated[str, Path(description="An API key's identifier.", examples=[KEY_ID], max_length=100)]
PersonId = Annotated[str, Path(description="A person's identifier.", examples=[PERSON_ID], max_length=100)]
InvitationId = Annotated[str, Path(description="An invitation's identifier.", examples=[INVITATION_ID], max_length=100)]
SessionId = Annotated[str, Path(description="A session's identifier.", examples=[SESSION_ID], max_length=100)]
PasskeyId = Annotated[str, Path(description="A passkey's identifier.", examples=[PASSKEY_ID], max_length=100)]
AssetId = Annotated[str, Path(description="An asset's identifier.", examples=[ASSET_ID], max_length=100)]
TrackId = Annotated[str, Path(description="A text track's identifier.", examples=[TRACK_ID], max_length=100)]
OrganizationId = Annotated[
    str, Path(description="An organization's identifier.", examples=[ORGANIZATION_ID], max_length=100)
]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items to send at most.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; left out for the first page.")
]

_MEANINGS = {
    400: "The request can't be read.",
    401: "The API key is missing or wrong.",
    403: "The API key, or the role, is not enough for this, or it may not be done here.",
    404: "There is nothing with this identifier, or it is not yours.",
    409: "The state of things does not allow it.",
    410: "It is over, and not kept any more: begin anew.",
    412: "Another version of the protocol is spoken here.",
    413: "The body is too large; `max_bytes` says what may be sent.",
    415: "This content type, or this kind of file, is not taken.",
    416: "The range lies outside the file.",
    422: "Fields are wrong; `problems` names each.",
    423: "Another request is at work on it; try again in a moment.",
    429: "Too often, or too many already; where `Retry-After` is there, it says when to try again.",
    460: "The bytes are not those of the checksum.",
    503: "Not now; try again later.",
    507: "The server's disk is full.",
}


Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int, own: Mapping[int | str, dict[str, Any]] | None = None) -> Responses:
    """The declared answers of a route: its own, and those that tell of errors with these statuses."""
    told: Responses = {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}
    return {**(own or {}), **told}
