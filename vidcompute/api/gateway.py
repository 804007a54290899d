"""The storage for attempts on nodes that have no key to it: each with a token that opens what it needs alone.

Not part of the public API. Where the store can sign URLs, the bytes go past us.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from anyio import to_thread
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from vidcompute.api.deps import Deps, Given
from vidcompute.api.files import NO_STORE, file_response
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ports.storage import ObjectInfo
from vidcompute.services import grants

router = APIRouter(prefix="/internal/storage", include_in_schema=False)

_SIGNED_S = 3600
_LARGEST_SIGNED_BYTES = 5 * 10**9  # what S3 takes in one piece
_BATCH_BYTES = 2**20


class Allowed(Protocol):
    """What a request may do (see `grants.Scope`)."""

    def may_read(self, key: str) -> bool:
        """Whether it may read an object."""
        ...

    def may_list(self, prefix: str) -> bool:
        """Whether it may see what lies below a prefix."""
        ...

    def may_write(self, key: str) -> bool:
        """Whether it may store an object."""
        ...


async def scope(request: Request, deps: Given) -> Allowed:
    """What the request's token opens; `grant_invalid` (401) where there is none, or a false one."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise VidComputeError(Kind.UNAUTHENTICATED, "grant_invalid", "This address is for nodes; it wants their token.")
    return await deps.db.read(grants.scope_of, token.strip())


Opened = Annotated[Allowed, Depends(scope)]


def _check(key: str, *, allowed: bool) -> None:
    if not allowed:
        raise VidComputeError(Kind.FORBIDDEN, "grant_exceeded", f"The token does not open {key[-80:]!r} (any more).")


@router.get("")
async def list_objects(prefix: str, deps: Given, opened: Opened) -> Response:
    """The objects below a prefix."""
    _check(prefix, allowed=opened.may_list(prefix))
    return JSONResponse({"items": [_view(item) for item in await deps.storage.list(prefix)]})


@router.api_route("/{key:path}", methods=["GET", "HEAD"])
async def read_object(request: Request, key: str, deps: Given, opened: Opened) -> Response:
    """An object's bytes, or where to get them; ranges are fine."""
    _check(key, allowed=opened.may_read(key))
    await deps.storage.stat(key)
    url = await _signed(deps, key, "GET") if request.method == "GET" else None
    if url is not None:
        return RedirectResponse(url, 307, {"Cache-Control": NO_STORE})
    return await file_response(request, deps.storage, key, "application/octet-stream", NO_STORE)


@router.post("/{key:path}")
async def place_object(key: str, size_bytes: int, deps: Given, opened: Opened) -> Response:
    """Where an object of this size is to be put: a signed URL, or (null) here."""
    _check(key, allowed=opened.may_write(key))
    url = await _signed(deps, key, "PUT") if size_bytes <= _LARGEST_SIGNED_BYTES else None
    return JSONResponse({"url": url})


@router.put("/{key:path}")
async def store_object(request: Request, key: str, deps: Given, opened: Opened) -> Response:
    """Store an object: whole, or not at all."""
    _check(key, allowed=opened.may_write(key))
    deps.incoming.mkdir(parents=True, exist_ok=True)
    path = deps.incoming / f"node-{secrets.token_hex(12)}"
    try:
        digest = await _receive(request, path, deps.limits.max_upload_bytes)
        if digest != request.headers.get("x-content-sha256"):
            raise invalid("body_damaged", "What arrived is not what was sent: its digest is another.")
        return JSONResponse(_view(await deps.storage.put(key, path)))
    finally:
        path.unlink(missing_ok=True)


async def _receive(request: Request, path: Path, max_bytes: int) -> str:
    """Write the body to a file; its SHA-256. The disk and the digest have their turns in a thread."""
    digest = hashlib.sha256()
    size_bytes = 0
    batch = bytearray()
    with path.open("xb", buffering=0) as file:

        def keep(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        async for piece in request.stream():
            batch += piece
            size_bytes += len(piece)
            if size_bytes > max_bytes:
                raise VidComputeError(
                    Kind.TOO_LARGE, "body_too_large", f"An object may have {max_bytes} bytes at most."
                )
            if len(batch) >= _BATCH_BYTES:
                await to_thread.run_sync(keep, bytes(batch))
                batch.clear()
        await to_thread.run_sync(keep, bytes(batch))
    return digest.hexdigest()


async def _signed(deps: Deps, key: str, method: Literal["GET", "PUT"]) -> str | None:
    return await deps.storage.sign(key, method, _SIGNED_S)


def _view(item: ObjectInfo) -> dict[str, Any]:
    return {"key": item.key, "size_bytes": item.size_bytes, "etag": item.etag}
