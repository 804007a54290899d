"""Housekeeping: objects in storage that nothing refers to any more."""

from vidcompute.services.housekeeping.queries import at_work_since, sources_named
from vidcompute.services.housekeeping.service import Collected, collect

__all__ = ["Collected", "at_work_since", "collect", "sources_named"]
