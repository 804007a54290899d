"""Reads what senders brought straight to the store, in the server that leads, and makes it sources."""

from vidcompute import logs
from vidcompute.db.engine import PATIENT_S, Database
from vidcompute.dispatch.leading import Leading
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.storage import Storage
from vidcompute.services import uploads
from vidcompute.services.uploads import Upload

log = logs.get("uploads")
_LOOK_S = 30.0
_AGAIN_S = 2.0


class Arrivals:
    """One server's part of it. Two that read at once do no harm: only one of them is where the row is."""

    def __init__(self, db: Database, storage: Storage) -> None:
        self._db = db
        self._storage = storage

    async def run(self, lead: Leading) -> None:
        """Go on until cancelled."""
        del lead
        # What is brought is no event. A place for its job may come free by many, but not by the steps of others' tasks.
        with self._db.subscribe(PATIENT_S, hears=lambda kind: not kind.startswith("task.")) as woken:
            while True:
                waiting = await self._db.read(uploads.readable)
                read = [await self._read(upload) for upload in waiting]
                await woken.wait(_LOOK_S if all(read) else _AGAIN_S)

    async def _read(self, upload: Upload) -> bool:
        """Whether it is dealt with; not where the store or the database is away for now."""
        try:
            ended = await uploads.read_in(self._db, self._storage, upload)
        except VidComputeError as error:
            log.warning("upload_not_read", upload_id=upload.id, code=error.code, detail=error.detail)
            return error.kind is Kind.CONFLICT  # another one reads it
        except Exception:  # a fault of ours, over what this one's job was to be, say: the others are to be read
            log.exception("upload_not_read", upload_id=upload.id)
            return True
        log.info("upload_read", upload_id=ended.id, status=ended.status, size_bytes=ended.size_bytes)
        return True
