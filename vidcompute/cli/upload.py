"""`vidctl upload`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from vidcompute.cli import progress, wishes
from vidcompute.cli.local import Endpoint
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command
from vidcompute.cli.submit import ExpiresIn, Hardware, Outputs, Renditions, Vmaf, introduce
from vidcompute.errors import invalid

if TYPE_CHECKING:
    from vidcompute.cli.client import Api


def upload(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A media file.")],
    *,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="A one-time address that you were given; needs no key.")
    ] = None,
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
    straight: Annotated[bool, typer.Option("--direct", help="Straight to the store, in parts side by side.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the job has ended.")] = False,
) -> int | None:
    """Upload a file over a line that may break: it goes on by itself where it was cut. Its job begins at the end."""
    path = wishes.media_file(file)
    if to is not None:
        _to_address(session, path, to)
        return None
    media = wishes.media_spec(outputs, renditions, vmaf=vmaf, hardware=hardware)
    said = media | wishes.extras(priority, title, passthrough, metadata, expires_in)
    output, api = session.output, session.api
    job_id = (_straight if straight else _through_the_server)(output, api, path, said)
    job: Mapping[str, Any] = api.get(f"/api/v1/jobs/{job_id}")
    if not wait:
        output.json(job)
        introduce(output, job)
        return None
    output.json({"event": "submitted", "id": None, "data": job})
    introduce(output, job)
    job = progress.follow(api, output, job)
    progress.list_outputs(output, job)
    return progress.outcome(job)


def _through_the_server(output: Output, api: "Api", path: Path, said: Mapping[str, Any]) -> str:
    from vidcompute.cli import resuming

    address = resuming.begin(api, path, said)
    with progress.bytes_bar(output, path.name) as told:
        resuming.send(api, address, path, told, cut=_teller(output))
    return str(api.get(address)["job_id"])


def _straight(output: Output, api: "Api", path: Path, said: Mapping[str, Any]) -> str:
    from vidcompute.cli import direct

    upload = direct.begin(api, path, said)
    with progress.bytes_bar(output, path.name) as told:
        direct.send(api, upload, path, told)
    return direct.wait_for_job(api, upload["id"])


def _to_address(session: Session, path: Path, address: str) -> None:
    from vidcompute.cli import resuming

    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise invalid("server_invalid", f"{address!r} is no address that begins with http:// or https://.")
    output, api = session.output, session.connect(Endpoint(f"{parts.scheme}://{parts.netloc}", ""))
    try:
        with progress.bytes_bar(output, path.name) as told:
            resuming.send(api, parts.path, path, told, cut=_teller(output))
    finally:
        api.close()
    output.json({"status": "completed", "size_bytes": path.stat().st_size})
    output.say("uploaded")


def _teller(output: Output) -> Any:
    return lambda why: output.say(f"the line was cut ({why}); going on")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "upload", rich_help_panel="Work")(upload)
