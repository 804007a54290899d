"""The OpenAPI document: complete, consistent, and the same as the copy in docs/."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from vidcompute.api.app import describe
from vidcompute.api.body import Json, OptionalJson
from vidcompute.api.deps import Build
from vidcompute.api.openapi import as_json, as_yaml
from vidcompute.pipeline.spec import JobSpec
from vidcompute.services.accounts import OPERATIONS, Entry

COPY = Path(__file__).parents[3] / "docs" / "openapi.yaml"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_the_copy_in_docs_is_fresh(document: dict[str, Any]) -> None:
    """`make openapi` writes it."""
    assert COPY.read_text(encoding="utf-8") == as_yaml(document)


def test_it_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "VidCompute"
    assert document["info"]["license"]["name"] == "Apache-2.0"
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == tags


def test_every_operation_has_a_name_a_summary_and_a_good_answer(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for _, _, operation in operations(document):
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", operation["operationId"])
        assert operation["summary"]
        assert operation["description"]
        assert any(status.startswith("2") for status in operation["responses"])


def test_every_error_is_declared_as_a_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        keyed = OPERATIONS[operation["operationId"]] is not Entry.PUBLIC
        wrong = operation["tags"] == ["people"]  # a public one may be asked with a wrong password
        assert ("401" in operation["responses"]) == keyed or (wrong and not keyed), (method, path)
        assert bool(operation["security"]) == keyed
        answers = operation["responses"]
        for status, answer in answers.items():
            if status[0] in "45" and path != "/ready":
                for_people = "text/html" in answers.get("200", {}).get("content", {})
                page = for_people and status in {"403", "404"}
                kind = "text/html" if page else "application/problem+json"
                assert list(answer["content"]) == [kind], (method, path, status)
        if keyed or "{" in path:
            assert "404" in operation["responses"]
        if "{playback_id}" in path and method == "get":
            assert {"307", "403"} <= operation["responses"].keys(), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        value: Any = document
        for part in reference.removeprefix("#/").split("/"):
            value = value[part]
    assert "ValidationError" not in json.dumps(document)


def test_a_body_that_a_route_takes_is_told_of_by_itself() -> None:
    class Thing(BaseModel):
        """Something that is sent."""

        name: str

    router = APIRouter(prefix="/things")

    @router.put("/must", operation_id="put_thing")
    async def must(thing: Json[Thing]) -> None: ...

    @router.put("/may", operation_id="change_thing")
    async def may(thing: OptionalJson[Thing]) -> None: ...

    document = describe(Build("1"), [router])
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    assert document["paths"]["/things/must"]["put"]["requestBody"] == {"content": content, "required": True}
    assert document["paths"]["/things/may"]["put"]["requestBody"] == {"content": content, "required": False}
    assert document["components"]["schemas"]["Thing"]["required"] == ["name"]


def test_what_is_json_or_text_or_a_picture_by_its_name_is_declared_as_each(document: dict[str, Any]) -> None:
    content = document["paths"]["/image/{playback_id}/{file_name}"]["get"]["responses"]["200"]["content"]
    types = {kind: told["schema"]["type"] for kind, told in content.items()}
    assert types == {"text/vtt": "string", "application/json": "object", "image/jpeg": "string"}


def test_the_examples_of_a_job_are_jobs(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert len(body["examples"]) >= 2
    for example in body["examples"].values():
        JobSpec.model_validate(example["value"])


def test_fields_say_their_units_and_parameters_are_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("Asset", "Job", "Stage", "Output"):
        for field in schemas[name]["properties"]:
            assert not re.fullmatch(r"(duration|size|width|height|bitrate|eta)", field), (name, field)
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if path.startswith("/api/"):
                assert parameter.get("description"), (path, parameter["name"])


def test_yaml_has_quoted_texts_and_blocks() -> None:
    value = {
        "a": "no",
        "b c": [1, 1.5, True, None, [], {}],
        "d": [{"e": "x\ny"}, ["z"]],
        "f": "l\n\n  m\n",
        "g": "n\n\n",
    }
    assert as_yaml(value) == (
        'a: "no"\n"b c":\n  - 1\n  - 1.5\n  - true\n  - null\n  - []\n  - {}\n'
        'd:\n  -\n    e: |-\n      x\n      y\n  -\n    - "z"\nf: |\n  l\n\n    m\ng: "n\\n\\n"\n'
    )
    assert json.loads(as_json(value)) == value
