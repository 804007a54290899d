"""Organizations and their members: who may make whom what, and a person in several of them."""

from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from tests.access.conftest import ANN, BOB, EVE, World, code
from vidcompute.ports.rates import Allowance
from vidcompute.services import accounts
from vidcompute.services.accounts import Role

MEMBERS = "/api/v1/members"
SCOPES_OF_A_VIEWER = sorted(accounts.ROLES[Role.VIEWER])


async def person_id(client: httpx2.AsyncClient) -> str:
    found: str = (await client.get("/api/v1/me")).json()["id"]
    return found


async def test_a_person_in_several_organizations_works_in_the_one_that_is_named(world: World) -> None:
    ann = await world.joined(ANN, "editor")
    made = (await ann.post("/api/v1/organizations", json={"name": "Ann's Films & Co."})).json()
    assert made["slug"] == "ann-s-films-co"
    assert [home["role"] for home in (await ann.get("/api/v1/organizations")).json()["items"]] == ["editor", "owner"]
    own = {"X-Organization": made["slug"]}
    assert (await ann.get("/api/v1/caller")).json()["role"] == "editor"
    assert (await ann.get("/api/v1/caller", headers=own)).json()["organization_id"] == made["id"]
    job = {"input": "https://example.com/a.mp4"}
    submitted = (await ann.post("/api/v1/jobs", json=job, headers={"X-Organization": made["id"]})).json()
    assert code(await ann.get(f"/api/v1/jobs/{submitted['id']}")) == (404, "job_not_found")
    assert (await ann.get(f"/api/v1/jobs/{submitted['id']}", headers=own)).status_code == 200
    (joined,) = (await ann.get("/api/v1/audit", headers=own, params={"action": "member.joined"})).json()["items"]
    assert joined["actor"] == ANN


async def test_organizations_of_others_answer_like_unknown_ones(world: World) -> None:
    ann, bob = await world.joined(ANN), await world.joined(BOB)
    theirs = (await bob.post("/api/v1/organizations", json={"name": "Bob"})).json()
    told = []
    for named in (theirs["id"], "org_0000000000000000000000000z", theirs["slug"], "nobodys"):
        answer = await ann.get("/api/v1/caller", headers={"X-Organization": named})
        told.append((code(answer), answer.json()["detail"].replace(named, "")))
    assert set(told) == {((404, "organization_not_found"), told[0][1])}
    keyed = await world.operator().get("/api/v1/caller", headers={"X-Organization": theirs["id"]})
    assert code(keyed) == (404, "organization_not_found")


async def test_nobody_gives_or_takes_more_than_they_have(world: World) -> None:
    owner, admin = await world.joined(ANN, "owner"), await world.joined(BOB, "admin")
    eve = await world.joined(EVE, "viewer")
    owners, viewers = await person_id(owner), await person_id(eve)
    refused = (403, "role_not_granted")
    assert code(await admin.post("/api/v1/invitations", json={"email": "x@x.test", "role": "owner"})) == refused
    assert code(await admin.patch(f"{MEMBERS}/{viewers}", json={"role": "owner"})) == refused
    assert code(await admin.patch(f"{MEMBERS}/{owners}", json={"role": "viewer"})) == refused
    assert code(await admin.delete(f"{MEMBERS}/{owners}")) == refused
    assert code(await admin.post("/api/v1/organization/transfer", json={"person_id": viewers})) == (
        *(403, "scope_missing"),
    )
    assert code(await eve.patch(f"{MEMBERS}/{viewers}", json={"role": "admin"})) == (403, "scope_missing")
    assert (await admin.patch(f"{MEMBERS}/{viewers}", json={"role": "editor"})).json()["role"] == "editor"
    assert (await eve.get("/api/v1/caller")).json()["role"] == "editor", "at once"
    assert (await admin.delete(f"{MEMBERS}/{viewers}")).status_code == 204
    assert code(await eve.get("/api/v1/jobs")) == (403, "scope_missing"), "the account stays, the organization is gone"
    assert (await eve.get("/api/v1/me")).json()["organizations"] == []


async def test_an_organization_keeps_an_owner(world: World) -> None:
    ann = await world.joined(ANN)
    made = (await ann.post("/api/v1/organizations", json={"name": "Films"})).json()
    here = {"X-Organization": made["id"]}
    mine = await person_id(ann)
    last = (409, "last_owner")
    assert code(await ann.post("/api/v1/organization/leave", headers=here)) == last
    assert code(await ann.patch(f"{MEMBERS}/{mine}", json={"role": "admin"}, headers=here)) == last
    assert code(await ann.delete(f"{MEMBERS}/{mine}", headers=here)) == last
    await ann.post("/api/v1/invitations", json={"email": BOB, "role": "editor"}, headers=here)
    secret = await world.secret(BOB, "invitation")
    bob = await world.joined(BOB, "viewer")
    eve = await world.joined(EVE, "viewer")
    accept = {"token": secret}
    assert code(await eve.post("/api/v1/invitations/accept", json=accept)) == (404, "invitation_not_found")
    assert (await bob.post("/api/v1/invitations/accept", json=accept)).json() == {"organization_id": made["id"]}
    assert code(await bob.post("/api/v1/invitations/accept", json=accept)) == (404, "invitation_not_found")
    handed = await ann.post("/api/v1/organization/transfer", json={"person_id": await person_id(bob)}, headers=here)
    assert handed.json()["role"] == "owner"
    assert (await ann.get("/api/v1/caller", headers=here)).json()["role"] == "admin"
    assert (await ann.post("/api/v1/organization/leave", headers=here)).status_code == 204
    assert code(await ann.get("/api/v1/jobs", headers=here)) == (404, "organization_not_found")
    assert code(await bob.post("/api/v1/organization/leave", headers=here)) == last


