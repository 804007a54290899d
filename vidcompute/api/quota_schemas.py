"""What the API sends and takes about limits and usage: wire models."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken
from vidcompute.services.quotas import Quota
from vidcompute.services.usage import UsageKind

Limit = Annotated[int, Field(ge=0, le=2**62)] | None


class QuotaView(Sent):
    """A limit, and where the organization stands: in bytes, jobs, minutes or requests, as its name says."""

    name: Quota
    limit: int | None
    """Null: there is none."""
    own: bool
    """Whether it was set for this organization; otherwise it holds for all that have none of their own."""
    used: int | float | None
    """Null for what is measured each time for itself: a single upload, the requests of a minute."""
    reserved: int | float | None
    """By uploads that are under way, and by jobs for what they have yet to encode."""
    left: int | float | None
    """Null where there is no limit."""
    free_at: Time | None
    """When what is used counts no more: of the minutes of a month, when the next one begins."""


class QuotaList(Sent):
    """All limits of an organization."""

    organization_id: str
    items: list[QuotaView]


class QuotaChanges(Taken):
    """Limits to be set: 0 for none, null for what holds for all; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"stored_bytes": 500_000_000_000, "jobs": 20}},
    )

    upload_bytes: Limit = None
    """Of one upload."""
    stored_bytes: Limit = None
    jobs: Limit = None
    """That have not ended."""
    encode_minutes: Limit = None
    """Of media that come out in a calendar month (UTC), all renditions added up."""
    requests_per_minute: Limit = None


class UsageItem(Sent):
    """How much of a kind was used on a day."""

    day: date
    """In UTC."""
    kind: UsageKind
    """With its unit at its end."""
    detail: str
    """The rendition that was encoded, or the model; empty otherwise."""
    amount: int


class UsageReport(Sent):
    """What was used on some days."""

    from_day: date
    to_day: date
    items: list[UsageItem]
    """By day, kind and detail."""
    totals: dict[str, int]
    """By kind; what is not there was not used."""
