"""What the leading server sends out, by settings: webhooks, mails, events for a broker."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from vidcompute.adapters.mail_outbox import OutboxMailer
from vidcompute.db import cursors, outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch import publishing
from vidcompute.dispatch.leading import Beside
from vidcompute.dispatch.mailing import Mailing
from vidcompute.dispatch.publishing import Publishing
from vidcompute.dispatch.telling import Telling
from vidcompute.dispatch.webhooks import WebhookDeliveries
from vidcompute.errors import invalid
from vidcompute.local import OUTBOX
from vidcompute.ports.broker import Broker
from vidcompute.ports.mail import Mailer
from vidcompute.ports.outcomes import Outcomes
from vidcompute.ports.webhooks import WebhookSender
from vidcompute.services import mail, webhooks
from vidcompute.services.telling import Teller
from vidcompute.services.webhooks import DeliveryPolicy
from vidcompute.settings import Settings
from vidcompute.wiring.sharing import extra_missing


def beside(settings: Settings, db: Database, base_url: str, outcomes: Outcomes) -> dict[str, Beside]:
    """The work of the leader that sends, by name; `settings_invalid` and `extra_missing` (invalid).

    Links in mails lead to `base_url`.
    """
    work: dict[str, Beside] = {
        "webhooks": WebhookDeliveries(db, partial(_sender, settings), _policy(settings), outcomes=outcomes).run,
        "tellings": Telling(db, Teller(base_url, settings.mail_operator)).run,
        "mails": Mailing(db, mailer(settings), outcomes=outcomes).run,
    }
    broker = _broker(settings)
    if broker is not None:
        work["broker"] = Publishing(db, broker, outcomes=outcomes).run
    return work


def _sender(settings: Settings) -> WebhookSender:
    from vidcompute.adapters.webhook_http import HttpWebhookSender  # with an HTTP client, which few servers need

    return HttpWebhookSender(settings.webhook_timeout_s, settings.allow_private_addresses)


def prune(conn: Connection, kept_ms: int, *, publishes: bool) -> int:
    """Remove what is older than `kept_ms`: events that everybody who follows has dealt with, deliveries, mails."""
    if not publishes:
        cursors.forget(conn, publishing.CURSOR)
    before_ms = outbox.now_ms() - kept_ms
    logged = webhooks.purge(conn, before_ms) + mail.purge(conn, before_ms)
    return logged + outbox.prune(conn, before_ms, up_to=cursors.slowest(conn))


def mailer(settings: Settings) -> Mailer:
    """By SMTP where a server is named, else into a folder of the data folder."""
    if settings.smtp_url is None:
        return OutboxMailer(settings.data_dir / OUTBOX, settings.mail_from)
    from vidcompute.adapters.mail_smtp import SmtpMailer, SmtpServer

    return SmtpMailer(SmtpServer.parse(settings.smtp_url.get_secret_value()), settings.mail_from)


def _policy(settings: Settings) -> DeliveryPolicy:
    return DeliveryPolicy(disable_after_ms=settings.webhook_disable_after_s * 1000)


_BROKERS: dict[str, str] = {
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
}


def _broker(settings: Settings) -> Broker | None:
    if settings.broker_url is None:
        return None
    url = settings.broker_url.get_secret_value()
    kind = _BROKERS.get(url.partition("://")[0])
    if kind is None:
        raise invalid("settings_invalid", "broker_url: use redis://host/0 or amqp://user:password@host/.")
    try:
        return _opened(kind)(url, settings.broker_name)
    except ImportError as error:
        raise extra_missing("broker_url", kind) from error
    except ValueError as error:
        raise invalid("settings_invalid", f"broker_url is wrong: {error}") from error


def _opened(kind: str) -> Callable[[str, str], Broker]:
    if kind == "redis":
        from vidcompute.adapters.broker_redis import RedisBroker

        return RedisBroker
    from vidcompute.adapters.broker_rabbitmq import RabbitBroker

    return RabbitBroker
