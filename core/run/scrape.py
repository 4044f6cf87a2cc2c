"""The text that Prometheus reads: what the processes of this server count, and what Postgres has of jobs and events at the moment."""

import asyncio
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, Protocol

from core.data import sql
from core.data.database import Database
from core.http import negotiate
from core.jobs.job import Job
from core.metrics import CACHE_KEYS, Metric, Metrics, Reading
from core.problem import Problem

# How long a text is used. Anybody who may read it can ask at any rate, and it costs milliseconds.
KEPT_SECONDS = 1.0
# For the query, and then the figures of Postgres are left out: Prometheus gives up after 10 s.
QUERY_SECONDS = 2.0
# A worker that was not seen for so long has ended, as in core/jobs/commands.py.
GONE_SECONDS = 60.0
# Counts end there. Whether 10,000 jobs wait or more is the same alarm, and all kinds of jobs together must take some 10 ms.
MOST_COUNTED = 10_000
# The media types, in the order of preference, and how each is named in full.
PLAIN, OPENMETRICS = "text/plain", "application/openmetrics-text"
MEDIA = {PLAIN: f"{PLAIN}; version=0.0.4; charset=utf-8", OPENMETRICS: f"{OPENMETRICS}; version=1.0.0; charset=utf-8"}

BACKLOG = Metric("celery_queues_backlog", "gauge", "Jobs that are due and wait.", ("queue",))
WORKERS = Metric("celery_workers_count", "gauge", "Processes that run jobs.")
WAITING = Metric("jobs_waiting", "gauge", "Jobs that wait: due, or due later; at most 10000.", ("name", "state"))
OLDEST_DUE = Metric("jobs_oldest_due_seconds", "gauge", "For how long the oldest waiting job has been due.", ("name",))
RUNNING = Metric("jobs_running", "gauge", "Jobs that run.", ("name",))
HELD = Metric("jobs_held", "gauge", "Jobs that have failed for good; the command jobs lists them.", ("name",))
EVENTS_HEAD = Metric("event_log_head_position", "gauge", "Position of the last event of the log.")
EVENTS_WAITING = Metric(
    "event_log_waiting", "gauge", "Events that are committed and have no position yet; at most 10000."
)
EVENTS_OLDEST = Metric("event_log_oldest_waiting_seconds", "gauge", "Age of the oldest event without a position.")
_OF_JOB = {"oldest_due": OLDEST_DUE, "running": RUNNING, "held": HELD}
_WITHOUT_LABEL = {
    "workers": WORKERS,
    "events_head": EVENTS_HEAD,
    "events_waiting": EVENTS_WAITING,
    "events_oldest": EVENTS_OLDEST,
}

query = sql.load("core/metrics")


class Measured(Protocol):
    """What of an application is read."""

    db: Database
    metrics: Metrics


class Scrape:
    """Makes the texts of one process. queues: by the name of a job, the queue under which it is counted."""

    def __init__(self, app: Measured, queues: Mapping[str, str]) -> None:
        self._queues = queues
        self._metrics = app.metrics
        self._db = app.db.limited(most=1, seconds=QUERY_SECONDS)
        self._turn = asyncio.Lock()
        # By format: the text, and until when it is used (monotonic).
        self._kept: dict[str, tuple[bytes, float]] = {}

    async def text(self, accept: str) -> tuple[bytes, str]:
        """The text that a header Accept prefers, and its Content-Type. It is at most a second old. While Postgres is away it lacks the
        figures that are Postgres's."""
        media = negotiate.media_type(accept, tuple(MEDIA)) or PLAIN
        async with self._turn:
            text, until = self._kept.get(media, (b"", 0.0))
            if monotonic() >= until:
                beside = await self._of_postgres()
                self._metrics.read()
                text = await asyncio.to_thread(self._metrics.expose, beside, as_openmetrics=media == OPENMETRICS)
                self._kept[media] = text, monotonic() + KEPT_SECONDS
        return text, MEDIA[media]

    async def _of_postgres(self) -> list[Reading]:
        try:
            rows = await query.read_figures(self._db, seconds=GONE_SECONDS, most=MOST_COUNTED)
        except Problem:
            # The database is away or busy, which database_up and database_refusals_total tell.
            return []
        return list(_readings(rows, self._queues))


def _readings(rows: Iterable[Any], queues: Mapping[str, str]) -> Iterable[Reading]:
    backlog: dict[str, float] = {}
    for row in rows:
        figure, label, value = row["figure"], row["label"], row["value"]
        if figure in _WITHOUT_LABEL:
            yield Reading(_WITHOUT_LABEL[figure], value)
        elif figure in _OF_JOB:
            yield Reading(_OF_JOB[figure], value, (label,))
        elif figure == "idempotency_keys":
            yield Reading(CACHE_KEYS, value, ("idempotency",))
        else:
            yield Reading(WAITING, value, (label, figure))
            if figure == "due":
                # A job that only another release knows counts as one that names no queue.
                queue = queues.get(label, Job.queue)
                backlog[queue] = backlog.get(queue, 0.0) + value
    for queue, value in backlog.items():
        yield Reading(BACKLOG, value, (queue,))
