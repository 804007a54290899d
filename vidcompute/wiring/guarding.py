"""What the guard and the handlers are limited to, by settings."""

from typing import TYPE_CHECKING

from vidcompute.api.deps import Limits
from vidcompute.ports.rates import Allowance
from vidcompute.services.people import Policy
from vidcompute.services.quotas import Quota

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_TEN_MINUTES_S = 600
_HOUR_S = 3600


def limits(settings: "Settings") -> Limits:
    """As the settings say."""
    return Limits(
        max_upload_bytes=settings.max_upload_bytes,
        max_json_bytes=settings.max_json_bytes,
        max_logo_bytes=settings.max_logo_bytes,
        max_text_track_bytes=settings.max_text_track_bytes,
        max_text_tracks=settings.max_text_tracks,
        max_api_keys=settings.max_api_keys,
        max_signing_keys=settings.max_signing_keys,
        max_webhooks=settings.max_webhooks,
        max_invitations=settings.max_invitations,
        max_organizations=settings.max_organizations,
        max_passkeys=settings.max_passkeys,
        invitation_s=settings.invitation_s,
        undo_s=settings.undo_s,
    )


def quotas(settings: "Settings") -> dict[Quota, int]:
    """What holds for organizations without limits of their own; 0 for no limit."""
    return {quota: getattr(settings, f"quota_{quota}") for quota in Quota}


def policy(settings: "Settings") -> Policy:
    """How people come in, as the settings say."""
    return Policy(
        registration=settings.registration,
        session_ms=settings.session_s * 1000,
        access_ms=settings.access_token_s * 1000,
        device_ms=settings.device_login_s * 1000,
        shortest_password=settings.shortest_password,
        attempts=_within(settings.login_attempts, _TEN_MINUTES_S),
        attempts_from=_within(settings.login_attempts_per_address, _TEN_MINUTES_S),
        mails=_within(settings.mail_requests, _HOUR_S),
        mails_from=_within(4 * settings.mail_requests, _HOUR_S),
    )


def _within(count: int, time_s: int) -> Allowance:
    return Allowance(count, count / time_s)
