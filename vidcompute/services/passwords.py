"""Passwords, as argon2id keeps them. Hashing takes a core for a moment, so it has two threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from argon2 import PasswordHasher

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 200  # characters
# The second of the choices that OWASP gives: 19 MiB, two passes. Two threads then take 38 MiB at most.
_MEMORY_KIB = 19 * 1024
_PASSES = 2


async def hashed(password: str) -> str:
    """What is kept of a password."""
    return await _in_thread(_hash, password)


async def matches(kept: str | None, password: str) -> bool:
    """Whether it is this password; takes as long where there is none, so that the time tells nothing."""
    return await _in_thread(_matches, kept, password)


def is_weak(kept: str) -> bool:
    """Whether it was kept with less effort than passwords are now."""
    return _hasher().check_needs_rehash(kept)


def _hash(password: str) -> str:
    return _hasher().hash(password)


def _matches(kept: str | None, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)


@cache
def _nobodys() -> str:
    return _hash("of nobody")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="passwords")


async def _in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: work(*arguments, **named))
