"""Who signs URLs of a bucket, and how it is addressed: what the settings and the vendor's own variables say of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.adapters.signed_urls import Address, AmazonSigner, Signer, google_signer

if TYPE_CHECKING:
    from vidcompute.adapters.storage_object import ObjectPlace

_DEFAULT_REGION = "us-east-1"
_GOOGLE = "https://storage.googleapis.com"


def signer_of(place: "ObjectPlace", credentials: Mapping[str, str]) -> Signer | None:
    """Who signs, by obstore's names for credentials; None where there is no key here (a role's, for one)."""
    if place.vendor == "gs":
        names = ("google_service_account", "google_application_credentials")
        file = place.service_account or next((credentials[name] for name in names if credentials.get(name)), None)
        return google_signer(Path(file)) if file else None

    def said(name: str) -> str:
        return credentials.get(name) or credentials.get(f"aws_{name}") or ""

    if not said("secret_access_key"):
        return None
    region = _region(place, credentials)
    return AmazonSigner(said("access_key_id"), said("secret_access_key"), region, said("session_token"))


def address_of(place: "ObjectPlace", credentials: Mapping[str, str]) -> Address:
    """Where its requests go."""
    vendors = _GOOGLE if place.vendor == "gs" else f"https://s3.{_region(place, credentials)}.amazonaws.com"
    in_host = place.bucket_in_host and place.endpoint is not None
    return Address(place.endpoint or vendors, place.bucket, in_host=in_host)


def _region(place: "ObjectPlace", credentials: Mapping[str, str]) -> str:
    known = credentials.get("aws_region") or credentials.get("aws_default_region")
    return place.region or known or _DEFAULT_REGION
