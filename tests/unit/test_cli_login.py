"""`vidctl login`, `logout` and what is kept of them, against a server that is a function."""

import json
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.fixtures.vidctl import URL, answering, local, unused, vidctl
from vidcompute.cli.client import Api
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.local import Endpoint
from vidcompute.cli.login import wait_for_answer
from vidcompute.cli.logins import Login, Logins
from vidcompute.cli.signed_in import SignedIn
from vidcompute.errors import VidComputeError, invalid

ELSEWHERE = "https://video.example.org"
ORG = "org_01kq3v8a4rj0t5w6x7y8z9abch"
ANN = "ann@example.com"


def pair(number: int, expires_in: int = 600, organization_id: str | None = ORG) -> dict[str, Any]:
    told = {"access_token": f"access.{number}.x", "refresh_token": f"refresh-{number}", "expires_in": expires_in}
    return {**told, "organization_id": organization_id}


def me(request: httpx2.Request) -> dict[str, Any]:
    assert request.headers["Authorization"] == "Bearer access.1.x"
    return {"email": ANN, "organizations": [{"organization_id": ORG, "name": "Films", "role": "editor"}]}


def refusal(code: str, status: int = 400) -> httpx2.Response:
    return httpx2.Response(status, json={"error": code, "error_description": "Because."})


def server(*answers: dict[str, Any] | httpx2.Response, forms: list[dict[str, Any]] | None = None) -> Any:
    """A server where somebody answers with the last of these."""
    left = list(answers)

    def token(request: httpx2.Request) -> Any:
        if forms is not None:
            forms.append(parse_qs(request.content.decode()))
        return left.pop(0)

    page = f"{ELSEWHERE}/account/device"
    begun = {"device_code": "device", "user_code": "BCDF-GHJK", "verification_uri": page, "interval": 0}
    routes: dict[str, Any] = {
        "POST /oauth/device": {**begun, "verification_uri_complete": f"{page}#BCDF-GHJK"},
        "POST /oauth/token": token,
        "GET /api/v1/me": me,
        "POST /api/v1/logout": httpx2.Response(204),
        "GET /api/v1/jobs": lambda r: {
            "items": [],
            "next_cursor": None,
            "sent": [r.headers.get("Authorization"), r.headers.get("X-Organization"), str(r.url.host)],
        },
    }
    return answering(**routes)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "config" / "logins.json"


def login(number: int = 1, ends_s: float = 600.0) -> Login:
    return Login(ANN, ORG, f"access.{number}.x", time.time() + ends_s, f"refresh-{number}")


def test_a_person_lets_it_in_and_commands_go_there_from_then_on(kept: Path) -> None:
    forms: list[dict[str, Any]] = []
    answer = server(refusal("authorization_pending"), pair(1), forms=forms)
    parts = local(answer, find=unused, logins=kept)
    told = vidctl("login", "--server", f"{ELSEWHERE}/", parts=parts)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.splitlines() == [
        f"Open {ELSEWHERE}/account/device#BCDF-GHJK",
        f"or enter the code BCDF-GHJK at {ELSEWHERE}/account/device",
        f"Logged in at {ELSEWHERE} as {ANN}, in Films (editor)",
    ]
    assert forms[-1]["device_code"] == ["device"]
    assert forms[-1]["grant_type"] == ["urn:ietf:params:oauth:grant-type:device_code"]
    assert json.loads(vidctl("list", "--json", parts=parts).stdout)["items"] == []
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert vidctl("logout", parts=parts).stdout == f"Logged out at {ELSEWHERE}\n"
    assert "refresh-1" not in kept.read_text()
    assert vidctl("logout", "--server", ELSEWHERE, parts=parts).exit_code == ExitCode.UNAUTHENTICATED


def test_what_login_says_is_json_on_request(kept: Path) -> None:
    told = vidctl("login", "--server", ELSEWHERE, "--json", parts=local(server(pair(1)), logins=kept))
    first, last = map(json.loads, told.stdout.splitlines())
    assert first["data"] == {"user_code": "BCDF-GHJK", "verification_uri": f"{ELSEWHERE}/account/device"}
    assert last["data"] == {"server": ELSEWHERE, "email": ANN, "organization_id": ORG}
    assert "access." not in told.stdout


@pytest.mark.parametrize("code", ["access_denied", "expired_token"])
def test_who_is_refused_is_told_and_nothing_is_kept(kept: Path, code: str) -> None:
    told = vidctl("login", "--server", ELSEWHERE, parts=local(server(refusal(code)), logins=kept))
    assert told.exit_code == ExitCode.INVALID
    assert f"[{code}]" in told.stderr
    assert not kept.exists()


