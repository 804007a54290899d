"""Uploads whose parts go straight to the store. What they are is found out at the first reading, when all are there.

The sender gets a URL for each part; the store says which are there, so that who was cut off goes on. When the sender
says that all are, they are joined. Who leads then reads the object through once, for its digest and its first bytes;
what was read so far is a row, and a server that dies over it costs a few hundred megabytes of reading.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from vidcompute.db.engine import Database, may_be_written
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import new_id
from vidcompute.media.digest import PART_BYTES, TreeDigest
from vidcompute.ports.storage import DirectUploads, Storage, StoredPart
from vidcompute.services import quotas
from vidcompute.services.assets import Source
from vidcompute.services.quotas import Quota
from vidcompute.services.uploads import moves, queries
from vidcompute.services.uploads.models import Direct, NewUpload, Upload, part_bytes_for
from vidcompute.services.uploads.receiver import Received, check_media, too_large
from vidcompute.services.uploads.service import NewSource, adopt

_LEAST_PART_BYTES = 16 * 2**20
_RECORDED_EACH = 32  # parts of the digest
_HEAD_BYTES = 4096


def new_key(organization_id: str) -> str:
    """Where an upload goes whose parts come before it is known what they are."""
    return f"orgs/{organization_id}/direct/{new_id('obj')}"


async def begin(db: Database, store: DirectUploads, organization_id: str, new: NewUpload, most: int) -> Upload:
    """Begin an upload of `new.size_bytes`. Raises `upload_too_large`, `upload_length_missing`, `too_many_uploads`."""
    if new.size_bytes is None:
        raise invalid("upload_length_missing", "An upload that goes straight to the store needs its size_bytes.")
    if new.size_bytes > new.max_bytes:
        raise too_large(new.max_bytes)
    key = new_key(organization_id)
    name = await store.begin(key)
    direct = Direct(key, name, part_bytes_for(new.size_bytes, _LEAST_PART_BYTES))
    try:
        return await db.write(moves.create, organization_id, replace(new, direct=direct), max_unfinished=most)
    except BaseException as error:
        if not may_be_written(error):
            await store.abort(key, name)
        raise


def _of(upload: Upload) -> Direct:
    direct = upload.straight
    if direct is None:
        detail = "The bytes of this upload come through the server: by TUS, or whole by PUT."
        raise VidComputeError(Kind.CONFLICT, "upload_not_direct", detail)
    return direct


async def urls(
    db: Database, store: DirectUploads, upload: Upload, numbers: Sequence[int], expires_s: int
) -> dict[int, str]:
    """Where the bytes of these parts go, by number. Who asks is at work, so the upload's end is put off, as by bytes.

    Raises `upload_part_unknown`, `upload_not_direct`.
    """
    direct = _of(upload)
    _check_open(upload, direct)
    sizes = direct.sizes(upload.size_bytes or 0)
    unknown = [number for number in numbers if number not in sizes]
    if unknown:
        raise invalid("upload_part_unknown", f"There is no part {unknown[0]}: they go from 1 to {len(sizes)}.")
    await db.write(moves.put_off, upload)
    return {number: store.part_url(direct.key, direct.name, number, expires_s) for number in numbers}


def _check_open(upload: Upload, direct: Direct) -> None:
    moves.check_unfinished(upload)
    if direct.arrived:
        raise VidComputeError(Kind.CONFLICT, "upload_arrived", "Every part of this upload is here already.")


async def stored(store: DirectUploads, upload: Upload) -> list[StoredPart]:
    """The parts that are in the store; `upload_not_direct`."""
    direct = _of(upload)
    return [] if direct.arrived else await store.stored(direct.key, direct.name)


async def finish(db: Database, store: DirectUploads, storage: Storage, upload: Upload) -> Upload:
    """All parts are said to be there: join them. Asked again, it is as it was.

    Raises `upload_incomplete` (invalid) where one is missing or has another size.
    """
    direct = _of(upload)
    if direct.arrived:
        return upload
    moves.check_unfinished(upload)
    if not await _joined(storage, direct.key):  # by one who died over telling of it
        here = await store.stored(direct.key, direct.name)
        wrong = _first_wrong(direct.sizes(upload.size_bytes or 0), here)
        if wrong is not None:
            raise invalid("upload_incomplete", f"Part {wrong} is missing, or has not the size that it should have.")
        await store.complete(direct.key, direct.name, here)
    return await db.write(moves.arrived, upload, direct)


async def _joined(storage: Storage, key: str) -> bool:
    try:
        await storage.stat(key)
    except VidComputeError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return False
    return True


def _first_wrong(sizes: dict[int, int], here: Sequence[StoredPart]) -> int | None:
    found = {part.number: part.size_bytes for part in here}
    return next((n for n in sorted(sizes.keys() | found.keys()) if sizes.get(n) != found.get(n)), None)


async def abandon(store: DirectUploads | None, storage: Storage, direct: Direct | None) -> None:
    """Leave nothing in the store of an upload that has ended; what the store can't do now is collected later."""
    if store is None or direct is None:
        return
    with suppress(VidComputeError):
        await store.abort(direct.key, direct.name)
        await storage.delete_prefix(direct.key)


def readable(conn: Connection) -> list[Upload]:
    """The uploads that have arrived and can become sources now: their jobs have a place, and minutes left."""
    return [upload for upload in queries.arrived(conn) if upload.job is None or _has_place(conn, upload)]


def _has_place(conn: Connection, upload: Upload) -> bool:
    found = quotas.standing(conn, upload.organization_id)
    return all(found.uses[quota].left != 0 for quota in (Quota.JOBS, Quota.ENCODE_MINUTES))


async def read_in(db: Database, storage: Storage, upload: Upload) -> Upload:
    """Read an upload that has arrived, from where its row is, and make it a source; the upload as it is then.

    What is refused (no media, other bytes than were said) fails it, and nothing of it is kept.
    """
    direct = _of(upload)
    try:
        upload, digest = await _digest(db, storage, upload, direct)
    except VidComputeError as error:
        if error.kind is Kind.UNAVAILABLE:
            raise
        failed = await db.write(moves.fail, upload, error)
        await storage.delete_prefix(direct.key)
        return failed
    size_bytes = upload.size_bytes or 0
    received = Received(Path(), digest, size_bytes)

    def use(conn: Connection, source: Source) -> Upload:
        return moves.complete(conn, upload, source, size_bytes=size_bytes)

    return await adopt(db, storage, NewSource(upload.organization_id, received, upload.name), direct.key, use)


async def _digest(db: Database, storage: Storage, upload: Upload, direct: Direct) -> tuple[Upload, str]:
    info = await storage.stat(direct.key)
    if info.size_bytes != upload.size_bytes:
        raise VidComputeError(Kind.REFUSED, "upload_incomplete", f"{info.size_bytes} bytes came of it.")
    tree = TreeDigest(await db.read(queries.parts, upload.id))
    if tree.position == 0:
        check_media(b"".join([piece async for piece in storage.read(direct.key, 0, _HEAD_BYTES)]))
    known = len(tree.parts())
    if tree.position == upload.size_bytes:
        return upload, tree.finish()
    async for piece in storage.read(direct.key, tree.position):
        tree.update(piece)
        parts = tree.parts()
        if len(parts) - known >= _RECORDED_EACH:
            upload = await db.write(moves.advance, upload, len(parts) * PART_BYTES, parts[known:])
            known = len(parts)
    return upload, tree.finish()
