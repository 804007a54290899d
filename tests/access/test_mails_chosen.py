"""Which mails people get: chosen in their account, ended by one click, told once for each event, and never a flood."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, func, select

from tests.access.conftest import ANN, BOB, EVE, World, code
from tests.unit.engine import toys
from vidcompute.db import cursors, outbox
from vidcompute.db.schema_outgoing import mails
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.telling import Telling
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services import jobs, mail, telling
from vidcompute.services.telling import KINDS, Teller

MINE = "/api/v1/me/mails"
TELLER = Teller("https://video.test")
WISH = {"input": "https://example.com/a.mp4"}


async def tell(world: World, teller: Teller = TELLER) -> int:
    """What the leader does once; how many mails came of it."""

    def step(conn: Connection) -> int:
        return telling.tell(conn, telling.news(conn, telling.begin(conn), telling.TYPES), teller)

    return await world.platform.deps.db.write(step)


async def submitted(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/api/v1/jobs", json=WISH)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def fail(world: World, job_id: str, detail: str = "It broke.") -> None:
    error = VidComputeError(Kind.REFUSED, "source_damaged", detail)
    await world.platform.deps.db.write(lambda conn: jobs.fail(conn, job_id, error) and None)


async def got(world: World, email: str) -> list[str]:
    """The kinds of mails about work that a mailbox got."""
    ways_in = {"welcome", "invitation", "verify", "reset"}
    return [one.template for one in await world.mails(email) if one.template not in ways_in]


async def test_every_kind_of_mail_has_a_row_and_is_a_template(world: World) -> None:
    assert set(KINDS) == set(mail.VALUES)
    ann = await world.joined(ANN, "viewer")
    items = (await ann.get(MINE)).json()["items"]
    assert [item["kind"] for item in items] == list(KINDS)
    assert {item["kind"] for item in items if not item["choices"]} == {
        "account_changed",
        "welcome",
        "verify",
        "reset",
        "invitation",
    }
    assert all(item["choice"] in item["choices"] for item in items if item["choices"])


async def test_who_began_a_job_is_told_that_it_failed_and_nobody_that_it_is_done(world: World) -> None:
    await tell(world)
    ann, bob = await world.joined(ANN, "editor"), await world.joined(BOB, "owner")
    await fail(world, await submitted(ann), "<b>no</b> video")
    await submitted(bob)
    await world.platform.finish_all()
    await tell(world)
    assert (await got(world, ANN), await got(world, BOB)) == (["job_failed"], [])
    (told,) = [one for one in await world.mails(ANN) if one.template == "job_failed"]
    assert told[1]["reason"] == "<b>no</b> video"
    assert told[1]["link"].startswith("https://video.test/watch/")
    assert await tell(world) == 0, "once"


async def test_frames_that_were_asked_for_are_no_news(world: World) -> None:
    await tell(world)
    ann = await world.joined(ANN, "editor")
    made = await submitted(ann)
    await world.platform.finish_all()
    asset_id = (await ann.get(f"/api/v1/jobs/{made}")).json()["asset_id"]
    frames = await ann.post("/api/v1/jobs", json={"input": {"asset": asset_id}, "outputs": ["frames"]})
    await fail(world, frames.json()["id"])
    await tell(world)
    assert await got(world, ANN) == []


async def test_people_choose_to_hear_of_all_of_their_own_or_of_none(world: World) -> None:
    await tell(world)
    ann, bob, eve = [await world.joined(email, "editor") for email in (ANN, BOB, EVE)]
    wishes = ((ann, {"job_failed": "all", "job_finished": "own"}), (bob, {"job_failed": "off"}))
    for client, wish in wishes:
        chosen = (await client.patch(MINE, json={"choices": wish})).json()["items"]
        assert {item["kind"]: item["choice"] for item in chosen}.items() >= wish.items()
    for client in (ann, bob, eve):
        await fail(world, await submitted(client))
    await submitted(ann)
    await submitted(bob)
    await world.platform.finish_all()
    await tell(world)
    assert sorted(await got(world, ANN)) == ["job_failed"] * 3 + ["job_finished"]
    assert await got(world, BOB) == []
    assert await got(world, EVE) == ["job_failed"]


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"reset": "off"}, (409, "mail_kind_needed")),
        ({"invitation": "own"}, (409, "mail_kind_needed")),
        ({"unheard_of": "off"}, (422, "mail_kind_unknown")),
        ({"quota_near": "own"}, (422, "mail_choice_invalid")),
        ({"job_failed": "sometimes"}, (422, "invalid_request")),
    ],
)
async def test_what_security_needs_can_not_be_switched_off(
    world: World, wish: dict[str, str], problem: tuple[int, str]
) -> None:
    ann = await world.joined(ANN)
    before = (await ann.get(MINE)).json()
    assert code(await ann.patch(MINE, json={"choices": {"job_failed": "off", **wish}})) == problem
    assert (await ann.get(MINE)).json() == before, "all of it, or nothing"
    assert code(await world.operator().get(MINE)) == (403, "person_required")


async def test_nobody_is_flooded(world: World) -> None:
    await tell(world)
    ann = await world.joined(ANN, "editor")
    for _ in range(25):
        await fail(world, await submitted(ann))
    assert await tell(world) == 20
    assert await got(world, ANN) == ["job_failed"] * 20


async def switched_off(world: World) -> None:
    def step(conn: Connection) -> None:
        data = {"webhook_id": "hook_1", "url": "https://receiver.test/hook", "reason": "gone"}
        outbox.emit(conn, LOCAL_ORGANIZATION, "webhook.disabled", "hook_1", data)

    await world.platform.deps.db.write(step)


async def test_owners_and_admins_are_told_of_what_they_look_after_else_the_operator(world: World) -> None:
    await tell(world)
    operated = Teller("https://video.test", "operator@example.com")
    await switched_off(world)
    await tell(world, operated)
    assert await got(world, "operator@example.com") == ["endpoint_disabled"]
    for email, role in ((ANN, "owner"), (BOB, "admin"), (EVE, "editor")):
        await world.joined(email, role)
    await switched_off(world)
    await tell(world, operated)
    assert [await got(world, email) for email in (ANN, BOB, EVE)] == [["endpoint_disabled"]] * 2 + [[]]
    (told,) = [one for one in await world.mails(ANN) if one.template == "endpoint_disabled"]
    assert (told[1]["organization"], told[1]["reason"]) == ("local", "the receiver answered 410 Gone.")
    assert await got(world, "operator@example.com") == ["endpoint_disabled"], "not any more"


async def test_a_quota_that_is_nearly_used_up_is_told_in_words(world: World) -> None:
    await tell(world)
    await world.joined(ANN, "owner")

    def near(conn: Connection) -> None:
        for quota, limit, used in (("stored_bytes", 2e11, 1.7e11), ("encode_minutes", 600, 512.5)):
            data = {"quota": quota, "limit": limit, "used": used, "period": "2026-11"}
            outbox.emit(conn, LOCAL_ORGANIZATION, "quota.near", LOCAL_ORGANIZATION, data)

    await world.platform.deps.db.write(near)
    assert await tell(world) == 2
    told = {mail.render("quota_near", one[1]).subject for one in await world.mails(ANN) if one.template == "quota_near"}
    assert told == {"Stored: 170.0 GB of 200.0 GB are used", "Encode minutes: 512.5 of 600 are used"}


# -- one click -----------------------------------------------------------------------------------------------------


async def end_of(world: World, email: str) -> str:
    """The address that ends mails of the kind of the newest one."""

    def read(conn: Connection) -> str:
        query = select(mails.c.unsubscribe).where(mails.c.recipient == email, mails.c.unsubscribe.is_not(None))
        return str(conn.execute(query.order_by(mails.c.id.desc()).limit(1)).scalar_one())

    return await world.platform.deps.db.read(read)


async def test_one_click_ends_mails_of_a_kind_without_logging_in(world: World) -> None:
    await tell(world)
    ann = await world.joined(ANN, "editor")
    await fail(world, await submitted(ann))
    await tell(world)
    address = await end_of(world, ANN)
    assert address.startswith("https://video.test/account/unsubscribe?token=")
    mailbox_program = world.client()
    page = await mailbox_program.get(address)
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert (await ann.get(MINE)).json()["items"][5]["choice"] == "own", "looking at it ends nothing"
    body = {"List-Unsubscribe": "One-Click"}
    answer = await mailbox_program.post(address, data=body, headers={"Origin": "https://mail.test"})
    assert (answer.status_code, answer.text) == (200, "You get no more mails of the kind job_failed.")
    assert (await mailbox_program.post(address, data=body)).status_code == 200, "done twice it is done"
    chosen = {item["kind"]: item["choice"] for item in (await ann.get(MINE)).json()["items"]}
    assert (chosen["job_failed"], chosen["endpoint_disabled"]) == ("off", "all")
    await fail(world, await submitted(ann))
    assert await tell(world) == 0


async def test_a_link_that_nobody_sent_ends_nothing(world: World) -> None:
    await tell(world)
    ann = await world.joined(ANN, "owner")
    stranger = world.client()
    unsigned = await stranger.post("/account/unsubscribe", params={"token": "person_x.job_failed.AAAA"})
    assert code(unsigned) == (422, "link_invalid"), "before there ever was a secret"
    await fail(world, await submitted(ann))
    await tell(world)
    person_id, kind, signature = (await end_of(world, ANN)).partition("token=")[2].split(".")
    bob = await world.joined(BOB)
    other = (await bob.get("/api/v1/me")).json()["id"]
    for forged in (
        *("", ".", "..", "...", f"{person_id}.{kind}", f"{person_id}.{kind}.", f"{person_id}.{kind}.{signature}x"),
        *(f"{other}.{kind}.{signature}", f"{person_id}.quota_near.{signature}", f"{person_id}.reset.{signature}"),
        *(f"{person_id}.{kind}.ä", f"{signature}.{kind}.{person_id}"),
    ):
        answer = await stranger.post("/account/unsubscribe", params={"token": forged})
        assert code(answer) == (422, "link_invalid"), forged
    assert (await stranger.post("/account/unsubscribe")).status_code == 422
    chosen = {item["kind"]: item["choice"] for item in (await ann.get(MINE)).json()["items"]}
    assert "off" not in {choice for kind, choice in chosen.items() if kind != "job_finished"}


async def test_mails_that_security_needs_have_no_such_link(world: World) -> None:
    await world.joined(ANN)
    await world.client().post("/api/v1/forgot-password", json={"email": ANN})

    def read(conn: Connection) -> set[str]:
        return set(conn.execute(select(mails.c.template).where(mails.c.unsubscribe.is_not(None))).scalars())

    assert await world.platform.deps.db.read(read) == set()


# -- the leader's part ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def leading(world: World, holder: str) -> AsyncIterator[asyncio.Task[None]]:
    lead = Leading(world.platform.deps.db, holder, lease_s=60.0)
    assert await lead.take() is None
    task = asyncio.create_task(Telling(world.platform.deps.db, TELLER).run(lead))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def counted(world: World) -> int:
    def read(conn: Connection) -> Any:
        return conn.execute(select(func.count()).select_from(mails).where(mails.c.template == "job_failed")).scalar()

    return int(await world.platform.deps.db.read(read))


async def test_each_event_is_told_once_over_ends_of_leaders_and_what_was_before_the_first_is_not(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    await fail(world, await submitted(ann))
    db = world.platform.deps.db
    async with leading(world, "one"):
        async with asyncio.timeout(10):
            while await db.read(cursors.read, telling.CURSOR) is None:
                await asyncio.sleep(0.01)
        assert await counted(world) == 0
    await fail(world, await submitted(ann))  # while nobody leads
    for _ in range(3):
        async with leading(world, "one"), asyncio.timeout(10):
            while await counted(world) < 1:
                await asyncio.sleep(0.01)
    assert await counted(world) == 1
    await db.read(toys.check_events)


async def test_mails_and_how_far_events_were_looked_at_are_one_transaction(world: World) -> None:
    await tell(world)
    ann = await world.joined(ANN, "editor")
    await fail(world, await submitted(ann))

    def killed(conn: Connection) -> None:
        telling.tell(conn, telling.news(conn, telling.begin(conn), telling.TYPES), TELLER)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await world.platform.deps.db.write(killed)
    assert await counted(world) == 0
    assert await tell(world) == 1
