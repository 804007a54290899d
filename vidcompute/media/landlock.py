"""Landlock: which files a process may touch, by the kernel's word (landlock(7)). No privileges, no packages."""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Linux has the same numbers for these three on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_CREATE_RULESET_VERSION = 1

# Rights, from linux/landlock.h.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 6, 1 << 7, 1 << 8, 1 << 9
_MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15  # since ABI 2, 3 and 5

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1  # since ABI 4
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1 << 0, 1 << 1  # since ABI 6

READ = _READ_FILE | _READ_DIR
EXECUTE = READ | _EXECUTE
# Writing makes plain files and folders only: a symbolic link, a device or a socket has no place in an output.
WRITE = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
DEVICE = _READ_FILE | _WRITE_FILE
CONTROL = DEVICE | _READ_DIR | _IOCTL_DEV  # a device that is told what to do, or a folder of such

# What the kernel accepts for something that is not a folder.
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Rule:
    """Rights on everything beneath `path`. One that is not there is passed over."""

    path: Path
    rights: int


def abi() -> int:
    """The Landlock ABI of this kernel; 0 where it has none, or has it switched off."""
    version = int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION)))
    return max(version, 0)


def _handled_files(version: int) -> int:
    handled = (1 << 13) - 1
    handled |= _REFER if version >= 2 else 0
    handled |= _TRUNCATE if version >= 3 else 0
    handled |= _IOCTL_DEV if version >= 5 else 0
    return handled


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _create(version: int, *, network: bool) -> int:
    # Who may use the network still may not listen on it.
    ports = _BIND_TCP if network else _BIND_TCP | _CONNECT_TCP
    attributes = struct.pack("<Q", _handled_files(version))
    if version >= 4:
        attributes += struct.pack("<Q", ports)
    if version >= 6:
        attributes += struct.pack("<Q", _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL)
    made = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    return _check(int(made), "landlock_create_ruleset")


def _allow(ruleset: int, rule: Rule, handled: int) -> None:
    try:
        target = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rule.rights & handled
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            rights &= _FILE_RIGHTS
        beneath = struct.pack("=Qi", rights, target)
        _check(int(_libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, beneath, 0)), "landlock_add_rule")
    finally:
        os.close(target)


def restrict(rules: Iterable[Rule], *, network: bool) -> tuple[str, ...]:
    """Confine this thread and all it starts to `rules`, for good. Needs `no_new_privs` or CAP_SYS_ADMIN.

    Returns in plain words what this kernel's ABI can't hold; raises OSError where a call fails that should not.
    """
    version = abi()
    if version == 0:
        return ("files are not confined: this kernel has no Landlock",)
    ruleset = _create(version, network=network)
    try:
        for rule in rules:
            _allow(ruleset, rule, _handled_files(version))
        _check(int(_libc.syscall(_RESTRICT_SELF, ruleset, 0)), "landlock_restrict_self")
    finally:
        os.close(ruleset)
    missing = []
    if version < 3:
        missing.append("files that may be read can be truncated (Landlock ABI below 3)")
    if version < 6:
        missing.append("signals to other processes of this user are not held back (Landlock ABI below 6)")
    return tuple(missing)
