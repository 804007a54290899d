"""Uploads as people make them: from a page in Chromium, and by `vidctl upload` over a line that is cut."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.e2e.numbered import picture, tone
from tests.fixtures.clips import ClipMaker
from tests.fixtures.cutting import cutting_way
from tests.fixtures.platform import Server
from tests.fixtures.tus_clients import FOLDER

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE_BYTES = 3_000_000
_SCRIPT = FOLDER / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
# Uploads random bytes that begin like a video; stops half-way and goes on where that is asked for. Their SHA-256.
_UPLOAD = """
async ({size, options, stopHalfway}) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
  bytes.set([0, 0, 0, 32, 102, 116, 121, 112, 105, 115, 111, 109]);
  const send = (more, stopAfter) => new Promise((resolve, reject) => {
    const upload = new tus.Upload(new Blob([bytes]), {
      chunkSize: 500000, retryDelays: [100, 100, 100], storeFingerprintForResuming: false, ...options, ...more,
      onError: reject, onSuccess: () => resolve(upload.url),
      onChunkComplete: (_, sent) => { if (sent >= stopAfter) upload.abort().then(() => resolve(upload.url)); },
    });
    upload.start();
  });
  let url = await send({}, stopHalfway ? size / 2 : Infinity);
  if (stopHalfway) url = await send({uploadUrl: url}, Infinity);
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return {url, sha256: Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('')};
}
"""


@pytest.fixture(scope="module")
def site() -> Generator[str]:
    """A web site of somebody else's, whose pages have tus-js-client; its origin."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path == "/tus.js"
            body = _SCRIPT.read_bytes() if script else b'<!doctype html><script src="/tus.js"></script>'
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://localhost:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(scope="module")
def server(site: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    data_dir = tmp_path_factory.mktemp("uploads") / "data"
    running = Server(data_dir, {"VIDCOMPUTE_CORS_ORIGINS": site}).prepare()
    yield running.start()
    running.stop()


def stored(server: Server) -> set[str]:
    """The SHA-256 of each stored source."""
    paths = (server.data_dir / "storage" / "orgs").glob("*/sources/*/*")
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_page_sends_a_file_to_a_one_time_address_and_goes_on_after_a_stop(
    page: "Page", server: Server, site: str
) -> None:
    with server.client() as http:
        made = http.post("/api/v1/uploads", json={"job": None, "one_time": {"origin": site}}).json()
        page.goto(site)
        options = {"endpoint": made["one_time_url"]}
        sent = page.evaluate(_UPLOAD, {"size": SIZE_BYTES, "options": options, "stopHalfway": True})
        assert http.get(made["url"]).json()["status"] == "completed"
    assert sent["url"] == made["one_time_url"]
    assert sent["sha256"] in stored(server)


def test_a_page_with_a_key_sends_a_file_in_parts_at_once(page: "Page", server: Server, site: str) -> None:
    page.goto(site)
    options = {
        "endpoint": f"{server.url}/api/v1/uploads",
        "headers": {"Authorization": f"Bearer {server.key}"},
        "metadata": {"filename": "parts.mp4", "job": "null"},
        "parallelUploads": 3,
    }
    sent = page.evaluate(_UPLOAD, {"size": SIZE_BYTES, "options": options, "stopHalfway": False})
    with server.client() as http:
        upload = http.get(sent["url"]).json()
    assert (upload["status"], upload["kind"], upload["name"]) == ("completed", "final", "parts.mp4")
    assert sent["sha256"] in stored(server)


def test_another_page_may_not_use_a_one_time_address(page: "Page", server: Server, site: str) -> None:
    with server.client() as http:
        wish = {"job": None, "one_time": {"origin": "https://app.example"}}
        made = http.post("/api/v1/uploads", json=wish).json()
    page.goto(site)
    tried = "url => fetch(url, {method: 'PUT', body: 'x'}).then(() => 'sent', () => 'refused')"
    assert page.evaluate(tried, made["one_time_url"]) == "refused"


def test_vidctl_upload_goes_on_over_a_cut_line(server: Server, clip: ClipMaker, tmp_path: Path) -> None:
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    file = clip("uploaded", [*picture(seconds="3"), *tone("3"), *encode])
    with cutting_way() as way:

        def mend() -> None:
            if way.cut.wait(60):
                way.lead_to(server.url)

        way.lead_to(server.url)
        way.arm(2000 + file.stat().st_size // 3, lambda: None)
        threading.Thread(target=mend, daemon=True).start()
        command = [sys.executable, "-m", "vidcompute.main", "upload", str(file), "--server", way.endpoint]
        command += ["--key", server.key, "--output", "thumbnail", "--wait", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
        assert way.cut.is_set()
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["data"]["status"] == "done"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in stored(server)


def test_a_stream_plays_right_after_the_last_byte(server: Server, clip: ClipMaker) -> None:
    file = clip("h264_aac_240p25_6s")
    data = file.read_bytes()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data))}
    with server.client() as http:
        address = http.post("/api/v1/uploads", headers=tus).headers["location"]
        for start in range(0, len(data), len(data) // 3 + 1):
            piece = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(start)}
            sent = http.patch(address, headers=piece, content=data[start : start + len(data) // 3 + 1])
            assert sent.status_code == 204
        job = http.get(f"/api/v1/jobs/{http.get(address).json()['job_id']}").json()
        # The request is held until there is something to play.
        assert httpx2.get(job["urls"]["stream"], trust_env=False, timeout=30).text.startswith("#EXTM3U")
