"""Uploads: bytes that arrive, and what they become."""

from vidcompute.services.uploads.intake import Checksum, Intake, LineCutError, Piece, sweep
from vidcompute.services.uploads.models import NewUpload, Upload, UploadKind, UploadPolicy, UploadStatus
from vidcompute.services.uploads.moves import check_unfinished, digest_of
from vidcompute.services.uploads.queries import by_token, get, list_uploads
from vidcompute.services.uploads.receiver import Received, Receiver, check_room, receiving, too_large
from vidcompute.services.uploads.service import NewSource, store

__all__ = [
    "Checksum",
    "Intake",
    "LineCutError",
    "NewSource",
    "NewUpload",
    "Piece",
    "Received",
    "Receiver",
    "Upload",
    "UploadKind",
    "UploadPolicy",
    "UploadStatus",
    "by_token",
    "check_room",
    "check_unfinished",
    "digest_of",
    "get",
    "list_uploads",
    "receiving",
    "store",
    "sweep",
    "too_large",
]
