"""Starts writing a growing file to disk while it still grows, so that its last fsync finds little left to do."""

import ctypes
from functools import cache
from typing import Any

WINDOW_BYTES = 8 * 2**20

_WAIT_BEFORE, _WRITE, _WAIT_AFTER = 1, 2, 4  # SYNC_FILE_RANGE_…, sync_file_range(2)


@cache
def _sync_file_range() -> Any:
    """The C library's function; None where it has none (it is Linux's own, and Python does not wrap it)."""
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        function.restype = ctypes.c_int
    return function


class Writeback:
    """Keeps the bytes of one open file that are not on disk below two windows, whatever the file's size.

    It promises nothing: only fsync makes a file durable. Errors of the disk are left for that fsync to tell.
    """

    def __init__(self, descriptor: int, size_bytes: int = 0) -> None:
        self._descriptor = descriptor
        self._started_bytes = size_bytes
        self._from_bytes = size_bytes

    def written(self, size_bytes: int) -> None:
        """Tell that the file has `size_bytes` now. Waits, in the calling thread, while the disk is behind."""
        sync = _sync_file_range()
        while sync is not None and size_bytes - self._started_bytes >= WINDOW_BYTES:
            sync(self._descriptor, self._started_bytes, WINDOW_BYTES, _WRITE)
            before = self._started_bytes - WINDOW_BYTES
            if before >= self._from_bytes:
                sync(self._descriptor, before, WINDOW_BYTES, _WAIT_BEFORE | _WRITE | _WAIT_AFTER)
            self._started_bytes += WINDOW_BYTES
