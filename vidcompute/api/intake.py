"""How the bytes of uploads come in by HTTP, at addresses that want a key and at those that need none."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import tus_headers as tus
from vidcompute.api.deps import deps_of
from vidcompute.api.problems import answer_of
from vidcompute.api.tracing import traceparent_of
from vidcompute.api.upload_schemas import view
from vidcompute.errors import VidComputeError, invalid
from vidcompute.services import uploads
from vidcompute.services.uploads import Intake, Piece, Upload


class TusRoute(APIRoute):
    """A route whose every answer names the version of TUS, errors among them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except VidComputeError as error:
                response = answer_of(request, error)
                if error.code == "tus_version_unsupported":
                    response.headers["Tus-Version"] = tus.VERSION
            response.headers["Tus-Resumable"] = tus.VERSION
            return response

        return answer


def intake_of(request: Request) -> Intake:
    """What takes uploads in this process."""
    return cast(Intake, request.app.state.intake)


def declared_bytes(request: Request) -> int | None:
    """How long the request says that its body is."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def carries_bytes(request: Request) -> bool:
    """Whether the body is a piece of an upload."""
    return request.headers.get("content-type", "").strip().lower() == tus.OCTETS


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise uploads.LineCutError from error


async def take_piece(request: Request, upload: Upload, *, offset_bytes: int, size_bytes: int | None = None) -> Upload:
    """Add the request's body to an upload."""
    piece = Piece(
        offset_bytes,
        size_bytes=size_bytes,
        declared_bytes=declared_bytes(request),
        checksum=tus.checksum_of(request.headers),
        traceparent=traceparent_of(request),
    )
    return await intake_of(request).take(upload, piece, _pieces(request))


async def head(request: Request, upload: Upload) -> Response:
    """How far an upload is."""
    tus.check_version(request.headers)
    seen = await intake_of(request).seen(upload)
    if seen.ended_ms is None or seen.offset_bytes != seen.size_bytes:
        uploads.check_unfinished(seen)
    return Response(headers=tus.of_upload(seen))


async def patch(request: Request, upload: Upload) -> Response:
    """A piece of an upload."""
    tus.check_version(request.headers)
    if not carries_bytes(request):
        raise invalid("unsupported_content_type", f"Send the bytes as {tus.OCTETS}.")
    offset_bytes = tus.number(request.headers, "Upload-Offset")
    if offset_bytes is None:
        raise tus.wrong("Upload-Offset", "it is missing")
    size_bytes = tus.number(request.headers, "Upload-Length")
    taken = await take_piece(request, upload, offset_bytes=offset_bytes, size_bytes=size_bytes)
    return Response(status_code=204, headers={"Upload-Offset": str(taken.offset_bytes), **tus.expiry(taken)})


async def put(request: Request, upload: Upload) -> Response:
    """A whole file in one request: all of it, or nothing."""
    piece = Piece(0, declared_bytes=declared_bytes(request), traceparent=traceparent_of(request), at_once=True)
    taken = await intake_of(request).take(upload, piece, _pieces(request))
    return JSONResponse(view(taken, deps_of(request).base_url).model_dump(mode="json"), 201)


async def delete(request: Request, upload: Upload) -> Response:
    """The sender gives up."""
    await intake_of(request).cancel(upload)
    return Response(status_code=204)


def options(request: Request) -> Response:
    """What is spoken here."""
    return Response(status_code=204, headers=tus.capabilities(deps_of(request).limits.max_upload_bytes))
