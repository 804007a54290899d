"""The OpenAPI document: FastAPI's, completed with what all routes share."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from vidcompute.api import asset_schemas, idempotency, job_schemas, told, track_schemas, upload_schemas
from vidcompute.api.body import JsonBody
from vidcompute.api.problems import MEDIA_TYPE, Problem
from vidcompute.pipeline.spec import JobOptions, JobSpec
from vidcompute.services.accounts import OPERATIONS, Entry, Rule, Scope

# Bodies of routes that take others as well, and tell of them themselves.
_TOLD_BY_ROUTES: tuple[type[BaseModel], ...] = (JobSpec, JobOptions, Problem, upload_schemas.UploadRequest)
_EXAMPLES = asset_schemas.EXAMPLES | job_schemas.EXAMPLES | track_schemas.EXAMPLES | upload_schemas.EXAMPLES
TITLE = "VidCompute"
SUMMARY = "Self-hosted video infrastructure: a video goes in, adaptive streams, images and frames come out."
DESCRIPTION = """\
Submit a video by file or URL, watch it within seconds, and read what became of it.

- **Keys.** Everything below `/api/v1` wants an API key: `Authorization: Bearer <key>`, or HTTP Basic with the key's id
  as the user and the key as the password. `x-scope` says which scope an operation asks for.
- **People** log in: a browser gets a cookie, an app a pair of tokens, of which one goes along as `Bearer`. Who is in
  several organizations says by `X-Organization` (an id or a slug) which one a request is about.
- **Errors** are problem details (RFC 9457) with a stable `code`; `problems` names wrong fields by JSON pointer.
- **Lists** have `items` and `next_cursor`; give the latter as `cursor` for what follows.
- **Repeating.** A POST with an `Idempotency-Key` is carried out once, however often it is sent: it gets the answer of
  the first time, with `Idempotent-Replayed: true`. What is shown once is not kept: instead of a secret a repetition
  gets the problem `idempotency_secret_not_kept` with what else was answered. The few operations that take no key say
  why (`x-without-key`).
- **Units** stand in names: `duration_ms`, `size_bytes`, `bitrate_bps`. Times of day are RFC 3339 in UTC.
"""
TAGS = [
    {"name": "jobs", "description": "Requests: submit, follow, cancel, try again."},
    {"name": "uploads", "description": "Files on their way in: resumable by TUS 1.0.0, or whole by PUT."},
    {"name": "assets", "description": "Videos and everything derived from them."},
    {"name": "access", "description": "API keys, what they may do, and who did what."},
    {"name": "people", "description": "Accounts, sessions, organizations and their members."},
    {"name": "retention", "description": "How long things are kept, and what a clean-up takes."},
    {"name": "usage", "description": "Limits of organizations, and what they use."},
    {"name": "playback", "description": "Streams and images, open to everybody who has the playback ID."},
    {"name": "watching", "description": "The page with the player, and what it asks for."},
    {"name": "events", "description": "What happens, by page or as it happens."},
    {"name": "webhooks", "description": "Addresses that are told of what happens, and what is sent to them."},
    {"name": "mails", "description": "What was sent by mail, and what came of it."},
    {"name": "platform", "description": "Health, metrics and versions."},
]
_PEOPLE: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
_SECURITY: list[dict[str, list[str]]] = [*_PEOPLE, {"basic": []}]
# What every operation may answer that asks who one is.
_OF_ALL = {
    "404": "There is no such organization, or you are not in it (`X-Organization`).",
    "429": "More requests than the organization may make in a minute.",
    "503": "The database, or the store, can't be reached now; try again later.",
}
_KEY_USED = "The key was used for another request, or this one can't be answered again."
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an access token."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "vidcompute_session",
        "description": "A browser's session, on our own pages. Over TLS its name begins with `__Host-`.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "The key's id as the user, the key as the password."},
}


def as_json(document: Mapping[str, Any]) -> str:
    """The document as JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML text: block style, and every text in quotes."""
    return "\n".join(_yaml(document, "")) + "\n"


def _yaml(value: Any, indent: str) -> Iterator[str]:
    """The lines of a mapping or a list that has something in it."""
    pairs = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for key, item in pairs:
        lead = f"{indent}-" if key is None else f"{indent}{_yaml_key(key)}:"
        if isinstance(item, Mapping | list | tuple) and item:
            yield lead
            yield from _yaml(item, indent + "  ")
        elif isinstance(item, str) and _is_block(item):
            yield f"{lead} {'|' if item.endswith(chr(10)) else '|-'}"
            yield from (f"{indent}  {line}" if line else "" for line in item.rstrip("\n").split("\n"))
        else:
            yield f"{lead} {json.dumps(item, ensure_ascii=False)}"  # scalars of JSON are scalars of YAML


def _is_block(text: str) -> bool:
    """Whether a text reads well, and reads the same, as a literal block."""
    return "\n" in text[:-1] and text[0] not in " \n" and not text.endswith("\n\n")


def _yaml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$-]*", key) else json.dumps(key, ensure_ascii=False)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application's routes."""
    made = get_openapi(
        title=TITLE,
        version=app.version,
        summary=SUMMARY,
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        contact={"name": "The VidCompute authors"},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        separate_input_output_schemas=False,
        servers=[{"url": "/", "description": "This server."}],
    )
    components = made.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    bodies = _bodies(app)
    _add_models(components.setdefault("schemas", {}), (body.model for body in bodies.values()))
    for item in made["paths"].values():
        for method, operation in item.items():
            _tell_body(operation, bodies.get(operation["operationId"]))
            _complete(operation, OPERATIONS.get(operation["operationId"], Entry.PUBLIC))
            if method == "post":
                _tell_repeating(operation)
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    made["webhooks"] = told.webhooks(components["schemas"])
    for model, example in _EXAMPLES.items():  # here, for FastAPI drops nulls of examples
        components["schemas"][model.__name__]["example"] = example
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return made


