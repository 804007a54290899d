"""People: their accounts, how they come in, and the sessions that they have."""

from vidcompute.services.people.coming_in import (
    Door,
    Newcomer,
    change_email,
    change_password,
    confirm_erasure,
    forgot_password,
    log_in,
    register,
    set_forgotten,
    verify,
    verify_again,
)
from vidcompute.services.people.devices import answer as answer_device
from vidcompute.services.people.devices import begin as begin_device
from vidcompute.services.people.devices import purge as purge_devices
from vidcompute.services.people.devices import redeem as redeem_device
from vidcompute.services.people.devices import view as view_device
from vidcompute.services.people.models import (
    Allowed,
    Asking,
    Begun,
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
from vidcompute.services.people.provided import Leaving, SignOn
from vidcompute.services.people.provided import begin as begin_sign_on
from vidcompute.services.people.provided import finish as finish_sign_on
from vidcompute.services.people.provided import purge as purge_sign_ons
from vidcompute.services.people.queries import get, is_registered, memberships_of, sessions_of
from vidcompute.services.people.service import change_email as take_email
from vidcompute.services.people.service import purge as purge_links
from vidcompute.services.people.service import rename
from vidcompute.services.people.sessions import by_cookie, by_token, end, end_all, note_use, refresh
from vidcompute.services.people.sessions import purge as purge_sessions
from vidcompute.services.people.tokens import rotate_key

__all__ = [
    "Allowed",
    "Asking",
    "Begun",
    "Door",
    "Leaving",
    "Membership",
    "Newcomer",
    "Person",
    "Policy",
    "Registration",
    "Session",
    "SessionKind",
    "SignOn",
    "Started",
    "Tokens",
    "Visitor",
    "answer_device",
    "begin_device",
    "begin_sign_on",
    "by_cookie",
    "by_token",
    "change_email",
    "change_password",
    "confirm_erasure",
    "end",
    "end_all",
    "finish_sign_on",
    "forgot_password",
    "get",
    "is_registered",
    "log_in",
    "memberships_of",
    "note_use",
    "purge_devices",
    "purge_links",
    "purge_sessions",
    "purge_sign_ons",
    "redeem_device",
    "refresh",
    "register",
    "rename",
    "rotate_key",
    "sessions_of",
    "set_forgotten",
    "take_email",
    "verify",
    "verify_again",
    "view_device",
]
