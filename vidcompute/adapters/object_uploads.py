"""Uploads in parts, which senders bring to the store themselves or we do, and the end of those that nobody finished.

Stores keep parts, and have them paid for, until somebody ends them. The requests are the same for Amazon's stores and
for Google's.
"""

import asyncio
import base64
import hashlib
import html
import os
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

import httpx2

from vidcompute.adapters.object_errors import down
from vidcompute.adapters.object_patience import tried
from vidcompute.adapters.object_signing import address_of, signer_of
from vidcompute.adapters.signed_urls import presigned
from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_object import ObjectPlace
from vidcompute.errors import VidComputeError, not_found
from vidcompute.ports.storage import FilePiece, StoredPart

_BLOCK_BYTES = 2**20
_TIMEOUT_S = 30.0
_COMPLETE_S = 300.0  # a store may take minutes over thousands of parts
_LIFE_S = 300


@dataclass(frozen=True)
class _Upload:
    key: str
    upload_id: str
    begun: datetime


class UploadsInParts:
    """The uploads below one place; implements `ports.storage.DirectUploads` where it `signs`.

    Without a key to sign with here, nothing is known of them. `cache` is what lies before the place, and gets what is
    to be kept. It has connections: close it.
    """

    def __init__(self, place: ObjectPlace, credentials: Mapping[str, str], cache: CachedStorage | None = None) -> None:
        self._place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._address = address_of(place, credentials)
        self._signer = signer_of(place, credentials)
        self._cache = cache

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)

    async def close(self) -> None:
        """End its connections, where it has made any."""
        if "_client" in vars(self):
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def signs(self) -> bool:
        """Whether there is a key here to sign with."""
        return self._signer is not None

    async def end(self, before: datetime, *, but: Collection[str] = ()) -> int:
        """End those that were begun before then, `but` those of these names; how many. `storage_unavailable`."""
        if not self.signs:
            return 0
        count = 0
        async for upload in self._unfinished():
            if upload.begun < before and upload.upload_id not in but:
                await self._ask("DELETE", upload.key, {"uploadId": upload.upload_id})
                count += 1
        return count

    async def _unfinished(self) -> AsyncIterator[_Upload]:
        marks: dict[str, str] = {}
        while True:
            text = await self._ask("GET", "", {"uploads": "", "prefix": self._prefix, **marks})
            for part in re.findall(r"<Upload>(.*?)</Upload>", text, re.DOTALL):
                begun = datetime.fromisoformat(_field(part, "Initiated"))
                yield _Upload(_field(part, "Key"), _field(part, "UploadId"), begun)
            if _field(text, "IsTruncated") != "true":
                return
            marks = {
                "key-marker": _field(text, "NextKeyMarker"),
                "upload-id-marker": _field(text, "NextUploadIdMarker"),
            }

    async def begin(self, key: str) -> str:
        """See `DirectUploads.begin`."""
        name = _field(await self._ask("POST", self._prefix + key, {"uploads": ""}), "UploadId")
        if not name:
            raise down("The object storage began no upload.")
        return name

    def part_url(self, key: str, name: str, number: int, expires_s: int) -> str:
        """See `DirectUploads.part_url`."""
        return self._signed("PUT", self._prefix + key, {"uploadId": name, "partNumber": str(number)}, expires_s)

    async def bring(self, key: str, name: str, number: int, piece: FilePiece) -> StoredPart:
        """See `DirectUploads.bring`: the store itself compares what came, by its MD5. Tried again for some seconds."""
        checksum = base64.b64encode(await asyncio.to_thread(_md5, piece)).decode()

        async def once() -> StoredPart:
            url = await asyncio.to_thread(self.part_url, key, name, number, _LIFE_S)
            headers = {"Content-Length": str(piece.size_bytes), "Content-MD5": checksum}
            answer = await self._sent("PUT", url, _blocks(piece), headers=headers, timeout_s=_TIMEOUT_S)
            if answer.status_code == httpx2.codes.NOT_FOUND:
                raise not_found("object", key)
            return StoredPart(number, piece.size_bytes, answer.headers.get("etag", ""))

        return await tried(key, self._place.url, self._place.patience_s, once)

    async def keep(self, key: str, file: Path) -> None:
        """See `DirectUploads.keep`; without a cache, or with one that is full, the file stays where it is."""
        if self._cache is not None:
            await self._cache.keep(key, file)

    async def stored(self, key: str, name: str) -> list[StoredPart]:
        """See `DirectUploads.stored`."""
        found: list[StoredPart] = []
        marks: dict[str, str] = {}
        while True:
            text = await self._ask("GET", self._prefix + key, {"uploadId": name, **marks})
            for part in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL):
                number, size_bytes = int(_field(part, "PartNumber")), int(_field(part, "Size"))
                found.append(StoredPart(number, size_bytes, _field(part, "ETag")))
            if _field(text, "IsTruncated") != "true":
                return found
            marks = {"part-number-marker": _field(text, "NextPartNumberMarker")}

    async def complete(self, key: str, name: str, parts: Sequence[StoredPart]) -> None:
        """See `DirectUploads.complete`. A refusal may come in an answer that begins as a good one."""
        named = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
        text = await self._ask("POST", self._prefix + key, {"uploadId": name}, body)
        if "<Error>" in text and _field(text, "Code") != "NoSuchUpload":
            raise down(f"The object storage did not join the parts: {_field(text, 'Code')}.")

    async def abort(self, key: str, name: str) -> None:
        """See `DirectUploads.abort`."""
        await self._ask("DELETE", self._prefix + key, {"uploadId": name})

    def _signed(self, method: str, path: str, query: Mapping[str, str], expires_s: int) -> str:
        assert self._signer is not None, "else nothing is asked"
        return presigned(method, self._address, path, self._signer, expires_s, query=query)

    async def _ask(self, method: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
        """The text of the answer, that of "there is none" among them. Raises `storage_unavailable`."""
        url = await asyncio.to_thread(self._signed, method, path, query, _LIFE_S)
        answer = await self._sent(method, url, body, timeout_s=_COMPLETE_S if body else _TIMEOUT_S)
        return answer.text

    async def _sent(
        self,
        method: str,
        url: str,
        body: bytes | AsyncIterator[bytes],
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """The answer, where it is a good one or "there is none". Raises `storage_unavailable`."""
        try:
            answer = await self._client.request(method, url, content=body, headers=headers, timeout=timeout_s)
        except httpx2.TransportError as error:
            raise down(f"The object storage can't be used for now: {type(error).__name__}.") from error
        if answer.is_error and answer.status_code != httpx2.codes.NOT_FOUND:
            raise _refused(answer)
        return answer


def _md5(piece: FilePiece) -> bytes:
    found = hashlib.md5(usedforsecurity=False)
    with piece.path.open("rb", buffering=0) as file:
        for start, size_bytes in _cuts(piece):
            found.update(os.pread(file.fileno(), size_bytes, start))
    return found.digest()


async def _blocks(piece: FilePiece) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(piece.path.open, "rb", buffering=0) as file:
        for start, size_bytes in _cuts(piece):
            yield await asyncio.to_thread(os.pread, file.fileno(), size_bytes, start)


def _cuts(piece: FilePiece) -> list[tuple[int, int]]:
    """Where each block of it begins, and how many bytes that has."""
    end = piece.start + piece.size_bytes
    return [(start, min(_BLOCK_BYTES, end - start)) for start in range(piece.start, end, _BLOCK_BYTES)]


def _refused(answer: httpx2.Response) -> VidComputeError:
    said = _field(answer.text, "Code") or answer.reason_phrase
    return down(f"The object storage answers {answer.status_code} ({said}) about an upload in parts.")


def _field(text: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return html.unescape(found.group(1)) if found else ""
