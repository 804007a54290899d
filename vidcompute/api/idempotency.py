"""`Idempotency-Key` on POST: a request that is sent twice is carried out once, and answered the same.

No handler does anything for it. The dependency `asked`, which stands before all routes that know their caller, claims
the request's first transaction (`db.claims`). The middleware `Answers` records the response, unless that transaction
has recorded its answer itself.
"""

import json
from collections.abc import Mapping, MutableMapping
from typing import Annotated, Any, cast

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidcompute import logs
from vidcompute.api.auth import guard
from vidcompute.api.deps import Deps, deps_of
from vidcompute.db import claims
from vidcompute.errors import FieldProblem, VidComputeError, invalid
from vidcompute.services.accounts import OPERATIONS, Entry, Principal
from vidcompute.services.idempotency import Answer, KeyedRequest, RepeatedError

_log = logs.get(__name__)

HEADER = "Idempotency-Key"
_LONGEST = 255
_ABOUT = "A text of your choice, new for each request. Sent again within a day, it gets the same answer."
# Headers that say what is asked for: which organization it is about, and what TUS says of an upload.
_TELLING = ("upload-", "x-organization")
PARAMETER: Mapping[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": _ABOUT,
    "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
}

_STRANGER = "Nobody is known yet who could have a key"
_CONFIRMED = "It takes a password, of which nothing may be kept, not even a digest"
_READS = "It changes nothing"
# The operations by POST that ignore the header, and why that does no harm; the API's document tells it.
APART: Mapping[str, str] = {
    "register_person": f"{_STRANGER}; there is one account of an address.",
    "verify_email": f"{_STRANGER}; the link is good once.",
    "send_verification": f"{_STRANGER}; mails to one address are limited, and the newest link counts.",
    "log_in": f"{_STRANGER}; a session more can be ended.",
    "finish_log_in": f"{_STRANGER}; the ticket is good once.",
    "begin_passkey_log_in": f"{_STRANGER}; a challenge more is good for nothing by itself.",
    "log_in_by_passkey": f"{_STRANGER}; the challenge is good once.",
    "refresh_tokens": f"{_STRANGER}; the token is good once.",
    "forgot_password": f"{_STRANGER}; mails to one address are limited, and the newest link counts.",
    "reset_password": f"{_STRANGER}; the link is good once.",
    "unlock_playback": f"{_STRANGER}; it changes nothing.",
    "view_invitation": f"{_STRANGER}; it changes nothing.",
    "begin_one_time": f"{_STRANGER}; the address is of one upload.",
    "change_password": f"{_CONFIRMED}; the same password is set, or the one before is wrong by then.",
    "change_email": f"{_CONFIRMED}; mails to one address are limited, and the newest link counts.",
    "begin_second_factor": f"{_CONFIRMED}; the newest secret counts.",
    "end_second_factor": f"{_CONFIRMED}; it is off then, or off already.",
    "begin_passkey": f"{_CONFIRMED}; a challenge more is good for nothing by itself.",
    "erase_me": f"{_CONFIRMED}; nobody is left who could ask again.",
    "confirm_second_factor": "Its recovery codes are shown once, and its code is good once.",
    "log_out": "The session that asks is over then.",
    "show_webhook_secret": f"{_READS}.",
    "sign_links": f"{_READS}: links are signed, and not kept.",
    "sign_upload_parts": "Addresses are signed, and not kept; the upload's end is put off.",
    "view_device": f"{_READS}.",
    "export_person": f"{_READS}.",
    "override_upload_method": "It is PATCH, HEAD or DELETE by another name: the upload's offset says what came.",
}
# Fields of answers that are shown once, and recorded nowhere. A webhook's secret can be shown again (api/webhooks.py).
SHOWN_ONCE = frozenset({"one_time_url", "private_key", "secret"})
_NOT_KEPT = frozenset({"content-length", "content-type", "set-cookie"})


