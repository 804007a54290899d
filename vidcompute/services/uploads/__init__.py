"""Uploads: bytes that arrive, and what they become."""

from vidcompute.services.uploads.receiver import Received, Receiver, check_room, receiving, too_large
from vidcompute.services.uploads.service import Upload, store

__all__ = ["Received", "Receiver", "Upload", "check_room", "receiving", "store", "too_large"]
