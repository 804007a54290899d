"""What the sweep over the API is made of: its operations from the OpenAPI document, and ids to ask for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from vidcompute.ids import new_id
from vidcompute.services.accounts import OPERATIONS, Rule

# The kind of identifier that a parameter of a path is. A new one belongs here, and into what a tenant has.
KINDS = {
    "job_id": "job",
    "asset_id": "asset",
    "key_id": "key",
    "upload_id": "up",
    "person_id": "person",
    "invitation_id": "inv",
    "session_id": "ses",
    "webhook_id": "hook",
    "delivery_id": "msg",
    "organization_id": "org",
    "passkey_id": "pk",
    "track_id": "track",
}

_ALIKE = ("title", "status", "code", "problems", "type")


@dataclass(frozen=True)
class Operation:
    """One operation of the API, with a body and the parameters that it would take."""

    name: str
    method: str
    path: str
    rule: Rule
    body: Any
    query: Mapping[str, Any]

    @property
    def ids(self) -> list[str]:
        """The names of the identifiers in its path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"


@dataclass(frozen=True)
class Told:
    """What an operation answered."""

    status: int
    problem: Mapping[str, Any]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation below /api."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/api/"):
                name = operation["operationId"]
                takes = _body(document, operation), _query(operation)
                yield Operation(name, method.upper(), path, OPERATIONS[name], *takes)


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Any:
    """The example of the schema that it takes."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = media.get("schema", {}).get("$ref", "")
    schema = document["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return schema.get("example", (schema.get("examples") or [None])[0])


def _query(operation: Mapping[str, Any]) -> dict[str, Any]:
    """The examples of the parameters that it can't do without."""
    wanted = [given for given in operation.get("parameters", ()) if given["in"] == "query" and given.get("required")]
    return {given["name"]: given["schema"]["examples"][0] for given in wanted}


def unknown() -> dict[str, str]:
    """Identifiers that nobody has."""
    return {name: new_id(kind) for name, kind in KINDS.items()}


def ask(
    client: httpx2.Client, operation: Operation, ids: Mapping[str, str], headers: Mapping[str, str], *, full: bool
) -> Told:
    """Ask for it; its body is sent where `full`. Of a stream nothing is read but how it begins."""
    path = re.sub(r"{(\w+)}", lambda match: ids[match[1]], operation.path)
    body = {"json": operation.body} if full and operation.body is not None else {}
    with client.stream(operation.method, path, headers=dict(headers), params=operation.query, **body) as answer:
        if answer.is_success:
            return Told(answer.status_code, {})
        return Told(answer.status_code, _without_ids(answer, ids))


def _without_ids(answer: httpx2.Response, ids: Mapping[str, str]) -> dict[str, Any]:
    if not answer.read():  # of HEAD
        return {"headers": sorted(set(answer.headers) - {"x-request-id", "date"})}
    problem = answer.json()
    told = {name: problem[name] for name in _ALIKE}
    detail = problem["detail"]
    for name, value in ids.items():
        detail = detail.replace(value, name)
    return {**told, "detail": detail, "headers": sorted(set(answer.headers) - {"x-request-id", "date"})}
