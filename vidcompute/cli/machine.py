"""The commands of this machine: serve, doctor, fsck, migrate-storage, version, openapi."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.local import ServeOptions
from vidcompute.cli.output import size
from vidcompute.cli.progress import fraction_bar
from vidcompute.cli.session import Session, command

_MARKS = {True: "✓", False: "✗", None: "·"}
PANEL = "This machine"


def serve(
    session: Session,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of everything that is kept.")] = None,
    log_file: Annotated[Path | None, typer.Option(help="Add the log to this file instead of stderr.")] = None,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> int:
    """Be the platform until Ctrl-C: API, dispatcher and runner. Options win over settings."""
    return session.local.serve(ServeOptions(host, port, data_dir, log_file, child))


def doctor(session: Session) -> int:
    """Report whether everything works on this machine, and the settings in force with their sources."""
    found = session.local.doctor()
    output = session.output
    output.json(
        {
            "ok": found.ok,
            "checks": [vars(check) for check in found.checks],
            "settings": [vars(setting) for setting in found.settings],
        }
    )
    output.table(("", "check", ""), ((_MARKS[check.ok], check.name, check.detail) for check in found.checks))
    output.say()
    output.table(("setting", "value", "from"), ((s.name, s.value, s.source) for s in found.settings))
    output.say()
    wrong = [check.name for check in found.checks if check.ok is False]
    output.say(f"✗ {', '.join(wrong)}" if wrong else "✓ everything works", style="bold red" if wrong else "bold green")
    return ExitCode.OK if found.ok else ExitCode.FAILED


def migrate_storage(
    session: Session,
    *,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="s3://bucket/prefix, gs://bucket/prefix or a folder.")],
    delete_old: Annotated[bool, typer.Option("--delete-old", help="Then remove it from where it was.")] = False,
) -> int | None:
    """Move everything that is stored to another storage, while the server runs and videos are watched.

    Interrupted, the same command goes on. Keys and endpoint of the new storage are taken from the settings.
    """
    if session.local.mover is None:
        return ExitCode.FAILED
    mover, output = session.local.mover(), session.output
    with fraction_bar(output, "objects") as told:
        moved = mover.move(to, told, output.say)
    deleted = None
    if delete_old or (output.is_terminal and typer.confirm(f"Remove the library from {moved.before}?")):
        deleted = mover.delete_old(moved.before)
    output.json(
        {
            "from": moved.before,
            "to": moved.at,
            "objects": moved.objects,
            "size_bytes": moved.size_bytes,
            "copied": moved.copied,
            "deleted": deleted,
        }
    )
    output.say(f"✓ {moved.objects} objects ({size(moved.size_bytes)}) are at {moved.at}.", style="bold green")
    if deleted is None:
        output.say(f"They are still at {moved.before}, too; set VIDCOMPUTE_STORAGE_URL={moved.at} from now on.")
    return None


def fsck(
    session: Session, *, mend: Annotated[bool, typer.Option("--mend", help="Set right what can be.")] = False
) -> int:
    """Compare the database with what is stored: bytes that nothing refers to, and outputs and sources that are gone.

    Ends with 1 where something is wrong and was not mended. The server may be at work meanwhile.
    """
    if session.local.fsck is None:
        return ExitCode.FAILED
    output, faults = session.output, list[Mapping[str, Any]]()

    def tell(fault: Mapping[str, Any]) -> None:
        faults.append(fault)
        done = f": {fault['mended']}" if fault["mended"] else ""
        output.say(f"{fault['fault']} {fault['place']} ({size(fault['size_bytes'])}){done}")

    session.local.fsck(tell, mend=mend)
    output.json({"faults": faults})
    left = [fault for fault in faults if not fault["mended"]]
    output.say(f"✗ {len(left)} faults; --mend sets them right" if left else "✓ everything is there, and nothing else")
    return ExitCode.FAILED if left else ExitCode.OK


def version(session: Session) -> int | None:
    """Show what this is: version, commit, Python, ffmpeg."""
    found = session.local.version()
    session.output.json(found)
    session.output.table(("", ""), ((name, value or "unknown") for name, value in found.items()))
    return None


def openapi(
    session: Session,
    *,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML instead of JSON.")] = False,
) -> int | None:
    """Print the API's OpenAPI document."""
    session.output.raw(session.local.openapi("yaml" if yaml else "json").rstrip("\n"))
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function in (
        ("serve", serve),
        ("doctor", doctor),
        ("version", version),
        ("migrate-storage", migrate_storage),
        ("fsck", fsck),
    ):
        command(app, name, online=False, rich_help_panel=PANEL)(function)
    command(app, "openapi", online=False, hidden=True)(openapi)
