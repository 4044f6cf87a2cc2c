"""The resolver that core/http/outbound.py gives to aiohttp. A module of its own, because its class needs aiohttp, which is imported late."""

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from core.http.outbound import Outbound


class Resolver(AbstractResolver):
    """Finds the addresses of a host, and fails when one of them is not admitted."""

    def __init__(self, client: "Outbound") -> None:
        self._client = client

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._client.look_up(host, family)
        return [
            ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        """Nothing is kept here."""
