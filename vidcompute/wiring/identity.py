"""Who else knows people: an OpenID Connect provider, where settings name one; otherwise nothing of it is loaded."""

from typing import TYPE_CHECKING

from vidcompute.errors import invalid
from vidcompute.services.people import SignOn

if TYPE_CHECKING:
    from vidcompute.settings import Settings


def sign_on(settings: "Settings") -> SignOn | None:
    """None where no issuer is set; `settings_invalid` where what belongs to one is missing."""
    if settings.oidc_issuer is None:
        return None
    if not settings.oidc_client_id:
        raise invalid("settings_invalid", "oidc_issuer needs oidc_client_id: what the provider knows this server by.")
    if not settings.oidc_issuer.startswith("https://") and not settings.oidc_private_addresses:
        detail = "oidc_issuer must begin with https://, unless oidc_private_addresses lets it be on your own network."
        raise invalid("settings_invalid", detail)
    from vidcompute.adapters.identity_oidc import OidcClient, OidcProvider

    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
    client = OidcClient(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_algorithm)
    return SignOn(
        OidcProvider(client, allow_private_addresses=settings.oidc_private_addresses),
        settings.oidc_name,
        tuple(domain.lower() for domain in settings.oidc_domains),
        settings.oidc_registration,
    )
