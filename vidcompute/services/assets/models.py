"""What an asset and a source are to those who look at them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidcompute.pipeline.spec import PlaybackPolicy


@dataclass(frozen=True)
class Source:
    """The bytes that a user gave: `digest` is their tree digest, `name` what the user called the file."""

    id: str
    organization_id: str
    digest: str
    size_bytes: int
    storage_key: str
    name: str
    created_ms: int


@dataclass(frozen=True)
class Asset:
    """One video and everything derived from it. `facts` sums up what was probed; sizes are display pixels.

    It is deleted at `expires_ms`; since `deleted_ms` it is, and can be restored until `purge_ms`. Links to it that we
    signed up to `links_since_ms` open nothing. `poster_time_ms` is the moment that was chosen for its poster.
    """

    id: str
    organization_id: str
    status: str
    title: str | None
    passthrough: str | None
    metadata: Mapping[str, str]
    source_id: str | None
    job_id: str | None
    playback_id: str
    playback_policy: PlaybackPolicy
    password_digest: str | None
    facts: Mapping[str, Any] | None
    duration_ms: int | None
    width: int | None
    height: int | None
    frame_rate: float | None
    error_code: str | None
    error_detail: str | None
    created_ms: int
    updated_ms: int
    expires_ms: int | None
    deleted_ms: int | None
    purge_ms: int | None
    links_since_ms: int | None = None
    poster_time_ms: int | None = None


@dataclass(frozen=True)
class Removed:
    """What goes from storage with an asset: prefixes, and single keys, that nothing refers to afterwards.

    `logs` are those of them that are logs; `size_bytes` is what all the others hold, by their rows.
    """

    prefixes: tuple[str, ...]
    logs: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True)
class Belongings:
    """What an asset has that nothing else refers to: tasks with the keys of their artifacts, and its source."""

    task_ids: tuple[str, ...]
    content_keys: tuple[str, ...]
    source_id: str | None
    removed: Removed
