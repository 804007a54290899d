"""What the API sends and takes about mails that people want, and about what is kept of them: wire models."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SecretStr

from vidcompute.api.times import Time
from vidcompute.api.wire import Sent, Taken
from vidcompute.services.telling import Choice


class MailKind(Sent):
    """A kind of mail, and how much of it one gets."""

    kind: str
    """The name of its template."""
    summary: str
    choice: Choice
    choices: list[Choice]
    """What one can choose; nothing where security needs the mail."""


class MailKindList(Sent):
    """Every kind of mail."""

    items: list[MailKind]


class MailChoices(Taken):
    """How much of which kinds of mail one wants; the others stay as they are."""

    model_config = ConfigDict(json_schema_extra={"example": {"choices": {"job_finished": "own", "job_failed": "all"}}})

    choices: Annotated[dict[str, Choice], Field(max_length=100)]


class Kept(Sent):
    """All that is kept about a person."""

    person_id: str
    exported_at: Time
    addresses: list[str]
    """Every e-mail address that the person is known to have had here."""
    kept: dict[str, list[dict[str, Any]]]
    """The rows of each table that tell of the person, by its name; without digests of secrets."""


class Erasure(Taken):
    """Whose account is to be erased: one's own address, typed once more, and one's password where one has one."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ann@example.com", "current_password": "correct horse battery"}}
    )

    email: Annotated[str, Field(min_length=3, max_length=320)]
    current_password: Annotated[SecretStr, Field(min_length=1, max_length=1000)] | None = None


class Whom(Taken):
    """A person, by the address of their account."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ann@example.com"}})

    email: Annotated[str, Field(min_length=3, max_length=320)]
