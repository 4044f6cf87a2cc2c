"""Work that a process does from time to time beside its requests."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from core.database import Database
from core.problem import Problem

log = logging.getLogger("tradepost.duties")


class Duty(NamedTuple):
    """Called every `seconds` in every process, so it must bear being done twice at once."""

    seconds: float
    work: Callable[[Database, object], Awaitable[None]]  # with the database and the settings


async def every(duty: Duty, db: Database, config: object) -> None:
    """Do it until cancelled."""
    while True:
        await asyncio.sleep(duty.seconds * random.uniform(0.9, 1.1))  # several processes don't do it in step
        try:
            await duty.work(db, config)
        except Problem:
            pass  # the database is away, which core/database.py has said
        except Exception:
            log.exception("%s failed, it is tried again in %s s", duty.work.__name__, duty.seconds)
