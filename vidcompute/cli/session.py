"""One run of a command: its way to the server, its output, and what becomes of its errors."""

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, cast

import typer

from vidcompute.cli.exit_codes import ExitCode, of_kind
from vidcompute.cli.local import Endpoint, Local
from vidcompute.cli.logins import Login, Logins
from vidcompute.cli.output import Output
from vidcompute.errors import Kind, VidComputeError

if TYPE_CHECKING:
    from vidcompute.cli.client import Api

P = ParamSpec("P")

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.", rich_help_panel="Output")]
_ServerUrl = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="VIDCOMPUTE_SERVER",
        help="The server's address; left out, the one that was logged in to, or that of this machine.",
        rich_help_panel="Server",
    ),
]
_ApiKey = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="VIDCOMPUTE_API_KEY",
        show_envvar=True,
        help="The API key; left out, a login, or the key in the data folder.",
        rich_help_panel="Server",
    ),
]


class Session:
    """What a command works with. The server is looked for when it is first needed."""

    def __init__(self, local: Local, output: Output, server: str | None = None, key: str | None = None) -> None:
        self.local = local
        self.output = output
        self._server = server
        self._key = key

    @cached_property
    def api(self) -> "Api":
        """The server's API, by a key that was given, else a login, else the key of this machine.

        `server_not_found` (kind unavailable), `api_key_missing` (kind unauthenticated).
        """
        if self._key is None:
            url = self.logins.current() if self._server is None else _checked(self._server)
            if url is not None and self.logins.of(url) is not None:
                return self.signed_in(url)
        return self.connect(self._endpoint())

    @cached_property
    def logins(self) -> Logins:
        """What `vidctl login` has kept."""
        return Logins(self.local.logins)

    def server_url(self) -> str:
        """The server that was named, else the one that was logged in to, else this machine's; `server_not_found`."""
        if self._server is not None:
            return _checked(self._server)
        return self.logins.current() or self.local.find().url.rstrip("/")

    def login(self) -> Login | None:
        """The login that requests are made by; None where it is a key."""
        return None if self._key is not None else self.logins.of(self.server_url())

    def signed_in(self, url: str) -> "Api":
        """The API of a server in the name of who has logged in there."""
        from vidcompute.cli.client import Api
        from vidcompute.cli.signed_in import SignedIn

        nobody = Endpoint(url, "")
        auth = SignedIn(self.logins, url, lambda: self.connect(nobody))
        return Api(nobody, self.local.transport, auth)

    def connect(self, endpoint: Endpoint) -> "Api":
        """The API of a given server."""
        from vidcompute.cli.client import Api

        return Api(endpoint, self.local.transport)

    def _endpoint(self) -> Endpoint:
        if self._server is None:
            found = self.local.find()
            return Endpoint(found.url, self._key or found.key)
        url = _checked(self._server)
        return Endpoint(url, self._key or self._key_of(url))

    def _key_of(self, url: str) -> str:
        """The key in the data folder, if it is for that server: it is shown to no other."""
        try:
            found = self.local.find()
        except VidComputeError:
            found = None
        if found is None or found.url.rstrip("/") != url:
            detail = f"There is no key for {url} on this machine: log in by `vidctl login --server {url}`, or give one."
            raise VidComputeError(Kind.UNAUTHENTICATED, "api_key_missing", detail)
        return found.key

    def close(self) -> None:
        """Let go of the connections."""
        if "api" in vars(self):
            self.api.close()


def _checked(server: str) -> str:
    url = server.rstrip("/")
    if not url.startswith(("http://", "https://")):
        detail = f"The server's address {url!r} must begin with http:// or https://."
        raise VidComputeError(Kind.INVALID, "server_invalid", detail)
    return url


def carry_out(session: Session, work: Callable[[], int | None]) -> int:
    """Run a command's work; the exit code, with the error told."""
    try:
        return int(work() or ExitCode.OK)
    except VidComputeError as error:
        session.output.error(error)
        return of_kind(error.kind)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        session.close()


Command = Callable[Concatenate[Session, P], int | None]


def command(app: typer.Typer, name: str, *, online: bool = True, **how: Any) -> Callable[[Command[P]], Command[P]]:
    """Add a function to the app: its parameters after the session are the command's, its result the exit code.

    Every command takes `--json`; one that is `online` also takes `--server` and `--key`.
    """

    def add(function: Command[P]) -> Command[P]:
        own = list(inspect.signature(function).parameters.values())[1:]
        kind = inspect.Parameter.KEYWORD_ONLY
        shared = [inspect.Parameter("as_json", kind, default=False, annotation=_AsJson)]
        if online:
            shared.append(inspect.Parameter("server", kind, default=None, annotation=_ServerUrl))
            shared.append(inspect.Parameter("key", kind, default=None, annotation=_ApiKey))
        context = inspect.Parameter("context", kind, annotation=typer.Context)
        parameters = [context, *(parameter.replace(kind=kind) for parameter in own), *shared]

        def run(**given: Any) -> None:
            context: typer.Context = given.pop("context")
            output = Output(as_json=given.pop("as_json"))
            session = Session(cast(Local, context.obj), output, given.pop("server", None), given.pop("key", None))
            raise typer.Exit(carry_out(session, lambda: cast("Any", function)(session, **given)))

        run.__doc__ = function.__doc__
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, **how)(run)
        return function

    return add
