"""`vidctl cluster`: make this machine the head of a cluster, or a node of one; `vidctl nodes`: what there is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vidcompute.cli.local import ClusterNode, NodeOptions
from vidcompute.cli.session import Session, command

PANEL = "Cluster"
_GIGABYTE = 10**9

Host = Annotated[str | None, typer.Option(help="This machine's address, as the others reach it.")]
Name = Annotated[str | None, typer.Option(help="What the node is called; the machine's name when left out.")]
Cpus = Annotated[int | None, typer.Option(min=0, help="Cores that attempts may fill here; 0: none run here.")]
TokenFile = Annotated[Path | None, typer.Option(help="The file with the cluster's token.")]
Foreground = Annotated[bool, typer.Option("--foreground", help="Stay with the node, as containers want it.")]


def start(
    session: Session,
    *,
    host: Host = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port of the head.")] = 6379,
    name: Name = None,
    cpus: Cpus = None,
    token_file: TokenFile = None,
    foreground: Foreground = False,
) -> int | None:
    """Make this machine the head of a cluster, and show how others join it."""
    cluster = session.local.cluster(token_file)
    node = cluster.start(NodeOptions(host, port, name, cpus))
    _tell(session, node)
    session.output.say(f"Copy {node.token_file} to another machine, and there:")
    session.output.say(f"  vidctl cluster join {node.address} --token-file FILE", style="bold")
    if foreground:
        cluster.wait()
    return None


def join(
    session: Session,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The head's, such as 10.0.0.5:6379.")],
    *,
    token_file: TokenFile = None,
    host: Host = None,
    name: Name = None,
    cpus: Cpus = None,
    foreground: Foreground = False,
) -> int | None:
    """Make this machine a node of the cluster whose head is at ADDRESS. It joins again after the head was away."""
    cluster = session.local.cluster(token_file)
    _tell(session, cluster.join(address, NodeOptions(host, name=name, cpus=cpus)))
    if foreground:
        cluster.keep(session.output.say)
    else:
        cluster.begin_keeping()
    return None


def stop(session: Session) -> int | None:
    """End the node that was started on this machine; its attempts start again elsewhere."""
    was_there = session.local.cluster(None).stop()
    session.output.json({"stopped": was_there})
    session.output.say("The node has ended." if was_there else "No node was started here.")
    return None


def _tell(session: Session, node: ClusterNode) -> None:
    session.output.json(
        {"address": node.address, "head": node.head, "token_file": str(node.token_file), "pid": node.pid}
    )
    what = "the head of a cluster" if node.head else "a node of the cluster"
    session.output.say(f"This machine is {what} at {node.address} (log: {node.log_file}).")


def nodes(session: Session) -> int | None:
    """List the nodes with what they have and what runs there."""
    found = session.api.get("/api/v1/nodes")
    session.output.json(found)
    rows = [
        (
            node["name"],
            f"{node['cpu']:g}",
            _gigabytes(node["memory_bytes"]),
            ", ".join(node["gpus"]) or "-",
            _gigabytes(node["cache_bytes"]),
            ", ".join(_running(attempt) for attempt in node["attempts"]) or "idle",
        )
        for node in found["items"]
    ]
    session.output.table(("node", "cores", "memory", "GPUs", "cache", "runs"), rows)
    return None


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / _GIGABYTE:.3g} GB" if size_bytes else "-"


def _running(attempt: dict[str, Any]) -> str:
    return f"{attempt['label']} of {attempt['job_id']}" if attempt["job_id"] else str(attempt["label"])


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Many machines that work as one.", no_args_is_help=True)
    for name, function in (("start", start), ("join", join), ("stop", stop)):
        command(group, name, online=False)(function)
    app.add_typer(group, name="cluster", rich_help_panel=PANEL)
    command(app, "nodes", rich_help_panel=PANEL)(nodes)
