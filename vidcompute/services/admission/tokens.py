"""Tokens by which an organization's own backend lets its viewers in: JWTs (RFC 7519), signed with one of its keys.

`kid` in the header names the key, and the key alone says how it is signed (RFC 8725, 3.1 and 3.10). Claims: `sub` the
playback ID, `aud` one audience or several, `exp`; and, where wanted, `nbf`, `ip`, `referrers`, `viewer_id`.
"""

import time
import warnings
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id
from vidcompute.services.admission.models import Algorithm, Audience, Pass, SigningKey

LONGEST = 8192
# RFC 9864 would rather have it called Ed25519; what backends write is still the old name. We take both.
warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)
_LEEWAY_S = 5  # by which clocks may differ
_KINDS: Mapping[Algorithm, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    Algorithm.RS256: RSAKey,
    Algorithm.ES256: ECKey,
    Algorithm.EDDSA: OKPKey,
}
_SIZES: Mapping[Algorithm, Any] = {Algorithm.RS256: 3072, Algorithm.ES256: "P-256", Algorithm.EDDSA: "Ed25519"}
_LEAST_RSA_BITS = 2048
_NAMES: Mapping[Algorithm, list[str]] = {
    Algorithm.RS256: ["RS256"],
    Algorithm.ES256: ["ES256"],
    Algorithm.EDDSA: ["EdDSA", "Ed25519"],
}


_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    sub: str
    exp: int | _Finite
    nbf: int | _Finite = 0
    aud: str | list[str]
    ip: str | None = None
    referrers: list[str] = Field(default_factory=list, max_length=20)
    viewer_id: str | None = Field(default=None, max_length=200)


def generate(algorithm: Algorithm) -> tuple[dict[str, Any], str]:
    """A new key pair: the public half as a JSON Web Key, the private one as PEM (PKCS 8)."""
    made = _KINDS[algorithm].generate_key(_SIZES[algorithm])
    return _public(made), made.as_pem(private=True).decode()


def adopt(algorithm: Algorithm, pem: str) -> dict[str, Any]:
    """A public key that somebody else made, as a JSON Web Key. Raises `signing_key_invalid` where it is none."""
    try:
        given = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable("This is no public key in PEM. Keep the private half to yourself.") from error
    fits = {
        Algorithm.RS256: isinstance(given, RSAPublicKey) and given.key_size >= _LEAST_RSA_BITS,
        Algorithm.ES256: isinstance(given, EllipticCurvePublicKey) and given.curve.name == "secp256r1",
        Algorithm.EDDSA: isinstance(given, Ed25519PublicKey),
    }
    if not fits[algorithm]:
        wanted = f"RS256 takes RSA of {_LEAST_RSA_BITS} bits or more, ES256 a key on P-256, EdDSA one for Ed25519."
        raise _unusable(f"This is no key for {algorithm}: {wanted}")
    return _public(_KINDS[algorithm].import_key(pem))


def sign(key_id: str, algorithm: Algorithm, pem: str, playback_id: str, given: Pass) -> str:
    """A token of a private key, as any JWT library makes it."""
    claims = {
        "sub": playback_id,
        "aud": list(given.audiences),
        "exp": given.expires_s,
        "ip": given.ip,
        "referrers": list(given.referrers),
        "viewer_id": given.viewer_id,
    }
    told = {name: value for name, value in claims.items() if value not in (None, [])}
    key = _KINDS[algorithm].import_key(pem)
    return jwt.encode({"alg": str(algorithm), "kid": key_id}, told, key, algorithms=[str(algorithm)])


def key_id_of(token: str) -> str:
    """Which key a token says that it is signed with; nothing of it is checked yet. Raises `playback_token_invalid`."""
    try:
        header = jws.extract_compact(token.encode()).headers() if len(token) <= LONGEST else {}
    except (JoseError, ValueError, TypeError, RecursionError):
        header = {}
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not is_id("skey", key_id):
        raise invalid_token("it doesn't name a signing key (kid)")
    return key_id


def read(token: str, key: SigningKey, playback_id: str) -> Pass:
    """What a token gives leave to, for the video that it is shown for; `playback_token_invalid` otherwise."""
    try:
        public = _KINDS[key.algorithm].import_key(dict(key.public_key))
        decoded = jwt.decode(token, public, algorithms=_NAMES[key.algorithm])
        claims = _Claims.model_validate(decoded.claims)
    except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
        raise invalid_token("its signature or its claims are wrong") from error
    now_s = time.time()
    if claims.sub != playback_id:
        raise invalid_token("it is for another video")
    if claims.exp <= now_s - _LEEWAY_S or claims.nbf > now_s + _LEEWAY_S:
        raise invalid_token("its time is over, or has not come")
    return Pass(
        key.id, int(claims.exp), _audiences(claims.aud), _network(claims.ip), tuple(claims.referrers), claims.viewer_id
    )


def _audiences(named: str | list[str]) -> tuple[Audience, ...]:
    words = [named] if isinstance(named, str) else named
    known = tuple(audience for audience in Audience if audience in words)
    if not known or len(known) != len(set(words)):
        raise invalid_token(f"its audience must be of {', '.join(Audience)}")
    return known


def _network(text: str | None) -> str | None:
    try:
        return None if text is None else str(ip_network(text, strict=False))
    except ValueError as error:
        raise invalid_token("its ip is no address") from error


def _public(key: Key) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def invalid_token(why: str) -> VidComputeError:
    """The error of a token that opens nothing."""
    return VidComputeError(Kind.FORBIDDEN, "playback_token_invalid", f"This token doesn't open the video: {why}.")


def _unusable(detail: str) -> VidComputeError:
    return VidComputeError(Kind.INVALID, "signing_key_invalid", detail)
