"""`vidctl webhooks`: addresses that are told of events, and what was sent to them."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vidcompute.cli.exit_codes import ExitCode
from vidcompute.cli.jobs import local_time, pages
from vidcompute.cli.output import Output
from vidcompute.cli.session import Session, command
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import is_id

PATH = "/api/v1/webhooks"
_LOOK_S = 0.2
_PATIENCE_S = 60.0

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="TYPE", help='What it is told of: "job.done", "asset.*", "*"; repeatable.'),
]


def _path(webhook_id: str) -> str:
    if not is_id("hook", webhook_id):
        detail = f"{webhook_id!r} is no webhook's id; `vidctl webhooks list` shows them."
        raise VidComputeError(Kind.NOT_FOUND, "webhook_not_found", detail)
    return f"{PATH}/{webhook_id}"


def list_webhooks(session: Session) -> int | None:
    """List the webhooks."""
    found = pages(session, PATH, None, {})
    session.output.json(found)
    rows = ((hook["id"], _state(hook), hook["url"], ", ".join(hook["events"])) for hook in found["items"])
    session.output.table(("webhook", "state", "address", "events"), rows)
    return None


def _state(hook: Mapping[str, Any]) -> str:
    if not hook["enabled"]:
        return f"off ({hook['disabled_reason']})" if hook["disabled_reason"] else "off"
    return f"fails since {local_time(hook['failing_since'])}" if hook["failing_since"] else "on"


def create(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="The address that is told of events.")],
    *,
    event: Events = None,
    description: Annotated[str, typer.Option(help="A note for people.")] = "",
) -> int | None:
    """Name an address that is told of events, and show the secret that messages are signed with."""
    body = {"url": url, "description": description} | ({"events": event} if event else {})
    hook = session.api.post(PATH, body)
    session.output.json(hook)
    session.output.say(f"webhook {hook['id']}", style="bold")
    session.output.say(f"secret  {hook['secret']}")
    session.output.say(f"events  {', '.join(hook['events'])}")
    return None


def change(
    session: Session,
    webhook_id: WebhookArgument,
    *,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    event: Events = None,
    description: Annotated[str | None, typer.Option(help="Another note.")] = None,
) -> int | None:
    """Change what a webhook is told of, or where."""
    given = {"url": url, "events": event, "description": description}
    _changed(session, webhook_id, {name: value for name, value in given.items() if value is not None})
    return None


def enable(session: Session, webhook_id: WebhookArgument) -> int | None:
    """Switch a webhook on; what happened meanwhile can be replayed."""
    _changed(session, webhook_id, {"enabled": True})
    return None


def disable(session: Session, webhook_id: WebhookArgument) -> int | None:
    """Switch a webhook off."""
    _changed(session, webhook_id, {"enabled": False})
    return None


def _changed(session: Session, webhook_id: str, changes: Mapping[str, Any]) -> None:
    hook = session.api.patch(_path(webhook_id), changes)
    session.output.json(hook)
    session.output.say(f"{hook['id']} {_state(hook)}  {hook['url']}  {', '.join(hook['events'])}")


def delete(session: Session, webhook_id: WebhookArgument) -> int | None:
    """Delete a webhook with the log of its deliveries."""
    session.api.delete(_path(webhook_id))
    session.output.json({"id": webhook_id, "deleted": True})
    session.output.say(f"{webhook_id} is gone.")
    return None


def secret(
    session: Session,
    webhook_id: WebhookArgument,
    *,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one first.")] = False,
    overlap_s: Annotated[
        int, typer.Option(min=0, help="How long the one before signs as well; 0 where others know it.")
    ] = 24 * 3600,
) -> int | None:
    """Show the secret that a webhook's messages are signed with."""
    path = f"{_path(webhook_id)}/secret"
    found = session.api.post(f"{path}/rotate", {"overlap_s": overlap_s}) if rotate else session.api.post(path)
    session.output.json(found)
    session.output.say(found["secret"])
    if found["old_secret"]:
        session.output.say(f"{found['old_secret']} (until {local_time(found['old_secret_until'])})")
    return None


def ping(session: Session, webhook_id: WebhookArgument) -> int | None:
    """Send a test to a webhook, and tell what came back; the exit code says whether it was taken."""
    path = _path(webhook_id)
    sent = session.api.post(f"{path}/ping")
    end_s = time.monotonic() + _PATIENCE_S
    while sent["status"] == "waiting":
        if time.monotonic() > end_s:
            raise VidComputeError(Kind.TIMEOUT, "ping_not_sent", "Nobody has sent the test yet; look again later.")
        time.sleep(_LOOK_S)
        sent = session.api.get(f"{path}/deliveries/{sent['id']}")
    session.output.json(sent)
    _say_delivery(session.output, sent)
    return ExitCode.OK if sent["status"] == "delivered" else ExitCode.FAILED


def deliveries(
    session: Session,
    webhook_id: WebhookArgument,
    *,
    status: Annotated[
        str | None, typer.Option(metavar="waiting|delivered|failed", help="Only deliveries in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
) -> int | None:
    """List what was, and is to be, sent to a webhook, newest first, with every attempt."""
    found = pages(session, f"{_path(webhook_id)}/deliveries", limit, {"status": status})
    session.output.json(found)
    for delivery in found["items"]:
        _say_delivery(session.output, delivery)
    return None


def _say_delivery(output: Output, delivery: Mapping[str, Any]) -> None:
    again = f", again at {local_time(delivery['next_attempt_at'])}" if delivery["next_attempt_at"] else ""
    output.say(f"{delivery['id']} {delivery['status']}{again}  {delivery['type']} {delivery['subject_id']}", "bold")
    for attempt in delivery["attempts"]:
        outcome = attempt["response_status"] or attempt["error_code"]
        why = f"  {attempt['error_detail']}" if attempt["error_detail"] else ""
        output.say(f"  {local_time(attempt['started_at'])}  {outcome}  {attempt['latency_ms']} ms{why}")


def replay(
    session: Session,
    webhook_id: WebhookArgument,
    delivery_id: Annotated[str | None, typer.Argument(metavar="[DELIVERY]", help="One delivery.")] = None,
    *,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="All events since this time (RFC 3339).")] = None,
    delivered: Annotated[bool, typer.Option("--delivered", help="Also what was delivered.")] = False,
) -> int | None:
    """Send one delivery again; or, since a time, what failed or was never sent."""
    path = _path(webhook_id)
    if (delivery_id is None) == (since is None):
        raise VidComputeError(Kind.INVALID, "replay_of_what", "Name a delivery, or a time with --since.")
    if delivery_id is not None:
        queued = session.api.post(f"{path}/deliveries/{delivery_id}/replay")
        session.output.json(queued)
        session.output.say(f"{queued['id']} is sent again.")
        return None
    count, cursor = 0, None
    while True:
        done = session.api.post(f"{path}/replay", {"since": since, "delivered": delivered, "cursor": cursor})
        count, cursor = count + done["queued"], done["next_cursor"]
        if cursor is None:
            break
    session.output.json({"queued": count})
    session.output.say(f"{count} deliveries are made.")
    return None


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Addresses that are told of events.", no_args_is_help=True)
    for name, function in (
        ("list", list_webhooks),
        ("create", create),
        ("change", change),
        ("enable", enable),
        ("disable", disable),
        ("delete", delete),
        ("secret", secret),
        ("ping", ping),
        ("deliveries", deliveries),
        ("replay", replay),
    ):
        command(group, name)(function)
    app.add_typer(group, name="webhooks", rich_help_panel="Integration")
