"""Mails that tell people what was done to the safety of their account: who did not do it learns of it there."""

from sqlalchemy import Connection

from vidcompute.services import mail
from vidcompute.services.mail import Mail
from vidcompute.services.people.models import Person


def send(conn: Connection, person: Person, change: str) -> None:
    """Tell them of a change, in a sentence."""
    mail.queue(conn, Mail(person.email, "account_changed", {"name": person.name, "change": change}))
