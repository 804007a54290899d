"""Requests to S3 that its client library has no call for, signed by version 4 of Amazon's scheme."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class S3Address:
    """A bucket as requests address it: in the path, or (`in_host`) as a part of the endpoint already."""

    endpoint: str
    bucket: str
    region: str
    in_host: bool


def signed(
    method: str,
    address: S3Address,
    path: str,
    query: Mapping[str, str],
    credentials: Mapping[str, str],
    *,
    at: datetime | None = None,
) -> tuple[str, dict[str, str]]:
    """The URL and the headers of a request without a body for `path` in the bucket.

    `credentials` holds `access_key_id` and `secret_access_key`, and `session_token` where there is one.
    """
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    base = urlsplit(address.endpoint)
    where = "/".join(part for part in (base.path.strip("/"), "" if address.in_host else address.bucket, path) if part)
    target = f"/{quote(where, safe='/-_.~')}"
    asked = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    headers = {"host": base.netloc, "x-amz-content-sha256": _NOTHING, "x-amz-date": stamp}
    if "session_token" in credentials:
        headers["x-amz-security-token"] = credentials["session_token"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join((method, target, asked, lines, names, _NOTHING))
    scope = f"{stamp[:8]}/{address.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials['secret_access_key']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials['access_key_id']}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    url = f"{base.scheme}://{base.netloc}{target}" + (f"?{asked}" if asked else "")
    return url, headers
