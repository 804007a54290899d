"""Text tracks of assets: captions and subtitles are added, listed, changed and removed."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api import idempotency
from vidcompute.api import track_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json, read_limited
from vidcompute.api.declared import AssetId, TrackId, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.views import when
from vidcompute.media.playlists import TEXT_NAME
from vidcompute.services import assets, text_tracks
from vidcompute.services.idempotency import Answer
from vidcompute.services.text_tracks import TextKind, TextTrack, Wish, Work

router = APIRouter(prefix="/api/v1/assets/{asset_id}", tags=["assets"])

_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BYTES = "application/octet-stream"
_NAME = "What viewers choose it by; its language where it is left out."
_DEFAULT = "Shown unless a viewer chooses; taken from the track that has it."
_FORCED = "Shown even where no text is wanted: it translates what is in another language than the rest."


def _wish(
    language: Annotated[
        str,
        Query(min_length=1, max_length=63, description="A BCP 47 tag.", examples=[schemas.LANGUAGE_EXAMPLE]),
    ],
    name: Annotated[str, Query(max_length=200, description=_NAME)] = "",
    kind: Annotated[TextKind, Query(description="For who does not know the language, or does not hear.")] = (
        TextKind.SUBTITLES
    ),
    *,
    default: Annotated[bool, Query(description=_DEFAULT)] = False,
    autoselect: Annotated[
        bool, Query(description="Whether players may choose it by themselves, for its language.")
    ] = True,
    forced: Annotated[bool, Query(description=_FORCED)] = False,
) -> Wish:
    return Wish(language, name, kind, default, autoselect, forced)


def _view(track: TextTrack, playback_id: str, base_url: str) -> schemas.TextTrack:
    return schemas.TextTrack(
        id=track.id,
        kind=track.kind,
        language=track.language,
        name=track.name,
        default=track.is_default,
        autoselect=track.autoselect,
        forced=track.forced,
        cues=track.cues,
        end_ms=track.end_ms,
        size_bytes=track.size_bytes,
        url=f"{base_url}/stream/{playback_id}/{track.id}/{TEXT_NAME}",
        created_at=when(track.created_ms),
    )


def _shown(conn: Connection, organization_id: str, asset_id: str, base_url: str) -> list[schemas.TextTrack]:
    playback_id = assets.get(conn, organization_id, asset_id).playback_id
    return [_view(track, playback_id, base_url) for track in text_tracks.list_tracks(conn, asset_id)]


def _work(deps: Deps, organization_id: str) -> Work:
    return Work(deps.db, deps.storage, deps.incoming, organization_id)


async def _one(deps: Deps, organization_id: str, track: TextTrack) -> schemas.TextTrack:
    asset = await deps.db.read(assets.get_any, organization_id, track.asset_id)
    return _view(track, asset.playback_id, deps.base_url)


@router.get("/tracks", operation_id="list_text_tracks", summary="List text tracks", responses=problems(401, 404))
async def list_text_tracks(asset_id: AssetId, caller: Caller, deps: Given) -> schemas.TextTrackList:
    """The captions and subtitles of an asset, oldest first."""
    items = await deps.db.read(_shown, caller.organization_id, asset_id, deps.base_url)
    return schemas.TextTrackList(items=items)


@router.post(
    "/tracks",
    operation_id="add_text_track",
    summary="Add captions or subtitles",
    response_class=Response,
    status_code=201,
    responses=problems(
        *(401, 404, 409, 413, 422),
        own={201: {"model": schemas.TextTrack, "description": "Players are offered it from now on."}},
    ),
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/vtt": _FILE, "application/x-subrip": _FILE, _BYTES: _FILE}}
    },
)
async def add_text_track(
    request: Request,
    asset_id: AssetId,
    wish: Annotated[Wish, Depends(_wish)],
    caller: Caller,
    deps: Given,
) -> Response:
    """Send a WebVTT or SubRip file; what it is its content says. Players are offered it at once."""
    data = await read_limited(request, deps.limits.max_text_track_bytes)
    idempotency.cover(request, data)
    await idempotency.recall(request)
    mine = caller.organization_id

    def use(conn: Connection, track: TextTrack) -> Answer:
        playback_id = assets.get(conn, mine, asset_id).playback_id
        return Answer(201, _view(track, playback_id, deps.base_url).model_dump(mode="json"))

    work = _work(deps, mine)
    added = await text_tracks.add(work, asset_id, wish, data, use, most=deps.limits.max_text_tracks)
    return idempotency.response_of(added)


@router.patch(
    "/tracks/{track_id}",
    operation_id="update_text_track",
    summary="Change a text track",
    responses=problems(400, 401, 404, 413, 422),
)
async def update_text_track(
    wanted: Json[schemas.TextTrackChanges], asset_id: AssetId, track_id: TrackId, caller: Caller, deps: Given
) -> schemas.TextTrack:
    """Change what viewers choose it by. Its text stays: another one is another track."""
    changes: Any = wanted.model_dump(exclude_unset=True)
    if "default" in changes:
        changes["is_default"] = changes.pop("default")
    track = await deps.db.write(text_tracks.change, caller.organization_id, asset_id, track_id, changes)
    return await _one(deps, caller.organization_id, track)


@router.delete(
    "/tracks/{track_id}",
    operation_id="delete_text_track",
    summary="Remove a text track",
    status_code=204,
    responses=problems(401, 404),
)
async def delete_text_track(asset_id: AssetId, track_id: TrackId, caller: Caller, deps: Given) -> None:
    """Take a text track away, for good. Caches may have its text for a day."""
    await text_tracks.remove(_work(deps, caller.organization_id), asset_id, track_id)
