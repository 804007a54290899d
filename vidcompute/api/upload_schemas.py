"""Uploads on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, model_validator

from vidcompute.api.times import Time
from vidcompute.api.wire import BASE, Failure, Sent, Taken
from vidcompute.pipeline.spec import JobOptions
from vidcompute.services import uploads
from vidcompute.services.uploads import UploadKind, UploadStatus

PATH = "/api/v1/uploads"
UPLOAD_ID = "up_01kq3v8a4rj0t5w6x7y8z9abch"


class DirectUpload(Sent):
    """How an upload goes straight to the store."""

    part_bytes: int
    """How many bytes each part has; the last one has the rest."""
    parts: int
    """How many there are, from number 1."""
    arrived: bool
    """Whether all of them are in the store. Then they are read, and the job begins."""


class Upload(Sent):
    """Bytes on their way in, and what they became."""

    id: str
    status: UploadStatus
    kind: UploadKind
    """Whether it is a file, a part of one, or was joined from parts."""
    name: str
    """What its sender calls the file."""
    size_bytes: int | None
    """How many bytes it will have; null while its sender has not said so."""
    offset_bytes: int
    """How many of them are here for good."""
    source_id: str | None
    """What it became."""
    job_id: str | None
    """The job that began with its last byte."""
    asset_id: str | None
    error: Failure | None
    """Why it failed."""
    created_at: Time
    expires_at: Time
    """When it ends, if it is not complete by then."""
    ended_at: Time | None
    direct: DirectUpload | None
    """How its bytes go straight to the store; null where they come through the server."""
    url: str
    """Where its bytes go: in pieces as TUS 1.0.0 says, or whole by PUT."""
    one_time_url: str | None
    """The same for a sender without a key. It is told once, when it is made."""


class UploadPage(Sent):
    """Some uploads, newest first."""

    items: list[Upload]
    next_cursor: str | None
    """Give it as `cursor` for what follows; null at the end."""


class OneTimeAddress(Taken):
    """Who may use the address that needs no key, and for how long."""

    origin: Annotated[AnyHttpUrl, Field(max_length=300)] | None = None
    """The origin whose pages may use it, such as `https://app.example`; any sender may when left out."""
    expires_s: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] = 3600
    """Seconds until it is worth nothing, complete or not."""


def _default_job() -> JobOptions | None:
    return JobOptions()


class UploadRequest(Taken):
    """An upload that is to come."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "holiday.mov",
                "max_bytes": 5_000_000_000,
                "job": {"priority": "high"},
                "one_time": {"origin": "https://app.example", "expires_s": 900},
            }
        },
    )

    name: Annotated[str, Field(max_length=500)] = ""
    """What the file is called."""
    size_bytes: Annotated[int, Field(ge=1, lt=2**62)] | None = None
    """How many bytes it has, where that is known."""
    max_bytes: Annotated[int, Field(ge=1, lt=2**62)] | None = None
    """How many it may have; the server's limit holds in any case."""
    job: JobOptions | None = Field(default_factory=_default_job)
    """The job that begins with the last byte. With null none does: give the source to a job later."""
    one_time: OneTimeAddress | None = None
    """Make an address that can be given to somebody without a key."""
    direct: bool = False
    """Bring its bytes straight to the store, in parts, each to an address of its own. It needs `size_bytes`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.direct and (self.one_time is not None or self.size_bytes is None):
            raise ValueError("direct needs size_bytes, and goes without one_time")
        return self


class PartsWanted(Taken):
    """Parts of an upload that are to be brought to the store."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"numbers": [1, 2]}},
    )

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1, max_length=1000)]
    """Their numbers, from 1."""


class PartAddress(Sent):
    """Where the bytes of one part go."""

    number: int
    url: str
    """Put them here, with nothing in the headers but their length."""


class PartAddresses(Sent):
    """Addresses for parts."""

    items: list[PartAddress]
    expires_at: Time
    """Until when they are good for anybody who has them."""


class StoredPart(BaseModel):
    """A part that is in the store."""

    number: int
    size_bytes: int


class StoredParts(BaseModel):
    """All parts that are in the store; none of an upload that has arrived."""

    items: list[StoredPart]


def view(upload: uploads.Upload, base_url: str, one_time_url: str | None = None) -> Upload:
    """An upload on the wire."""
    error = Failure(code=upload.error_code, detail=upload.error_detail or "") if upload.error_code else None
    return Upload(
        id=upload.id,
        status=UploadStatus(upload.status),
        kind=UploadKind(upload.kind),
        name=upload.name,
        size_bytes=upload.size_bytes,
        offset_bytes=upload.offset_bytes,
        source_id=upload.source_id,
        job_id=upload.job_id,
        asset_id=upload.asset_id,
        error=error,
        created_at=_when(upload.created_ms),
        expires_at=_when(upload.expires_ms),
        ended_at=None if upload.ended_ms is None else _when(upload.ended_ms),
        direct=_direct(upload),
        url=f"{base_url}{PATH}/{upload.id}",
        one_time_url=one_time_url,
    )


def _direct(upload: uploads.Upload) -> DirectUpload | None:
    direct = upload.straight
    if direct is None:
        return None
    parts = len(direct.sizes(upload.size_bytes or 0))
    return DirectUpload(part_bytes=direct.part_bytes, parts=parts, arrived=direct.arrived)


def _when(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    Upload: {
        "id": UPLOAD_ID,
        "status": "uploading",
        "kind": "whole",
        "name": "holiday.mov",
        "size_bytes": 20_000_000_000,
        "offset_bytes": 7_340_032,
        "source_id": None,
        "job_id": None,
        "asset_id": None,
        "error": None,
        "created_at": "2026-11-21T10:00:00.000Z",
        "expires_at": "2026-11-22T10:00:01.000Z",
        "ended_at": None,
        "direct": None,
        "url": f"{BASE}{PATH}/{UPLOAD_ID}",
        "one_time_url": None,
    }
}
