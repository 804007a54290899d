"""What the API is given by the composition root: the platform's parts and the few settings that it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from vidcompute.api.delivery import Delivery
from vidcompute.db.engine import Database
from vidcompute.ports.executor import Executor
from vidcompute.ports.rates import Rates
from vidcompute.ports.storage import DirectUploads, ScannableStorage
from vidcompute.services.gauges import DispatchState
from vidcompute.services.jobs import Prelude
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.services.people import Policy, SignOn
from vidcompute.services.uploads import UploadPolicy

Check = Callable[[], Awaitable[str | None]]
"""A readiness check: what is wrong, in words, or None."""


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, how much of something an organization, or a person, may have, how long invitations are good.

    Deleted assets can be restored for `undo_s`.
    """

    max_upload_bytes: int = 64 * 2**30
    max_json_bytes: int = 4 * 2**20
    max_logo_bytes: int = 2**20
    max_text_track_bytes: int = 2 * 2**20
    max_text_tracks: int = 100
    max_api_keys: int = 200
    max_signing_keys: int = 100
    max_webhooks: int = 20
    max_invitations: int = 100
    max_organizations: int = 5
    max_passkeys: int = 20
    invitation_s: int = 7 * 24 * 3600
    undo_s: int = 7 * 24 * 3600


@dataclass(frozen=True)
class Build:
    """What is running: our version, the commit it was built from (empty where unknown), and ffmpeg's version."""

    version: str
    commit: str = ""
    ffmpeg: str = ""


@dataclass(frozen=True)
class Deps:
    """The parts of the platform as the handlers see them.

    `incoming` is the folder of forms under way; `uploading` names that of uploads that can be resumed. Both are on the
    file system of the storage where that is a folder. `base_url` begins every URL that is given out, with no slash at
    its end. `rates` count tries, `policy` says how people come in, `sign_on` at whose provider, if at any. `closing` is
    set when the server shuts down: streams of events then end. `checks` are asked by `/ready`, by name; `lesser_checks`
    are of what it can do without. `direct` gives the store that uploads go to in parts, where it is one;
    `dispatch_state` is asked by `/metrics`; `prelude` says what jobs begin with (left out, the dispatcher alone knows).
    """

    db: Database
    storage: ScannableStorage
    executor: Executor
    incoming: Path
    base_url: str
    rates: Rates
    policy: Policy = field(default_factory=Policy)
    sign_on: SignOn | None = None
    hub: ProgressHub = field(default_factory=ProgressHub)
    limits: Limits = field(default_factory=Limits)
    uploading: UploadPolicy = field(default_factory=UploadPolicy)
    build: Build = field(default_factory=lambda: Build("0"))
    cors_origins: tuple[str, ...] = ()
    delivery: Delivery = field(default_factory=Delivery)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    checks: Mapping[str, Check] = field(default_factory=dict)
    lesser_checks: Mapping[str, Check] = field(default_factory=dict)
    direct: Callable[[], DirectUploads | None] = lambda: None
    dispatch_state: Callable[[], Awaitable[DispatchState]] | None = None
    prelude: Prelude | None = None


def deps_of(request: Request) -> Deps:
    """The parts of the platform that a request came to."""
    return cast(Deps, request.app.state.deps)


Given = Annotated[Deps, Depends(deps_of)]
