"""Who may watch: an organization's signing keys, links that are signed by us, and the passwords of videos."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork

from vidcompute.api.asset_schemas import Links
from vidcompute.api.auth import Caller, CameFrom
from vidcompute.api.body import Json
from vidcompute.api.declared import AssetId, problems
from vidcompute.api.deps import Given
from vidcompute.api.times import Time
from vidcompute.api.viewing import Handle, Seen
from vidcompute.api.views import at, links
from vidcompute.db.outbox import now_ms
from vidcompute.errors import not_found
from vidcompute.pipeline.spec import PlaybackPolicy
from vidcompute.services import admission, assets
from vidcompute.services.admission import Algorithm, Audience, Pass, SigningKey

router = APIRouter(prefix="/api/v1", tags=["playback"])
public_router = APIRouter(tags=["watching"])

_LONGEST_S = 366 * 24 * 3600
_WORDS = ConfigDict(extra="forbid", use_attribute_docstrings=True)

SigningKeyId = Annotated[str, PathParameter(description="A signing key's identifier.", max_length=100)]


class NewSigningKey(BaseModel):
    """A key pair to be made, or the public half of one that you made yourself."""

    model_config = _WORDS

    name: Annotated[str, Field(min_length=1, max_length=200)]
    algorithm: Algorithm = Algorithm.ES256
    public_key: Annotated[str, Field(max_length=10_000)] | None = None
    """PEM; left out, we make the pair and show its private half once."""


class SigningKeyView(BaseModel):
    """A key that tokens for viewers are signed with."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Goes into a token's header as `kid`."""
    name: str
    algorithm: Algorithm
    public_key: dict[str, Any]
    """A JSON Web Key."""
    created_at: Time
    revoked_at: Time | None


class MadeSigningKey(SigningKeyView):
    """A key that was made just now."""

    private_key: str | None
    """PEM (PKCS 8). Keep it: it is not stored here, and never shown again."""


class SigningKeyList(BaseModel):
    """Signing keys, newest first."""

    items: list[SigningKeyView]


class Conditions(BaseModel):
    """What a signed link opens, for whom, and for how long."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"example": {"expires_in_s": 3600, "referrers": ["example.com"]}},
    )

    expires_in_s: Annotated[int, Field(ge=1, le=_LONGEST_S)] = 3600
    audiences: Annotated[list[Audience], Field(min_length=1)] = Field(default_factory=lambda: list(Audience))
    ip: IPvAnyNetwork | None = None
    """An address, or a network, that the viewer must come from."""
    referrers: Annotated[list[str], Field(max_length=20)] = Field(default_factory=list)
    """Sites that may show the video; `*.example.com` stands for all below."""
    viewer_id: Annotated[str, Field(max_length=200)] | None = None
    """Your own word for the viewer; the server's log has it with every request."""


class SignedLinks(BaseModel):
    """Addresses that let in whoever has them."""

    expires_at: Time
    urls: Links


class Unlock(BaseModel):
    """What a viewer types."""

    model_config = _WORDS

    password: Annotated[str, Field(min_length=1, max_length=200)]


class Unlocked(BaseModel):
    """Where the viewer goes on."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    handle: str
    """Stands in the place of the playback ID in every address."""


BODIES = (NewSigningKey, Conditions, Unlock)


def _view(key: SigningKey) -> dict[str, Any]:
    told = {"id": key.id, "name": key.name, "algorithm": key.algorithm, "public_key": dict(key.public_key)}
    return {**told, "created_at": at(key.created_ms), "revoked_at": at(key.revoked_ms)}


@router.post(
    "/signing-keys",
    operation_id="create_signing_key",
    summary="Make a signing key",
    status_code=201,
    responses=problems(400, 401, 409, 413, 422),
)
async def create_signing_key(wanted: Json[NewSigningKey], caller: Caller, deps: Given) -> MadeSigningKey:
    """Make a key for tokens that let viewers of signed videos in."""
    made = await asyncio.to_thread(
        admission.make_key, caller.organization_id, wanted.name, wanted.algorithm, wanted.public_key
    )
    key = await deps.db.write(admission.add_key, made.key, most=deps.limits.max_signing_keys)
    return MadeSigningKey(**_view(key), private_key=made.private_pem)


@router.get("/signing-keys", operation_id="list_signing_keys", summary="List signing keys", responses=problems(401))
async def list_signing_keys(caller: Caller, deps: Given) -> SigningKeyList:
    """All keys, newest first, revoked ones among them."""
    found = await deps.db.read(admission.keys_of, caller.organization_id)
    return SigningKeyList(items=[SigningKeyView(**_view(key)) for key in found])


@router.delete(
    "/signing-keys/{key_id}",
    operation_id="revoke_signing_key",
    summary="Revoke a signing key",
    responses=problems(401, 404),
)
async def revoke_signing_key(key_id: SigningKeyId, caller: Caller, deps: Given) -> SigningKeyView:
    """Let nobody in with its tokens any more: within 60 seconds, those who watch already included."""
    return SigningKeyView(**_view(await deps.db.write(admission.revoke_key, caller.organization_id, key_id)))


@router.post(
    "/assets/{asset_id}/signed-links",
    operation_id="sign_links",
    summary="Sign links to an asset",
    responses=problems(400, 401, 404, 413, 422),
)
async def sign_links(
    wanted: Json[Conditions], asset_id: AssetId, caller: Caller, seen: Seen, deps: Given
) -> SignedLinks:
    """Addresses that let in whoever has them, where the conditions are met. A public asset needs none."""
    asset = await deps.db.read(assets.get, caller.organization_id, asset_id)
    expires_s = round(time.time()) + wanted.expires_in_s
    given = Pass(
        admission.by_server(now_ms()),
        expires_s,
        tuple(dict.fromkeys(wanted.audiences)),
        str(wanted.ip) if wanted.ip else None,
        tuple(wanted.referrers),
        wanted.viewer_id,
    )
    handle = asset.playback_id
    if asset.playback_policy != PlaybackPolicy.PUBLIC:
        handle = f"{handle}~{await seen.door.give(asset, given)}"
    return SignedLinks(expires_at=datetime.fromtimestamp(expires_s, UTC), urls=links(deps.base_url, handle))


@router.delete(
    "/assets/{asset_id}/signed-links",
    operation_id="revoke_signed_links",
    summary="Take signed links back",
    status_code=204,
    responses=problems(401, 404),
)
async def revoke_signed_links(asset_id: AssetId, caller: Caller, deps: Given) -> None:
    """Let all links that were signed for the asset so far open nothing any more: within 60 seconds.

    Tokens of signing keys are something else: revoke the key.
    """
    await deps.db.write(assets.change, caller.organization_id, asset_id, {"links_since_ms": now_ms()})


@public_router.post(
    "/watch/{playback_id}/unlock",
    operation_id="unlock_playback",
    summary="Open a video with its password",
    responses=problems(400, 403, 404, 413, 422, 429),
)
async def unlock(typed: Json[Unlock], handle: Handle, seen: Seen, visitor: CameFrom) -> Unlocked:
    """Exchange a video's password for a pass, which is good for some hours."""
    playback_id = handle.partition("~")[0]
    asset = (await seen.playback.view(playback_id, fresh=True)).snapshot.asset
    if asset.playback_policy != PlaybackPolicy.PASSWORD:
        raise not_found("playback", playback_id[:80])
    pass_ = await seen.door.unlock(asset, typed.password, visitor)
    return Unlocked(handle=quote(f"{playback_id}~{pass_}", safe="~"))
