"""The pages of accounts: log in, let a program in, look after one's safety, and what links in mails lead to.

What is secret stands behind the `#` of the link, which browsers send to nobody; the page's script takes it from there
and asks the API, as any client would.
"""

from pathlib import Path
from typing import Final

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from vidcompute.errors import not_found

router = APIRouter(prefix="/account", include_in_schema=False)

PAGES: Final = ("login", "register", "forgot", "security", "device", "verify", "email", "reset", "invitation")
_FOLDER = Path(__file__).parent / "account"
_SCRIPTS = ("account.js", "form.js", "passkeys.js", "security.js")
_FILES = {**dict.fromkeys(_SCRIPTS, "text/javascript"), "account.css": "text/css"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@router.get("/{name}")
async def page(name: str) -> Response:
    """A page, or one of the files that it needs."""
    if name in PAGES:
        return HTMLResponse(await to_thread.run_sync((_FOLDER / "account.html").read_text), headers=HEADERS)
    if name in _FILES:
        data = await to_thread.run_sync((_FOLDER / name).read_bytes)
        return Response(data, media_type=_FILES[name], headers={"Cache-Control": "no-cache"})
    raise not_found("page", name)
