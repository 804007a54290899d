"""A device that keeps passkeys, and the browser before it, as the WebAuthn specification has them: honest, or not."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, NEW_KEY = 0x01, 0x04, 0x40


def encoded(data: bytes) -> str:
    """Base64url without padding, as WebAuthn's JSON has bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """A device with one passkey. What the page, the host or the person is can be set to what they should not be."""

    origin: str = "https://video.test"
    host: str = "video.test"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    count: int = 0
    user: str = ""
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    name: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """A new passkey, as `navigator.credentials.create` gives it."""
        self.user = decoded(options["user"]["id"]).decode()
        own = bytes(16) + len(self.name).to_bytes(2, "big") + self.name + self._public_key()
        data = self._data(self.flags | NEW_KEY) + own
        # A map of three in CBOR: "fmt" is "none", "attStmt" an empty map, "authData" a string of bytes.
        attested = b"\xa3cfmtdnonegattStmt\xa0hauthData\x59" + len(data).to_bytes(2, "big") + data
        said = self._said("webauthn.create", options["challenge"])
        return self._credential({"clientDataJSON": encoded(said), "attestationObject": encoded(attested)})

    def sign(self, options: dict[str, Any], kind: str = "webauthn.get") -> dict[str, Any]:
        """An answer of the passkey, as `navigator.credentials.get` gives it."""
        self.count += self.counts
        data, said = self._data(self.flags), self._said(kind, options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ECDSA(SHA256()))
        parts = {"clientDataJSON": said, "authenticatorData": data, "signature": signature}
        parts["userHandle"] = self.user.encode()
        return self._credential({name: encoded(part) for name, part in parts.items()})

    def _said(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        """A map in CBOR, as COSE has keys: 1 (type) is 2, 3 (algorithm) is -7, -1 (curve) is 1, -2 is x, -3 is y."""
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        name = encoded(self.name)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
