"""What a stage sees of the world, in the confined process that runs it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcompute.errors import Kind, VidComputeError
from vidcompute.ports.executor import InputRef

_PROGRESS_PERIOD_S = 0.25
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class LocalInput:
    """One input on this machine, and where it came from."""

    path: Path
    ref: InputRef


@dataclass
class LocalWork:
    """Implements `pipeline.stage.Work` with local files; what it reports goes to `send`."""

    output: Path
    scratch: Path
    ffmpeg: Path
    inputs: Mapping[str, tuple[LocalInput, ...]]
    providers: Mapping[str, Callable[[], Any]]
    send: Callable[[Mapping[str, Any]], None]
    emits: bool
    _made: dict[str, Any] = field(default_factory=dict)
    _next_progress_s: float = 0.0

    def provider(self, name: str) -> Any:
        """See `Work.provider`."""
        if name not in self._made:
            if name not in self.providers:
                raise VidComputeError(Kind.INTERNAL, "provider_missing", f"There is no provider {name!r} here.")
            self._made[name] = self.providers[name]()
        return self._made[name]

    def _of(self, name: str) -> tuple[LocalInput, ...]:
        if name not in self.inputs:
            raise VidComputeError(Kind.INTERNAL, "input_missing", f"The plan gives this stage no input {name!r}.")
        return self.inputs[name]

    def path(self, name: str) -> Path:
        """See `Work.path`."""
        paths = self.paths(name)
        if len(paths) != 1:
            detail = f"The plan gives this stage {len(paths)} inputs {name!r}, where it wants one."
            raise VidComputeError(Kind.INTERNAL, "input_ambiguous", detail)
        return paths[0]

    def paths(self, name: str) -> list[Path]:
        """See `Work.paths`."""
        return [item.path for item in self._of(name)]

    def facts(self, name: str) -> list[Mapping[str, Any]]:
        """See `Work.facts`."""
        return [item.ref.facts for item in self._of(name)]

    def refs(self, name: str) -> list[InputRef]:
        """See `Work.refs`."""
        return [item.ref for item in self._of(name)]

    def progress(
        self,
        fraction: float,
        *,
        frame: int | None = None,
        fps: float | None = None,
        media_time_ms: int | None = None,
        speed: float | None = None,
    ) -> None:
        """See `Work.progress`."""
        now = time.monotonic()
        if now < self._next_progress_s and fraction < 1:
            return
        self._next_progress_s = now + _PROGRESS_PERIOD_S
        numbers = {"frame": frame, "fps": fps, "media_time_ms": media_time_ms, "speed": speed}
        self.send({"event": "progress", "fraction": min(max(fraction, 0.0), 1.0), **numbers})

    def emit(self, data: Mapping[str, Any]) -> None:
        """See `Work.emit`."""
        if self.emits:
            self.send({"event": "emit", "data": dict(data)})

    def log(self, message: str, level: str = "info") -> None:
        """See `Work.log`."""
        self.send({"event": "log", "level": level, "message": message[:_LONGEST_MESSAGE]})
