"""How long things are kept: deletions that can be undone, what expires, and the clean-up."""

from vidcompute.services.retention.cleaning import Position, Work, clean, delete_for_good, look
from vidcompute.services.retention.models import Cleaned, Retention, Taken, What
from vidcompute.services.retention.queries import retention
from vidcompute.services.retention.running import Terms, clean_by_hand, clean_up, expire
from vidcompute.services.retention.service import change_retention, delete_asset, lose_source, restore

__all__ = [
    "Cleaned",
    "Position",
    "Retention",
    "Taken",
    "Terms",
    "What",
    "Work",
    "change_retention",
    "clean",
    "clean_by_hand",
    "clean_up",
    "delete_asset",
    "delete_for_good",
    "expire",
    "look",
    "lose_source",
    "restore",
    "retention",
]
