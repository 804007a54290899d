"""The generated client says what the document says: types, paths, parameters, bodies, errors, events."""

import types
from typing import Any

import httpx2
import pytest

from setup.client import client_source, type_of

_JOB = {"$ref": "#/components/schemas/Job"}
_DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "components": {
        "schemas": {
            "Job": {
                "type": "object",
                "description": "One request's work.",
                "properties": {"id": {"type": "string"}, "parent": {"anyOf": [_JOB, {"type": "null"}]}},
                "required": ["id"],
            },
            "Odd": {"type": "object", "properties": {"@type": {"type": "string"}, "class": {"type": "integer"}}},
            "Status": {"enum": ["queued", "done"], "type": "string"},
        }
    },
    "paths": {
        "/api/v1/jobs": {
            "get": {
                "operationId": "listJobs",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": _JOB}}}}},
            },
            "post": {
                "operationId": "create_job",
                "summary": "Submit a job.",
                "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": _JOB}, "multipart/form-data": {}}},
                "responses": {"201": {"content": {"application/json": {"schema": _JOB}}}, "422": {}},
            },
        },
        "/api/v1/jobs/{job_id}": {
            "parameters": [{"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "delete": {"operationId": "cancel_job", "responses": {"204": {"description": "gone"}}},
        },
        "/api/v1/frames": {
            "get": {"operationId": "frames", "responses": {"200": {"content": {"application/zip": {}}}}}
        },
        "/image": {
            "get": {
                "operationId": "image",
                "responses": {"200": {"content": {"application/json": {"schema": _JOB}, "image/jpeg": {}}}},
            }
        },
        "/metrics": {"get": {"operationId": "metrics", "responses": {"200": {"content": {"text/plain": {}}}}}},
        "/api/v1/logs": {
            "get": {
                "operationId": "logs",
                "responses": {"200": {"content": {"application/json": {"schema": _JOB}, "text/event-stream": {}}}},
            }
        },
        "/api/v1/jobs/{job_id}/events": {
            "get": {
                "operationId": "job_events",
                "parameters": [
                    {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"content": {"text/event-stream": {}}}},
            }
        },
    },
}


@pytest.fixture(scope="module")
def client_module() -> types.ModuleType:
    module = types.ModuleType("generated_client")
    exec(compile(client_source(_DOCUMENT), "generated_client", "exec"), module.__dict__)
    return module


def _answering(module: types.ModuleType, answer: httpx2.Response) -> tuple[Any, list[httpx2.Request]]:
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        request.read()
        seen.append(request)
        return answer

    return module.Client("http://server", "key", transport=httpx2.MockTransport(handle)), seen


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, "str | None"),
        ({"type": "array", "items": {"type": "number"}}, "list[float]"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "dict[str, str]"),
        ({"const": "hls", "type": "string"}, "Literal['hls']"),
        ({"anyOf": [_JOB, {"type": "null"}]}, "Job | None"),
        ({}, "Any"),
        (True, "Any"),
    ],
)
def test_types_follow_schemas(schema: dict[str, Any], expected: str) -> None:
    assert type_of(schema) == expected


def test_queries_without_a_value_are_left_out(client_module: types.ModuleType) -> None:
    client, seen = _answering(client_module, httpx2.Response(200, json=[{"id": "a"}]))
    with client:
        assert client.list_jobs() == [{"id": "a"}]
        assert client.list_jobs(limit=5) == [{"id": "a"}]
    assert [str(request.url) for request in seen] == [
        "http://server/api/v1/jobs",
        "http://server/api/v1/jobs?limit=5",
    ]
    assert seen[0].headers["authorization"] == "Bearer key"


def test_bodies_and_headers_are_sent(client_module: types.ModuleType) -> None:
    client, seen = _answering(client_module, httpx2.Response(201, json={"id": "a"}))
    assert client.create_job({"id": "a"}, idempotency_key="once") == {"id": "a"}
    assert seen[0].headers["idempotency-key"] == "once"
    assert seen[0].content == b'{"id":"a"}'


def test_path_parameters_can_not_leave_their_place(client_module: types.ModuleType) -> None:
    client, seen = _answering(client_module, httpx2.Response(204))
    assert client.cancel_job("../keys?x=1") is None
    assert seen[0].url.raw_path == b"/api/v1/jobs/..%2Fkeys%3Fx%3D1"


def test_problems_become_errors(client_module: types.ModuleType) -> None:
    client, _ = _answering(client_module, httpx2.Response(404, json={"code": "job_not_found", "detail": "No."}))
    with pytest.raises(client_module.ApiError) as caught:
        client.cancel_job("x")
    assert (caught.value.status, caught.value.code) == (404, "job_not_found")
    client, _ = _answering(client_module, httpx2.Response(502, text="bad gateway"))
    with pytest.raises(client_module.ApiError, match="502"):
        client.cancel_job("x")


def test_events_are_told_one_by_one(client_module: types.ModuleType) -> None:
    stream = ': hello\n\nid: 1\nevent: job.done\ndata: {"a":\ndata: 1}\n\ndata: plain\n\nid: 3\ndata: cut'
    client, seen = _answering(client_module, httpx2.Response(200, text=stream))
    assert list(client.job_events("x", last_event_id="0")) == [
        {"id": "1", "event": "job.done", "data": {"a": 1}},
        {"id": "", "event": "message", "data": "plain"},
    ]
    assert seen[0].headers["last-event-id"] == "0"


def test_one_operation_may_be_sent_and_taken_in_two_ways(client_module: types.ModuleType) -> None:
    client, seen = _answering(client_module, httpx2.Response(201, json={"id": "a"}))
    assert client.create_job_form({"file": ("clip.mp4", b"abc")}) == {"id": "a"}
    assert seen[0].headers["content-type"].startswith("multipart/form-data")
    assert client.logs() == {"id": "a"}
    assert list(client.logs_stream()) == []
    assert seen[2].headers["accept"] == "text/event-stream"


def test_files_are_streamed_and_texts_are_texts(client_module: types.ModuleType) -> None:
    client, _ = _answering(client_module, httpx2.Response(200, content=b"PK data"))
    assert b"".join(client.frames()) == b"PK data"
    assert b"".join(client.image()) == b"PK data", "what may be JSON or a picture is taken as it is"
    assert client.metrics() == "PK data"
    failing, _ = _answering(client_module, httpx2.Response(409, json={"code": "not_ready", "detail": "Wait."}))
    with pytest.raises(client_module.ApiError, match="not_ready"):
        list(failing.frames())
