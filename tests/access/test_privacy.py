"""What is kept about a person: shown whole and to nobody else; and taken away, wherever it stands."""

import json
from io import BytesIO
from typing import Any

import httpx2
from PIL import Image
from sqlalchemy import Connection, Table, func, insert, select, update

from tests.access.conftest import ANN, BOB, EVE, PASSWORD, World, code
from vidcompute.db import outbox
from vidcompute.db.schema import audit, metadata, organizations
from vidcompute.db.schema_outgoing import deliveries, delivery_attempts, mails, webhooks
from vidcompute.db.schema_people import logos, persons
from vidcompute.ids import LOCAL_ORGANIZATION, new_id
from vidcompute.services import mail
from vidcompute.services.mail import Mail
from vidcompute.services.privacy import ERASED, queries

EXPORT, ERASE = "/api/v1/me/export", "/api/v1/me/erase"
MINE = {"email": ANN, "current_password": PASSWORD}


async def everything(world: World) -> dict[str, str]:
    """Every row of every table, as text."""

    def read(conn: Connection) -> dict[str, str]:
        return {table.name: str(conn.execute(select(table)).all()) for table in metadata.sorted_tables}

    return await world.platform.deps.db.read(read)


async def deliver(world: World, seq_of: str) -> None:
    """A webhook of the organization was told of what happened to this address."""

    def step(conn: Connection) -> None:
        at = {"created_ms": outbox.now_ms()}
        hook = {"id": new_id("hook"), "organization_id": LOCAL_ORGANIZATION, "url": "https://r.test/", "enabled": True}
        own = {"description": "", "events": ["*"], "after_seq": 0, "secret_version": 1, "updated_ms": 1}
        conn.execute(insert(webhooks).values(**hook, **own, **at))
        body = json.dumps({"data": {"email": seq_of, "other": f"x{seq_of}"}})
        told = {"type": "member.joined", "subject_id": "person_x", "status": "delivered", "attempts": 1, "next_ms": 1}
        made = {"id": new_id("msg"), "organization_id": LOCAL_ORGANIZATION, "webhook_id": hook["id"], "seq": 1}
        conn.execute(insert(deliveries).values(**made, **told, body=body, **at))
        tried = {"number": 1, "started_ms": 1, "latency_ms": 1, "url": "https://r.test/", "request_headers": {}}
        echo = {"response_status": 200, "response_body": f"hello {seq_of}"}
        conn.execute(insert(delivery_attempts).values(delivery_id=made["id"], **tried, **echo))

    await world.platform.deps.db.write(step)


# -- shown ---------------------------------------------------------------------------------------------------------


