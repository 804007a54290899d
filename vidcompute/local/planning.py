"""`vidctl plan` of a local file: the probe in its sandbox, the recipe, and the command lines of the plan's nodes."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcompute.errors import Kind, VidComputeError, invalid
from vidcompute.media import ffmpeg
from vidcompute.media.facts import from_json
from vidcompute.pipeline.plan import SOURCE, Plan
from vidcompute.ports.executor import Call, NodeInfo

if TYPE_CHECKING:
    from vidcompute.dispatch.planning import Planner
    from vidcompute.local import Composition
    from vidcompute.pipeline.spec import MediaSpec
    from vidcompute.settings import Settings


def plan(root: "Composition", source: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of a file as the API shows plans. Raises `invalid_request`, and what the probe and the recipe raise."""
    spec = _spec(wanted)
    settings = root.load()
    program = _program(settings)
    planner = root.planner(settings, ffmpeg.build_id(program))
    with tempfile.TemporaryDirectory(prefix="vidctl-plan-") as folder:
        # A data folder of its own: the runner sweeps its work folder as it starts, and a server may be using ours.
        apart = settings.model_copy(update={"data_dir": Path(folder)})
        facts, nodes = asyncio.run(_probed(root, apart, program, planner, source))
    found = planner.recipe(from_json(dict(facts)), spec, planner.probe, nodes)
    cost = {
        "cpu_s": round(sum(node.cost.cpu_s for node in found.nodes), 3),
        "wall_s": round(sum(node.cost.wall_s for node in found.nodes), 3),
    }
    return {**found.to_json(), "cost": cost}


def _program(settings: "Settings") -> Path:
    return ffmpeg.locate(str(settings.ffmpeg_path) if settings.ffmpeg_path else None)


def _spec(wanted: Mapping[str, Any]) -> "MediaSpec":
    from pydantic import ValidationError

    from vidcompute.errors import FieldProblem
    from vidcompute.pipeline.spec import ASKED, JobOptions

    media = {name: value for name, value in wanted.items() if name != "input"}
    try:
        return JobOptions.model_validate(media, context=ASKED)
    except ValidationError as error:
        problems = tuple(
            FieldProblem("".join(f"/{part}" for part in wrong["loc"]), wrong["msg"], wrong["type"])
            for wrong in error.errors(include_url=False, include_input=False)
        )
        raise invalid("invalid_request", "The specification is wrong.", *problems) from error


async def _probed(
    root: "Composition", settings: "Settings", program: Path, planner: "Planner", source: Path
) -> tuple[Mapping[str, Any], list[NodeInfo]]:
    executor = root.executor(settings, program)
    probe = planner.probe
    call = Call(
        stage=probe.stage,
        version=probe.version,
        options=probe.options,
        inputs={SOURCE: (str(source),)},
        output=str(settings.data_dir / "out"),
        timeout_s=settings.attempt_timeout_s,
    )
    await executor.open()
    await executor.discover()
    try:
        async for answer in executor.call(call):
            if "facts" in answer:
                facts: Mapping[str, Any] = answer["facts"]
                return facts, await executor.nodes()
    finally:
        await executor.close(0)
    raise VidComputeError(Kind.INTERNAL, "facts_missing", "The probe ended without an answer.")


def commands(settings: "Settings", plan: Mapping[str, Any], source: Path) -> dict[str, list[list[str]]]:
    """The command lines of those nodes that are one program over the source, by node id, in the plan's order."""
    from vidcompute.runner import STAGES
    from vidcompute.runner.registry import Registry

    registry = Registry(STAGES)
    program = _program(settings)
    lines: dict[str, list[list[str]]] = {}
    for node in Plan.from_json(plan).nodes:
        stage = registry.make(registry.find(node.stage, node.version), node.options)
        told = getattr(stage, "commands", None)
        if told is not None:
            lines[node.id] = told(program, source)
    return lines
