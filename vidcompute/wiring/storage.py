"""Which storage is in force: a folder or a bucket, by settings, or where a move of the library has taken it.

What a move decides is a row in the database, which servers follow (`wiring.library`). Each of them writes down for the
attempts of its machine, which see no database, where objects lie (`storage.json` in the data folder, no secrets in it)
and how to get in (`storage.key`, mode 0600).
"""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vidcompute.adapters.storage_cached import CachedStorage
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_moving import MovingStorage
from vidcompute.adapters.storage_object import ObjectPlace, ObjectStorage
from vidcompute.adapters.storage_switched import SwitchedStorage
from vidcompute.errors import VidComputeError, invalid
from vidcompute.ports.storage import ScannableStorage, Storage

if TYPE_CHECKING:
    from vidcompute.settings import Settings

PLACE_FILE, KEY_FILE = "storage.json", "storage.key"
_SERVER_PATIENCE_S = 8.0  # who waits for an answer is told soon that the store is down
# Where the vendors' own tools look for what the settings leave out.
_AMBIENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_APPLICATION_CREDENTIALS",
)


@dataclass(frozen=True)
class Place:
    """A folder (an absolute path), or a bucket with the cache before it. Written down as it is: nothing is secret."""

    folder: str | None = None
    vendor: str = ""
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    service_account: str | None = None
    bucket_in_host: bool = False

    @property
    def url(self) -> str:
        """As people name it."""
        if self.folder is not None:
            return self.folder
        return f"{self.vendor}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


@dataclass(frozen=True)
class InForce:
    """Where objects are written, and while a library moves, where those are read that have not come yet.

    `chosen` says that a move decided it, and the settings say something else.
    """

    at: Place
    before: Place | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Cache:
    """The folder of this machine's cache, and about how many bytes it may hold."""

    folder: Path
    max_bytes: int


# -- from settings -------------------------------------------------------------------------------------------------


def place_of(settings: "Settings", url: str | None) -> Place:
    """The place that a URL names (None: what the settings say); `settings_invalid` where it can't be one."""
    url = url if url is not None else settings.storage_url
    if url is None:
        return Place(folder=str(settings.effective_storage_dir))
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        folder = Path(parts.path).expanduser()
        if not folder.is_absolute():
            raise invalid("settings_invalid", f"storage_url: {url!r} is no absolute path.")
        return Place(folder=str(folder))
    if parts.scheme not in {"s3", "gs"} or not parts.netloc or parts.query or "@" in parts.netloc:
        raise invalid(
            "settings_invalid", f"storage_url: {url!r} is not s3://bucket/prefix, gs://bucket/prefix or a path."
        )
    account = settings.storage_service_account
    place = Place(
        vendor=parts.scheme,
        bucket=parts.netloc,
        prefix=parts.path.strip("/"),
        endpoint=settings.storage_endpoint,
        region=settings.storage_region,
        service_account=str(account.expanduser().absolute()) if account and parts.scheme == "gs" else None,
        bucket_in_host=settings.storage_bucket_in_host,
    )
    _check(settings, place)
    return place


def _check(settings: "Settings", place: Place) -> None:
    one = (settings.storage_access_key_id is None) != (settings.storage_secret_access_key is None)
    if one and place.vendor == "s3":
        detail = "storage_access_key_id and storage_secret_access_key: set both, or neither."
        raise invalid("settings_invalid", detail)
    if place.service_account is not None and not Path(place.service_account).is_file():
        raise invalid("settings_invalid", f"storage_service_account: there is no file {place.service_account}.")


def _credentials(settings: "Settings", place: Place) -> dict[str, str]:
    found = {name.lower(): os.environ[name] for name in _AMBIENT if os.environ.get(name)}
    wanted = "aws_" if place.vendor == "s3" else "google_"
    found = {name: value for name, value in found.items() if name.startswith(wanted)}
    if place.vendor == "s3" and settings.storage_access_key_id and settings.storage_secret_access_key:
        found["access_key_id"] = settings.storage_access_key_id.get_secret_value()
        found["secret_access_key"] = settings.storage_secret_access_key.get_secret_value()
        found = {name: value for name, value in found.items() if name not in {"aws_access_key_id", "aws_session_token"}}
        found.pop("aws_secret_access_key", None)
    return found


def cache_of(settings: "Settings") -> Cache:
    """The cache in force."""
    chosen = settings.storage_cache_dir
    folder = chosen.expanduser().absolute() if chosen else settings.data_dir / "cache"
    return Cache(folder, settings.storage_cache_bytes)


# -- written down --------------------------------------------------------------------------------------------------


