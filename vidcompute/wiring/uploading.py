"""How uploads that can be resumed are taken, by settings, and the bucket that they go to in parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_moving import MovingStorage
from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.ports.storage import DirectUploads
from vidcompute.services.uploads import UploadPolicy
from vidcompute.settings import Settings
from vidcompute.wiring.storage import place_of

if TYPE_CHECKING:
    from vidcompute.adapters.object_uploads import UploadsInParts

_FOLDER = ".uploads"


def policy(settings: Settings) -> UploadPolicy:
    """As the settings say. Their bytes come to the file system of the storage where that is a folder."""
    place = place_of(settings, None)
    folder = Path(place.folder) if place.folder is not None else settings.data_dir
    return UploadPolicy(
        folder=folder / _FOLDER,
        expiry_s=settings.upload_expiry_s,
        idle_s=settings.upload_idle_timeout_s,
        max_unfinished=settings.max_unfinished_uploads,
    )


class Bucket:
    """The bucket that objects are stored in now, for uploads in parts; all share its connections. Close it."""

    def __init__(self, storage: SwitchedStorage) -> None:
        self._storage = storage
        self._of: tuple[ObjectStorage, Mapping[str, str]] | None = None
        self._made: list[UploadsInParts] = []

    def __call__(self) -> DirectUploads | None:
        """It; None where objects are stored in no bucket, or no key to sign with is known of."""
        top = self._storage.current
        top = top.new if isinstance(top, MovingStorage) else top
        cache = top if isinstance(top, CachedStorage) else None
        remote = top if cache is None else cache.remote
        if not isinstance(remote, ObjectStorage):
            return None
        found = (remote, remote.credentials())
        if found != self._of:
            from vidcompute.adapters.object_uploads import UploadsInParts  # with an HTTP client, which few servers need

            self._of = found
            self._made.append(UploadsInParts(remote.place, found[1], cache))
        return self._made[-1] if self._made[-1].signs else None

    async def close(self) -> None:
        """End all connections."""
        for made in self._made:
            await made.close()
