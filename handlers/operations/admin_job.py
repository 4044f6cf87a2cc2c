"""Jobs in the administration: the queue, and its history. docs/api/operations.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from core.jobs.commands import STATUS_WORDS
from handlers.api.admin import Action, AdminHandler, Column, Field, Filter, Key, Related, Table

NOT_HELD = "The others are not held."
NOT_QUEUED = "The others are not held, or another job that does the same waits or runs."
# The states of a run (jobs.run), and what they mean.
RUN_STATES = (
    ("running", "running"),
    ("succeeded", "succeeded"),
    ("retried", "failed, and tried again"),
    ("held", "failed for good"),
    ("lost", "lost with its process"),
    ("released", "given back by its process"),
)

query, run_query = sql.load("operations/admin_job"), sql.load("operations/admin_run")


async def retry(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Queue held jobs again, as `server.py jobs --retry` does."""
    done = await query.retry_jobs(handler.db, ids=[key["id"] for key in keys], actor=handler.actor)
    return _said(f"{len(done)} of {len(keys)} jobs are queued again.", len(done) < len(keys), NOT_QUEUED)


async def remove(handler: AdminHandler, keys: Sequence[Key]) -> str:
    """Remove held jobs for good, as `server.py jobs --remove` does."""
    done = await query.remove_jobs(handler.db, ids=[key["id"] for key in keys], actor=handler.actor)
    return _said(f"{len(done)} of {len(keys)} jobs were removed.", len(done) < len(keys), NOT_HELD)


def _said(done: str, others: bool, why: str) -> str:
    return f"{done} {why}" if others else done


# `jobs` is the name of what an area declares itself (handlers/api/areas.py).
queue = Table(
    area="operations",
    name="jobs",
    title="Jobs",
    one="job",
    about="The queue: jobs that are held after their last attempt, run, or wait. What is done is in the history.",
    key={"id": "number"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("id", "Number", "number"),
        Column("name", "Job"),
        Column("status", "State", "badge", order="status"),
        Column("execute_after", "Not before", "moment"),
        Column("attempts", "Failed attempts", "number"),
        Column("payload", "About"),
        Column("error", "Last error"),
    ),
    orders={
        "status": OrderColumn("q.status", "jobs.pgqueuer_status", lambda value: value in STATUS_WORDS),
        "id": OrderColumn("q.id", "bigint", keyset.is_id),
    },
    # The order of the states in Postgres: held, running, waiting.
    usual=("-status",),
    filters=(
        Filter("status", "State", choices=list(STATUS_WORDS.items())),
        Filter("name", "Job, such as books.mail", "text"),
    ),
    shown=(
        Field("number", "Number"),
        Field("job", "Job"),
        Field("status", "State", "badge"),
        Field("worker", "Runs in"),
        Field("execute_after", "Not before", "moment"),
        Field("attempts", "Failed attempts"),
        Field("priority", "Priority"),
        Field("dedupe_key", "Key of which one may wait or run"),
        Field("queued_at", "Queued", "moment"),
        Field("updated_at", "Last changed", "moment"),
        Field("payload", "About", "json"),
        Field("runs", "Last runs", "json"),
    ),
    actions=(
        Action("retry", "Queue again", retry),
        Action("remove", "Remove", remove, "What they were to do is never done.", is_dangerous=True),
    ),
    related=(Related("All runs", "operations/runs", "job"),),
    audited="task",
)

runs = Table(
    area="operations",
    name="runs",
    title="History of jobs",
    one="run",
    about="Each time that a job was begun, for as long as JOB_HISTORY_DAYS.",
    key={"id": "number"},
    list=run_query.list_rows,
    get=run_query.get_row,
    columns=(
        Column("started_at", "Began", "moment", order="started_at"),
        Column("name", "Job"),
        Column("status", "Outcome", "badge"),
        Column("attempt", "Attempt", "number"),
        Column("seconds", "Seconds", "number"),
        Column("payload", "About"),
        Column("error", "Error"),
    ),
    orders={
        "started_at": OrderColumn("r.started_at", "timestamptz", keyset.is_instant),
        "id": OrderColumn("r.id", "bigint", keyset.is_id),
    },
    usual=("-started_at",),
    filters=(
        Filter("status", "Outcome", choices=RUN_STATES),
        Filter("name", "Job, such as books.mail", "text", apart=("status",)),
        Filter("job", "Job, by number", "reference", to="operations/jobs"),
        Filter("since", "Since", "since"),
        Filter("until", "Until", "until"),
    ),
    shown=(
        Field("name", "Job"),
        Field("job", "Number of the job", to="operations/jobs"),
        Field("status", "Outcome", "badge"),
        Field("attempt", "Attempt"),
        Field("worker", "Ran in"),
        Field("started_at", "Began", "moment"),
        Field("finished_at", "Ended", "moment"),
        Field("seconds", "Seconds"),
        Field("payload", "About", "json"),
        Field("result", "Result", "json"),
        Field("error", "Error", "lines"),
        Field("traceback", "Traceback", "lines"),
    ),
)

admin_tables = [queue, runs]
