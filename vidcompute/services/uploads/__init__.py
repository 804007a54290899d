"""Uploads: bytes that arrive, and what they become."""

from vidcompute.services.uploads.direct import begin, finish, read_in, readable, stored, urls
from vidcompute.services.uploads.intake import Checksum, Intake, LineCutError, Piece, sweep
from vidcompute.services.uploads.models import Direct, NewUpload, Upload, UploadKind, UploadPolicy, UploadStatus
from vidcompute.services.uploads.moves import check_unfinished, digest_of
from vidcompute.services.uploads.queries import by_token, get, list_uploads, names_in_store
from vidcompute.services.uploads.receiver import Received, Receiver, check_room, receiving, too_large
from vidcompute.services.uploads.service import NewSource, store

__all__ = [
    "Checksum",
    "Direct",
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
    "begin",
    "by_token",
    "check_room",
    "check_unfinished",
    "digest_of",
    "finish",
    "get",
    "list_uploads",
    "names_in_store",
    "read_in",
    "readable",
    "receiving",
    "store",
    "stored",
    "sweep",
    "too_large",
    "urls",
]
