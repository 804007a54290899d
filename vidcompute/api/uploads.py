"""`/api/v1/uploads`: uploads that may be cut off and go on, by TUS 1.0.0; whole ones by PUT; what became of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import direct_uploads, idempotency, intake
from vidcompute.api import tus_headers as tus
from vidcompute.api import upload_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import JsonBody
from vidcompute.api.declared import Cursor, Limit, Responses, UploadId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.tracing import traceparent_of
from vidcompute.errors import VidComputeError
from vidcompute.ids import is_id, new_secret
from vidcompute.media.titles import title_of
from vidcompute.pipeline.spec import JobOptions
from vidcompute.services import uploads
from vidcompute.services.accounts import Principal
from vidcompute.services.uploads import NewUpload, Upload, UploadStatus

router = APIRouter(prefix="/api/v1", tags=["uploads"], route_class=intake.TusRoute)

ONE_TIME_PATH = "/upload"
_BY_JSON = JsonBody(schemas.UploadRequest)


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "required": False, "schema": {"type": "string"}}


_OCTETS = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
_OFFSET_SAID = {"Upload-Offset": {"description": "How many bytes are here for good.", "schema": {"type": "integer"}}}
_RESUMABLE = _header("Tus-Resumable", "1.0.0")
_CHECKSUM = _header("Upload-Checksum", "Algorithm (sha1, sha256, sha512, md5) and base64 of these bytes' checksum.")
_CREATION: dict[str, Any] = {
    "parameters": [
        _header("Tus-Resumable", "1.0.0, where the upload is described by headers instead of JSON."),
        _header("Upload-Length", "How many bytes the file has."),
        _header("Upload-Defer-Length", "1 where that is not known yet."),
        _header("Upload-Metadata", "TUS metadata: `filename`, and `job` with the options of the job as JSON."),
        _header("Upload-Concat", "`partial`, or `final;` with the addresses of the uploads to be joined."),
        _CHECKSUM,
    ],
    "requestBody": {
        "required": False,
        "description": "JSON that describes the upload; or, with the headers of TUS, nothing or its first bytes.",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/UploadRequest"}},
            tus.OCTETS: _OCTETS,
        },
    },
}
_MADE: Responses = {
    201: {
        "model": schemas.Upload,
        "description": "The upload can begin (by JSON), or has begun (by the headers of TUS: no body).",
        "headers": {"Location": {"description": "Where its bytes go.", "schema": {"type": "string"}}},
    }
}


# Why bytes are not taken; 460 is of TUS: the checksum is another one.
_REFUSALS = (400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 460, 503, 507)


@router.post(
    "/uploads",
    operation_id="create_upload",
    summary="Begin an upload",
    status_code=201,
    response_class=Response,
    responses=problems(400, 401, 409, 412, 413, 415, 422, 423, 429, 460, 503, 507, own=_MADE),
    openapi_extra=_CREATION,
)
async def create_upload(request: Request, caller: Caller, deps: Given) -> Response:
    """Make an address for a file's bytes: by JSON, or as TUS 1.0.0 says. Its job begins with the last byte."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and "tus-resumable" not in request.headers:
        return await _create_by_json(request, caller, deps)
    tus.check_version(request.headers)
    await idempotency.recall(request)
    wish = tus.wish_of(request.headers, deps.limits.max_upload_bytes, deps.uploading.expiry_s)
    taking = intake.intake_of(request)
    if wish.pieces:
        joined = await taking.join(caller.organization_id, wish.new, wish.pieces, traceparent_of(request))
        return _created(joined)
    upload = await taking.create(caller.organization_id, wish.new)
    if intake.carries_bytes(request):
        upload = await intake.take_piece(request, upload, offset_bytes=0)
        return _created(upload, {"Upload-Offset": str(upload.offset_bytes)})
    return _created(upload)


def _created(upload: Upload, more: dict[str, str] | None = None) -> Response:
    headers = {"Location": f"{schemas.PATH}/{upload.id}", **tus.expiry(upload), **(more or {})}
    return Response(status_code=201, headers=headers)


async def _create_by_json(request: Request, caller: Principal, deps: Deps) -> Response:
    wanted = await _BY_JSON(request, deps)
    token = new_secret() if wanted.one_time else None
    origin = wanted.one_time.origin if wanted.one_time else None
    limit = deps.limits.max_upload_bytes
    new = NewUpload(
        name=title_of(wanted.name),
        size_bytes=wanted.size_bytes,
        max_bytes=min(limit, wanted.max_bytes or limit),
        job=wanted.job.model_dump(mode="json") if wanted.job else None,
        expires_s=wanted.one_time.expires_s if wanted.one_time else deps.uploading.expiry_s,
        patient=wanted.one_time is None,
        token=token,
        origin=str(origin).rstrip("/") if origin else None,
    )
    if wanted.direct:
        upload = await direct_uploads.begin(deps, caller, new)
    else:
        upload = await intake.intake_of(request).create(caller.organization_id, new)
    one_time_url = f"{deps.base_url}{ONE_TIME_PATH}/{token}" if token else None
    made = schemas.view(upload, deps.base_url, one_time_url).model_dump(mode="json")
    return JSONResponse(made, 201, {"Location": f"{schemas.PATH}/{upload.id}"})


