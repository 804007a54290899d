"""What the API sends and takes about programs that ask to be let in: wire models."""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken

Code = Annotated[SecretStr, Field(min_length=1, max_length=40)]


class DeviceCode(Taken):
    """The code that a program shows."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "BCDF-GHJK"}})

    code: Code
    """In capitals or not, with its hyphen or without."""


class DeviceAnswer(Taken):
    """What a person says to a program that asks to be let in."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"code": "BCDF-GHJK", "allow": False}},
    )

    code: Code
    """In capitals or not, with its hyphen or without."""
    allow: bool
    """Whether it is let in, as oneself."""
    organization_id: Annotated[str, Field(max_length=100)] | None = None
    """One's organization in which it begins to work."""


class Device(Sent):
    """A program that asks to be let in."""

    agent: str
    """What it calls itself."""
    address: str
    """Where it asks from."""
    asked_at: Time
    expires_at: Time
