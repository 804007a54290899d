"""The nodes of a server: its own machine with what its GPUs can do, or an inventory that it simulates."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidcompute.media import ffmpeg

if TYPE_CHECKING:
    from vidcompute.adapters.executor_local import LocalExecutor
    from vidcompute.settings import Settings


def local_executor(settings: "Settings", program: Path, argv: Sequence[str]) -> "LocalExecutor":
    """The executor on this machine; `argv` starts its runner. Raises `inventory_invalid` (kind invalid)."""
    from vidcompute.adapters import inventory
    from vidcompute.adapters.discovery import Discovery
    from vidcompute.adapters.executor_local import LocalExecutor

    return LocalExecutor(
        argv,
        settings.data_dir / "work",
        cores=settings.cpu_count,
        memory=settings.memory_bytes,
        discovery=Discovery(settings.data_dir / "hardware.json", lambda: ffmpeg.build_id(program)),
        discover_first=settings.hardware_encoding == "required",  # before that is known, all would be refused
        inventory=inventory.read(settings.nodes_file.expanduser()) if settings.nodes_file else (),
    )
