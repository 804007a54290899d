"""A running server among others: with weak secrets it does not start, and it believes the named proxies alone."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.platform import Server
from vidcompute import main
from vidcompute.cli.exit_codes import ExitCode

SIGN_IN = "/api/v1/login"
CLAIM = {"X-Forwarded-For": "198.51.100.4", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("outside", [{"VIDCOMPUTE_HOST": "0.0.0.0"}, {"VIDCOMPUTE_BASE_URL": "https://video.example"}])
def test_a_server_for_others_does_not_start_with_a_weak_secret(tmp_path: Path, outside: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "vidcompute.main", "serve"],
        env={
            "PYTHONPATH": str(Path(main.__file__).parents[1]),
            "VIDCOMPUTE_DATA_DIR": str(tmp_path / "data"),
            "VIDCOMPUTE_REDIS_URL": "redis://:postgres@127.0.0.1:9/0",
            **outside,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == ExitCode.INVALID
    assert "VIDCOMPUTE_REDIS_URL: its password is one of those that are tried first." in ended.stderr
    assert "openssl rand" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ":postgres@" not in ended.stderr
    assert not (tmp_path / "data" / "vidcompute.db").exists(), "nothing was begun"


def tried(server: Server, claimed: str) -> int:
    """Try a log-in, and claim to speak for somebody."""
    wish = {"email": "nobody@example.com", "password": "wrong password"}
    with server.client() as client:
        return client.post(SIGN_IN, json=wish, headers={**CLAIM, "X-Forwarded-For": claimed}).status_code


LIMIT = {"VIDCOMPUTE_LOGIN_ATTEMPTS_PER_ADDRESS": "2", "VIDCOMPUTE_LOGIN_ATTEMPTS": "1000"}


@pytest.mark.parametrize(
    ("proxies", "statuses"),
    [({}, [401, 401, 429, 429]), ({"VIDCOMPUTE_TRUSTED_PROXIES": "127.0.0.1"}, [401, 401, 401, 401])],
    ids=["nobody", "this machine"],
)
def test_nobody_is_believed_about_whom_they_speak_for_unless_a_setting_says_so(
    start_server: Callable[..., Server], proxies: dict[str, str], statuses: list[int]
) -> None:
    server = start_server(**LIMIT, **proxies)
    assert [tried(server, f"198.51.100.{number}") for number in range(4)] == statuses
    assert "nobody@example.com" not in server.log_text()
    assert httpx2.get(f"{server.url}/health", trust_env=False).status_code == 200
