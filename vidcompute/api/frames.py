"""The frames that a job takes from its video, as a ZIP: a file when it is done, a stream while it is made."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.auth import Caller
from vidcompute.api.declared import JobId, problems
from vidcompute.api.delivery import FILE
from vidcompute.api.deps import Deps, Given
from vidcompute.api.files import CORS_HEADERS, NO_STORE, Pieces, content_disposition
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.stages.frames import ZIP_NAME
from vidcompute.services import assets, jobs
from vidcompute.services.accounts import Principal
from vidcompute.services.jobs import OutputPlace

router = APIRouter(prefix="/api/v1", tags=["jobs"])

_HOLD_S = 8.0
_LOOK_S = 0.2  # how often what grows is looked at
_ZIP = "application/zip"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A ZIP of pictures with `frames.json`, which names each with its index and time. While it is "
        "made, it is sent as it grows: without a length, and broken off if the job fails.",
        "content": {_ZIP: {"schema": {"type": "string", "contentMediaType": _ZIP}}},
    },
    206: {"description": "The range that was asked for, of a ZIP that is done."},
}


@router.api_route(
    "/jobs/{job_id}/frames.zip",
    methods=["GET"],
    operation_id="download_frames",
    summary="Download frames",
    response_class=Response,
    responses=problems(401, 404, 416, 422, 503, own={**FILE, **_ANSWERS}),
)
@router.head("/jobs/{job_id}/frames.zip", operation_id="download_frames", include_in_schema=False)
async def download_frames(
    request: Request,
    job_id: JobId,
    caller: Caller,
    deps: Given,
    output: Annotated[
        int | None, Query(ge=0, le=100, description="Which of the job's outputs; left out, its first one of frames.")
    ] = None,
) -> Response:
    """The frames that a job takes from its video. What is done takes ranges, so that a download can be resumed."""
    name, place = await deps.db.read(_look, caller.organization_id, job_id, output)
    request.state.delivered_for = caller.organization_id
    if place.key is not None:
        cache = "private, max-age=31536000, immutable"
        return await deps.delivery.file(request, deps.storage, place.key, _ZIP, cache, download_name=name)
    headers = {**CORS_HEADERS, "Cache-Control": NO_STORE, "Content-Disposition": content_disposition(name)}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=_ZIP)
    pieces = _growing(deps, caller, job_id, output)
    try:
        async with asyncio.timeout(_HOLD_S):
            first = await anext(pieces)
    except TimeoutError:
        await pieces.aclose()
        detail = "The first frame is still to be taken; ask again."
        raise VidComputeError(Kind.UNAVAILABLE, "frames_not_ready", detail, extra={"retry_after_s": 1}) from None
    return Pieces(_after(first, pieces), 200, headers, _ZIP)


def _look(conn: Connection, organization_id: str, job_id: str, output: int | None) -> tuple[str, OutputPlace]:
    """The name to save the ZIP under, and where it is."""
    job = jobs.get_job(conn, organization_id, job_id)
    title = assets.get(conn, organization_id, job.asset_id).title or job.asset_id
    return f"{title}-{ZIP_NAME}", jobs.place_of_frames(conn, organization_id, job_id, output)


async def _growing(deps: Deps, caller: Principal, job_id: str, output: int | None) -> AsyncGenerator[bytes]:
    """The ZIP's bytes: of the attempt at work while there are any, the rest from storage."""
    sent, attempt_id = 0, None
    with deps.db.subscribe() as changes:
        while not deps.closing.is_set():
            _, place = await deps.db.read(_look, caller.organization_id, job_id, output)
            if place.key is not None:
                async for piece in deps.storage.read(place.key, sent):
                    yield piece
                return
            if sent and place.attempt_id != attempt_id:
                break
            attempt_id = place.attempt_id
            while attempt_id and (piece := await deps.executor.read_output(attempt_id, ZIP_NAME, sent)):
                sent += len(piece)
                yield piece
            await changes.wait(_LOOK_S)
    # What was sent is no whole ZIP: only a connection that breaks off says so.
    detail = "The attempt that took the frames has ended before its end; ask again for what follows it."
    raise VidComputeError(Kind.UNAVAILABLE, "frames_broken_off", detail)


async def _after(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece
