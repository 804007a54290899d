"""Where the fetcher connects to: the server runs on loopback, so whatever reaches it without permission is a hit."""

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.site import FILM, LIMITS, Site, error_of
from tests.fixtures.inside import INSIDE
from vidcompute.adapters.fetch_http import HttpFetcher
from vidcompute.errors import Kind


@pytest.mark.parametrize("host", INSIDE)
def test_no_spelling_of_an_inside_address_is_connected_to(site: Site, goal: Path, host: str) -> None:
    site.serve("/x")
    guarded = HttpFetcher(LIMITS, pause=lambda _s: None)
    error = error_of(guarded, site.url("/x", host=host), goal)
    assert error.code in {"url_address_refused", "url_invalid", "url_host_unknown"}
    assert site.seen == []


def test_a_redirect_inside_is_refused(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.redirect("/out", site.url("/secret", host="inside.test"))
    site.serve("/secret")
    answers = {"127.0.0.1": ["127.0.0.1"], "inside.test": ["10.0.0.1"]}
    guarded = replace(fetcher, resolve=lambda host, _p: answers[host])
    permitted = error_of(replace(guarded, allow_private_addresses=False), site.url("/out"), goal)
    assert permitted.code == "url_address_refused"


def test_a_name_server_that_changes_its_mind_changes_nothing(site: Site, goal: Path) -> None:
    """DNS rebinding: the answer that was vetted is the one that is connected to; a second answer is vetted again."""
    answers = iter([["203.0.113.7"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    guarded = HttpFetcher(LIMITS, resolve=rebinding, pause=lambda _s: None)
    assert error_of(guarded, site.url("/x", host="rebind.test"), goal).code == "url_address_refused"
    assert asked == ["rebind.test"]
    assert site.seen == []


def test_the_name_is_resolved_once_for_a_connection_and_stands_in_the_host_header(
    site: Site, fetcher: HttpFetcher, goal: Path
) -> None:
    site.serve("/film.mp4")
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    url = site.url("/film.mp4", host="films.test")
    assert replace(fetcher, resolve=resolve).fetch(url, goal).size_bytes == len(FILM)
    assert asked == [("films.test", site.port)]
    assert site.seen[0][1]["host"] == f"films.test:{site.port}"


def test_the_next_address_is_tried_where_one_does_not_answer(site: Site, fetcher: HttpFetcher, goal: Path) -> None:
    site.serve("/film.mp4")
    both = replace(fetcher, resolve=lambda _h, _p: ["::1", "127.0.0.1"])
    assert both.fetch(site.url("/film.mp4", host="films.test"), goal).size_bytes == len(FILM)


def test_tls_names_the_host_and_trusts_nobody_unknown(fetcher: HttpFetcher, goal: Path) -> None:
    """The server tells which name it was called by, and gives up the handshake: that is all this needs."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def shake() -> None:
            with suppress(OSError):  # the listener is closed when the client has had enough
                while True:
                    connection, _ = listener.accept()
                    with suppress(OSError), connection:
                        context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=shake, daemon=True)
        thread.start()
        secure = replace(fetcher, resolve=lambda _h, _p: ["127.0.0.1"])
        error = error_of(secure, f"https://films.test:{port}/x", goal)
    assert names[:1] == ["films.test"]
    assert error.code in {"url_tls", "url_unreachable"}


@pytest.mark.any_network
def test_a_host_that_does_not_exist_is_told(goal: Path) -> None:
    error = error_of(HttpFetcher(LIMITS, pause=lambda _s: None), "http://no-such-host.invalid/x", goal)
    assert error.code in {"url_host_unknown", "url_unreachable"}


def test_a_full_disk_is_told_as_such(site: Site, fetcher: HttpFetcher) -> None:
    error = error_of(fetcher, site.serve("/x"), Path("/dev/full"))
    assert (error.code, error.kind) == ("storage_full", Kind.UNAVAILABLE)
