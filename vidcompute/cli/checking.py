"""`vidctl check`: an HLS stream against the rules of its specifications."""

from typing import Annotated

import typer

from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.session import Session, command
from vidcompute.errors import invalid


def check(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="A multivariant or media playlist.")],
) -> int:
    """Check an HLS stream: playlists, segments and their media, each rule with its clause.

    Exit code 1 when a rule that says "must" is broken.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise invalid("url_invalid", f"{url!r} must begin with http:// or https://.")
    from vidcompute.cli.client import fetcher
    from vidcompute.media import hls_check

    report = hls_check.check(url, fetcher(session.local.transport))
    output = session.output
    output.json(report.to_json())
    rows = ((f.severity.value, f.rule, f.clause, f.where, f.message) for f in report.findings)
    if report.findings:
        output.table(("level", "rule", "clause", "where", "finding"), rows)
    for note in report.notes:
        output.say(f"note: {note}")
    musts = sum(finding.severity is hls_check.Severity.MUST for finding in report.findings)
    shoulds = len(report.findings) - musts
    looked = f"{report.playlists} playlists and {report.segments} segments, {report.rules} rules"
    output.say(
        f"{'✓' if report.ok else '✗'} {looked}: {musts} breaches, {shoulds} recommendations not followed",
        style="bold green" if report.ok else "bold red",
    )
    return ExitCode.OK if report.ok else ExitCode.FAILED


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "check", online=False, rich_help_panel="Work")(check)
