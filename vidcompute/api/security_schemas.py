"""What the API sends and takes about the safety of an account, beyond its password: wire models."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr

from vidcompute.api.people_schemas import Name, Password, Secret
from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken

PASSKEY_ID = "pk_01kq3v8a4rj0t5w6x7y8z9abcn"
_ANSWER: dict[str, Any] = {"id": "abc", "rawId": "abc", "type": "public-key", "response": {"clientDataJSON": "e30"}}

Code = Annotated[SecretStr, Field(min_length=1, max_length=100)]


class SecondFactor(Sent):
    """Whether logging in takes a code beside the password."""

    on: bool
    since: Time | None
    recovery_codes: int
    """How many of them are left."""


class PasswordProof(Taken):
    """One's password, once more."""

    model_config = ConfigDict(json_schema_extra={"example": {"current_password": "correct horse battery"}})

    current_password: Password


class Enrolment(Sent):
    """What an authenticator app is given, shown this once."""

    secret: str
    """In base 32, for who types it."""
    uri: str
    """The same as an `otpauth://` URI."""
    qr_svg: str
    """The same as a picture to scan, in SVG."""


class AppCode(Taken):
    """A code that the app shows."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})

    code: Code


class RecoveryCodes(Sent):
    """Codes for who has lost the app, shown this once. Each is good once."""

    recovery_codes: list[str]


class SecondFactorEnd(Taken):
    """The password, and a code of the app or a recovery code."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"current_password": "correct horse battery", "code": "123456"}}
    )

    current_password: Password
    code: Code


class FinishingLogIn(Taken):
    """The ticket of a log-in that was begun by a password, and a code of the app or a recovery code."""

    model_config = ConfigDict(json_schema_extra={"example": {"ticket": "abc", "code": "123456", "kind": "app"}})

    ticket: Secret
    """What stands in the problem `second_factor_wanted`."""
    code: Code
    kind: Literal["browser", "app"] = "app"
    """A browser gets a cookie, an app gets tokens."""


class PasskeyOptions(Sent):
    """What a browser is to ask a device for.

    For `PublicKeyCredential.parseCreationOptionsFromJSON`, or `parseRequestOptionsFromJSON`.
    """

    options: dict[str, Any]


class NewPasskey(Taken):
    """What a device has made."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Phone", "credential": _ANSWER}})

    name: Name
    credential: dict[str, Any]
    """As `PublicKeyCredential.toJSON` has it."""


class Passkey(Sent):
    """A key on a device that opens the account."""

    id: str
    name: str
    created_at: Time
    used_at: Time | None
    """When it was last used; null where it never was."""


class PasskeyList(Sent):
    """One's passkeys, newest first."""

    items: list[Passkey]


class PasskeyName(Taken):
    """What a passkey is called."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Laptop"}})

    name: Name


class PasskeyLogIn(Taken):
    """What a device has answered."""

    model_config = ConfigDict(json_schema_extra={"example": {"credential": _ANSWER, "kind": "app"}})

    credential: dict[str, Any]
    """As `PublicKeyCredential.toJSON` has it."""
    kind: Literal["browser", "app"] = "app"
    """A browser gets a cookie, an app gets tokens."""
