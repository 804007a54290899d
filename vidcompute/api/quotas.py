"""Limits, and what is used: of one's own organization, and for those who run the installation of any."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Query
from starlette.requests import Request

from vidcompute.api import quota_schemas as schemas
from vidcompute.api.auth import Caller
from vidcompute.api.body import Json
from vidcompute.api.declared import OrganizationId, problems
from vidcompute.api.deps import Given
from vidcompute.api.pace import Pace
from vidcompute.errors import FieldProblem, invalid
from vidcompute.services import quotas, usage
from vidcompute.services.quotas import HELD, Quota, Standing, Use, next_month, shown
from vidcompute.services.usage import UsageKind

router = APIRouter(prefix="/api/v1", tags=["usage"])

_LONGEST = timedelta(days=366)


@router.get("/quotas", operation_id="list_quotas", summary="List limits", responses=problems(401, 404))
async def list_quotas(caller: Caller, deps: Given) -> schemas.QuotaList:
    """The organization's limits, and how much of each is left."""
    return _view(caller.organization_id, await deps.db.read(quotas.show, caller.organization_id))


@router.get(
    "/organizations/{organization_id}/quotas",
    operation_id="list_quotas_of",
    summary="List an organization's limits",
    responses=problems(401, 404),
)
async def list_quotas_of(organization_id: OrganizationId, deps: Given) -> schemas.QuotaList:
    """The limits of any organization: for those who run the installation."""
    return _view(organization_id, await deps.db.read(quotas.show, organization_id))


@router.patch(
    "/organizations/{organization_id}/quotas",
    operation_id="set_quotas_of",
    summary="Set an organization's limits",
    responses=problems(400, 401, 404, 413, 422),
)
async def set_quotas_of(
    request: Request, wish: Json[schemas.QuotaChanges], organization_id: OrganizationId, deps: Given
) -> schemas.QuotaList:
    """Set limits of an organization: for those who run the installation. What it has already stays."""
    limits = {Quota(name): limit for name, limit in wish.model_dump(exclude_unset=True).items()}
    found = await deps.db.write(quotas.change, organization_id, limits)
    cast(Pace, request.app.state.pace).forget(organization_id)
    return _view(organization_id, found)


def _view(organization_id: str, found: Standing) -> schemas.QuotaList:
    items = [_item(quota, use, found.at_ms) for quota, use in found.uses.items()]
    return schemas.QuotaList(organization_id=organization_id, items=items)


def _item(quota: Quota, use: Use, at_ms: int) -> schemas.QuotaView:
    held = quota in HELD
    left = use.left if held else use.limit
    return schemas.QuotaView(
        name=quota,
        limit=None if use.limit is None else use.limit // quota.scale,
        own=use.own,
        used=shown(quota, use.used) if held else None,
        reserved=shown(quota, use.reserved) if held else None,
        left=None if left is None else shown(quota, left),
        free_at=next_month(at_ms) if quota is Quota.ENCODE_MINUTES else None,
    )


@router.get("/usage", operation_id="list_usage", summary="What was used?", responses=problems(401, 422))
async def list_usage(
    caller: Caller,
    deps: Given,
    from_day: Annotated[date | None, Query(description="The first day (UTC); left out, that of the month.")] = None,
    to_day: Annotated[date | None, Query(description="The last day (UTC); left out, today.")] = None,
    kind: Annotated[UsageKind | None, Query(description="Only this kind.")] = None,
) -> schemas.UsageReport:
    """What the organization used, by day and kind: within seconds, and what it stores by the hour."""
    last = to_day or datetime.now(UTC).date()
    first = from_day or last.replace(day=1)
    _check(first, last)
    rows = await deps.db.read(
        usage.report, caller.organization_id, from_day=first.isoformat(), to_day=last.isoformat(), kind=kind
    )
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row.kind] += row.amount
    items = [schemas.UsageItem.model_validate(vars(row)) for row in rows]
    return schemas.UsageReport(from_day=first, to_day=last, items=items, totals=dict(totals))


def _check(first: date, last: date) -> None:
    if first > last or last - first > _LONGEST:
        told = f"Ask for {_LONGEST.days} days at most, the first one before the last."
        raise invalid("usage_days_invalid", told, FieldProblem("/query/from_day", told))
