"""What a job is going to encode: reserved when it is planned, and counted as used when it is made."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, case, update

from vidcompute.db.schema import jobs
from vidcompute.pipeline.plan import PlanNode
from vidcompute.pipeline.stages.encode import Encode
from vidcompute.services import quotas, usage
from vidcompute.services.quotas import Quota
from vidcompute.services.tasks.queries import WANTED_BY, AnyRow, artifact_keys
from vidcompute.services.usage import UsageKind

_LEFT = jobs.c.encode_reserved_ms - bindparam("made_ms")
_TAKE_OFF = (
    update(jobs)
    .where(jobs.c.id.in_(WANTED_BY), jobs.c.encode_reserved_ms > 0)
    .values(encode_reserved_ms=case((_LEFT > 0, _LEFT), else_=0))
)
_RESERVE = update(jobs).where(jobs.c.id == bindparam("of_id")).values(encode_reserved_ms=bindparam("to_reserved_ms"))


def to_encode(
    conn: Connection,
    organization_id: str,
    nodes: Iterable[PlanNode],
    keys: Mapping[str, str],
    again: Collection[str] = (),
) -> list[PlanNode]:
    """Those of a plan's nodes that encode, and are not made already or are to be made again."""
    encodes = [node for node in nodes if node.stage == Encode.name]
    made = artifact_keys(conn, organization_id, [keys[node.id] for node in encodes])
    return [node for node in encodes if node.id in again or keys[node.id] not in made]


def reserve(conn: Connection, organization_id: str, job_id: str, nodes: Iterable[PlanNode]) -> None:
    """Reserve what these nodes encode, for a job that has nothing reserved.

    Raises `quota_encode_minutes` (forbidden) where that is more than there is left.
    """
    wanted_ms = sum(_media_ms(node.options) for node in nodes if node.stage == Encode.name)
    if wanted_ms:
        quotas.take(conn, organization_id, {Quota.ENCODE_MINUTES: wanted_ms})
        conn.execute(_RESERVE, {"of_id": job_id, "to_reserved_ms": wanted_ms})


def _media_ms(options: Mapping[str, Any]) -> int:
    """The length of what comes out, each rendition for itself."""
    cut = options.get("cut")
    if cut is None:
        return 0
    length_ms: int = 1000 * (cut["end_ticks"] - cut["start_ticks"]) // cut["timescale"]
    return length_ms * len(options["rungs"])


def record(conn: Connection, task: AnyRow, facts: Mapping[str, Any], at_ms: int) -> None:
    """Count what an attempt has encoded, and take it off what the jobs that want it have reserved."""
    made = usage.encoded_ms(facts) if task.stage == Encode.name else {}
    if made:
        usage.add(conn, task.organization_id, UsageKind.ENCODE_MS, made, at_ms)
        conn.execute(_TAKE_OFF, {"of_task": task.id, "made_ms": sum(made.values())})
