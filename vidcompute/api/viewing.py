"""What the public routes of playback are given, and how they are declared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import Response

from vidcompute.api.declared import Responses
from vidcompute.services.playback import Playback, Thumbnails

Handler = TypeVar("Handler", bound=Callable[..., Any])

PlaybackId = Annotated[
    str, PathParameter(description="A playback ID.", max_length=100, examples=["0123456789abcdefghjkmnpq"])
]
TrackName = Annotated[str, PathParameter(description="A track's name.", max_length=40, examples=["h264-720"])]


@dataclass(frozen=True)
class Viewing:
    """Streams, pictures, and the built pages; `embed_sites` are the origins that may frame a video ("*": any)."""

    playback: Playback
    thumbnails: Thumbnails
    pages: Path
    embed_sites: tuple[str, ...] = ("*",)


def _viewing(request: Request) -> Viewing:
    return cast(Viewing, request.app.state.viewing)


Seen = Annotated[Viewing, Depends(_viewing)]


def public(
    router: APIRouter, path: str, *, sends: str, responses: Responses | None = None, **described: Any
) -> Callable[[Handler], Handler]:
    """Declare a public route for GET, and for HEAD without mention in the OpenAPI document.

    `sends` is the content type of its good answer.
    """
    schema = {"type": "object", "additionalProperties": True} if sends == "application/json" else {"type": "string"}
    told: Responses = {200: {"description": "As asked for.", "content": {sends: {"schema": schema}}}}

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
