"""What this machine's GPUs are and can do: found once for each boot and ffmpeg, by really using them."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcompute.adapters.gpus import gpus
from vidcompute.errors import VidComputeError
from vidcompute.media.sandbox import device_paths
from vidcompute.ports.executor import Call, Gpu

_log = logging.getLogger(__name__)

_STAGE, _VERSION = "hardware", 1
_TIMEOUT_S = 120.0  # of all that is tried; each alone has 10 s
_BOOT = Path("/proc/sys/kernel/random/boot_id")

Run = Callable[[Call], AsyncGenerator[Mapping[str, Any]]]


@dataclass(frozen=True)
class Found:
    """GPUs, encoders and decoders in hardware that work; `problems` says, by name, why others do not."""

    gpus: tuple[Gpu, ...] = ()
    encoders: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Discovery:
    """How to find out. `memory` is the file that keeps the answer until the next boot, `build` tells ffmpeg's.

    Where the machine has no device file of a GPU, nothing is run.
    """

    memory: Path
    build: Callable[[], str]
    devices: Callable[[], tuple[Path, ...]] = device_paths

    async def look(self, call: Run) -> Found:
        """All that is here; nothing where it can't be found out, with a line in the log. `call` runs the stage."""
        devices = self.devices()
        if not devices:
            return Found()
        here = await asyncio.to_thread(gpus)
        key = await asyncio.to_thread(self._key, [str(path) for path in devices], here)
        known = self._remembered(key)
        if known is None:
            known = await self._tried(call)
            if known is None:
                return Found(here)
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            self.memory.write_text(json.dumps({"key": key, **known}))
        return Found(here, tuple(known["encoders"]), tuple(known["decoders"]), known["problems"])

    def _key(self, devices: list[str], here: tuple[Gpu, ...]) -> str:
        boot = _BOOT.read_text() if _BOOT.exists() else ""
        return hashlib.sha256(repr((boot, self.build(), _VERSION, devices, here)).encode()).hexdigest()

    def _remembered(self, key: str) -> dict[str, Any] | None:
        try:
            known = json.loads(self.memory.read_text())
        except (OSError, ValueError):
            return None
        return known if isinstance(known, dict) and known.get("key") == key else None

    async def _tried(self, call: Run) -> dict[str, Any] | None:
        output = self.memory.with_suffix(".output")
        wanted = Call(_STAGE, _VERSION, {}, {}, str(output), _TIMEOUT_S)
        try:
            async with aclosing(call(wanted)) as answers:
                async for answer in answers:
                    if "facts" in answer:
                        facts: dict[str, Any] = answer["facts"]
                        return facts
        except VidComputeError as error:
            _log.warning("encoders in hardware were not tried: %s", error)
        return None
