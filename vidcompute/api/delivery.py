"""Who sends stored files to viewers: we do, or the store (or a CDN before it) after a redirect from us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vidcompute.api.files import CORS_HEADERS, IMMUTABLE, content_disposition, file_response, is_text
from vidcompute.ports.storage import Storage

FILE: Final[Mapping[int | str, dict[str, Any]]] = {
    206: {"description": "The range that was asked for."},
    304: {"description": "It is as you have it."},
    307: {"description": "Go on there: the store or a CDN delivers the bytes, or a token became a pass."},
}
"""What may be answered, beside the whole, where a stored file is sent."""

_PRIVATE_S = 60  # how long an address opens what isn't for everybody


@dataclass(frozen=True)
class Delivery:
    """How stored files go out. With `redirect`, the store delivers them by addresses that are good for `life_s`.

    `cdn_url` stands for the store's own address then: a CDN whose origin is the place where objects lie, and which may
    read there; what isn't for everybody never comes by it. Texts come from us always: what they name is relative to us.
    """

    redirect: bool = False
    life_s: int = 3600
    cdn_url: str | None = None
    _origins: list[str] = field(default_factory=list, repr=False)

    async def file(
        self,
        request: Request,
        storage: Storage,
        key: str,
        media_type: str,
        cache_control: str = IMMUTABLE,
        *,
        download_name: str | None = None,
    ) -> Response:
        """The object `key` as `file_response` gives it, or the way to it."""
        if self.redirect and request.method == "GET" and not is_text(media_type):
            is_private = cache_control.startswith("private")
            address = await self._address(storage, key, is_private=is_private, download_name=download_name)
            if address is not None:
                # Whoever keeps it still gets in with it.
                kept = "no-store" if is_private else f"public, max-age={self.life_s // 2}"
                return RedirectResponse(address, 307, {**CORS_HEADERS, "Cache-Control": kept})
        return await file_response(request, storage, key, media_type, cache_control, download_name=download_name)

    async def _address(
        self, storage: Storage, key: str, *, is_private: bool = False, download_name: str | None = None
    ) -> str | None:
        if self.cdn_url is not None and not is_private:
            return f"{self.cdn_url}/{key}"
        disposition = content_disposition(download_name) if download_name else None
        return await storage.sign(key, "GET", _PRIVATE_S if is_private else self.life_s, disposition=disposition)

    async def origins(self, storage: Storage) -> tuple[str, ...]:
        """The sites beside ours from which pages of ours load: for their content security policy."""
        if not self.redirect:
            return ()
        if not self._origins:
            address = await self._address(storage, "origin")
            if address is None:
                return ()
            parts = urlsplit(address)
            self._origins.append(f"{parts.scheme}://{parts.netloc}")
        return tuple(self._origins)
