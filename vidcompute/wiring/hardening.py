"""What a server that others can reach is held to before it starts: secrets that can't be guessed, proxies it trusts."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr

from vidcompute.errors import FieldProblem, invalid
from vidcompute.settings import PREFIX

if TYPE_CHECKING:
    from vidcompute.settings import Settings

_SHORTEST = 12  # characters
_LEAST_VARIED = 6  # different ones among them
_LEAST_VARIED_KEY = 16  # of our own, which are random: one that was made up has fewer
_TRIED_FIRST = (
    "admin administrator amqp apikey changeit changeme default demo dev example guest hunter letmein minio minioadmin "
    "mysecret pass password passwort postgres postgresql qwerty rabbitmq redis root secret sekret smtp test "
    "testtest user video vidcompute welcome yourpassword"
)
_KNOWN = frozenset(_TRIED_FIRST.split())
_URLS = ("database_url", "redis_url", "broker_url", "smtp_url")
_OPEN_WITHOUT = frozenset({"redis", "amqp"})  # whoever reaches these without a password may do everything
_KEY_FILE = "api.key"


def is_local(settings: "Settings") -> bool:
    """Whether this machine alone can reach the server, and nobody is told another address of it."""
    public = urlsplit(settings.base_url).hostname if settings.base_url else None
    return _is_loopback(settings.host) and (public is None or _is_loopback(public))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check(settings: "Settings") -> None:
    """Refuse to serve others with secrets that can be guessed: `secrets_weak` (invalid), which names each and why."""
    if is_local(settings):
        return
    problems = [FieldProblem(f"/{found.setting}", f"{found.name}: {found.why}.") for found in _weak(settings)]
    if problems:
        told = " ".join(problem.detail for problem in problems)
        detail = (
            f"Others can reach this server ({settings.base_url or settings.host}), and secrets of it can be guessed. "
            f"{told} Set others (`openssl rand -base64 24` makes a good one), or serve this machine alone: host "
            "127.0.0.1, and no base_url."
        )
        raise invalid("secrets_weak", detail, *problems)


def warnings(settings: "Settings") -> list[str]:
    """What is worth a second look where others can reach the server."""
    if is_local(settings):
        return []
    if settings.base_url is None:
        return [f"{PREFIX}BASE_URL is not set: links in mails and answers lead to this machine alone."]
    if settings.base_url.startswith("http://"):
        return ["The public address begins with http://: keys, cookies and passwords can be read on their way."]
    return []


def proxies(settings: "Settings") -> list[str]:
    """The addresses and networks that are believed about whom they speak for, in both spellings of IPv4."""
    found: list[str] = []
    for text in settings.trusted_proxies:
        network = ip_network(text)
        found.append(text)
        if isinstance(network, IPv4Network):  # as a socket that takes both kinds has it
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def secrets_of(settings: "Settings") -> list[str]:
    """Every password and key of the settings that may be taken out of texts: weak ones are words of the language."""
    others = [getattr(settings, name) for name in type(settings).model_fields if name not in _URLS]
    found = [secret for _, secret, _ in _given(settings)]
    found += [value.get_secret_value() for value in others if isinstance(value, SecretStr)]
    return sorted({secret for secret in found if _weakness(secret, "") is None})


# -- what can be guessed -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Weak:
    setting: str
    name: str
    why: str


def _weak(settings: "Settings") -> Iterator[_Weak]:
    for setting, secret, user in _given(settings):
        if (why := _weakness(secret, user)) is not None:
            yield _Weak(setting, f"{PREFIX}{setting.upper()}", why)
    for setting in _URLS:
        parts = _parts(getattr(settings, setting))
        open_to_all = parts is not None and parts.scheme in _OPEN_WITHOUT and parts.hostname and not parts.password
        if open_to_all and parts is not None and not _is_loopback(parts.hostname or ""):
            yield _Weak(setting, f"{PREFIX}{setting.upper()}", "it has no password")
    for setting, path in _files(settings):
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        if len(set(text)) < _LEAST_VARIED_KEY:
            yield _Weak(setting, str(path), "this was not drawn at random; remove the file, and it is made anew")


def _given(settings: "Settings") -> Iterator[tuple[str, str, str]]:
    """The setting, the secret in it, and the user that it is for."""
    for setting in _URLS:
        parts = _parts(getattr(settings, setting))
        if parts is not None:
            user = unquote(parts.username or "")
            passwords = [parts.password or "", *parse_qs(parts.query).get("password", ())]
            yield from ((setting, unquote(password), user) for password in passwords if password)
    if settings.storage_secret_access_key is not None:
        user = settings.storage_access_key_id.get_secret_value() if settings.storage_access_key_id else ""
        yield "storage_secret_access_key", settings.storage_secret_access_key.get_secret_value(), user


def _parts(url: SecretStr | None) -> SplitResult | None:
    try:
        return None if url is None else urlsplit(url.get_secret_value())
    except ValueError:  # whoever opens it says so
        return None


def _files(settings: "Settings") -> Iterator[tuple[str, Path]]:
    """Keys of ours that somebody may have written themselves."""
    token = settings.ray_token_file if settings.executor == "ray" else None
    for setting, path in (("data_dir", settings.data_dir / _KEY_FILE), ("ray_token_file", token)):
        if path is not None and path.is_file():
            yield setting, path


def _weakness(secret: str, user: str) -> str | None:
    plain = "".join(letter for letter in secret.lower() if letter.isalpha())
    if secret.lower() == user.lower():
        return "its password is the user's name"
    if plain in _KNOWN:
        return "its password is one of those that are tried first"
    if len(secret) < _SHORTEST:
        return f"its password has fewer than {_SHORTEST} characters"
    if len(set(secret)) < _LEAST_VARIED:
        return "its password repeats a few characters"
    return None
