"""`vidctl run`, which `make run` calls: the platform, one video, and where to watch it."""

import signal
from typing import Annotated, Any

import typer

from vidcompute.cli import dashboard, progress, submit, wishes
from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.local import Platform
from vidcompute.cli.machine import PANEL
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command

_LOOK_S = 0.5
_SAMPLE_TITLE = "Sample"


def run(
    session: Session,
    *,
    source: Annotated[
        str | None, typer.Option("--file", metavar="PATH|URL", help="The video; left out, a sample is made.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the job; the exit code tells how it went.")] = False,
) -> int:
    """Start the platform (or use the one that runs), submit a video, and name the page to watch it on."""
    signal.signal(signal.SIGTERM, _interrupt)
    output = session.output
    given = wishes.read_input(source) if source else None  # before anything is started
    with session.local.platform(output.say) as platform:
        if given is None:
            given, spec = wishes.Given(_sample(session), {}), {"title": _SAMPLE_TITLE}
        else:
            spec = {}
        api = session.connect(platform.ready())
        try:
            output.say(f"The platform is at {api.url}, its log in {platform.log_file}.")
            job = submit.send(api, output, given, spec)
            output.json({"event": "submitted", "id": None, "data": job})
            job = progress.follow(api, output, job)
            progress.list_outputs(output, job)
            opened = None if once else dashboard.link(api)
        finally:
            api.close()
        if opened is None:
            return ExitCode.OK if job["status"] == "done" else ExitCode.FAILED
        return _keep_serving(output, platform, job["urls"]["watch"], opened)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _sample(session: Session) -> Any:
    with progress.fraction_bar(session.output, "the sample video") as told:
        return session.local.sample(told)


def _keep_serving(output: Output, platform: Platform, watch_url: str, dashboard_url: str) -> int:
    progress.announce(output, watch_url)
    output.say(f"The dashboard (this link is good once, for ten minutes): {dashboard_url}")
    if platform.reused:
        output.say("The platform ran before, and goes on.")
        return ExitCode.OK
    output.say("Serving until Ctrl-C.")
    try:
        while not platform.ended(_LOOK_S):
            pass
    except KeyboardInterrupt:
        output.say("Stopping.")
        return ExitCode.OK
    output.say(f"The platform ended by itself; see {platform.log_file}.", style="red")
    return ExitCode.UNAVAILABLE


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "run", online=False, rich_help_panel=PANEL)(run)
