"""What the right to a connection depends on that stays open: a stream (core/live/streams.py), or a WebSocket (core/http/sockets.py)."""

from typing import NamedTuple


class Lease(NamedTuple):
    """id: of a session, for example. holder: whose it is, such as the id of an account."""

    id: int
    holder: int
