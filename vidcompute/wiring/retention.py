"""When assets expire and everything is cleaned up, by settings."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from vidcompute.dispatch.timers import Timer
from vidcompute.errors import FieldProblem, VidComputeError, invalid
from vidcompute.services.retention import Terms, clean_up, expire

if TYPE_CHECKING:
    from vidcompute.adapters.storage_switched import SwitchedStorage
    from vidcompute.db.engine import Database
    from vidcompute.settings import Settings

_OFTEN = "*/5 * * * *"


def timers(settings: "Settings", db: "Database", storage: "SwitchedStorage", base_url: str) -> Iterator[Timer]:
    """As the settings say; `settings_invalid` for a time zone, or times, that are none."""
    terms = Terms(settings.undo_s * 1000, settings.mail_operator, base_url)
    zone = _zone(settings.cleanup_timezone)
    _check(settings.cleanup_times)

    async def cleaned() -> int:
        total = await clean_up(db, storage, terms)
        return total.purged + total.sources + total.frames + total.logs

    yield Timer("expiry", _OFTEN, errand=lambda: expire(db, terms))
    yield Timer("cleanup", settings.cleanup_times, errand=cleaned, zone=zone, resumes=True)


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # there on machines that have no time zones
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong("cleanup_timezone", f"{name!r} is no time zone that this machine knows, such as UTC") from error


def _check(times: str) -> None:
    try:
        next(CronSim(times, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        raise _wrong("cleanup_times", f"{times!r} is no cron expression, such as 0 2 * * *") from error


def _wrong(name: str, detail: str) -> VidComputeError:
    return invalid("settings_invalid", f"{name}: {detail}.", FieldProblem(f"/{name}", detail))
