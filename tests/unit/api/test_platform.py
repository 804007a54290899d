"""Keys, problems, headers, health, metrics and the API's own pages."""

import base64
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from tests.unit.api.conftest import URL, Platform, until
from vidcompute import logs
from vidcompute.api.app import Application, create_app, furnish
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import Finished, Outcome
from vidcompute.services import accounts

JOBS = "/api/v1/jobs"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_a_key_opens_as_bearer_and_as_basic(stranger: httpx2.AsyncClient, platform: Platform) -> None:
    key_id = (await platform.deps.db.read(accounts.authenticate, platform.key)).key_id
    good = [f"Bearer {platform.key}", f"bearer  {platform.key}", basic(key_id, platform.key), basic(platform.key, "")]
    for header in good:
        assert (await stranger.get(JOBS, headers={"Authorization": header})).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic",
        "Basic !!!",
        "Basic /////w==",
        basic("a", "b"),
        "Digest x",
        "vck_x",
    ],
)
async def test_nothing_opens_without_a_key(stranger: httpx2.AsyncClient, header: str) -> None:
    answer = await stranger.get(JOBS, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.json()["code"] in {"api_key_missing", "invalid_api_key"}
    assert "Bearer" in answer.headers["www-authenticate"]


async def test_another_keys_id_does_not_open(stranger: httpx2.AsyncClient, platform: Platform) -> None:
    answer = await stranger.get(JOBS, headers={"Authorization": basic("key_other", platform.key)})
    assert answer.json()["code"] == "invalid_api_key"


async def test_every_route_of_the_api_wants_a_key(stranger: httpx2.AsyncClient, platform: Platform) -> None:
    document = platform.app.openapi()
    keyed = 0
    asked = [path for path in document["paths"] if path.startswith(("/api/", "/health", "/ready", "/metrics"))]
    for path in [*asked, "/docs", "/openapi.json"]:
        for method, operation in document["paths"].get(path, {"get": {"security": []}}).items():
            answer = await stranger.request(method.upper(), re.sub(r"\{.*?\}", "x", path))
            assert (answer.status_code == 401) == bool(operation["security"]), (method, path)
            keyed += answer.status_code == 401
    assert keyed > 8


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "no_such_route"),
        ("GET", "/api/v1/nothing", 404, "no_such_route"),
        ("PUT", JOBS, 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("GET", "/docs/passwd", 404, "file_not_found"),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"urn:vidcompute:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["problems"] == []
    if status == 405:
        assert answer.headers["allow"]


@pytest.fixture(scope="module")
def failing(assembled: Application) -> Application:
    """An application with routes that fail in several ways."""
    router = APIRouter()

    @router.get("/fault")
    async def fault() -> None:
        raise RuntimeError("secret of the house")

    @router.get("/expected/{kind}")
    async def expected(kind: Kind) -> None:
        raise VidComputeError(kind, "some_code", "In plain words.", extra={"retry_after_s": 7})

    @router.get("/half")
    async def half() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise RuntimeError("in the middle")

        return StreamingResponse(body())

    return create_app(assembled.state.deps, [router])


@pytest.fixture
async def broken(failing: Application, platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    furnish(failing, platform.deps)
    transport = httpx2.ASGITransport(failing, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def test_a_fault_of_ours_tells_nothing_of_the_house(
    broken: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("error")
    answer = await broken.get("/fault")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    printed = capsys.readouterr()
    assert "secret of the house" in printed.out + printed.err


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.INVALID, 422),
        (Kind.REFUSED, 422),
        (Kind.NOT_FOUND, 404),
        (Kind.CONFLICT, 409),
        (Kind.UNAUTHENTICATED, 401),
        (Kind.FORBIDDEN, 403),
        (Kind.TOO_LARGE, 413),
        (Kind.RATE_LIMITED, 429),
        (Kind.TIMEOUT, 504),
        (Kind.UNAVAILABLE, 503),
        (Kind.CANCELLED, 409),
        (Kind.INTERNAL, 500),
    ],
)
async def test_each_kind_of_error_has_its_status(broken: httpx2.AsyncClient, kind: Kind, status: int) -> None:
    answer = await broken.get(f"/expected/{kind}")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (status, "some_code", "7")


async def test_an_answer_that_breaks_in_its_middle_is_cut(broken: httpx2.AsyncClient) -> None:
    with pytest.raises(BaseException, match=r"in the middle|unhandled errors"):
        await broken.get("/half")


async def test_a_request_has_an_id(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).headers["x-request-id"].startswith("req_")
    assert (await client.get("/health", headers={"X-Request-Id": "mine-1"})).headers["x-request-id"] == "mine-1"
    for hostile in ("a b", "x" * 200, 'a"b', "a\tb"):
        given = (await client.get("/health", headers={"X-Request-Id": hostile})).headers["x-request-id"]
        assert given.startswith("req_")


async def test_answers_carry_security_headers(client: httpx2.AsyncClient) -> None:
    answer = await client.get(JOBS)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


async def test_pages_of_other_sites_may_call_only_where_allowed(client: httpx2.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    ours = await client.options(JOBS, headers={"Origin": "https://app.test", **asked})
    assert ours.headers["access-control-allow-origin"] == "https://app.test"
    other = await client.options(JOBS, headers={"Origin": "https://evil.test", **asked})
    assert "access-control-allow-origin" not in other.headers
    stream = await client.options("/stream/x.m3u8", headers={"Origin": "https://evil.test", **asked})
    assert (stream.status_code, stream.headers["access-control-allow-origin"]) == (204, "*")
    assert "Range" in stream.headers["access-control-allow-headers"]


async def test_health_and_readiness(stranger: httpx2.AsyncClient, platform: Platform) -> None:
    assert (await stranger.get("/health")).json() == {"status": "ok"}
    assert (await stranger.get("/ready")).json() == {"status": "ready", "checks": {"database": "ok"}}
    platform.deps.closing.set()
    leaving = await stranger.get("/ready")
    assert (leaving.status_code, leaving.json()["status"]) == (503, "unready")


async def test_a_check_that_fails_or_breaks_is_told(platform: Platform) -> None:
    async def full() -> str | None:
        return "the disk is full"

    async def broken() -> str | None:
        raise RuntimeError("secret")

    transport = httpx2.ASGITransport(platform.with_others(checks={"storage": full, "dispatcher": broken}))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "storage": "the disk is full", "dispatcher": "RuntimeError"}


async def test_what_it_can_do_without_degrades_it_and_no_more(platform: Platform) -> None:
    wrong: list[str] = []

    async def redis() -> str | None:
        return wrong[0] if wrong else None

    app = platform.with_others(lesser_checks={"redis": redis})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/ready")).json() == {"status": "ready", "checks": {"database": "ok", "redis": "ok"}}
        wrong.append("Redis is away")
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["checks"]["redis"] == "Redis is away"
        platform.deps.closing.set()
        assert (await client.get("/ready")).json()["status"] == "unready"


async def test_version(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/v1/version")).json() == {"version": "1.2.3", "commit": "abc", "ffmpeg": "9.0"}


async def test_the_states_are_explained(client: httpx2.AsyncClient) -> None:
    found = {machine["name"]: machine for machine in (await client.get("/api/v1/states")).json()["items"]}
    assert set(found) == {"task", "job", "asset"}
    place = next(arrow for arrow in found["task"]["arrows"] if arrow["name"] == "place")
    assert (place["sources"], place["target"], place["event"]) == (["ready"], "placed", "task.placed")
    assert found["job"]["states"]["done"]


def sample(text: str, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{line} is not in\n{text}"
    return float(found.group(1))


async def test_metrics_count_requests_jobs_and_stages(client: httpx2.AsyncClient, platform: Platform) -> None:
    job = (await client.post(JOBS, json={"input": URL})).json()
    await client.get(f"{JOBS}/{job['id']}")
    await client.get("/nothing")
    queued = (await client.get("/metrics")).text
    assert sample(queued, 'vidcompute_jobs_current{kind="media",status="queued"}') == 1
    await platform.run_until("encode")
    cancelled = (await client.post(JOBS, json={"input": URL})).json()
    await client.delete(f"{JOBS}/{cancelled['id']}")
    metrics = platform.app.state.metrics
    await until(lambda: 'status="cancelled"} 1.0' in metrics.render().decode())
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    text = answer.text
    requests = "vidcompute_http_requests_total"
    assert sample(text, f'{requests}{{method="GET",route="/api/v1/jobs/{{job_id}}",status="200"}}') == 1
    assert sample(text, f'{requests}{{method="GET",route="unmatched",status="404"}}') == 1
    assert sample(text, "vidcompute_http_requests_in_flight") == 1
    assert sample(text, 'vidcompute_stage_duration_seconds_count{stage="probe"}') == 1
    assert sample(text, 'vidcompute_jobs_total{kind="media",status="cancelled"}') == 1
    assert sample(text, "vidcompute_scheduler_jobs_scheduled_total") == 1
    assert sample(text, 'vidcompute_scheduler_queue_depth{priority="normal"}') >= 0
    assert sample(text, 'vidcompute_build_info{ffmpeg="9.0",version="1.2.3"}') == 1


async def test_encoded_media_is_counted_for_each_rendition(client: httpx2.AsyncClient, platform: Platform) -> None:
    await client.post(JOBS, json={"input": URL})
    first, second, third = await platform.run_until("encode")
    track = {"timescale": 1000, "segments": [{"duration": 4000}, {"duration": 2500}]}
    for spec, tracks in ((first, {"h264-720": track, "h264-480": track}), (second, {"h264-480": {}}), (third, {})):
        await platform.end(Finished(spec.attempt_id, Outcome.OK, {"tracks": tracks}, 1, "d"))
    failure = Finished("att_none", Outcome.FAILED)
    await platform.end(failure)
    metrics = platform.app.state.metrics
    await until(lambda: 'vidcompute_stage_duration_seconds_count{stage="encode"} 3.0' in metrics.render().decode())
    assert sample((await client.get("/metrics")).text, "vidcompute_encoded_media_seconds_total") == 13


async def test_failed_attempts_and_jobs_are_counted_by_code(client: httpx2.AsyncClient, platform: Platform) -> None:
    await client.post(JOBS, json={"input": URL})
    (spec,) = await platform.run_until("fetch")
    broken = Finished(spec.attempt_id, Outcome.FAILED, error_kind=Kind.REFUSED, error_code="url_tls", error_detail="x")
    await platform.end(broken)
    metrics = platform.app.state.metrics
    await until(lambda: 'status="failed"} 1.0' in metrics.render().decode())
    text = (await client.get("/metrics")).text
    assert sample(text, 'vidcompute_stage_failures_total{code="url_tls",stage="fetch"}') == 1
    assert sample(text, 'vidcompute_jobs_failed_total{code="url_tls",kind="media"}') == 1
    assert sample(text, 'vidcompute_job_duration_seconds_count{kind="media",status="failed"}') == 1


async def test_the_document_and_its_page_come_from_here(stranger: httpx2.AsyncClient, platform: Platform) -> None:
    document = await stranger.get("/openapi.json")
    assert document.json() == platform.app.openapi()
    home = await stranger.get("/")
    assert (home.status_code, home.headers["location"]) == (307, "/dashboard")
    assert (await stranger.get("/docs/swagger.json")).json() == document.json()
    page = await stranger.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 3
    for address in addresses:
        assert "//" not in address
        file = await stranger.get(f"/{address}")
        assert (file.status_code, file.headers["content-type"].partition(";")[0]) in {
            (200, "text/javascript"),
            (200, "text/css"),
        }
        assert len(file.content) > 100
    assert "<script>" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
