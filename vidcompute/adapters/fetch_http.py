"""The one client that fetches URLs which users give: vetted addresses, its own redirects, limits, resumed downloads.

No proxy, cookie or configuration of the environment takes part. A host's addresses are resolved once for each
connection and vetted, and the connection goes to a vetted address as it is, so that a second answer of the name server
changes nothing; TLS and the Host header still see the name.
"""

import base64
import errno
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import httpcore2
import httpx2

from vidcompute.adapters.addresses import Resolve, resolve_host, vetted_addresses
from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.media.digest import TreeDigest
from vidcompute.media.titles import title_of
from vidcompute.ports.fetcher import HEAD_BYTES, CheckHead, Fetched, FetchLimits, Progress

Clock = Callable[[], float]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_EXTENDED_NAME = re.compile(r"filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^;\s]+)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))', re.IGNORECASE)
_FIRST_PAUSE_S = 0.5


class _CutError(Exception):
    """The line was cut, or the server has a bad moment: what is here may be kept, and the rest asked for again."""

    def __init__(self, error: VidComputeError) -> None:
        super().__init__(str(error))
        self.error = error


def _unreachable(detail: str, *, retry_after_s: float | None = None) -> VidComputeError:
    asked = {} if retry_after_s is None else {"retry_after_s": retry_after_s}
    return VidComputeError(Kind.UNAVAILABLE, "url_unreachable", detail, extra=asked)


def _timeout(detail: str) -> VidComputeError:
    return VidComputeError(Kind.TIMEOUT, "url_timeout", detail)


@dataclass(frozen=True)
class HttpFetcher:
    """Fetches over http and https. `resolve`, `tls`, `clock` and `pause` are there for tests and special networks."""

    limits: FetchLimits = field(default_factory=FetchLimits)
    allow_private_addresses: bool = False
    user_agent: str = "VidCompute"
    resolve: Resolve = resolve_host
    tls: ssl.SSLContext | None = None
    clock: Clock = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def fetch(
        self, url: str, destination: Path, *, progress: Progress | None = None, check_head: CheckHead | None = None
    ) -> Fetched:
        """Write what the URL gives to `destination`; see `ports.fetcher.Fetcher` for errors."""
        parse_url(url)
        try:
            with destination.open("wb") as file:
                transfer = _Transfer(self, url, file, progress, check_head)
                return transfer.run()
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            code = "storage_full" if full else "storage_unavailable"
            raise VidComputeError(Kind.UNAVAILABLE, code, f"The file can't be written: {error.strerror}.") from error


def parse_url(text: str) -> httpx2.URL:
    """A URL that may be asked for; `url_invalid` or `url_scheme` otherwise."""
    try:
        url = httpx2.URL(text.strip())
        port = url.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise refused("url_invalid", f"That is not a URL: {error}.") from error
    if url.scheme not in _DEFAULT_PORTS:
        raise refused("url_scheme", f"Only http and https URLs are fetched, not {url.scheme[:20]!r}.")
    if not url.host or "%" in url.host or (port is not None and not 0 < port < 65536):
        raise refused("url_invalid", "The URL has no usable host and port.")
    return url


class _Stream(httpcore2.NetworkStream):
    """A connection on which no single wait goes beyond the deadline of the whole fetch."""

    def __init__(self, inner: httpcore2.NetworkStream, left_s: Callable[[], float]) -> None:
        self._inner = inner
        self._left_s = left_s

    def _within(self, timeout: float | None) -> float:
        left_s = self._left_s()
        return left_s if timeout is None else min(timeout, left_s)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._within(timeout)), self._left_s)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _VettedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that were vetted, and to nothing else."""

    def __init__(self, fetcher: HttpFetcher, left_s: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._left_s = left_s
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        fetcher = self._fetcher
        addresses = vetted_addresses(host, port, resolve=fetcher.resolve, allow_private=fetcher.allow_private_addresses)
        last: Exception | None = None
        for address in addresses[:4]:
            try:
                wait_s = min(timeout or self._left_s(), self._left_s())
                stream = self._plain.connect_tcp(address, port, wait_s, local_address, socket_options)
                return _Stream(stream, self._left_s)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last or httpcore2.ConnectError("no address")


class _Transfer:
    """One fetch: the bytes that are here, what the server said of the file, and how to ask for the rest."""

    def __init__(
        self,
        fetcher: HttpFetcher,
        url: str,
        file: BinaryIO,
        progress: Progress | None,
        check_head: CheckHead | None,
    ) -> None:
        self._fetcher = fetcher
        self._limits = fetcher.limits
        self._url = url
        self._file = file
        self._progress = progress
        self._check_head = check_head
        self._deadline = fetcher.clock() + fetcher.limits.total_s
        self._digest = TreeDigest()
        self._head: bytearray | None = bytearray()
        self._total: int | None = None
        self._validator = ""  # what If-Range takes: a strong entity tag, or a date
        self._name = ""

    def run(self) -> Fetched:
        cuts = 0
        while True:
            try:
                self._once()
                break
            except _CutError as cut:
                cuts += 1
                if cut.error.retry_after_s:  # by then another attempt is there
                    raise cut.error from cut
                # A server that never answered is soon given up: the attempt as a whole is tried again later.
                if cuts > (self._limits.resumes if self._digest.position else min(1, self._limits.resumes)):
                    raise cut.error from cut
                self._check_deadline()
                self._fetcher.pause(min(_FIRST_PAUSE_S * 2 ** (cuts - 1), max(0.0, self._left_s())))
        self._finish_head()
        self._file.flush()
        return Fetched(self._digest.finish(), self._digest.position, self._name)

    def _left_s(self) -> float:
        # A wait of zero would mean "do not wait" to a socket, and no wait is ever endless.
        return max(0.001, self._deadline - self._fetcher.clock())

    def _check_deadline(self) -> None:
        if self._fetcher.clock() >= self._deadline:
            raise _timeout(f"The download did not end within {self._limits.total_s:.0f} s.")

    def _once(self) -> None:
        backend = _VettedBackend(self._fetcher, self._left_s)
        with (
            self._translated(),
            httpcore2.ConnectionPool(
                ssl_context=self._fetcher.tls or httpcore2.default_ssl_context(),
                network_backend=backend,
                max_connections=1,
                max_keepalive_connections=0,
            ) as pool,
            self._final_response(pool) as response,
        ):
            self._begin(response)
            self._receive(response)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except VidComputeError as error:
            if error.code == "url_unreachable":  # the name server has a bad moment
                raise _CutError(error) from error
            raise
        except httpcore2.TimeoutException as error:
            self._check_deadline()
            raise _CutError(_timeout("The server did not answer, or stopped sending, for too long.")) from error
        except httpcore2.ConnectError as error:
            if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
                raise refused("url_tls", f"No trusted connection can be made: {error}.") from error
            raise _CutError(_unreachable(f"The server can't be reached: {error}.")) from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _CutError(_unreachable(f"The line was cut: {error}.")) from error
        except httpcore2.UnsupportedProtocol as error:
            raise refused("url_scheme", "Only http and https URLs are fetched.") from error

    @contextmanager
    def _final_response(self, pool: httpcore2.ConnectionPool) -> Iterator[httpcore2.Response]:
        """The response at the end of the redirects, each of which is vetted like the first address."""
        url = parse_url(self._url)
        secret = _authorization(url)
        for _ in range(self._limits.max_redirects + 1):
            with self._ask(pool, url, secret) as response:
                target = header_of(response, "location")
                if response.status not in _REDIRECTS or not target:
                    self._name = self._name or _name_of(response, url)
                    yield response
                    return
                following = _join(url, target)
            # A password goes to the origin that it was given for, and to nobody who is redirected to.
            secret = _authorization(following) or (secret if _origin(following) == _origin(url) else "")
            url = following
        raise refused("url_redirects", f"The URL redirects more than {self._limits.max_redirects} times.")

    @contextmanager
    def _ask(self, pool: httpcore2.ConnectionPool, url: httpx2.URL, secret: str) -> Iterator[httpcore2.Response]:
        headers: dict[bytes | str, bytes | str] = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": self._fetcher.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        if secret:
            headers["Authorization"] = secret
        if self._digest.position and self._validator:
            headers["Range"] = f"bytes={self._digest.position}-"
            headers["If-Range"] = self._validator
        limits = self._limits
        timeouts = {
            "connect": limits.connect_s,
            "read": limits.idle_s,
            "write": limits.idle_s,
            "pool": limits.connect_s,
        }
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port or _DEFAULT_PORTS[url.scheme], target=url.raw_path
        )
        with pool.stream("GET", target, headers=headers, extensions={"timeout": timeouts}) as response:
            yield response

    def _begin(self, response: httpcore2.Response) -> None:
        """Check what the answer is, and where its body begins."""
        _check_status(response)
        encoding = header_of(response, "content-encoding").strip().lower()
        if encoding not in {"", "identity"}:
            raise refused(
                "url_encoded", f"The server sends the file compressed ({encoding[:40]}), though not asked to."
            )
        if response.status == 206:
            self._go_on(response)
            return
        self._start_over()
        length = header_of(response, "content-length")
        self._total = int(length) if length.isdigit() else None
        self._check_size(self._total or 0)
        self._validator = _validator(response)

    def _go_on(self, response: httpcore2.Response) -> None:
        match = _CONTENT_RANGE.fullmatch(header_of(response, "content-range").strip())
        position = self._digest.position
        fits = match is not None and int(match.group(1)) == position and position > 0
        if match is None or not fits or match.group(3) not in {"*", str(self._total)}:
            self._validator = ""  # this server can't be trusted with ranges: the next try takes the file whole
            raise _CutError(_unreachable("The server sent another part of the file than was asked for."))

    def _start_over(self) -> None:
        if self._digest.position:
            self._file.seek(0)
            self._file.truncate()
            self._digest = TreeDigest()
        if self._head is not None:
            self._head.clear()

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limits.max_bytes:
            raise VidComputeError(
                Kind.TOO_LARGE,
                "url_too_large",
                f"The file is larger than the {self._limits.max_bytes} bytes that may be fetched.",
                extra={"max_bytes": self._limits.max_bytes},
            )

    def _receive(self, response: httpcore2.Response) -> None:
        clock, limits = self._fetcher.clock, self._limits
        window_start, window_bytes = clock(), 0
        for piece in response.iter_stream():
            self._take(piece)
            window_bytes += len(piece)
            now = clock()
            if now - window_start >= limits.slow_s:
                if window_bytes < limits.least_bytes:
                    raise _timeout(f"The server sends too slowly: {window_bytes} bytes in {limits.slow_s:.0f} s.")
                window_start, window_bytes = now, 0
            self._check_deadline()
        if self._total is not None and self._digest.position < self._total:
            raise _CutError(_unreachable("The line was cut before the end of the file."))

    def _take(self, piece: bytes) -> None:
        self._check_size(self._digest.position + len(piece))
        self._file.write(piece)
        self._digest.update(piece)
        if self._head is not None:
            self._head += piece[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._finish_head()
        if self._progress is not None:
            self._progress(self._digest.position, self._total)

    def _finish_head(self) -> None:
        head, self._head = self._head, None
        if head is not None and self._check_head is not None:
            self._check_head(bytes(head))


def header_of(response: httpcore2.Response, name: str) -> str:
    """The first header of this name; empty where there is none."""
    wanted = name.encode("ascii")
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == wanted), "")


def _check_status(response: httpcore2.Response) -> None:
    status = response.status
    if status in {200, 206}:
        return
    if status in {404, 410}:
        raise refused("url_not_found", f"There is nothing at the URL (status {status}).")
    if status in {401, 403, 407, 451}:
        raise refused("url_forbidden", f"The server does not let us have it (status {status}).")
    if status in {408, 425, 429} or status >= 500:
        raise _CutError(_unreachable(f"The server answers {status}.", retry_after_s=asked_wait_s(response)))
    raise refused("url_status", f"The server answers {status} instead of the file.")


def asked_wait_s(response: httpcore2.Response) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date."""
    text = header_of(response, "retry-after").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _validator(response: httpcore2.Response) -> str:
    """What If-Range may carry (RFC 9110, 13.1.5): a strong entity tag, or else the date of the last change."""
    tag = header_of(response, "etag").strip()
    return tag if tag.startswith('"') else header_of(response, "last-modified").strip()


