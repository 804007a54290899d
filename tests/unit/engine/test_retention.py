"""Deletions that can be undone, what expires, and clean-ups that take what they said they would."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update
from structlog.testing import capture_logs

from tests.fixtures import crowd
from tests.unit.engine import toys
from tests.unit.engine.toys import AT_ONCE, ORG
from vidcompute import logs
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.db import outbox, schema
from vidcompute.db.engine import Database
from vidcompute.db.outbox import now_ms
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import assets, jobs, mail, retention
from vidcompute.services.retention import Cleaned, Position, Retention, Taken, Terms, What, Work, service

HOUR_MS = 3_600_000
DAY_S = 24 * 3600


def told(conn: Connection, asset_id: str) -> list[str]:
    return [event.type for event in outbox.events_since(conn, ORG, 0, subjects=[asset_id])]


def test_a_deleted_asset_is_gone_for_all_who_ask_and_can_be_restored(conn: Connection) -> None:
    made = toys.submit(conn)
    toys.run_everything(conn)
    playback_id = assets.get(conn, ORG, made.asset_id).playback_id
    retention.delete_asset(conn, ORG, made.asset_id, HOUR_MS)
    for ask in (
        lambda: assets.get(conn, ORG, made.asset_id),
        lambda: assets.by_playback_id(conn, playback_id),
        lambda: jobs.get_job(conn, ORG, made.id),
        lambda: assets.change(conn, ORG, made.asset_id, {"title": "T"}),
        lambda: retention.delete_asset(conn, ORG, made.asset_id, HOUR_MS),
        lambda: retention.restore(conn, "org_other", made.asset_id, HOUR_MS),
    ):
        with pytest.raises(VidComputeError) as refused:
            ask()
        assert refused.value.kind is Kind.NOT_FOUND
    assert assets.list_assets(conn, ORG).items == ()
    assert jobs.list_jobs(conn, ORG).items == ()
    (listed,) = assets.list_deleted(conn, ORG, now_ms()).items
    assert (listed.id, listed.status) == (made.asset_id, "ready")
    restored = retention.restore(conn, ORG, made.asset_id, HOUR_MS)
    assert (restored.status, restored.deleted_ms, restored.purge_ms) == ("ready", None, None)
    assert retention.restore(conn, ORG, made.asset_id, HOUR_MS) == restored
    assert jobs.get_job(conn, ORG, made.id).status == "done"
    assert assets.list_deleted(conn, ORG, now_ms()).items == ()
    assert told(conn, made.asset_id)[-2:] == ["asset.deleted", "asset.restored"]


def test_what_is_at_work_for_a_deleted_asset_is_cancelled(conn: Connection) -> None:
    made = toys.submit(conn)
    encodes = toys.run_until(conn, "encode")
    retention.delete_asset(conn, ORG, made.asset_id, HOUR_MS)
    assert not jobs.finish(conn, toys.done(encodes[0]), AT_ONCE).accepted
    assert jobs.requeue_dead(conn, ORG, 10).job_ids == ()
    assert retention.restore(conn, ORG, made.asset_id, HOUR_MS).error_code == "job_cancelled"
    jobs.retry(conn, ORG, made.id)
    toys.run_everything(conn)
    assert assets.get(conn, ORG, made.asset_id).status == "ready"


def test_it_is_too_late_to_restore_once_its_time_is_over(conn: Connection) -> None:
    made = assets.create(conn, ORG)
    retention.delete_asset(conn, ORG, made.id, 0)
    assert assets.list_deleted(conn, ORG, now_ms()).items == ()
    with pytest.raises(VidComputeError, match="asset_not_found"):
        retention.restore(conn, ORG, made.id, HOUR_MS)


def test_what_is_deleted_for_good_goes_at_once_be_it_at_work_or_deleted_before(conn: Connection) -> None:
    working, deleted = toys.submit(conn), assets.create(conn, ORG)
    encodes = toys.run_until(conn, "encode")
    retention.delete_asset(conn, ORG, deleted.id, HOUR_MS)
    with pytest.raises(VidComputeError, match="asset_not_found"):
        service.delete_for_good(conn, "org_other", working.asset_id)
    for asset_id in (working.asset_id, deleted.id):
        (gone,) = service.delete_for_good(conn, ORG, asset_id)
        assert (gone.taken.what, gone.taken.subject_id) == (What.ASSET, asset_id)
        assert told(conn, asset_id)[-2:] == ["asset.deleted", "asset.purged"]
        with pytest.raises(VidComputeError, match="asset_not_found"):
            service.delete_for_good(conn, ORG, asset_id)
    assert not jobs.finish(conn, toys.done(encodes[0]), AT_ONCE).accepted
    assert conn.execute(select(schema.tasks)).all() == []


def test_what_a_job_at_work_reads_is_not_restored_and_goes_afterwards(conn: Connection) -> None:
    finished = toys.submit(conn, "same")
    toys.run_everything(conn)
    working = toys.submit(conn, "same", outputs=["hls", "thumbnail"])
    assert service.delete_for_good(conn, ORG, finished.asset_id) == []
    assert assets.list_deleted(conn, ORG, now_ms() + 1).items == ()
    toys.run_everything(conn)
    assert jobs.get_job(conn, ORG, working.id).status == "done"
    assert [item.taken.subject_id for item in service.delete_for_good(conn, ORG, finished.asset_id)] == [
        finished.asset_id
    ]
    assert jobs.get_job(conn, ORG, working.id).status == "done"


def expired(conn: Connection, at_ms: int) -> list[str]:
    return [item.taken.subject_id for item in service.expire(conn, ORG, at_ms, HOUR_MS, 10)]


def test_an_asset_expires_when_it_says_and_gets_more_time_when_it_is_restored(conn: Connection) -> None:
    with pytest.raises(VidComputeError, match="expiry_past"):
        assets.create(conn, ORG, expires_ms=now_ms() - 1)
    made = assets.create(conn, ORG, expires_ms=now_ms() + HOUR_MS)
    assert expired(conn, now_ms()) == []
    conn.execute(update(schema.assets).values(expires_ms=now_ms() - 1000))
    assert expired(conn, now_ms()) == [made.id]
    assert expired(conn, now_ms()) == []
    restored = retention.restore(conn, ORG, made.id, HOUR_MS)
    assert restored.expires_ms is not None
    assert restored.expires_ms > now_ms()
    assert expired(conn, now_ms()) == []
    with pytest.raises(VidComputeError, match="expiry_past"):
        assets.change(conn, ORG, made.id, {"expires_ms": 5})
    assert assets.change(conn, ORG, made.id, {"expires_ms": None}).expires_ms is None


def test_how_long_an_organization_keeps_its_outputs_counts_where_an_asset_says_nothing(conn: Connection) -> None:
    old, later, young = (assets.create(conn, ORG) for _ in range(3))
    assets.change(conn, ORG, later.id, {"expires_ms": now_ms() + HOUR_MS})
    age = update(schema.assets).values(created_ms=now_ms() - 2 * HOUR_MS)
    conn.execute(age.where(schema.assets.c.id != young.id))
    assert expired(conn, now_ms()) == []
    kept = retention.change_retention(conn, ORG, {"outputs_s": 3600})
    assert kept == retention.retention(conn, ORG) == Retention(outputs_s=3600)
    assert expired(conn, now_ms()) == [old.id]
    assert retention.change_retention(conn, ORG, {"outputs_s": None, "logs_s": 7200}) == Retention(logs_s=7200)
    changes = [event for event in outbox.events_since(conn, ORG, 0) if event.type == "organization.updated"]
    assert [event.data["fields"] for event in changes] == [["retention"]] * 2
    with pytest.raises(VidComputeError, match="organization_not_found"):
        retention.retention(conn, "org_other")


def at_once(conn: Connection) -> int:
    """Let everything be old, and say what time it is."""
    for table in (schema.assets, schema.sources, schema.artifacts):
        conn.execute(update(table).values(created_ms=1))
    conn.execute(update(schema.jobs).where(schema.jobs.c.ended_ms.is_not(None)).values(ended_ms=1))
    return now_ms()


def test_a_source_that_is_not_kept_goes_and_its_asset_plays_on(conn: Connection) -> None:
    made = toys.submit_url(conn)
    ran = toys.run_everything(conn)
    retention.change_retention(conn, ORG, {"sources_s": 3600})
    (gone,) = service.drop_sources(conn, ORG, at_once(conn), 10, "")
    fetched = next(spec for spec in ran if spec.stage == "fetch")
    assert (gone.taken.what, gone.prefixes, gone.taken.size_bytes) == (What.SOURCE, (fetched.output_prefix,), 10)
    assert assets.get(conn, ORG, made.asset_id).source_id is None
    assert jobs.get_job(conn, ORG, made.id).status == "done"
    (event,) = [e for e in outbox.events_since(conn, ORG, 0) if e.type == "asset.reduced"]
    assert (event.data["what"], event.data["outputs"]) == ("source", ["fetch"])
    again = toys.submit_url(conn)
    assert "fetch" in {spec.stage for spec in toys.run_everything(conn)}
    assert jobs.get_job(conn, ORG, again.id).status == "done"


def test_a_source_that_a_job_may_read_is_kept_be_it_by_another_source(conn: Connection) -> None:
    toys.submit(conn, "same")
    toys.run_everything(conn)
    deleted = toys.submit(conn, "same", vmaf=True)
    toys.run_everything(conn)
    retention.delete_asset(conn, ORG, deleted.asset_id, 0)
    working = toys.submit(conn, "same", outputs=["hls", "thumbnail"])
    retention.change_retention(conn, ORG, {"sources_s": 3600})
    at_ms = at_once(conn)
    assert service.drop_sources(conn, ORG, at_ms, 10, "") == []
    assert service.purge(conn, ORG, at_ms + 1, 10, "") == []
    toys.run_everything(conn)
    assert jobs.get_job(conn, ORG, working.id).status == "done"
    assert len(service.drop_sources(conn, ORG, at_once(conn), 10, "")) == 3
    assert [item.taken.subject_id for item in service.purge(conn, ORG, at_ms + 1, 10, "")] == [deleted.asset_id]


async def taken(work: Work, at_ms: int) -> list[Taken]:
    return [item async for part in retention.clean(work, at_ms) for item in part]


async def said(work: Work, at_ms: int, limit: int, supposed: Mapping[str, int | None] | None = None) -> list[Taken]:
    found: list[Taken] = []
    since: Position | None = Position(at_ms)
    while since is not None:
        assert Position.parse(str(since)) == since
        items, since = await retention.look(work, since, limit, supposed)
        assert len(items) <= limit
        found += items
    return found


async def test_a_clean_up_takes_exactly_what_was_said(db: Database, tmp_path: Path) -> None:
    folder, at_ms = tmp_path / "storage", now_ms()

    def fill(conn: Connection) -> None:
        crowd.make(conn, folder, 60, seed=5, now_ms=at_ms)
        retention.change_retention(conn, ORG, vars(crowd.KEPT))

    await db.write(fill)
    work = Work(db, FolderStorage(folder), ORG, HOUR_MS)
    promised, before = await said(work, at_ms, 7), crowd.held_bytes(folder)
    assert {item.what for item in promised} == set(What)
    assert await said(work, at_ms, 100) == promised
    assert await taken(work, at_ms) == promised
    assert before - crowd.held_bytes(folder) == sum(item.size_bytes for item in promised) > 0
    assert await taken(work, at_ms) == await said(work, at_ms, 7) == []


async def test_what_would_go_is_known_before_a_time_is_set(db: Database, tmp_path: Path) -> None:
    folder, at_ms = tmp_path / "storage", now_ms()
    await db.write(lambda conn: crowd.make(conn, folder, 60, seed=5, now_ms=at_ms))
    work, supposed = Work(db, FolderStorage(folder), ORG, HOUR_MS), vars(crowd.KEPT)
    now, then = await said(work, at_ms, 100), await said(work, at_ms, 7, supposed)
    assert {item.what for item in now} < {item.what for item in then} == set(What)
    await db.write(retention.change_retention, ORG, supposed)
    assert await said(work, at_ms, 100) == then
    assert await said(work, at_ms, 100, dict.fromkeys(supposed)) == now


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.y.z", "-1.asset.x", "99999999999999.asset.x", "1.asset\x00.x"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(VidComputeError, match="invalid_cursor"):
        Position.parse(cursor)


class _Broken(FolderStorage):
    async def delete_prefix(self, prefix: str) -> int:
        raise VidComputeError(Kind.UNAVAILABLE, "storage_unavailable", f"{prefix} is out of reach.")


async def _one_to_purge(db: Database) -> None:
    def work(conn: Connection) -> None:
        made = toys.submit(conn)
        toys.run_everything(conn)
        retention.delete_asset(conn, ORG, made.asset_id, 0)
        conn.execute(update(schema.assets).values(purge_ms=1))

    await db.write(work)


def _mails(conn: Connection) -> list[mail.DueMail]:
    return mail.due(conn, now_ms() + 1000, 10)


async def test_a_clean_up_is_told_of_by_log_event_and_mail(db: Database, tmp_path: Path) -> None:
    terms = Terms(HOUR_MS, "operator@example.org")
    assert (await retention.clean_up(db, FolderStorage(tmp_path), terms)).is_empty
    assert await db.read(_mails) == []
    await _one_to_purge(db)
    logs.configure("info")
    with capture_logs() as logged:
        assert await retention.clean_up(db, FolderStorage(tmp_path), terms) == Cleaned(purged=1, freed_bytes=55)
    assert [line["event"] for line in logged] == ["asset_purged", "cleanup_done"]
    assert (logged[0]["size_bytes"], logged[1]["purged"], logged[1]["duration_ms"] >= 0) == (55, 1, True)
    (sent,) = await db.read(_mails)
    assert (sent.recipient, sent.values["outcome"], sent.values["freed"]) == (terms.operator, "it is done", "55 B")
    events = await db.read(outbox.events_since, ORG, 0, types=["cleanup.done"])
    assert [event.data["purged"] for event in events] == [0, 1]


async def test_a_clean_up_by_hand_is_told_of_as_well(db: Database, tmp_path: Path) -> None:
    await _one_to_purge(db)
    work = Work(db, _Broken(tmp_path), ORG, HOUR_MS)
    with pytest.raises(VidComputeError, match="storage_unavailable"):
        await retention.clean_by_hand(work, 5)
    await _one_to_purge(db)
    taken, more = await retention.clean_by_hand(replace(work, storage=FolderStorage(tmp_path)), 5)
    assert (taken.purged, more) == (1, False)
    told = await db.read(outbox.events_since, ORG, 0, types=["cleanup.failed", "cleanup.done"])
    assert [event.type for event in told] == ["cleanup.failed", "cleanup.done"]
    assert (told[0].data["error_code"], told[1].data["purged"]) == ("storage_unavailable", 1)
    assert told[1].data["freed_bytes"] == taken.freed_bytes
    assert await db.read(_mails) == []  # whoever asked has the answer


async def test_a_clean_up_that_fails_is_told_of_and_the_next_one_goes_on(db: Database, tmp_path: Path) -> None:
    await _one_to_purge(db)
    terms = Terms(HOUR_MS, "operator@example.org")
    await retention.clean_up(db, _Broken(tmp_path), terms)
    (sent,) = await db.read(_mails)
    assert "it failed" in sent.values["outcome"]
    (event,) = await db.read(outbox.events_since, ORG, 0, types=["cleanup.failed"])
    assert event.data["error_code"] == "storage_unavailable"
    await _one_to_purge(db)
    assert (await retention.clean_up(db, FolderStorage(tmp_path), terms)).purged == 1


async def test_what_is_wrong_with_one_organization_keeps_no_other_from_its_clean_up(
    db: Database, tmp_path: Path
) -> None:
    class BrokenForOne(FolderStorage):
        async def delete_prefix(self, prefix: str) -> int:
            if prefix.startswith(f"orgs/{ORG}/"):
                raise RuntimeError("broken")
            return await super().delete_prefix(prefix)

    def another(conn: Connection) -> None:
        conn.execute(insert(schema.organizations).values(id="org_x", name="x", created_ms=1))
        retention.delete_asset(conn, "org_x", assets.create(conn, "org_x").id, 0)
        conn.execute(update(schema.assets).values(purge_ms=1))

    await _one_to_purge(db)
    await db.write(another)
    terms = Terms(HOUR_MS, "operator@example.org")
    assert (await retention.clean_up(db, BrokenForOne(tmp_path), terms)).purged == 1
    (event,) = await db.read(outbox.events_since, ORG, 0, types=["cleanup.failed"])
    assert (event.data["error_code"], event.data["purged"]) == ("internal_error", 1)
    outcomes = sorted(sent.values["outcome"] for sent in await db.read(_mails))
    assert [outcome.partition(":")[0] for outcome in outcomes] == ["it failed", "it is done"]


async def test_owners_are_told_and_an_address_that_is_none_stops_nothing(db: Database, tmp_path: Path) -> None:
    await _one_to_purge(db)
    assert (await retention.clean_up(db, FolderStorage(tmp_path), Terms(HOUR_MS, "nobody"))).purged == 1
    assert await db.read(_mails) == []


async def test_assets_expire_between_clean_ups(db: Database) -> None:
    made = await db.write(assets.create, ORG, expires_ms=now_ms() + HOUR_MS)
    assert await retention.expire(db, Terms(HOUR_MS)) == 0
    await db.write(lambda conn: conn.execute(update(schema.assets).values(expires_ms=1)) and None)
    assert await retention.expire(db, Terms(HOUR_MS)) == 1
    (row,) = await db.read(lambda conn: conn.execute(select(schema.assets)).all())
    assert (row.id, row.deleted_ms is not None) == (made.id, True)