async def test_invitations_end_with_what_their_inviter_may(world: World) -> None:
    """Who is on the way out leaves no back door behind."""
    owner, admin = await world.joined(ANN), await world.joined(BOB, "admin")
    theirs = await person_id(admin)
    for email, role in (("high@x.test", "admin"), ("low@x.test", "viewer")):
        assert (await admin.post("/api/v1/invitations", json={"email": email, "role": role})).status_code == 201
    high, low = await world.secret("high@x.test", "invitation"), await world.secret("low@x.test", "invitation")

    async def stands(secret: str) -> bool:
        return (await world.client().post("/api/v1/invitations/view", json={"token": secret})).status_code == 200

    assert (await stands(high), await stands(low)) == (True, True)
    await owner.patch(f"{MEMBERS}/{theirs}", json={"role": "editor"})
    assert (await stands(high), await stands(low)) == (False, True)
    await owner.delete(f"{MEMBERS}/{theirs}")
    assert (await stands(high), await stands(low)) == (False, False)
    assert (await owner.get("/api/v1/invitations")).json()["items"] == []
    gone = (await owner.get("/api/v1/audit", params={"action": "invitation.revoked"})).json()["items"]
    assert {entry["data"]["email"] for entry in gone} == {"high@x.test", "low@x.test"}


async def test_a_key_that_is_revoked_takes_its_invitations_along(world: World) -> None:
    owner = await world.joined(ANN)
    wish = {"name": "backend", "scopes": ["members:read", "members:write", *SCOPES_OF_A_VIEWER]}
    key = (await owner.post("/api/v1/keys", json=wish)).json()
    backend = world.client(Authorization=f"Bearer {key['secret']}")
    assert (await backend.post("/api/v1/invitations", json={"email": EVE, "role": "viewer"})).status_code == 201
    secret = await world.secret(EVE, "invitation")
    assert (await owner.delete(f"/api/v1/keys/{key['id']}")).status_code == 200
    late = await world.client().post("/api/v1/invitations/view", json={"token": secret})
    assert code(late) == (404, "invitation_not_found")


async def test_invitations_are_counted_by_mailbox_and_by_organization(make_world: Callable[..., World]) -> None:
    world = make_world(mails=Allowance(2, 0.0001))
    limits = replace(world.platform.deps.limits, max_invitations=4)
    world.app.state.deps = replace(world.app.state.deps, limits=limits)
    operator = world.operator()

    async def invited(email: str) -> int:
        answer = await operator.post("/api/v1/invitations", json={"email": email})
        if answer.status_code == 201:  # and taken back, so that none waits to be accepted
            await operator.delete(f"/api/v1/invitations/{answer.json()['id']}")
        return answer.status_code

    assert [await invited(email) for email in (ANN, f" {ANN.upper()}", ANN)] == [201, 201, 429]
    assert [await invited(f"{n}@x.test") for n in range(3)] == [201, 201, 429]


async def test_members_are_listed_and_those_of_others_are_not_there(world: World) -> None:
    ann, bob = await world.joined(ANN), await world.joined(BOB, "viewer")
    listed = (await bob.get(MEMBERS)).json()["items"]
    assert {(one["email"], one["role"]) for one in listed} == {(ANN, "owner"), (BOB, "viewer")}
    made = (await ann.post("/api/v1/organizations", json={"name": "Films"})).json()
    here = {"X-Organization": made["id"]}
    theirs = await person_id(bob)
    for method in ("GET", "DELETE"):
        assert code(await ann.request(method, f"{MEMBERS}/{theirs}", headers=here)) == (404, "member_not_found")
    again = await ann.post("/api/v1/invitations", json={"email": BOB})
    assert code(again) == (409, "already_member")


@pytest.mark.parametrize("slug", ["Two Words", "-a", "a--b", "ä", "a/b", "..", "A"])
async def test_slugs_fit_into_addresses(world: World, slug: str) -> None:
    answer = await world.operator().patch("/api/v1/organization", json={"slug": slug})
    assert code(answer) == (422, "slug_invalid")


async def test_names_and_slugs_change_and_are_ones_own(world: World) -> None:
    ann = await world.joined(ANN)
    made = (await ann.post("/api/v1/organizations", json={"name": "Films"})).json()
    here = {"X-Organization": made["id"]}
    changed = await ann.patch("/api/v1/organization", json={"name": "Movies", "slug": "movies"}, headers=here)
    assert (changed.json()["name"], changed.json()["slug"]) == ("Movies", "movies")
    assert code(await world.operator().patch("/api/v1/organization", json={"slug": "movies"})) == (409, "slug_taken")
    twin = (await ann.post("/api/v1/organizations", json={"name": "Movies"})).json()
    assert twin["slug"].startswith("movies-")
    for stolen in ({"id": "org_x"}, {"created_at": "2020-01-01T00:00:00Z"}, {"owner": "x"}):
        assert code(await ann.patch("/api/v1/organization", json=stolen)) == (422, "invalid_request")


async def test_so_many_organizations_and_invitations_and_no_more(world: World) -> None:
    ann = await world.joined(ANN, "viewer")
    answers = [await ann.post("/api/v1/organizations", json={"name": f"Films {n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [409]
    assert (answers[-1].json()["code"], answers[-1].json()["limit"]) == ("organizations_full", 5)
