"""What all wire models share. Names say units; times of day are RFC 3339 in UTC, with milliseconds."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

JOB_ID = "job_01kq3v8a4rj0t5w6x7y8z9abcd"
ASSET_ID = "asset_01kq3v8a4rj0t5w6x7y8z9abce"
PLAYBACK_ID = "4rj0t5w6x7y8z9abcd0123ef"
BASE = "http://127.0.0.1:8550"


class Sent(BaseModel):
    """What the API sends."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class Taken(BaseModel):
    """What the API takes. What is not named is refused: nobody sets by chance what is not theirs to set."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Failure(Sent):
    """Why something failed."""

    code: str
    """A stable word for programs."""
    detail: str
    """What happened, in plain words."""


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


KEPT = Field(json_schema_extra=_without_default)
"""A field of a change: what is left out stays as it is, so no default is told."""
