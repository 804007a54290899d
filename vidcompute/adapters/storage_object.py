"""Storage in a bucket: S3 (any compatible endpoint) and Google Cloud Storage, through `obstore`.

Each object carries the SHA-256 of its bytes as metadata. What is stored is compared with what was sent, and what is
read whole with what was stored. The client has threads of its own: it is made on first use, after every fork.
"""

import asyncio
import builtins
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vidcompute.adapters.object_digest import Sum, file_sum, plain_etag
from vidcompute.adapters.object_errors import corrupted, is_corrupted, translated
from vidcompute.adapters.object_patience import LONGEST_WAIT_S, tried
from vidcompute.adapters.object_reading import Reading
from vidcompute.adapters.object_signing import address_of, signer_of
from vidcompute.adapters.signed_urls import presigned
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ports.storage import ObjectInfo, key_parts

if TYPE_CHECKING:
    from obstore.store import GCSStore, S3Store

T = TypeVar("T")

_PART_BYTES = 8 * 2**20
_MOST_PARTS = 9000  # the stores take 10,000
_PARTS_AT_ONCE = 4
_FILES_AT_ONCE = 8
_PAGE_OBJECTS = 1000  # what one deletion takes, too
_CONNECT_S, _REQUEST_S = 5, 300
_READS = 3  # of an object whose bytes came out wrong
_DIGEST = "sha256"
_KEPT = "public, max-age=31536000, immutable"
_TYPES = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".log": "text/plain; charset=utf-8",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".png": "image/png",
    ".vtt": "text/vtt; charset=utf-8",
    ".webp": "image/webp",
    ".zip": "application/zip",
}


@dataclass(frozen=True)
class ObjectPlace:
    """A bucket, and how to get into it.

    `prefix` comes before every key. `endpoint` is the address of a server that is not the vendor's own, and
    `service_account` the file of Google's. `patience_s` bounds how long one call goes on while the store is down, and
    `silent_s` how long it waits for the next bytes.
    """

    vendor: Literal["s3", "gs"]
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    service_account: str | None = None
    bucket_in_host: bool = False
    patience_s: float = 10.0
    silent_s: float = 30.0

    @property
    def url(self) -> str:
        """As the setting has it."""
        return f"{self.vendor}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def options(self) -> dict[str, Any]:
        """What obstore calls them."""
        said = (
            {
                "endpoint": self.endpoint,
                "region": self.region,
                "virtual_hosted_style_request": self.bucket_in_host or None,
            }
            if self.vendor == "s3"
            else {"base_url": self.endpoint, "service_account": self.service_account}
        )
        return {name: value for name, value in said.items() if value is not None}


def _open(place: ObjectPlace, credentials: Mapping[str, str]) -> "S3Store | GCSStore":
    from obstore.store import GCSStore, S3Store

    client: Any = {
        "connect_timeout": timedelta(seconds=_CONNECT_S),
        "read_timeout": timedelta(seconds=place.silent_s),
        "timeout": timedelta(seconds=_REQUEST_S),
        "allow_http": (place.endpoint or "").startswith("http://"),
    }
    retries: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=LONGEST_WAIT_S)}  # the rest is ours
    make: Any = S3Store if place.vendor == "s3" else GCSStore
    try:
        store: S3Store | GCSStore = make(
            place.bucket, config={**credentials, **place.options}, client_options=client, retry_config=retries
        )
    except Exception as error:  # obstore has no common class for these
        detail = f"storage_url: {place.url} can't be used: {str(error).partition(chr(10))[0][:200]}"
        raise invalid("storage_unusable", detail) from error
    return store


