"""The base of the handlers of tasks: who sees which, and the queues under which jobs are counted. docs/api/monitoring.md#tasks."""

import json
from functools import cache

from core.access import Access
from handlers.api import areas
from handlers.api.books_handler import AREA, BooksHandler
from handlers.api.handler import ApiHandler
from handlers.api.roles import administers, check_area, signed_in_caller

# Of the document, in its order.
QUEUES = ("high_priority", "default", "low_priority", "cache_operations", "analytics", "reminders")


def _check(handler: ApiHandler) -> None:
    if not administers(signed_in_caller(handler)):
        check_area(handler, AREA)


class TaskHandler(BooksHandler):
    """Administrators see all tasks. Other accounts see those that are about themselves, and others don't exist for them."""

    missing = "Task not found"
    access = Access(f"signed in, area {AREA}, or is_staff", _check)

    @property
    def is_admin(self) -> bool:
        return administers(signed_in_caller(self))

    @property
    def own(self) -> str | None:
        """The account whose tasks the caller sees, as SQL has it; None: all."""
        return None if self.is_admin else str(self.owner_id)


@cache
def queues() -> str:
    """The queue of each job, by its name, as JSON. Raises ValueError for one that is not of the document."""
    found = {job.name: job.queue for job in areas.jobs()}
    if unknown := set(found.values()) - set(QUEUES):
        raise ValueError(f"there is no queue {', '.join(unknown)}")
    return json.dumps(found)
