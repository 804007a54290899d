"""Signed URLs: as Amazon's own example has it, and by a key that is read from a service account's file."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from vidcompute.adapters.object_signing import address_of, signer_of
from vidcompute.adapters.signed_urls import Address, AmazonSigner, google_signer, presigned
from vidcompute.adapters.storage_object import ObjectPlace

AT = datetime(2013, 5, 24, tzinfo=UTC)


def test_it_is_as_in_amazons_example() -> None:
    """Of its documentation: authenticating requests by query parameters."""
    signer = AmazonSigner("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    address = Address("https://examplebucket.s3.amazonaws.com", "examplebucket", in_host=True)
    url = presigned("GET", address, "test.txt", signer, 86400, query={}, at=AT)
    signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert parse_qs(urlsplit(url).query)["X-Amz-Signature"] == [signature]


def test_a_lent_key_says_so() -> None:
    signer = AmazonSigner("A", "B", "us-east-1", "lent")
    assert "X-Amz-Security-Token=lent" in presigned("GET", Address("https://s3", "b"), "k", signer, 60, query={})


def test_what_an_account_signs_its_public_key_confirms(tmp_path: Path) -> None:
    private, public, text = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "text"
    options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private)]
    subprocess.run(["openssl", "genpkey", *options], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    account = tmp_path / "account.json"
    account.write_text(json.dumps({"client_email": "a@b", "private_key": private.read_text()}))
    signer = google_signer(account)
    assert signer is not None
    assert signer.name == "a@b"
    text.write_bytes(b"text")
    (tmp_path / "signature").write_bytes(bytes.fromhex(signer.sign(b"text", "20130524")))
    verify = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(tmp_path / "signature")]
    told = subprocess.run([*verify, str(text)], check=True, capture_output=True, text=True).stdout
    assert told.strip() == "Verified OK"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"private_key": "-----BEGIN", "client_email": "a@b"}', '{"private_key": 1}']
)
def test_a_file_without_a_key_signs_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(text)
    assert google_signer(file) is None
    assert signer_of(ObjectPlace("gs", "b", service_account=str(tmp_path / "none.json")), {}) is None


def test_the_address_is_the_endpoint_or_the_vendors_own() -> None:
    assert address_of(ObjectPlace("s3", "b", region="eu-1"), {}).endpoint == "https://s3.eu-1.amazonaws.com"
    assert address_of(ObjectPlace("s3", "b"), {"aws_region": "eu-2"}).endpoint == "https://s3.eu-2.amazonaws.com"
    assert address_of(ObjectPlace("gs", "b"), {}).endpoint == "https://storage.googleapis.com"
    own = ObjectPlace("s3", "b", endpoint="https://b.store", bucket_in_host=True)
    assert address_of(own, {}) == Address("https://b.store", "b", in_host=True)
    assert signer_of(ObjectPlace("s3", "b"), {}) is None
