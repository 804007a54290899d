"""What the guard and the handlers are limited to, by settings."""

from typing import TYPE_CHECKING

from vidcompute.api.deps import Limits

if TYPE_CHECKING:
    from vidcompute.settings import Settings


def limits(settings: "Settings") -> Limits:
    """As the settings say."""
    return Limits(
        max_upload_bytes=settings.max_upload_bytes,
        max_json_bytes=settings.max_json_bytes,
        max_api_keys=settings.max_api_keys,
        max_webhooks=settings.max_webhooks,
    )
