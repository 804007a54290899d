"""The dashboard: one page for every address below `/dashboard`. Its own script shows what the address names."""

import json
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from vidcompute.api.deps import Given
from vidcompute.api.viewing import Seen
from vidcompute.errors import not_found

router = APIRouter(include_in_schema=False)

PAGE: Final = "dashboard.html"
SCRIPTS: Final = "dashboard.json"  # by address, made when the pages are built
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
    try:
        text = await run_in_threadpool(_page, seen.pages, rest)
    except FileNotFoundError:
        raise not_found("page", PAGE) from None
    stores = "".join(f" {origin}" for origin in await deps.delivery.origins(deps.storage))
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY.format(stores=stores),
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(text, headers=headers)


def _page(pages: Path, rest: str) -> str:
    """The page, with the scripts of its address named: a browser asks for them at once, not as one names another."""
    text = (pages / PAGE).read_text()
    scripts = pages / SCRIPTS
    known = json.loads(scripts.read_text()) if scripts.is_file() else {}
    first, _, more = rest.strip("/").partition("/")
    names = known.get(f"{first}/*" if more else first, [])
    links = "".join(f'<link rel="modulepreload" crossorigin href="/pages/{name}">' for name in names)
    return text.replace("</head>", f"{links}</head>", 1)
