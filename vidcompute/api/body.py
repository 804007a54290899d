"""JSON request bodies: read within a limit, parsed strictly, and answered field by field where they are wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from fastapi import Depends
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from vidcompute import scrubbing
from vidcompute.api import idempotency
from vidcompute.api.deps import Given
from vidcompute.api.problems import field_problems, invalid_request
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.pipeline.spec import ASKED

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class JsonBody(Generic[M]):
    """How a route takes its JSON body, as a dependency: by which model, within which size.

    `max_bytes` is less than what the server takes at most; None where that counts. What isn't `required` may be left
    out, and is then the model's defaults. The OpenAPI document tells of it by itself.
    """

    model: type[M]
    required: bool = True
    max_bytes: int | None = None

    async def __call__(self, request: Request, deps: Given) -> M:
        """The body of a request. `body_too_large`, `invalid_json`, `invalid_request`."""
        most = deps.limits.max_json_bytes
        body = await read_limited(request, most if self.max_bytes is None else min(most, self.max_bytes))
        idempotency.cover(request, body)
        return parse(body, self.model) if body or self.required else self.model()


if TYPE_CHECKING:
    Json = Annotated[M, "read by JsonBody"]
    OptionalJson = Annotated[M, "read by JsonBody"]
else:

    class Json:
        """The annotation of a parameter: `wish: Json[Wish]` is the request's body."""

        def __class_getitem__(cls, model: type[M]) -> Any:
            return Annotated[model, Depends(JsonBody(model))]

    class OptionalJson:
        """The same for a body that may be left out."""

        def __class_getitem__(cls, model: type[M]) -> Any:
            return Annotated[model, Depends(JsonBody(model, required=False))]


async def read_limited(request: Request, max_bytes: int) -> bytes:
    """The whole body; `body_too_large` as soon as it is longer than `max_bytes`."""
    declared = request.headers.get("content-length", "")
    body = bytearray()
    if not declared.isdigit() or int(declared) <= max_bytes:
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    detail = f"The body may have {max_bytes} bytes at most."
    raise VidComputeError(Kind.TOO_LARGE, "body_too_large", detail, extra={"max_bytes": max_bytes})


def parse(body: bytes, model: type[M], where: str = "") -> M:
    """The body as a `model`; `invalid_json` or `invalid_request` with a pointer (after `where`) to each wrong field.

    What is secret in it stands in no log line of the request.
    """
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise invalid("invalid_json", f"The body is not JSON: {error}.") from error
    if b"\\u0000" in body and _has_nul(document):
        raise invalid("invalid_json", "Texts may not contain the character U+0000.")
    try:
        parsed = model.model_validate(document, context=ASKED)
    except ValidationError as error:
        raise invalid_request(field_problems(_located(error, document), where)) from error
    scrubbing.hide_here(*_secrets(parsed))
    return parsed


def _secrets(model: BaseModel) -> Iterator[str]:
    for name, value in model:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, str) and name == "password":
            yield value


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_nul(part) for part in value)


def _located(error: ValidationError, document: Any) -> list[dict[str, Any]]:
    """Pydantic's errors with places in the document that was sent: without the names of union members."""
    found: list[dict[str, Any]] = [
        {**wrong, "loc": _place(wrong["loc"], document)}
        for wrong in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    inner = {wrong["loc"][:depth] for wrong in found for depth in range(len(wrong["loc"]))}
    # A list whose items are wrong is then called too short as well: once is enough.
    return [wrong for wrong in found if wrong["type"] != "too_short" or wrong["loc"] not in inner]


def _place(location: Sequence[int | str], document: Any) -> tuple[int | str, ...]:
    place: list[int | str] = []
    value = document
    for number, part in enumerate(location):
        if isinstance(value, dict) and (part in value or number == len(location) - 1):
            value = value.get(part)
            place.append(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            place.append(part)
    return tuple(place)
