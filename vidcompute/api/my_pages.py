"""`/account/me`: one's own account as a page; and the end of mails that one does not want, by the link in each of them.

A program of the mailbox's owner may ask for the latter by itself (RFC 8058), and look at it before anybody does: so GET
shows a page with a button, and POST alone ends something.
"""

from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from vidcompute.api.account_pages import HEADERS
from vidcompute.api.deps import Given
from vidcompute.services import telling

router = APIRouter(prefix="/account", include_in_schema=False)

_FOLDER = Path(__file__).parent / "account"
_SCRIPT = {"Cache-Control": "no-cache"}

Token = Annotated[str, Query(max_length=300)]


@router.get("/me")
async def me() -> Response:
    """One's account: who one is here, the mails that one gets, all that is kept, and the way out."""
    return await _page("me")


@router.get("/me.js")
async def me_script() -> Response:
    """What the page does."""
    return await _script("me")


@router.get("/unsubscribe")
async def unsubscribe_page() -> Response:
    """Asks whether one means it: programs follow links by themselves."""
    return await _page("unsubscribe")


@router.get("/unsubscribe.js")
async def unsubscribe_script() -> Response:
    """What the page does."""
    return await _script("unsubscribe")


@router.post("/unsubscribe")
async def unsubscribe(deps: Given, token: Token = "") -> Response:
    """End the kind of mail that the token is for. Who has the mail may: nobody is asked to log in."""
    kind = await deps.db.write(telling.unsubscribe, token)
    told = f"You get no more mails of the kind {kind}."
    return PlainTextResponse(told, headers={"Cache-Control": "no-store"})


async def _page(name: str) -> Response:
    return HTMLResponse(await to_thread.run_sync((_FOLDER / f"{name}.html").read_text), headers=HEADERS)


async def _script(name: str) -> Response:
    data = await to_thread.run_sync((_FOLDER / f"{name}.js").read_bytes)
    return Response(data, media_type="text/javascript", headers=_SCRIPT)
