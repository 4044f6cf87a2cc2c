"""Executions of tasks: the server's own jobs, and what clients record. docs/api/monitoring.md#executions."""

import json
from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.http import keyset
from core.http.application import Refusal
from core.http.declare import answers, body, idempotent
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import Parameter
from core.problem import Problem, invalid
from handlers.api import books_listing, moment
from handlers.api.books_handler import stale
from handlers.api.books_listing import Listing
from handlers.monitoring.watched import MonitoringHandler

PRIORITIES = ("low", "normal", "high", "critical")
STATUSES = ("pending", "started", "success", "failure", "retry", "revoked")
MOMENTS = ("scheduled_at", "started_at", "completed_at")
WRONG_MOMENT = (
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)
# Members of the JSON that goes with an execution, an alert or a measure, together.
TOO_LONG = "Ensure this value has no more than 16384 characters."


def is_count(value: Any) -> bool:
    """A test for cursors: a number of something, a Postgres integer."""
    return type(value) is int and 0 <= value < 2**31


def is_duration(value: Any) -> bool:
    """A test for cursors: seconds as JSON reads them from `numeric`; -1 takes the place of null."""
    return keyset.is_number(value) and -1 <= value < 10**8


COLUMNS = {
    "id": Column("t.id", "bigint", keyset.is_id),
    "created_at": Column("t.created_at", "timestamptz", keyset.is_instant),
    "scheduled_at": Column("t.scheduled_at", "timestamptz", keyset.is_instant),
    "duration": Column("coalesce(t.duration, -1)", "numeric", is_duration),
    "retry_count": Column("t.retry_count", "integer", is_count),
}

query = sql.load("monitoring/execution")
tasks = Listing(query.list_tasks, query.find_tasks, query.walk_tasks, COLUMNS, ("-created_at",))


class Tasks(MonitoringHandler):
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("search", "Words that occur in the task_name, task_id or worker_name, ignoring case."),
        Parameter("task_name", "Only executions of this task."),
        Parameter("status", "Only executions with this status.", {"enum": [*STATUSES]}),
        Parameter("queue_name", "Only executions of this queue."),
        Parameter("priority", "Only executions with this priority.", {"enum": [*PRIORITIES]}),
        *books_listing.CREATED,
    )

    def filters(self) -> dict[str, Any]:
        """The filters that are asked for, by their names in sql/monitoring/execution.sql. Raises Problem 400."""
        found = {name: self.asked(name) for name in ("task_name", "queue_name")}
        return {
            **self.own(),
            **{name: value for name, value in found.items() if value},
            **self.choice("status", STATUSES),
            **self.choice("priority", PRIORITIES),
            **books_listing.created(self),
            **books_listing.search(self, "search", self.is_admin),
        }

    @answers(200, page_of("monitoring/execution"))
    async def get(self) -> None:
        """List the executions, the latest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await books_listing.show_page(self, tasks, self.filters()))

    @answers(201, "monitoring/execution")
    @idempotent
    @body("monitoring/execution_write")
    async def post(self) -> None:
        """Record an execution. 201; 400 wrong fields, or a task_id that the account has already."""
        moments = moments_of(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            asked = {"is_admin": self.is_admin, "body": self.body_text, "moments": moments, "actor": self.actor}
            made = await query.create_task(db, account_id=self.account_id, **asked)
            return 201, made["document"]

        await self.once(make, is_one_statement=True)


class Task(MonitoringHandler):
    @answers(200, "monitoring/execution", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an execution. 200; 404."""
        self.show(await query.get_task(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "monitoring/execution", headers=("ETag",))
    @body("monitoring/execution_write")
    async def put(self, id: str) -> None:
        """Replace an execution. Fields that the body omits stay. 200; 400 wrong fields, or a task_id that the account has already; 403 it is one
        of the server's own jobs; 404; 412 the execution is in another state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "monitoring/execution", headers=("ETag",))
    @body("monitoring/execution_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of an execution. 200; 400 wrong fields, or a task_id that the account has already; 403 it is one of the server's own
        jobs; 404; 412 the execution is in another state than If-Match says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete an execution. 204; 403 it is one of the server's own jobs, and the caller is no administrator; 404; 412 the execution is in
        another state than If-Match says."""
        found = await query.delete_task(
            self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
        )
        self.current(recorded(self.found(found)))
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        changed = await query.update_task(
            self.db,
            account_id=self.account_id,
            is_admin=self.is_admin,
            id=int(id),
            body=self.body_text,
            moments=moments_of(self.body),
            if_match=self.if_match,
            actor=self.actor,
        )
        self.show_changed(recorded(self.found(changed)))


def recorded(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row (is_job). Raises Problem 403: what the server has recorded of its own jobs is not changed, as its health is judged by it."""
    if found["is_job"]:
        raise Problem(403, "job", "The server itself records this task, so it can't be changed.")
    return found


def moments_of(sent: dict[str, Any]) -> str:
    """The moments of a body as Postgres reads them, in UTC: JSON. Raises Problem 400."""
    found, wrong = {}, {}
    for name in MOMENTS:
        if sent.get(name) is not None:
            try:
                found[name] = moment.of_body(sent[name])
            except (ValueError, OverflowError):
                wrong[name] = [WRONG_MOMENT]
    if wrong:
        raise invalid(wrong)
    return json.dumps(found)


async def wrong_user(handler: Any) -> Problem:
    """No account has the id that the body names as `user`."""
    return invalid({"user": [f'Invalid pk "{handler.body.get("user")}" - object does not exist.']})


refusals: dict[str, Refusal] = {
    "task_task_id_key": invalid({"task_id": ["A task execution with this task_id already exists."]}),
    "task_task_id_reserved": invalid({"task_id": ["Ids of the form job-N are those of the server's own jobs."]}),
    "task_account_id_exists": wrong_user,
    "task_arguments_bounded": invalid({"arguments": [TOO_LONG]}),
    "task_keyword_arguments_bounded": invalid({"keyword_arguments": [TOO_LONG]}),
}
groups = ("Books: monitoring, tasks",)
routes = [
    ("/api/monitoring/api/tasks/", Tasks),
    ("/api/monitoring/api/tasks/{id:int}/", Task),
]
