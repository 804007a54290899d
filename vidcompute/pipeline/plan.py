"""A plan is a DAG as data: nodes name their stage, their inputs and what they are expected to cost."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vidcompute.pipeline.stage import Cost, Stage, options_of
from vidcompute.ports.executor import Needs

SOURCE = "source"  # the input that is the source file itself


@dataclass(frozen=True)
class PlanNode:
    """One unit of work. `id` is unique in the plan ("encode/3"); `stage` is what a user sees and may resume from.

    `inputs` maps an input's name to the ids of the nodes that make it, in order; SOURCE stands for the source file.
    `needs` is what one attempt is placed by: the stage says it anew for a plan that is read from JSON.
    """

    id: str
    stage: str
    version: int
    options: Mapping[str, Any]
    inputs: Mapping[str, tuple[str, ...]]
    cost: Cost
    encoder: str = ""  # the encoder chosen, such as "libx264"; empty where none is used
    needs: Needs = field(default=Needs(), compare=False)

    @classmethod
    def of(
        cls, node_id: str, stage: Stage, inputs: Mapping[str, tuple[str, ...]], cost: Cost, encoder: str = ""
    ) -> "PlanNode":
        """The node that runs this stage."""
        return cls(node_id, stage.name, stage.version, options_of(stage), inputs, cost, encoder, stage.needs())

    @property
    def needs_nodes(self) -> tuple[str, ...]:
        """The ids of the nodes that must be done before."""
        return tuple(dict.fromkeys(i for ids in self.inputs.values() for i in ids if i != SOURCE))


@dataclass(frozen=True)
class Plan:
    """Nodes in an order in which each comes after what it needs, and notes for people on what was chosen and why."""

    nodes: tuple[PlanNode, ...]
    notes: tuple[str, ...] = ()

    def node(self, node_id: str) -> PlanNode:
        """The node with this id."""
        return next(n for n in self.nodes if n.id == node_id)

    def stages(self) -> list[str]:
        """The names of the stages, each once, in order."""
        return list(dict.fromkeys(n.stage for n in self.nodes))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "nodes": [
                {
                    "id": n.id,
                    "stage": n.stage,
                    "version": n.version,
                    "encoder": n.encoder,
                    "options": dict(n.options),
                    "inputs": {k: list(v) for k, v in n.inputs.items()},
                    "cost": {"cpu_s": round(n.cost.cpu_s, 3), "wall_s": round(n.cost.wall_s, 3)},
                }
                for n in self.nodes
            ],
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Plan":
        """The inverse of `to_json`."""
        nodes = tuple(
            PlanNode(
                id=n["id"],
                stage=n["stage"],
                version=n["version"],
                encoder=n["encoder"],
                options=n["options"],
                inputs={k: tuple(v) for k, v in n["inputs"].items()},
                cost=Cost(**n["cost"]),
            )
            for n in data["nodes"]
        )
        return cls(nodes, tuple(data["notes"]))


def content_keys(plan: Plan, organization_id: str, source_digest: str, ffmpeg_build: str) -> dict[str, str]:
    """The content key of every node, by node id: a SHA-256 over all that decides the bytes of its output."""
    keys: dict[str, str] = {SOURCE: f"source:{source_digest}"}
    for node in plan.nodes:
        recipe = {
            "organization": organization_id,
            "stage": node.stage,
            "version": node.version,
            "options": node.options,
            "encoder": node.encoder,
            "ffmpeg": ffmpeg_build,
            "inputs": {name: [keys[i] for i in ids] for name, ids in sorted(node.inputs.items())},
        }
        text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        keys[node.id] = hashlib.sha256(text.encode()).hexdigest()
    del keys[SOURCE]
    return keys


def dependents(plan: Plan, stage: str) -> Iterator[PlanNode]:
    """The nodes of a stage and everything that depends on them, in plan order."""
    reached: set[str] = set()
    for node in plan.nodes:
        if node.stage == stage or reached.intersection(node.needs_nodes):
            reached.add(node.id)
            yield node
