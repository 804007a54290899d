"""`/account/…`: where mails, programs and providers send people. The pages are the dashboard's.

What is secret stands behind the `#` of a link. Browsers send that to nobody, and take it along to where they are led.
"""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vidcompute.errors import not_found

router = APIRouter(prefix="/account", include_in_schema=False)

_OWN: Final = "settings?tab=account"
PAGES: Final = {
    "login": "enter",
    "me": _OWN,
    "security": _OWN,
    **{name: name for name in ("register", "forgot", "device", "verify", "email", "reset", "invitation")},
}
_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@router.get("/{name}")
async def page(name: str, request: Request) -> Response:
    """Lead to the page of that name; what the address asks goes along."""
    if name not in PAGES:
        raise not_found("page", name[:80])
    asked = f"?{request.url.query}" if request.url.query and "?" not in PAGES[name] else ""
    return RedirectResponse(f"/dashboard/{PAGES[name]}{asked}", 303, _HEADERS)
