"""What is counted of organizations."""

from dataclasses import dataclass
from enum import StrEnum


class UsageKind(StrEnum):
    """What is used, in the unit that its name ends in."""

    ENCODE_MS = "encode_ms"  # of media that came out, by rendition
    STORED_BYTE_HOURS = "stored_byte_hours"
    DELIVERED_BYTES = "delivered_bytes"  # by us: what a store or a CDN delivers is in their books
    MODEL_MS = "model_ms"  # of models at work, by model
    MODEL_TOKENS = "model_tokens"


@dataclass(frozen=True)
class UsageRow:
    """How much of a kind was used on a day (UTC, as 2026-11-21). `detail` is the rendition, or the model."""

    day: str
    kind: str
    detail: str
    amount: int
