"""Who makes a request: an API key, as a Bearer token or as the password of HTTP Basic."""

import base64
import binascii
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBasic, HTTPBearer
from starlette.requests import Request

from vidcompute.api.deps import Given
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import accounts
from vidcompute.services.accounts import Principal

# They only describe themselves in the OpenAPI document; `principal` reads the header.
bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key.")
basic = HTTPBasic(
    auto_error=False, scheme_name="basic", description="The key's id as the user, the API key as password."
)


async def principal(request: Request, deps: Given) -> Principal:
    """Who the request's key stands for; `api_key_missing` or `invalid_api_key` (401) otherwise."""
    secret, key_id = _secret(request.headers.get("authorization", ""))
    if not secret:
        raise VidComputeError(
            Kind.UNAUTHENTICATED, "api_key_missing", "Send an API key: `Authorization: Bearer <key>`."
        )
    found = await deps.db.read(accounts.authenticate, secret)
    if key_id not in {"", found.key_id}:
        raise VidComputeError(Kind.UNAUTHENTICATED, "invalid_api_key", "This API key is not known, or was revoked.")
    return found


def _secret(header: str) -> tuple[str, str]:
    """The key that a header carries, and the id that came with it; empty where there is none."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), ""
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    # Some tools can only send a user: the key alone, as `curl -u "$KEY:"` does, is fine too.
    return (password, user) if password else (user, "")


Caller = Annotated[Principal, Depends(principal)]
