"""The tests' own tools: the network guard lets nothing out, and waiting ends."""

import socket

import pytest

from tests.fixtures.clips import clip_arguments
from tests.fixtures.network import NetworkUsedError, Reach, violation
from tests.fixtures.waiting import wait_until


def test_no_internet_socket_is_opened_in_tests_of_this_kind() -> None:
    with pytest.raises(NetworkUsedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_sockets_inside_this_process_are_allowed() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"


@pytest.mark.parametrize(
    ("event", "arguments", "refused"),
    [
        ("socket.connect", (None, ("192.0.2.1", 80)), True),
        ("socket.connect", (None, ("127.0.0.53", 80)), False),
        ("socket.connect", (None, ("::1", 80, 0, 0)), False),
        ("socket.connect", (None, "/run/some.sock"), False),
        ("socket.sendto", (None, ("8.8.8.8", 53)), True),
        ("socket.getaddrinfo", ("example.org", 80, 0, 0, 0), True),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0), False),
        ("socket.getaddrinfo", (b"example.org", 80, 0, 0, 0), True),
        ("socket.__new__", (None, socket.AF_INET, socket.SOCK_STREAM, 0), False),
    ],
)
def test_loopback_alone_is_in_reach(event: str, arguments: tuple[object, ...], refused: bool) -> None:
    assert (violation(Reach.LOOPBACK, event, arguments) is not None) == refused
    assert violation(Reach.ANYWHERE, event, arguments) is None


def test_waiting_returns_the_value_and_gives_up_in_time() -> None:
    values = iter([None, 0, "there"])
    assert wait_until(lambda: next(values)) == "there"
    with pytest.raises(TimeoutError, match="the moon"):
        wait_until(lambda: None, timeout_s=0.05, what="the moon")


def test_clip_names_say_what_is_in_them() -> None:
    arguments, suffix = clip_arguments("h264_aac_1080p30_6s")
    assert "testsrc2=size=1920x1080:rate=30:duration=6" in arguments
    assert suffix == ".mp4"
    assert clip_arguments("h264_pcm_240p25_2s")[1] == ".mov"
    assert "-c:v" not in clip_arguments("none_mp3_3s")[0]
    with pytest.raises(ValueError, match="does not read like"):
        clip_arguments("holiday")