async def asked(request: Request, caller: Annotated[Principal | None, Depends(guard)]) -> None:
    """Have a request that has a key carried out once: a dependency of all routes that know their caller."""
    key = request.headers.get(HEADER)
    name = _operation(request.scope)
    if key is None or caller is None or request.method != "POST" or name in APART:
        return
    _check(key)
    keyed = KeyedRequest(caller.organization_id, key)
    if OPERATIONS.get(name) is Entry.PERSON:
        keyed = KeyedRequest.of_person(caller.person_id, key)
    keyed.cover(request.method, request.scope["path"], request.scope["query_string"])
    keyed.cover(*(f"{name}:{value}" for name, value in request.headers.items() if name.startswith(_TELLING)))
    request.state.keyed = keyed
    claims.make(keyed)


def _operation(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "operation_id", None) or "")


def _check(key: str) -> None:
    if not 1 <= len(key) <= _LONGEST or "\x00" in key:
        detail = f"An {HEADER} has 1 to {_LONGEST} characters."
        raise invalid("invalid_request", detail, FieldProblem(f"/header/{HEADER}", detail, "string_length"))


def cover(request: Request, *parts: bytes | str) -> None:
    """Add what was read of a request's body to what tells it from other requests with the same key."""
    keyed: KeyedRequest | None = getattr(request.state, "keyed", None)
    if keyed is not None:
        keyed.cover(*parts)


async def recall(request: Request) -> None:
    """Raise RepeatedError where the request was carried out before: for handlers that do much before they write."""
    keyed: KeyedRequest | None = getattr(request.state, "keyed", None)
    if keyed is not None:
        await deps_of(request).db.read(keyed.recall)


def response_of(answer: Answer) -> Response:
    """An answer as a response, with `Idempotent-Replayed` where it is a repetition."""
    headers = {**answer.headers, **({"Idempotent-Replayed": "true"} if answer.replayed else {})}
    if answer.is_empty:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.body, answer.status, headers)


async def send_again(_: Request, error: Exception) -> Response:
    """The handler of RepeatedError: the response to a request that was carried out before."""
    if not isinstance(error, RepeatedError):
        raise error
    return response_of(error.answer)


class Answers:
    """Records responses to requests with a key before they are sent. Pure ASGI; all others pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _has_key(scope):
            await self._app(scope, receive, send)
            return
        with claims.none():
            await self._app(scope, receive, _Answering(scope, send).send)


def _has_key(scope: Scope) -> bool:
    return any(name == b"idempotency-key" for name, _ in scope["headers"])


class _Answering:
    """One response on its way out; where it has to be recorded, it is held back until it is."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._keyed: KeyedRequest | None = None
        self._start: MutableMapping[str, Any] = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """See ASGI."""
        if message["type"] == "http.response.start":
            keyed: KeyedRequest | None = self._scope["state"].get("keyed")
            self._keyed = keyed if keyed is not None and keyed.is_done and not keyed.is_answered else None
            self._start = message
        if self._keyed is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._settle(self._keyed)
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": bytes(self._body)})

    async def _settle(self, keyed: KeyedRequest) -> None:
        deps = cast(Deps, self._scope["app"].state.deps)
        try:
            if self._start["status"] >= 400:
                await deps.db.write(keyed.release)
            else:
                await deps.db.write(keyed.answer, self._answer())
        except VidComputeError as error:  # what was done is done, and whoever did it is told so
            _log.warning("answer_not_kept", code=error.code, operation=_operation(self._scope))

    def _answer(self) -> Answer:
        """The response as it is recorded: without secrets and cookies."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._start["headers"]}
        is_json = headers.get("content-type", "").startswith("application/json")
        body: Any = json.loads(self._body) if is_json and self._body else None
        secrets = [name for name in SHOWN_ONCE if body.get(name) is not None] if isinstance(body, dict) else []
        for name in secrets:
            del body[name]
        withheld = bool(secrets) or "set-cookie" in headers
        told = {name: value for name, value in headers.items() if name not in _NOT_KEPT}
        return Answer(self._start["status"], body, told, is_empty=not self._body, withheld=withheld)
