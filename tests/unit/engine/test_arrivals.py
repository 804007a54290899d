"""What senders brought straight to the store is read, whatever is wrong with some of it."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tests.fixtures.attempts import eventually
from tests.unit.engine.toys import ORG
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db.engine import Database
from vidcompute.dispatch.arrivals import Arrivals
from vidcompute.dispatch.leading import Leading
from vidcompute.media.digest import PART_BYTES
from vidcompute.services import uploads
from vidcompute.services.uploads import Direct, NewUpload, Upload, moves

MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(1000)


async def arrived(db: Database, storage: FolderStorage, folder: Path, name: str, job: dict[str, Any] | None) -> Upload:
    """An upload all of whose parts are in the store."""
    key = f"orgs/{ORG}/direct/{name}"
    (folder / name).write_bytes(MP4)
    await storage.put(key, folder / name)
    direct = Direct(key, name, PART_BYTES, arrived=True)
    new = NewUpload(name=name, size_bytes=len(MP4), job=job, direct=direct)
    return await db.write(moves.create, ORG, new, max_unfinished=10)


async def test_one_that_can_not_be_read_holds_up_no_other(db: Database, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "objects")
    broken = await arrived(db, storage, tmp_path, "broken", {"outputs": "of another release"})
    well = await arrived(db, storage, tmp_path, "well", None)

    def status(conn: Connection, upload: Upload) -> str:
        return uploads.get(conn, ORG, upload.id).status

    lead = Leading(db, "one", lease_s=60.0)
    reading = asyncio.create_task(Arrivals(db, storage).run(lead))
    try:

        async def completed() -> bool:
            return await db.read(status, well) == "completed"

        await eventually(completed)
        assert await db.read(status, broken) == "uploading"
        assert not reading.done()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
