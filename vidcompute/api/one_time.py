"""`/upload/{token}`: one upload's address for a sender without a key. What it may do is bound to it from the start."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import intake
from vidcompute.api import tus_headers as tus
from vidcompute.api.cors import UPLOAD_ANSWERS, UPLOAD_HEADERS
from vidcompute.api.declared import problems
from vidcompute.api.deps import Given
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import uploads
from vidcompute.services.uploads import Upload

_PREFLIGHT_S = 600


class OneTimeRoute(intake.TusRoute):
    """A route whose answers may be read by the pages that the address was made for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await handle(request)
            allowed: str | None = getattr(request.state, "allowed_origin", None)
            response.headers["Vary"] = "Origin"
            if allowed is not None:
                response.headers["Access-Control-Allow-Origin"] = allowed
                response.headers["Access-Control-Expose-Headers"] = ", ".join(UPLOAD_ANSWERS)
            return response

        return answer


async def _addressed(
    request: Request,
    deps: Given,
    token: Annotated[str, Path(description="What the address was made with.", max_length=200)],
) -> Upload:
    """The upload of this address; `upload_not_found` for any other, `origin_not_allowed` from another page."""
    upload = await deps.db.read(uploads.by_token, uploads.digest_of(token))
    if upload.origin is not None and request.headers.get("origin") != upload.origin:
        detail = "This address was made for the pages of another origin."
        raise VidComputeError(Kind.FORBIDDEN, "origin_not_allowed", detail)
    request.state.allowed_origin = upload.origin or "*"
    return upload


router = APIRouter(prefix="/upload", tags=["uploads"], route_class=OneTimeRoute)
Addressed = Annotated[Upload, Depends(_addressed)]


@router.head(
    "/{token}",
    operation_id="get_one_time_offset",
    summary="Ask how far the upload of a one-time address is",
    response_class=Response,
    responses=problems(403, 404, 410, 412, own={200: {"description": "`Upload-Offset` says where to go on."}}),
)
async def get_offset(request: Request, upload: Addressed) -> Response:
    """As with a key (TUS 1.0.0)."""
    return await intake.head(request, upload)


@router.patch(
    "/{token}",
    operation_id="append_one_time",
    summary="Send a piece to a one-time address",
    status_code=204,
    response_class=Response,
    responses=problems(
        400, 403, 404, 409, 410, 412, 413, 415, 422, 423, 460, 503, 507, own={204: {"description": "They are here."}}
    ),
)
async def append(request: Request, upload: Addressed) -> Response:
    """As with a key (TUS 1.0.0)."""
    return await intake.patch(request, upload)


@router.post(
    "/{token}",
    operation_id="begin_one_time",
    summary="Begin the upload of a one-time address",
    status_code=201,
    response_class=Response,
    responses=problems(400, 403, 404, 409, 410, 412, 413, 422, own={201: {"description": "It may begin."}}),
)
async def begin(request: Request, upload: Addressed) -> Response:
    """For clients of TUS that want to create an upload themselves: says its length, where that was left open."""
    tus.check_version(request.headers)
    size_bytes = tus.number(request.headers, "Upload-Length")
    begun = await intake.intake_of(request).begin(upload, size_bytes)
    return Response(status_code=201, headers={"Location": request.scope["path"], **tus.expiry(begun)})


@router.put(
    "/{token}",
    operation_id="put_one_time",
    summary="Send a whole file to a one-time address",
    status_code=204,
    response_class=Response,
    responses=problems(
        400, 403, 404, 409, 410, 413, 415, 422, 423, 503, 507, own={204: {"description": "The file is here."}}
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def put(request: Request, upload: Addressed) -> Response:
    """All of it in one request, or nothing. What became of it is for those with a key."""
    await intake.put(request, upload)
    return Response(status_code=204)


@router.delete(
    "/{token}",
    operation_id="delete_one_time",
    summary="Give the upload of a one-time address up",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, 409, own={204: {"description": "Nothing of it is kept."}}),
)
async def delete(request: Request, upload: Addressed) -> Response:
    """The address is worth nothing afterwards."""
    return await intake.delete(request, upload)


@router.options(
    "/{token}",
    operation_id="get_one_time_protocol",
    summary="Ask what is spoken at a one-time address",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, own={204: {"description": "What clients of TUS and browsers ask first."}}),
)
async def options(request: Request, upload: Addressed) -> Response:
    """What browsers ask before they send; and what is spoken here (TUS 1.0.0)."""
    del upload
    answer = intake.options(request)
    if "access-control-request-method" in request.headers:
        answer.headers["Access-Control-Allow-Methods"] = "HEAD, POST, PUT, PATCH, DELETE"
        answer.headers["Access-Control-Allow-Headers"] = ", ".join(UPLOAD_HEADERS)
        answer.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_S)
    return answer
