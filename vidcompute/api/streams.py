"""Streams by playback ID: playlists, segments, progressive files, and the manifest of all of them."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.declared import Responses, problems
from vidcompute.api.delivery import FILE
from vidcompute.api.deps import Deps, Given
from vidcompute.api.files import CORS_HEADERS, IMMUTABLE, NO_STORE, body_response
from vidcompute.api.viewing import Seen, TrackName, Viewing, Visit, Visiting, public
from vidcompute.errors import not_found
from vidcompute.media import titles, webvtt
from vidcompute.media.playlists import TEXT_NAME
from vidcompute.media.tracks import INIT_NAME
from vidcompute.pipeline.stages import audio_file, mp4
from vidcompute.services.playback import Presentation, is_text

router = APIRouter(tags=["playback"])

HLS_TYPE = "application/vnd.apple.mpegurl"
DASH_TYPE = "application/dash+xml"
_TEXT: Responses = {304: FILE[304]}
# A playlist may change until all is complete; then only with a deletion.
_GROWING, _SETTLED = "no-cache", "public, max-age=30"
# The text of a track never changes; but it may be taken away, and should not be found for a year then.
_TEXT_KEPT = "public, max-age=86400"


async def _settled(seen: Viewing, visit: Visit) -> str:
    return visit.kept(_SETTLED if (await seen.playback.view(visit.playback_id)).complete else _GROWING)


@public(
    router,
    "/stream/{playback_id}.m3u8",
    sends=HLS_TYPE,
    operation_id="get_hls_stream",
    summary="HLS multivariant playlist",
    responses=problems(404, 503, own=_TEXT),
)
async def multivariant(request: Request, visit: Visiting, seen: Seen, *, planned: bool = False) -> Response:
    """The playlist that players open. With `planned`, it names renditions that are still being made, too."""
    text = await seen.playback.multivariant(visit.playback_id, visit.handle, planned=planned)
    return await body_response(request, text, HLS_TYPE, await _settled(seen, visit))


@public(
    router,
    "/stream/{playback_id}.mpd",
    sends=DASH_TYPE,
    operation_id="get_dash_stream",
    summary="DASH manifest",
    responses=problems(404, own=_TEXT),
)
async def dash(request: Request, visit: Visiting, seen: Seen) -> Response:
    """The same segments for DASH players, once every rendition is complete."""
    text = await seen.playback.dash(visit.playback_id, visit.handle)
    return await body_response(request, text, DASH_TYPE, visit.kept(_SETTLED))


@public(
    router,
    "/stream/{playback_id}.mp4",
    sends="video/mp4",
    operation_id="get_mp4",
    summary="Progressive MP4",
    responses=problems(404, 416, own=FILE),
)
async def progressive(
    request: Request, visit: Visiting, seen: Seen, given: Given, height: int | None = None
) -> Response:
    """The whole video as one file, where the job asked for it; `height` chooses among several."""
    view = await seen.playback.view(visit.playback_id)
    key = _artifact_file(view, mp4.ProgressiveMp4.name, mp4.FILE_NAME, None if height is None else f"mp4/{height}")
    name = _called(view, ".mp4")
    return await given.delivery.file(
        request, given.storage, key, "video/mp4", visit.kept(IMMUTABLE), download_name=name
    )


@public(
    router,
    "/stream/{playback_id}.m4a",
    sends="audio/mp4",
    operation_id="get_m4a",
    summary="The sound alone",
    responses=problems(404, 416, own=FILE),
)
async def sound(request: Request, visit: Visiting, seen: Seen, given: Given) -> Response:
    """The sound as one file, where the job asked for it."""
    view = await seen.playback.view(visit.playback_id)
    key = _artifact_file(view, audio_file.AudioFile.name, audio_file.FILE_NAME)
    name = _called(view, ".m4a")
    return await given.delivery.file(
        request, given.storage, key, "audio/mp4", visit.kept(IMMUTABLE), download_name=name
    )


@public(
    router,
    "/stream/{playback_id}/manifest.json",
    sends="application/json",
    operation_id="get_manifest",
    summary="All outputs with sizes, bit rates, codecs and digests",
    responses=problems(404, own=_TEXT),
)
async def manifest(request: Request, visit: Visiting, seen: Seen) -> Response:
    """What was made of the source, once every rendition is complete."""
    text = await seen.playback.manifest(visit.playback_id, visit.handle)
    return await body_response(request, text, "application/json", visit.kept(_SETTLED))


@public(
    router,
    "/stream/{playback_id}/{track}/index.m3u8",
    sends=HLS_TYPE,
    operation_id="get_media_playlist",
    summary="HLS media playlist",
    responses=problems(404, 503, own=_TEXT),
)
async def media_playlist(request: Request, visit: Visiting, track: TrackName, seen: Seen) -> Response:
    """The playlist of one track: its whole timeline, from the first second on."""
    text = await seen.playback.media_playlist(visit.playback_id, track)
    return await body_response(request, text, HLS_TYPE, await _settled(seen, visit))


@public(
    router,
    "/stream/{playback_id}/{track}/iframes.m3u8",
    sends=HLS_TYPE,
    operation_id="get_iframe_playlist",
    summary="HLS I-frame playlist",
    responses=problems(404, own=_TEXT),
)
async def iframe_playlist(request: Request, visit: Visiting, track: TrackName, seen: Seen) -> Response:
    """The key frames of one rendition, for fast winding."""
    text = await seen.playback.iframe_playlist(visit.playback_id, track)
    return await body_response(request, text, HLS_TYPE, visit.kept(_SETTLED))


@public(
    router,
    "/stream/{playback_id}/{track}/{file_name}",
    sends=("video/iso.segment", "audio/iso.segment", "video/mp4", "audio/mp4", "text/vtt"),
    operation_id="get_segment",
    summary="Media segment, or the track's init segment",
    responses=problems(404, 416, 503, own=FILE),
)
async def segment(
    request: Request, visit: Visiting, track: TrackName, file_name: str, *, seen: Seen, given: Given
) -> Response:
    """`init.mp4`, or `0.m4s` and so on; of a text track `0.vtt` and so on, or all of it as `track.vtt`.

    A request for what isn't made yet waits until it is.
    """
    if is_text(track):
        return await _text(request, visit, track, file_name, seen=seen, given=given)
    media_type = "audio/mp4" if track.startswith("audio-") else "video/mp4"
    media_type = media_type if file_name == INIT_NAME else media_type.replace("mp4", "iso.segment")
    found = await seen.playback.file(visit.playback_id, track, file_name)
    if found.key is not None:
        return await given.delivery.file(request, given.storage, found.key, media_type, visit.kept(IMMUTABLE))
    if found.path is None:
        raise not_found("segment", file_name)
    # Bytes of the fast rung: the ladder's take their place under the same URL, so nobody may keep them.
    try:
        data = await run_in_threadpool(found.path.read_bytes)
    except FileNotFoundError:  # its asset was deleted just now
        raise not_found("segment", file_name) from None
    return Response(data, 200, {**CORS_HEADERS, "Cache-Control": NO_STORE}, media_type)


async def _text(request: Request, visit: Visit, track: str, file_name: str, *, seen: Viewing, given: Deps) -> Response:
    kept = visit.kept(_TEXT_KEPT)
    if file_name == TEXT_NAME:
        key = await seen.playback.text_key(visit.playback_id, track)
        return await given.delivery.file(request, given.storage, key, webvtt.MEDIA_TYPE, kept)
    text = await seen.playback.text_segment(visit.playback_id, track, file_name)
    return await body_response(request, text, webvtt.MEDIA_TYPE, kept)


def _artifact_file(view: Presentation, stage: str, file_name: str, node_id: str | None = None) -> str:
    for node in view.snapshot.plan.nodes if view.snapshot.plan else ():
        artifact = view.snapshot.artifacts.get(node.id)
        if node.stage == stage and artifact is not None and node_id in {None, node.id}:
            return f"{artifact.storage_prefix}/{file_name}"
    raise not_found("file", file_name)


def _called(view: Presentation, suffix: str) -> str:
    return titles.file_name(view.snapshot.asset.title or view.snapshot.asset.playback_id, suffix)
