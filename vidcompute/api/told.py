"""The part `webhooks` of the OpenAPI document: what is sent for each type of event, from their catalogue."""

from typing import Any

from pydantic.json_schema import models_json_schema

from vidcompute.services.events import CATALOGUE, PING, EventType

_HEADERS = {
    "webhook-id": ("Names the message: the same in every attempt.", {"type": "string"}),
    "webhook-timestamp": ("When the attempt was made, in Unix seconds.", {"type": "integer"}),
    "webhook-signature": ("Signatures (`v1,` and base64), separated by spaces.", {"type": "string"}),
}


def webhooks(schemas: dict[str, Any]) -> dict[str, Any]:
    """A path item for each type; the schemas of their data are added to `schemas`."""
    types = [*CATALOGUE.values(), PING]
    models = list(dict.fromkeys(kind.data for kind in types))
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    return {kind.name: {"post": _operation(kind)} for kind in types}


def _operation(kind: EventType) -> dict[str, Any]:
    return {
        "operationId": f"on_{kind.name.replace('.', '_')}",
        "summary": kind.summary,
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": schema}
            for name, (text, schema) in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _message(kind)}}},
        "responses": {"2XX": {"description": "Taken. Anything else, and it is sent again later."}},
    }


def _message(kind: EventType) -> dict[str, Any]:
    own = {
        "type": {"const": kind.name},
        "version": {"const": kind.version},
        "data": {"$ref": f"#/components/schemas/{kind.data.__name__}"},
    }
    return {"allOf": [{"$ref": "#/components/schemas/Event"}, {"type": "object", "properties": own}]}
