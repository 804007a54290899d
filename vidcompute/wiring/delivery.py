"""Who delivers stored files, by settings."""

from typing import TYPE_CHECKING

from vidcompute.api.delivery import Delivery

if TYPE_CHECKING:
    from vidcompute.settings import Settings


def delivery(settings: "Settings") -> Delivery:
    """As the settings say; a folder is delivered by us in any case."""
    cdn_url = settings.cdn_url.rstrip("/") if settings.cdn_url else None
    return Delivery(settings.delivery == "redirect", settings.delivery_url_s, cdn_url)
