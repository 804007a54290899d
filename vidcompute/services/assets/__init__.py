"""Assets and the sources they are made from."""

from vidcompute.services.assets.models import Asset, Removed, Source
from vidcompute.services.assets.queries import by_playback_id, get, get_source, list_assets
from vidcompute.services.assets.service import (
    Changes,
    add_source,
    change,
    create,
    delete,
    describe,
    mark_errored,
    mark_playable,
    mark_preparing,
    mark_ready,
    remove,
    use,
)

__all__ = [
    "Asset",
    "Changes",
    "Removed",
    "Source",
    "add_source",
    "by_playback_id",
    "change",
    "create",
    "delete",
    "describe",
    "get",
    "get_source",
    "list_assets",
    "mark_errored",
    "mark_playable",
    "mark_preparing",
    "mark_ready",
    "remove",
    "use",
]
