"""The contract of what posts to endpoints: over real HTTP, and in process as the tests of deliveries have it.

Receivers run on loopback, so whatever reaches one without permission is a hit.
"""

import asyncio
import http.server
import ssl
import threading
import time
from collections.abc import Awaitable, Iterator
from dataclasses import replace

import pytest

from tests.fixtures.certificates import Certificate
from tests.fixtures.inside import INSIDE
from tests.fixtures.receiving import InProcess, Receiver, answer, receiving
from vidcompute.adapters.webhook_http import HttpWebhookSender
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.webhooks import Answer, WebhookSender

HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
OPEN = HttpWebhookSender(timeout_s=5.0, allow_private_addresses=True)
GUARDED = HttpWebhookSender(timeout_s=5.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(params=["http", "in process"])
def sender(request: pytest.FixtureRequest, receiver: Receiver) -> WebhookSender:
    if request.param == "http":
        return OPEN
    inside = InProcess()
    inside.seen = receiver.seen
    inside.answers[receiver.url("/no")] = lambda _m: Answer(503, "later", 17.0)
    return inside


async def test_a_message_arrives_as_it_is(sender: WebhookSender, receiver: Receiver) -> None:
    body = '{"type":"job.done","data":{"title":"Grüße\\n"}}'.encode()
    assert (await sender.post(receiver.url("/"), HEADERS, body)).status == 204
    (message,) = receiver.seen
    assert message.body.encode() == body
    assert {name: message.headers[name] for name in HEADERS} == HEADERS


async def test_an_answer_is_told_whatever_it_is(sender: WebhookSender, receiver: Receiver) -> None:
    receiver.says("/no", 503, b"later", Retry_After="17")
    assert await sender.post(receiver.url("/no"), HEADERS, b"{}") == Answer(503, "later", 17.0)


async def test_it_is_json_by_us_without_cookies_or_credentials(receiver: Receiver) -> None:
    await OPEN.post(receiver.url("/"), HEADERS, b"{}")
    (message,) = receiver.seen
    assert message.headers["content-type"] == "application/json"
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert set(message.headers) == {
        *HEADERS,
        *("host", "user-agent", "accept", "accept-encoding", "content-type", "content-length"),
    }


async def error_of(work: Awaitable[object]) -> VidComputeError:
    with pytest.raises(VidComputeError) as told:
        await work
    return told.value


@pytest.mark.parametrize("host", INSIDE)
async def test_no_spelling_of_an_inside_address_is_connected_to(receiver: Receiver, host: str) -> None:
    error = await error_of(GUARDED.post(receiver.url("/", host=host), HEADERS, b"{}"))
    assert error.code in {"url_address_refused", "url_invalid", "url_host_unknown"}
    assert receiver.seen == []


async def test_a_name_server_that_changes_its_mind_changes_nothing(receiver: Receiver) -> None:
    """DNS rebinding: the answer that was vetted is the one that is connected to."""
    answers = iter([["203.0.113.7"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    error = await error_of(replace(GUARDED, resolve=rebinding).post(receiver.url("/", host="re.test"), HEADERS, b"{}"))
    assert error.code == "url_address_refused"
    assert asked == ["re.test"]
    assert receiver.seen == []


async def test_of_several_addresses_each_is_vetted(receiver: Receiver) -> None:
    both = replace(GUARDED, resolve=lambda _h, _p: ["93.184.215.14", "127.0.0.1"])
    assert (await error_of(both.post(receiver.url("/", host="two.test"), HEADERS, b"{}"))).code == "url_address_refused"
    assert receiver.seen == []


async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.says("/out", 307, b"", Location=receiver.url("/secret"))
    assert (await OPEN.post(receiver.url("/out"), HEADERS, b"{}")).status == 307
    assert [message.url for message in receiver.seen] == ["/out"]


async def test_one_that_never_answers_is_given_up_in_time(receiver: Receiver) -> None:
    url = receiver.hangs("/never")
    error = await error_of(replace(OPEN, timeout_s=0.2).post(url, HEADERS, b"{}"))
    assert (error.code, error.kind) == ("url_timeout", Kind.TIMEOUT)


async def test_one_that_says_yes_and_then_nothing_has_said_yes(receiver: Receiver) -> None:
    def slowly(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"begun")
        handler.wfile.flush()
        receiver.ending.wait(30)

    receiver.answers["/slow"] = slowly
    assert await OPEN.post(receiver.url("/slow"), HEADERS, b"{}") == Answer(200, "begun")


async def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.answers["/long"] = lambda handler: answer(handler, 200, b"a\x00\xff" + b"x" * 50_000_000)
    began_s = time.monotonic()
    told = await OPEN.post(receiver.url("/long"), HEADERS, b"{}")
    assert told.body.startswith("a��x")
    assert len(told.body) == 2048
    assert time.monotonic() - began_s < 4


async def test_a_line_that_is_cut_and_a_port_where_nobody_is_are_told(receiver: Receiver) -> None:
    receiver.answers["/cut"] = lambda handler: handler.connection.close()
    assert (await error_of(OPEN.post(receiver.url("/cut"), HEADERS, b"{}"))).code == "url_unreachable"
    assert (await error_of(OPEN.post("http://127.0.0.1:9/", HEADERS, b"{}"))).code == "url_unreachable"
    unknown = replace(OPEN, resolve=lambda _h, _p: ["127.0.0.1"])
    assert (await error_of(unknown.post("http://gone.test:9/", HEADERS, b"{}"))).code == "url_unreachable"


async def test_many_look_ups_that_hang_hold_up_nobody(receiver: Receiver) -> None:
    def resolve(host: str, _port: int) -> list[str]:
        if host.startswith("slow"):
            receiver.ending.wait(30)
        return ["127.0.0.1"]

    both = replace(OPEN, resolve=resolve, timeout_s=3.0)
    slow = [asyncio.create_task(both.post(f"http://slow{n}.test/", HEADERS, b"{}")) for n in range(32)]
    await asyncio.gather(*(both.post(receiver.url("/", host="quick.test"), HEADERS, b"{}") for _ in range(8)))
    assert len(receiver.seen) == 8
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_tls_is_checked_against_the_name(certificate: Certificate) -> None:
    with _TlsReceiver(certificate) as port:
        named = replace(OPEN, resolve=lambda _h, _p: ["127.0.0.1"])
        trusting = replace(named, tls=ssl.create_default_context(cafile=certificate.file))
        assert (await trusting.post(f"https://mail.test:{port}/", HEADERS, b"{}")).status == 204
        for wrong, host in ((named, "mail.test"), (trusting, "other.test")):
            error = await error_of(wrong.post(f"https://{host}:{port}/", HEADERS, b"{}"))
            assert error.code == "url_tls"


class _TlsReceiver:
    """A receiver behind TLS that takes everything; in a `with` it is its port."""

    def __init__(self, certificate: Certificate) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                answer(self, 204)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that do not trust it are the point."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
