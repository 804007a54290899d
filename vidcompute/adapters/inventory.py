"""A declared inventory of nodes (`nodes.toml`): a cluster with GPUs, simulated on one machine.

```toml
simulated = true            # false: what is declared is there, and is used

[[nodes]]
name = "gpu"
count = 2                   # gpu-1 and gpu-2
cpu = 16
memory_gb = 64
gpus = [{ name = "L4", memory_gb = 24, count = 2 }]
encoders = ["h264_nvenc", "hevc_nvenc", "av1_nvenc"]
decoders = ["cuda"]
```
"""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidcompute.errors import FieldProblem, VidComputeError, invalid
from vidcompute.media import encoders
from vidcompute.ports.executor import Gpu, NodeInfo

_GB = 10**9
_ABILITIES = {"encoders": encoders.HARDWARE, "decoders": tuple(encoders.DECODERS.values())}


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Gpu(_Declared):
    name: Annotated[str, Field(min_length=1, max_length=100)] = "GPU"
    memory_gb: Annotated[float, Field(gt=0, le=10_000)]
    count: Annotated[int, Field(ge=1, le=64)] = 1


class _Node(_Declared):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?$")]
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    cpu: Annotated[float, Field(gt=0, le=10_000)]
    memory_gb: Annotated[float, Field(gt=0, le=100_000)]
    gpus: tuple[_Gpu, ...] = ()
    encoders: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()

    def nodes(self, *, simulated: bool) -> list[NodeInfo]:
        gpus = tuple(Gpu(gpu.name, round(gpu.memory_gb * _GB)) for gpu in self.gpus for _ in range(gpu.count))
        names = [self.name] if self.count == 1 else [f"{self.name}-{n + 1}" for n in range(self.count)]
        memory_bytes = round(self.memory_gb * _GB)
        return [
            NodeInfo(name, self.cpu, memory_bytes, gpus, self.encoders, self.decoders, simulated=simulated)
            for name in names
        ]


class _Inventory(_Declared):
    simulated: bool = True
    nodes: Annotated[tuple[_Node, ...], Field(min_length=1)]


def read(path: Path) -> list[NodeInfo]:
    """The nodes that a file declares; `inventory_invalid` (kind invalid) names each entry that is wrong, and how."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise invalid("inventory_invalid", f"The inventory {path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise invalid("inventory_invalid", f"The inventory {path} is not valid TOML: {error}.") from error
    try:
        inventory = _Inventory.model_validate(declared)
    except ValidationError as error:
        raise _problems(path, [_told(declared, wrong) for wrong in error.errors(include_url=False)]) from error
    nodes = [node for entry in inventory.nodes for node in entry.nodes(simulated=inventory.simulated)]
    wrong = [*_unknown(inventory), *_twice(nodes)]
    if wrong:
        raise _problems(path, wrong)
    return nodes


def _problems(path: Path, wrong: list[str]) -> VidComputeError:
    problems = [FieldProblem("/nodes_file", text) for text in wrong]
    return invalid("inventory_invalid", f"The inventory {path} is wrong: {' '.join(wrong)}", *problems)


def _told(declared: dict[str, Any], wrong: Any) -> str:
    """One problem, by the entry's name where it has one, else by its number."""
    where = list(wrong["loc"])
    what = f"{wrong['msg'][0].lower()}{wrong['msg'][1:]}"
    if where[:1] != ["nodes"] or len(where) < 2:
        return f"{'.'.join(map(str, where))}: {what}."
    entry = declared["nodes"][where[1]]
    name = entry.get("name") if isinstance(entry, dict) else None
    called = repr(name) if isinstance(name, str) else f"number {where[1] + 1}"
    return f"Node {called}, {'.'.join(map(str, where[2:])) or 'entry'}: {what}."


def _unknown(inventory: _Inventory) -> list[str]:
    return [
        f"Node {node.name!r}, {kind}: {name!r} is not known; there are {', '.join(known)}."
        for node in inventory.nodes
        for kind, known in _ABILITIES.items()
        for name in getattr(node, kind)
        if name not in known
    ]


def _twice(nodes: list[NodeInfo]) -> list[str]:
    return [f"Two nodes are called {name!r}." for name, count in Counter(n.name for n in nodes).items() if count > 1]
