"""URLs that are signed for one request, for what the stores' client library has no call for.

Amazon's signatures of version 4, and Google's, which are the same but for their names and for who signs: a secret that
both sides know there, the RSA key of a service account here.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # SHA-256, in PKCS #1 v1.5
_LONG_FORM = 0x80  # of a length in DER


@dataclass(frozen=True)
class Address:
    """A bucket as requests address it: in the path, or (`in_host`) as a part of the endpoint already."""

    endpoint: str
    bucket: str
    in_host: bool = False


class Signer(Protocol):
    """Who signs: `vendor` ("Amz", "Goog"), the scheme, who it is, what comes after the day in the scope."""

    @property
    def vendor(self) -> str:
        """The vendor, as the names of parameters have it."""
        ...

    @property
    def scheme(self) -> str:
        """The scheme, as the vendor calls it."""
        ...

    @property
    def name(self) -> str:
        """Who signs."""
        ...

    @property
    def scope(self) -> str:
        """What it is for."""
        ...

    @property
    def more(self) -> Mapping[str, str]:
        """Parameters that go into the signature, too."""
        ...

    def sign(self, text: bytes, day: str) -> str:
        """The signature, in hexadecimal."""
        ...


@dataclass(frozen=True)
class AmazonSigner:
    """Signs with an access key; `session_token` comes with those that are lent for a while."""

    name: str
    secret: str
    region: str
    session_token: str = ""

    vendor = "Amz"
    scheme = "AWS4-HMAC-SHA256"

    @property
    def scope(self) -> str:
        """See `Signer.scope`."""
        return f"{self.region}/s3/aws4_request"

    @property
    def more(self) -> Mapping[str, str]:
        """See `Signer.more`."""
        return {"X-Amz-Security-Token": self.session_token} if self.session_token else {}

    def sign(self, text: bytes, day: str) -> str:
        """See `Signer.sign`."""
        key = f"AWS4{self.secret}".encode()
        for part in (day, *self.scope.split("/")):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text, "sha256").hex()


@dataclass(frozen=True)
class GoogleSigner:
    """Signs with the RSA key of a service account."""

    name: str
    modulus: int
    exponent: int

    vendor = "Goog"
    scheme = "GOOG4-RSA-SHA256"
    scope = "auto/storage/goog4_request"

    @property
    def more(self) -> Mapping[str, str]:
        """See `Signer.more`."""
        return {}

    def sign(self, text: bytes, day: str) -> str:
        """See `Signer.sign`: RSASSA-PKCS1-v1_5 with SHA-256."""
        del day
        size = (self.modulus.bit_length() + 7) // 8
        tail = b"\0" + _DIGEST_INFO + hashlib.sha256(text).digest()
        padded = b"\0\1" + b"\xff" * (size - len(tail) - 2) + tail
        return pow(int.from_bytes(padded), self.exponent, self.modulus).to_bytes(size).hex()


def google_signer(account_file: Path) -> GoogleSigner | None:
    """The account of a service account's file; None for a file that has no key to sign with."""
    try:
        account = json.loads(account_file.read_text(encoding="utf-8"))
        lines = str(account["private_key"]).strip().splitlines()
        # PKCS #8: version, algorithm, and the key itself, which is version, modulus, public and private exponent, …
        (info,) = _parts(base64.b64decode("".join(line for line in lines if not line.startswith("-"))))
        (key,) = _parts(_parts(info)[2])
        numbers = [int.from_bytes(part) for part in _parts(key)]
        return GoogleSigner(str(account["client_email"]), numbers[1], numbers[3])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _parts(der: bytes) -> list[bytes]:
    """The contents of the values that stand one after the other here."""
    found, at = [], 0
    while at < len(der):
        length, at = der[at + 1], at + 2
        if length & _LONG_FORM:
            size = length & ~_LONG_FORM
            length, at = int.from_bytes(der[at : at + size]), at + size
        found.append(der[at : at + length])
        at += length
    return found


def presigned(
    method: str,
    address: Address,
    path: str,
    signer: Signer,
    expires_s: int,
    *,
    query: Mapping[str, str],
    at: datetime | None = None,
) -> str:
    """The URL of a request for `path` in the bucket, with this query; it is good for anybody until it expires."""
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    base, vendor = urlsplit(address.endpoint), f"X-{signer.vendor}"
    where = "/".join(part for part in (base.path.strip("/"), "" if address.in_host else address.bucket, path) if part)
    target, scope = f"/{quote(where, safe='/-_.~')}", f"{stamp[:8]}/{signer.scope}"
    values = {
        **query,
        **signer.more,
        f"{vendor}-Algorithm": signer.scheme,
        f"{vendor}-Credential": f"{signer.name}/{scope}",
        f"{vendor}-Date": stamp,
        f"{vendor}-Expires": str(expires_s),
        f"{vendor}-SignedHeaders": "host",
    }
    asked = "&".join(f"{quote(name, safe='-_.~')}={quote(values[name], safe='-_.~')}" for name in sorted(values))
    request = "\n".join((method, target, asked, f"host:{base.netloc}\n", "host", "UNSIGNED-PAYLOAD"))
    text = "\n".join((signer.scheme, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = signer.sign(text.encode(), stamp[:8])
    return f"{base.scheme}://{base.netloc}{target}?{asked}&{vendor}-Signature={signature}"