class ObjectStorage:
    """Implements `ports.storage.Storage`. Several processes may use one place; each makes its own client.

    `credentials` gives obstore's options for them, when the client is made. What they leave out is looked for where
    the vendor's tools look for it.
    """

    def __init__(self, place: ObjectPlace, credentials: Callable[[], Mapping[str, str]]) -> None:
        self.place = place
        self.credentials = credentials
        self._opened: S3Store | GCSStore | None = None
        self._etags_are_sums = True

    @property
    def _store(self) -> "S3Store | GCSStore":
        if self._opened is None:
            self._opened = _open(self.place, self.credentials())
        return self._opened

    def _path(self, key: str) -> str:
        key_parts(key)
        return f"{self.place.prefix}/{key}" if self.place.prefix else key

    def _info(self, meta: Any) -> ObjectInfo:
        key = meta["path"].removeprefix(f"{self.place.prefix}/") if self.place.prefix else meta["path"]
        return ObjectInfo(key, meta["size"], plain_etag(meta["e_tag"]))

    async def tried(self, key: str, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, tried again while the store is down, for as long as patience lasts."""
        return await tried(key, self.place.url, self.place.patience_s, call)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def put(self, key: str, source: Path) -> ObjectInfo:
        """See `Storage.put`; the file stays where it is."""
        await self._send(key, source)
        return await self.stat(key)

    async def put_tree(self, prefix: str, source: Path) -> builtins.list[ObjectInfo]:
        """See `Storage.put_tree`; the files stay. Returns when the store itself lists every one at its size."""
        self._path(prefix)
        files = await asyncio.to_thread(_plain_files, prefix, source)
        room = asyncio.Semaphore(_FILES_AT_ONCE)

        async def send(key: str, path: Path) -> Sum:
            async with room:
                return await self._send(key, path)

        sums = await asyncio.gather(*(send(key, path) for key, path in files))
        wanted = {key: found.size_bytes for (key, _), found in zip(files, sums, strict=True)}
        listed = {info.key: info for info in (await self.list(prefix) if files else [])}
        return [await self._there(listed.get(key), key, size_bytes) for key, size_bytes in wanted.items()]

    async def _there(self, found: ObjectInfo | None, key: str, size_bytes: int) -> ObjectInfo:
        info = found if found is not None and found.size_bytes == size_bytes else await self.stat(key)
        if info.size_bytes != size_bytes:
            raise corrupted(f"{key} has {info.size_bytes} bytes in the store instead of {size_bytes}.")
        return info

    async def _send(self, key: str, source: Path) -> Sum:
        """One file, whole; the store's own word for its content is compared with ours where it gives one."""
        import obstore

        path = self._path(key)
        size_bytes = source.stat().st_size
        part_bytes = max(_PART_BYTES, -(-size_bytes // _MOST_PARTS))
        found = await asyncio.to_thread(file_sum, source, part_bytes)
        kind = _TYPES.get(source.suffix.lower() or Path(key).suffix, "application/octet-stream")
        sent = await self.tried(
            key,
            lambda: obstore.put_async(
                self._store,
                path,
                source if size_bytes else b"",
                attributes={"Content-Type": kind, "Cache-Control": _KEPT, _DIGEST: found.sha256},
                use_multipart=size_bytes > part_bytes,
                chunk_size=part_bytes,
                max_concurrency=_PARTS_AT_ONCE,
            ),
        )
        if not (self._etags_are_sums and plain_etag(sent["e_tag"]) == found.etag):
            await self._compare(key, found)
        return found

    async def _compare(self, key: str, sent: Sum) -> None:
        """Read back what a store keeps that has no checksum to compare (encrypted buckets, for one)."""
        async for _ in self.read(key):  # compares with the digest that was sent along
            pass
        if (await self.stat(key)).size_bytes != sent.size_bytes:
            raise corrupted(f"{key} came out of the store shorter than it went in.")

    # -- reading ---------------------------------------------------------------------------------------------------

    async def stat(self, key: str) -> ObjectInfo:
        """See `Storage.stat`."""
        import obstore

        path = self._path(key)
        return self._info(await self.tried(key, lambda: obstore.head_async(self._store, path)))

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Storage.read`. An object that is read whole, and is not what was stored, ends in an error instead."""
        self._path(key)
        if end is not None and end <= start:
            await self.stat(key)
            return
        async with aclosing(Reading(self, key, start, end).pieces()) as pieces:
            async for piece in pieces:
                yield piece

    async def get(self, key: str, start: int, end: int | None, etag: str | None) -> Any:
        """The vendor's answer to one GET of `[start, end)`; None where the object ends before `start`."""
        import obstore

        path = self._path(key)
        options: Any = {} if etag is None else {"if_match": f'"{etag}"'}
        if start or end is not None:
            options["range"] = {"offset": start} if end is None else (start, end)

        async def once() -> Any:
            try:
                return await obstore.get_async(self._store, path, options=options)
            except Exception:
                if start and (await self.stat(key)).size_bytes <= start:
                    return None
                raise

        return await self.tried(key, once)

    async def fetch(self, key: str, destination: Path) -> Path:
        """See `Storage.fetch`: always at `destination`, whole and compared with its digest, or not at all."""
        self._path(key)
        for left in reversed(range(_READS)):
            try:
                await self._download(key, destination)
                break
            except VidComputeError as error:
                if not is_corrupted(error) or not left:
                    raise
        return destination

    async def _download(self, key: str, destination: Path) -> None:
        partial = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
        try:
            with await asyncio.to_thread(partial.open, "xb", buffering=0) as file:
                async for piece in self.read(key):
                    await asyncio.to_thread(file.write, piece)
            partial.replace(destination)
        except OSError as error:
            raise translated(key, self.place.url, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def local_path(self, key: str) -> Path | None:
        """See `Storage.local_path`: nothing lies on this machine."""
        self._path(key)
        return None

    async def list(self, prefix: str) -> builtins.list[ObjectInfo]:
        """See `Storage.list`; sorted by key."""

        async def all_pages() -> builtins.list[ObjectInfo]:
            return [info async for page in self._scan(prefix) for info in page]

        return sorted(await self.tried(prefix, all_pages), key=lambda info: info.key)

    async def scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        """See `ScannableStorage.scan`."""
        pages = self._scan(prefix)
        while True:
            try:
                page = await anext(pages, None)
            except Exception as error:
                raise translated(prefix, self.place.url, error) from error
            if page is None:
                return
            yield page

    async def _scan(self, prefix: str) -> AsyncIterator[Sequence[ObjectInfo]]:
        import obstore

        async for page in obstore.list(self._store, self._path(prefix), chunk_size=_PAGE_OBJECTS):
            yield [self._info(meta) for meta in page]

    # -- the rest --------------------------------------------------------------------------------------------------

    async def delete_prefix(self, prefix: str) -> int:
        """See `Storage.delete_prefix`: a thousand at a time."""
        keys = [info.key for info in await self.list(prefix)]
        with suppress(_MissingError):
            keys.append((await self._found(prefix)).key)
        for first in range(0, len(keys), _PAGE_OBJECTS):
            await self._delete(prefix, keys[first : first + _PAGE_OBJECTS])
        return len(keys)

    async def _found(self, key: str) -> ObjectInfo:
        try:
            return await self.stat(key)
        except VidComputeError as error:
            if error.kind is Kind.NOT_FOUND:
                raise _MissingError from error
            raise

    async def _delete(self, prefix: str, keys: builtins.list[str]) -> None:
        import obstore

        paths = [self._path(key) for key in keys]

        async def once() -> None:
            with suppress(FileNotFoundError):  # by somebody else meanwhile, or by a try whose answer got lost
                await obstore.delete_async(self._store, paths)

        await self.tried(prefix, once)

    async def sign(
        self, key: str, method: Literal["GET", "PUT"], expires_s: int, *, disposition: str | None = None
    ) -> str | None:
        """See `Storage.sign`."""
        import obstore

        path = self._path(key)
        if disposition is not None and method == "GET":
            url = await asyncio.to_thread(self._signed_download, path, expires_s, disposition)
            if url is not None:
                return url
        return await self.tried(
            key, lambda: obstore.sign_async(self._store, method, path, timedelta(seconds=expires_s))
        )

    def _signed_download(self, path: str, expires_s: int, disposition: str) -> str | None:
        """What obstore does not sign; None where there is no key to do it with."""
        credentials = self.credentials()
        signer, query = signer_of(self.place, credentials), {"response-content-disposition": disposition}
        if signer is None:
            return None
        return presigned("GET", address_of(self.place, credentials), path, signer, expires_s, query=query)

    async def check(self) -> None:
        """Ask whether the bucket can be listed, once; raises what is wrong, naming the setting."""
        try:
            async for _ in self._scan("check"):
                break
        except Exception as error:
            raise translated("check", self.place.url, error) from error


class _MissingError(Exception):
    """There is no object under this very key."""


def _plain_files(prefix: str, source: Path) -> builtins.list[tuple[str, Path]]:
    """The files below a folder with their keys; `invalid_object` where something else is among them."""
    paths = [path for path in sorted(source.rglob("*")) if not path.is_dir() or path.is_symlink()]
    found = [(f"{prefix}/{path.relative_to(source).as_posix()}", path) for path in paths]
    for key, path in found:
        key_parts(key)
        if path.is_symlink() or not path.is_file():
            raise invalid("invalid_object", f"{key[-80:]!r} is no plain file.")
    return found