async def test_all_that_is_kept_is_shown_to_oneself_and_without_secrets(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    await world.joined(BOB)
    await ann.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"})
    await ann.patch("/api/v1/me/mails", json={"choices": {"job_failed": "off"}})
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})
    answer = await ann.get(EXPORT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert "attachment" in answer.headers["content-disposition"]
    told = answer.json()
    kept = told["kept"]
    assert told["addresses"] == [ANN]
    assert set(kept) == {table.name for table in queries.tables()}
    assert (kept["persons"][0]["email"], kept["memberships"][0]["role"]) == (ANN, "editor")
    assert kept["sessions"][0]["seen_at"].endswith("Z")
    assert [row["choice"] for row in kept["mail_choices"]] == ["off"]
    assert {row["action"] for row in kept["audit"]} >= {"session.started", "job.created", "person.mails_chosen"}
    assert {row["template"] for row in kept["mails"]} >= {"invitation", "welcome", "reset"}
    assert [row["email"] for row in kept["invitations"]] == [ANN]
    secret = await world.secret(ANN, "reset")
    for hidden in (BOB, secret, "argon2", "digest"):
        assert hidden not in answer.text, hidden


async def test_a_long_log_comes_by_pages_and_whole(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    mine = (await ann.get("/api/v1/me")).json()["id"]

    def many(conn: Connection) -> None:
        who = {"actor_kind": "person", "actor_id": mine, "actor": ANN, "request_id": "", "address": "192.0.2.1"}
        done: dict[str, Any] = {
            "organization_id": None,
            "action": "x.y",
            "subject_id": "s",
            "data": {},
            "created_ms": 1,
        }
        conn.execute(insert(audit), [{"id": new_id("aud"), **who, **done} for _ in range(1201)])

    await world.platform.deps.db.write(many)
    rows = (await ann.get(EXPORT)).json()["kept"]["audit"]
    assert len([row for row in rows if row["action"] == "x.y"]) == 1201
    assert len({row["id"] for row in rows}) == len(rows)


def test_no_table_of_persons_is_left_out_and_no_secret_is_let_out() -> None:
    """A new table with a `person_id` is exported by itself; what is secret in it must be withheld."""
    told = {table.name for table in queries.tables()}
    assert told >= {"persons", "memberships", "sessions", "proofs", "mail_choices", "audit", "events", "mails"}
    naming = [table for table in metadata.sorted_tables if {"email", "recipient", "person_id"} & set(table.c.keys())]
    assert {table.name for table in naming} <= told
    words = ("secret", "digest", "password", "token", "private", "hash", "code", "challenge")
    harmless = {("mails", "error_code")}
    shown = {(t.name, c.name) for t in queries.tables() for c in t.c if c.name not in queries.WITHHELD}
    assert not {place for place in shown - harmless if any(word in place[1] for word in words)}


async def test_nobody_else_is_shown(world: World) -> None:
    await world.joined(ANN)
    bob = await world.joined(BOB, "admin")
    assert ANN not in (await bob.get(EXPORT)).text
    assert code(await world.operator().get(EXPORT)) == (403, "person_required")
    assert code(await bob.post("/api/v1/people/export", json={"email": ANN})) == (403, "scope_missing")
    assert code(await bob.post("/api/v1/people/erase", json={"email": ANN})) == (403, "scope_missing")


async def test_who_runs_the_installation_shows_and_erases_on_request(world: World) -> None:
    await world.joined(BOB)
    await world.joined(ANN, "viewer")
    operator = world.operator()
    told = (await operator.post("/api/v1/people/export", json={"email": ANN.upper()})).json()
    assert told["kept"]["persons"][0]["email"] == ANN
    assert code(await operator.post("/api/v1/people/erase", json={"email": EVE})) == (404, "person_not_found")
    assert (await operator.post("/api/v1/people/erase", json={"email": ANN})).status_code == 204
    assert code(await operator.post("/api/v1/people/export", json={"email": ANN})) == (404, "person_not_found")
    actions = [entry["action"] for entry in (await operator.get("/api/v1/audit")).json()["items"]]
    assert {"person.exported", "person.erasure_asked", "person.erased", "member.left"} <= set(actions)


# -- taken away ----------------------------------------------------------------------------------------------------


async def test_an_erased_person_is_told_of_nowhere(world: World) -> None:
    ann, bob = await world.joined(ANN, "admin"), await world.joined(BOB, "owner")
    await world.browser(ANN)
    await ann.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"})
    await ann.post("/api/v1/invitations", json={"email": EVE})
    await bob.post("/api/v1/invitations", json={"email": "ann@example.org"})
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})
    await ann.patch("/api/v1/me/mails", json={"choices": {"job_failed": "all"}})
    await deliver(world, ANN)
    mine = (await ann.get("/api/v1/me")).json()["id"]
    before = await everything(world)
    assert all(ANN in before[name] for name in ("persons", "audit", "events", "mails", "invitations", "deliveries"))
    assert (await ann.post(ERASE, json=MINE)).status_code == 204
    after = await everything(world)
    left = {name: rows for name, rows in after.items() if ANN in rows.replace(f"x{ANN}", "")}
    assert left == {}
    assert mine not in after["persons"] + after["sessions"] + after["memberships"] + after["proofs"]
    assert code(await ann.get("/api/v1/me")) == (401, "session_ended")
    wrong = {"email": ANN, "password": PASSWORD}
    assert code(await world.client().post("/api/v1/login", json=wrong)) == (401, "login_failed")
    assert (await bob.get("/api/v1/members")).json()["items"][0]["email"] == BOB
    assert EVE in after["invitations"] + after["mails"], "what is about others stays"
    entries = (await bob.get("/api/v1/audit", params={"actor_id": mine})).json()["items"]
    assert {"job.created", "session.started"} <= {entry["action"] for entry in entries}, "what was done is seen"
    assert {(entry["actor"], entry["address"]) for entry in entries} == {(ERASED, "")}
    assert f"x{ANN}" in after["deliveries"], "what only ends like it is another's"


