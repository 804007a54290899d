"""Requests in the name of who has logged in: each carries the access token, and the next one is got in time.

Refresh tokens are good once, and one that comes a second time ends the session. So commands that run at the same time
take turns, and who comes second finds the new tokens in the file.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from vidcompute.cli.client import Api
from vidcompute.cli.logins import Login, Logins
from vidcompute.errors import Kind, VidComputeError

CLIENT = "vidctl"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ENDED = frozenset({"invalid_grant", "session_ended", "invalid_token"})


def tokens_of(api: Api, headers: Mapping[str, str] | None = None, **form: str) -> dict[str, Any]:
    """The tokens that a grant gives; errors have the codes of OAuth."""
    said = {"client_id": CLIENT, **form}
    return dict(api.answer("POST", "/oauth/token", data=said, headers=dict(headers or {})).json())


def login_of(found: Mapping[str, Any], email: str) -> Login:
    """The login that tokens stand for, by this machine's clock."""
    ends_s = time.time() + float(found["expires_in"])
    return Login(email, found["organization_id"], found["access_token"], ends_s, found["refresh_token"])


@dataclass(frozen=True)
class SignedIn(httpx2.Auth):
    """Puts the tokens of a server's login onto requests; `connect` opens its API without any."""

    logins: Logins
    url: str
    connect: Callable[[], Api]

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth`; `session_ended` (kind unauthenticated) where the session is over."""
        login = self.login()
        request.headers["Authorization"] = f"Bearer {login.access_token}"
        if login.organization_id is not None and "X-Organization" not in request.headers:
            request.headers["X-Organization"] = login.organization_id
        yield request

    def login(self) -> Login:
        """The login with an access token that is good."""
        found = self.logins.of(self.url)
        if found is None or not found.is_fresh:
            found = self.logins.change(self.url, self._renewed)
        if found is None:
            raise self._ended()
        return found

    def _renewed(self, login: Login | None) -> Login | None:
        if login is None or login.is_fresh:
            return login
        api = self.connect()
        try:
            found = tokens_of(api, grant_type="refresh_token", refresh_token=login.refresh_token)
        except VidComputeError as error:
            if error.code not in ENDED:
                raise
            return None
        finally:
            api.close()
        return replace(login_of(found, login.email), organization_id=login.organization_id)

    def _ended(self) -> VidComputeError:
        detail = f"Your session at {self.url} has ended; log in again: vidctl login --server {self.url}"
        return VidComputeError(Kind.UNAUTHENTICATED, "session_ended", detail)
