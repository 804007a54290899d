"""Behind proxies: who asks is believed from those alone that the setting names; links are made from one address."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.access.conftest import ANN, BOB, PASSWORD, World, code
from vidcompute.ports.rates import Allowance
from vidcompute.settings import Settings
from vidcompute.wiring import hardening

PROXY, CLIENT, OTHER = "10.0.0.7", "198.51.100.4", "198.51.100.5"


@asynccontextmanager
async def from_(world: World, address: str, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client at an address, of the application as the server has it behind one proxy."""
    trusted = hardening.proxies(Settings(trusted_proxies=(PROXY,)))
    app: Any = ProxyHeadersMiddleware(world.app, trusted)
    transport = httpx2.ASGITransport(app, client=(address, 12345))
    async with httpx2.AsyncClient(transport=transport, base_url="https://video.test", headers=headers) as made:
        yield made


async def seen_as(world: World, address: str, **headers: str) -> str:
    """The address that a session begins with, for who asks from `address`."""
    async with from_(world, address, **headers) as client:
        answer = await client.post("/api/v1/login", json={"email": ANN, "password": PASSWORD})
        bearer = {"Authorization": f"Bearer {answer.json()['tokens']['access_token']}"}
        found = (await client.get("/api/v1/me/sessions", headers=bearer)).json()["items"]
    (own,) = [session for session in found if session["current"]]
    return str(own["address"])


async def test_who_asks_is_believed_from_the_named_proxies_alone(world: World) -> None:
    await world.joined(ANN)
    told = {"X-Forwarded-For": CLIENT}
    assert await seen_as(world, PROXY, **told) == CLIENT
    assert await seen_as(world, f"::ffff:{PROXY}", **told) == CLIENT
    assert await seen_as(world, OTHER, **told) == OTHER
    assert await seen_as(world, PROXY) == PROXY
    forged = {"X-Forwarded-For": f"{OTHER}, {CLIENT}"}
    assert await seen_as(world, PROXY, **forged) == CLIENT, "what the proxy saw counts, not what it was told"


async def test_the_audit_log_has_the_clients_address(world: World) -> None:
    await world.joined(ANN)
    await seen_as(world, PROXY, **{"X-Forwarded-For": CLIENT})
    found = (await world.operator().get("/api/v1/audit", params={"action": "session.started"})).json()["items"]
    assert found[0]["address"] == CLIENT


async def test_tries_are_counted_by_the_clients_address(make_world: Callable[..., World]) -> None:
    world = make_world(attempts_from=Allowance(2, 0.0001))
    wrong = {"email": BOB, "password": "wrong password"}

    async def tried(address: str, claimed: str) -> int:
        async with from_(world, address, **{"X-Forwarded-For": claimed}) as client:
            return (await client.post("/api/v1/login", json=wrong)).status_code

    assert [await tried(PROXY, CLIENT) for _ in range(3)] == [401, 401, 429]
    assert await tried(PROXY, "198.51.100.99") == 401, "another client behind the same proxy"
    assert [await tried(OTHER, f"192.0.2.{n}") for n in range(3)] == [401, 401, 429], "who claims to be many is one"


async def test_who_has_a_whole_network_of_ipv6_is_one(make_world: Callable[..., World]) -> None:
    world = make_world(attempts_from=Allowance(2, 0.0001))

    async def tried(address: str) -> int:
        async with from_(world, address) as client:
            return (await client.post("/api/v1/login", json={"email": BOB, "password": "wrong password"})).status_code

    assert [await tried(f"2001:db8:1:2::{n}") for n in range(3)] == [401, 401, 429]
    assert await tried("2001:db8:1:3::1") == 401, "the line next door"


async def test_links_lead_to_the_public_address_whatever_a_request_says(make_world: Callable[..., World]) -> None:
    world = make_world(registration="open")
    hostile = {
        "Host": "evil.test",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.test",
        "X-Original-URL": "https://evil.test/",
    }
    async with from_(world, PROXY, **hostile, Authorization=f"Bearer {world.platform.key}") as client:
        job = (await client.post("/api/v1/jobs", json={"input": "https://example.com/a.mp4"})).json()
        upload = await client.post("/api/v1/uploads", json={"size_bytes": 9, "one_time": {}})
        answers = [
            await client.get(path)
            for path in (
                *(f"/api/v1/jobs/{job['id']}", f"/api/v1/assets/{job['asset_id']}"),
                *("/docs", "/openapi.json", "/"),
            )
        ]
        await client.post("/api/v1/register", json={"email": ANN, "name": "Ann", "password": PASSWORD})
        await client.post("/api/v1/invitations", json={"email": BOB})
    for answer in (upload, *answers):
        assert answer.status_code < 400, answer.text
        assert "evil.test" not in answer.text + str(answer.headers)
    assert job["urls"]["watch"].startswith("https://video.test/watch/")
    for email in (ANN, BOB):
        for mail in await world.mails(email):
            assert mail[1]["link"].startswith("https://video.test/account/")


async def test_another_origin_is_another_site_whatever_the_host_says(world: World) -> None:
    await world.joined(ANN)
    async with from_(world, OTHER, **{"X-Forwarded-Host": "evil.test", "Origin": "https://evil.test"}) as client:
        wish = {"email": ANN, "password": PASSWORD, "kind": "browser"}
        assert code(await client.post("/api/v1/login", json=wish)) == (403, "cross_site")
