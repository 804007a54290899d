"""Who is told by mail of what happens: which mails people want, and the mails that follow from events."""

from vidcompute.services.telling.choosing import choices_of, choose, unsubscribe
from vidcompute.services.telling.models import KINDS, Choice, MailKind, News, Teller
from vidcompute.services.telling.queries import news
from vidcompute.services.telling.service import CURSOR, TYPES, begin, report, tell

__all__ = [
    "CURSOR",
    "KINDS",
    "TYPES",
    "Choice",
    "MailKind",
    "News",
    "Teller",
    "begin",
    "choices_of",
    "choose",
    "news",
    "report",
    "tell",
    "unsubscribe",
]
