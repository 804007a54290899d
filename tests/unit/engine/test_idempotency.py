"""Requests that are carried out once, on every kind of database."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection, update

from tests.unit.engine.test_db import add_organization, names
from tests.unit.engine.toys import ORG
from vidcompute.db import claims, schema
from vidcompute.db.engine import Database
from vidcompute.errors import Kind, VidComputeError
from vidcompute.services import idempotency
from vidcompute.services.idempotency import Answer, KeyedRequest, RepeatedError


def once(*parts: str, key: str = "k1") -> KeyedRequest:
    made = KeyedRequest(ORG, key)
    made.cover(*parts)
    return made


def answered(conn: Connection, *parts: str) -> Answer:
    """What a request that was carried out is answered."""
    with pytest.raises(RepeatedError) as caught:
        once(*parts).recall(conn)
    return caught.value.answer


def refusal(conn: Connection, *parts: str) -> tuple[Kind, str]:
    with pytest.raises(VidComputeError) as caught:
        once(*parts).recall(conn)
    return caught.value.kind, caught.value.code


def test_the_same_request_again_gets_the_same_answer_and_does_nothing(conn: Connection) -> None:
    done = []

    def work(_: Connection) -> Answer:
        done.append(1)
        return Answer(201, {"id": "x"}, {"location": "/x"})

    assert once("a").within(conn, work) == Answer(201, {"id": "x"}, {"location": "/x"})
    with pytest.raises(RepeatedError):
        once("a").within(conn, work)
    assert answered(conn, "a") == Answer(201, {"id": "x"}, {"location": "/x"}, replayed=True)
    assert len(done) == 1


def test_a_key_is_for_one_request(conn: Connection) -> None:
    once("a", "bc").within(conn, lambda _: Answer(201, {}))
    for other in (("other",), ("ab", "c"), ("abc",)):
        assert refusal(conn, *other) == (Kind.CONFLICT, "idempotency_key_reused")


def test_what_failed_is_not_kept(conn: Connection) -> None:
    def broken(_: Connection) -> Answer:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        once("a").within(conn, broken)
    once("a").recall(conn)


def test_what_was_done_is_not_done_again_where_its_answer_is_not_known(conn: Connection) -> None:
    request = once("a")
    assert request.within(conn, lambda _: "something") == "something"
    assert refusal(conn, "a") == (Kind.CONFLICT, "idempotency_answer_missing")
    request.answer(conn, Answer(204, None, is_empty=True))
    request.release(conn)  # too late: it has its answer
    assert answered(conn, "a") == Answer(204, None, is_empty=True, replayed=True)


def test_what_was_begun_and_failed_may_be_done_again(conn: Connection) -> None:
    request = once("a")
    request.within(conn, lambda _: None)
    request.release(conn)
    once("a").recall(conn)
    once("b").recall(conn)


def test_an_answer_without_its_secret_is_told_as_such(conn: Connection) -> None:
    request = once("a")
    request.within(conn, lambda _: None)
    request.answer(conn, Answer(201, {"id": "x"}, withheld=True))
    with pytest.raises(VidComputeError, match="idempotency_secret_not_kept") as caught:
        once("a").recall(conn)
    assert caught.value.extra == {"answer": {"id": "x"}}


def test_a_persons_keys_are_theirs_and_are_forgotten_with_them(conn: Connection) -> None:
    def of(person_id: str) -> KeyedRequest:
        return KeyedRequest.of_person(person_id, "k1")

    for person_id in ("person_a", "person_b"):
        of(person_id).within(conn, lambda _: Answer(200, {}))
    once(key="mail").within(conn, lambda _: Answer(201, {"to": ["a@example.com"]}))
    once(key="other").within(conn, lambda _: Answer(201, {"to": ["aa@example.com"]}))
    assert idempotency.forget(conn, "person_a", ["a@example.com"]) == 2
    of("person_a").recall(conn)
    once(key="mail").recall(conn)
    for kept in (of("person_b"), once(key="other")):
        with pytest.raises(RepeatedError):
            kept.recall(conn)


def test_old_keys_are_forgotten(conn: Connection) -> None:
    once("a").within(conn, lambda _: Answer(201, {}))
    assert idempotency.purge(conn) == 0
    conn.execute(update(schema.idempotency_keys).values(created_ms=1))
    once("a").recall(conn)
    assert once("b").within(conn, lambda _: Answer(200, 5)) == Answer(200, 5)
    conn.execute(update(schema.idempotency_keys).values(created_ms=1))
    assert idempotency.purge(conn) == 1


async def test_the_first_transaction_of_a_task_that_is_committed_is_what_is_done_once(db: Database) -> None:
    request = once("a")
    with claims.none():
        claims.make(request)
        with pytest.raises(RuntimeError, match="broken"):
            await db.write(add_organization, "a", broken=True)
        assert (request.is_open, request.is_done) == (True, False)
        await db.write(add_organization, "b")
        assert (request.is_open, request.is_done) == (False, True)
        await db.write(add_organization, "c")
        claims.make(once("a"))
        with pytest.raises(VidComputeError, match="idempotency_answer_missing"):
            await db.write(add_organization, "d")
    await db.write(request.answer, Answer(201, {"id": "b"}))
    with pytest.raises(RepeatedError):
        await db.read(once("a").recall)
    assert {"b", "c"} <= await db.read(names)
    assert not {"a", "d"} & await db.read(names)


async def test_of_many_at_one_time_one_is_carried_out(db: Database) -> None:
    async def ask(name: str) -> str:
        claims.make(once("a"))
        try:
            return await db.write(add_organization, name)
        except VidComputeError as error:
            return error.code

    done = await asyncio.gather(*(ask(f"n{number}") for number in range(8)))
    assert done.count("idempotency_answer_missing") == 7
    assert len([name for name in await db.read(names) if name.startswith("n")]) == 1


async def test_one_that_is_cancelled_over_it_may_be_done_and_nothing_else_is(db: Database) -> None:
    inside, let_go = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        add_organization(conn, "slow")
        inside.set()
        assert let_go.wait(10)

    async def ask() -> None:
        claims.make(request)
        await db.write(slow)

    request = once("a")
    task = asyncio.create_task(ask())
    await asyncio.to_thread(inside.wait, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    let_go.set()
    await db.write(add_organization, "after")
    assert {"slow", "after"} <= await db.read(names)
    assert (request.is_open, request.is_done) == (False, False)
    with pytest.raises(VidComputeError, match="idempotency_answer_missing"):
        await db.read(once("a").recall)
