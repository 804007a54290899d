"""Holds organizations to their limits.

What is held against a limit is what rows say: jobs that have not ended, uploads that are under way, what is stored. So
a reservation is made by the row that it is for, in the transaction that was checked here, and goes with it, whichever
way that ends. Writers come one after the other, so that nobody slips in between.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, update

from vidcompute.db.outbox import emit
from vidcompute.db.schema_quotas import quota_warnings, quotas
from vidcompute.errors import not_found
from vidcompute.services.quotas import queries
from vidcompute.services.quotas.models import Quota, Standing, month_of, shown
from vidcompute.services.quotas.queries import FOR_ALL


def take(conn: Connection, organization_id: str, wanted: Mapping[Quota, int]) -> Standing:
    """See that there can be so much more of these, which the caller is about to write; where it stood before.

    Raises the refusal of the first that is too much (`quota_…`). That most of one is used up is told once a month.
    """
    found = queries.standing(conn, organization_id)
    for quota, more in wanted.items():
        found.check(quota, more)
    for quota, more in wanted.items():
        if found.is_near(quota, more):
            _tell(conn, organization_id, found, quota, more)
    return found


def show(conn: Connection, organization_id: str) -> Standing:
    """Where an organization stands, limited or not; `organization_not_found`."""
    if not queries.organization_exists(conn, organization_id):
        raise not_found("organization", organization_id)
    return queries.standing(conn, organization_id, everything=True)


def change(conn: Connection, organization_id: str, limits: Mapping[Quota, int | None]) -> Standing:
    """Set limits of one organization: 0 for none, None for what holds for all. `organization_not_found`.

    What it has stays, even where it is more: there is no more of it then.
    """
    if not queries.organization_exists(conn, organization_id):
        raise not_found("organization", organization_id)
    if limits:
        _set(conn, organization_id, limits)
        told = {"limits": {quota.value: limit for quota, limit in limits.items()}}
        emit(conn, organization_id, "quota.changed", organization_id, told)
    return queries.standing(conn, organization_id, everything=True)


def set_for_all(conn: Connection, limits: Mapping[Quota, int]) -> None:
    """Set what holds for organizations without values of their own; 0 for no limit."""
    _set(conn, FOR_ALL, limits)


def _set(conn: Connection, organization_id: str, limits: Mapping[Quota, int | None]) -> None:
    values = {quota.value: limit for quota, limit in limits.items()}
    if queries.has_row(conn, organization_id):
        conn.execute(update(quotas).where(quotas.c.organization_id == organization_id).values(**values))
    else:
        conn.execute(insert(quotas).values(organization_id=organization_id, **values))


def tell_of_near(conn: Connection) -> int:
    """Tell who stores most of what they may, and has not been told this month; how many organizations store at all.

    What jobs make is stored without being asked for, so it may come near a limit without a request.
    """
    owners = queries.storing(conn)
    for owner in owners:
        found = queries.standing(conn, owner)
        if found.is_near(Quota.STORED_BYTES, 0):
            _tell(conn, owner, found, Quota.STORED_BYTES, 0)
    return len(owners)


def _tell(conn: Connection, organization_id: str, found: Standing, quota: Quota, more: int) -> None:
    period = month_of(found.at_ms)
    if queries.was_told(conn, organization_id, quota, period):
        return
    row = {"organization_id": organization_id, "quota": quota.value, "period": period}
    conn.execute(insert(quota_warnings).values(row))
    use = found.uses[quota]
    data = {
        "quota": quota.value,
        "limit": shown(quota, use.limit or 0),
        "used": shown(quota, use.used + use.reserved + more),
        "period": period,
    }
    emit(conn, organization_id, "quota.near", organization_id, data)
