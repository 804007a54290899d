"""Whole clean-ups: what the timer starts for all organizations, and a person for one; what is logged, who is told."""

import time
from contextlib import aclosing
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from vidcompute import logs
from vidcompute.db.engine import Database
from vidcompute.db.outbox import emit, now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.ports.storage import ScannableStorage
from vidcompute.services import telling
from vidcompute.services.retention import queries, service
from vidcompute.services.retention.cleaning import Work, clean
from vidcompute.services.retention.models import Cleaned
from vidcompute.services.telling import Teller

_log = logs.get("cleanup")
_BATCH = 25


@dataclass(frozen=True)
class Terms:
    """For how long a deletion can be undone, who is told where nobody has a mailbox, and where links in mails lead."""

    undo_ms: int
    operator: str | None = None
    base_url: str = ""


async def expire(db: Database, terms: Terms) -> int:
    """Delete the assets whose time is over, in every organization; how many."""
    count = 0
    for organization_id in await db.read(queries.all_organizations):
        while taken := await db.write(service.expire, organization_id, now_ms(), terms.undo_ms, _BATCH):
            count += len(taken)
    return count


async def clean_up(db: Database, storage: ScannableStorage, terms: Terms) -> Cleaned:
    """Clean up after every organization; all are told, by event and by mail, of what was done, or that it failed.

    What is wrong with one of them does not keep it from the others; a store that is away does. Raises nothing but for a
    database that is away: then nobody can be told.
    """
    began_s, total = time.monotonic(), Cleaned()
    wrong: Exception | None = None
    for organization_id in await db.read(queries.all_organizations):
        try:
            total += await _clean_reported(Work(db, storage, organization_id, terms.undo_ms), terms)
        except Exception as error:
            wrong = error
            _log.exception("cleanup_broke_off", organization_id=organization_id)
            if isinstance(error, VidComputeError) and error.kind is Kind.UNAVAILABLE:
                break
    if wrong is not None:
        _log.error("cleanup_failed", **asdict(total), duration_ms=_since_ms(began_s))
        await db.write(_tell_failed, LOCAL_ORGANIZATION, total, wrong, _since_ms(began_s), terms=terms)
    else:
        _log.info("cleanup_done", **asdict(total), duration_ms=_since_ms(began_s))
        await db.write(_tell_done, LOCAL_ORGANIZATION, total, _since_ms(began_s))
    return total


async def _clean_reported(work: Work, terms: Terms) -> Cleaned:
    began_s = time.monotonic()
    cleaned = await _clean(work)
    if not cleaned.is_empty:
        await work.db.write(_report, work.organization_id, terms, cleaned, _since_ms(began_s))
    return cleaned


async def clean_by_hand(work: Work, for_s: float) -> tuple[Cleaned, bool]:
    """Clean up after one organization for some seconds; what was taken, and whether there may be more.

    Told by event as the clean-up of all is; whoever asked is told of a failure by its error, and needs no mail.
    """
    began_s, total, more = time.monotonic(), Cleaned(), False
    told = {"organization_id": work.organization_id}
    try:
        async with aclosing(clean(work, now_ms())) as parts:
            async for taken in parts:
                total += Cleaned.of(taken)
                if time.monotonic() > began_s + for_s:
                    more = True
                    break
    except Exception as error:
        _log.exception("cleanup_failed", **told, **asdict(total), duration_ms=_since_ms(began_s))
        await work.db.write(_tell_failed, work.organization_id, total, error, _since_ms(began_s))
        raise
    _log.info("cleanup_done", **told, **asdict(total), duration_ms=_since_ms(began_s))
    await work.db.write(_tell_done, work.organization_id, total, _since_ms(began_s))
    return total, more


def _since_ms(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1000)


async def _clean(work: Work) -> Cleaned:
    total = Cleaned()
    async for taken in clean(work, now_ms()):
        total += Cleaned.of(taken)
    return total


def _tell_done(conn: Connection, organization_id: str, total: Cleaned, duration_ms: int) -> None:
    emit(conn, organization_id, "cleanup.done", organization_id, {**asdict(total), "duration_ms": duration_ms})


def _tell_failed(
    conn: Connection,
    organization_id: str,
    total: Cleaned,
    error: Exception,
    duration_ms: int,
    *,
    terms: Terms | None = None,
) -> None:
    """By event; by mail as well where there are `terms`."""
    told = error if isinstance(error, VidComputeError) else None
    code, detail = (told.code, told.detail) if told else ("internal_error", type(error).__name__)
    data = {**asdict(total), "duration_ms": duration_ms, "error_code": code, "error_detail": detail}
    emit(conn, organization_id, "cleanup.failed", organization_id, data)
    if terms is not None:
        outcome = f"it failed: {detail} [{code}]"
        _write_to(conn, organization_id, terms, total, outcome=outcome, duration_ms=duration_ms)


def _report(conn: Connection, organization_id: str, terms: Terms, cleaned: Cleaned, duration_ms: int) -> None:
    _write_to(conn, organization_id, terms, cleaned, outcome="it is done", duration_ms=duration_ms)


def _write_to(
    conn: Connection, organization_id: str, terms: Terms, cleaned: Cleaned, *, outcome: str, duration_ms: int
) -> None:
    """A mail to who looks after the organization and wants it, else to the operator, where there is one."""
    values = {
        "outcome": outcome,
        "assets": _in_words(cleaned),
        "freed": _size(cleaned.freed_bytes),
        "duration": f"{duration_ms / 1000:.1f} s",
    }
    telling.report(conn, organization_id, "cleanup_report", values, Teller(terms.base_url, terms.operator))


def _in_words(cleaned: Cleaned) -> str:
    return (
        f"{cleaned.purged} (and {cleaned.sources} sources, {cleaned.frames} archives of frames, {cleaned.logs} logs; "
        f"{cleaned.expired} more have expired, and can be restored)"
    )


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
