"""Housekeeping: objects in storage that nothing refers to any more, and rows whose objects are gone."""

from vidcompute.services.housekeeping.fsck import Examination, Fault, Found, examine
from vidcompute.services.housekeeping.queries import at_work, objects_named
from vidcompute.services.housekeeping.service import Collected, collect

__all__ = [
    "Collected",
    "Examination",
    "Fault",
    "Found",
    "at_work",
    "collect",
    "examine",
    "objects_named",
]
