"""The open WebSockets of a process."""

from typing import Protocol

from core.lease import Lease

# RFC 6455, 7.4.1: the server goes away.
GOING_AWAY = 1001


class Socket(Protocol):
    """One open WebSocket. lease: what the right to it depends on; None: nothing."""

    lease: Lease | None

    def shut(self, code: int, reason: str) -> None:
        """Close it. Never raises."""


# The code that says that the right to a socket has ended; as that of a socket to which nobody is signed in (core/http/socket_handler.py).
UNAUTHENTICATED = 4001


class Sockets:
    """closed: True once all were closed for good."""

    def __init__(self) -> None:
        self._open: dict[Socket, None] = {}
        self.closed = False

    @property
    def count(self) -> int:
        """The number of open sockets."""
        return len(self._open)

    def add(self, socket: Socket) -> None:
        """Note an open socket."""
        self._open[socket] = None

    def remove(self, socket: Socket) -> None:
        """Forget a socket that is closed."""
        self._open.pop(socket, None)

    def leases(self) -> set[Lease]:
        """The leases of the open sockets."""
        return {socket.lease for socket in self._open if socket.lease is not None}

    def end(self, ids: set[int]) -> None:
        """Close the sockets whose lease has ended."""
        for socket in list(self._open):
            if socket.lease is not None and socket.lease.id in ids:
                socket.shut(UNAUTHENTICATED, "The session has ended.")

    def close(self) -> None:
        """Close all sockets for good. Their clients reconnect by themselves."""
        self.closed = True
        for socket in list(self._open):
            socket.shut(GOING_AWAY, "The server is stopping.")
