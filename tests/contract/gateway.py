"""A server's storage gateway on loopback, and the storage of a node that goes through it."""

import asyncio
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request

from tests.fixtures.cluster import free_port
from vidcompute.adapters.storage_folder import FolderStorage
from vidcompute.adapters.storage_gateway import GatewayStorage
from vidcompute.api import deps, gateway, problems
from vidcompute.api.deps import Deps
from vidcompute.ports.storage import ScannableStorage, Storage


class Everything:
    """A scope that opens all."""

    def may_read(self, _key: str) -> bool:
        return True

    def may_list(self, _prefix: str) -> bool:
        return True

    def may_write(self, _key: str) -> bool:
        return True


class NodeStorage(GatewayStorage):
    """What a node sees. It removes nothing: where the contract does, the server does it."""

    def __init__(self, url: str, token: str, behind: Storage) -> None:
        super().__init__([url], token, patience_s=5.0)
        self._behind = behind

    async def delete_prefix(self, prefix: str) -> int:
        return await self._behind.delete_prefix(prefix)


@dataclass
class Gateway:
    """One server in a thread; each token is the folder that it opens."""

    port: int = field(default_factory=free_port)
    storages: dict[str, ScannableStorage] = field(default_factory=dict)
    server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Gateway":
        app = FastAPI()
        app.include_router(gateway.router)
        problems.install(app)
        app.dependency_overrides[gateway.scope] = Everything
        app.dependency_overrides[deps.deps_of] = self._deps
        config = uvicorn.Config(app, port=self.port, log_level="warning", ws="none")
        self.server = uvicorn.Server(config)
        threading.Thread(target=asyncio.run, args=(self.server.serve(),), daemon=True).start()
        return self

    def _deps(self, request: Request) -> Deps:
        folder = request.headers["authorization"].partition(" ")[2]
        nothing = cast(Any, None)
        return Deps(nothing, self.storages[folder], nothing, Path(folder) / "arriving", "", nothing)

    def storage(self, folder: Path, behind: ScannableStorage | None = None) -> NodeStorage:
        """What a node sees of this storage, or of a folder's."""
        storage = self.storages[str(folder)] = behind or FolderStorage(folder / "storage")
        return NodeStorage(self.url, str(folder), storage)


@cache
def gateway_here() -> Gateway:
    """One for all tests of a process."""
    return Gateway().start()
