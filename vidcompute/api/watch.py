"""The watch page: its HTML, the state that it follows, and oEmbed for sites that want to show it."""

import asyncio
import hashlib
import html
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from vidcompute.api import sse
from vidcompute.api.declared import Responses, problems
from vidcompute.api.deps import Deps, Given
from vidcompute.api.files import CORS_HEADERS, IMMUTABLE
from vidcompute.api.viewing import DOOR, Handle, Seen, Viewing, Visit, Visiting, let_in, public
from vidcompute.errors import Kind, VidComputeError, invalid, not_found
from vidcompute.media.playlists import TEXT_NAME
from vidcompute.services import playback
from vidcompute.services.admission import Audience
from vidcompute.services.playback import Presentation
from vidcompute.services.text_tracks import TextTrack

router = APIRouter(tags=["watching"])

_ASSET_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_CODINGS = {"br": ".br", "gzip": ".gz"}  # made when the pages are built
_ASSET_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,40}){1,3}")
_WATCH = re.compile(r"/(?:watch|embed)/([^/?#]+)/?([?#].*)?")
_OEMBED_WIDTH = 640
_FRESH_S = 1.0
_APART_S = 0.2  # a job at work commits hundreds of times a second, and each viewer looks for themselves
# The beginnings of the types of events that change a video which nothing works on any more.
_AT_REST = ("asset.", "track.", "job.")
# A strict policy: nothing from elsewhere but what the store delivers, nothing inline but styles in the player.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:{stores}; "
    "media-src 'self' blob:{stores}; worker-src 'self' blob:; connect-src 'self'{stores}; "
    "object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {ancestors}"
)

_SHAPE = {"width": "16", "height": "9"}
_TOLD_BY_PAGE = {
    Kind.NOT_FOUND: (404, {"title": "No video here", **_SHAPE}),
    Kind.FORBIDDEN: (403, {"title": "Private video", **_SHAPE}),
}
_HTML = {"text/html": {"schema": {"type": "string"}}}
_NO_VIDEO: Responses = {
    403: {"description": "The video is private: the same page, which says so.", "content": _HTML},
    404: {"description": "There is no such video: the same page, which says so.", "content": _HTML},
}


@public(
    router,
    "/watch/{playback_id}",
    sends="text/html",
    operation_id="get_watch_page",
    summary="Watch page",
    responses=_NO_VIDEO,
)
async def watch_page(request: Request, handle: Handle, seen: Seen, given: Given) -> Response:
    """The page with the player; `start`, `autoplay`, `muted` and `loop` are read by the page itself."""
    return await _page(request, handle, ancestors="'self'", seen=seen, given=given)


@public(
    router,
    "/embed/{playback_id}",
    sends="text/html",
    operation_id="get_embed_page",
    summary="Player alone",
    responses=_NO_VIDEO,
)
async def embed_page(request: Request, handle: Handle, seen: Seen, given: Given) -> Response:
    """The player alone, for an iframe on the sites that the settings name."""
    ancestors = " ".join(seen.embed_sites) or "'none'"
    return await _page(request, handle, ancestors=ancestors, seen=seen, given=given)


async def _page(request: Request, handle: str, *, ancestors: str, seen: Viewing, given: Deps) -> Response:
    template = await run_in_threadpool(_template, seen.pages / "watch.html")
    try:
        visit = await let_in(request, handle, seen, Audience.VIDEO)
        status, told = 200, _fields(await seen.playback.view(visit.playback_id), visit.handle, given.base_url)
    except VidComputeError as error:
        if error.kind not in _TOLD_BY_PAGE:
            raise
        status, told = _TOLD_BY_PAGE[error.kind]
    fields = {name: html.escape(value) for name, value in told.items()}
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: fields.get(found.group(1), ""), template)
    stores = "".join(f" {origin}" for origin in await given.delivery.origins(given.storage))
    policy = _POLICY.format(ancestors=ancestors, stores=stores)
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    return Response(text, status, headers, "text/html; charset=utf-8")


