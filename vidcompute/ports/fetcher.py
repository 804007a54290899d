"""What downloads a video from a URL that a user gave: vetted addresses, limits, progress, a digest on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here, and with the bytes in all where the server says so."""

CheckHead = Callable[[bytes], None]
"""Called once with the first bytes (HEAD_BYTES, or the whole of a shorter file); raises to refuse the rest."""

HEAD_BYTES = 8192


@dataclass(frozen=True)
class FetchLimits:
    """How much and how long: sizes in bytes, times in seconds.

    Fewer than `least_bytes` in any `slow_s` seconds is too slow. `resumes` counts the cut lines that one fetch bears.
    """

    max_bytes: int = 64 * 2**30
    total_s: float = 6 * 3600.0
    connect_s: float = 15.0
    idle_s: float = 30.0
    slow_s: float = 60.0
    least_bytes: int = 64 * 1024
    max_redirects: int = 5
    resumes: int = 5


@dataclass(frozen=True)
class Fetched:
    """What came: its tree digest (64 hexadecimal digits), its size, and a name for people to read, never a path."""

    digest: str
    size_bytes: int
    name: str


class Fetcher(Protocol):
    """Downloads one URL into one file, blocking.

    Stable error codes, retryable: `url_unreachable` (no answer, cut lines, status 5xx), `url_timeout`,
    `storage_full`. Final: `url_scheme`, `url_invalid`, `url_address_refused`, `url_host_unknown`, `url_not_found`
    (404, 410), `url_forbidden` (401, 403), `url_status` (others), `url_redirects`, `url_too_large`, `url_encoded`,
    `url_tls`.
    """

    def fetch(
        self, url: str, destination: Path, *, progress: Progress | None = None, check_head: CheckHead | None = None
    ) -> Fetched:
        """Write what the URL gives to `destination`, which is overwritten; no file is promised after an error."""
        ...
