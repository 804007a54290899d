"""People: their accounts, how they come in, and the sessions that they have."""

from vidcompute.services.people.ceremonies import takes_passkeys
from vidcompute.services.people.coming_in import (
    Lobby,
    Newcomer,
    begin_passkey_log_in,
    change_email,
    change_password,
    confirm_erasure,
    finish_log_in,
    forgot_password,
    limit_invitations,
    log_in,
    log_in_by_passkey,
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
    Enrolment,
    Membership,
    Passkey,
    Person,
    Policy,
    Registration,
    SecondFactor,
    Session,
    SessionKind,
    Started,
    Tokens,
)
from vidcompute.services.people.passkeys import remove as remove_passkey
from vidcompute.services.people.passkeys import rename as rename_passkey
from vidcompute.services.people.provided import Leaving, SignOn
from vidcompute.services.people.provided import begin as begin_sign_on
from vidcompute.services.people.provided import finish as finish_sign_on
from vidcompute.services.people.provided import purge as purge_sign_ons
from vidcompute.services.people.queries import get, is_registered, memberships_of, passkeys_of, sessions_of
from vidcompute.services.people.second_factor import state as second_factor_of
from vidcompute.services.people.second_factor import take_away as take_second_factor
from vidcompute.services.people.securing import (
    add_passkey,
    begin_passkey,
    begin_second_factor,
    confirm_second_factor,
    end_second_factor,
)
from vidcompute.services.people.service import change_email as take_email
from vidcompute.services.people.service import purge as purge_links
from vidcompute.services.people.service import rename
from vidcompute.services.people.sessions import by_cookie, by_token, end, end_all, note_use, refresh, scopes_now
from vidcompute.services.people.sessions import purge as purge_sessions
from vidcompute.services.people.tokens import rotate_key

__all__ = [
    "Allowed",
    "Asking",
    "Begun",
    "Enrolment",
    "Leaving",
    "Lobby",
    "Membership",
    "Newcomer",
    "Passkey",
    "Person",
    "Policy",
    "Registration",
    "SecondFactor",
    "Session",
    "SessionKind",
    "SignOn",
    "Started",
    "Tokens",
    "add_passkey",
    "answer_device",
    "begin_device",
    "begin_passkey",
    "begin_passkey_log_in",
    "begin_second_factor",
    "begin_sign_on",
    "by_cookie",
    "by_token",
    "change_email",
    "change_password",
    "confirm_erasure",
    "confirm_second_factor",
    "end",
    "end_all",
    "end_second_factor",
    "finish_log_in",
    "finish_sign_on",
    "forgot_password",
    "get",
    "is_registered",
    "limit_invitations",
    "log_in",
    "log_in_by_passkey",
    "memberships_of",
    "note_use",
    "passkeys_of",
    "purge_devices",
    "purge_links",
    "purge_sessions",
    "purge_sign_ons",
    "redeem_device",
    "refresh",
    "register",
    "remove_passkey",
    "rename",
    "rename_passkey",
    "rotate_key",
    "scopes_now",
    "second_factor_of",
    "sessions_of",
    "set_forgotten",
    "take_email",
    "take_second_factor",
    "takes_passkeys",
    "verify",
    "verify_again",
    "view_device",
]
