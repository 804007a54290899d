"""The sandbox, really entered: each test forks a child that confines itself and tells what it could do."""

import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from vidcompute.media import landlock, sandbox, seccomp
from vidcompute.media.run import fork
from vidcompute.media.sandbox import Limits, Sandbox

_libc = ctypes.CDLL(None, use_errno=True)


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """What `work` returns in a forked child, and how the child ended."""
    reader, writer = os.pipe()

    def child() -> int:
        os.write(writer, json.dumps(work()).encode())
        return 0

    pid = fork(child, keep_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        told = answers.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), json.loads(told) if told else None


def refusals(box: Sandbox, steps: dict[str, Callable[[], object]]) -> dict[str, str]:
    """For each step done in the sandbox: "done", or the name of the error."""

    def work() -> dict[str, str]:
        missing = sandbox.enter(box)
        assert not missing, missing
        told = {}
        for name, step in steps.items():
            try:
                step()
            except OSError as error:
                told[name] = errno.errorcode[error.errno or 0]
            except MemoryError:
                told[name] = "MemoryError"
            else:
                told[name] = "done"
        return told

    code, told = in_child(work)
    assert code == 0
    result: dict[str, str] = told
    return result


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Folders to read and to write, and a file of others."""
    made = {name: tmp_path / name for name in ("read", "write", "other")}
    for path in made.values():
        path.mkdir()
        (path / "file").write_text(path.name)
    return made


def test_files_are_read_and_written_where_allowed_alone(places: dict[str, Path]) -> None:
    read, write, other = places["read"], places["write"], places["other"]
    told = refusals(
        Sandbox(read=(read,), write=(write,)),
        {
            "read an input": (read / "file").read_text,
            "write an output": lambda: (write / "new").write_text("x"),
            "rename an output": lambda: (write / "new").rename(write / "newer"),
            "remove an output": (write / "newer").unlink,
            "truncate an output": lambda: os.truncate(write / "file", 1),
            "import": lambda: __import__("wave"),
            "change an input": lambda: (read / "file").open("r+"),
            "truncate an input": lambda: os.truncate(read / "file", 0),
            "remove an input": (read / "file").unlink,
            "take over an input": lambda: os.link(read / "file", write / "input"),
            "read others": (other / "file").read_text,
            "list others": lambda: list(other.iterdir()),
            "write others": lambda: (other / "new").write_text("x"),
            "list the root": lambda: list(Path("/").iterdir()),
            "read accounts": Path("/etc/passwd").read_text,
            "link": lambda: (write / "link").symlink_to("/etc/passwd"),
        },
    )
    done = [name for name, result in told.items() if result == "done"]
    assert done == [
        "read an input",
        "write an output",
        "rename an output",
        "remove an output",
        "truncate an output",
        "import",
    ]
    assert {told[name] for name in told if name not in done} <= {"EACCES", "EXDEV", "EPERM"}


def _socket(family: int) -> None:
    # By the C library: the tests' own guard looks at Python's sockets.
    if _libc.socket(family, socket.SOCK_STREAM, 0) < 0:
        raise OSError(ctypes.get_errno(), "socket")


def test_no_network_unless_allowed(places: dict[str, Path]) -> None:
    steps: dict[str, Callable[[], object]] = {
        "inet": lambda: _socket(socket.AF_INET),
        "inet6": lambda: _socket(socket.AF_INET6),
        "unix": lambda: _socket(socket.AF_UNIX),
        "packet": lambda: _socket(socket.AF_PACKET),
        "pair": socket.socketpair,
    }
    closed = refusals(Sandbox(read=(), write=()), steps)
    assert closed == {"inet": "EPERM", "inet6": "EPERM", "unix": "EPERM", "packet": "EPERM", "pair": "done"}
    opened = refusals(Sandbox(read=(), write=(), network=True), steps)
    assert opened == {"inet": "done", "inet6": "done", "unix": "EPERM", "packet": "EPERM", "pair": "done"}


def test_the_group_and_other_processes_are_out_of_reach(places: dict[str, Path]) -> None:
    parent, secret = os.getpid(), places["other"] / "file"
    before = secret.stat().st_mode

    def unshare() -> None:
        if _libc.unshare(0x10000000) < 0:
            raise OSError(ctypes.get_errno(), "unshare")

    told = refusals(
        Sandbox(read=(places["other"],), write=()),
        {
            "signal": lambda: os.kill(parent, 0),
            "session": os.setsid,
            "group": lambda: os.setpgid(0, 0),
            "limits of others": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
            "hidden memory": lambda: os.memfd_create("x"),
            "namespaces": unshare,
            "mode": lambda: secret.chmod(0o777),
            "owner": lambda: os.chown(secret, 0, 0),
            "attribute": lambda: os.setxattr(secret, "user.x", b"y"),
            "environment": Path(f"/proc/{parent}/environ").read_bytes,
        },
    )
    assert set(told.values()) <= {"EPERM", "EACCES"}, told
    assert secret.stat().st_mode == before


def test_own_limits_can_be_read_and_children_started(places: dict[str, Path]) -> None:
    told = refusals(
        Sandbox(read=(), write=()),
        {"limits": lambda: resource.getrlimit(resource.RLIMIT_DATA), "fork": lambda: os.waitpid(fork(lambda: 0), 0)},
    )
    assert set(told.values()) == {"done"}


def test_memory_file_size_and_files_are_limited(places: dict[str, Path]) -> None:
    write = places["write"]
    limits = Limits(memory_bytes=2**31, file_bytes=2**20, open_files=64)
    told = refusals(
        Sandbox(read=(), write=(write,), limits=limits),
        {
            "some memory": lambda: bytearray(64 * 2**20),
            "much memory": lambda: bytearray(2**32),
            "small file": lambda: (write / "small").write_bytes(bytes(2**20)),
            "large file": lambda: (write / "large").write_bytes(bytes(2**20 + 1)),
            "many files": lambda: [os.open(os.devnull, os.O_RDONLY) for _ in range(80)],
        },
    )
    assert told == {
        "some memory": "done",
        "much memory": "MemoryError",
        "small file": "done",
        "large file": "EFBIG",
        "many files": "EMFILE",
    }


def test_cpu_time_is_limited() -> None:
    def spin() -> None:
        sandbox.enter(Sandbox(read=(), write=(), limits=Limits(cpu_s=1)))
        while True:
            pass

    code, _ = in_child(spin)
    assert code == -signal.SIGXCPU


def test_powers_of_root_are_given_up() -> None:
    def powers() -> list[str]:
        sandbox.enter(Sandbox(read=(), write=()))
        lines = Path("/proc/self/status").read_text().splitlines()
        return [line for line in lines if line.startswith(("CapEff", "CapPrm", "NoNewPrivs"))]

    _, told = in_child(powers)
    assert {int(line.split()[1], 16) & ~0b10 for line in told if line.startswith("Cap")} == {0}
    assert "NoNewPrivs:\t1" in told


def test_a_place_to_write_must_exist(tmp_path: Path) -> None:
    code, _ = in_child(lambda: sandbox.enter(Sandbox(read=(), write=(tmp_path / "nowhere",))))
    assert code == 70


def test_a_child_dies_with_its_parent() -> None:
    reader, writer = os.pipe()

    def wait() -> int:
        signal.pause()
        return 0

    def parent() -> int:
        pid = fork(wait)
        os.write(writer, str(pid).encode())
        return 0

    os.waitpid(fork(parent, keep_fds=(writer,)), 0)
    os.close(writer)
    orphan = int(os.read(reader, 20))
    os.close(reader)
    try:
        pidfd = os.pidfd_open(orphan)
    except ProcessLookupError:
        return  # gone already
    with os.fdopen(pidfd):
        assert select.select([pidfd], [], [], 10)[0], "it outlived its parent"


def test_this_machine_is_described() -> None:
    told = sandbox.describe()
    assert told["landlock"] == f"ABI {landlock.abi()}"
    assert told["seccomp"] == "filter"


ALLOW, KILL, DENY, ABSENT = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(program: bytes, arch: int, number: int, arguments: Iterable[int] = ()) -> int:
    """Run a filter as the kernel's machine would, for one system call."""
    words = list(struct.iter_unpack("=HBBI", program))
    values = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number, arch, 0, *values)
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, value = words[place]
        place += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
            continue
        truth = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
        place += if_true if truth else if_false


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_every_denied_call_is_denied_and_ordinary_ones_pass(machine: str) -> None:
    arch, column = ARCHITECTURES[machine], sorted(ARCHITECTURES, reverse=True).index(machine)
    program = seccomp.program(machine, network=False)
    denied = {numbers[column] for numbers in seccomp.DENIED.values()} - {None}
    for number in denied:
        assert verdict(program, arch, number or 0) == DENY
    special = {435, *({41, 56, 302} if machine == "x86_64" else {198, 220, 261})}
    for number in set(range(470)) - denied - special:
        assert verdict(program, arch, number) == ALLOW, number


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (41, [socket.AF_INET], DENY),
        (56, [0x01200011], ALLOW),  # fork
        (56, [0x003D0F00], ALLOW),  # a thread
        (56, [0x10000011], DENY),  # a user namespace
        (435, [], ABSENT),
        (302, [0, 7], ALLOW),
        (302, [1234, 7], DENY),
        (302, [1 << 32, 7], DENY),
        (0x40000000, [], DENY),  # x32
        (0x40000000 + 59, [], DENY),
    ],
)
def test_arguments_decide(number: int, arguments: list[int], expected: int) -> None:
    assert verdict(seccomp.program("x86_64", network=False), ARCHITECTURES["x86_64"], number, arguments) == expected


def test_another_architecture_is_killed() -> None:
    program = seccomp.program("x86_64", network=True)
    assert verdict(program, 0x40000003, 1) == KILL  # i386, whose numbers mean other things


@pytest.mark.parametrize(
    ("family", "expected"), [(socket.AF_INET, ALLOW), (socket.AF_INET6, ALLOW), (16, ALLOW), (1, DENY), (17, DENY)]
)
def test_families_of_sockets_with_a_network(family: int, expected: int) -> None:
    program = seccomp.program("aarch64", network=True)
    assert verdict(program, ARCHITECTURES["aarch64"], 198, [family]) == expected
