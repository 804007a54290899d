"""What is limited, and where an organization stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from vidcompute.errors import Kind, VidComputeError

NEAR = 0.8  # of a limit: so much of it is worth telling
_PER_MINUTE = 60_000


class Quota(StrEnum):
    """What an organization may have so much of."""

    UPLOAD_BYTES = "upload_bytes"  # of one upload
    STORED_BYTES = "stored_bytes"
    JOBS = "jobs"  # that have not ended
    ENCODE_MINUTES = "encode_minutes"  # of media that come out, all renditions added up, in a calendar month (UTC)
    REQUESTS_PER_MINUTE = "requests_per_minute"

    @property
    def scale(self) -> int:
        """How many of the units that are counted in make one that people are told of."""
        return _PER_MINUTE if self is Quota.ENCODE_MINUTES else 1


# Of these one has some; of the others each is measured for itself.
HELD = frozenset({Quota.STORED_BYTES, Quota.JOBS, Quota.ENCODE_MINUTES})

_MESSAGES = {
    Quota.UPLOAD_BYTES: (
        Kind.TOO_LARGE,
        "quota_upload_bytes",
        "One upload of this organization may have {limit} bytes.",
    ),
    Quota.STORED_BYTES: (
        Kind.FORBIDDEN,
        "quota_stored_bytes",
        "This organization may store {limit} bytes, of which {left} are left: delete what is not needed any more.",
    ),
    Quota.JOBS: (
        Kind.CONFLICT,
        "quota_jobs",
        "This organization may have {limit} jobs at a time, and has {used}: try again when one of them has ended.",
    ),
    Quota.ENCODE_MINUTES: (
        Kind.FORBIDDEN,
        "quota_encode_minutes",
        "This organization may encode {limit} minutes a month, of which {left} are left until {free_at}.",
    ),
    Quota.REQUESTS_PER_MINUTE: (
        Kind.RATE_LIMITED,
        "quota_requests",
        "This organization may make {limit} requests a minute: try again in {retry_after_s} s.",
    ),
}


@dataclass(frozen=True)
class Use:
    """How much there is of something: `limit` None is no limit.

    Counted in bytes, jobs, and (encoding) milliseconds. What is `reserved` is not used yet, and can't be had by others.
    """

    limit: int | None = None
    used: int = 0
    reserved: int = 0
    own: bool = False  # the limit was set for this organization

    @property
    def left(self) -> int | None:
        """How much more there may be."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)


@dataclass(frozen=True)
class Standing:
    """Where an organization stands at an instant."""

    at_ms: int
    uses: Mapping[Quota, Use] = field(default_factory=dict)

    def limit(self, quota: Quota) -> int | None:
        """The limit, as it is counted in; None where there is none."""
        return self.uses[quota].limit

    def check(self, quota: Quota, more: int) -> None:
        """Raise the refusal where there can't be so much more of it; with 0, where there is too much already."""
        use = self.uses[quota]
        if use.limit is None or use.used + use.reserved + more <= use.limit:
            return
        wanted = {"wanted": shown(quota, more)} if more else {}
        raise refusal(quota, use, **wanted, **_free_at(quota, self.at_ms))

    def is_near(self, quota: Quota, more: int) -> bool:
        """Whether, with so much more, most of it is used up."""
        use = self.uses[quota]
        return quota in HELD and use.limit is not None and use.used + use.reserved + more >= NEAR * use.limit


def shown(quota: Quota, amount: int) -> int | float:
    """An amount as people are told of it: whole, but for minutes."""
    if quota.scale == 1:
        return amount
    minutes = round(amount / quota.scale, 2)
    return int(minutes) if minutes == int(minutes) else minutes


def refusal(quota: Quota, use: Use, **more: Any) -> VidComputeError:
    """The error that says which limit there is, how much is used, how much is left, and when there is more."""
    kind, code, text = _MESSAGES[quota]
    told = {
        "quota": quota.value,
        "limit": shown(quota, use.limit or 0),
        "used": shown(quota, use.used),
        "reserved": shown(quota, use.reserved),
        "left": shown(quota, use.left or 0),
        **more,
    }
    return VidComputeError(kind, code, text.format(**told), extra=told)


def month_of(at_ms: int) -> str:
    """The calendar month (UTC), such as 2026-11."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")


def next_month(at_ms: int) -> datetime:
    """When the next calendar month begins."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def _free_at(quota: Quota, at_ms: int) -> dict[str, str]:
    if quota is not Quota.ENCODE_MINUTES:
        return {}
    return {"free_at": next_month(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
