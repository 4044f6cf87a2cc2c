"""Executing a task of the document: who may have what done, and with which arguments. docs/api/monitoring.md#executing."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.data import sql
from core.http import schema
from core.http.declare import answers, idempotent, takes
from core.http.schema import Schema
from core.problem import Message, Problem, invalid
from handlers.monitoring.queue_handler import TaskHandler
from handlers.monitoring.queue_task import queued
from handlers.monitoring.queue_work import AREA, PRIORITIES, TASKS

RETRY_SECONDS = 30
# Unknown arguments that a refusal names.
MOST_NAMED = 10
OTHERS = "You may execute tasks only for your own account."
DAYS = "For json give the days: start_date, end_date."
PERIOD = "For csv and pdf give the type of the period: daily, weekly, monthly, quarterly or yearly."
NO_ACCOUNT = "There is no such account."

query = sql.load("monitoring/queue_task")
BODY = schema.load("monitoring/queue_execute")
# The same for arguments that come by their positions.
ARGUMENTS = Schema(BODY.document["properties"]["kwargs"])


class Execution(TaskHandler):
    @answers(200, "monitoring/queue_execution")
    @answers(429, TaskHandler.dialect.error)
    @idempotent
    @takes(BODY, is_optional=True)
    async def post(self, task_name: str) -> None:
        """Execute a task, soon. Its arguments come by name in `kwargs`, or by position in `args`; `user_id` may stand beside them. Administrators
        execute a task for all accounts, unless they name one; others only for their own. 200; 400 an unknown task, wrong arguments; 403 for
        another account; 429 too many tasks of the caller wait or run."""
        if task_name not in TASKS:
            raise Problem(400, "unknown-task", f"Unknown task: {task_name[: schema.LONGEST_VALUE]}")
        if self.request.body:
            await self.read_body(BODY)
        payload = self._payload(task_name, arguments(task_name, self.body or {}))

        async def execute(tx: sql.Runner) -> tuple[int, str]:
            return 200, json.dumps(queued(await self._queue(tx, task_name, payload), task_name, "queued"))

        await self.once(execute)

    async def _queue(self, tx: sql.Runner, task_name: str, payload: dict[str, Any]) -> int:
        """The id of the task that is queued. Raises Problem: 400, 429."""
        task = TASKS[task_name]
        made = await query.execute_task(
            tx,
            requester=self.owner_id,
            name=task_name,
            job=f"{AREA}.{task_name}",
            payload=json.dumps(payload),
            priority=PRIORITIES.get(task.queue, 0),
            most=task.most,
            actor=self.actor,
        )
        if not made["is_known"]:
            raise invalid({"user_id": [NO_ACCOUNT]})
        if made["id"] is None:
            said = f"{task.most} such tasks of yours wait or run. Try again when one of them is done."
            raise Problem(429, "tasks", said, headers={"Retry-After": str(RETRY_SECONDS)})
        return int(made["id"])

    def _payload(self, task_name: str, given: dict[str, Any]) -> dict[str, Any]:
        """What the job is given. Raises Problem 403."""
        user_id = given.get("user_id", None if self.is_admin and not TASKS[task_name].is_personal else self.owner_id)
        if not self.is_admin and user_id != self.owner_id:
            raise Problem(403, "others", OTHERS)
        return {**given, "user_id": user_id, "requested_by": self.owner_id}


def arguments(task_name: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task by name; null counts as not given. Raises Problem 400."""
    names = TASKS[task_name].arguments
    positional, named = sent.get("args") or [], sent.get("kwargs") or {}
    if len(positional) > len(names):
        raise invalid({"args": [Message.of("maxItems", limit=len(names))]})
    found: dict[str, Any] = {}
    beside = {"user_id": sent.get("user_id")}
    for given in (dict(zip(names, positional, strict=False)), named, beside):
        for name, value in given.items():
            if value is None:
                continue
            if name in found and found[name] != value:
                raise invalid({name: ["This argument is given twice."]})
            found[name] = value
    check(task_name, found)
    # JSON Schema counts 30.0 as an integer.
    return {name: int(value) if isinstance(value, float) else value for name, value in found.items()}


def check(task_name: str, given: Mapping[str, Any]) -> None:
    """Check the arguments of a task. Raises Problem 400."""
    task = TASKS[task_name]
    unknown = [name[: schema.LONGEST_VALUE] for name in given if name not in (*task.arguments, "user_id")]
    if unknown:
        raise invalid({"kwargs": [f"The task has no argument {name}." for name in unknown[:MOST_NAMED]]})
    missing = {name: [Message.of("required")] for name in task.required if name not in given}
    if wrong := {**missing, **ARGUMENTS.errors(given)}:
        raise invalid(wrong)
    check_range(given.get("export_format", "json"), given.get("date_range"))


def check_range(form: str, wanted: Any) -> None:
    """Check which days an export is about. Raises Problem 400."""
    if wanted is None:
        return
    if isinstance(wanted, dict) != (form == "json"):
        raise invalid({"date_range": [DAYS if form == "json" else PERIOD]})
    if form == "json" and wanted.get("start_date", "") > wanted.get("end_date", str(datetime.now(UTC).date())):
        raise invalid({"date_range": ["start_date must be before end_date"]})


groups = ("Server: tasks",)
routes = [("/api/dashboard/celery/tasks/{task_name}/execute/", Execution)]
