"""Images by playback ID: thumbnails at any moment, the storyboard, the moving preview."""

import re
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.declared import problems
from vidcompute.api.delivery import FILE
from vidcompute.api.deps import Given
from vidcompute.api.files import CORS_HEADERS
from vidcompute.api.viewing import Seen, VisitingPictures, VisitingStoryboard, public
from vidcompute.errors import not_found
from vidcompute.pipeline.stages import poster, preview
from vidcompute.services.playback import Presentation, Wanted

router = APIRouter(tags=["playback"])

_KEEP = "public, max-age=86400"
_KEEP_POSTER = "public, max-age=300"  # another one may be chosen
_TYPES = {"jpg": "image/jpeg", "webp": "image/webp", "png": "image/png"}
_FORMATS = {"jpg": "jpeg", "webp": "webp", "png": "png"}
_STORYBOARD_FILES = {
    "storyboard.vtt": "text/vtt; charset=utf-8",
    "storyboard.json": "application/json",
}
_SHEET = re.compile(r"storyboard-\d{1,5}\.jpg")


class Fit(StrEnum):
    """How a picture is fitted into `width` x `height`."""

    PRESERVE = "preserve"  # as large as fits within, the shape kept
    COVER = "cover"  # fills the box, the rest cut off
    FILL = "fill"  # stretched to the box


class Suffix(StrEnum):
    """The file format of a thumbnail."""

    JPG = "jpg"
    WEBP = "webp"
    PNG = "png"


Time = Annotated[
    float | None, Query(ge=0, le=1_000_000, allow_inf_nan=False, description="Seconds; the poster's when left out.")
]
Side = Annotated[int | None, Query(ge=16, le=3840, description="Pixels.")]


@public(
    router,
    "/image/{playback_id}/thumbnail.{suffix}",
    sends="image/*",
    operation_id="get_thumbnail",
    summary="The picture at any moment, in any size",
    responses=problems(404, 416, 422, 503, own=FILE),
)
async def thumbnail(
    request: Request,
    visit: VisitingPictures,
    suffix: Suffix,
    seen: Seen,
    given: Given,
    *,
    time: Time = None,
    width: Side = None,
    height: Side = None,
    fit: Fit = Fit.PRESERVE,
) -> Response:
    """The frame on screen at `time`; without any parameter the poster."""
    view = await seen.playback.view(visit.playback_id)
    wanted = Wanted(time, width, height, fit.value, _FORMATS[suffix.value])
    kept = visit.kept(_KEEP_POSTER if time is None else _KEEP)
    is_chosen = view.snapshot.asset.poster_time_ms is not None and view.snapshot.source is not None
    if (wanted.is_poster and not is_chosen) or view.facts is None or view.facts.video is None:
        key = _made(view, "poster", poster.FILE_NAME)
        if key is not None:
            return await given.delivery.file(request, given.storage, key, "image/jpeg", kept)
    if wanted.is_poster:
        wanted = replace(wanted, width=poster.WIDTH_MAX, quality=poster.QUALITY)
    data = await seen.thumbnails.picture(view, await seen.playback.source(view.snapshot), wanted)
    return Response(data, 200, {**CORS_HEADERS, "Cache-Control": kept}, _TYPES[suffix.value])


@public(
    router,
    "/image/{playback_id}/preview.webp",
    sends="image/webp",
    operation_id="get_preview",
    summary="Short moving preview",
    responses=problems(404, 416, own=FILE),
)
async def moving_preview(request: Request, visit: VisitingPictures, seen: Seen, given: Given) -> Response:
    """An animated WebP of some of the video's moments, where the job asked for it."""
    key = _made(await seen.playback.view(visit.playback_id), "preview", preview.FILE_NAME)
    if key is None:
        raise not_found("preview", visit.playback_id)
    return await given.delivery.file(request, given.storage, key, "image/webp", visit.kept(_KEEP))


@public(
    router,
    "/image/{playback_id}/{file_name}",
    sends=("text/vtt", "application/json", "image/jpeg"),
    operation_id="get_storyboard_file",
    summary="Storyboard: storyboard.vtt, storyboard.json and their sheets",
    responses=problems(404, 416, own=FILE),
)
async def storyboard(
    request: Request, visit: VisitingStoryboard, file_name: str, *, seen: Seen, given: Given
) -> Response:
    """Small pictures of the whole video for the seek bar, where the job asked for them."""
    media_type = _STORYBOARD_FILES.get(file_name) or ("image/jpeg" if _SHEET.fullmatch(file_name) else None)
    key = _made(await seen.playback.view(visit.playback_id), "storyboard", file_name) if media_type else None
    if key is None or media_type is None:
        raise not_found("file", file_name[:80])
    return await given.delivery.file(request, given.storage, key, media_type, visit.kept(_KEEP))


def _made(view: Presentation, node_id: str, file_name: str) -> str | None:
    artifact = view.snapshot.artifacts.get(node_id)
    return None if artifact is None else f"{artifact.storage_prefix}/{file_name}"
