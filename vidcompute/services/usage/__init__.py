"""What organizations use, by day: counted where it is used, read by whoever charges for it."""

from vidcompute.services.usage.models import UsageKind, UsageRow
from vidcompute.services.usage.queries import report
from vidcompute.services.usage.service import add, add_delivered, day_of, encoded_ms, meter_storage

__all__ = [
    "UsageKind",
    "UsageRow",
    "add",
    "add_delivered",
    "day_of",
    "encoded_ms",
    "meter_storage",
    "report",
]
