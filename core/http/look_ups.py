"""Looking up names of hosts, which others have chosen, by threads: a name server that does not answer holds a thread for as long as the system waits.

A name is looked up once for all who ask for it at the same time, and an answer is used for a while. One asker has few look-ups under way at
a time, however many wait, so that names that are slow on purpose keep nobody else from looking up theirs.
"""

import asyncio
import functools
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Names that are looked up at the same time, and those of one asker among them.
LOOK_UPS, LOOK_UPS_EACH = 32, 4
# Seconds for which an answer is used again, and answers that are kept.
KEPT_SECONDS, MOST_KEPT = 10.0, 1_000
# Addresses of a name to which connections are tried. All are judged.
MOST_ADDRESSES = 8

Name = tuple[str, int]
Found = list[Any]


class LookUps:
    """judge: is called with each address that was found, and raises OSError where one is not admitted."""

    def __init__(self, judge: Callable[[str], None]) -> None:
        self._judge = judge
        self._threads = ThreadPoolExecutor(LOOK_UPS, "look-up")
        self._running: dict[Name, asyncio.Future[Found]] = {}
        self._by_asker: defaultdict[Hashable, set[asyncio.Future[Found]]] = defaultdict(set)
        self._found: dict[Name, tuple[float, Found]] = {}

    async def find(self, host: str, family: int, asker: Hashable) -> Found:
        """The addresses of a host as socket.getaddrinfo returns them, with port 0. Raises OSError: the host has no address, or one that is
        not admitted."""
        name = (host, family)
        while True:
            until, found = self._found.get(name, (0.0, []))
            if until > time.monotonic():
                return found
            if (running := self._running.get(name)) is not None:
                # It goes on if this asker is cancelled: others may wait for it, and the thread can't be stopped.
                return await asyncio.shield(running)
            own = self._by_asker[asker]
            if len(own) < LOOK_UPS_EACH:
                self._start(name, asker, own)
            else:
                await asyncio.wait(own, return_when=asyncio.FIRST_COMPLETED)

    def _start(self, name: Name, asker: Hashable, own: set[asyncio.Future[Found]]) -> None:
        running = asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(self._ask, *name))
        self._running[name] = running
        own.add(running)

        def ended(future: asyncio.Future[Found]) -> None:
            del self._running[name]
            own.discard(future)
            if not own:
                self._by_asker.pop(asker, None)
            # Asking for the exception also says that it was seen: perhaps nobody waits for it any more.
            if not future.cancelled() and future.exception() is None:
                self._keep(name, future.result())

        running.add_done_callback(ended)

    def _ask(self, host: str, family: int) -> Found:
        """In a thread, also the judging: a name may have thousands of addresses."""
        try:
            found = socket.getaddrinfo(host, 0, family, socket.SOCK_STREAM)
        except UnicodeError:
            raise OSError("the name is not valid") from None
        for *_, where in found:
            self._judge(str(where[0]))
        return found[:MOST_ADDRESSES]

    def _keep(self, name: Name, found: Found) -> None:
        if len(self._found) >= MOST_KEPT:
            now = time.monotonic()
            self._found = {one: kept for one, kept in self._found.items() if kept[0] > now}
        if len(self._found) < MOST_KEPT:
            self._found[name] = (time.monotonic() + KEPT_SECONDS, found)

    def close(self) -> None:
        """Look up nothing more. What is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
