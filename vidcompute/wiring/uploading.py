"""How uploads that can be resumed are taken, by settings."""

from pathlib import Path

from vidcompute.adapters.storage_object import ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.ports.storage import DirectUploads
from vidcompute.services.uploads import UploadPolicy
from vidcompute.settings import Settings
from vidcompute.wiring.storage import place_of

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


def direct(storage: SwitchedStorage) -> DirectUploads | None:
    """The bucket that objects are stored in now, for senders who bring parts there; None where there is none."""
    for part in storage.parts():
        if isinstance(part, ObjectStorage):
            from vidcompute.adapters.object_uploads import UploadsInParts  # with an HTTP client, which few servers need

            bucket = UploadsInParts(part.place, part.credentials())
            return bucket if bucket.signs else None
    return None
