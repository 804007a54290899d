"""From an output folder to an artifact: looked at, hashed, stored durably."""

import asyncio
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.media.run import fork
from vidcompute.ports.attempt_wire import error_from_json, error_to_json
from vidcompute.ports.executor import AttemptSpec, InputRef
from vidcompute.ports.storage import Storage
from vidcompute.runner.inner import error_of
from vidcompute.runner.work import LocalInput

_FILES_AT_ONCE = 8
_LOG_S = 15.0  # a log is not worth that an outcome waits longer for it


@dataclass(frozen=True)
class Tree:
    """What lies in an output folder: bytes in all, and a digest of names, contents and sizes."""

    size_bytes: int
    digest: str


def _files(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Every file below, in order of its relative path. Anything but plain files and folders is refused."""
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            found = path.lstat()
            plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
            if not plain and not stat.S_ISDIR(found.st_mode):
                detail = f"The output has something that is no plain file: {name[:80]!r}."
                raise VidComputeError(Kind.INTERNAL, "output_not_plain", detail)
            if plain:
                yield path.relative_to(folder).as_posix(), path, found.st_size


def describe(folder: Path) -> Tree:
    """Size and digest: SHA-256 over the lines "path, NUL, SHA-256 of the content, NUL, size in bytes", sorted by path.

    A link, a device or a file with a second name raises `output_not_plain` (kind internal).
    """
    total = 0
    digest = hashlib.sha256()
    for name, path, size in sorted(_files(folder)):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name}\0{content}\0{size}\n".encode())
        total += size
    return Tree(total, digest.hexdigest())


async def _fetch_tree(storage: Storage, ref: InputRef, destination: Path) -> Path:
    if ref.is_empty:
        destination.mkdir(parents=True)
        return destination
    destination.mkdir(exist_ok=True)
    room = asyncio.Semaphore(_FILES_AT_ONCE)

    async def fetch(key: str) -> None:
        path = destination / key.removeprefix(f"{ref.key}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        async with room:
            await storage.fetch(key, path)

    # None is fine: some stages find out facts and make no files.
    await asyncio.gather(*(fetch(item.key) for item in await storage.list(ref.key)))
    return destination


async def _fetch_all(spec: AttemptSpec, storage: Storage, folder: Path) -> dict[str, tuple[LocalInput, ...]]:
    fetched: dict[str, list[LocalInput]] = {name: [] for name in spec.inputs}
    number = 0
    for name, refs in spec.inputs.items():
        for ref in refs:
            destination = folder / str(number)
            number += 1
            fetch = _fetch_tree(storage, ref, destination) if ref.is_tree else storage.fetch(ref.key, destination)
            fetched[name].append(LocalInput(await fetch, ref))
    return {name: tuple(items) for name, items in fetched.items()}


def fetch_inputs(spec: AttemptSpec, storage: Storage, folder: Path) -> dict[str, tuple[LocalInput, ...]]:
    """The attempt's inputs as local paths, downloaded to `folder` unless they lie on this machine already.

    Errors are those of the storage. A store that is elsewhere is spoken to by a child of ours: the process that the
    stage is forked from is left with one thread, and with none of the store's secrets in its memory.
    """
    local = {
        name: tuple(LocalInput(path, ref) for ref in refs if (path := storage.local_path(ref.key)) is not None)
        for name, refs in spec.inputs.items()
    }
    if all(len(local[name]) == len(refs) for name, refs in spec.inputs.items()):
        return local  # without an event loop: this is on the way to a first segment
    paths = iter(_apart(lambda: _paths(asyncio.run(_fetch_all(spec, storage, folder)))))
    return {name: tuple(LocalInput(Path(next(paths)), ref) for ref in refs) for name, refs in spec.inputs.items()}


def _paths(fetched: dict[str, tuple[LocalInput, ...]]) -> list[str]:
    return [str(item.path) for items in fetched.values() for item in items]


def _apart(work: Callable[[], list[str]]) -> list[str]:
    """What `work` returns or raises, done in a child."""
    reader, writer = os.pipe()

    def child() -> int:
        try:
            told: dict[str, Any] = {"done": work()}
        except (VidComputeError, OSError) as problem:
            told = {"error": error_to_json(error_of(problem))}
        with os.fdopen(writer, "w", encoding="utf-8") as file:
            json.dump(told, file)
        return 0

    pid = fork(child, keep_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(pid, 0)
    if not text:
        raise VidComputeError(Kind.UNAVAILABLE, "inputs_not_fetched", "The process that fetches inputs was ended.")
    told = json.loads(text)
    if "error" in told:
        raise error_from_json(told["error"])
    done: list[str] = told["done"]
    return done


def publish(storage: Storage, prefix: str, folder: Path) -> None:
    """Store an output folder's files durably under `prefix`; errors are those of the storage."""
    asyncio.run(storage.put_tree(prefix, folder))


def store_log(storage: Storage, key: str, path: Path) -> None:
    """Store an attempt's log; errors are those of the storage, and TimeoutError where that takes too long."""

    async def put() -> None:
        async with asyncio.timeout(_LOG_S):
            await storage.put(key, path)

    asyncio.run(put())


def store_left_log(storage: Storage, key: str, path: Path) -> None:
    """Store the log of an attempt that was killed with its server, unless there is one; errors are the storage's."""

    async def store() -> None:
        try:
            await storage.stat(key)
        except VidComputeError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            await storage.put(key, path)

    asyncio.run(store())
