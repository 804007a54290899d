"""Errors as the wire tells them: problem details (RFC 9457), one shape for every failure."""

import http
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from vidcompute import logs
from vidcompute.errors import FieldProblem, Kind, VidComputeError

MEDIA_TYPE = "application/problem+json"
_log = logs.get(__name__)

_STATUS_OF_KIND = {
    Kind.INVALID: 422,
    Kind.REFUSED: 422,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.TOO_LARGE: 413,
    Kind.RATE_LIMITED: 429,
    Kind.TIMEOUT: 504,
    Kind.UNAVAILABLE: 503,
    Kind.CANCELLED: 409,
    Kind.INTERNAL: 500,
}
_STATUS_OF_CODE = {
    "address_too_long": 414,
    "bad_request": 400,
    "head_too_large": 431,
    "invalid_json": 400,
    "invalid_multipart": 400,
    "invalid_cursor": 400,
    "body_cut": 400,
    "events_expired": 410,
    "tus_header_invalid": 400,
    "upload_concat_invalid": 400,
    "upload_length_invalid": 400,
    "upload_ended": 410,
    "upload_expired": 410,
    "upload_lost": 410,
    "tus_version_unsupported": 412,
    "source_is_playlist": 415,
    "source_not_media": 415,
    "unsupported_content_type": 415,
    "range_not_satisfiable": 416,
    "upload_busy": 423,
    "upload_checksum_mismatch": 460,
    "storage_full": 507,
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_BEARER = 'Bearer realm="vidcompute"'
_OWN_PHRASES = {460: "Checksum Mismatch"}  # a status of TUS, which HTTP does not know
_CODE_OF_STATUS = {
    400: "bad_request",
    404: "no_such_route",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_content_type",
}


class ProblemField(BaseModel):
    """One wrong field of the request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body, or `/query/name`, `/header/name`.")
    detail: str = Field(description="What is wrong with it.")
    code: str = Field(description="A stable word for programs.")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:vidcompute:problem:invalid_request",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "One field is wrong: /renditions/0/height.",
                "code": "invalid_request",
                "request_id": "req_01kq3v8a4rj0t5w6x7y8z9abcd",
                "problems": [
                    {
                        "pointer": "/renditions/0/height",
                        "detail": "Input should be less than or equal to 2160",
                        "code": "less_than_equal",
                    }
                ],
            }
        },
    )

    type: str = Field(description="A URI that names the problem; it ends in the code.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong and what to do, in plain words.")
    code: str = Field(description="A stable word for programs.")
    request_id: str = Field(description="Names this request in the server's log.")
    problems: list[ProblemField] = Field(default_factory=list, description="The wrong fields, if there are any.")


def status_of(error: VidComputeError) -> int:
    """The HTTP status that tells of this error."""
    return _STATUS_OF_CODE.get(error.code, _STATUS_OF_KIND[error.kind])


def problem_document(error: VidComputeError, request_id: str) -> dict[str, Any]:
    """The problem details of an error as plain JSON values; what the error has in `extra` is added to the fields."""
    status = status_of(error)
    return {
        **error.extra,
        "type": f"urn:vidcompute:problem:{error.code}",
        "title": _OWN_PHRASES.get(status) or http.HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
        "problems": [{"pointer": p.pointer, "detail": p.detail, "code": p.code} for p in error.problems],
    }


def problem_response(error: VidComputeError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The response that tells of an error."""
    document = problem_document(error, request_id)
    extra = dict(headers or {})
    if document["status"] == 401:
        extra.setdefault("WWW-Authenticate", f'{_BEARER}, Basic realm="vidcompute", charset="UTF-8"')
    if "retry_after_s" in error.extra:
        extra["Retry-After"] = str(error.extra["retry_after_s"])
    extra.setdefault("Cache-Control", "no-store")
    return JSONResponse(document, document["status"], extra, MEDIA_TYPE)


def answer_of(request: Request, error: VidComputeError) -> Response:
    """The response to a request that failed so; refusals for want of a quota are counted."""
    quota = error.extra.get("quota")
    if quota is not None:
        request.app.state.metrics.quota_refusals.labels(quota).inc()
    # A page's script is not told of Basic: the browser would ask for a password by itself.
    scripted = status_of(error) == 401 and request.headers.get("sec-fetch-dest") == "empty"
    return problem_response(error, request_id_of(request), {"WWW-Authenticate": _BEARER} if scripted else None)


def request_id_of(request: Request) -> str:
    """The id that the middleware gave this request."""
    return str(getattr(request.state, "request_id", ""))


def internal_error() -> VidComputeError:
    """What a client is told of a fault of ours: nothing but that it is logged."""
    return VidComputeError(Kind.INTERNAL, "internal_error", "Something broke on our side; the server's log says what.")


def field_problems(errors: Sequence[Any], where: str = "") -> tuple[FieldProblem, ...]:
    """Pydantic's list of errors as field problems; `where` is put before each pointer."""
    return tuple(
        FieldProblem(where + _pointer(error["loc"]), str(error["msg"]).removeprefix("Value error, "), error["type"])
        for error in errors
    )


def _pointer(location: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def invalid_request(problems: tuple[FieldProblem, ...]) -> VidComputeError:
    """An error that names the wrong fields."""
    named = ", ".join(problem.pointer or "/" for problem in problems[:3])
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    count = "One field is" if len(problems) == 1 else f"{len(problems)} fields are"
    return VidComputeError(Kind.INVALID, "invalid_request", f"{count} wrong: {named}{more}.", problems=problems)


def _from_validation(error: RequestValidationError) -> VidComputeError:
    for found in error.errors():
        if found["type"] == "json_invalid":
            return VidComputeError(Kind.INVALID, "invalid_json", f"The body is not JSON: {found['ctx']['error']}.")
    # FastAPI begins each location with body, query, path or header; body pointers start at the document itself.
    located = [{**e, "loc": e["loc"][1:] if e["loc"][:1] == ("body",) else e["loc"]} for e in error.errors()]
    return invalid_request(field_problems(located))


def _from_http(error: HTTPException) -> VidComputeError:
    code = _CODE_OF_STATUS.get(error.status_code, "http_error")
    kinds = {status: kind for kind, status in _STATUS_OF_KIND.items()}
    detail = {
        "no_such_route": "There is nothing at this address; /docs lists what there is.",
        "method_not_allowed": "This address does not take this method.",
    }.get(code, str(error.detail))
    return VidComputeError(kinds.get(error.status_code, Kind.INVALID), code, detail)


async def _expected(request: Request, error: Exception) -> Response:
    if not isinstance(error, VidComputeError):
        raise error
    if status_of(error) >= 500:
        _log.warning("request_failed", code=error.code, detail=error.detail)
    return answer_of(request, error)


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(_from_validation(error), request_id_of(request))


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    translated = _from_http(error)
    document = problem_document(translated, request_id_of(request))
    document |= {"status": error.status_code, "title": http.HTTPStatus(error.status_code).phrase}
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods_at(request))
    return JSONResponse(document, error.status_code, headers, MEDIA_TYPE)


def _methods_at(request: Request) -> list[str]:
    """All methods that this address takes: they may be those of several routes."""
    asked = [{**request.scope, "method": method} for method in _METHODS]
    return [one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in request.app.routes)]


def install(app: FastAPI) -> None:
    """Make every error that a handler raises into a problem response; the middleware does so for faults of ours."""
    app.add_exception_handler(VidComputeError, _expected)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
