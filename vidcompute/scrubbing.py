"""What may stand in no log line: secrets and personal data. It is taken out of every line, wherever it came from.

Three things are looked for. What this process was told to keep to itself: passwords of the settings, and for the length
of a request what came in as a secret. What has the form of a secret or an address: our own keys and tokens, JWTs,
passes in paths, queries of URLs, `password=…`. And fields whose names say that they hold one.
"""

import re
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

GONE = "[secret]"
_SHORTEST = 6  # what is shorter stands in words that have nothing to do with it
_OURS = frozenset({"level", "time", "module", "method", "path", "request_id", "trace_id"})  # never a place for a text
_process: set[str] = set()
_request: ContextVar[set[str] | None] = ContextVar("vidcompute_secrets", default=None)


def hide(*secrets: str) -> None:
    """From now on these texts stand in no line of this process."""
    _process.update(_spellings(secrets))


def begin() -> None:
    """A request begins in this task: from now on `hide_here` counts, and what it was told before is forgotten."""
    _request.set(set())


def hide_here(*secrets: str) -> None:
    """These texts stand in no line of the request at hand; outside of one there is nothing to hide them in."""
    hidden = _request.get()
    if hidden is not None:
        hidden.update(_spellings(secrets))


def _spellings(secrets: tuple[str, ...]) -> set[str]:
    """As it is, as URLs have it, and as `repr` does."""
    found = {form for text in secrets for form in (text, quote(text, safe="", errors="replace"), repr(text)[1:-1])}
    return {text for text in found if len(text) >= _SHORTEST}


# -- what has the form of a secret ---------------------------------------------------------------------------------

_Replacement = str | Callable[[re.Match[str]], str]
_URL = re.compile(r"(?<![\w+.-])([a-zA-Z][\w+.-]{0,20})://([^\s\"'<>]+)")
_NAMES = "password|passwd|passphrase|secret|token|signature|credential|api[_-]?key|private[_-]?key"
_NAMED = re.compile(rf"(?:{_NAMES}|authorization|cookie)", re.IGNORECASE)
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"


def _without_secrets(url: re.Match[str]) -> str:
    """A URL without user and password, and without what follows its path: signatures and tokens stand there."""
    scheme, rest = url[1], url[2]
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"{GONE}@{authority.rpartition('@')[2]}"
    else:
        host = re.split(r"[?#]", authority, maxsplit=1)[0].rpartition("]")[2]
        port = host.partition(":")[2]
        if port and not port.isdigit():
            return f"{scheme}://{GONE}"  # a password with a slash in it, most likely
    told = f"{scheme}://{authority}{slash}{path}"
    end = re.search(r"[?#]", told)
    return f"{told[: end.end()]}[query]" if end else told


# The words that a text must have (in lower case), else the expression isn't tried; what is found; what takes its place.
# Each is anchored where a word begins, so that no text takes long.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], _Replacement], ...] = (
    (
        ("private key",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        "[private key]",
    ),
    (("input_value=",), re.compile(r"input_value=.{0,500}?(?=, input_type=)", re.DOTALL), f"input_value={GONE}"),
    (("://",), _URL, _without_secrets),
    (
        ("authorization", "cookie"),
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)"
            r"((?:[\"']?[ \t]{0,4}[:=]|[\"'][ \t]{0,4},)[ \t]{0,4})[^\r\n]+"
        ),
        rf"\1\2{GONE}",
    ),
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {GONE}"),
    (
        ("passw", "passphrase", "secret", "token", "signature", "credential", "key"),
        re.compile(
            rf"(?i)(?<![\w-])([\w-]{{0,40}}?(?:{_NAMES})[\w-]{{0,40}})"
            r"([\"']?[ \t]{0,4}[:=][ \t]{0,4})(?!\[secret\])"
            rf"(?:{_QUOTED}|[^\s,;&)\]}}\"']+)"
        ),
        rf"\1\2{GONE}",
    ),
    (("vck_", "whsec_"), re.compile(r"\b(?:vck|whsec)_[\w+/=-]{8,}"), GONE),
    (("eyj", "eya", "ewo"), re.compile(r"(?<![\w-])(?:eyJ|eyA|ewo)[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"), GONE),
    (("~",), re.compile(r"(?<=[\w])~[\w~.-]{8,}"), "~"),
    (("/upload/",), re.compile(r"(?<=/upload/)[\w~-]+"), "~"),
    (("@",), re.compile(r"(?<![\w.!#$%&*+?^`{|}~-])[\w.!#$%&*+?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*"), "[e-mail]"),
)
# 256 random bits as our cookies, links and tokens have them: capitals and small letters, which no digest has.
_RANDOM = re.compile(r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[A-Za-z0-9_-]{43}(?![\w-])")


def scrub(text: str) -> str:
    """A text without anything that has the form of a secret or of an e-mail address."""
    words = text.lower()
    for needed, found, replacement in _RULES:
        if any(word in words for word in needed):
            text = found.sub(replacement, text)
    return _RANDOM.sub(GONE, text) if len(text) >= 43 else text


# -- lines ---------------------------------------------------------------------------------------------------------


def scrub_line(line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log line's fields without secrets and personal data."""
    hidden = _process | (_request.get() or set())
    return {name: _scrubbed(name, value, hidden) for name, value in line.items()}


def _scrubbed(name: str, value: Any, hidden: set[str]) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _NAMED.search(name) and value:
        return GONE
    if isinstance(value, Mapping):
        return {str(key): _scrubbed(str(key), part, hidden) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed("", part, hidden) for part in value]
    text = value if isinstance(value, str) else str(value)
    if name not in _OURS and (name != "event" or " " in text):
        # Longest first: one may stand in another. Who asks chooses what is hidden, so the parts that are ours stay.
        for secret in sorted(hidden, key=len, reverse=True):
            text = text.replace(secret, GONE)
    return scrub(text)
