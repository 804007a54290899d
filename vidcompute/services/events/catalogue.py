"""Every type of event, declared once: what it tells of, and what its data are.

What emits an event names a type of this list; a test holds both to each other, and every event of the other tests to
the data declared here. Webhooks, streams of events, brokers and the API's document follow it.

A field may be added to the data of a type. What readers rely on is not changed: a type that must change gets the next
`version`, and its number stands in every event.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from vidcompute.errors import invalid
from vidcompute.services.accounts import Scope
from vidcompute.services.states import MACHINES, AssetStatus, JobStatus, TaskStatus


class Data(BaseModel):
    """What an event says."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AssetCreatedData(Data):
    """A new asset."""

    asset_id: str
    status: AssetStatus


class AssetUpdatedData(Data):
    """Which of its fields a user changed."""

    asset_id: str
    fields: list[str]


class AssetStateData(Data):
    """Where an asset stands now."""

    asset_id: str
    playback_id: str
    job_id: str | None
    status: AssetStatus
    error_code: str | None = None
    error_detail: str | None = None


class AssetDeletedData(Data):
    """What was deleted with it, why, and until when it can be restored."""

    asset_id: str
    job_ids: list[str]
    reason: Literal["asked", "expired"] | None = None
    restorable_until_ms: int | None = None
    """In Unix milliseconds."""


class AssetRestoredData(Data):
    """An asset that was deleted and is there again."""

    asset_id: str


class AssetPurgedData(Data):
    """What went with it."""

    asset_id: str
    job_ids: list[str]


class AssetReducedData(Data):
    """What of an asset was not kept any longer; `outputs` are its names in the plan, such as "frames/1"."""

    asset_id: str
    what: Literal["source", "frames"]
    outputs: list[str]


class CleanupData(Data):
    """What a clean-up took, of all organizations or by hand of one: how many of each, and how much room that made."""

    expired: int
    """Assets whose time was over; they can be restored for a while."""
    purged: int
    """Assets that are gone for good."""
    sources: int
    frames: int
    logs: int
    freed_bytes: int
    duration_ms: int
    error_code: str | None = None
    error_detail: str | None = None


class TrackData(Data):
    """A rendition or a sound of which every segment is made, or a text; `track` is its name in the playlists."""

    asset_id: str
    job_id: str | None
    """The job that made it; none of a text that somebody brought."""
    track: str
    kind: Literal["video", "audio", "text"]
    language: str | None = None
    """Of a text, as BCP 47 has it."""
    name: str | None = None
    """Of a text: what viewers choose it by."""


class JobStateData(Data):
    """Where a job stands now; `duration_ms` is there when it has ended, the error when it failed."""

    job_id: str
    asset_id: str
    kind: str
    status: JobStatus
    duration_ms: int | None = None
    error_kind: str | None = None
    error_code: str | None = None
    error_detail: str | None = None


class JobPlannedData(Data):
    """The stages of its plan, in order, and how many tasks they have."""

    job_id: str
    asset_id: str
    stages: list[str]
    tasks: int


class JobReplannedData(Data):
    """Why it was planned again."""

    job_id: str
    asset_id: str
    reason: str


class TaskStateData(Data):
    """Where a task stands now. `attempt` is the number of its newest attempt; the rest depends on the state."""

    task_id: str
    stage: str
    label: str
    """Its place in the plan, such as "encode/3"."""
    status: TaskStatus
    attempt: int | None = None
    attempt_id: str | None = None
    node: str | None = None
    ready_ms: int | None = None
    """Since when it might have run, in Unix milliseconds."""
    duration_ms: int | None = None
    reason: str | None = None
    """Why it is to be tried again: postpone, lose, hand_back."""
    wait_ms: int | None = None
    """How long it waits before that."""
    outcome: str | None = None
    error_code: str | None = None
    error_detail: str | None = None


class WebhookData(Data):
    """An endpoint; `fields` are those that were changed, `reason` is why the platform switched it off."""

    webhook_id: str
    url: str
    fields: list[str] | None = None
    reason: str | None = None