def _replace_file(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def read_in_force(data_dir: Path) -> InForce | None:
    """What is written down; None where nothing is."""
    try:
        told = json.loads((data_dir / PLACE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    before = told["before"]
    return InForce(Place(**told["at"]), Place(**before) if before else None, chosen=told["chosen"])


def write_in_force(settings: "Settings", found: InForce, keys_of: Place) -> None:
    """Write down where objects lie, and how to get in: the settings have the keys of `keys_of`."""
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept, keys = _read_keys(data / KEY_FILE), {}
    for place in (found.at, found.before):
        if place is not None and place.folder is None:
            fresh, known = _credentials(settings, place), kept.get(place.url, {})
            keys[place.url] = (fresh or known) if place == keys_of else (known or fresh)
    _replace_file(data / KEY_FILE, json.dumps(keys))
    _replace_file(data / PLACE_FILE, json.dumps(asdict(found), indent=1))


def _read_keys(path: Path) -> dict[str, dict[str, str]]:
    try:
        keys: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return keys


def keep_keys(settings: "Settings", place: Place, *, replace_known: bool = True) -> None:
    """Write down how to get into a place as the settings have it, for the server of this data folder."""
    path = settings.data_dir / KEY_FILE
    kept, fresh = _read_keys(path), _credentials(settings, place)
    if place.folder is None and fresh and (replace_known or not kept.get(place.url)):
        _replace_file(path, json.dumps({**kept, place.url: fresh}))


def settle(settings: "Settings", found: InForce | None = None) -> InForce:
    """Write down what is in force for a server: what the settings say where nothing else is known."""
    said = place_of(settings, None)
    found = found or InForce(said)
    write_in_force(settings, found, said)
    return found


# -- opening -------------------------------------------------------------------------------------------------------


def open_place(
    place: Place, cache: Cache, credentials: Callable[[], Mapping[str, str]], patience_s: float
) -> ScannableStorage:
    """One place as a storage; a bucket has the cache before it."""
    if place.folder is not None:
        return FolderStorage(Path(place.folder))
    remote = ObjectStorage(
        ObjectPlace(
            vendor="gs" if place.vendor == "gs" else "s3",
            bucket=place.bucket,
            prefix=place.prefix,
            endpoint=place.endpoint,
            region=place.region,
            service_account=place.service_account,
            bucket_in_host=place.bucket_in_host,
            patience_s=patience_s,
        ),
        credentials,
    )
    return CachedStorage(remote, cache.folder, cache.max_bytes)


def _open(data_dir: Path, cache: Cache, patience_s: float) -> ScannableStorage:
    found = read_in_force(data_dir)
    assert found is not None, "the server writes it before anything opens it"

    def opened(place: Place) -> ScannableStorage:
        return open_place(place, cache, lambda: _read_keys(data_dir / KEY_FILE).get(place.url, {}), patience_s)

    return opened(found.at) if found.before is None else MovingStorage(opened(found.at), opened(found.before))


def server_storage(settings: "Settings", found: InForce | None = None) -> SwitchedStorage:
    """The storage of the server. What can't work at all (credentials, bucket) is told by `verify`."""
    settle(settings, found)
    cache = cache_of(settings)
    return SwitchedStorage(lambda: _open(settings.data_dir, cache, _SERVER_PATIENCE_S))


def tool_place(settings: "Settings", place: Place, *, keys_of: Place) -> ScannableStorage:
    """One place for a command of this machine, past any cache; the settings have the keys of `keys_of`."""

    def credentials() -> Mapping[str, str]:
        known = _read_keys(settings.data_dir / KEY_FILE).get(place.url, {})
        fresh = _credentials(settings, place)
        return (fresh or known) if place == keys_of else (known or fresh)

    opened = open_place(place, cache_of(settings), credentials, _SERVER_PATIENCE_S)
    return opened.remote if isinstance(opened, CachedStorage) else opened


async def begin(settings: "Settings", warn: Callable[..., object], found: InForce | None = None) -> SwitchedStorage:
    """The server's storage, looked at; see `verify` for what is raised and what is warned of. Leftovers are swept."""
    storage = server_storage(settings, found)
    await verify(storage, lambda detail: warn("storage_unavailable", detail=detail))
    await asyncio.to_thread(sweep, storage)
    # Uploads that a dead server was receiving.
    await asyncio.to_thread(shutil.rmtree, settings.data_dir / "incoming", ignore_errors=True)
    return storage


def attempt_storage(data_dir: Path, cache: Cache, patience_s: float) -> Storage:
    """The storage of an attempt: looked up when it is first used, which is after the fork."""
    return SwitchedStorage(lambda: _open(data_dir, cache, patience_s))


def sweep(storage: SwitchedStorage) -> None:
    """Throw away what killed processes have left half-written on this machine."""
    for part in storage.parts():
        if isinstance(part, FolderStorage | CachedStorage):
            part.sweep()


async def verify(storage: SwitchedStorage, warn: Callable[[str], object]) -> None:
    """As a server begins: wrong credentials and missing buckets are raised; a store that is down is warned of."""
    for part in storage.parts():
        if not isinstance(part, ObjectStorage):
            continue
        try:
            await part.check()
        except VidComputeError as error:
            if error.code in {"storage_refused", "storage_bucket_missing"} or not error.kind.retryable:
                raise
            warn(error.detail)


def readiness(storage: SwitchedStorage) -> Callable[[], Awaitable[str | None]]:
    """What `/ready` asks: whether everything of the storage that is in force can be used now."""

    async def check() -> str | None:
        for part in storage.parts():
            if isinstance(part, FolderStorage):
                writable = await asyncio.to_thread(os.access, part.root, os.W_OK | os.X_OK)
                if not writable:
                    return "the storage folder can't be written to"
            elif isinstance(part, ObjectStorage):
                try:
                    await part.check()
                except VidComputeError as error:
                    return error.detail
        return None

    return check


def to_json(settings: "Settings") -> dict[str, Any]:
    """What the runner is told on its command line."""
    cache = cache_of(settings)
    return {
        "data_dir": str(settings.data_dir),
        "cache_dir": str(cache.folder),
        "cache_bytes": cache.max_bytes,
        "patience_s": settings.storage_patience_s,
    }


def from_json(told: Mapping[str, Any]) -> Storage:
    """The inverse of `to_json`: the storage of attempts."""
    cache = Cache(Path(told["cache_dir"]), int(told["cache_bytes"]))
    return attempt_storage(Path(told["data_dir"]), cache, float(told["patience_s"]))
