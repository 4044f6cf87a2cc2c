"""The connections of core/http/outbound.py. A module of its own, because its classes need aiohttp, which is imported late."""

import functools
from typing import Any

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler

# Bytes that come for one request, with all that is no body: interim answers (1xx) and extensions of chunks have no end of their own, and
# reading them for 10 s would keep a process busy. Reading stops by itself before the body that is wanted has come to this.
MOST_RECEIVED = 512 * 1024


class Connector(TCPConnector):
    """Makes connections that end when too much comes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        kind: type[ResponseHandler] = _Connection
        # aiohttp has no option for this.
        self._factory = functools.partial(kind, loop=self._loop)


class _Connection(ResponseHandler):
    _received = 0

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        self._received = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > MOST_RECEIVED and self.transport is not None:
            self.transport.abort()
            return
        super().data_received(data)
