"""The dashboard: one page for every address below `/dashboard`. Its own script shows what the address names."""

from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from vidcompute.api.deps import Given
from vidcompute.api.viewing import Seen
from vidcompute.errors import not_found

router = APIRouter(include_in_schema=False)

PAGE: Final = "dashboard.html"
# As the watch page has it: nothing from elsewhere but what the store delivers, nothing inline but styles in the player.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data: blob:{stores}; media-src 'self' blob:{stores}; worker-src 'self' blob:; "
    "connect-src 'self'{stores}; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/dashboard")
@router.get("/dashboard/{rest:path}")
async def dashboard(seen: Seen, deps: Given, rest: str = "") -> Response:
    """The page. Who may see what is asked by its script, of the API, as any client would."""
    del rest
    try:
        text = await run_in_threadpool((seen.pages / PAGE).read_text)
    except FileNotFoundError:
        raise not_found("page", PAGE) from None
    stores = "".join(f" {origin}" for origin in await deps.delivery.origins(deps.storage))
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY.format(stores=stores),
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(text, headers=headers)