class KeyData(Data):
    """An API key, by what people know of it."""

    key_id: str
    name: str
    prefix: str
    scopes: list[str]
    replaces: str | None
    """The key that it takes the place of."""


class KeyRotatedData(Data):
    """When a key ends that another one has replaced, in Unix milliseconds."""

    key_id: str
    expires_ms: int


class KeyRevokedData(Data):
    """A key that opens nothing any more."""

    key_id: str
    name: str


class SigningKeyData(Data):
    """A key that links to private videos are signed with."""

    signing_key_id: str
    name: str


class UploadData(Data):
    """Where an upload stands now; what it became is there when it is complete, the error's code when it failed."""

    upload_id: str
    status: Literal["uploading", "completed", "expired", "cancelled", "failed"]
    kind: Literal["whole", "partial", "final"]
    name: str
    size_bytes: int | None = None
    source_id: str | None = None
    job_id: str | None = None
    asset_id: str | None = None
    error_code: str | None = None


class OrganizationData(Data):
    """A new organization."""

    name: str
    slug: str | None = None


class OrganizationChangedData(Data):
    """Which of its fields were changed."""

    fields: list[str]


class MemberData(Data):
    """A member, and what they are now, or were."""

    person_id: str
    email: str
    role: str


class InvitationData(Data):
    """Who is invited, and as what."""

    invitation_id: str
    email: str
    role: str


class QuotaChangedData(Data):
    """The limits that were set, by name: 0 is none, null what holds for all."""

    limits: dict[str, int | None]


class QuotaNearData(Data):
    """A limit, and how much is used and reserved; told once for each limit and period (a month)."""

    quota: str
    limit: float
    used: float
    period: str


class PingData(Data):
    """A test that was asked for: nothing has happened."""

    webhook_id: str


@dataclass(frozen=True)
class EventType:
    """One type of event: `name` is "<subject>.<what happened>", `summary` what it tells, for people."""

    name: str
    summary: str
    data: type[Data]
    version: int = 1

    @property
    def subject(self) -> str:
        """The kind of thing that it tells of."""
        return self.name.partition(".")[0]

    @property
    def scope(self) -> Scope:
        """What one must be allowed to read, to hear of it."""
        return _SCOPES.get(self.subject) or Scope(f"{self.subject}s:read")


# Of subjects that are no scope's own; of all others it is their plural.
_SCOPES: Mapping[str, Scope] = {
    "task": Scope.JOBS_READ,
    "track": Scope.ASSETS_READ,
    "signing_key": Scope.SIGNING_READ,
    "organization": Scope.ORGANIZATION_READ,
    "invitation": Scope.MEMBERS_READ,
    "cleanup": Scope.ORGANIZATION_READ,
    "quota": Scope.USAGE_READ,
}
_DATA: dict[str, type[Data]] = {"task": TaskStateData, "job": JobStateData, "asset": AssetStateData}


def _moves() -> Iterable[EventType]:
    """The arrows of the state machines; several may be told of in the same words."""
    for machine in MACHINES:
        for arrow in machine.transitions:
            where = machine.states[arrow.target]
            yield EventType(arrow.event, f"The {machine.name} is {arrow.target}. {where}", _DATA[machine.name])


PING = EventType("webhook.ping", "A test of an endpoint, sent to it alone.", PingData)