async def test_addresses_that_one_had_before_go_as_well_unless_they_are_anothers_now(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    await world.joined(BOB)
    for fresh in ("second@example.com", "third@example.com"):
        await ann.post("/api/v1/me/email", json={"current_password": PASSWORD, "email": fresh})
        await ann.post("/api/v1/me/email/confirm", json={"token": await world.secret(fresh, "verify")})
        await ann.patch("/api/v1/me", json={"name": "Ann"})
    other = await world.joined(ANN, "viewer")  # somebody else has her first address by now
    assert (await ann.get(EXPORT)).json()["addresses"] == ["second@example.com", "third@example.com"]
    gone = {"email": "third@example.com", "current_password": PASSWORD}
    assert (await ann.post(ERASE, json=gone)).status_code == 204
    after = str(await everything(world))
    assert "second@example.com" not in after
    assert "third@example.com" not in after
    assert (await other.get("/api/v1/me")).json()["email"] == ANN
    assert "invitation" in [one.template for one in await world.mails(ANN)]


async def test_one_has_to_mean_it(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    await world.joined(BOB)
    wrong = {**MINE, "current_password": "nonsense"}
    assert code(await ann.post(ERASE, json=wrong)) == (403, "password_wrong")
    assert code(await ann.post(ERASE, json={"email": ANN})) == (403, "password_wrong")
    assert code(await ann.post(ERASE, json={**MINE, "email": BOB})) == (422, "email_wrong")
    assert code(await world.operator().post(ERASE, json=MINE)) == (403, "person_required")
    browser = await world.browser(ANN)
    del browser.headers["Sec-Fetch-Site"]
    evil = {"Origin": "https://evil.test"}
    assert code(await browser.post(ERASE, json=MINE, headers=evil)) == (403, "cross_site")
    assert (await ann.get("/api/v1/me")).status_code == 200
    without = update(persons).where(persons.c.email == ANN).values(password=None)
    await world.platform.deps.db.write(lambda conn: conn.execute(without) and None)
    assert (await ann.post(ERASE, json={"email": ANN.upper()})).status_code == 204, "who has no password needs none"


async def organization(client: httpx2.AsyncClient, name: str) -> dict[str, str]:
    made = (await client.post("/api/v1/organizations", json={"name": name})).json()
    return {"X-Organization": made["id"]}


async def test_the_last_owner_is_told_what_to_do_first(world: World) -> None:
    ann, bob = await world.joined(ANN, "editor"), await world.joined(BOB, "owner")
    films = await organization(ann, "Films")
    await ann.post("/api/v1/invitations", json={"email": BOB, "role": "viewer"}, headers=films)
    await bob.post("/api/v1/invitations/accept", json={"token": await world.secret(BOB, "invitation")})
    clips = await organization(ann, "Clips")
    job = (await ann.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"}, headers=clips)).json()
    refused = await ann.post(ERASE, json=MINE)
    assert code(refused) == (409, "last_owner")
    assert "make somebody else an owner of 'Films'" in refused.json()["detail"]
    assert "delete the videos of 'Clips'" in refused.json()["detail"]
    assert ANN in (await everything(world))["persons"], "nothing was done"
    bobs = (await bob.get("/api/v1/me")).json()["id"]
    await ann.post("/api/v1/organization/transfer", json={"person_id": bobs}, headers=films)
    await ann.delete(f"/api/v1/jobs/{job['id']}", headers=clips)
    assert (await ann.delete(f"/api/v1/assets/{job['asset_id']}", headers=clips)).status_code < 300
    assert (await ann.post(ERASE, json=MINE)).status_code == 204


async def test_an_organization_that_nobody_is_left_in_is_closed(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    await world.joined(BOB)
    own = await organization(ann, "Ann Example")
    key = (await ann.post("/api/v1/keys", json={"name": "mine", "scopes": ["*"]}, headers=own)).json()["secret"]
    await ann.post("/api/v1/webhooks", json={"url": "https://receiver.test/"}, headers=own)
    await ann.post("/api/v1/invitations", json={"email": EVE}, headers=own)
    logo = BytesIO()
    Image.new("RGB", (9, 9)).save(logo, "PNG")
    assert (await ann.put("/api/v1/organization/logo", content=logo.getvalue(), headers=own)).status_code == 204
    secret = await world.secret(EVE, "invitation")
    assert (await ann.post(ERASE, json=MINE)).status_code == 204
    keyed = world.client(Authorization=f"Bearer {key}")
    assert code(await keyed.get("/api/v1/jobs")) == (401, "invalid_api_key")
    assert code(await world.client().post("/api/v1/invitations/view", json={"token": secret})) == (
        *(404, "invitation_not_found"),
    )

    def read(conn: Connection) -> tuple[Any, Any]:
        row = conn.execute(select(organizations).where(organizations.c.id == own["X-Organization"])).one()
        left = [conn.execute(select(func.count()).select_from(table)).scalar() for table in (webhooks, logos)]
        return (row.name, row.slug, row.logo_digest), left

    assert await world.platform.deps.db.read(read) == (("erased", None, None), [0, 0])


async def test_mails_to_others_forget_who_is_named_in_them(world: World) -> None:
    await world.joined(BOB)
    ann = await world.joined(ANN, "admin")
    await ann.post("/api/v1/invitations", json={"email": EVE})
    await ann.post(ERASE, json=MINE)
    (invited,) = await world.mails(EVE)
    assert invited[1]["inviter"] == ERASED
    assert await world.mails(ANN) == []

    def sent(conn: Connection) -> list[str]:
        values = {"name": "x", "link": "https://x.test", "valid_for": "1 hour"}
        mail.queue(conn, Mail(EVE, "reset", values))
        return list(conn.execute(select(mails.c.recipient)).scalars())

    assert set(await world.platform.deps.db.write(sent)) == {BOB, EVE}


def test_every_table_of_a_person_goes_with_their_account() -> None:
    def follows(table: Table) -> bool:
        keys = [key for key in table.foreign_keys if key.column.table is persons]
        return bool(keys) and all(key.ondelete == "CASCADE" for key in keys)

    assert [table.name for table in queries.own_tables() if not follows(table)] == []
