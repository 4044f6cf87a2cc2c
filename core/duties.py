"""Work that a process does beside its requests: continuously, or at intervals."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from core import product
from core.problem import Problem

if TYPE_CHECKING:
    from core.http.application import Application

# Between two starts of a background task that failed or ended.
RESTART_SECONDS = 1

log = product.logger("duties")

# A background task: runs until cancelled.
Work = Callable[[], Coroutine[Any, Any, None]]

# Gets the application and the payload of each event of its topic, in every process, in order; None instead of a payload when the
# log went back, so that anything may have changed. It must not raise, and it can't wait.
Listener = Callable[["Application", bytes | None], None]


class Duty(NamedTuple):
    """`work(application)` is called every `seconds` in every process, so two processes may do it at the same time."""

    seconds: float
    work: Callable[["Application"], Awaitable[None]]


async def every(duty: Duty, app: "Application") -> None:
    """Repeat the duty until cancelled."""
    while True:
        # The random factor keeps several processes from doing it at the same moment.
        await asyncio.sleep(duty.seconds * random.uniform(0.9, 1.1))
        try:
            await duty.work(app)
        except Problem:
            # The database is away, which core/data/database.py has logged.
            pass
        except Exception:
            log.exception("%s failed, it is tried again in %s s", duty.work.__name__, duty.seconds)


async def always(work: Work) -> None:
    """Run the task until cancelled, and start it again whenever it fails: a process can't do without it."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a background task failed, starting it again")
        await asyncio.sleep(RESTART_SECONDS)
