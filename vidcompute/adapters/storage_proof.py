"""Tries a storage out, as it will be used: for `vidctl doctor`."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from vidcompute.errors import VidComputeError
from vidcompute.ports.storage import Storage

_BYTES = bytes(range(256)) * 300
_FOLDER = "doctor"
_LIFE_S = 60
_ENDS_S = 20.0  # a server's clock may be behind ours a little
_LOOK_S = 0.5
_ORIGIN = "https://doctor.invalid"
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Proof:
    """One thing that was tried; `ok` is None for what is worth knowing and no failure."""

    name: str
    ok: bool | None
    detail: str


async def proofs(storage: Storage, scratch: Path, *, redirect: bool) -> AsyncIterator[Proof]:
    """Write, read, list, sign and delete one object. `redirect` says that viewers are sent to signed addresses."""
    prefix = f"{_FOLDER}/{secrets.token_hex(8)}"
    key = f"{prefix}/probe.bin"
    try:
        async for proof in _tried(storage, key, scratch, redirect=redirect):
            yield proof
    except VidComputeError as error:
        yield Proof("storage", ok=False, detail=error.detail)
        return
    count = await storage.delete_prefix(prefix)
    gone = await storage.list(prefix) == []
    yield Proof(
        "storage deletes", ok=count == 1 and gone, detail="what was written is gone" if gone else "it is still there"
    )


async def _tried(storage: Storage, key: str, scratch: Path, *, redirect: bool) -> AsyncIterator[Proof]:
    file = scratch / f".doctor-{secrets.token_hex(4)}"
    file.write_bytes(_BYTES)
    try:
        info = await storage.put(key, file)
    finally:
        file.unlink(missing_ok=True)
    right = info.size_bytes == len(_BYTES)
    yield Proof("storage writes", ok=right, detail=f"{info.size_bytes} bytes")
    yield _same("storage reads", b"".join([piece async for piece in storage.read(key)]), _BYTES)
    piece = b"".join([piece async for piece in storage.read(key, 1000, 70_000)])
    yield _same("storage reads ranges", piece, _BYTES[1000:70_000])
    listed = [found.key for found in await storage.list(key.rpartition("/")[0])]
    yield Proof("storage lists", ok=listed == [key], detail=f"{len(listed)} of 1 object")
    async for proof in _signed(storage, key, redirect=redirect):
        yield proof


def _same(name: str, found: bytes, wanted: bytes) -> Proof:
    same = found == wanted
    return Proof(name, ok=same, detail=f"{len(found)} bytes" if same else "does not give back what it got")


async def _signed(storage: Storage, key: str, *, redirect: bool) -> AsyncIterator[Proof]:
    address = await storage.sign(key, "GET", _LIFE_S)
    if address is None:
        detail = "this storage has no addresses of its own: this server delivers, whatever `delivery` says"
        yield Proof("storage signs", ok=None, detail=detail)
        return
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.get(address, headers={"Origin": _ORIGIN})
        right = answer.status_code == httpx2.codes.OK and answer.content == _BYTES
        yield Proof("storage signs", ok=right, detail=f"a signed address answers {answer.status_code}")
        changed = await client.get(address.replace("probe.bin", "prove.bin"))
        wrong = changed.status_code in _REFUSED
        yield Proof("a changed address is refused", ok=wrong, detail=f"it answers {changed.status_code}")
        ended = await _end_of(client, await storage.sign(key, "GET", 1) or "")
        yield Proof("an old address is refused", ok=ended in _REFUSED, detail=f"it answers {ended}")
    allowed = answer.headers.get("access-control-allow-origin") in {"*", _ORIGIN}
    if redirect:
        detail = "pages may load from it" if allowed else "the bucket's CORS rules must allow GET from every origin"
        yield Proof("storage answers pages", ok=allowed, detail=detail)


async def _end_of(client: httpx2.AsyncClient, address: str) -> int:
    """What an address that was good for a second answers once that is over."""
    status = httpx2.codes.OK.value
    for _ in range(int(_ENDS_S / _LOOK_S)):
        status = (await client.get(address)).status_code
        if status != httpx2.codes.OK:
            break
        await asyncio.sleep(_LOOK_S)
    return status
