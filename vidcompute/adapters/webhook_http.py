"""Posts messages to endpoints that users named: to vetted addresses, within a time, and reading little of the answer.

As with downloads, a host's addresses are resolved once for a connection and vetted, and the connection goes to a vetted
address as it is: a second answer of the name server changes nothing. There is no proxy, cookie or redirect, and no
connection is used twice, so that what one receiver does is felt by nobody else.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import httpcore2

from vidcompute.adapters.addresses import Resolve, resolve_host
from vidcompute.adapters.fetch_http import asked_wait_s, header_of, parse_url
from vidcompute.adapters.vetted import VettedBackend, Vetting
from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.ports.webhooks import Answer

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BODY_BYTES = 2048
_BODY_S = 2.0
_LOOK_UPS = 64  # at a time: as many as there are deliveries under way


@cache
def _trusted() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


@dataclass(frozen=True)
class HttpWebhookSender:
    """Implements `ports.webhooks.WebhookSender`, with `timeout_s` for an attempt. `resolve` and `tls` are for tests."""

    timeout_s: float = 15.0
    allow_private_addresses: bool = False
    user_agent: str = "VidCompute-Webhooks"
    resolve: Resolve = resolve_host
    tls: ssl.SSLContext | None = None
    # Of its own: name servers that are slow hold up nobody else's threads.
    look_ups: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_LOOK_UPS, "webhook-names"))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `WebhookSender.post`."""
        parsed = parse_url(url)
        target = httpcore2.URL(
            scheme=parsed.raw_scheme,
            host=parsed.raw_host,
            port=parsed.port or _DEFAULT_PORTS[parsed.scheme],
            target=parsed.raw_path,
        )
        every = {
            "Host": parsed.netloc.decode("ascii"),
            "User-Agent": self.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }
        async with (
            self._within(),
            self._pool() as pool,
            pool.stream("POST", target, headers=list(every.items()), content=body) as response,
        ):
            status, wait_s = response.status, asked_wait_s(response) or 0.0
            body_text = await _beginning(response)
        return Answer(status, body_text, wait_s)

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self.tls or _trusted(),
            network_backend=VettedBackend(Vetting(self.resolve, self.allow_private_addresses, self.look_ups)),
            max_connections=1,
            max_keepalive_connections=0,
        )

    @asynccontextmanager
    async def _within(self) -> AsyncIterator[None]:
        """Bound the whole attempt, and say in our words what went wrong."""
        try:
            async with asyncio.timeout(self.timeout_s):
                yield
        except (TimeoutError, httpcore2.TimeoutException) as error:
            detail = f"The receiver did not answer within {self.timeout_s:g} s."
            raise VidComputeError(Kind.TIMEOUT, "url_timeout", detail) from error
        except httpcore2.ConnectError as error:
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
                raise refused("url_tls", f"No trusted connection can be made: {error}.") from error
            raise _unreachable(f"The receiver can't be reached: {error}.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _unreachable(f"The line was cut: {error}.") from error


def _unreachable(detail: str) -> VidComputeError:
    return VidComputeError(Kind.UNAVAILABLE, "url_unreachable", detail)


async def _beginning(response: httpcore2.Response) -> str:
    """The first bytes of the body as text, as far as they come soon: the status has said what counts."""
    taken = bytearray()
    with suppress(TimeoutError, httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(_BODY_S):
            async for piece in response.aiter_stream():
                taken += piece[: _BODY_BYTES - len(taken)]
                if len(taken) >= _BODY_BYTES:
                    break
    if header_of(response, "content-encoding").strip().lower() not in {"", "identity"}:
        return ""
    return taken.decode("utf-8", "replace").replace("\x00", "�")  # which PostgreSQL has no place for
