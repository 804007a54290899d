"""A small seccomp filter: system calls that work on media never needs, and that an exploit would.

A filter is a program of the classic BPF machine over `struct seccomp_data` (seccomp(2)): number at offset 0,
architecture at 4, the arguments from 16 in eight bytes each, the low half first on both machines known here.
"""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_NR, _ARCH, _ARGUMENT_0, _ARGUMENT_0_HIGH = 0, 4, 16, 20

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000  # the bit that marks the x32 ABI's numbers on x86_64

_CLONE_NEW = 0x7E020000  # every CLONE_NEW… flag that clone(2) knows: new namespaces
_AF_INET, _AF_INET6, _AF_NETLINK = 2, 10, 16  # netlink: name resolution asks it for the machine's addresses

# name: (number on x86_64, number on aarch64). From 424 on, all architectures share their numbers.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # other processes' memory and tracing
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    # large and young parts of the kernel
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "fanotify_init": (300, 262),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "lookup_dcookie": (212, 18),
    "personality": (135, 92),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    # memory that no limit counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    # leaving the process group by which an attempt is ended
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # owners, modes and attributes, which Landlock does not watch, so that they'd reach any file of this user
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
}


@dataclass(frozen=True)
class _Machine:
    column: int
    audit_arch: int
    socket: int
    clone: int
    prlimit64: int


_MACHINES = {
    "x86_64": _Machine(0, 0xC000003E, socket=41, clone=56, prlimit64=302),
    "aarch64": _Machine(1, 0xC00000B7, socket=198, clone=220, prlimit64=261),
}
_CLONE3 = 435

_libc = ctypes.CDLL(None, use_errno=True)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _answer(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _when_call(number: int, body: list[bytes]) -> list[bytes]:
    """`body` for this system call alone; it ends in a return. The number is still loaded behind it for the others."""
    return [_instruction(_JUMP_EQUAL, number, 0, len(body)), *body]


def _socket_rule(*, network: bool) -> list[bytes]:
    if not network:
        return [_answer(errno.EPERM)]
    families = (_AF_INET, _AF_INET6, _AF_NETLINK)
    checks = [_instruction(_JUMP_EQUAL, family, len(families) - i, 0) for i, family in enumerate(families)]
    return [_instruction(_LOAD, _ARGUMENT_0), *checks, _answer(errno.EPERM), _instruction(_RETURN, _ALLOW)]


def program(machine: str, *, network: bool) -> bytes:
    """The filter's instructions for `x86_64` or `aarch64`; KeyError for another machine."""
    known = _MACHINES[machine]
    code = [
        _instruction(_LOAD, _ARCH),
        _instruction(_JUMP_EQUAL, known.audit_arch, 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NR),
    ]
    if machine == "x86_64":
        code += [_instruction(_JUMP_GREATER_EQUAL, _X32, 0, 1), _answer(errno.EPERM)]
    for numbers in DENIED.values():
        number = numbers[known.column]
        if number is not None:
            code += _when_call(number, [_answer(errno.EPERM)])
    code += _when_call(known.socket, _socket_rule(network=network))
    # clone3 hides its flags in memory: "not there" makes the C library use clone, whose flags can be seen.
    code += _when_call(_CLONE3, [_answer(errno.ENOSYS)])
    code += _when_call(
        known.clone,
        [
            _instruction(_LOAD, _ARGUMENT_0),
            _instruction(_JUMP_SET, _CLONE_NEW, 0, 1),
            _answer(errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ],
    )
    # prlimit on oneself is getrlimit; on another process it would starve the server.
    code += _when_call(
        known.prlimit64,
        [
            _instruction(_LOAD, _ARGUMENT_0),
            _instruction(_JUMP_EQUAL, 0, 0, 2),
            _instruction(_LOAD, _ARGUMENT_0_HIGH),
            _instruction(_JUMP_EQUAL, 0, 1, 0),
            _answer(errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ],
    )
    code.append(_instruction(_RETURN, _ALLOW))
    return b"".join(code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def available() -> bool:
    """Whether this kernel and machine can hold the filter."""
    if platform.machine() not in _MACHINES:
        return False
    # With no program given, a kernel that has filters says EFAULT, and one that hasn't says EINVAL.
    _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def restrict(*, network: bool) -> tuple[str, ...]:
    """Put the filter on this thread and all it starts, for good. Needs `no_new_privs`.

    Returns in plain words what could not be held.
    """
    if not available():
        return ("system calls are not filtered: no seccomp filter for this kernel or machine",)
    code = program(platform.machine(), network=network)
    buffer = ctypes.create_string_buffer(code, len(code))
    loaded = _Program(len(code) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(loaded), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
    return ()
