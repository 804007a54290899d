"""`vidctl submit`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcompute.cli import progress, wishes
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command

if TYPE_CHECKING:
    from vidcompute.cli.client import Api

JOBS = "/api/v1/jobs"

Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="NAME|JSON",
        help="What to make: hls, mp4, audio, frames, thumbnail, storyboard, preview, or a JSON object with options. "
        "May be repeated.",
    ),
]
Renditions = Annotated[
    list[str] | None,
    typer.Option(
        "--rendition",
        metavar="HEIGHT[:CODEC[:BITRATE|qN]]",
        help="One quality, such as 1080, 720:hevc or 480:h264:1200k. May be repeated.",
    ),
]
Vmaf = Annotated[bool, typer.Option("--vmaf", help="Measure VMAF of each encoded rendition.")]
ExpiresIn = Annotated[
    str | None, typer.Option(metavar="LENGTH", help="When the asset is deleted by itself, such as 12h or 30d.")
]
Hardware = Annotated[
    str | None,
    typer.Option(
        "--hardware", metavar="auto|off|required", help="Whether GPUs encode; as the server is set otherwise."
    ),
]


def send(api: "Api", output: Output, given: wishes.Given, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a job, with its file where it has one; the job."""
    if given.file is None:
        made: dict[str, Any] = api.post(JOBS, {**given.spec, **spec})
        return made
    return upload(api, output, given.file, spec)


def upload(api: "Api", output: Output, file: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a job with a file, showing how far the upload is; the job."""
    with progress.bytes_bar(output, file.name) as told:
        made: dict[str, Any] = api.upload(JOBS, json.dumps(dict(spec)), file, told)
    return made


def submit(
    session: Session,
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A media file, a URL, a job as a JSON file, or the id of a source.")
    ],
    *,
    outputs: Outputs = None,
    renditions: Renditions = None,
    priority: Annotated[str | None, typer.Option(metavar="high|normal|low", help="How urgent it is.")] = None,
    title: Annotated[str | None, typer.Option(help="The asset's title.")] = None,
    passthrough: Annotated[str | None, typer.Option(help="Text of yours, given back unchanged.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Kept with the asset. May be repeated.")
    ] = None,
    vmaf: Vmaf = False,
    hardware: Hardware = None,
    expires_in: ExpiresIn = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the job has ended.")] = False,
) -> int | None:
    """Submit a job: a file (uploaded as it is read), a URL (the server fetches it), or a job as a JSON file.

    Options win over what a JSON file says. With --wait the exit code tells how the job ended.
    """
    output = session.output
    media = wishes.media_spec(outputs, renditions, vmaf=vmaf, hardware=hardware)
    said = media | wishes.extras(priority, title, passthrough, metadata, expires_in)
    given = wishes.read_input(source)
    job = send(session.api, output, given, said)
    if not wait:
        output.json(job)
        introduce(output, job)
        return None
    output.json({"event": "submitted", "id": None, "data": job})
    introduce(output, job)
    job = progress.follow(session.api, output, job)
    progress.list_outputs(output, job)
    return progress.outcome(job)


def introduce(output: Output, job: Mapping[str, Any]) -> None:
    """Name a job, its asset and where it is to be watched."""
    output.say(f"job   {job['id']}")
    output.say(f"asset {job['asset_id']}")
    output.say(f"watch {job['urls']['watch']}")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "submit", rich_help_panel="Work")(submit)