def test_who_asks_too_often_waits_longer() -> None:
    codes = ["authorization_pending", "slow_down", "authorization_pending", "slow_down"]
    pauses: list[float] = []

    def ask() -> dict[str, str]:
        if codes:
            raise invalid(codes.pop(0), "")
        return {"access_token": "x"}

    assert wait_for_answer(ask, 5, pauses.append) == {"access_token": "x"}
    assert pauses == [5, 5, 10, 10, 15]


def seen(kept: Path, *arguments: str, answer: Any = None, **parts: Any) -> list[str | None]:
    """How `vidctl list` asks: token, organization, host."""
    found: list[str | None] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/api/v1/jobs":
            return httpx2.Response(200, json=(answer or server())(request).json())
        found.extend([request.headers.get("Authorization"), request.headers.get("X-Organization"), request.url.host])
        return httpx2.Response(200, json={"items": [], "next_cursor": None})

    told = vidctl("list", *arguments, parts=local(note, logins=kept, **parts))
    assert told.exit_code == 0, told.stderr
    return found


def test_a_key_that_is_given_goes_before_a_login_and_a_login_before_the_local_key(kept: Path) -> None:
    assert seen(kept) == ["Bearer vck_local", None, "127.0.0.1"], "on a laptop nobody logs in"
    Logins(kept).keep(ELSEWHERE, login())
    assert seen(kept) == ["Bearer access.1.x", ORG, "video.example.org"]
    assert seen(kept, "--server", ELSEWHERE, "--key", "vck_x") == ["Bearer vck_x", None, "video.example.org"]
    assert seen(kept, "--server", URL) == ["Bearer vck_local", None, "127.0.0.1"], "a login is for its server alone"
    other = vidctl("list", "--server", "https://other.example.org", parts=local(unused, logins=kept))
    assert other.exit_code == ExitCode.UNAUTHENTICATED
    assert "vidctl login --server https://other.example.org" in other.stderr


def test_tokens_that_end_are_traded_for_the_next(kept: Path) -> None:
    Logins(kept).keep(ELSEWHERE, login(1, ends_s=5))
    forms: list[dict[str, Any]] = []
    assert seen(kept, answer=server(pair(2, organization_id=None), forms=forms))[0] == "Bearer access.2.x"
    assert forms[0]["refresh_token"] == ["refresh-1"]
    after = Logins(kept).of(ELSEWHERE)
    assert after is not None
    assert (after.refresh_token, after.organization_id, after.email) == ("refresh-2", ORG, ANN)
    assert seen(kept, answer=unused)[0] == "Bearer access.2.x", "the second time nothing is to be traded"


def test_a_session_that_was_ended_is_told_and_forgotten(kept: Path) -> None:
    Logins(kept).keep(ELSEWHERE, login(1, ends_s=0))
    told = vidctl("list", parts=local(server(refusal("invalid_grant")), logins=kept))
    assert told.exit_code == ExitCode.UNAUTHENTICATED
    assert f"vidctl login --server {ELSEWHERE}" in told.stderr
    assert Logins(kept).of(ELSEWHERE) is None


def test_a_server_that_is_away_costs_no_login(kept: Path) -> None:
    Logins(kept).keep(ELSEWHERE, login(1, ends_s=0))
    assert vidctl("list", parts=local(lambda _: httpx2.Response(503), logins=kept)).exit_code == ExitCode.UNAVAILABLE
    assert Logins(kept).of(ELSEWHERE) is not None


def test_commands_that_run_at_once_trade_a_token_once(kept: Path) -> None:
    """A refresh token that came a second time would end the session."""
    Logins(kept).keep(ELSEWHERE, login(1, ends_s=0))
    traded: list[str] = []
    together = threading.Barrier(4)

    def token(request: httpx2.Request) -> httpx2.Response:
        traded.append(parse_qs(request.content.decode())["refresh_token"][0])
        return httpx2.Response(200, json=pair(1 + len(traded)))

    def connect() -> Api:
        return Api(Endpoint(ELSEWHERE, ""), httpx2.MockTransport(token))

    def ask(_number: int) -> str:
        auth = SignedIn(Logins(kept), ELSEWHERE, connect)
        together.wait(10)
        return auth.login().access_token

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == {"access.2.x"}
    assert traded == ["refresh-1"]


DAMAGED = ["", "{", "[]", '{"logins": 7}', json.dumps({"logins": {ELSEWHERE: {"email": 1}}})]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_file_that_is_damaged_is_no_login(kept: Path, text: str) -> None:
    kept.parent.mkdir()
    kept.write_text(text)
    assert Logins(kept).of(ELSEWHERE) is None
    assert Logins(kept).current() is None
    Logins(kept).keep(ELSEWHERE, login())
    assert Logins(kept).current() == ELSEWHERE


def test_errors_of_oauth_are_told_as_any_other() -> None:
    api = Api(Endpoint(ELSEWHERE, ""), httpx2.MockTransport(lambda _: refusal("invalid_client", 401)))
    with pytest.raises(VidComputeError, match="invalid_client: Because"):
        api.post("/oauth/device")
    api.close()
