"""`vidctl frames`: still images of a video as a ZIP."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vidcompute.cli import progress, submit, wishes
from vidcompute.cli.output import size
from vidcompute.cli.session import Session, command
from vidcompute.cli.wishes import Given
from vidcompute.ids import is_id


def _pick(**picks: Any) -> dict[str, Any]:
    """The part of the output's options that says which frames; one a second where nothing was said."""
    said = {name: value for name, value in picks.items() if value is not None and value is not False and value != []}
    if len(said) > 1:
        names = " and ".join(f"--{name}" for name in said)
        raise typer.BadParameter(f"{names} exclude each other: say which frames by one of them.")
    if not said:
        return {}
    name, value = said.popitem()
    if name == "times":
        value = [wishes.place_s(part) for text in value for part in text.split(",")]
    return {"pick": name} | ({} if value is True else {name: value})


def _given(source: str) -> Given:
    """The input: a file, a URL, or an asset."""
    return Given(None, {"input": {"asset": source}}) if is_id("asset", source) else wishes.read_input(source)


def frames(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FILE|ASSET|URL", help="A media file, an asset's id, or a URL.")],
    *,
    target: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The ZIP to write.")] = Path("frames.zip"),
    rate: Annotated[
        float | None, typer.Option(help="So many a second (1 when nothing is said).", rich_help_panel="Which frames")
    ] = None,
    every: Annotated[int | None, typer.Option(help="Each n-th.", rich_help_panel="Which frames")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All.", rich_help_panel="Which frames")] = False,
    keyframes: Annotated[
        bool, typer.Option("--keyframes", help="The source's keyframes.", rich_help_panel="Which frames")
    ] = False,
    scenes: Annotated[
        bool, typer.Option("--scenes", help="The first of each scene.", rich_help_panel="Which frames")
    ] = False,
    times: Annotated[
        list[str] | None,
        typer.Option("--times", metavar="SECONDS[,…]", help="Those at given times.", rich_help_panel="Which frames"),
    ] = None,
    start: Annotated[float | None, typer.Option(help="Where the range begins, in seconds.")] = None,
    end: Annotated[float | None, typer.Option(help="Where the range ends, in seconds.")] = None,
    width: Annotated[int | None, typer.Option(help="Width in pixels; alone, it keeps the shape.")] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels; alone, it keeps the shape.")] = None,
    image_format: Annotated[
        str | None, typer.Option("--format", metavar="jpeg|png|webp", help="jpeg by default.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="1 to 100; 85 by default.")] = None,
) -> int | None:
    """Take still images out of a video, into a ZIP with a list of their times."""
    output = session.output
    wanted: dict[str, Any] = {"type": "frames"}
    wanted |= _pick(rate=rate, every=every, all=everything, keyframes=keyframes, scenes=scenes, times=times)
    sizes = {"start": start, "end": end, "width": width, "height": height, "format": image_format, "quality": quality}
    wanted |= {name: value for name, value in sizes.items() if value is not None}
    if not target.parent.is_dir():
        raise typer.BadParameter(f"There is no folder {target.parent} to write {target.name} in.")
    given = _given(source)
    given.spec.pop("outputs", None)
    job = submit.send(session.api, output, given, {"outputs": [wanted]})
    output.json({"event": "submitted", "id": None, "data": job})
    job = progress.follow(session.api, output, job)
    if job["status"] != "done":
        return progress.outcome(job)
    with progress.bytes_bar(output, target.name) as told:
        size_bytes = session.api.download(f"{submit.JOBS}/{job['id']}/frames.zip", target, told)
    output.json({"event": "saved", "id": None, "data": {"path": str(target), "size_bytes": size_bytes}})
    output.say(f"{target} ({size(size_bytes)})", style="bold")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "frames", rich_help_panel="Work")(frames)
