"""Driving a running platform over HTTP, as a client of its API does."""

import contextlib
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.fixtures.clips import ClipMaker
from tests.fixtures.plain_http import NO_TLS
from tests.fixtures.platform import PROFILE, Server
from tests.fixtures.waiting import wait_until

ENDED = frozenset({"done", "failed", "cancelled"})
PATIENCE_S = 150.0

Json = dict[str, Any]


class Driver:
    """A client of one server that submits, waits and fetches."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = server.client()

    def close(self) -> None:
        """End the connections."""
        self.http.close()

    def submit(self, path: Path, *, name: str | None = None, key: str | None = None, **spec: Any) -> Json:
        """A job of a file; `spec` is everything else that a spec may say."""
        with path.open("rb") as file:
            parts = {"file": (name if name is not None else path.name, file, "application/octet-stream")}
            headers = {"Idempotency-Key": key} if key else {}
            answer = self.http.post("/api/v1/jobs", data={"spec": json.dumps(spec)}, files=parts, headers=headers)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def job(self, job_id: str) -> Json:
        """The job as it is now."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def asset(self, asset_id: str) -> Json:
        """The asset as it is now."""
        found: Json = self.http.get(f"/api/v1/assets/{asset_id}").json()
        return found

    def ended(self, job_id: str) -> Json:
        """The job once it has ended: its stream of events is followed to the end."""
        with self.http.stream("GET", f"/api/v1/jobs/{job_id}/events", timeout=PATIENCE_S) as events:
            for _ in events.iter_lines():
                pass
        job = self.job(job_id)
        assert job["status"] in ENDED, job["status"]
        return job

    def done(self, job_id: str) -> Json:
        """The job once it is done; anything else fails the test with the reason and the log."""
        job = self.ended(job_id)
        assert job["status"] == "done", f"{job['error']}\n{self.log(job_id)}"
        assert job["asset"]["status"] == "ready", job["asset"]
        return job

    def log(self, job_id: str) -> str:
        """The last lines of a job's log."""
        lines = self.http.get(f"/api/v1/jobs/{job_id}/logs", params={"limit": 1000}).json()["items"]
        return "\n".join(f"{line['stage']} {line['level']}: {line['message']}" for line in lines[-60:])

    def purge(self, *asset_ids: str) -> Json:
        """Delete assets for good, on a server whose `undo_s` is 0; what the clean-up took in all."""
        for asset_id in asset_ids:
            assert self.http.delete(f"/api/v1/assets/{asset_id}").status_code == 204
        total: Json = {"purged": 0}
        while total["purged"] < len(asset_ids):
            part = self.http.post("/api/v1/cleanup").raise_for_status().json()
            total = {name: total.get(name, 0) + part[name] for name in part if name != "more"}
        return total

    def until(self, job_id: str, what: str, condition: Any) -> Json:
        """The job once `condition(job)` is true."""
        found: list[Json] = []

        def look() -> bool:
            found[:] = [self.job(job_id)]
            return bool(condition(found[0]))

        wait_until(look, timeout_s=PATIENCE_S, what=what, pause_s=0.05)
        return found[0]

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """A GET without the key, as players send it; `path` may be a whole URL."""
        options.setdefault("headers", {})
        url = path if path.startswith("http") else self.server.url + path
        return httpx2.get(url, timeout=60, trust_env=False, verify=NO_TLS, **options)

    def bytes(self, path: str) -> bytes:
        """The body of a GET that must succeed."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return bytes(answer.content)

    def attempts(self, job_id: str) -> dict[str, int]:
        """How often each task of a job was started, by stage."""
        return {stage["name"]: stage["attempts"] for stage in self.job(job_id)["stages"]}


def events_of(lines: Iterator[str]) -> Iterator[Json]:
    """Server-sent events as `{"id", "event", "data"}`."""
    event: Json = {}
    for line in lines:
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


@contextlib.contextmanager
def running(data_dir: Path, **environment: str) -> Generator[Driver]:
    """A server of one's own with a driver, ended with its block."""
    with PROFILE[-1].cores(int(environment.get("VIDCOMPUTE_CPU_COUNT", 1))):
        server = Server(data_dir, environment).prepare().start(timeout_s=60)
        driver = Driver(server)
        try:
            yield driver
        finally:
            driver.close()
            if server.process is not None and server.process.poll() is None:
                server.stop(timeout_s=60)


def endless(clip: ClipMaker) -> Path:
    """A source that keeps a core busy for minutes: ten seconds, thirty times over."""
    tests = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=10"]
    once = clip("slow-once", [*tests, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "35", "-g", "250"])
    return clip("slow", ["-stream_loop", "29", "-i", str(once), "-c", "copy"])


@contextlib.contextmanager
def busy(driver: Driver, clip: ClipMaker) -> Generator[None]:
    """While this lasts, the server's only core works at a slow encode of another job, so no ladder gets on."""
    wanted = [{"height": 360, "codec": "hevc", "quality": 8}]
    job = driver.submit(endless(clip), outputs=["hls"], renditions=wanted, priority="high")
    driver.until(
        job["id"], "the slow encode", lambda j: ("encode", "running") in [(s["name"], s["status"]) for s in j["stages"]]
    )
    yield
    driver.http.delete(f"/api/v1/jobs/{job['id']}").raise_for_status()
