"""What the API sends and takes about programs that ask to be let in: wire models."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vidcompute.api.times import Time

Code = Annotated[SecretStr, Field(min_length=1, max_length=40)]


class DeviceCode(BaseModel):
    """The code that a program shows."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_extra={"example": {"code": "BCDF-GHJK"}}
    )

    code: Code
    """In capitals or not, with its hyphen or without."""


class DeviceAnswer(BaseModel):
    """What a person says to a program that asks to be let in."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"example": {"code": "BCDF-GHJK", "allow": False}},
    )

    code: Code
    """In capitals or not, with its hyphen or without."""
    allow: bool
    """Whether it is let in, as oneself."""
    organization_id: Annotated[str, Field(max_length=100)] | None = None
    """One's organization in which it begins to work."""


class Device(BaseModel):
    """A program that asks to be let in."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)

    agent: str
    """What it calls itself."""
    address: str
    """Where it asks from."""
    asked_at: Time
    expires_at: Time


TAKEN: tuple[type[BaseModel], ...] = (DeviceAnswer, DeviceCode)
"""Bodies that our handlers read themselves."""
