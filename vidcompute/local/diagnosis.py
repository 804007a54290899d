"""`vidctl doctor` and `vidctl version`: what is here, and whether it works."""

import asyncio
import os
import platform
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.cli.local import Check, Diagnosis, Setting
from vidcompute.errors import VidComputeError
from vidcompute.local import finding
from vidcompute.media import ffmpeg
from vidcompute.ports.executor import NodeInfo

if TYPE_CHECKING:
    from vidcompute.local import Composition
    from vidcompute.settings import Settings

_ENCODERS = ("libx264", "libx265", "libsvtav1", "aac")
_LITTLE_ROOM_BYTES = 5 * 10**9


def version(root: "Composition") -> dict[str, str]:
    """Our version, the commit (empty where it is not known), Python's version and ffmpeg's."""
    # Reading the settings takes longer than all else here; where none is set, the default is known.
    is_set = any(name.startswith("VIDCOMPUTE_") for name in os.environ) or Path("vidcompute.toml").exists()
    override = root.load().ffmpeg_path if is_set else None
    try:
        stated = ffmpeg.version(ffmpeg.locate(str(override) if override else None))
    except VidComputeError as error:
        stated = f"missing ({error.detail})"
    return {
        "version": root.version,
        "commit": root.commit,
        "python": platform.python_version(),
        "ffmpeg": stated,
    }


def diagnose(root: "Composition") -> Diagnosis:
    """Every check, in an order in which each needs those before it; and the settings in force."""
    settings = root.load()
    folder = finding.folders(root)[0]
    checks = [
        *_checked("ffmpeg", lambda: _ffmpeg(settings)),
        *_checked("sandbox", lambda: _sandbox(settings)),
        *_checked("data folder", lambda: _data_folder(folder)),
        *_checked("database", lambda: _database(settings, folder)),
        *_checked("storage", lambda: _storage(root, settings.model_copy(update={"data_dir": folder}))),
        *_checked("nodes", lambda: _nodes(root, settings.model_copy(update={"data_dir": folder}))),
        *_checked("server", lambda: _server(folder)),
    ]
    explained = tuple(Setting(item.name, item.value, item.source) for item in root.explain(settings))
    return Diagnosis(tuple(checks), explained)


def _checked(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The lines of a check; a failure of it is a line, too."""
    try:
        yield from check()
    except VidComputeError as error:
        yield Check(name, ok=False, detail=error.detail)
    except Exception as error:  # one broken part must not hide the others
        yield Check(name, ok=False, detail=f"{type(error).__name__}: {error}")


def _ffmpeg(settings: "Settings") -> Iterator[Check]:
    program = _program(settings)
    yield Check("ffmpeg", ok=True, detail=f"{ffmpeg.version(program)} at {program}")
    warning = ffmpeg.safety_warning(program)
    floor = ".".join(map(str, ffmpeg.FLOOR))
    yield Check("ffmpeg is safe", ok=warning is None, detail=warning or f"at least {floor}")
    missing = [name for name in _ENCODERS if name not in ffmpeg.encoders(program)]
    detail = f"missing: {', '.join(missing)}" if missing else ", ".join(_ENCODERS)
    yield Check("encoders", ok=not missing, detail=detail)


def _sandbox(settings: "Settings") -> Iterator[Check]:
    from vidcompute.media import sandbox

    for name, detail in sandbox.describe().items():
        lacking = False if settings.sandbox == "refuse" else None  # wrong, or only worth knowing
        yield Check(f"sandbox: {name}", ok=lacking if detail.startswith("missing") else True, detail=detail)


def _nodes(root: "Composition", settings: "Settings") -> Iterator[Check]:
    async def look() -> tuple[list[NodeInfo], Mapping[str, str]]:
        with tempfile.TemporaryDirectory(prefix="vidctl-doctor-") as folder:
            # The runner sweeps its work folder as it starts, and a server may be using ours.
            apart = settings.model_copy(update={"data_dir": Path(folder)})
            executor = root.executor(apart, _program(settings))
            await executor.discover()
            try:
                return await executor.nodes(), executor.found.problems
            finally:
                await executor.close(0)

    nodes, problems = asyncio.run(look())
    for node in nodes:
        yield Check(f"node {node.name}", ok=None if node.simulated else True, detail=_described(node))
    for name, problem in problems.items():
        yield Check(name, ok=None, detail=f"not used: {problem}")


def _described(node: NodeInfo) -> str:
    gpus = Counter((gpu.name, gpu.memory_bytes) for gpu in node.gpus)
    parts = [
        f"{node.cpu:g} CPU",
        f"{node.memory_bytes / 1e9:.3g} GB memory",
        *(f"{count} x {name} with {size / 1e9:.3g} GB" for (name, size), count in gpus.items()),
        *node.encoders,
        *(f"{name} decoding" for name in node.decoders),
    ]
    return f"{', '.join(parts)}{' (simulated)' if node.simulated else ''}"


def _program(settings: "Settings") -> Path:
    return ffmpeg.locate(str(settings.ffmpeg_path) if settings.ffmpeg_path else None)


def _data_folder(folder: Path) -> Iterator[Check]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    writable = os.access(folder, os.W_OK | os.X_OK)
    yield Check("data folder", ok=writable, detail=f"{folder}{'' if writable else ' is not writable'}")
    free_bytes = shutil.disk_usage(folder).free
    enough = None if free_bytes < _LITTLE_ROOM_BYTES else True
    yield Check("free space", ok=enough, detail=f"{free_bytes / 1e9:.1f} GB")


def _database(settings: "Settings", folder: Path) -> Iterator[Check]:
    from sqlalchemy import make_url

    from vidcompute.db.engine import looked_at, try_out
    from vidcompute.db.migrate import HEAD, current_revision

    url = settings.model_copy(update={"data_dir": folder}).effective_database_url
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        yield Check("database", ok=None, detail="not there yet; the server makes it at its first start")
        return
    with looked_at(url) as connection:
        revision = current_revision(connection)
        name = " ".join(map(str, (connection.dialect.name, *(connection.dialect.server_version_info or ())[:2])))
    if revision == HEAD:
        yield Check("database", ok=True, detail=f"{name} opens, and is at revision {revision}")
        try_out(url)
        yield Check("database writes", ok=True, detail="a row was written, read and removed")
    else:
        detail = f"{name} opens, and is at revision {revision or 'none'}; the server brings it to {HEAD} as it starts"
        yield Check("database", ok=None, detail=detail)


def _storage(root: "Composition", settings: "Settings") -> Iterator[Check]:
    for proof in root.prove_storage(settings):
        yield Check(proof.name, ok=proof.ok, detail=proof.detail)


def _server(folder: Path) -> Iterator[Check]:
    told = finding.announced(folder)
    if told is None:
        yield Check("server", ok=None, detail="not running; start it with `vidctl serve`")
    elif finding.answers(told.url):
        finding.key_of(folder)
        yield Check("server", ok=True, detail=f"answers at {told.url}")
    elif Path(f"/proc/{told.pid}").exists():
        yield Check("server", ok=False, detail=f"runs (pid {told.pid}), and does not answer at {told.url}")
    else:
        yield Check("server", ok=None, detail="not running; it was killed, and goes on where it was when it is started")
