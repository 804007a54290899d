"""What the public routes of playback are given, how they are declared, and whom they let in.

An asset's address holds its playback ID, or `id~pass` for a viewer who was let in. Who comes with `?token=` is sent to
the same address with a pass in the token's place: what a playlist or a storyboard names lies beside it, and is covered.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vidcompute.api.auth import visitor_of
from vidcompute.api.declared import Responses
from vidcompute.api.files import CORS_HEADERS
from vidcompute.api.problems import Problem
from vidcompute.pipeline.spec import PlaybackPolicy
from vidcompute.services.admission import Audience, Door
from vidcompute.services.playback import Playback, Thumbnails

Handler = TypeVar("Handler", bound=Callable[..., Any])

Handle = Annotated[
    str,
    PathParameter(
        alias="playback_id",
        description="A playback ID, with `~` and a pass after it where viewers were let in.",
        max_length=2200,
        examples=["0123456789abcdefghjkmnpq"],
    ),
]
TrackName = Annotated[str, PathParameter(description="A track's name.", max_length=40, examples=["h264-720"])]


@dataclass(frozen=True)
class Viewing:
    """Streams, pictures, and the built pages; `embed_sites` are the origins that may frame a video ("*": any)."""

    playback: Playback
    thumbnails: Thumbnails
    door: Door
    pages: Path
    embed_sites: tuple[str, ...] = ("*",)


def _viewing(request: Request) -> Viewing:
    return cast(Viewing, request.app.state.viewing)


Seen = Annotated[Viewing, Depends(_viewing)]


@dataclass(frozen=True)
class Visit:
    """A viewer who was let in: `handle` is what addresses that are meant for them alone begin with."""

    playback_id: str
    handle: str
    is_private: bool

    def kept(self, cache_control: str) -> str:
        """A Cache-Control for this viewer: what isn't for everybody is kept by nobody but them, and not for long."""
        return "private, max-age=60" if self.is_private and "max-age" in cache_control else cache_control


class ExchangedError(Exception):
    """A token became a pass: the request is to be made again at `location`, relative to where it was made."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


async def send_on(_: Request, error: Exception) -> Response:
    """The response that sends a viewer on to the address with their pass."""
    if not isinstance(error, ExchangedError):
        raise error
    headers = {**CORS_HEADERS, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return RedirectResponse(error.location, 307, headers)


async def let_in(request: Request, handle: str, seen: Viewing, audience: Audience) -> Visit:
    """A viewer by what their address says; raises `playback_not_found`, or one of the errors of the door."""
    playback_id, _, pass_ = handle.partition("~")
    asset = (await seen.playback.view(playback_id)).snapshot.asset
    request.state.delivered_for = asset.organization_id
    if asset.playback_policy == PlaybackPolicy.PUBLIC:
        return Visit(playback_id, playback_id, is_private=False)
    token = request.query_params.get("token")
    if token is not None:
        pass_ = await seen.door.exchange(asset, token, visitor_of(request))
        raise ExchangedError(_moved(request, handle, f"{playback_id}~{pass_}"))
    given = await seen.door.check(asset, pass_, audience, visitor_of(request))
    request.state.viewer_id = given.viewer_id
    return Visit(playback_id, handle, is_private=True)


def _moved(request: Request, handle: str, to: str) -> str:
    """The request's address relative to itself, with another handle and without the token."""
    _, _, after = request.scope["path"].partition(handle)
    rest = after.split("/")
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    up = "../" * (len(rest) - 1) or "./"
    return up + to + "/".join(map(quote, rest)) + (f"?{urlencode(query)}" if query else "")


def _visiting(audience: Audience) -> Callable[..., Awaitable[Visit]]:
    async def visit(request: Request, handle: Handle, seen: Seen) -> Visit:
        return await let_in(request, handle, seen, audience)

    return visit


Visiting = Annotated[Visit, Depends(_visiting(Audience.VIDEO))]
VisitingPictures = Annotated[Visit, Depends(_visiting(Audience.THUMBNAIL))]
VisitingStoryboard = Annotated[Visit, Depends(_visiting(Audience.STORYBOARD))]


DOOR: Responses = {
    307: {"description": "Go on there: a token became a pass."},
    403: {"model": Problem, "description": "The video is private: this opens it not, not any more, or not here."},
}
"""What viewers are told at the address of a private video."""


def _schema_of(kind: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": True} if kind == "application/json" else {"type": "string"}


def public(
    router: APIRouter,
    path: str,
    *,
    sends: str | tuple[str, ...],
    responses: Responses | None = None,
    **described: Any,
) -> Callable[[Handler], Handler]:
    """Declare a public route for GET, and for HEAD without mention in the OpenAPI document.

    `sends` is the content type of its good answer, or those that it may have.
    """
    kinds = (sends,) if isinstance(sends, str) else sends
    good = {"description": "As asked for.", "content": {kind: {"schema": _schema_of(kind)} for kind in kinds}}
    told: Responses = {200: good, **(DOOR if "{playback_id}" in path else {})}

    def declare(handler: Handler) -> Handler:
        router.add_api_route(
            path,
            handler,
            methods=["GET"],
            response_class=Response,
            response_model=None,
            responses={**told, **(responses or {})},
            **described,
        )
        router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False, response_model=None)
        return handler

    return declare
