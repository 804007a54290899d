"""Uploads whose parts senders bring straight to the store: an address for each, which are there, and the end."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter

from vidcompute.api import upload_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import UploadId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.errors import invalid
from vidcompute.ports.storage import DirectUploads
from vidcompute.services import uploads
from vidcompute.services.accounts import Principal
from vidcompute.services.uploads import NewUpload, Upload

router = APIRouter(prefix="/api/v1", tags=["uploads"])

_EXPIRES_S = 3600


def store_of(deps: Deps) -> DirectUploads:
    """The store that parts go to; `upload_direct_unavailable` (invalid) where there is none."""
    store = deps.direct()
    if store is None:
        detail = "Objects are in no bucket here that a key to sign with is known of: send the bytes by TUS or PUT."
        raise invalid("upload_direct_unavailable", detail)
    return store


async def begin(deps: Deps, caller: Principal, new: NewUpload) -> Upload:
    """Begin one."""
    most = deps.uploading.max_unfinished
    return await uploads.begin(deps.db, store_of(deps), caller.organization_id, new, most)


@router.post(
    "/uploads/{upload_id}/parts",
    operation_id="sign_upload_parts",
    summary="Ask where parts go",
    responses=problems(400, 401, 404, 409, 413, 422),
)
async def sign_upload_parts(
    wanted: Json[schemas.PartsWanted], upload_id: UploadId, caller: Caller, deps: Given
) -> schemas.PartAddresses:
    """An address for each part, good for an hour: put the part's bytes there. A part that is put again is replaced."""
    upload = await deps.db.read(uploads.get, caller.organization_id, upload_id)
    found = await uploads.urls(deps.db, store_of(deps), upload, wanted.numbers, _EXPIRES_S)
    items = [schemas.PartAddress(number=number, url=url) for number, url in found.items()]
    return schemas.PartAddresses(items=items, expires_at=datetime.now(UTC) + timedelta(seconds=_EXPIRES_S))


@router.get(
    "/uploads/{upload_id}/parts",
    operation_id="list_upload_parts",
    summary="Ask which parts are there",
    responses=problems(401, 404, 409, 422, 503),
)
async def list_upload_parts(upload_id: UploadId, caller: Caller, deps: Given) -> schemas.StoredParts:
    """What the store has, for a sender who was cut off."""
    upload = await deps.db.read(uploads.get, caller.organization_id, upload_id)
    here = await uploads.stored(store_of(deps), upload)
    return schemas.StoredParts(
        items=[schemas.StoredPart(number=part.number, size_bytes=part.size_bytes) for part in here]
    )


@router.post(
    "/uploads/{upload_id}/complete",
    operation_id="complete_upload",
    summary="Say that all parts are there",
    status_code=202,
    responses=problems(401, 404, 409, 422, 503),
)
async def complete_upload(upload_id: UploadId, caller: Caller, deps: Given) -> schemas.Upload:
    """Join the parts. The file is then read once for its digest, and its job begins: `upload.completed` tells of it."""
    upload = await deps.db.read(uploads.get, caller.organization_id, upload_id)
    ended = await uploads.finish(deps.db, store_of(deps), deps.storage, upload)
    return schemas.view(ended, deps.base_url)
