"""The dispatcher, by settings."""

from sqlalchemy import Connection

from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch.arrivals import Arrivals
from vidcompute.dispatch.dispatcher import Dispatcher, DispatchPolicy
from vidcompute.dispatch.leading import installation
from vidcompute.dispatch.lost_logs import keeper
from vidcompute.dispatch.planning import Planner
from vidcompute.dispatch.timers import Timer
from vidcompute.ports.executor import Executor
from vidcompute.ports.outcomes import Outcomes
from vidcompute.services import audit, idempotency, people, quotas, uploads, usage
from vidcompute.services.jobs.live import ProgressHub
from vidcompute.settings import Settings
from vidcompute.wiring import outgoing, retention, stages, uploading
from vidcompute.wiring.housekeeping import collect

_HOURLY = "0 * * * *"
_OFTEN = "*/5 * * * *"
_MONTHLY = "30 3 1 * *"


def dispatcher(
    settings: Settings,
    db: Database,
    executor: Executor,
    planner: Planner,
    *,
    hub: ProgressHub,
    storage: SwitchedStorage,
    bucket: uploading.Bucket,
    base_url: str,
    outcomes: Outcomes,
) -> Dispatcher:
    """One that is not at work yet; links in mails lead to `base_url`, and `outcomes` hears of what is sent."""
    return Dispatcher(
        db,
        executor,
        planner,
        hub,
        holder=installation(settings.data_dir),
        policy=DispatchPolicy(
            retry=stages.retry_policy(settings),
            ageing_s=settings.ageing_s,
            max_running_tasks=settings.max_running_tasks or None,
            heartbeat_lease_s=settings.heartbeat_lease_s,
        ),
        discard=storage.delete_prefix,
        keep_log=keeper(storage, settings.data_dir),
        timers=[*_timers(settings, db, storage, base_url), _of_uploads(settings, db, storage, bucket)],
        beside={**outgoing.beside(settings, db, base_url, outcomes), "arrivals": Arrivals(db, storage).run},
    )


def _timers(settings: Settings, db: Database, storage: SwitchedStorage, base_url: str) -> list[Timer]:
    kept_ms = settings.event_retention_s * 1000
    audited_ms = settings.audit_retention_s * 1000
    return [
        Timer("events", _HOURLY, lambda conn: outgoing.prune(conn, kept_ms, publishes=settings.broker_url is not None)),
        Timer("idempotency", _HOURLY, idempotency.purge),
        Timer("sessions", _HOURLY, people.purge_sessions),
        Timer("links", _HOURLY, people.purge_links),
        Timer("device-logins", _HOURLY, people.purge_devices),
        Timer("sign-ons", _HOURLY, people.purge_sign_ons),
        Timer("signing-key", _MONTHLY, _change_signing_key),
        Timer("audit", _HOURLY, lambda conn: audit.prune(conn, outbox.now_ms() - audited_ms)),
        Timer("usage", _HOURLY, _meter),
        Timer("storage", _HOURLY, errand=lambda: collect(settings, db, storage)),
        *retention.timers(settings, db, storage, base_url),
    ]


def _of_uploads(settings: Settings, db: Database, storage: SwitchedStorage, bucket: uploading.Bucket) -> Timer:
    folder, kept_ms = uploading.policy(settings).folder, settings.event_retention_s * 1000
    return Timer("uploads", _OFTEN, errand=lambda: uploads.sweep(db, storage, folder, kept_ms=kept_ms, bucket=bucket()))


def _meter(conn: Connection) -> int:
    usage.meter_storage(conn)
    quotas.tell_of_near(conn)
    return 0


def _change_signing_key(conn: Connection) -> int:
    people.rotate_key(conn)
    return 1
