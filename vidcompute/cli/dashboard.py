"""The command that opens the dashboard: a link that lets one browser in, once."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from vidcompute.cli.keys import KEYS
from vidcompute.cli.session import Session, command

if TYPE_CHECKING:
    from vidcompute.cli.client import Api

LINK_S = 600


def link(api: "Api") -> str:
    """A link that is good once and for ten minutes. The key stands behind the `#`, which browsers send to nobody."""
    expires_at = datetime.now(UTC) + timedelta(seconds=LINK_S)
    wish = {"name": "Link to the dashboard", "scopes": ["*"], "expires_at": expires_at.isoformat()}
    return f"{api.url}/dashboard/enter#{api.post(KEYS, wish)['secret']}"


def dashboard(session: Session) -> int | None:
    """Print a link to the dashboard. Where a key is what you have, it lets one browser in, within ten minutes."""
    # Who has logged in to the command line does so in the browser, too.
    made = f"{session.server_url()}/dashboard" if session.login() is not None else link(session.api)
    session.output.json({"url": made})
    if not session.output.as_json:
        session.output.raw(made)
    return None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "dashboard", rich_help_panel="This machine")(dashboard)
