"""Every setting of the platform: environment (`VIDCOMPUTE_…`) over `vidcompute.toml` over defaults."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from vidcompute.errors import FieldProblem, VidComputeError, invalid

PREFIX = "VIDCOMPUTE_"
CONFIG_VARIABLE = "VIDCOMPUTE_CONFIG"  # names the TOML file; ./vidcompute.toml when it is not set
# Read by vidctl and by images that are built, not here.
CLIENT_VARIABLES = frozenset({CONFIG_VARIABLE, "VIDCOMPUTE_SERVER", "VIDCOMPUTE_API_KEY", "VIDCOMPUTE_COMMIT"})


_ADDRESS = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"


def _split(value: Any) -> Any:
    """Texts from the environment may be comma-separated."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks in their usual spelling; never all there are: everybody could say who they are."""
    found = []
    for text in texts:
        network = ip_network(text, strict=False)
        if network.prefixlen == 0:
            raise ValueError(f"{text} is everybody; name the addresses of your proxies")
        found.append(str(network) if "/" in text else str(ip_address(text)))
    return tuple(found)


class StageTerms(BaseModel):
    """What holds for the tasks of one stage; what is left out is as for all stages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    retry_base_s: Annotated[float, Field(gt=0)] | None = None
    retry_cap_s: Annotated[float, Field(gt=0)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] | None = None


def _read_json(value: Any) -> Any:
    """Tables in the environment are JSON; what is none is left for the validation to refuse."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


