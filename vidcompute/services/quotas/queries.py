"""What is read about limits and what is held against them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
)

from vidcompute.db.outbox import now_ms
from vidcompute.db.schema import LIVE_JOB, UNFINISHED_UPLOAD, jobs, organizations, uploads
from vidcompute.db.schema_quotas import quota_warnings, quotas, stored, usage
from vidcompute.services.quotas.models import Quota, Standing, Use, month_of
from vidcompute.services.usage import UsageKind

FOR_ALL = ""  # the row of what holds where an organization has no value of its own
_OWNER: BindParameter[str] = bindparam("organization")
_own, _general = quotas.alias("own"), quotas.alias("general")


def _sum(amount: ColumnElement[int], *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.coalesce(func.sum(amount), 0)).where(*conditions)


_UPLOADING = _sum(
    func.coalesce(uploads.c.size_bytes, uploads.c.offset_bytes), uploads.c.organization_id == _OWNER
).where(UNFINISHED_UPLOAD)
_JOBS = select(func.count()).select_from(jobs).where(jobs.c.organization_id == _OWNER, LIVE_JOB)
_TO_ENCODE = _sum(jobs.c.encode_reserved_ms, jobs.c.organization_id == _OWNER).where(LIVE_JOB)
_ENCODED = _sum(
    usage.c.amount,
    usage.c.organization_id == _OWNER,
    usage.c.kind == UsageKind.ENCODE_MS.value,
    usage.c.day.between(bindparam("from_day"), bindparam("to_day")),
)
# What there is of each quota: of some of them also what is reserved.
_USED: Mapping[Quota, tuple[Select[Any], ...]] = {
    Quota.STORED_BYTES: (select(stored.c.size_bytes).where(stored.c.organization_id == _OWNER), _UPLOADING),
    Quota.JOBS: (_JOBS,),
    Quota.ENCODE_MINUTES: (_ENCODED, _TO_ENCODE),
}


@cache
def _standing(*, everything: bool) -> Select[Any]:
    """One statement for all limits; what is not limited is not counted either, unless `everything` is wanted."""
    columns: list[ColumnElement[Any]] = []
    for quota in Quota:
        limit = func.nullif(func.coalesce(_own.c[quota.value], _general.c[quota.value]), 0)
        columns += [limit.label(f"{quota}_limit"), _own.c[quota.value].is_not(None).label(f"{quota}_own")]
        for name, found in zip(("used", "reserved"), _USED.get(quota, ()), strict=False):
            amount = found.scalar_subquery()
            counted: ColumnElement[Any] = amount if everything else case((limit.is_not(None), amount), else_=literal(0))
            columns.append(counted.label(f"{quota}_{name}"))
    rows = organizations.outerjoin(_own, _own.c.organization_id == organizations.c.id)
    rows = rows.outerjoin(_general, _general.c.organization_id == FOR_ALL)
    return select(*columns).select_from(rows).where(organizations.c.id == _OWNER)


def standing(conn: Connection, organization_id: str, *, everything: bool = False) -> Standing:
    """Where an organization stands now. Of what is not limited nothing is told, unless `everything` is wanted."""
    at_ms = now_ms()
    month = month_of(at_ms)
    given = {"organization": organization_id, "from_day": f"{month}-01", "to_day": f"{month}-31"}
    row = conn.execute(_standing(everything=everything), given).one_or_none()
    return Standing(at_ms, {quota: Use() if row is None else _use(row, quota) for quota in Quota})


def _use(row: Row[*tuple[Any, ...]], quota: Quota) -> Use:
    found = row._mapping
    limit = found[f"{quota}_limit"]
    return Use(
        limit=None if limit is None else int(limit) * quota.scale,
        used=int(found.get(f"{quota}_used") or 0),
        reserved=int(found.get(f"{quota}_reserved") or 0),
        own=bool(found[f"{quota}_own"]),
    )


def allowed_requests(conn: Connection, organization_id: str) -> int | None:
    """How many requests a minute an organization may make; None for no limit."""
    return standing(conn, organization_id).limit(Quota.REQUESTS_PER_MINUTE)


def organization_exists(conn: Connection, organization_id: str) -> bool:
    """Whether there is such an organization."""
    return bool(conn.execute(select(exists().where(organizations.c.id == organization_id))).scalar())


def has_row(conn: Connection, organization_id: str) -> bool:
    """Whether there is a row of limits for it."""
    return bool(conn.execute(select(exists().where(quotas.c.organization_id == organization_id))).scalar())


def was_told(conn: Connection, organization_id: str, quota: Quota, period: str) -> bool:
    """Whether it was told already in this period that most of it is used up."""
    mine = (quota_warnings.c.organization_id == organization_id) & (quota_warnings.c.quota == quota.value)
    return bool(conn.execute(select(exists().where(mine, quota_warnings.c.period == period))).scalar())


def storing(conn: Connection) -> list[str]:
    """The organizations that store something."""
    return list(conn.execute(select(stored.c.organization_id).where(stored.c.size_bytes > 0)).scalars())
