"""Whether it lives, whether it can work, what it is, and its metrics: open to everybody who can reach the port."""

import asyncio
from collections.abc import Mapping
from typing import Literal, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vidcompute.api import platform_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.declared import problems
from vidcompute.api.deps import Check, Deps, Given
from vidcompute.api.metrics import CONTENT_TYPE, Metrics
from vidcompute.api.sampling import Meter
from vidcompute.db import outbox
from vidcompute.services.states import MACHINES, Machine

router = APIRouter(tags=["platform"])

_CHECK_S = 5.0


@router.get("/health", operation_id="get_health", summary="Is it alive?")
async def health() -> schemas.Health:
    """The process answers. Nothing else is looked at."""
    return schemas.Health(status="ok")


@router.get(
    "/ready",
    operation_id="get_readiness",
    summary="Can it work?",
    response_class=Response,
    responses={
        200: {
            "model": schemas.Readiness,
            "description": "It can; `degraded`: without something that it can spare.",
        },
        503: {"model": schemas.Readiness, "description": "It can't; `checks` says why."},
    },
)
async def ready(deps: Given) -> Response:
    """Ask the database, the storage and the dispatcher, and what it can do without."""
    told = await _outcomes({"database": lambda: _database(deps), **deps.checks})
    if deps.closing.is_set():
        told["shutdown"] = "the server shuts down"
    lesser = await _outcomes(deps.lesser_checks)
    status: Literal["ready", "degraded", "unready"] = "ready"
    if any(outcome != "ok" for outcome in told.values()):
        status = "unready"
    elif any(outcome != "ok" for outcome in lesser.values()):
        status = "degraded"
    view = schemas.Readiness(status=status, checks=told | lesser)
    return JSONResponse(view.model_dump(mode="json"), 503 if status == "unready" else 200)


async def _outcomes(checks: Mapping[str, Check]) -> dict[str, str]:
    names, found = list(checks), await asyncio.gather(*(_outcome(check) for check in checks.values()))
    return dict(zip(names, found, strict=True))


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check() or "ok"
    except TimeoutError:
        return f"no answer within {_CHECK_S:.0f} s"
    except Exception as error:
        return f"{type(error).__name__}"


async def _database(deps: Deps) -> str | None:
    await deps.db.read(outbox.last_seq)
    return None


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics as Prometheus reads them.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
async def metrics(request: Request) -> Response:
    """Counters, gauges and histograms in the text format of Prometheus."""
    kept = cast(Metrics, request.app.state.metrics)
    await cast(Meter, request.app.state.meter).sample()
    return Response(kept.render(), media_type=CONTENT_TYPE)


@router.get("/api/v1/version", operation_id="get_version", summary="What is running?", responses=problems(401))
async def version(deps: Given, caller: Caller) -> schemas.Version:
    """The versions of the platform and of ffmpeg."""
    del caller
    return schemas.Version(version=deps.build.version, commit=deps.build.commit, ffmpeg=deps.build.ffmpeg)


@router.get("/api/v1/states", operation_id="list_states", summary="What do the states mean?", responses=problems(401))
async def states(caller: Caller) -> schemas.StateMachines:
    """The states of tasks, jobs and assets with their meanings, and the arrows between them: a legend."""
    del caller
    return schemas.StateMachines.model_validate(
        {"items": [{**vars(machine), "arrows": _arrows(machine)} for machine in MACHINES]}
    )


def _arrows(machine: Machine) -> list[dict[str, object]]:
    return [{**vars(arrow), "sources": sorted(arrow.sources)} for arrow in machine.transitions]
