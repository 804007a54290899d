"""People in the rows: told of their jobs, shown what is kept, and taken away; on every kind of database."""

import json
from typing import Any

from sqlalchemy import Connection, select

from tests.unit.engine import toys
from tests.unit.engine.toys import ORG
from vidcompute.db import acting
from vidcompute.db.acting import Actor
from vidcompute.db.engine import Database
from vidcompute.db.schema import metadata
from vidcompute.db.schema_outgoing import mails
from vidcompute.errors import refused
from vidcompute.services import jobs, mail, privacy, telling
from vidcompute.services.accounts import Role
from vidcompute.services.mail import Mail
from vidcompute.services.organizations import service as members
from vidcompute.services.people import service as people
from vidcompute.services.telling import Choice, Teller

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
TELLER = Teller("https://video.test")


def arrive(conn: Connection) -> str:
    """Ann and Bob are members; Ann's identifier."""
    found = {}
    for email, role in ((ANN, Role.ADMIN), (BOB, Role.OWNER)):
        person = people.add(conn, email, email[:3], None, verified=True)
        acting.bind(conn, Actor("person", person.id, email, "req_1", "192.0.2.1"))
        members.join(conn, ORG, person.id, email, role)
        found[email] = person.id
    acting.bind(conn, None)
    return found[ANN]


def fail_one(conn: Connection, person_id: str) -> None:
    acting.bind(conn, Actor("person", person_id, ANN))
    job = toys.submit_url(conn)
    acting.bind(conn, None)
    jobs.fail(conn, job.id, refused("source_damaged", "It is damaged."))


def told(conn: Connection) -> int:
    return telling.tell(conn, telling.news(conn, telling.begin(conn), telling.TYPES), TELLER)


def last_end(conn: Connection) -> str:
    query = select(mails.c.unsubscribe).where(mails.c.unsubscribe.is_not(None)).order_by(mails.c.id.desc()).limit(1)
    return str(conn.execute(query).scalar_one()).partition("token=")[2]


async def test_who_began_a_job_is_told_until_they_end_it(db: Database) -> None:
    ann = await db.write(arrive)
    assert await db.write(told) == 0
    await db.write(fail_one, ann)
    assert await db.write(told) == 1
    assert await db.write(told) == 0
    assert await db.write(telling.unsubscribe, await db.read(last_end)) == "job_failed"
    await db.write(fail_one, ann)
    assert await db.write(told) == 0
    await db.write(telling.choose, ann, {"job_failed": Choice.ALL, "job_finished": Choice.OWN})
    assert (await db.read(telling.choices_of, ann))["job_finished"] is Choice.OWN
    await db.write(fail_one, "person_other")
    assert await db.write(told) == 1


def everything(conn: Connection) -> str:
    return str([conn.execute(select(table)).all() for table in metadata.sorted_tables])


async def kept(db: Database, person_id: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join([piece async for piece in privacy.export(db, person_id)]))
    return document


async def test_a_person_is_shown_whole_and_taken_away_whole(db: Database) -> None:
    ann = await db.write(arrive)
    await db.write(fail_one, ann)
    values = {"inviter": ANN, "organization": "local", "role": "viewer", "link": "https://x.test", "valid_for": "1 day"}
    await db.write(lambda conn: [mail.queue(conn, Mail(to, "invitation", values, ORG)) for to in (ANN, EVE)] and None)
    shown = await kept(db, ann)
    assert shown["addresses"] == [ANN]
    assert {row["action"] for row in shown["kept"]["audit"]} >= {"member.joined", "job.created"}
    assert [row["recipient"] for row in shown["kept"]["mails"]] == [ANN]
    assert BOB not in json.dumps(shown)
    assert ANN in await db.read(everything)
    await privacy.erase(db, ann)
    left = await db.read(everything)
    assert ANN not in left
    assert BOB in left
    assert EVE in left
    assert privacy.ERASED in left
