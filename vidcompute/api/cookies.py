"""What a browser keeps for us: cookies, and from which pages that of a session counts."""

from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.deps import Deps
from vidcompute.errors import Kind, VidComputeError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION = "vidcompute_session"
SIGN_ON = "vidcompute_sign_on"  # while one logs in at a provider


def name_of(deps: Deps, name: str = SESSION) -> str:
    """What a cookie is called; over TLS in a way that no other host, and no page without TLS, can set it."""
    return f"__Host-{name}" if _is_secure(deps) else name


def _is_secure(deps: Deps) -> bool:
    return deps.base_url.startswith("https://")


def give(
    response: Response,
    deps: Deps,
    secret: str,
    lifetime_s: int,
    name: str = SESSION,
    *,
    samesite: Literal["lax", "strict"] = "lax",
) -> None:
    """Let the browser keep a secret, out of the reach of scripts."""
    response.set_cookie(
        name_of(deps, name),
        secret,
        max_age=lifetime_s,
        path="/",
        secure=_is_secure(deps),
        httponly=True,
        samesite=samesite,
    )


def take_back(response: Response, deps: Deps, name: str = SESSION) -> None:
    """Let the browser forget it."""
    response.delete_cookie(name_of(deps, name), path="/", secure=_is_secure(deps), httponly=True, samesite="lax")


def check_site(request: Request, deps: Deps) -> None:
    """Refuse what another site's page would change in the name of who is logged in here: `cross_site` (forbidden).

    Browsers say which page asks, and pages can't change that. Who says nothing is no browser of today, and has tokens.
    """
    if request.method in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        asked = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        ours = request.headers.get("origin", "") in {_origin(deps.base_url), asked}
    if not ours:
        detail = "A session's cookie counts on our own pages alone; programs use tokens or API keys."
        raise VidComputeError(Kind.FORBIDDEN, "cross_site", detail)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
