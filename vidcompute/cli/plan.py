"""`vidctl plan`: what would be done, and what it would cost."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcompute.cli import jobs, wishes
from vidcompute.cli.output import Output, clean
from vidcompute.cli.session import Session, command
from vidcompute.cli.submit import Hardware, Outputs, Renditions, Vmaf
from vidcompute.errors import invalid, not_found
from vidcompute.ids import is_id

if TYPE_CHECKING:
    from rich.tree import Tree

_SOURCE = "source"
# Where a job's source stands in command lines: it lies with the server, which does not tell where.
_SOMEWHERE = Path("/source")


@dataclass
class _Step:
    """A stage with the sum of its nodes."""

    name: str
    encoders: set[str] = field(default_factory=set)
    after: list[str] = field(default_factory=list)
    tasks: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0

    @property
    def text(self) -> str:
        """One line for people."""
        count = f" x {self.tasks}" if self.tasks > 1 else ""
        encoder = f" ({'+'.join(sorted(self.encoders))})" if self.encoders else ""
        return f"{self.name}{count}{encoder}"

    @property
    def cost(self) -> str:
        """What it is expected to take."""
        return f"{self.cpu_s:.1f} s CPU, {self.wall_s:.1f} s alone"


def _steps(nodes: Sequence[Mapping[str, Any]]) -> list[_Step]:
    stage_of = {node["id"]: node["stage"] for node in nodes} | {_SOURCE: _SOURCE}
    steps: dict[str, _Step] = {}
    for node in nodes:
        step = steps.setdefault(node["stage"], _Step(node["stage"]))
        step.tasks += 1
        step.cpu_s += node["cost"]["cpu_s"]
        step.wall_s += node["cost"]["wall_s"]
        step.encoders |= {node["encoder"]} - {""}
        for needed in (stage_of[i] for ids in node["inputs"].values() for i in ids):
            if needed not in (*step.after, step.name):
                step.after.append(needed)
    return list(steps.values())


def _tree(steps: Sequence[_Step]) -> "Tree":
    """Each stage below the last of those that it needs; others that it needs stand behind it."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(_SOURCE, style="bold"))
    order = [_SOURCE, *(step.name for step in steps)]
    places = {_SOURCE: root}
    for step in steps:
        after = sorted(step.after, key=order.index) or [_SOURCE]
        others = [name for name in after[:-1] if name != _SOURCE]
        label = Text.assemble((clean(step.text), "bold cyan"), f"  {step.cost}")
        if others:
            label.append(f"  also after {', '.join(others)}", style="dim")
        places[step.name] = places[after[-1]].add(label)
    return root


def _show(output: Output, plan: Mapping[str, Any]) -> None:
    steps = _steps(plan["nodes"])
    rows = (
        "\t".join((s.text, f"{s.cpu_s:.1f}", f"{s.wall_s:.1f}", f"after {', '.join(s.after) or _SOURCE}"))
        for s in steps
    )
    output.show(_tree(steps) if output.is_terminal else None, rows)
    cost = plan["cost"]
    output.say(f"In all {cost['cpu_s']:.1f} s CPU, {cost['wall_s']:.1f} s one after the other.", style="bold")
    for note in plan["notes"]:
        output.say(f"- {note}")


def _show_commands(output: Output, commands: Mapping[str, Sequence[Sequence[str]]]) -> None:
    for node_id, lines in commands.items():
        output.say(f"# {node_id}", style="bold")
        for line in lines:
            output.say(shlex.join(line))


def plan(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="FILE|JOB", help="A media file on this machine, or a job's id.")],
    *,
    outputs: Outputs = None,
    renditions: Renditions = None,
    vmaf: Vmaf = False,
    hardware: Hardware = None,
    spec_file: Annotated[
        Path | None, typer.Option("--spec", metavar="JSON", help="A job as a JSON file, for what is wanted of a FILE.")
    ] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Print the command lines that encode and copy, as a shell takes them.")
    ] = False,
) -> int | None:
    """Show the graph of tasks and what each stage is expected to cost. Of a FILE, nothing is run but the probe."""
    local, output = session.local, session.output
    if is_id("job", what):
        found, source = session.api.get(f"{jobs.path_of(what)}/plan"), _SOMEWHERE
    else:
        source = _media_file(what)
        wanted = wishes.read_spec(spec_file) if spec_file else {}
        found = local.plan(source, wanted | wishes.media_spec(outputs, renditions, vmaf=vmaf, hardware=hardware))
    lines = local.commands(found, source) if commands else None
    output.json(found if lines is None else {**found, "commands": lines})
    if lines is None:
        _show(output, found)
    else:
        _show_commands(output, lines)
    return None


def _media_file(text: str) -> Path:
    path = Path(text)
    if text.lower().startswith(("http://", "https://")):
        raise invalid("plan_needs_a_file", "A URL is fetched by the server: submit it, and ask for the job's plan.")
    if not path.exists():
        raise not_found("file", text)
    return path.absolute()


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "plan", rich_help_panel="Work")(plan)
