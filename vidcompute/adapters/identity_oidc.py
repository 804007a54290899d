"""Logs people in at an OpenID Connect provider: authorization code with PKCE, and an ID token that is checked in full.

The provider is found by its issuer, and its word counts under that name alone. Which algorithm signs is said by us;
keys are those of its key set, which is asked for again when a key is unknown, though not at every request.
"""

import asyncio
import base64
import hashlib
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpcore2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from vidcompute.adapters.addresses import Resolve, resolve_host
from vidcompute.adapters.fetch_http import parse_url
from vidcompute.adapters.vetted import VettedBackend, Vetting
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.identity import Attempt, Identity, Returned

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_BYTES = 2**20
_LONGEST_TOKEN = 32 * 1024
_LONGEST_SUBJECT = 255  # OpenID Connect Core, 2
_KEPT_S = 3600.0  # what the provider says of itself
_KEYS_AGAIN_S = 10.0  # at the earliest
_LEEWAY_S = 60  # between its clock and ours
_SCOPE = "openid email profile"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class OidcClient:
    """What the operator has agreed on with the provider. `algorithm` is the only one that may sign ID tokens."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    algorithm: str = "RS256"


@dataclass(frozen=True)
class _Known:
    """What the provider says of itself, its keys, and when each was asked for."""

    document: Mapping[str, Any]
    keys: KeySet
    at_s: float
    keys_at_s: float


class OidcProvider:
    """Implements `ports.identity.IdentityProvider`. `resolve`, `tls` and `clock` are for tests."""

    def __init__(
        self,
        client: OidcClient,
        *,
        allow_private_addresses: bool = False,
        timeout_s: float = 10.0,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._vetting = Vetting(resolve, allow_private_addresses)
        self._timeout_s = timeout_s
        self._tls = tls
        self._clock = clock
        self._known: _Known | None = None
        self._looking = asyncio.Lock()

    async def begin(self, attempt: Attempt) -> str:
        """See `IdentityProvider.begin`."""
        known = await self._provider()
        digest = hashlib.sha256(attempt.verifier.encode("ascii")).digest()
        said = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": attempt.return_url,
            "scope": _SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
        }
        page = self._endpoint(known, "authorization_endpoint")
        return f"{page}{'&' if urlsplit(page).query else '?'}{urlencode(said)}"

    async def finish(self, attempt: Attempt, returned: Returned) -> Identity:
        """See `IdentityProvider.finish`."""
        known = await self._provider()
        self._check_return(known, returned)
        tokens = await self._redeem(known, attempt, returned.code)
        claims = await self._claims(known, str(tokens.get("id_token", "")), attempt.nonce)
        about = claims if "email" in claims else await self._about(known, tokens, claims["sub"])
        return Identity(
            issuer=self._client.issuer,
            subject=claims["sub"],
            email=_text(about, "email"),
            email_verified=about.get("email_verified") is True,
            name=_text(about, "name") or _text(claims, "name"),
        )

    def _check_return(self, known: _Known, returned: Returned) -> None:
        """What the browser brought: no error, and (RFC 9207) from this provider and no other."""
        if returned.error or not returned.code:
            raise _refused(f"The provider did not log you in ({returned.error[:60] or 'no code'}).")
        named = known.document.get("authorization_response_iss_parameter_supported") is True
        if (returned.issuer or named) and returned.issuer != self._client.issuer:
            raise _refused("This log-in was begun at one provider and ended at another.")

    async def _redeem(self, known: _Known, attempt: Attempt, code: str) -> Mapping[str, Any]:
        """The tokens for the code, which is good once and for who began."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.return_url,
            "code_verifier": attempt.verifier,
        }
        headers = {"Content-Type": _FORM}
        client = self._client
        methods = known.document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not client.client_secret:
            form["client_id"] = client.client_id
        elif "client_secret_basic" in methods:
            pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        return await self._json("POST", self._endpoint(known, "token_endpoint"), headers, urlencode(form).encode())

    async def _claims(self, known: _Known, token: str, nonce: str) -> dict[str, Any]:
        """What the ID token says, once everything about it is right (OpenID Connect Core, 3.1.3.7)."""
        claims = self._read(known.keys, token)
        if claims is None:
            claims = self._read((await self._provider(other_keys_than=known)).keys, token)
        if claims is None:
            raise _refused("The provider's token is signed with a key that it does not name.")
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._client.issuer},
            aud={"essential": True, "value": self._client.client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused("The provider's token is not for this log-in.") from error
        others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (others or "azp" in claims) and claims.get("azp") != self._client.client_id:
            raise _refused("The provider's token was made for another program.")
        if len(claims["sub"]) > _LONGEST_SUBJECT or not claims["sub"].isprintable():
            raise _refused("The provider's token names nobody.")
        return claims

    def _read(self, keys: KeySet, token: str) -> dict[str, Any] | None:
        """What a token says that one of these keys has signed; None where none of them goes by the name in it."""
        if len(token) > _LONGEST_TOKEN:
            raise _refused("The provider's token is too long.")
        try:
            return jwt.decode(token, keys, algorithms=[self._client.algorithm]).claims
        except InvalidKeyIdError:
            return None
        except (JoseError, ValueError, TypeError) as error:
            raise _refused("The provider's token is not signed as it should be.") from error

    async def _about(self, known: _Known, tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """What the provider tells of the person elsewhere than in the token; nothing where it does not."""
        if not isinstance(known.document.get("userinfo_endpoint"), str):
            return {}
        headers = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        about = await self._json("GET", self._endpoint(known, "userinfo_endpoint"), headers)
        if about.get("sub") != subject:
            raise _refused("The provider tells of another person than the token.")
        return about

    async def _provider(self, other_keys_than: _Known | None = None) -> _Known:
        """What the provider says of itself, not older than an hour; with other keys, where it has changed them."""
        async with self._looking:
            now_s, known = self._clock(), self._known
            if known is None or now_s - known.at_s > _KEPT_S:
                document = await self._discover()
                known = _Known(document, await self._keys(document), now_s, now_s)
            elif known is other_keys_than and now_s - known.keys_at_s > _KEYS_AGAIN_S:
                known = replace(known, keys=await self._keys(known.document), keys_at_s=now_s)
            self._known = known
            return known

    async def _discover(self) -> Mapping[str, Any]:
        issuer = self._client.issuer
        document = await self._json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", {})
        if document.get("issuer") != issuer:
            raise _refused("The provider goes by another name than the one that is set.")
        return document

    async def _keys(self, document: Mapping[str, Any]) -> KeySet:
        found = await self._json("GET", self._checked(document.get("jwks_uri")), {})
        try:
            return KeySet.import_key_set({"keys": list(found["keys"])})
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise _unavailable("The provider's keys can't be read.") from error

    def _endpoint(self, known: _Known, name: str) -> str:
        return self._checked(known.document.get(name))

    def _checked(self, url: Any) -> str:
        """An address that the provider named: with TLS, wherever its own has it."""
        secure = self._client.issuer.startswith("https://")
        if not isinstance(url, str) or not url.startswith("https://" if secure else ("http://", "https://")):
            raise _unavailable("The provider does not say where it can be asked.")
        return url

    async def _json(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Mapping[str, Any]:
        """The JSON object that the provider answers."""
        status, data = await self._ask(method, url, headers, body)
        if 400 <= status < 500 and status not in {408, 425, 429}:
            raise _refused(f"The provider answered {status}.")
        try:
            document = json.loads(data)
        except ValueError as error:
            raise _unavailable(f"The provider answered {status}, and no JSON.") from error
        if status != 200 or not isinstance(document, dict):
            raise _unavailable(f"The provider answered {status}.")
        return document

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        parsed = parse_url(url)
        target = httpcore2.URL(
            scheme=parsed.raw_scheme,
            host=parsed.raw_host,
            port=parsed.port or _DEFAULT_PORTS[parsed.scheme],
            target=parsed.raw_path,
        )
        every = {
            "Host": parsed.netloc.decode("ascii"),
            "User-Agent": "VidCompute",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **({"Content-Length": str(len(body))} if body else {}),
            **headers,
        }
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._pool() as pool,
                pool.stream(method, target, headers=list(every.items()), content=body or None) as response,
            ):
                return response.status, await _limited(response)
        except (TimeoutError, httpcore2.TimeoutException) as error:
            raise _unavailable("The provider did not answer in time.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
            raise _unavailable(f"The provider can't be reached: {error}.") from error

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            network_backend=VettedBackend(self._vetting),
            max_connections=1,
            max_keepalive_connections=0,
        )


async def _limited(response: httpcore2.Response) -> bytes:
    taken = bytearray()
    async for piece in response.aiter_stream():
        taken += piece
        if len(taken) > _MAX_BYTES:
            raise _unavailable("The provider's answer has no end.")
    return bytes(taken)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _refused(detail: str) -> VidComputeError:
    return VidComputeError(Kind.FORBIDDEN, "provider_refused", detail)


def _unavailable(detail: str) -> VidComputeError:
    return VidComputeError(Kind.UNAVAILABLE, "provider_unavailable", detail)
