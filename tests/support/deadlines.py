"""How long a test waits for what must happen.

A slow machine may take any time, so a deadline never says how quick something is: it only ends a test that would wait for ever.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

# Seconds for one awaited thing, such as an answer or an event. Even a machine that is twenty times slower keeps it.
DEADLINE = 60.0
# Seconds that the server under test lets a request wait for a connection to Postgres; in production it is less than one.
PATIENCE = 15.0
# Seconds for a whole test. It is longer, so that what fails is the wait that says what it waited for.
TEST_DEADLINE = 300.0


async def until(look: Callable[[], Any], wanted: Callable[[Any], bool] = bool, every: float = 0.02) -> Any:
    """Call `look`, a function or a coroutine function, until `wanted` is true of what it returns; return that."""
    end = time.monotonic() + DEADLINE
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if wanted(found):
            return found
        assert time.monotonic() < end, f"still {found!r} after {DEADLINE:g} s"
        await asyncio.sleep(every)


def wait_until(look: Callable[[], Any], every: float = 0.02) -> Any:
    """As `until`, for tests without an event loop."""
    end = time.monotonic() + DEADLINE
    while not (found := look()):
        assert time.monotonic() < end, f"still {found!r} after {DEADLINE:g} s"
        time.sleep(every)
    return found