def _authorization(url: httpx2.URL) -> str:
    if not url.userinfo:
        return ""
    plain = f"{url.username}:{url.password}".encode()
    return "Basic " + base64.b64encode(plain).decode("ascii")


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]


def _join(url: httpx2.URL, location: str) -> httpx2.URL:
    try:
        # Servers send raw UTF-8 here, which header values are read as Latin-1.
        text = location.encode("latin-1").decode("utf-8", "replace")
        return parse_url(str(url.copy_with(userinfo=b"").join(text)))
    except httpx2.InvalidURL as error:
        raise refused("url_redirects", "The URL redirects to something that is no URL.") from error


def _name_of(response: httpcore2.Response, url: httpx2.URL) -> str:
    return title_of(_declared_name(header_of(response, "content-disposition"))) or title_of(unquote(url.path))


def _declared_name(disposition: str) -> str:
    """The file name of a Content-Disposition (RFC 6266): the extended form first; empty where there is none."""
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        charset = "latin-1" if extended.group(1).lower() == "iso-8859-1" else "utf-8"
        return unquote(extended.group(2), charset, "replace")
    plain = _PLAIN_NAME.search(disposition)
    return "" if plain is None else re.sub(r"\\(.)", r"\1", plain.group(1) or plain.group(2) or "")
