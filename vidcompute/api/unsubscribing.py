"""The end of mails that one does not want, by the link in each of them.

A program of the mailbox's owner may ask for it by itself (RFC 8058), and look at it before anybody does: so GET shows a
page with a button, and POST alone ends something.
"""

from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from vidcompute.api.deps import Given
from vidcompute.errors import not_found
from vidcompute.services import telling

router = APIRouter(prefix="/account", include_in_schema=False)

_FOLDER = Path(__file__).parent / "account"
_FILES = {"unsubscribe.js": "text/javascript", "unsubscribe.css": "text/css"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Token = Annotated[str, Query(max_length=300)]


@router.get("/unsubscribe")
async def unsubscribe_page() -> Response:
    """Asks whether one means it: programs follow links by themselves."""
    return HTMLResponse(await to_thread.run_sync((_FOLDER / "unsubscribe.html").read_text), headers=_HEADERS)


@router.get("/unsubscribe.{kind}")
async def unsubscribe_file(kind: str) -> Response:
    """What the page does, and how it looks."""
    name = f"unsubscribe.{kind}"
    if name not in _FILES:
        raise not_found("page", name[:80])
    data = await to_thread.run_sync((_FOLDER / name).read_bytes)
    return Response(data, media_type=_FILES[name], headers={"Cache-Control": "no-cache"})


@router.post("/unsubscribe")
async def unsubscribe(deps: Given, token: Token = "") -> Response:
    """End the kind of mail that the token is for. Who has the mail may: nobody is asked to log in."""
    kind = await deps.db.write(telling.unsubscribe, token)
    told = f"You get no more mails of the kind {kind}."
    return PlainTextResponse(told, headers={"Cache-Control": "no-store"})
