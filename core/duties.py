"""Work that a process does beside its requests: all the time, or from time to time."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from core.problem import Problem

log = logging.getLogger("tradepost.duties")


Work = Callable[[], Coroutine[Any, Any, None]]  # does something until cancelled

# Told each event of a topic, in every process, in order: the application and the event's payload; None instead when the log
# went back, so that anything may be otherwise. It must not raise, and not wait.
Listener = Callable[[Any, bytes | None], None]


class Duty(NamedTuple):
    """Called every `seconds` in every process, so it must bear being done twice at once."""

    seconds: float
    work: Callable[[Any], Awaitable[None]]  # with the application


async def every(duty: Duty, app: Any) -> None:
    """Do it until cancelled."""
    while True:
        await asyncio.sleep(duty.seconds * random.uniform(0.9, 1.1))  # several processes don't do it in step
        try:
            await duty.work(app)
        except Problem:
            pass  # the database is away, which core/data/database.py has said
        except Exception:
            log.exception("%s failed, it is tried again in %s s", duty.work.__name__, duty.seconds)


async def always(work: Work) -> None:
    """Do it until cancelled, whatever happens: a process must not go on without, unnoticed."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a background task failed, starting it anew")
        await asyncio.sleep(1)
