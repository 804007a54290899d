"""Uploads in parts that nobody finished: S3 keeps their parts, and has them paid for, until somebody ends them."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx2

from vidcompute.adapters.object_errors import down
from vidcompute.adapters.s3_requests import S3Address, signed
from vidcompute.adapters.storage_object import ObjectPlace

_TIMEOUT_S = 30.0
_DEFAULT_REGION = "us-east-1"
_NAMES = ("access_key_id", "secret_access_key", "session_token")


@dataclass(frozen=True)
class _Upload:
    key: str
    upload_id: str
    begun: datetime


class UploadsInParts:
    """The unfinished uploads below one place. Google's buckets, and those without keys here, have their own rules."""

    def __init__(self, place: ObjectPlace, credentials: Mapping[str, str]) -> None:
        region = place.region or credentials.get("aws_region") or credentials.get("aws_default_region")
        self._region = region or _DEFAULT_REGION
        self._place = place
        endpoint = place.endpoint or f"https://s3.{self._region}.amazonaws.com"
        self._address = S3Address(endpoint, place.bucket, self._region, in_host=place.bucket_in_host)
        found = {name: credentials.get(name) or credentials.get(f"aws_{name}") for name in _NAMES}
        self._credentials = {name: value for name, value in found.items() if value}

    @property
    def can(self) -> bool:
        """Whether there is a way to ask."""
        return self._place.vendor == "s3" and "secret_access_key" in self._credentials

    async def end(self, before: datetime) -> int:
        """End those that were begun before then; how many. Raises `storage_unavailable`."""
        if not self.can:
            return 0
        count = 0
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            async for upload in self._unfinished(client):
                if upload.begun < before:
                    await self._ask(client, "DELETE", upload.key, {"uploadId": upload.upload_id})
                    count += 1
        return count

    async def _unfinished(self, client: httpx2.AsyncClient) -> AsyncIterator[_Upload]:
        prefix = f"{self._place.prefix}/" if self._place.prefix else ""
        marks: dict[str, str] = {}
        while True:
            text = await self._ask(client, "GET", "", {"uploads": "", "prefix": prefix, **marks})
            for part in re.findall(r"<Upload>(.*?)</Upload>", text, re.DOTALL):
                begun = datetime.fromisoformat(_field(part, "Initiated"))
                yield _Upload(_field(part, "Key"), _field(part, "UploadId"), begun)
            if _field(text, "IsTruncated") != "true":
                return
            marks = {
                "key-marker": _field(text, "NextKeyMarker"),
                "upload-id-marker": _field(text, "NextUploadIdMarker"),
            }

    async def _ask(self, client: httpx2.AsyncClient, method: str, path: str, query: Mapping[str, str]) -> str:
        url, headers = signed(method, self._address, path, query, self._credentials)
        try:
            answer = await client.request(method, url, headers=headers)
        except httpx2.TransportError as error:
            raise down(f"The object storage can't be used for now: {type(error).__name__}.") from error
        if answer.is_error and answer.status_code != httpx2.codes.NOT_FOUND:
            raise down(f"The object storage answers {answer.status_code} when asked for unfinished uploads.")
        return answer.text


def _field(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(found.group(1)) if found else ""