_DECLARED = (
    EventType("asset.created", "There is a new asset.", AssetCreatedData),
    EventType("asset.updated", "A user changed an asset's title, passthrough text or metadata.", AssetUpdatedData),
    EventType("asset.deleted", "An asset is deleted, and can be restored for a while.", AssetDeletedData),
    EventType("asset.restored", "A deleted asset is there again.", AssetRestoredData),
    EventType("asset.purged", "A deleted asset is gone for good, with everything derived from it.", AssetPurgedData),
    EventType("asset.reduced", "An asset's source, or frames, were not kept any longer.", AssetReducedData),
    EventType("cleanup.done", "Everything that is not kept any longer was removed.", CleanupData),
    EventType("cleanup.failed", "A clean-up failed, and goes on with the next one.", CleanupData),
    # The second version: the job may be none.
    EventType("track.ready", "A rendition or a sound is made, all of it, or a text was brought.", TrackData, 2),
    EventType("track.updated", "A text of an asset has another language, name or kind, or other flags.", TrackData),
    EventType("track.deleted", "A text of an asset is gone.", TrackData),
    EventType("job.created", "There is a new job.", JobStateData),
    EventType("job.planned", "What a job does is decided.", JobPlannedData),
    EventType("job.replanned", "Hardware failed, and the job goes on in software.", JobReplannedData),
    EventType("key.created", "There is a new API key.", KeyData),
    EventType("key.rotated", "An API key was replaced, and goes on for a while.", KeyRotatedData),
    EventType("key.revoked", "An API key opens nothing any more.", KeyRevokedData),
    EventType("signing_key.created", "There is a new signing key: what it signs opens private videos.", SigningKeyData),
    EventType("signing_key.revoked", "What a signing key signed opens nothing any more.", SigningKeyData),
    EventType("upload.created", "An upload may begin.", UploadData),
    EventType("upload.completed", "All bytes of an upload are here, and its job has begun.", UploadData),
    EventType("upload.expired", "An upload was not complete in time, and nothing of it is kept.", UploadData),
    EventType("upload.cancelled", "An upload was given up, and nothing of it is kept.", UploadData),
    EventType("upload.failed", "An upload's bytes were refused, and nothing of it is kept.", UploadData),
    EventType("organization.created", "There is a new organization.", OrganizationData),
    EventType("organization.updated", "The organization's name or slug was changed.", OrganizationChangedData),
    EventType("member.joined", "A person is a member from now on.", MemberData),
    EventType("member.changed", "A member has another role.", MemberData),
    EventType("member.left", "A person is a member no more.", MemberData),
    EventType("invitation.created", "Somebody is invited.", InvitationData),
    EventType("invitation.revoked", "An invitation was taken back.", InvitationData),
    EventType("quota.changed", "Limits of the organization were set.", QuotaChangedData),
    EventType("quota.near", "Most of what a limit allows is used up.", QuotaNearData),
    EventType("webhook.created", "There is a new webhook.", WebhookData),
    EventType("webhook.updated", "A webhook was changed, or its secret rotated.", WebhookData),
    EventType("webhook.deleted", "A webhook is gone.", WebhookData),
    EventType("webhook.disabled", "A webhook was switched off by the platform: its receiver fails.", WebhookData),
    *_moves(),
)

CATALOGUE: dict[str, EventType] = {event.name: event for event in sorted(_DECLARED, key=lambda event: event.name)}
"""Every type that may be emitted, by name."""

EVERYTHING = "*"
# The steps of single tasks are many, and few care: who wants them names them.
USUAL: tuple[str, ...] = (
    *(f"{subject}.*" for subject in sorted({event.subject for event in CATALOGUE.values()} - {"task"})),
    "task.dead",
)
"""The patterns of who does not choose."""


def is_pattern(text: str) -> bool:
    """Whether it names types of the catalogue: one of them ("job.done"), those of a subject ("job.*"), or all ("*")."""
    return bool(names_of([text]))


def names_of(patterns: Iterable[str]) -> frozenset[str]:
    """The types that patterns name."""
    chosen = set(patterns)
    return frozenset(name for name, event in CATALOGUE.items() if chosen & {name, f"{event.subject}.*", EVERYTHING})


def heard_by(scopes: Collection[Scope]) -> frozenset[str]:
    """The types of events that tell of what these scopes may read."""
    return frozenset(name for name, event in CATALOGUE.items() if event.scope in scopes)


def parse_patterns(patterns: Iterable[str]) -> frozenset[str]:
    """The types that a user's patterns name; `event_type_unknown` (invalid) for one that names none."""
    for pattern in patterns:
        if not is_pattern(pattern):
            detail = f"There is no type of event {pattern[:80]!r}; `GET /api/v1/event-types` lists them."
            raise invalid("event_type_unknown", detail)
    return names_of(patterns)