def _template(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        raise not_found("page", path.name) from None


def _fields(view: Presentation, handle: str, base_url: str) -> dict[str, str]:
    asset = view.snapshot.asset
    watch_url = f"{base_url}/watch/{handle}"
    return {
        "title": asset.title or "Video",
        "description": asset.title or "Video",
        "watch_url": watch_url,
        "embed_url": f"{base_url}/embed/{handle}",
        "oembed_url": f"{base_url}/oembed?url={quote(watch_url, safe='')}",
        "poster_url": f"{base_url}/image/{handle}/thumbnail.jpg",
        "width": str(asset.width or 1280),
        "height": str(asset.height or 720),
    }


@public(router, "/pages/assets/{file_name}", sends="*/*", include_in_schema=False)
async def page_asset(request: Request, file_name: str, seen: Seen) -> Response:
    """A script, style or font of the built pages, as small as the browser takes it; its name has its hash."""
    path = seen.pages / "assets" / file_name
    media_type = _ASSET_TYPES.get(path.suffix)
    if media_type is None or not _ASSET_NAME.fullmatch(file_name) or not path.is_file():
        raise not_found("file", file_name[:80])
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    taken = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    for coding, suffix in _CODINGS.items():
        small = path.with_name(path.name + suffix)
        if coding in taken and small.is_file():
            return FileResponse(small, media_type=media_type, headers={**headers, "Content-Encoding": coding})
    return FileResponse(path, media_type=media_type, headers=headers)


@public(
    router,
    "/watch/{playback_id}/state",
    sends="application/json",
    operation_id="get_watch_state",
    summary="What the watch page shows",
    responses=problems(404),
)
async def watch_state(visit: Visiting, seen: Seen, given: Given) -> Response:
    """Title, status, progress, and which tracks can be delivered now."""
    return JSONResponse(await _state(seen, given, visit), headers={**CORS_HEADERS, "Cache-Control": "no-store"})


@router.get(
    "/watch/{playback_id}/events",
    operation_id="follow_watch_state",
    summary="The watch page's state as it changes (SSE)",
    response_class=Response,
    response_model=None,
    responses=problems(
        404, own={200: {"description": "Events.", "content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}}}, **DOOR}
    ),
)
async def watch_events(request: Request, visit: Visiting, seen: Seen, given: Given) -> Response:
    """Events `state` with the same JSON as the state, at most five a second, for as long as the viewer may watch."""
    first = await _state(seen, given, visit)

    async def may() -> bool:
        try:
            await let_in(request, visit.handle, seen, Audience.VIDEO)
        except VidComputeError:
            return False
        return True

    return sse.EventStream(_follow(seen, given, visit, first), may)


async def _follow(seen: Viewing, given: Deps, visit: Visit, state: dict[str, Any]) -> AsyncGenerator[bytes]:
    def hears(kind: str) -> bool:
        return not _rests(state) or kind.startswith(_AT_REST)

    with given.db.subscribe(hears=hears) as subscription:
        yield sse.event("state", state)
        told_s, woken = time.monotonic(), True  # something may have come between the first look and the subscription
        while not given.closing.is_set():
            now = await _state(seen, given, visit) if woken or not _rests(state) else state
            if now != state:
                state, told_s = now, time.monotonic()
                yield sse.event("state", state)
            elif time.monotonic() - told_s >= sse.HEARTBEAT_S:
                told_s = time.monotonic()
                yield sse.HEARTBEAT
            await asyncio.sleep(_APART_S)
            woken = await subscription.wait(timeout_s=_FRESH_S)


def _rests(state: Mapping[str, Any]) -> bool:
    """Whether only events change the state from now on: pages stay open for hours, and need no look each second."""
    return state["progress"] is None and state["status"] in {"ready", "errored"}


async def _state(seen: Viewing, given: Deps, visit: Visit) -> dict[str, Any]:
    view = await seen.playback.view(visit.playback_id, fresh=True)
    asset, job = view.snapshot.asset, view.snapshot.job
    images = f"/image/{visit.handle}"
    told = None
    if job is not None and job.status in {"queued", "running"}:
        progress = await given.db.read(playback.progress, job, given.hub)
        eta_s = None if progress.eta_ms is None else round(progress.eta_ms / 1000)
        told = {"fraction": round(progress.fraction, 3), "eta_s": eta_s, "speed": progress.speed}
    video = view.facts.video if view.facts else None
    texts = await seen.playback.texts.of(asset.id)
    return {
        "title": asset.title or "Video",
        "status": asset.status,
        "error": {"code": asset.error_code, "detail": asset.error_detail} if asset.error_code else None,
        "duration_ms": asset.duration_ms,
        "width": asset.width,
        "height": asset.height,
        "has_video": video is not None or view.facts is None,
        "has_audio": bool(view.facts and view.facts.audio),
        "stream_url": _stream(visit.handle, texts) if view.playable else None,
        "ready_tracks": view.ready_tracks,
        "complete": view.complete,
        "progress": told,
        "poster_url": _poster(view, images),
        "storyboard_url": f"{images}/storyboard.json" if "storyboard" in view.snapshot.artifacts else None,
        "captions": [_caption(track, visit.handle) for track in texts],
        "chapters": [vars(chapter) for chapter in view.facts.chapters] if view.facts else [],
    }


def _stream(handle: str, texts: Sequence[TextTrack]) -> str:
    """The stream's address, which is another one when other texts belong to it: no cache then has what was before."""
    address = f"/stream/{handle}.m3u8?planned=1"
    if not texts:
        return address
    told = repr([(t.id, t.kind, t.language, t.name, t.is_default, t.autoselect, t.forced) for t in texts])
    return f"{address}&texts={hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _caption(track: TextTrack, handle: str) -> dict[str, Any]:
    return {
        "id": track.id,
        "kind": track.kind.value,
        "language": track.language,
        "name": track.name,
        "default": track.is_default,
        "forced": track.forced,
        "url": f"/stream/{handle}/{track.id}/{TEXT_NAME}",
    }


def _poster(view: Presentation, images: str) -> str | None:
    """The poster's address, which is another one for each moment that is chosen."""
    chosen_ms = view.snapshot.asset.poster_time_ms
    if chosen_ms is not None:
        return f"{images}/thumbnail.jpg?time={chosen_ms / 1000:g}"
    return f"{images}/thumbnail.jpg" if "poster" in view.snapshot.artifacts else None


@public(
    router,
    "/oembed",
    sends="application/json",
    operation_id="get_oembed",
    summary="oEmbed description of a watch page",
    responses=problems(404, 422, own=DOOR),
)
async def oembed(
    request: Request,
    seen: Seen,
    given: Given,
    *,
    url: Annotated[str, Query(max_length=2000, description="The address of a watch page.")],
    maxwidth: Annotated[int | None, Query(ge=50, le=10_000)] = None,
    maxheight: Annotated[int | None, Query(ge=50, le=10_000)] = None,
    kind: Annotated[str, Query(alias="format", max_length=10, description='"json" is the only format.')] = "json",
) -> Response:
    """What a site needs to show the video in a frame of its own (oEmbed 1.0, type "video")."""
    if kind != "json":
        raise invalid("oembed_format", 'Only format "json" is offered.')
    found = _WATCH.fullmatch(url.removeprefix(given.base_url))
    if found is None or not url.startswith(given.base_url + "/"):
        raise not_found("watch_page", url[:200])
    visit = await let_in(request, found.group(1), seen, Audience.VIDEO)
    view = await seen.playback.view(visit.playback_id)
    width, height = _fitted(view, maxwidth, maxheight)
    fields = _fields(view, visit.handle, given.base_url)
    frame = (
        f'<iframe src="{html.escape(fields["embed_url"])}" width="{width}" height="{height}" frameborder="0" '
        f'allow="autoplay; fullscreen; picture-in-picture" allowfullscreen title="{html.escape(fields["title"])}">'
        "</iframe>"
    )
    body: Mapping[str, Any] = {
        "version": "1.0",
        "type": "video",
        "provider_name": "VidCompute",
        "provider_url": given.base_url,
        "title": fields["title"],
        "html": frame,
        "width": width,
        "height": height,
        "thumbnail_url": f"{fields['poster_url']}?width={width}",
        "thumbnail_width": width,
        "thumbnail_height": height,
    }
    headers = {**CORS_HEADERS, "Cache-Control": visit.kept("public, max-age=300")}
    return Response(json.dumps(body), 200, headers, "application/json")


def _fitted(view: Presentation, max_width: int | None, max_height: int | None) -> tuple[int, int]:
    asset = view.snapshot.asset
    shape = (asset.height or 9) / (asset.width or 16)
    width = min(_OEMBED_WIDTH, max_width or _OEMBED_WIDTH)
    if max_height is not None:
        width = min(width, int(max_height / shape))
    return width, max(1, round(width * shape))
