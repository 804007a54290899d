"""People: their accounts, how they come in, and the sessions that they have."""

from vidcompute.services.people.coming_in import (
    Door,
    Newcomer,
    change_email,
    change_password,
    forgot_password,
    log_in,
    register,
    set_forgotten,
    verify,
    verify_again,
)
from vidcompute.services.people.models import (
    Membership,
    Person,
    Policy,
    Registration,
    Session,
    SessionKind,
    Started,
    Tokens,
    Visitor,
)
from vidcompute.services.people.queries import get, is_registered, memberships_of, sessions_of
from vidcompute.services.people.service import change_email as take_email
from vidcompute.services.people.service import purge as purge_links
from vidcompute.services.people.service import rename
from vidcompute.services.people.sessions import by_cookie, by_token, end, end_all, note_use, refresh
from vidcompute.services.people.sessions import purge as purge_sessions
from vidcompute.services.people.tokens import rotate_key

__all__ = [
    "Door",
    "Membership",
    "Newcomer",
    "Person",
    "Policy",
    "Registration",
    "Session",
    "SessionKind",
    "Started",
    "Tokens",
    "Visitor",
    "by_cookie",
    "by_token",
    "change_email",
    "change_password",
    "end",
    "end_all",
    "forgot_password",
    "get",
    "is_registered",
    "log_in",
    "memberships_of",
    "note_use",
    "purge_links",
    "purge_sessions",
    "refresh",
    "register",
    "rename",
    "rotate_key",
    "sessions_of",
    "set_forgotten",
    "take_email",
    "verify",
    "verify_again",
]
