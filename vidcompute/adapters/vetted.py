"""Connections to addresses that were vetted, and to nothing else: a host is resolved once for each, off the loop."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import httpcore2

from vidcompute.adapters.addresses import Resolve, vetted_addresses

_CONNECT_S = 5.0
_ADDRESSES = 4


@dataclass(frozen=True)
class Vetting:
    """Which addresses may be connected to, and who looks them up. Without `look_ups` the loop's own threads do."""

    resolve: Resolve
    allow_private: bool = False
    look_ups: Executor | None = None


class VettedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were vetted, and to nothing else."""

    def __init__(self, vetting: Vetting) -> None:
        self._vetting = vetting
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See `httpcore2.AsyncNetworkBackend`; `url_address_refused` and what else `vetted_addresses` raises."""
        del timeout
        last: Exception | None = None
        for address in (await self._addresses(host, port))[:_ADDRESSES]:
            try:
                return await self._plain.connect_tcp(address, port, _CONNECT_S, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last or httpcore2.ConnectError("no address")

    async def _addresses(self, host: str, port: int) -> list[str]:
        vetting = self._vetting

        def look_up() -> list[str]:
            return vetted_addresses(host, port, resolve=vetting.resolve, allow_private=vetting.allow_private)

        return await asyncio.get_running_loop().run_in_executor(vetting.look_ups, look_up)
