"""Errors that carry a kind and a stable code; the edges translate them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What sort of failure it is: decides the HTTP status, the exit code and whether a retry can help."""

    INVALID = "invalid"  # the request is wrong
    REFUSED = "refused"  # the media, or a provider, says no: trying again does not help
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"  # down for now: trying again may help
    CANCELLED = "cancelled"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether the same work may succeed when it is tried again."""
        return self in _RETRYABLE


_RETRYABLE = frozenset({Kind.RATE_LIMITED, Kind.TIMEOUT, Kind.UNAVAILABLE, Kind.INTERNAL})


@dataclass(frozen=True)
class FieldProblem:
    """One wrong field: `pointer` is a JSON pointer (RFC 6901) into the request body."""

    pointer: str
    detail: str
    code: str = "invalid_value"


class VidComputeError(Exception):
    """An expected failure: `code` is stable and documented, `detail` says what to do in plain words."""

    def __init__(
        self,
        kind: Kind,
        code: str,
        detail: str,
        *,
        problems: tuple[FieldProblem, ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.kind = kind
        self.code = code
        self.detail = detail
        self.problems = problems
        self.extra = dict(extra or {})

    @property
    def retry_after_s(self) -> float | None:
        """How long whoever was asked wants to be left alone; None where it didn't say."""
        return self.extra.get("retry_after_s")


def invalid(code: str, detail: str, *problems: FieldProblem) -> VidComputeError:
    """A request that can't be accepted as it is."""
    return VidComputeError(Kind.INVALID, code, detail, problems=problems)


def refused(code: str, detail: str) -> VidComputeError:
    """Media that is not, or can't be, processed: never retried."""
    return VidComputeError(Kind.REFUSED, code, detail)


def not_found(what: str, identifier: str) -> VidComputeError:
    """`what` with this identifier does not exist, or belongs to somebody else: both read alike."""
    return VidComputeError(Kind.NOT_FOUND, f"{what}_not_found", f"There is no {what.replace('_', ' ')} {identifier!r}.")
