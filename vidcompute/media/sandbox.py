"""Confines the current process for good: what it may read, write, use up and ask of the kernel.

Called between fork and the work, in a process with one thread. It needs no privileges and no packages. Beside
other things, changing modes and owners is denied (so `shutil.copy` fails where `shutil.copyfile` works).
"""

import ctypes
import os
import resource
import signal
import struct
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 38, 36
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1

# Address space is reserved far beyond what is used (an arena of 64 MiB for each thread, stacks), so it is bounded
# loosely, only to hold shared mappings; RLIMIT_DATA bounds what is really written.
_ADDRESS_SPACE_SLACK_BYTES = 32 * 2**30

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """What one process may use: CPU seconds, bytes of private memory, bytes of the largest file, open files."""

    cpu_s: int = 24 * 3600
    memory_bytes: int = 4 * 2**30
    file_bytes: int = 64 * 2**30
    open_files: int = 1024


@dataclass(frozen=True)
class Sandbox:
    """`read` and `write` (which allows reading too) are files or folders with all beneath; `execute` are programs.

    What Python and ffmpeg themselves need (`system_read_paths`) is added by `enter`, and with `devices` what the
    drivers of GPUs need. Their address space is not limited then: CUDA reserves more than any machine has.
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    network: bool = False
    devices: bool = False
    limits: Limits = Limits()
    execute: tuple[Path, ...] = ()


def _prctl(option: int, value: int, what: str) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def die_with_parent(parent_pid: int | None = None) -> None:
    """Have the kernel kill this process when the thread that forked it ends; exit now if that has happened.

    `parent_pid` is the parent's id as it was before the fork. The kernel forgets this setting at a fork, and keeps
    it over an exec.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, "PR_SET_PDEATHSIG")
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is lost from sight."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "PR_SET_CHILD_SUBREAPER")


def program_paths() -> tuple[Path, ...]:
    """Folders with libraries and the dynamic loader: what starting a program reads and maps."""
    return tuple(map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")))


@cache
def system_read_paths() -> tuple[Path, ...]:
    """What Python, ffmpeg and fonts read on any system, inputs aside. Paths that are not there do no harm."""
    python = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    python.add(str(Path(__file__).parents[1]))
    python.add(str(sysconfig.get_config_var("LIBDIR")))
    fixed = (
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/usr/share/zoneinfo",
        "/etc/fonts",
        "/usr/share/fonts",
        "/usr/local/share/fonts",
        "/usr/share/fontconfig",
        "/var/cache/fontconfig",
        "/dev/urandom",
        "/dev/random",
        "/dev/zero",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/sys/kernel/osrelease",
        "/sys/devices/system/cpu",
        "/sys/devices/system/node",
    )
    return tuple(Path(p) for p in (*sorted(python), *fixed))


def _network_read_paths() -> tuple[Path, ...]:
    names = ("hosts", "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf", "services", "ssl", "ca-certificates")
    linked = ("/run/systemd/resolve", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
    return (*(Path("/etc") / name for name in names), *map(Path, linked))


def device_paths() -> tuple[Path, ...]:
    """The device files of GPUs that are here, as NVIDIA's driver, the kernel's (DRI) and Windows' (DXG) name them."""
    found = (*Path("/dev").glob("nvidia*"), *Path("/dev/dri").glob("renderD*"), Path("/dev/dxg"))
    return tuple(path for path in found if path.exists())


def _device_read_paths() -> tuple[Path, ...]:
    system = ("/proc/driver/nvidia", "/proc/devices", "/sys/class/drm", "/sys/dev/char", "/sys/devices", "/sys/bus/pci")
    drivers = ("/usr/share/nvidia", "/usr/share/libdrm", "/etc/nvidia", "/usr/local/nvidia", "/usr/local/cuda/lib64")
    return tuple(map(Path, (*system, *drivers)))


def _device_rules() -> list[landlock.Rule]:
    return [
        *(landlock.Rule(path, landlock.CONTROL) for path in device_paths()),
        *(landlock.Rule(path, landlock.READ) for path in _device_read_paths()),
        *(landlock.Rule(Path(path), landlock.EXECUTE) for path in ("/usr/local/nvidia", "/usr/lib/wsl")),
    ]


def _rules(sandbox: Sandbox) -> list[landlock.Rule]:
    reads = (*system_read_paths(), Path(f"/proc/{os.getpid()}"), *sandbox.read)
    if sandbox.network:
        reads += _network_read_paths()
    return [
        *(_device_rules() if sandbox.devices else ()),
        *(landlock.Rule(path, landlock.READ) for path in reads),
        *(landlock.Rule(path, landlock.EXECUTE) for path in (*program_paths(), *sandbox.execute)),
        *(landlock.Rule(path, landlock.WRITE) for path in sandbox.write),
        landlock.Rule(Path("/dev/null"), landlock.DEVICE),
    ]


def _limit(what: int, amount: int, *, beyond: int = 0) -> None:
    _, hard = resource.getrlimit(what)
    most = amount + beyond
    if hard != resource.RLIM_INFINITY:
        amount, most = min(amount, hard), min(most, hard)
    resource.setrlimit(what, (amount, most))


def apply_limits(limits: Limits, *, address_space: bool = True) -> None:
    """Lower this process's resource limits to `limits`, for good; there is no core file either."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_s, beyond=5)  # SIGXCPU tells what happened; SIGKILL 5 s later would not
    _limit(resource.RLIMIT_DATA, limits.memory_bytes)
    if address_space:
        _limit(resource.RLIMIT_AS, 4 * limits.memory_bytes + _ADDRESS_SPACE_SLACK_BYTES)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)


def _drop_capabilities(*, keep: int) -> None:
    """Give up root's powers but those in `keep`; under no_new_privs they do not come back at an exec."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    if _libc.capget(header, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    permitted = struct.unpack("=6I", held.raw)[1] & keep
    _prctl_ambient_clear()
    if _libc.capset(header, struct.pack("=6I", permitted, permitted, 0, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _prctl_ambient_clear() -> None:
    # An old kernel without ambient capabilities has none to clear.
    _libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)


def enter(sandbox: Sandbox, *, strict: bool = False) -> tuple[str, ...]:
    """Confine the current process, and all it starts, for good.

    Returns in plain words what this machine could not enforce; with `strict`, `sandbox_unavailable` (kind
    unavailable) is raised instead. OSError where a write path does not exist or the kernel fails unexpectedly.
    """
    for path in sandbox.write:
        path.stat()
    apply_limits(sandbox.limits, address_space=not sandbox.devices)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS")
    missing = landlock.restrict(_rules(sandbox), network=sandbox.network)
    # Root in the sandbox still reads files of other users where Landlock lets it, and only there.
    _drop_capabilities(keep=_CAP_DAC_OVERRIDE if landlock.abi() else 0)
    missing += seccomp.restrict(network=sandbox.network)
    if strict and missing:
        raise VidComputeError(Kind.UNAVAILABLE, "sandbox_unavailable", "; ".join(missing))
    return missing


def describe() -> dict[str, str]:
    """What this machine can enforce, by name, in plain words: for `vidctl doctor`."""
    version = landlock.abi()
    return {
        "landlock": f"ABI {version}" if version else "missing: files are not confined",
        "seccomp": "filter" if seccomp.available() else "missing: system calls are not filtered",
        "limits": "CPU, memory, file size, open files",
    }