def _bodies(app: FastAPI) -> dict[str, JsonBody[Any]]:
    """What the routes read as JSON, by operation."""
    routes = [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]
    return {
        route.operation_id: dependency.call
        for route in routes
        for dependency in route.dependant.dependencies
        if isinstance(dependency.call, JsonBody)
    }


def _tell_body(operation: dict[str, Any], body: JsonBody[Any] | None) -> None:
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.model.__name__}"}
        answers = operation.pop("responses")
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}, "required": body.required}
        operation["responses"] = answers  # behind it, where people look for them


def _add_models(schemas: dict[str, Any], models: Iterable[type[BaseModel]]) -> None:
    wanted = dict.fromkeys((*models, *_TOLD_BY_ROUTES))
    _, found = models_json_schema(
        [(model, "validation") for model in wanted], ref_template="#/components/schemas/{model}"
    )
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)


def _complete(operation: dict[str, Any], rule: Rule) -> None:
    answers = operation["responses"]
    operation["security"] = _PEOPLE if rule is Entry.PERSON else [] if rule is Entry.PUBLIC else _SECURITY
    if isinstance(rule, Scope):
        operation["x-scope"] = rule.value
        answers.setdefault("403", {"description": f"The key, or the role, does not have the scope `{rule.value}`."})
    if rule is not Entry.PUBLIC:
        for status, told in _OF_ALL.items():
            answers.setdefault(status, {"description": told})
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, answer in answers.items():
        if status in {"403", *_OF_ALL}:
            answer.setdefault("content", problem)
        reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        if reference.endswith(("/Problem", "/HTTPValidationError")):
            answer["content"] = problem
            if reference.endswith("/HTTPValidationError"):
                answer["description"] = "Parameters are wrong; `problems` names each."
        answer.setdefault("description", status)
    answers.setdefault("500", {"description": "Something broke on our side.", "content": problem})


def _tell_repeating(operation: dict[str, Any]) -> None:
    """Whether it can be sent again under a key, or why not."""
    why = idempotency.APART.get(operation["operationId"])
    if why is not None:
        operation["x-without-key"] = why
        return
    operation.setdefault("parameters", []).append(dict(idempotency.PARAMETER))
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"].setdefault("409", {"description": _KEY_USED, "content": problem})
    operation["responses"].setdefault("422", {"description": "The key is too long.", "content": problem})
