"""`vidctl quotas` and `vidctl usage`: limits, what is left of them, and what was used."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli.jobs import local_time
from vidcompute.cli.output import duration, size
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.ids import is_id

QUOTAS = "/api/v1/quotas"
USAGE = "/api/v1/usage"

_AMOUNT = re.compile(r"(\d+)([kMGT]?)B?")
_POWERS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4}


def quotas(
    session: Session,
    *,
    organization: Annotated[
        str | None, typer.Option(metavar="ID", help="Another organization: for those who run the installation.")
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=500GB|none|default", help="Set a limit of that organization. Repeat it."),
    ] = None,
) -> int | None:
    """Show limits and how much of each is left; or set them."""
    if limits:
        found = session.api.patch(_path(organization), dict(map(_limit, limits)))
    else:
        found = session.api.get(_path(organization) if organization else QUOTAS)
    session.output.json(found)
    session.output.table(("limit", "may", "used", "reserved", "left", ""), map(_row, found["items"]))
    return None


def _path(organization: str | None) -> str:
    if organization is None:
        raise invalid("organization_missing", "Name the organization that the limits are for: --organization org_….")
    if not is_id("org", organization):
        raise VidComputeError(Kind.NOT_FOUND, "organization_not_found", f"{organization!r} is no organization's id.")
    return f"/api/v1/organizations/{organization}/quotas"


def _limit(text: str) -> tuple[str, int | None]:
    """A limit's name and value: 0 for none, None for what holds for all."""
    name, _, value = text.partition("=")
    words = {"none": 0, "default": None}
    if value in words:
        return name, words[value]
    found = _AMOUNT.fullmatch(value)
    if found is None:
        detail = f"{text!r} is no limit: write stored_bytes=500GB, jobs=20, jobs=none or jobs=default."
        raise invalid("limit_invalid", detail)
    return name, int(found[1]) * 1000 ** _POWERS[found[2]]


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    amounts = (_shown(item["name"], item[name]) for name in ("limit", "used", "reserved", "left"))
    return (item["name"], *amounts, _note(item))


def _shown(name: str, amount: float | None) -> str:
    if amount is None:
        return "-"
    return size(amount) if name.endswith("_bytes") else f"{amount:.10g}"


def _note(item: Mapping[str, Any]) -> str:
    own = "set for this organization" if item["own"] else ""
    ends = f"until {local_time(item['free_at'])}" if item["free_at"] and item["limit"] else ""
    return ", ".join(filter(None, (own, ends)))


def usage(
    session: Session,
    *,
    from_day: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Such as 2026-11-01.")] = None,
    to_day: Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day; left out, today.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this, such as encode_ms.")] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="Each day for itself, with renditions and models.")] = False,
) -> int | None:
    """Show what was used: this month, or on the days that are named (in UTC)."""
    found = session.api.get(USAGE, from_day=from_day, to_day=to_day, kind=kind)
    session.output.json(found)
    if by_day:
        session.output.table(("day", "kind", "of", "amount"), _days(found["items"]))
    else:
        session.output.table(("kind", "amount"), ((name, _amount(name, n)) for name, n in found["totals"].items()))
    return None


def _days(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    return ((item["day"], item["kind"], item["detail"], _amount(item["kind"], item["amount"])) for item in items)


def _amount(kind: str, amount: int) -> str:
    """An amount with its unit, which the kind ends in."""
    if kind.endswith("_ms"):
        return duration(amount)
    if kind.endswith("_byte_hours"):
        return f"{size(amount)} h"
    return size(amount) if kind.endswith("_bytes") else str(amount)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "quotas", rich_help_panel="Access")(quotas)
    command(app, "usage", rich_help_panel="Access")(usage)