@router.get("/uploads", operation_id="list_uploads", summary="List uploads", responses=problems(400, 401, 422))
async def list_uploads(
    caller: Caller,
    deps: Given,
    status: Annotated[UploadStatus | None, Query(description="Only uploads in this state.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> schemas.UploadPage:
    """Uploads, newest first; those that have ended for as long as events are kept."""
    page = await deps.db.read(uploads.list_uploads, caller.organization_id, limit=limit, cursor=cursor, status=status)
    items = [schemas.view(upload, deps.base_url) for upload in page.items]
    return schemas.UploadPage(items=items, next_cursor=page.next_cursor)


async def _own(caller: Principal, deps: Deps, upload_id: str) -> Upload:
    return await deps.db.read(uploads.get, caller.organization_id, upload_id)


@router.get("/uploads/{upload_id}", operation_id="get_upload", summary="Read an upload", responses=problems(401, 404))
async def get_upload(upload_id: UploadId, caller: Caller, deps: Given) -> schemas.Upload:
    """The upload, and what it became."""
    return schemas.view(await _own(caller, deps, upload_id), deps.base_url)


@router.head(
    "/uploads/{upload_id}",
    operation_id="get_upload_offset",
    summary="Ask how far an upload is",
    response_class=Response,
    responses=problems(401, 404, 410, 412, own={200: {"description": "Where to go on.", "headers": _OFFSET_SAID}}),
    openapi_extra={"parameters": [_RESUMABLE]},
)
async def get_upload_offset(request: Request, upload_id: UploadId, caller: Caller, deps: Given) -> Response:
    """`Upload-Offset` says how many bytes are here for good (TUS 1.0.0)."""
    return await intake.head(request, await _own(caller, deps, upload_id))


_PIECE: dict[str, Any] = {
    "parameters": [
        _RESUMABLE,
        _header("Upload-Offset", "Where these bytes begin: how many are here."),
        _header("Upload-Length", "How many bytes the file has, where that was not said before."),
        _CHECKSUM,
    ],
    "requestBody": {"required": True, "content": {tus.OCTETS: _OCTETS}},
}


@router.patch(
    "/uploads/{upload_id}",
    operation_id="append_to_upload",
    summary="Send a piece of an upload",
    status_code=204,
    response_class=Response,
    responses=problems(
        *_REFUSALS,
        own={204: {"description": "The bytes are here for good.", "headers": _OFFSET_SAID}},
    ),
    openapi_extra=_PIECE,
)
async def append_to_upload(request: Request, upload_id: UploadId, caller: Caller, deps: Given) -> Response:
    """Bytes that follow those that are here (TUS 1.0.0). Of a body that is cut short, what came counts."""
    return await intake.patch(request, await _own(caller, deps, upload_id))


@router.put(
    "/uploads/{upload_id}",
    operation_id="put_upload",
    summary="Send a whole file",
    status_code=201,
    response_class=Response,
    responses=problems(
        400,
        401,
        403,
        404,
        409,
        410,
        413,
        415,
        422,
        423,
        429,
        503,
        507,
        own={201: {"model": schemas.Upload, "description": "The file is here, and its job has begun."}},
    ),
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": _OCTETS}}},
)
async def put_upload(
    request: Request,
    upload_id: Annotated[str, Path(description="An upload's identifier; any other name makes one.", max_length=1000)],
    caller: Caller,
    deps: Given,
) -> Response:
    """All of it in one request, or nothing. `curl -T FILE` with an address that ends in `/` adds the file's name."""
    if is_id("up", upload_id):
        return await intake.put(request, await _own(caller, deps, upload_id))
    new = NewUpload(
        name=title_of(upload_id),
        size_bytes=intake.declared_bytes(request),
        max_bytes=deps.limits.max_upload_bytes,
        job=JobOptions().model_dump(mode="json"),
        expires_s=deps.uploading.expiry_s,
    )
    upload = await intake.intake_of(request).create(caller.organization_id, new)
    try:
        return await intake.put(request, upload)
    except VidComputeError:
        await intake.intake_of(request).cancel(upload)
        raise


@router.delete(
    "/uploads/{upload_id}",
    operation_id="delete_upload",
    summary="Give an upload up",
    status_code=204,
    response_class=Response,
    responses=problems(401, 404, 409, own={204: {"description": "Nothing of it is kept."}}),
)
async def delete_upload(request: Request, upload_id: UploadId, caller: Caller, deps: Given) -> Response:
    """End an upload that is not complete, whoever writes to it."""
    return await intake.delete(request, await _own(caller, deps, upload_id))


@router.post(
    "/uploads/{upload_id}",
    operation_id="override_upload_method",
    summary="Do to an upload what a header says",
    response_class=Response,
    responses=problems(
        *_REFUSALS,
        own={200: {"description": "As for HEAD."}, 204: {"description": "As for PATCH and DELETE."}},
    ),
    openapi_extra={"parameters": [_header("X-HTTP-Method-Override", "PATCH, DELETE or HEAD.")]},
)
async def override_method(request: Request, upload_id: UploadId, caller: Caller, deps: Given) -> Response:
    """For senders that can't do more than GET and POST (TUS 1.0.0)."""
    upload = await _own(caller, deps, upload_id)
    meant = {"PATCH": intake.patch, "DELETE": intake.delete, "HEAD": intake.head}
    act = meant.get(request.headers.get("x-http-method-override", "").upper())
    if act is None:
        raise tus.wrong("X-HTTP-Method-Override", "a POST to an upload means PATCH, DELETE or HEAD")
    return await act(request, upload)


@router.options(
    "/uploads",
    operation_id="get_upload_protocol",
    summary="Ask what is spoken",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`."}},
)
async def options(request: Request) -> Response:
    """What TUS 1.0.0 lets clients find out."""
    return intake.options(request)
