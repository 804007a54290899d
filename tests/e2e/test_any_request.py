"""Any request at all: Schemathesis makes them up from the API's own document, and holds each answer against it.

`make fuzz` does so for ten minutes (FUZZ_MINUTES), `make test` for some seconds. No answer may be an error of ours, nor
one that the document does not have; 503 is one of ours but where a viewer is asked to come again in a moment.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e import any_request
from tests.e2e.driving import Driver
from tests.fixtures.clips import ClipMaker
from tests.fixtures.platform import Server

LONG_S = round(60 * float(os.environ.get("FUZZ_MINUTES") or 10))
EMAIL = "fixed@example.com"
LEAN = ("--seed", "58", "--phases", "fuzzing", "--max-examples", "3")  # some of each operation, the same each time
LONG = ("--max-time", str(LONG_S))
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
PLENTY = "1000000"
SETTINGS = {
    "VIDCOMPUTE_REGISTRATION": "open",
    "VIDCOMPUTE_LOGIN_ATTEMPTS": PLENTY,
    "VIDCOMPUTE_LOGIN_ATTEMPTS_PER_ADDRESS": PLENTY,
    "VIDCOMPUTE_MAIL_REQUESTS": PLENTY,
    "VIDCOMPUTE_MAX_ATTEMPTS": "1",
    "VIDCOMPUTE_MAX_UPLOAD_BYTES": "10000000",
}
# Beside values that are made up, those that there are, in so many of the cases.
KNOWN_SHARE = 0.7
CONFIGURATION = """
warnings = false
continue-on-failure = true
request-timeout = 30
hooks = {hooks}

[auth]
auto-signup = false

{dictionaries}
[parameters]
{parameters}
[[operations]]
include-path-regex = "^/(stream|image)/|/frames[.]zip$"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
"""


def configuration(known: dict[str, list[str]]) -> str:
    """What Schemathesis reads; `known` are values by the name of the parameter."""
    names = {parameter: f"known-{number}" for number, parameter in enumerate(known)}
    lists = [f"[dictionaries.{names[name]}]\nvalues = {json.dumps(values)}\n" for name, values in known.items()]
    uses = [f'"{name}" = {{ dictionary = "{names[name]}", probability = {KNOWN_SHARE} }}\n' for name in known]
    hooks = json.dumps(any_request.__file__)
    return CONFIGURATION.format(hooks=hooks, dictionaries="\n".join(lists), parameters="".join(uses))


def finite(document: dict[str, Any]) -> dict[str, Any]:
    """The document without operations whose good answer is a stream of events, which has no end."""
    paths = {path: dict(_finite(item)) for path, item in document["paths"].items()}
    return {**document, "paths": {path: item for path, item in paths.items() if item}}


def _finite(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for method, operation in item.items():
        if list(operation["responses"].get("200", {}).get("content", {})) != ["text/event-stream"]:
            yield method, operation


def material(server: Server, video: Path) -> dict[str, list[str]]:
    """Something of each kind to ask for: a video that is done, and the same behind a signature and a password."""
    driver = Driver(server)
    outputs = ["hls", "mp4", "audio", "frames", "thumbnail", "storyboard"]
    done = driver.done(driver.submit(video, outputs=outputs, renditions=[{"height": 240}])["id"])
    again = {"input": {"job": done["id"]}}
    made = [driver.http.post("/api/v1/jobs", json={**again, "playback_policy": "signed"}).json() for _ in range(2)]
    locked = {"playback_policy": "password", "password": any_request.PASSWORD}
    changed = driver.http.patch(f"/api/v1/assets/{made[1]['asset_id']}", json=locked)
    assert changed.status_code == 200, changed.text
    for job in made:
        driver.done(job["id"])
    link = driver.http.post(f"/api/v1/assets/{made[0]['asset_id']}/signed-links", json={}).json()["urls"]["watch"]
    upload = driver.http.post("/api/v1/uploads", json={"size_bytes": 1000, "one_time": {}}).json()
    any_request.add_owner(server.database_url, EMAIL)
    driver.close()
    jobs = [done, *made]
    return {
        "path.job_id": [job["id"] for job in jobs],
        "path.asset_id": [job["asset_id"] for job in jobs],
        "path.playback_id": [*(job["asset"]["playback_id"] for job in jobs), link.rpartition("/")[2]],
        "path.track": ["h264-240", "audio-0"],
        "path.file_name": ["init.mp4", "0.m4s", "storyboard.vtt", "storyboard.json"],
        "path.token": [upload["one_time_url"].rpartition("/")[2]],
        "query.url": [job["urls"]["watch"] for job in jobs],
        "body.email": [EMAIL],
        "body.current_password": [any_request.PASSWORD],
        "body.password": [any_request.PASSWORD],
    }


@pytest.mark.timeout(LONG_S + 600)
@pytest.mark.parametrize("length", [LEAN, pytest.param(LONG, marks=pytest.mark.long)], ids=["lean", "long"])
def test_no_request_finds_an_error_of_ours_nor_an_answer_that_is_not_declared(
    start_server: Callable[..., Server], clip: ClipMaker, tmp_path: Path, length: Sequence[str]
) -> None:
    server = start_server(**SETTINGS)
    known = material(server, clip("h264_aac_240p30_2s"))
    with server.client() as client:
        document = client.get("/openapi.json").json()
    (tmp_path / "openapi.json").write_text(json.dumps(finite(document)))
    (tmp_path / "schemathesis.toml").write_text(configuration(known))
    environment = {
        **os.environ,
        any_request.DATABASE: server.database_url,
        any_request.KEPT_ASSETS: " ".join(known["path.asset_id"]),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", "schemathesis.toml", "run", "openapi.json", "--url", server.url, "--no-color"),
            *("--max-redirects", "0", "--checks", ",".join(CHECKS), *length),
        ],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG_S + 300,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    tested = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.stdout)
    assert tested is not None, done.stdout[-2000:]
    assert len(set(tested.groups())) == 1, tested[0]
    assert errors_in(server.log_text()) == []
    assert httpx2.get(f"{server.url}/ready", trust_env=False).status_code == 200


def errors_in(log: str) -> list[str]:
    """What the server itself calls an error, whatever it answered."""
    return [line for line in log.splitlines() if '"level": "error"' in line]
