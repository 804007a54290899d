"""The API's own pages: the OpenAPI document, and Swagger UI from files in our packages, with no other site involved."""

import html
import importlib.util
from pathlib import Path
from typing import Final

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from vidcompute.errors import not_found

router = APIRouter(include_in_schema=False)

BUNDLE: Final = "fastapi_offline"  # a wheel that carries Swagger UI's files; none of its code is used
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_CACHE = "public, max-age=86400"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_START = """\
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


@router.get("/openapi.json")
@router.get("/docs/swagger.json")
async def document(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi(), headers={"Access-Control-Allow-Origin": "*"})


@router.get("/")
async def home() -> Response:
    """Who opens the server's address in a browser comes to the dashboard."""
    return RedirectResponse("/dashboard")


@router.get("/docs")
async def page(request: Request) -> Response:
    """Swagger UI."""
    title = html.escape(f"{request.app.title} API")
    return HTMLResponse(_PAGE.format(title=title), headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """Starts Swagger UI; a file of its own, so that the page needs no inline script."""
    return Response(_START, media_type="text/javascript", headers={"Cache-Control": _CACHE})


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """Swagger UI's own files."""
    if name not in _FILES:
        raise not_found("file", name)
    data = await to_thread.run_sync((_folder() / name).read_bytes)
    return Response(data, media_type=_FILES[name], headers={"Cache-Control": _CACHE})


def _folder() -> Path:
    spec = importlib.util.find_spec(BUNDLE)
    if spec is None or not spec.submodule_search_locations:
        raise not_found("file", "swagger-ui")
    return Path(spec.submodule_search_locations[0]) / "static"
