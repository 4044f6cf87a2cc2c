"""How jobs are run: the processes, the queues, and how they are in all. docs/api/monitoring.md#tasks."""

import json
from typing import Any, ClassVar

from core.data import sql
from core.dialect import Dialect
from core.http.declare import answers
from core.jobs.commands import GONE_SECONDS
from handlers.api import areas
from handlers.api.dialects import BooksDialect
from handlers.api.limited import LimitedHandler
from handlers.api.roles import administrator
from handlers.monitoring.queue_handler import QUEUES, TaskHandler, queues

# The runs by which the system is judged: those that ended of late, and of these no more than can be read at once.
HOURS, MOST_RUNS = 24, 1000

query = sql.load("monitoring/queue_state")


def judged(handler: TaskHandler) -> dict[str, Any]:
    """The parameters of the queries that judge the system."""
    kinds = {"names": list(QUEUES), "queues": queues()}
    return {"owner": handler.own, "gone": GONE_SECONDS, "hours": HOURS, "most": MOST_RUNS, **kinds}


class Status(TaskHandler):
    @answers(200, "monitoring/queue_state")
    async def get(self) -> None:
        """Show how the processing of tasks is. Processes and queues are shown to administrators; `performance_metrics` has the tasks that the
        caller sees. 200."""
        self.reply(await query.get_state(self.db, **judged(self)))


class HealthCheck(TaskHandler):
    @answers(200, "monitoring/queue_health")
    async def post(self) -> None:
        """Show how the processing of tasks is, and what to do about it. 200."""
        self.reply(await query.check_health(self.db, **judged(self)))


class AdministratorHandler(LimitedHandler):
    """What is no part of anybody's books."""

    dialect: ClassVar[Dialect] = BooksDialect()
    access = administrator


class Workers(AdministratorHandler):
    @answers(200, "monitoring/queue_workers")
    async def get(self) -> None:
        """Show the processes that run tasks, by name, what each runs and can run, and the schedules. 200."""
        schedules = {one.name: {"cron": one.cron, "job": one.job} for one in areas.schedules()}
        self.reply(await query.get_workers(self.db, gone=GONE_SECONDS, schedules=json.dumps(schedules)))


class Queues(AdministratorHandler):
    @answers(200, "monitoring/queue_queues")
    async def get(self) -> None:
        """Show the queues: `count` tasks wait and are due, `scheduled` ones wait for a later moment, `active` ones run. 200."""
        self.reply(await query.get_queues(self.db, gone=GONE_SECONDS, names=list(QUEUES), queues=queues()))


groups = ("Server: tasks",)
routes = [
    ("/api/dashboard/celery/status/", Status),
    ("/api/dashboard/celery/workers/", Workers),
    ("/api/dashboard/celery/queues/", Queues),
    ("/api/dashboard/celery/health_check/", HealthCheck),
]
