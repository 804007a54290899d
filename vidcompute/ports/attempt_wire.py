"""The JSON forms of what passes between an executor and the runner: one object a line."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import (
    AttemptEvent,
    AttemptSpec,
    Call,
    Finished,
    Gpu,
    Heartbeat,
    Held,
    InputRef,
    LogLine,
    Needs,
    NodeInfo,
    Outcome,
    Progress,
)

_EVENTS: dict[str, type[Progress] | type[LogLine] | type[Heartbeat] | type[Held] | type[Finished]] = {
    "progress": Progress,
    "log": LogLine,
    "heartbeat": Heartbeat,
    "held": Held,
    "finished": Finished,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}


def spec_to_json(spec: AttemptSpec) -> dict[str, Any]:
    """An attempt's specification as plain JSON values."""
    plain: dict[str, Any] = {f.name: getattr(spec, f.name) for f in fields(spec)}
    plain["options"] = dict(spec.options)
    plain["access"] = dict(spec.access)
    plain["needs"] = asdict(spec.needs)
    plain["inputs"] = {name: [_ref_to_json(ref) for ref in refs] for name, refs in spec.inputs.items()}
    return plain


def _ref_to_json(ref: InputRef) -> dict[str, Any]:
    # not `asdict`: facts of an hour of video are thousands of numbers, of which it would make a copy
    return {f.name: getattr(ref, f.name) for f in fields(ref)} | {"facts": dict(ref.facts)}


def spec_from_json(data: Mapping[str, Any]) -> AttemptSpec:
    """The inverse of `spec_to_json`."""
    inputs = {name: tuple(InputRef(**ref) for ref in refs) for name, refs in data["inputs"].items()}
    gpus = tuple(data.get("gpus", ()))
    return AttemptSpec(**{**data, "inputs": inputs, "needs": Needs(**data["needs"]), "gpus": gpus})


def node_to_json(node: NodeInfo) -> dict[str, Any]:
    """What a node is, as plain JSON values."""
    return {f.name: getattr(node, f.name) for f in fields(node)} | {"gpus": [asdict(gpu) for gpu in node.gpus]}


def node_from_json(data: Mapping[str, Any]) -> NodeInfo:
    """The inverse of `node_to_json`; TypeError for anything else."""
    lists = {name: tuple(data[name]) for name in ("encoders", "decoders", "holds") if name in data}
    return NodeInfo(**{**data, **lists, "gpus": tuple(Gpu(**gpu) for gpu in data.get("gpus", ()))})


def call_to_json(call: Call) -> dict[str, Any]:
    """A call as plain JSON values."""
    inputs = {name: list(paths) for name, paths in call.inputs.items()}
    plain = {"options": dict(call.options), "inputs": inputs, "facts": {k: dict(v) for k, v in call.facts.items()}}
    return {f.name: getattr(call, f.name) for f in fields(call)} | plain


def call_from_json(data: Mapping[str, Any]) -> Call:
    """The inverse of `call_to_json`."""
    return Call(**{**data, "inputs": {name: tuple(paths) for name, paths in data["inputs"].items()}})


def event_to_json(event: AttemptEvent) -> dict[str, Any]:
    """An event as plain JSON values."""
    return {"event": _NAMES[type(event)]} | {f.name: getattr(event, f.name) for f in fields(event)}


def event_from_json(data: Mapping[str, Any]) -> AttemptEvent:
    """The inverse of `event_to_json`; ValueError, KeyError or TypeError for anything else."""
    rest = dict(data)
    kind = _EVENTS[rest.pop("event")]
    if kind is Finished:
        rest["outcome"] = Outcome(rest["outcome"])
    return kind(**rest)


def error_to_json(error: VidComputeError) -> dict[str, Any]:
    """An error as plain JSON values."""
    wait = {} if error.retry_after_s is None else {"retry_after_s": error.retry_after_s}
    return {"kind": error.kind, "code": error.code, "detail": error.detail, **wait}


def error_from_json(data: Mapping[str, Any]) -> VidComputeError:
    """The inverse of `error_to_json`."""
    wait = {"retry_after_s": float(data["retry_after_s"])} if "retry_after_s" in data else {}
    return VidComputeError(Kind(data["kind"]), str(data["code"]), str(data["detail"]), extra=wait)


def logs_key(spec: AttemptSpec) -> str:
    """Where an attempt's log lies in storage: beside its organization's artifacts, `orgs/{org}/logs/{attempt}.log`."""
    parts = spec.output_prefix.split("/")
    folder = parts[:2] if len(parts) > 2 and parts[0] == "orgs" else []
    return "/".join([*folder, "logs", f"{spec.attempt_id}.log"])
