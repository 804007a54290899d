"""What a token opens to an attempt: its inputs to read, its output and its log to write, while it owns its task."""

import pytest
from sqlalchemy import Connection

from tests.unit.engine import toys
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import AttemptSpec, Finished, Outcome
from vidcompute.services import grants, jobs


def running(conn: Connection, stage: str) -> AttemptSpec:
    toys.submit(conn)
    spec = toys.run_until(conn, stage)[0]
    jobs.start(conn, spec.attempt_id)
    return spec


def opened(conn: Connection, spec: AttemptSpec) -> grants.Scope:
    return grants.scope_of(conn, grants.mint(grants.ensure_secret(conn), spec.attempt_id, 60))


def test_an_attempt_reads_its_inputs_and_writes_its_output(conn: Connection) -> None:
    encode = running(conn, "encode")
    (source,) = encode.inputs["source"]
    scope = opened(conn, encode)
    assert scope.may_read(source.key)
    assert not scope.may_read(f"{source.key}/more")
    assert not scope.may_read("orgs/other/sources/d0/x")
    assert not scope.may_list(source.key.rpartition("/")[0])
    assert scope.may_write(f"{encode.output_prefix}/made")
    assert not scope.may_write(encode.output_prefix)
    assert not scope.may_write(f"{encode.output_prefix}-too/made")
    assert not scope.may_write(source.key)
    assert scope.may_write(f"orgs/{toys.ORG}/logs/{encode.attempt_id}.log")
    assert not scope.may_write(f"orgs/{toys.ORG}/logs/att_other.log")


def test_artifacts_of_earlier_stages_are_prefixes(conn: Connection) -> None:
    package = running(conn, "package")
    scope = opened(conn, package)
    assert len(package.inputs["chunks"]) == 3
    for chunk in package.inputs["chunks"]:
        assert scope.may_list(chunk.key)
        assert scope.may_read(f"{chunk.key}/0/a.m4s")
        assert not scope.may_read(f"{chunk.key}x/a")
        assert not scope.may_write(f"{chunk.key}/0/a.m4s")


def test_an_attempt_that_lost_its_task_may_store_its_log_and_nothing_else(conn: Connection) -> None:
    encode = running(conn, "encode")
    jobs.finish(conn, Finished(encode.attempt_id, Outcome.LOST), toys.AT_ONCE)
    scope = opened(conn, encode)
    (source,) = encode.inputs["source"]
    assert not scope.may_read(source.key)
    assert not scope.may_write(f"{encode.output_prefix}/made")
    assert scope.may_write(f"orgs/{toys.ORG}/logs/{encode.attempt_id}.log")


def test_the_attempt_of_a_cancelled_job_may_do_nothing_more(conn: Connection) -> None:
    job = toys.submit(conn)
    encode = toys.run_until(conn, "encode")[0]
    jobs.cancel(conn, toys.ORG, job.id)
    assert not opened(conn, encode).may_write(f"{encode.output_prefix}/made")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: "a.b.c",
        lambda token: token + "x",
        lambda token: token.replace("att_", "atu_"),
        lambda token: token.replace(".", ".9", 1),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0] + ".ä",
    ],
)
def test_a_false_token_opens_nothing(conn: Connection, spoil: object) -> None:
    encode = running(conn, "encode")
    token = grants.mint(grants.ensure_secret(conn), encode.attempt_id, 60)
    assert callable(spoil)
    with pytest.raises(VidComputeError, match="grant_invalid") as caught:
        grants.scope_of(conn, spoil(token))
    assert caught.value.kind is Kind.UNAUTHENTICATED


def test_an_old_token_opens_nothing(conn: Connection) -> None:
    encode = running(conn, "encode")
    with pytest.raises(VidComputeError, match="its time is over"):
        grants.scope_of(conn, grants.mint(grants.ensure_secret(conn), encode.attempt_id, -2))


def test_before_any_server_made_a_secret_nothing_opens(conn: Connection) -> None:
    with pytest.raises(VidComputeError, match="grant_invalid"):
        grants.scope_of(conn, grants.mint(b"guessed", "att_1", 60))


def test_all_servers_share_the_secret_and_a_name(conn: Connection) -> None:
    secret = grants.ensure_secret(conn)
    assert grants.ensure_secret(conn) == secret
    name = grants.installation(secret)
    assert len(name) == 12
    assert name not in secret.hex()
