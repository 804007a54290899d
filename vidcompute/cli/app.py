"""The whole command line as one typer application."""

import typer

from vidcompute.cli import (
    assets,
    audit,
    checking,
    cluster,
    dashboard,
    dead,
    events,
    frames,
    jobs,
    keys,
    login,
    machine,
    mails,
    members,
    orgs,
    people,
    plan,
    retention,
    run,
    signing,
    submit,
    tracks,
    upload,
    usage,
    webhooks,
)

_HELP = """Self-hosted video infrastructure: a video goes in, streams, images and frames come out.

The server and its key are found by themselves on the machine that serves; elsewhere name them with --server and --key,
or VIDCOMPUTE_SERVER and VIDCOMPUTE_API_KEY, or log in by `vidctl login`. Every command takes --json.
"""


def create_app() -> typer.Typer:
    """The application. Who calls it gives it the local parts behind it, as `obj`."""
    app = typer.Typer(
        name="vidctl", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    work = (submit, upload, frames, plan, checking, jobs, dead, assets, tracks, retention)
    access = (signing, login, orgs, keys, members, people, usage, audit)
    for part in (*work, *access, events, webhooks, mails, run, dashboard, cluster, machine):
        part.add_to(app)
    return app
