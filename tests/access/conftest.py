"""The application in this process, and people who come in: what mails would bring them is read from the rows."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, select

from tests.unit.api.conftest import Platform, assembled, client, platform, stranger
from tests.unit.conftest import fresh_database
from vidcompute.api.app import Application, create_app, furnish
from vidcompute.api.deps import Deps
from vidcompute.db.schema_outgoing import mails
from vidcompute.ports.rates import Allowance
from vidcompute.services.people import Policy

__all__ = ["assembled", "client", "fresh_database", "platform", "stranger"]

PASSWORD = "correct horse battery"
ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
PLENTY = Allowance(10_000, 1.0)


@dataclass
class World:
    """An application under a policy, clients of it, and its mails."""

    platform: Platform
    app: Any
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, **headers: str) -> httpx2.AsyncClient:
        """A client of its own: it keeps its own cookies."""
        transport = httpx2.ASGITransport(self.app)
        made = httpx2.AsyncClient(transport=transport, base_url="https://video.test", headers=headers)
        self.clients.append(made)
        return made

    def operator(self) -> httpx2.AsyncClient:
        """Who runs it, with the local key."""
        return self.client(Authorization=f"Bearer {self.platform.key}")

    async def mails(self, to: str) -> list[Any]:
        """What was sent to a mailbox, oldest first."""
        query = select(mails.c.template, mails.c["values"]).where(mails.c.recipient == to).order_by(mails.c.id)

        def read(conn: Connection) -> list[Any]:
            return list(conn.execute(query))

        return await self.platform.deps.db.read(read)

    async def secret(self, to: str, template: str) -> str:
        """What follows the # in the link of the newest mail of this kind."""
        found = [mail for mail in await self.mails(to) if mail.template == template]
        link: str = found[-1][1]["link"]
        return link.partition("#")[2]

    async def joined(self, email: str, role: str = "owner", password: str = PASSWORD) -> httpx2.AsyncClient:
        """A person who was invited, has registered and is logged in with an app: a client with their token."""
        invited = await self.operator().post("/api/v1/invitations", json={"email": email, "role": role})
        assert invited.status_code == 201, invited.text
        secret = await self.secret(email, "invitation")
        wish = {"email": email, "name": email.partition("@")[0], "password": password, "invitation": secret}
        answer = await self.client().post("/api/v1/register", json=wish)
        assert answer.json() == {"verified": True}, answer.text
        return self.client(Authorization=f"Bearer {(await self.log_in(email, password))['access_token']}")

    async def log_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        """The tokens of a new session of an app."""
        answer = await self.client().post("/api/v1/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()["tokens"]
        return tokens

    async def browser(self, email: str) -> httpx2.AsyncClient:
        """A browser that is logged in, on our own pages."""
        made = self.client(**SAME_SITE)
        wish = {"email": email, "password": PASSWORD, "kind": "browser"}
        answer = await made.post("/api/v1/login", json=wish)
        assert answer.status_code == 200, answer.text
        assert answer.json()["tokens"] is None
        return made


@pytest.fixture(scope="session")
def applications() -> list[Application]:
    """Those that tests had so far: making the routes takes longer than most tests."""
    return []


@pytest.fixture
def application(applications: list[Application]) -> Callable[[Deps], Application]:
    """Makes applications over some parts: one that an earlier test had is given these, and no test has one twice."""
    free = list(applications)

    def over(parts: Deps) -> Application:
        if not free:
            applications.append(create_app(parts))
            return applications[-1]
        furnish(free[-1], parts)
        return free.pop()

    return over


@pytest.fixture
async def make_world(
    platform: Platform, application: Callable[[Deps], Application]
) -> AsyncIterator[Callable[..., World]]:
    """Worlds under other policies: `make_world(registration="open")`."""
    made: list[World] = []

    def make(**policy: Any) -> World:
        plenty = {"attempts": PLENTY, "attempts_from": PLENTY, "mails": PLENTY, "mails_from": PLENTY}
        app = application(replace(platform.deps, policy=Policy(**{**plenty, **policy})))
        made.append(World(platform, app))
        return made[-1]

    yield make
    for world in made:
        await world.app.state.uses.close()
        for one in world.clients:
            await one.aclose()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def code(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["code"]
