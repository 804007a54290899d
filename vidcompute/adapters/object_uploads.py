"""Uploads in parts that nobody finished: stores keep their parts, and have them paid for, until somebody ends them.

The requests are the same for Amazon's stores and for Google's.
"""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx2

from vidcompute.adapters.object_errors import down
from vidcompute.adapters.object_signing import address_of, signer_of
from vidcompute.adapters.signed_urls import presigned
from vidcompute.adapters.storage_object import ObjectPlace

_TIMEOUT_S = 30.0
_LIFE_S = 300


@dataclass(frozen=True)
class _Upload:
    key: str
    upload_id: str
    begun: datetime


class UploadsInParts:
    """The unfinished uploads below one place. Without a key to sign with here, nothing is known of them."""

    def __init__(self, place: ObjectPlace, credentials: Mapping[str, str]) -> None:
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._address = address_of(place, credentials)
        self._signer = signer_of(place, credentials)

    async def end(self, before: datetime) -> int:
        """End those that were begun before then; how many. Raises `storage_unavailable`."""
        if self._signer is None:
            return 0
        count = 0
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            async for upload in self._unfinished(client):
                if upload.begun < before:
                    await self._ask(client, "DELETE", upload.key, {"uploadId": upload.upload_id})
                    count += 1
        return count

    async def _unfinished(self, client: httpx2.AsyncClient) -> AsyncIterator[_Upload]:
        marks: dict[str, str] = {}
        while True:
            text = await self._ask(client, "GET", "", {"uploads": "", "prefix": self._prefix, **marks})
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
        assert self._signer is not None, "else nothing is asked"
        url = await asyncio.to_thread(presigned, method, self._address, path, self._signer, _LIFE_S, query=query)
        try:
            answer = await client.request(method, url)
        except httpx2.TransportError as error:
            raise down(f"The object storage can't be used for now: {type(error).__name__}.") from error
        if answer.is_error and answer.status_code != httpx2.codes.NOT_FOUND:
            raise down(f"The object storage answers {answer.status_code} when asked for unfinished uploads.")
        return answer.text


def _field(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(found.group(1)) if found else ""
