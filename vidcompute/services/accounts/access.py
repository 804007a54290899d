"""Who may do what. Two tables decide: what each role may do, and what each operation of the API asks for.

An operation is named by its `operation_id`. One that stands in no row is open to nobody, and the server does not start
with it. The guard, the OpenAPI document and the tests read these tables and nothing else.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION


class Role(StrEnum):
    """What a member is in an organization; each may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Its place among them: 0 for the least."""
        return tuple(Role).index(self)


class Scope(StrEnum):
    """What an API key may be made for: to read, or to change, one kind of thing."""

    ASSETS_READ = "assets:read"
    ASSETS_WRITE = "assets:write"
    AUDIT_READ = "audit:read"
    EVENTS_READ = "events:read"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    MAILS_READ = "mails:read"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    NODES_READ = "nodes:read"
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    OWNERSHIP_WRITE = "ownership:write"
    PEOPLE_WRITE = "people:write"
    QUOTAS_READ = "quotas:read"
    QUOTAS_WRITE = "quotas:write"
    SIGNING_READ = "signing:read"
    SIGNING_WRITE = "signing:write"
    UPLOADS_READ = "uploads:read"
    UPLOADS_WRITE = "uploads:write"
    USAGE_READ = "usage:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


class Entry(StrEnum):
    """What an operation asks for that belongs to no scope."""

    PUBLIC = "public"  # nothing: whoever reaches the port may
    SIGNED_IN = "signed_in"  # to be somebody, by whatever key or session
    PERSON = "person"  # to be a person: no key will do


Rule = Scope | Entry
ALL = "*"  # in the row of a key: every scope that there is, and that there will be

_VIEWER = frozenset(
    {
        Scope.ASSETS_READ,
        Scope.EVENTS_READ,
        Scope.JOBS_READ,
        Scope.MEMBERS_READ,
        Scope.NODES_READ,
        Scope.ORGANIZATION_READ,
        Scope.UPLOADS_READ,
        Scope.USAGE_READ,
    }
)
_EDITOR = _VIEWER | {Scope.ASSETS_WRITE, Scope.JOBS_WRITE, Scope.UPLOADS_WRITE}
_ADMIN = _EDITOR | {
    Scope.AUDIT_READ,
    Scope.KEYS_READ,
    Scope.KEYS_WRITE,
    Scope.SIGNING_READ,
    Scope.SIGNING_WRITE,
    Scope.MAILS_READ,
    Scope.WEBHOOKS_READ,
    Scope.WEBHOOKS_WRITE,
    Scope.MEMBERS_WRITE,
    Scope.ORGANIZATION_WRITE,
}

ROLES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _ADMIN | {Scope.OWNERSHIP_WRITE},
}

# What concerns the whole installation is for those alone who run it: the local organization.
INSTALLATION: frozenset[Scope] = frozenset({Scope.PEOPLE_WRITE, Scope.QUOTAS_READ, Scope.QUOTAS_WRITE})

OPERATIONS: Mapping[str, Rule] = {
    # assets
    "list_assets": Scope.ASSETS_READ,
    "get_asset": Scope.ASSETS_READ,
    "list_outputs": Scope.ASSETS_READ,
    "update_asset": Scope.ASSETS_WRITE,
    "delete_asset": Scope.ASSETS_WRITE,
    "restore_asset": Scope.ASSETS_WRITE,
    # captions and subtitles
    "list_text_tracks": Scope.ASSETS_READ,
    "add_text_track": Scope.ASSETS_WRITE,
    "update_text_track": Scope.ASSETS_WRITE,
    "delete_text_track": Scope.ASSETS_WRITE,
    # how long things are kept
    "get_retention": Scope.ORGANIZATION_READ,
    "update_retention": Scope.ORGANIZATION_WRITE,
    "preview_cleanup": Scope.ASSETS_READ,
    "run_cleanup": Scope.ORGANIZATION_WRITE,
    # who may watch
    "sign_links": Scope.ASSETS_WRITE,
    "revoke_signed_links": Scope.ASSETS_WRITE,
    "list_signing_keys": Scope.SIGNING_READ,
    "create_signing_key": Scope.SIGNING_WRITE,
    "revoke_signing_key": Scope.SIGNING_WRITE,
    # audit log
    "list_audit_entries": Scope.AUDIT_READ,
    "export_audit_log": Scope.AUDIT_READ,
    # jobs
    "list_jobs": Scope.JOBS_READ,
    "get_job": Scope.JOBS_READ,
    "get_job_plan": Scope.JOBS_READ,
    "get_job_logs": Scope.JOBS_READ,
    "list_attempts": Scope.JOBS_READ,
    "follow_job": Scope.JOBS_READ,
    "download_frames": Scope.JOBS_READ,
    "submit_job": Scope.JOBS_WRITE,
    "cancel_job": Scope.JOBS_WRITE,
    "retry_job": Scope.JOBS_WRITE,
    "requeue_dead_jobs": Scope.JOBS_WRITE,
    # keys
    "list_keys": Scope.KEYS_READ,
    "get_key": Scope.KEYS_READ,
    "create_key": Scope.KEYS_WRITE,
    "create_browser_key": Scope.KEYS_WRITE,
    "rotate_key": Scope.KEYS_WRITE,
    "revoke_key": Scope.KEYS_WRITE,
    # uploads
    "list_uploads": Scope.UPLOADS_READ,
    "get_upload": Scope.UPLOADS_READ,
    "get_upload_offset": Scope.UPLOADS_WRITE,  # who sends asks where to go on
    "create_upload": Scope.UPLOADS_WRITE,
    "append_to_upload": Scope.UPLOADS_WRITE,
    "put_upload": Scope.UPLOADS_WRITE,
    "sign_upload_parts": Scope.UPLOADS_WRITE,
    "list_upload_parts": Scope.UPLOADS_READ,
    "complete_upload": Scope.UPLOADS_WRITE,
    "delete_upload": Scope.UPLOADS_WRITE,
    "override_upload_method": Scope.UPLOADS_WRITE,
    "get_upload_protocol": Entry.PUBLIC,
    # events and webhooks: of events, each sees those of what it may read
    "list_events": Scope.EVENTS_READ,
    "follow_events": Scope.EVENTS_READ,
    "list_event_types": Entry.SIGNED_IN,
    "list_webhooks": Scope.WEBHOOKS_READ,
    "get_webhook": Scope.WEBHOOKS_READ,
    "list_deliveries": Scope.WEBHOOKS_READ,
    "get_delivery": Scope.WEBHOOKS_READ,
    "create_webhook": Scope.WEBHOOKS_WRITE,
    "update_webhook": Scope.WEBHOOKS_WRITE,
    "delete_webhook": Scope.WEBHOOKS_WRITE,
    "show_webhook_secret": Scope.WEBHOOKS_WRITE,
    "rotate_webhook_secret": Scope.WEBHOOKS_WRITE,
    "ping_webhook": Scope.WEBHOOKS_WRITE,
    "replay_delivery": Scope.WEBHOOKS_WRITE,
    "replay_deliveries": Scope.WEBHOOKS_WRITE,
    "list_mails": Scope.MAILS_READ,
    # organizations and their members
    "get_organization": Scope.ORGANIZATION_READ,
    "update_organization": Scope.ORGANIZATION_WRITE,
    "get_logo": Scope.ORGANIZATION_READ,
    "put_logo": Scope.ORGANIZATION_WRITE,
    "delete_logo": Scope.ORGANIZATION_WRITE,
    "transfer_ownership": Scope.OWNERSHIP_WRITE,
    "list_members": Scope.MEMBERS_READ,
    "get_member": Scope.MEMBERS_READ,
    "set_member_role": Scope.MEMBERS_WRITE,
    "remove_member": Scope.MEMBERS_WRITE,
    "list_invitations": Scope.MEMBERS_READ,
    "create_invitation": Scope.MEMBERS_WRITE,
    "revoke_invitation": Scope.MEMBERS_WRITE,
    # limits, and what is used: of one's own organization, and of any
    "list_quotas": Scope.USAGE_READ,
    "list_usage": Scope.USAGE_READ,
    "list_quotas_of": Scope.QUOTAS_READ,
    "set_quotas_of": Scope.QUOTAS_WRITE,
    # a person's own account
    "get_me": Entry.PERSON,
    "update_me": Entry.PERSON,
    "change_password": Entry.PERSON,
    "change_email": Entry.PERSON,
    "confirm_email": Entry.PERSON,
    "list_sessions": Entry.PERSON,
    "end_session": Entry.PERSON,
    "end_other_sessions": Entry.PERSON,
    "log_out": Entry.PERSON,
    "view_device": Entry.PERSON,
    "answer_device": Entry.PERSON,
    "get_second_factor": Entry.PERSON,
    "begin_second_factor": Entry.PERSON,
    "confirm_second_factor": Entry.PERSON,
    "end_second_factor": Entry.PERSON,
    "list_passkeys": Entry.PERSON,
    "begin_passkey": Entry.PERSON,
    "add_passkey": Entry.PERSON,
    "rename_passkey": Entry.PERSON,
    "remove_passkey": Entry.PERSON,
    "list_organizations": Entry.PERSON,
    "create_organization": Entry.PERSON,
    "leave_organization": Entry.PERSON,
    "accept_invitation": Entry.PERSON,
    "get_mail_choices": Entry.PERSON,
    "choose_mails": Entry.PERSON,
    "export_me": Entry.PERSON,
    "erase_me": Entry.PERSON,
    # anybody's account, for who runs the installation
    "end_second_factor_of": Scope.PEOPLE_WRITE,
    "export_person": Scope.PEOPLE_WRITE,
    "erase_person": Scope.PEOPLE_WRITE,
    # how people come in
    "get_ways_in": Entry.PUBLIC,
    "register_person": Entry.PUBLIC,
    "verify_email": Entry.PUBLIC,
    "send_verification": Entry.PUBLIC,
    "log_in": Entry.PUBLIC,
    "finish_log_in": Entry.PUBLIC,
    "begin_passkey_log_in": Entry.PUBLIC,
    "log_in_by_passkey": Entry.PUBLIC,
    "refresh_tokens": Entry.PUBLIC,
    "forgot_password": Entry.PUBLIC,
    "reset_password": Entry.PUBLIC,
    "view_invitation": Entry.PUBLIC,
    # the platform
    "list_nodes": Scope.NODES_READ,
    "get_caller": Entry.SIGNED_IN,
    "get_version": Entry.SIGNED_IN,
    "list_states": Entry.SIGNED_IN,
    "get_health": Entry.PUBLIC,
    "get_readiness": Entry.PUBLIC,
    "get_metrics": Entry.PUBLIC,
    # one-time addresses: they hold a token
    "get_one_time_offset": Entry.PUBLIC,
    "append_one_time": Entry.PUBLIC,
    "begin_one_time": Entry.PUBLIC,
    "put_one_time": Entry.PUBLIC,
    "delete_one_time": Entry.PUBLIC,
    "get_one_time_protocol": Entry.PUBLIC,
    # streams, images and pages: their addresses hold a playback ID
    "get_hls_stream": Entry.PUBLIC,
    "get_dash_stream": Entry.PUBLIC,
    "get_mp4": Entry.PUBLIC,
    "get_m4a": Entry.PUBLIC,
    "get_manifest": Entry.PUBLIC,
    "get_media_playlist": Entry.PUBLIC,
    "get_iframe_playlist": Entry.PUBLIC,
    "get_segment": Entry.PUBLIC,
    "get_thumbnail": Entry.PUBLIC,
    "get_preview": Entry.PUBLIC,
    "get_storyboard_file": Entry.PUBLIC,
    "get_watch_page": Entry.PUBLIC,
    "get_embed_page": Entry.PUBLIC,
    "get_watch_state": Entry.PUBLIC,
    "follow_watch_state": Entry.PUBLIC,
    "get_oembed": Entry.PUBLIC,
    "unlock_playback": Entry.PUBLIC,
}


def scopes_of(role: Role, organization_id: str) -> frozenset[Scope]:
    """What a member with this role may do in this organization."""
    runs_it = role is Role.OWNER and organization_id == LOCAL_ORGANIZATION
    return ROLES[role] | INSTALLATION if runs_it else ROLES[role]


def scopes_of_key(words: Iterable[str], organization_id: str) -> frozenset[Scope]:
    """What a key with these words in its row may do; a word that no scope has any more opens nothing."""
    found = set(words)
    if ALL in found:
        return scopes_of(Role.OWNER, organization_id)
    return frozenset(scope for scope in Scope if scope.value in found)


def require(rule: Rule | None, scopes: frozenset[Scope], *, person: bool, lacks_second_factor: bool = False) -> None:
    """Let pass who may, else raise an error of kind forbidden.

    `scope_missing`, `person_required`, `operation_unlisted`; `second_factor_required` for who has no scope because the
    organization demands what they do not have.
    """
    if rule is Entry.PERSON and not person:
        detail = "This is for people: log in. A key can't do it."
        raise VidComputeError(Kind.FORBIDDEN, "person_required", detail)
    if isinstance(rule, Scope) and lacks_second_factor:
        detail = (
            "This organization demands a second factor of its members. Set up an authenticator app at "
            "/account/security, or by POST /api/v1/me/second-factor."
        )
        raise VidComputeError(Kind.FORBIDDEN, "second_factor_required", detail)
    if isinstance(rule, Scope) and rule not in scopes:
        detail = f"This needs the scope {rule.value}, which this key, or your role, does not have."
        raise VidComputeError(Kind.FORBIDDEN, "scope_missing", detail, extra={"scope": rule.value})
    if rule is None:
        raise VidComputeError(Kind.FORBIDDEN, "operation_unlisted", "This is open to nobody.")
