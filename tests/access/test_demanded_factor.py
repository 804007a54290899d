"""Organizations that demand a second factor of their members: who has none does nothing there, and can get one."""

from typing import Any

import httpx2
import pytest

from tests.access.conftest import ANN, BOB, EVE, PASSWORD, World, code
from tests.access.test_second_factor import FACTOR, enrolled, let_time_pass, shown

ORGANIZATION = "/api/v1/organization"
JOBS = "/api/v1/jobs"
DEMAND = {"second_factor_required": True}
LACKING = (403, "second_factor_required")
MISSING = (409, "second_factor_missing")


async def demanded(client: httpx2.AsyncClient, *, demand: bool = True, **headers: str) -> httpx2.Response:
    return await client.patch(ORGANIZATION, json={"second_factor_required": demand}, headers=headers)


async def enrol(client: httpx2.AsyncClient) -> str:
    """Set an app up; its secret."""
    secret: str = (await client.post(FACTOR, json={"current_password": PASSWORD})).json()["secret"]
    answer = await client.post(f"{FACTOR}/confirm", json={"code": shown(secret)})
    assert answer.status_code == 200, answer.text
    return secret


@pytest.mark.parametrize("kind", ["app", "browser"])
async def test_who_has_none_is_told_what_to_do_and_does_nothing_else_there(world: World, kind: str) -> None:
    ann, _, _ = await enrolled(world)
    bob = await world.joined(BOB, "editor")
    member = bob if kind == "app" else await world.browser(BOB)
    assert (await member.get(JOBS)).status_code == 200
    assert (await demanded(ann)).json()["second_factor_required"] is True
    for method, path, body in (("GET", JOBS, None), ("GET", ORGANIZATION, None), ("PATCH", ORGANIZATION, DEMAND)):
        refused = await member.request(method, path, json=body)
        assert code(refused) == LACKING, path
        assert "/account/security" in refused.json()["detail"]
    assert (await member.get("/api/v1/caller")).json()["scopes"] == []
    (home,) = (await member.get("/api/v1/organizations")).json()["items"]
    assert home["second_factor_required"] is True
    await enrol(member)
    assert (await member.get(JOBS)).status_code == 200
    assert (await ann.get(JOBS)).status_code == 200


async def test_elsewhere_they_work_as_before_and_keys_do_everywhere(world: World) -> None:
    ann, _, _ = await enrolled(world)
    bob = await world.joined(BOB, "editor")
    own = (await bob.post("/api/v1/organizations", json={"name": "Bob's"})).json()
    await demanded(ann)
    assert code(await bob.get(JOBS)) == LACKING
    assert (await bob.get(JOBS, headers={"X-Organization": own["id"]})).status_code == 200
    assert (await world.operator().get(JOBS)).status_code == 200
    assert (await bob.post(f"{ORGANIZATION}/leave")).status_code == 204
    assert (await bob.get(JOBS)).status_code == 200


async def test_who_demands_it_has_it_and_so_has_an_owner(world: World) -> None:
    ann = await world.joined(ANN)
    assert code(await demanded(ann)) == MISSING
    admin, _, _ = await enrolled(world, BOB, "admin")
    assert code(await demanded(admin)) == MISSING, "no owner could lift it"
    assert code(await demanded(world.operator())) == MISSING, "a key locks no owner out either"
    await enrol(ann)
    eve = await world.joined(EVE, "viewer")
    assert code(await demanded(eve)) == (403, "scope_missing")
    assert (await demanded(admin)).status_code == 200
    assert (await demanded(admin)).status_code == 200, "done twice it is done"
    assert (await demanded(admin, demand=False)).json()["second_factor_required"] is False
    assert (await eve.get(JOBS)).status_code == 200
    entries = (await world.operator().get("/api/v1/audit", params={"action": "organization.updated"})).json()["items"]
    assert [entry["data"]["fields"] for entry in entries][:2] == [["second_factor_required"]] * 2


async def test_an_owner_who_switched_it_off_gets_in_again_by_switching_it_on(world: World) -> None:
    ann, secret, _ = await enrolled(world)
    await demanded(ann)
    await let_time_pass(world)
    off: dict[str, Any] = {"current_password": PASSWORD, "code": shown(secret)}
    assert (await ann.post(f"{FACTOR}/off", json=off)).status_code == 204
    assert code(await demanded(ann, demand=False)) == LACKING
    await enrol(ann)
    assert (await demanded(ann, demand=False)).status_code == 200


async def test_an_organization_without_people_may_demand_it_of_those_to_come(world: World) -> None:
    assert (await demanded(world.operator())).status_code == 200
    ann = await world.joined(ANN)
    assert code(await ann.get(JOBS)) == LACKING
    await enrol(ann)
    assert (await ann.get(JOBS)).status_code == 200
