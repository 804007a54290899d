"""Whatever happens to uploads and jobs, in whatever order: what is reserved is never below 0, nor above its limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from tests.fixtures.encoding import encoded, place_all
from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.ports.executor import AttemptSpec
from vidcompute.services import assets, jobs, quotas, uploads
from vidcompute.services.quotas import HELD, Quota
from vidcompute.services.uploads import NewUpload, moves

T = TypeVar("T")

# The sources that lie by themselves, each object once; the toys' artifacts are empty, but for those of their probes.
_STORED = """SELECT (SELECT coalesce(sum(size_bytes), 0) FROM artifacts)
+ (SELECT coalesce(sum(size_bytes), 0) FROM (SELECT DISTINCT storage_key, size_bytes FROM sources) AS found)"""


@dataclass
class Tenant:
    """An organization with tight limits, and what it can do."""

    conn: Connection
    placed: list[AttemptSpec] = field(default_factory=list)

    def pick(self, found: Sequence[T], number: int) -> T | None:
        return found[number % len(found)] if found else None

    def begin(self, number: int) -> None:
        known = number % 3 > 0
        new = NewUpload(size_bytes=8 * (number + 1) if known else None, max_bytes=2**40)
        moves.create(self.conn, ORG, new, max_unfinished=9)

    def unfinished(self, number: int) -> uploads.Upload | None:
        page = uploads.list_uploads(self.conn, ORG, limit=100, status="uploading")
        return self.pick(page.items, number)

    def grow(self, number: int) -> None:
        upload = self.unfinished(number)
        if upload is not None and upload.size_bytes is None:
            moves.advance(self.conn, upload, upload.offset_bytes + number, [])

    def complete(self, number: int) -> None:
        upload = self.unfinished(number)
        if upload is not None:
            size_bytes = upload.size_bytes if upload.size_bytes is not None else upload.offset_bytes + number
            digest = f"d{number % 4}"  # some videos come again
            key = f"orgs/{ORG}/sources/{digest}/{new_id('obj')}"
            source = assets.add_source(self.conn, ORG, digest=digest, size_bytes=size_bytes, storage_key=key, name="x")
            moves.complete(self.conn, upload, source, size_bytes=size_bytes)

    def give_up(self, number: int) -> None:
        upload = self.unfinished(number)
        if upload is not None:
            moves.cancel(self.conn, upload)

    def expire(self, number: int) -> None:
        if number == 0:
            moves.expire(self.conn, 2**60)

    def work(self, number: int) -> None:
        self.placed += place_all(self.conn)
        spec = self.pick(self.placed, number)
        if spec is not None:
            self.placed.remove(spec)
            jobs.finish(self.conn, encoded(spec), toys.AT_ONCE)

    def fail(self, number: int) -> None:
        spec = self.pick(self.placed, number)
        if spec is not None:
            self.placed.remove(spec)
            kind = Kind.REFUSED if number % 2 else Kind.INTERNAL
            jobs.finish(self.conn, toys.failed(spec, kind), toys.AT_ONCE)

    def job(self, number: int) -> jobs.ListedJob | None:
        return self.pick(jobs.list_jobs(self.conn, ORG, limit=100).items, number)

    def cancel(self, number: int) -> None:
        job = self.job(number)
        if job is not None:
            jobs.cancel(self.conn, ORG, job.id)

    def retry(self, number: int) -> None:
        job = self.job(number)
        if job is not None:
            jobs.retry(self.conn, ORG, job.id, "encode" if job.status == "done" else None)

    def delete(self, number: int) -> None:
        job = self.job(number)
        if job is not None:
            assets.remove(self.conn, ORG, job.asset_id)

    def check(self) -> None:
        found = quotas.standing(self.conn, ORG, everything=True).uses
        for quota in HELD:
            use = found[quota]
            assert use.used >= 0
            assert use.reserved >= 0
            assert use.limit is not None
            if quota is not Quota.STORED_BYTES:  # what jobs make is stored without being asked for
                assert use.used + use.reserved <= use.limit, quota
            assert use.reserved <= use.limit
        assert found[Quota.STORED_BYTES].used == self.conn.execute(text(_STORED)).scalar_one()


DEEDS: list[Callable[[Tenant, int], None]] = [
    *(Tenant.begin, Tenant.begin, Tenant.grow, Tenant.complete, Tenant.complete, Tenant.give_up, Tenant.expire),
    *(Tenant.work, Tenant.work, Tenant.fail, Tenant.cancel, Tenant.retry, Tenant.delete),
]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 9)), min_size=30, max_size=60))
def test_what_is_reserved_is_within_its_limit_and_nothing_when_all_is_gone(
    deeds: list[tuple[Callable[[Tenant, int], None], int]],
) -> None:
    conn = toys.memory_connection()
    tenant = Tenant(conn)
    limits = {Quota.STORED_BYTES: 120, Quota.UPLOAD_BYTES: 70, Quota.JOBS: 3, Quota.ENCODE_MINUTES: 10}
    quotas.set_for_all(conn, limits)
    conn.commit()
    for deed, number in deeds:
        placed = list(tenant.placed)
        try:
            deed(tenant, number)
        except VidComputeError as error:
            if not error.code.startswith(("quota_", "job_", "stage_unknown", "too_many_uploads")):
                raise
            conn.rollback()
            tenant.placed = placed
        else:
            conn.commit()
        tenant.check()
    while (upload := tenant.unfinished(0)) is not None:
        moves.cancel(conn, upload)
    while (job := tenant.job(0)) is not None:
        assets.remove(conn, ORG, job.asset_id)
    found = quotas.standing(conn, ORG, everything=True).uses
    kept = [use.used for quota, use in found.items() if quota is not Quota.ENCODE_MINUTES]  # minutes stay used
    assert [*kept, *(use.reserved for use in found.values())] == [0] * 9
    conn.close()
