"""The door before every stream and picture: who may come in, and how a token or a password becomes a pass."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from vidcompute.db import secrets
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.spec import PlaybackPolicy
from vidcompute.ports.rates import Allowance, Rates
from vidcompute.services import passwords
from vidcompute.services.admission import passes, queries
from vidcompute.services.admission.models import BY_SERVER, Audience, Pass, SigningKey
from vidcompute.services.admission.service import password_version
from vidcompute.services.assets.models import Asset
from vidcompute.services.visitors import Visitor

_SIGNED_WITH = "admission"
_FRESH_S = 15.0  # how long a revoked key is still good, at most
_AGAIN_S = 1.0  # how soon a key that isn't known is looked for again
_ORGANIZATIONS = 1024
_TRIES = Allowance(burst=5, per_s=0.1)  # passwords, by video and address


@dataclass(frozen=True)
class _Keys:
    """An organization's good keys, as they were read at `read_s` (monotonic)."""

    keys: Mapping[str, SigningKey]
    read_s: float


class Door:
    """Decides for every request of a viewer, mostly from memory; belongs to the event loop that uses it."""

    def __init__(self, db: Database, rates: Rates, *, own_site: str, password_pass_s: int) -> None:
        self._db = db
        self._rates = rates
        self._own_site = own_site
        self._password_pass_s = password_pass_s
        self._secret: bytes | None = None
        self._known: dict[str, _Keys] = {}

    async def check(self, asset: Asset, pass_: str, audience: Audience, visitor: Visitor) -> Pass:
        """Let a viewer pass who shows the text of a pass; raises one of the errors kind forbidden otherwise."""
        if not pass_:
            raise _locked(asset)
        given = passes.read(await self._signed_with(), asset.playback_id, pass_)
        if given is None or given.expires_s <= time.time() or not await self._stands(asset, given):
            raise _locked(asset, "The link to this video is good no more: its time is over, or it was taken back.")
        if audience not in given.audiences:
            raise _refused(f"This link doesn't open the {audience} of the video.")
        self._meet(given, visitor)
        return given

    async def exchange(self, asset: Asset, token: str, visitor: Visitor) -> str:
        """The text of a pass for a token of a signing key; `playback_token_invalid`, `playback_refused` (forbidden)."""
        from vidcompute.services.admission import (
            tokens,  # brings 10 MB of cryptography, which public videos can do without
        )

        key = await self._key(asset.organization_id, tokens.key_id_of(token))
        if key is None:
            raise tokens.invalid_token("its signing key is not known, or was revoked")
        given = await asyncio.to_thread(tokens.read, token, key, asset.playback_id)
        self._meet(given, visitor)
        return await self.give(asset, given)

    async def unlock(self, asset: Asset, password: str, visitor: Visitor) -> str:
        """The text of a pass for a video's password; `password_wrong` (forbidden), `tries_limited` (rate limited)."""
        taken = await self._rates.take(f"password:{asset.id}:{visitor.network}", _TRIES)
        if not taken.allowed:
            detail = "Too many wrong passwords; wait a moment."
            extra = {"retry_after_s": max(1, round(taken.retry_after_s))}
            raise VidComputeError(Kind.RATE_LIMITED, "tries_limited", detail, extra=extra)
        digest = asset.password_digest
        if digest is None or not await passwords.matches(digest, password):
            raise VidComputeError(Kind.FORBIDDEN, "password_wrong", "This is not the video's password.")
        return await self.give(asset, Pass(password_version(digest), round(time.time()) + self._password_pass_s))

    async def give(self, asset: Asset, given: Pass) -> str:
        """The text of a pass, without a question."""
        return passes.mint(await self._signed_with(), asset.playback_id, given)

    async def _signed_with(self) -> bytes:
        if self._secret is None:
            known = await self._db.read(secrets.known, _SIGNED_WITH)
            self._secret = await self._db.write(secrets.ensure, _SIGNED_WITH) if known is None else known
        return self._secret

    async def _stands(self, asset: Asset, given: Pass) -> bool:
        """Whether whoever gave the pass still may."""
        by, _, given_ms = given.authority.partition(":")
        if by == BY_SERVER:
            return asset.links_since_ms is None or int(given_ms or 0) > asset.links_since_ms
        if asset.password_digest is not None and given.authority == password_version(asset.password_digest):
            return asset.playback_policy == PlaybackPolicy.PASSWORD
        return await self._key(asset.organization_id, given.authority) is not None

    async def _key(self, organization_id: str, key_id: str) -> SigningKey | None:
        known = self._known.get(organization_id)
        age_s = time.monotonic() - known.read_s if known else _FRESH_S
        if known is None or age_s >= _FRESH_S or (key_id not in known.keys and age_s >= _AGAIN_S):
            known = await self._read(organization_id)
        return known.keys.get(key_id)

    async def _read(self, organization_id: str) -> _Keys:
        found = await self._db.read(queries.keys_of, organization_id, alive=True)
        fresh = _Keys({key.id: key for key in found}, time.monotonic())
        if len(self._known) >= _ORGANIZATIONS:
            self._known.pop(next(iter(self._known)))
        self._known[organization_id] = fresh
        return fresh

    def _meet(self, given: Pass, visitor: Visitor) -> None:
        """Raise `playback_refused` where the visitor doesn't meet a pass's conditions."""
        if given.ip is not None and not _within(visitor.address, given.ip):
            raise _refused("This link is for another network address.")
        if given.referrers and visitor.site != self._own_site and not _named(visitor.site, given.referrers):
            raise _refused("This video can't be shown on this site.")


def _within(address: str, network: str) -> bool:
    try:
        found = ip_address(address)
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found) in ip_network(network, strict=False)
    except ValueError:
        return False


def _named(site: str, patterns: tuple[str, ...]) -> bool:
    return any(site == p or (p.startswith("*.") and site.endswith(p[1:])) for p in map(str.lower, patterns))


def _locked(asset: Asset, detail: str = "This video is private: open it by a link with a token.") -> VidComputeError:
    if asset.playback_policy == PlaybackPolicy.PASSWORD:
        return VidComputeError(Kind.FORBIDDEN, "password_needed", "This video has a password.")
    return VidComputeError(Kind.FORBIDDEN, "playback_locked", detail)


def _refused(detail: str) -> VidComputeError:
    return VidComputeError(Kind.FORBIDDEN, "playback_refused", detail)
