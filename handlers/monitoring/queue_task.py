"""Tasks: the jobs that wait, run and have run. docs/api/monitoring.md#tasks."""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers
from core.http.json_text import composed
from core.http.parameter import Parameter
from core.problem import Problem, not_found
from handlers.api import books_listing
from handlers.monitoring.queue_handler import TaskHandler, queues

# Tasks of a page, unless asked for, and at most.
LIMIT, MOST = 50, 200

query = sql.load("monitoring/queue_task")


class Tasks(TaskHandler):
    parameters = (
        Parameter(
            "limit",
            "Tasks of a page; a larger number counts as the maximum.",
            {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
        ),
        keyset.CURSOR,
    )

    @answers(200, "monitoring/queue_tasks")
    async def get(self) -> None:
        """List the tasks, the latest first: those that wait or run, and those of the history. Administrators see all, others those that are
        about themselves. 200; 400 a wrong limit, an invalid cursor."""
        limit = min(MOST, books_listing.whole_from(self, "limit", 1, 10**books_listing.LONGEST_ID, LIMIT))
        after = keyset.given(self, keyset.is_id)
        filters: dict[str, Any] = {} if self.own is None else {"whose": self.own}
        filters |= {} if after is None else {"before": after[0]}
        rows = await query.list_tasks.where(**filters)(self.db, is_admin=self.is_admin, queues=queues(), most=limit)
        last = [rows[limit - 1]["id"]] if len(rows) > limit else None
        tasks = [row["document"] for row in rows[:limit]]
        page = {"tasks": f"[{','.join(tasks)}]", "count": str(len(tasks)), "next": keyset.following(self, last)}
        self.reply(composed(page))


class Task(TaskHandler):
    @answers(200, "monitoring/queue_task_whole")
    async def get(self, task_id: str) -> None:
        """Show a task with all its runs. It is found from the moment at which it is queued, until its history is removed. 200; 404."""
        found = await query.get_task(self.db, id=int(task_id), owner=self.own, queues=queues())
        if found is None:
            raise not_found(self.missing)
        self.reply(found)

    @answers(409, TaskHandler.dialect.error)
    async def delete(self, task_id: str) -> None:
        """Cancel a task that was executed, and waits or is held. 204; 404; 409 it runs, has ended, or belongs to something that waits for it."""
        found = await query.cancel_task(self.db, id=int(task_id), owner=self.own, actor=self.actor)
        if not self.found(found)["is_cancelled"]:
            raise Problem(409, "not-waiting", "Only an executed task that waits or is held can be cancelled.")
        self.reply_nothing()


class Retry(TaskHandler):
    @answers(200, "monitoring/queue_execution")
    @answers(409, TaskHandler.dialect.error)
    async def post(self, task_id: str) -> None:
        """Queue a task again that is held after its last attempt. Accounts do so with what they have executed, administrators with every task. 200;
        403 a task that the caller has not executed; 404; 409 it is not held, or another one that does the same waits or runs."""
        found = await query.retry_task(self.db, id=int(task_id), owner=self.own, actor=self.actor)
        row = self.found(found)
        if not row["is_held"]:
            raise Problem(409, "not-held", "Only a task that is held after its last attempt can be queued again.")
        if not row["is_allowed"]:
            raise Problem(403, "others", "Only an administrator can queue a task again that you have not executed.")
        if not row["is_queued"]:
            raise Problem(409, "doubled", "Another task that does the same waits or runs already.")
        self.reply(queued(int(task_id), row["name"], "queued again"))


def queued(id: int, name: str, how: str) -> dict[str, str]:
    """What is said of a task that was queued."""
    return {"task_id": str(id), "task_name": name, "status": "queued", "message": f"Task {name} {how} successfully"}


groups = ("Server: tasks",)
routes = [
    ("/api/dashboard/celery/tasks/", Tasks),
    ("/api/dashboard/celery/tasks/{task_id:int}/", Task),
    ("/api/dashboard/celery/tasks/{task_id:int}/retry/", Retry),
]
