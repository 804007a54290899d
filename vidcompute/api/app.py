"""The application: every route, around them the middleware, and the follower that feeds the metrics."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from fastapi import APIRouter, Depends, FastAPI

from vidcompute.api import (
    account_pages,
    admission,
    assets,
    audit,
    browser_keys,
    dashboard,
    devices,
    direct_uploads,
    docs,
    events,
    feed,
    frames,
    gateway,
    health,
    idempotency,
    joblogs,
    jobs,
    keys,
    logos,
    mails,
    me,
    my_mails,
    nodes,
    oauth,
    one_time,
    openapi,
    organizations,
    passkeys,
    people,
    pictures,
    privacy,
    problems,
    quotas,
    retention,
    second_factor,
    sign_on,
    streams,
    submit,
    tracks,
    unsubscribing,
    uploads,
    watch,
    webhooks,
)
from vidcompute.api.auth import Uses, guard, unlisted
from vidcompute.api.cors import Cors
from vidcompute.api.delivered import Delivered
from vidcompute.api.deps import Build, Deps
from vidcompute.api.metrics import Metrics
from vidcompute.api.middleware import Around
from vidcompute.api.pace import Pace
from vidcompute.api.sampling import Meter
from vidcompute.api.tracing import Traced
from vidcompute.api.viewing import ExchangedError, Viewing, send_on
from vidcompute.services.idempotency import RepeatedError
from vidcompute.services.uploads import Intake

_GUARDED = (
    submit.router,
    uploads.router,
    direct_uploads.router,
    jobs.router,
    frames.router,
    events.router,
    joblogs.router,
    assets.router,
    tracks.router,
    admission.router,
    nodes.router,
    people.router,
    me.router,
    devices.router,
    my_mails.router,
    privacy.router,
    second_factor.router,
    passkeys.router,
    organizations.router,
    logos.router,
    keys.router,
    browser_keys.router,
    audit.router,
    quotas.router,
    retention.router,
    feed.router,
    webhooks.router,
    mails.router,
    health.router,
)
# Nobody is asked: a segment costs no look-up.
_PUBLIC = (streams.router, pictures.router, watch.router, admission.public_router, one_time.router)
_APART = (
    docs.router,
    dashboard.router,
    unsubscribing.router,
    account_pages.router,
    oauth.router,
    sign_on.router,
    gateway.router,
)  # no part of the API


class Application(FastAPI):
    """FastAPI with our OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi.document(self)
        return self.openapi_schema


def create_app(
    deps: Deps,
    routers: Iterable[APIRouter] = (),
    *,
    viewing: Viewing | None = None,
    metrics: Metrics | None = None,
    traced: Traced | None = None,
) -> "Application":
    """The application over these parts. `viewing` is what the public routes need; `routers` are further routes."""
    if missing := unlisted(_GUARDED):
        raise RuntimeError(f"services/accounts/access.py says for nobody that they may: {', '.join(missing)}")
    app = Application(
        title=openapi.TITLE,
        version=deps.build.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    furnish(app, deps, viewing=viewing, metrics=metrics, traced=traced)
    for router in _GUARDED:
        app.include_router(router, dependencies=[Depends(guard), Depends(idempotency.asked)])
    for router in (*_PUBLIC, *_APART, *routers):
        app.include_router(router)
    problems.install(app)
    app.add_exception_handler(ExchangedError, send_on)
    app.add_exception_handler(RepeatedError, idempotency.send_again)
    app.add_middleware(idempotency.Answers)
    if deps.cors_origins:
        app.add_middleware(Cors, origins=deps.cors_origins)
    app.add_middleware(Around)  # the last one added is the outermost
    return app


def furnish(
    app: Application,
    deps: Deps,
    *,
    viewing: Viewing | None = None,
    metrics: Metrics | None = None,
    traced: Traced | None = None,
) -> None:
    """Give an application the parts that it works with; others than before, where it had some."""
    kept = metrics or Metrics()
    kept.build.labels(deps.build.version, deps.build.ffmpeg).set(1)
    app.state.deps = deps
    app.state.viewing = viewing
    app.state.metrics = kept
    app.state.traced = traced
    app.state.meter = Meter(kept, deps)
    app.state.uses = Uses()
    app.state.pace = Pace(deps)
    app.state.delivered = Delivered(deps.db)
    app.state.intake = Intake(deps.db, deps.storage, deps.uploading, deps.direct, deps.prelude)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    started = asyncio.Event()
    beside = [
        asyncio.create_task(app.state.meter.follow(started), name="metrics"),
        asyncio.create_task(app.state.delivered.run(), name="delivered"),
    ]
    await started.wait()
    yield
    for task in beside:
        task.cancel()
    await app.state.uses.close()
    await asyncio.gather(*beside, return_exceptions=True)
    await app.state.delivered.write()


def describe(build: Build, routers: Iterable[APIRouter] = ()) -> dict[str, Any]:
    """The OpenAPI document of the application, made without a platform behind it."""
    nothing = cast(Any, None)
    parts = Deps(nothing, nothing, nothing, incoming=Path(), base_url="", rates=nothing, build=build)
    return create_app(parts, routers).openapi()
