"""The stages there are, by name: one class in each module of the given packages."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from types import MappingProxyType, ModuleType
from typing import Any, cast

from vidcompute.errors import Kind, VidComputeError
from vidcompute.pipeline.stage import Stage
from vidcompute.runner.decode import decode

_MAX_FILE_BYTES = 64 * 2**30
_IDLE_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Registered:
    """A stage's class and what it says of itself beside its options (see `pipeline.stage.Stage`)."""

    cls: type[Stage]
    network: bool
    devices: bool
    max_file_bytes: int
    idle_timeout_s: float
    timeout_s: float | None
    max_attempts: int | None


def _stage_class(module: ModuleType) -> type[Stage]:
    found = [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and item.__module__ == module.__name__
        and is_dataclass(item)
        and all(hasattr(item, name) for name in ("name", "version", "needs", "run"))
    ]
    if len(found) != 1:
        raise ImportError(f"{module.__name__} must have exactly one stage, and has {[c.__name__ for c in found]}")
    return cast("type[Stage]", found[0])


def _modules(package: str) -> Iterable[ModuleType]:
    root = importlib.import_module(package)
    for info in pkgutil.iter_modules(root.__path__, f"{package}."):
        yield importlib.import_module(info.name)


class Registry:
    """Imports every module of `packages` at once, so that a child forked later need not."""

    def __init__(self, packages: Iterable[str]) -> None:
        self._stages: dict[str, Registered] = {}
        for package in packages:
            for module in _modules(package):
                self._add(_stage_class(module))

    def _add(self, cls: type[Stage]) -> None:
        name = cls.name
        if name in self._stages:
            raise ImportError(f"two stages are called {name!r}: {cls} and {self._stages[name].cls}")
        self._stages[name] = Registered(
            cls,
            network=bool(getattr(cls, "network", False)),
            devices=bool(getattr(cls, "devices", False)),
            max_file_bytes=int(getattr(cls, "max_file_bytes", _MAX_FILE_BYTES)),
            idle_timeout_s=float(getattr(cls, "idle_timeout_s", _IDLE_TIMEOUT_S)),
            timeout_s=getattr(cls, "timeout_s", None),
            max_attempts=getattr(cls, "max_attempts", None),
        )

    def every(self) -> Mapping[str, Registered]:
        """All stages by name."""
        return MappingProxyType(self._stages)

    def find(self, name: str, version: int) -> Registered:
        """The stage of this name and version; `stage_unknown` or `stage_version_unknown` (kind internal)."""
        found = self._stages.get(name)
        if found is None:
            raise VidComputeError(Kind.INTERNAL, "stage_unknown", f"There is no stage {name!r} here.")
        if found.cls.version != version:
            detail = f"Stage {name!r} is here in version {found.cls.version}, not {version}."
            raise VidComputeError(Kind.INTERNAL, "stage_version_unknown", detail)
        return found

    def make(self, found: Registered, options: Mapping[str, Any]) -> Stage:
        """The stage with these options; `stage_options_invalid` (kind internal)."""
        return decode(found.cls, options)