StageTable = Annotated[dict[str, StageTerms], NoDecode, BeforeValidator(_read_json)]


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/vidcompute`, which is `~/.local/share/vidcompute` where that is not set."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "vidcompute"


class Settings(BaseSettings):
    """What is in force. Every field may be set as `VIDCOMPUTE_<NAME>` or as a key of the TOML file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    """Address to listen on. The API wants a key on every address."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8550
    """TCP port to listen on; 0 takes a free one."""
    base_url: Annotated[str, Field(pattern=_ADDRESS)] | None = None
    """Public URL of this server, without a slash at the end; built from host and port when left out."""
    trusted_proxies: Annotated[Texts, AfterValidator(_networks)] = ()
    """Addresses or networks of proxies before the server; they alone are believed about who asks (X-Forwarded-For)."""
    data_dir: Path = Field(default_factory=default_data_dir)
    """Folder of the database, the stored objects, the work files and the key file. One server at a time."""
    storage_dir: Path | None = None
    """Folder of the stored objects, which servers on one database share; in the data folder when left out."""
    storage_url: str | None = None
    """Where objects are stored: s3://bucket/prefix, gs://bucket/prefix or a folder; `storage_dir` when left out."""
    storage_endpoint: Annotated[str, Field(pattern=_ADDRESS)] | None = None
    """Address of an S3 or GCS server that is not the vendor's own."""
    storage_region: str | None = None
    """Region of the bucket."""
    storage_access_key_id: SecretStr | None = None
    """Access key of S3; looked for where the AWS tools look when left out."""
    storage_secret_access_key: SecretStr | None = None
    """Secret of that key."""
    storage_service_account: Path | None = None
    """JSON file of Google's service account; looked for where Google's tools look when left out."""
    storage_bucket_in_host: bool = False
    """Address the bucket as a part of the endpoint's host name, which must have it."""
    storage_patience_s: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """How long an attempt waits for a storage that is down before it counts as failed."""
    storage_cache_dir: Path | None = None
    """Folder of this machine's cache before a bucket; in the data folder when left out."""
    storage_cache_bytes: Annotated[int, Field(ge=2**20)] = 20 * 2**30
    """Room of that cache. What is in use is kept even beyond it."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL of the database; an SQLite file in the data folder when left out."""
    redis_url: SecretStr | None = None
    """Redis (redis://host/0) through which servers on one database share live events and rate limits; needs none."""
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """OpenTelemetry collector (OTLP over HTTP, such as http://127.0.0.1:4318); no traces when left out."""
    otlp_headers: SecretStr | None = None
    """Headers for the collector, as name=value,…"""
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the requests that are traced, of those that bring no trace along."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""
    log_format: Literal["json", "text"] = "json"
    """Log lines as JSON, or as text for people."""
    shutdown_grace_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """Seconds that running attempts get to finish at shutdown before they are handed back."""

    max_upload_bytes: Annotated[int, Field(ge=1)] = 64 * 2**30
    """Largest upload."""
    upload_expiry_s: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """How long an upload that was cut off may go on, from its last byte."""
    upload_idle_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait for the next bytes of an upload; what came is kept, and the sender may go on."""
    max_unfinished_uploads: Annotated[int, Field(ge=1)] = 1000
    """Most uploads of one organization that are under way at a time."""
    quota_upload_bytes: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Largest upload of an organization that has no limit of its own; 0 for none but max_upload_bytes."""
    quota_stored_bytes: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Most bytes that one organization stores; 0 for no limit."""
    quota_jobs: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Most jobs of one organization that have not ended; 0 for no limit."""
    quota_encode_minutes: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Most minutes that one organization encodes in a month, all renditions added up; 0 for no limit."""
    quota_requests_per_minute: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Most requests that one organization makes in a minute; 0 for no limit."""
    max_source_duration_s: Annotated[int, Field(gt=0)] = 12 * 3600
    """Longest source."""
    max_pixels: Annotated[int, Field(ge=1, le=36_000_000)] = 36_000_000
    """Most pixels of one picture."""
    max_streams: Annotated[int, Field(ge=1, le=100)] = 64
    """Most streams in one source."""
    max_frame_rate: Annotated[int, Field(gt=0)] = 240
    """Most frames a second of a source."""
    max_text_track_bytes: Annotated[int, Field(ge=1024, le=16 * 2**20)] = 2 * 2**20
    """Largest file of captions or subtitles."""
    max_text_tracks: Annotated[int, Field(ge=0, le=1000)] = 100
    """Most captions and subtitles of one asset."""
    max_json_bytes: Annotated[int, Field(ge=1024)] = 4 * 2**20
    """Largest JSON request body."""

    fetch_max_bytes: Annotated[int, Field(ge=1)] = 64 * 2**30
    """Largest file that is fetched from a URL."""
    fetch_timeout_s: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """Longest time that one fetch may take."""
    fetch_idle_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for a connection, or for the next bytes."""
    fetch_max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    """Most redirects that one fetch follows."""
    allow_private_addresses: bool = False
    """Let fetches reach private, loopback and link-local addresses."""

    cpu_count: Annotated[float, Field(gt=0)] | None = None
    """Cores that attempts may fill; what this machine (or its cgroup) has when left out."""
    memory_bytes: Annotated[int, Field(ge=2**28)] | None = None
    """Memory that attempts may fill; what this machine (or its cgroup) has when left out."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts that a task gets before it is dead, where trying again can help."""
    max_losses: Annotated[int, Field(ge=1, le=1000)] = 20
    """Lost attempts (a killed worker or server) that a task gets beside those."""
    retry_base_s: Annotated[float, Field(gt=0)] = 1.0
    """Wait before a second attempt; it doubles with each further one."""
    retry_cap_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait between attempts."""
    ageing_s: Annotated[float, Field(gt=0)] = 600.0
    """Waiting time that lifts a task by one priority."""
    max_running_tasks: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Most tasks of one organization at work at a time; 0 for no limit."""
    attempt_timeout_s: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """Longest time of one attempt, where its stage does not say less."""
    stages: StageTable = {}
    """What differs by stage: {"fetch": {"max_attempts": 9, "retry_base_s": 5, "retry_cap_s": 60, "timeout_s": 900}}."""
    heartbeat_lease_s: Annotated[float, Field(ge=15)] = 60.0
    """How long an attempt may give no sign of life, on a node that is there, before it is ended and counts as lost."""
    interactive_limit: Annotated[int, Field(ge=1, le=256)] = 4
    """Short runs for people who wait (thumbnails, first segments) at one time."""

    hardware_encoding: Literal["auto", "off", "required"] = "auto"
    """Whether GPUs encode: where a node can, never, or always (what no node can do is refused)."""
    nodes_file: Path | None = None
    """Inventory (nodes.toml) of nodes that are simulated on this machine; this machine alone when left out."""
    executor: Literal["local", "ray"] = "local"
    """Where attempts run: as processes of this machine, or on the nodes of a Ray cluster."""
    ray_address: str = "127.0.0.1:6379"
    """The cluster's head, for the executor "ray"; this machine must be one of its nodes (with 0 cores, if need be)."""
    ray_token_file: Path | None = None
    """File with the cluster's token; cluster/token in the data folder when left out."""
    node_urls: Texts = ()
    """URLs at which nodes reach the servers, any of them; this server's own when left out."""

    ffmpeg_path: Path | None = None
    """The ffmpeg to use; the one that comes with the imageio-ffmpeg wheel when left out."""
    sandbox: Literal["degrade", "refuse"] = "degrade"
    """What to do where the sandbox can't be set up: go on with a warning, or refuse to start."""

    event_retention_s: Annotated[int, Field(ge=3600)] = 7 * 24 * 3600
    """How long events are kept for streams that resume."""
    audit_retention_s: Annotated[int, Field(ge=3600)] = 400 * 24 * 3600
    """How long the audit log is kept."""
    undo_s: Annotated[int, Field(ge=0, le=3650 * 24 * 3600)] = 7 * 24 * 3600
    """How long a deleted asset can be restored; after that the next clean-up takes it for good."""
    cleanup_times: str = "0 2 * * *"
    """When the clean-up runs, as a cron expression."""
    cleanup_timezone: str = "UTC"
    """Time zone of these times, such as Europe/Berlin."""
    max_signing_keys: Annotated[int, Field(ge=1)] = 100
    """Most signing keys of one organization that are not revoked."""
    max_api_keys: Annotated[int, Field(ge=1)] = 200
    """Most living API keys of one organization."""
    registration: Literal["open", "invitation", "closed"] = "invitation"
    """Who may register: everybody, who is invited, or nobody."""
    session_s: Annotated[int, Field(ge=300, le=366 * 24 * 3600)] = 30 * 24 * 3600
    """How long one stays logged in."""
    access_token_s: Annotated[int, Field(ge=30, le=24 * 3600)] = 600
    """How long an app's access token is good; then it trades its refresh token for the next."""
    oidc_issuer: Annotated[str, Field(pattern=_ADDRESS, max_length=300)] | None = None
    """Issuer of an OpenID Connect provider at which people may log in; return address: <base_url>/oauth/callback."""
    oidc_client_id: str = ""
    """What that provider knows this server by."""
    oidc_client_secret: SecretStr | None = None
    """The secret that goes with it; a public client when left out."""
    oidc_name: Annotated[str, Field(min_length=1, max_length=60)] = "single sign-on"
    """What people call that provider."""
    oidc_domains: Texts = ()
    """Domains of the e-mail addresses that may log in there; all when left out."""
    oidc_registration: bool = False
    """Whether people whom nobody knows yet get an account when they log in there."""
    oidc_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = "RS256"
    """What that provider signs ID tokens with; no other algorithm is believed."""
    oidc_private_addresses: bool = False
    """Let that provider be on a private or loopback address, and without TLS."""
    device_login_s: Annotated[int, Field(ge=60, le=3600)] = 600
    """How long `vidctl login` waits for somebody to let it in."""
    invitation_s: Annotated[int, Field(ge=3600, le=90 * 24 * 3600)] = 7 * 24 * 3600
    """How long an invitation is good."""
    shortest_password: Annotated[int, Field(ge=8, le=100)] = 10
    """Fewest characters of a password."""
    login_attempts: Annotated[int, Field(ge=1)] = 10
    """Log-ins into one account that are tried in ten minutes."""
    login_attempts_per_address: Annotated[int, Field(ge=1)] = 100
    """Log-ins that are tried from one address (of IPv6: from one /64 network) in ten minutes."""
    mail_requests: Annotated[int, Field(ge=1)] = 5
    """Mails, and invitations, that one mailbox gets of strangers in an hour; four times as many from one address."""
    max_organizations: Annotated[int, Field(ge=0)] = 5
    """Most organizations that one person makes."""
    max_logo_bytes: Annotated[int, Field(ge=1024, le=16 * 2**20)] = 2**20
    """Largest logo of an organization that is taken."""
    max_passkeys: Annotated[int, Field(ge=0)] = 20
    """Most passkeys of one person."""
    max_invitations: Annotated[int, Field(ge=0)] = 100
    """Most invitations of one organization that wait to be accepted, and that it sends in a day."""

    max_webhooks: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Most webhooks of one organization."""
    webhook_timeout_s: Annotated[float, Field(ge=1, le=60)] = 15.0
    """Longest time that a receiver of a webhook gets to answer."""
    webhook_disable_after_s: Annotated[int, Field(ge=60)] = 3 * 24 * 3600
    """How long a webhook may fail, without a success, before it is switched off."""
    broker_url: SecretStr | None = None
    """Where events are published as well: redis://host/0 (a stream) or amqp://user:password@host/ (an exchange)."""
    broker_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")] = "vidcompute.events"
    """Name of that stream or exchange."""
    smtp_url: SecretStr | None = None
    """Mail server: smtps://user:password@host, smtp://… (STARTTLS), smtp+plain://host; a folder when left out."""
    mail_from: str = "VidCompute <vidcompute@localhost.localdomain>"
    """Sender of mails."""
    mail_operator: str | None = None
    """Who is told by mail of what concerns an organization in which nobody has an address."""

    delivery: Literal["api", "redirect"] = "api"
    """Who sends segments, images and files: this server, or after a redirect the bucket (signed) or a CDN."""
    delivery_url_s: Annotated[int, Field(ge=60, le=7 * 24 * 3600)] = 3600
    """How long the signed addresses of redirects are good for; redirects may be kept for half of it."""
    cdn_url: Annotated[str, Field(pattern=_ADDRESS)] | None = None
    """Address that redirects name instead of the bucket's own: a CDN that reads where objects are stored."""
    collect_after_s: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """How old objects that no row names, and uploads that nobody finished, are before they are removed."""

    cors_origins: Texts = ()
    """Origins whose pages may call the API ("*" for all). Streams and images are open to every origin."""
    embed_sites: Texts = ("*",)
    """Sites that may embed the watch page by iframe ("*" for all)."""
    password_pass_s: Annotated[int, Field(ge=60)] = 12 * 3600
    """How long a viewer who typed a video's password is not asked again."""
    image_cache_bytes: Annotated[int, Field(ge=0)] = 2**30
    """Room for thumbnails that were made by URL."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then what `load` read from the TOML file (which it passes as `init`)."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def public_url(self) -> str:
        """The base of every URL that is given out, without a slash at the end."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def effective_storage_dir(self) -> Path:
        """The folder of the stored objects in force."""
        return self.storage_dir.expanduser().absolute() if self.storage_dir else self.data_dir / "storage"

    @property
    def effective_database_url(self) -> str:
        """The SQLAlchemy URL in force."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.resolve() / 'vidcompute.db'}"


@dataclass(frozen=True)
class Explained:
    """One setting as `vidctl doctor` shows it; secrets are masked. `source` is env, toml or default."""

    name: str
    value: str
    source: str


def config_path() -> Path:
    """The TOML file that is read: `$VIDCOMPUTE_CONFIG`, else `vidcompute.toml` in the working folder."""
    return Path(os.environ.get(CONFIG_VARIABLE) or "vidcompute.toml")


def _from_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        if os.environ.get(CONFIG_VARIABLE):
            raise invalid("settings_invalid", f"{CONFIG_VARIABLE} names {path}, and there is no such file.")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid("settings_invalid", f"{path} is not valid TOML: {error}.") from error


def load() -> Settings:
    """Read and validate all settings; an `invalid` error names each wrong one, its source, and what is wanted."""
    path = config_path()
    from_file = _from_toml(path)
    try:
        return Settings(**from_file)
    except ValidationError as error:
        raise _problems(error, path, from_file) from error


def _problems(error: ValidationError, path: Path, from_file: Mapping[str, Any]) -> VidComputeError:
    problems = []
    for wrong in error.errors(include_input=False, include_url=False):
        name = str(wrong["loc"][0])
        if wrong["type"] == "extra_forbidden" and len(wrong["loc"]) == 1:
            detail = f"{name} in {path} is not a setting; remove it, or see `vidctl doctor` for the names."
        else:
            where = _origin(name, from_file)
            said = {"env": f"the environment variable {PREFIX}{name.upper()}", "toml": f"{name} in {path}"}
            inside = f" at {'.'.join(map(str, wrong['loc'][1:]))}" if len(wrong["loc"]) > 1 else ""
            detail = f"{said.get(where, name)} is wrong{inside}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}."
        problems.append(FieldProblem(f"/{name}", detail))
    return invalid("settings_invalid", " ".join(p.detail for p in problems), *problems)


def _origin(name: str, from_file: Mapping[str, Any]) -> str:
    if os.environ.get(f"{PREFIX}{name.upper()}") or os.environ.get(f"{PREFIX}{name}"):
        return "env"
    return "toml" if name in from_file else "default"


def unknown_variables() -> list[str]:
    """Environment variables that look like settings and are none: probably misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | CLIENT_VARIABLES
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def explain(settings: Settings) -> list[Explained]:
    """Every setting in force, with where it came from; secrets masked."""
    from_file = _from_toml(config_path())
    values = settings.model_dump(mode="json")  # masks secrets
    return [Explained(name, _shown(values[name]), _origin(name, from_file)) for name in Settings.model_fields]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def env_example() -> str:
    """The text of `.env.example`: every setting, commented out, with its meaning and its default."""
    lines = ["# Settings of VidCompute. Every line shows a default; uncomment and change what you need.", ""]
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else field.get_default()
        if name == "data_dir":
            default = "~/.local/share/vidcompute"
        text = _shown(list(default) if isinstance(default, tuple) else default)
        lines += [f"# {field.description}", f"# {PREFIX}{name.upper()}={text}", ""]
    return "\n".join(lines)


def as_json(settings: Settings) -> str:
    """All settings as JSON, secrets masked: for a bug report."""
    return json.dumps(settings.model_dump(mode="json"), indent=2, sort_keys=True)
