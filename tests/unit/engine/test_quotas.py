"""Limits of organizations: what is taken is reserved by its row, and free again when that is gone."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from tests.fixtures.encoding import MINUTE_MS, MINUTES, encoded, place_all
from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import counting, outbox, schema, schema_quotas
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services import assets, jobs, quotas, uploads
from vidcompute.services.quotas import Quota, Use
from vidcompute.services.uploads import NewUpload, Upload, moves
from vidcompute.services.uploads.models import Direct


def use(conn: Connection, quota: Quota) -> Use:
    return quotas.standing(conn, ORG, everything=True).uses[quota]


def counted(conn: Connection, quota: Quota) -> tuple[int, int]:
    found = use(conn, quota)
    return found.used, found.reserved


def refused(work: Callable[[], Any]) -> VidComputeError:
    with pytest.raises(VidComputeError) as caught:
        work()
    return caught.value


def begin(conn: Connection, size_bytes: int | None, **more: Any) -> Upload:
    new = NewUpload(size_bytes=size_bytes, max_bytes=2**40, **{"job": None, **more})
    return moves.create(conn, ORG, new, max_unfinished=99)


def store(conn: Connection, size_bytes: int, key: str = "") -> assets.Source:
    where = key or f"orgs/{ORG}/sources/d/{new_id('obj')}"
    return assets.add_source(conn, ORG, digest="d", size_bytes=size_bytes, storage_key=where, name="x")


def told(conn: Connection) -> list[tuple[str, float, float]]:
    near = [event.data for event in outbox.events_since(conn, ORG, 0) if event.type == "quota.near"]
    return [(data["quota"], data["limit"], data["used"]) for data in near]


def test_nothing_is_limited_that_nobody_has_limited(conn: Connection) -> None:
    for n in range(3):
        toys.submit(conn, f"d{n}")
    begin(conn, 2**50)
    assert {found.limit for found in quotas.standing(conn, ORG).uses.values()} == {None}
    assert counted(conn, Quota.JOBS) == (3, 0)


def test_an_organizations_own_limit_goes_before_that_of_all(conn: Connection) -> None:
    quotas.set_for_all(conn, {Quota.JOBS: 5, Quota.STORED_BYTES: 0})
    quotas.set_for_all(conn, {Quota.JOBS: 4})  # as a server with other settings does
    assert use(conn, Quota.JOBS) == Use(4)
    assert quotas.change(conn, ORG, {Quota.JOBS: 2}).uses[Quota.JOBS] == Use(2, own=True)
    assert quotas.change(conn, ORG, {Quota.JOBS: 0}).uses[Quota.JOBS] == Use(None, own=True)
    assert quotas.change(conn, ORG, {Quota.JOBS: None}).uses[Quota.JOBS] == Use(4)
    assert use(conn, Quota.STORED_BYTES).limit is None
    changed = [e.data for e in outbox.events_since(conn, ORG, 0) if e.type == "quota.changed"]
    assert changed == [{"limits": {"jobs": 2}}, {"limits": {"jobs": 0}}, {"limits": {"jobs": None}}]
    unknown = refused(lambda: quotas.change(conn, new_id("org"), {Quota.JOBS: 1}))
    assert unknown.code == "organization_not_found"


def test_a_job_has_a_place_until_it_ends(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.JOBS: 2})
    first, _ = toys.submit(conn, "d0"), toys.submit(conn, "d1")
    error = refused(lambda: toys.submit(conn, "d2"))
    assert (error.kind, error.code) == (Kind.CONFLICT, "quota_jobs")
    assert error.extra == {"quota": "jobs", "limit": 2, "used": 2, "reserved": 0, "left": 0, "wanted": 1}
    jobs.cancel(conn, ORG, first.id)
    assert counted(conn, Quota.JOBS) == (1, 0)
    third = toys.submit(conn, "d2")
    assert refused(lambda: jobs.retry(conn, ORG, first.id)).code == "quota_jobs"
    assets.remove(conn, ORG, third.asset_id)
    jobs.retry(conn, ORG, first.id)
    assert refused(lambda: jobs.retry(conn, ORG, first.id)).code == "job_not_ended"
    toys.run_everything(conn)
    assert counted(conn, Quota.JOBS) == (0, 0)


def test_dead_jobs_are_tried_again_as_far_as_there_are_places(conn: Connection) -> None:
    for n in range(3):
        jobs.fail(conn, toys.submit(conn, f"d{n}").id, VidComputeError(Kind.UNAVAILABLE, "url_timeout", "Slow."))
    quotas.change(conn, ORG, {Quota.JOBS: 2})
    again = jobs.requeue_dead(conn, ORG, 10)
    assert (len(again.job_ids), again.left) == (2, 1)
    assert refused(lambda: jobs.requeue_dead(conn, ORG, 10)).code == "quota_jobs"


def test_an_upload_reserves_its_length_until_it_ends(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 100, Quota.UPLOAD_BYTES: 80})
    first = begin(conn, 60)
    error = refused(lambda: begin(conn, 41))
    assert (error.kind, error.code) == (Kind.FORBIDDEN, "quota_stored_bytes")
    assert (error.extra["used"], error.extra["reserved"], error.extra["left"], error.extra["wanted"]) == (0, 60, 40, 41)
    large = refused(lambda: begin(conn, 81))
    assert (large.kind, large.code, large.extra["limit"]) == (Kind.TOO_LARGE, "quota_upload_bytes", 80)
    second = begin(conn, 40)
    assert counted(conn, Quota.STORED_BYTES) == (0, 100)
    moves.fail(conn, second, VidComputeError(Kind.REFUSED, "source_not_media", "No."))
    assert counted(conn, Quota.STORED_BYTES) == (0, 60)
    moves.complete(conn, first, store(conn, 60), size_bytes=60)
    assert counted(conn, Quota.STORED_BYTES) == (60, 0)
    begin(conn, 40)
    assert moves.expire(conn, 2**60)
    assert counted(conn, Quota.STORED_BYTES) == (60, 0)


def test_what_comes_without_a_length_is_reserved_as_it_comes(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 100, Quota.UPLOAD_BYTES: 90})
    upload = begin(conn, None)
    assert upload.max_bytes == 90
    upload = moves.advance(conn, upload, 30, [])
    assert counted(conn, Quota.STORED_BYTES) == (0, 30)
    other = begin(conn, 60)
    assert refused(lambda: moves.advance(conn, upload, 50, [])).code == "quota_stored_bytes"
    assert refused(lambda: moves.set_length(conn, upload, 50)).code == "quota_stored_bytes"
    moves.cancel(conn, other)
    upload = moves.set_length(conn, upload, 50)
    assert counted(conn, Quota.STORED_BYTES) == (0, 50)
    chunked = moves.advance(conn, begin(conn, None), 20, [])
    assert refused(lambda: moves.complete(conn, chunked, store(conn, 51), size_bytes=51)).code == "quota_stored_bytes"


def test_bytes_of_objects_are_counted_once_however_they_go(conn: Connection) -> None:
    shared = f"orgs/{ORG}/sources/d/{new_id('obj')}"
    made = [jobs.submit(conn, ORG, spec, source=source) for spec, source in _two_of(conn, shared)]
    assert counted(conn, Quota.STORED_BYTES) == (7, 0)
    store(conn, 1000, f"orgs/{ORG}/artifacts/key/att/source")  # counted with the artifact that it lies in
    toys.run_everything(conn)
    sizes = conn.execute(select(schema.artifacts.c.size_bytes)).scalars().all()
    assert counted(conn, Quota.STORED_BYTES) == (7 + sum(sizes), 0)
    jobs.retry(conn, ORG, made[0].id, "package")  # what is made again takes the place of what there was
    toys.run_everything(conn)
    assert counted(conn, Quota.STORED_BYTES) == (7 + sum(sizes), 0)
    assets.remove(conn, ORG, made[0].asset_id)
    assert counted(conn, Quota.STORED_BYTES)[0] >= 7
    assets.remove(conn, ORG, made[1].asset_id)
    assert counted(conn, Quota.STORED_BYTES) == (0, 0)


def _two_of(conn: Connection, key: str) -> list[tuple[JobSpec, assets.Source]]:
    sources = [store(conn, 7, key), store(conn, 7, key)]
    wishes = ({"outputs": ["hls"], "input": {"source": source.id}} for source in sources)
    return [(JobSpec.model_validate(wish), source) for wish, source in zip(wishes, sources, strict=True)]


def test_minutes_are_reserved_by_the_plan_and_used_as_they_are_made(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.ENCODE_MINUTES: MINUTES + 1})
    job = toys.submit(conn, "d0")
    first, second = place_all(conn)
    assert counted(conn, Quota.ENCODE_MINUTES) == (0, MINUTES * MINUTE_MS)
    toys.submit(conn, "d1")
    assert place_all(conn) == []
    (failed,) = jobs.list_jobs(conn, ORG, jobs.JobFilter(status="failed")).items
    assert failed.error_code == "quota_encode_minutes"
    jobs.finish(conn, encoded(first), toys.AT_ONCE)
    assert counted(conn, Quota.ENCODE_MINUTES) == (2 * MINUTE_MS, 2 * MINUTE_MS)
    jobs.finish(conn, toys.failed(second, Kind.REFUSED, "no_video"), toys.AT_ONCE)
    assert counted(conn, Quota.ENCODE_MINUTES) == (2 * MINUTE_MS, 0)
    jobs.retry(conn, ORG, job.id)
    assert counted(conn, Quota.ENCODE_MINUTES) == (2 * MINUTE_MS, 2 * MINUTE_MS)
    (again,) = place_all(conn)
    jobs.finish(conn, encoded(again), toys.AT_ONCE)
    assert counted(conn, Quota.ENCODE_MINUTES) == (4 * MINUTE_MS, 0)
    assert jobs.get_job(conn, ORG, job.id).status == "done"
    redo = refused(lambda: jobs.retry(conn, ORG, job.id, "encode"))
    assert (redo.code, redo.extra["limit"], redo.extra["left"]) == ("quota_encode_minutes", 5, 1)
    assert redo.extra["free_at"].endswith("-01T00:00:00.000Z")


def test_a_month_that_is_used_up_takes_no_new_work(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.ENCODE_MINUTES: MINUTES})
    toys.submit(conn, "d0")
    for spec in place_all(conn):
        jobs.finish(conn, encoded(spec), toys.AT_ONCE)
    assert refused(lambda: toys.submit(conn, "d1")).code == "quota_encode_minutes"
    assert refused(lambda: begin(conn, 5, job={})).code == "quota_encode_minutes"
    begin(conn, 5)
    conn.execute(schema_quotas.usage.update().values(day="2001-01-01"))  # another month's does not count
    toys.submit(conn, "d1")


def test_jobs_that_fetch_want_room_in_the_storage(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 60})
    upload = begin(conn, 60)
    assert refused(lambda: toys.submit_url(conn)).code == "quota_stored_bytes"
    moves.complete(conn, upload, store(conn, 60), size_bytes=60)  # what was reserved can be stored
    assert refused(lambda: toys.submit_url(conn)).code == "quota_stored_bytes"


def test_most_of_a_limit_is_told_once_a_month(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 100, Quota.JOBS: 10})
    begin(conn, 79)
    assert told(conn) == []
    begin(conn, 1)
    begin(conn, 1)
    assert told(conn) == [("stored_bytes", 100, 80)]
    assert quotas.tell_of_near(conn) == 0
    conn.execute(schema_quotas.quota_warnings.delete())  # the next month
    store(conn, 5)
    assert quotas.tell_of_near(conn) == 1
    quotas.tell_of_near(conn)
    assert told(conn)[1:] == [("stored_bytes", 100, 86)]


def test_other_organizations_things_do_not_count(conn: Connection) -> None:
    other = new_id("org")
    conn.execute(schema.organizations.insert().values(id=other, name="other", created_ms=1))
    quotas.change(conn, ORG, {Quota.JOBS: 1, Quota.STORED_BYTES: 10})
    moves.create(conn, other, NewUpload(size_bytes=99, max_bytes=99, job=None), max_unfinished=9)
    begin(conn, 10)
    toys.submit(conn, "d0")
    assert quotas.standing(conn, other, everything=True).uses[Quota.JOBS] == Use()


def test_an_upload_is_not_refused_what_it_has_reserved(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 60})
    upload = begin(conn, 60)
    store(conn, 40)  # such as what jobs make meanwhile
    assert moves.complete(conn, upload, store(conn, 60), size_bytes=60).status == uploads.UploadStatus.COMPLETED
    assert use(conn, Quota.STORED_BYTES).left == 0


def test_what_was_stored_before_it_was_counted_is_counted_once(conn: Connection) -> None:
    for job_spec, source in _two_of(conn, f"orgs/{ORG}/sources/d/{new_id('obj')}"):
        jobs.submit(conn, ORG, job_spec, source=source)
    toys.run_everything(conn)
    store(conn, 1000, f"orgs/{ORG}/artifacts/key/att/source")
    before = counted(conn, Quota.STORED_BYTES)
    conn.execute(schema_quotas.stored.delete())
    conn.execute(text(counting.FIRST_COUNT), {"at_ms": 1})
    assert counted(conn, Quota.STORED_BYTES) == before


def test_what_went_straight_to_the_store_counts_and_waits_for_a_place(conn: Connection) -> None:
    quotas.change(conn, ORG, {Quota.STORED_BYTES: 100, Quota.JOBS: 1})
    direct = Direct(f"orgs/{ORG}/direct/{new_id('obj')}", "parts", 16 * 2**20)
    upload = begin(conn, 60, job={}, direct=direct)
    assert counted(conn, Quota.STORED_BYTES) == (0, 60)
    moves.arrived(conn, upload, direct)
    job = toys.submit(conn, "d0")
    assert uploads.readable(conn) == []
    jobs.cancel(conn, ORG, job.id)
    (ready,) = uploads.readable(conn)
    moves.complete(conn, ready, store(conn, 60, direct.key), size_bytes=60)
    assert counted(conn, Quota.STORED_BYTES)[0] >= 60
    assert counted(conn, Quota.STORED_BYTES)[1] == 0
