"""`vidctl orgs`, and handing an organization over, against a server that is a function."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fixtures.vidctl import answering, local, unused, vidctl
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.logins import Login, Logins

URL = "https://video.example.org"
AT = "2026-11-21T10:00:00Z"
FIRST, SECOND = "org_01kq3v8a4rj0t5w6x7y8z9abch", "org_01kq3v8a4rj0t5w6x7y8z9abcj"
PERSON = "person_01kq3v8a4rj0t5w6x7y8z9abcj"


def home(organization_id: str, slug: str, role: str | None = "owner") -> dict[str, Any]:
    return {"organization_id": organization_id, "slug": slug, "name": slug.title(), "role": role, "joined_at": AT}


def logged_in(tmp_path: Path, organization_id: str | None = None) -> Logins:
    logins = Logins(tmp_path / "logins.json")
    logins.keep(URL, Login("ann@example.com", organization_id, "a.b.c", time.time() + 600, "refresh"))
    return logins


def parts(tmp_path: Path, **routes: Any) -> Any:
    """A server at which Ann is in two organizations; what is asked nowhere in particular says so."""

    def mine(request: httpx2.Request) -> Any:
        assert request.headers["X-Organization"] == ""
        return {"items": [home(FIRST, "films"), home(SECOND, "books", "editor")]}

    known = {"GET /api/v1/caller": {"person_id": PERSON}, "GET /api/v1/organizations": mine, **routes}
    return local(answering(**known), find=unused, logins=tmp_path / "logins.json")


def organization_of(logins: Logins) -> str | None:
    found = logins.of(URL)
    assert found is not None
    return found.organization_id


def test_ones_organizations_are_listed_and_one_is_chosen(tmp_path: Path) -> None:
    logins = logged_in(tmp_path)
    listed = vidctl("orgs", "list", parts=parts(tmp_path)).stdout.splitlines()
    assert [line.split("\t")[:4] for line in listed] == [
        ["*", "films", "Films", "owner"],
        ["", "books", "Books", "editor"],
    ]
    assert vidctl("orgs", "use", "books", parts=parts(tmp_path)).stdout == "Books is in use now\n"
    assert organization_of(logins) == SECOND
    again = json.loads(vidctl("orgs", "list", "--json", parts=parts(tmp_path)).stdout)["items"]
    assert [one["in_use"] for one in again] == [False, True]
    assert vidctl("orgs", "use", FIRST, parts=parts(tmp_path)).exit_code == 0
    assert organization_of(logins) == FIRST
    assert vidctl("orgs", "use", "theirs", parts=parts(tmp_path)).exit_code == ExitCode.NOT_FOUND
    assert organization_of(logins) == FIRST


def test_who_was_taken_out_of_the_one_in_use_can_choose_another(tmp_path: Path) -> None:
    logins = logged_in(tmp_path, "org_01kq3v8a4rj0t5w6x7y8z9gone")
    assert vidctl("orgs", "use", "films", parts=parts(tmp_path)).exit_code == 0
    assert organization_of(logins) == FIRST


def test_a_key_has_its_own_organization() -> None:
    one = {"id": FIRST, "slug": "local", "name": "local", "created_at": AT}
    routes = {"GET /api/v1/caller": {"person_id": None}, "GET /api/v1/organization": one}
    keyed = local(answering(**routes))
    assert vidctl("orgs", "list", parts=keyed).stdout.split("\t")[:3] == ["*", "local", "local"]
    told = vidctl("orgs", "use", "local", parts=keyed)
    assert told.exit_code == ExitCode.UNAUTHENTICATED
    assert "[not_logged_in]" in told.stderr


def test_organizations_are_made_renamed_and_left(tmp_path: Path) -> None:
    logins = logged_in(tmp_path, SECOND)
    asked: list[tuple[str, Any]] = []

    def note(request: httpx2.Request) -> Any:
        asked.append((request.headers["X-Organization"], json.loads(request.content or b"null")))
        return {"id": FIRST, "name": "New", "slug": "new", "created_at": AT}

    routes: dict[str, Any] = {"POST /api/v1/organizations": note, "PATCH /api/v1/organization": note}
    routes["POST /api/v1/organization/leave"] = lambda r: note(r) and httpx2.Response(204)
    server = parts(tmp_path, **routes)
    assert "vidctl orgs use new" in vidctl("orgs", "create", "New", parts=server).stdout
    assert vidctl("orgs", "rename", "New", "--slug", "new", parts=server).stdout == "It is New (new) now\n"
    assert vidctl("orgs", "leave", parts=server).stdout == "left\n"
    assert asked == [("", {"name": "New"}), (SECOND, {"name": "New", "slug": "new"}), (SECOND, None)]
    assert organization_of(logins) is None
    assert vidctl("orgs", "rename", parts=server).exit_code == ExitCode.USAGE


def test_a_logo_is_sent_saved_and_taken_away(tmp_path: Path) -> None:
    logged_in(tmp_path)
    (tmp_path / "in.png").write_bytes(b"picture")
    sent: list[bytes] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        return httpx2.Response(204)

    path = "/api/v1/organization/logo"
    routes = {f"PUT {path}": take, f"DELETE {path}": take, f"GET {path}": httpx2.Response(200, content=b"PNG")}
    server = parts(tmp_path, **routes)
    assert vidctl("orgs", "logo", str(tmp_path / "in.png"), parts=server).stdout == "done\n"
    assert vidctl("orgs", "logo", "--save", str(tmp_path / "out.png"), parts=server).exit_code == 0
    assert (tmp_path / "out.png").read_bytes() == b"PNG"
    assert vidctl("orgs", "logo", "--remove", parts=server).exit_code == 0
    assert sent == [b"picture", b""]
    assert vidctl("orgs", "logo", "--remove", "x.png", parts=server).exit_code == ExitCode.USAGE
    assert vidctl("orgs", "logo", str(tmp_path / "none.png"), parts=server).exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize(("person", "code"), [(PERSON, ExitCode.OK), ("../keys", ExitCode.NOT_FOUND)])
def test_an_organization_is_handed_over(tmp_path: Path, person: str, code: ExitCode) -> None:
    logged_in(tmp_path)
    member = {"email": "bob@example.com", "role": "owner"}
    server = parts(tmp_path, **{"POST /api/v1/organization/transfer": member})
    assert vidctl("members", "transfer", person, parts=server).exit_code == code


def test_an_organization_demands_a_second_factor_or_not(tmp_path: Path) -> None:
    asked: list[Any] = []

    def changed(request: httpx2.Request) -> Any:
        asked.append(json.loads(request.content))
        return {"id": FIRST, "name": "Films", **asked[-1]}

    there = parts(tmp_path, **{"PATCH /api/v1/organization": changed})
    logged_in(tmp_path)
    assert vidctl("orgs", "demand", "--second-factor", parts=there).stdout == "Films demands a second factor now\n"
    off = vidctl("orgs", "demand", "--no-second-factor", parts=there)
    assert off.stdout == "Films demands no second factor any more\n"
    assert asked == [{"second_factor_required": True}, {"second_factor_required": False}]
    assert vidctl("orgs", "demand", parts=there).exit_code == ExitCode.USAGE
