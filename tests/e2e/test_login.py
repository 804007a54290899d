"""`vidctl login` as a process, and the person who lets it in from a real browser."""

import asyncio
import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Connection

from tests.e2e.accounts import EMAIL, PASSWORD, is_in, log_out, type_in
from tests.fixtures.command import VIDCTL, environment_of, vidctl
from tests.fixtures.platform import Server
from vidcompute.db.engine import Database
from vidcompute.ids import LOCAL_ORGANIZATION
from vidcompute.services import organizations, passwords
from vidcompute.services.accounts import Role
from vidcompute.services.organizations import service as members
from vidcompute.services.people import service as people_service


@pytest.fixture(scope="module")
def person(server: Server) -> str:
    """Somebody who is an editor of the local organization, and the owner of one of their own."""

    async def work() -> None:
        kept = await passwords.hashed(PASSWORD)

        def step(conn: Connection) -> None:
            made = people_service.add(conn, EMAIL, "Ann", kept, verified=True)
            members.join(conn, LOCAL_ORGANIZATION, made.id, EMAIL, Role.EDITOR)
            organizations.create(conn, made.id, EMAIL, "Films <b>& Co</b>")

        database = Database.open(server.database_url)
        await database.write(step)
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        thread.submit(lambda: asyncio.run(work())).result()
    return EMAIL


def started(server: Server) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """`vidctl login` while it waits, and what it shows."""
    process = subprocess.Popen(
        [*VIDCTL, "login", "--server", server.url, "--json"],
        env=environment_of(server.data_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["data"]


def test_vidctl_is_let_in_from_a_browser_and_out_again(server: Server, person: str, page: Page) -> None:
    process, shown = started(server)
    with process:
        page.goto(shown["verification_uri"])
        type_in(page, person, "wrong")
        expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
        type_in(page, person, PASSWORD)
        page.get_by_label("The code that the program shows").fill(shown["user_code"].lower())
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text(f"to be let in as {person}")).to_contain_text("vidctl on")
        page.get_by_label("It begins to work in").select_option(label="Films <b>& Co</b> (owner)")
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_text("Done: go back to the program.")).to_be_visible()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    assert json.loads(said)["data"]["email"] == person
    kept = server.data_dir.parent / "config" / "vidcompute" / "logins.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    me = json.loads(vidctl("whoami", "--json", data_dir=server.data_dir))
    assert (me["name"], me["role"], me["key_id"]) == (person, "owner", None)
    page.goto(f"{server.url}/account/login")
    is_in(page)
    log_out(page)
    vidctl("whoami", data_dir=server.data_dir)  # another session than the browser's
    vidctl("logout", data_dir=server.data_dir)
    assert json.loads(vidctl("whoami", "--json", data_dir=server.data_dir))["key_id"], "the local key, as before"


def test_who_refuses_lets_nothing_in(server: Server, person: str, page: Page) -> None:
    process, shown = started(server)
    with process:
        page.goto(f"{shown['verification_uri']}#{shown['user_code']}")
        type_in(page, person, PASSWORD)
        page.get_by_role("button", name="Refuse").click()
        expect(page.get_by_text("Refused: nothing was let in.")).to_be_visible()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 3
    assert json.loads(said)["error"]["code"] == "access_denied"


def test_a_code_that_is_none_can_be_typed_again(server: Server, person: str, page: Page) -> None:
    page.goto(f"{server.url}/account/device#BCDF-GHJK")
    type_in(page, person, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("No program waits with this code")
    expect(page.get_by_label("The code that the program shows")).to_be_visible()
