"""What is asked of a device that keeps passkeys (WebAuthn), and what its answers are worth.

A device signs which page has asked it: an answer that another site got is good for that site alone. Whose key it is, it
must have found out itself, by a finger, a face or a number (user verification), so that a passkey is two factors.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from vidcompute.errors import Kind, VidComputeError
from vidcompute.services.people.models import Person

_NAME = "VidCompute"
_LONGEST_NAME = 1023  # bytes, as WebAuthn has it
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Site:
    """Whom passkeys are made for: the host of the public URL, and the origin of the pages that may ask for them."""

    host: str
    origin: str


@dataclass(frozen=True)
class Asked:
    """What a browser is told to ask the device, as WebAuthn writes it in JSON; and the challenge in it."""

    options: dict[str, Any]
    challenge: bytes = field(repr=False)


@dataclass(frozen=True)
class Credential:
    """A key that a device has made: the device's name for it and its public half (COSE), both in base64url.

    `sign_count` is how often the device says that it has signed; 0 from one that does not count.
    """

    credential: str
    public_key: str
    sign_count: int


def site_of(base_url: str) -> Site:
    """Whom passkeys are for at this public URL; `passkeys_unavailable` (conflict) where browsers make none.

    They want TLS and a host with a name; of this machine, `localhost` will do.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if not _is_name(host) or not (parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")):
        detail = "Passkeys need a public URL with https:// and a host name (setting base_url)."
        raise VidComputeError(Kind.CONFLICT, "passkeys_unavailable", detail)
    port = "" if parts.port in {None, _USUAL_PORTS[parts.scheme]} else f":{parts.port}"
    return Site(host, f"{parts.scheme}://{host}{port}")


def takes_passkeys(base_url: str) -> bool:
    """Whether browsers make passkeys for this public URL."""
    try:
        site_of(base_url)
    except VidComputeError:
        return False
    return True


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


def to_make(site: Site, person: Person, known: Iterable[str]) -> Asked:
    """Ask for a new passkey that finds its person by itself; not of a device that has one of `known`."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=site.host,
        rp_name=_NAME,
        user_id=person.id.encode(),
        user_name=person.email,
        user_display_name=person.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
    )
    return Asked(json.loads(options_to_json(options)), options.challenge)


def to_recognise(site: Site) -> Asked:
    """Ask for any passkey of ours: who it is of, its answer says."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    required = UserVerificationRequirement.REQUIRED
    options = generate_authentication_options(rp_id=site.host, user_verification=required)
    return Asked(json.loads(options_to_json(options)), options.challenge)


def challenge_in(answer: Mapping[str, Any]) -> bytes:
    """The challenge that an answer says it is to. `passkey_refused`."""
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    with _refusing():
        return parse_client_data_json(base64url_to_bytes(answer["response"]["clientDataJSON"])).challenge


def made(site: Site, answer: Mapping[str, Any], challenge: bytes) -> Credential:
    """The passkey that a device has made. `passkey_refused`."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url

    with _refusing():
        verified = verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
        if len(verified.credential_id) > _LONGEST_NAME:
            raise refused()
        key = bytes_to_base64url(verified.credential_public_key)
        return Credential(bytes_to_base64url(verified.credential_id), key, verified.sign_count)


def recognised(site: Site, answer: Mapping[str, Any], challenge: bytes, known: Credential, person_id: str) -> int:
    """What the passkey's device has counted by now: more than before, where it counts. `passkey_refused`."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes

    with _refusing():
        if base64url_to_bytes(answer["response"]["userHandle"]).decode() != person_id:
            raise refused()
        verified = verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
        return verified.new_sign_count


def refused() -> VidComputeError:
    """The error of an answer that is not good, whatever is wrong with it: strangers learn no more."""
    detail = "This passkey, or the device's answer, is not good here; begin again."
    return VidComputeError(Kind.FORBIDDEN, "passkey_refused", detail)


@contextmanager
def _refusing() -> Iterator[None]:
    """What strangers send goes through parsers of JSON, CBOR and keys: whatever they stumble over, it is refused."""
    try:
        yield
    except Exception as error:
        raise refused() from error
