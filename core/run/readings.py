"""What a process reads of its own parts for the metrics: the pool, the event log, the streams, Redis, and what is kept in memory."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.data.database import Database
from core.http import idempotency
from core.live.live import Live
from core.metrics import CACHE_ASKED, CACHE_BYTES, CACHE_FOUND, CACHE_KEYS, Metric, Reading

if TYPE_CHECKING:
    from core.http.application import Application

IN_PROGRESS = Metric("http_requests_in_progress", "gauge", "Requests that have begun and are not answered.")
DATABASE_UP = Metric("database_up", "gauge", "0 while a process can't reach Postgres.", across="min")
CONNECTIONS = Metric("database_pool_connections", "gauge", "Open connections of the pools, idle or used.", ("state",))
POOL_LIMIT = Metric("database_pool_limit", "gauge", "The most connections of the pools.")
POOL_WAITING = Metric("database_pool_waiting", "gauge", "Statements that wait for a free connection.")
RETRIES = Metric("database_retries_total", "counter", "Transactions that were repeated because Postgres asked for it.")
REFUSALS = Metric(
    "database_refusals_total",
    "counter",
    "Refusals with 503, because Postgres was away, or a statement or a connection took too long (busy).",
    ("reason",),
)
CANCELLED = Metric("database_cancelled_total", "counter", "Statements that were cancelled because they took too long.")
REDIS_UP = Metric("redis_up", "gauge", "0 while a process can't reach Redis.", across="min")
DELIVERED = Metric(
    "event_log_delivered_position",
    "gauge",
    "Position of the last event that was delivered in the slowest process.",
    across="min",
)
STREAMS_OPEN = Metric("streams_open", "gauge", "Open streams (server-sent events).")
SOCKETS_OPEN = Metric("sockets_open", "gauge", "Open WebSockets.")
STREAMS_OPENED = Metric("streams_opened_total", "counter", "Streams that were opened.")
STREAMS_SLOW = Metric(
    "streams_closed_slow_total", "counter", "Streams that were closed because their reader was too slow."
)
STREAMS_BYTES = Metric("streams_sent_bytes_total", "counter", "Bytes that streams have sent.")


def of_database(db: Database) -> Iterable[Reading]:
    """Of the pool."""
    is_open, idle = db.connections
    yield Reading(DATABASE_UP, db.up)
    yield Reading(CONNECTIONS, idle, ("idle",))
    yield Reading(CONNECTIONS, is_open - idle, ("used",))
    yield Reading(POOL_LIMIT, db.size)
    yield Reading(POOL_WAITING, db.waiting)
    yield Reading(RETRIES, db.retries)
    yield Reading(REFUSALS, db.refused_away, ("away",))
    yield Reading(REFUSALS, db.refused_busy, ("busy",))
    yield Reading(CANCELLED, db.cancelled)


def of_live(live: Live) -> Iterable[Reading]:
    """Of the event log and the streams."""
    if live.is_redis_up is not None:
        yield Reading(REDIS_UP, live.is_redis_up)
    yield Reading(DELIVERED, live.events.head)
    traffic, memory = live.streams.traffic, live.streams.memory
    yield Reading(STREAMS_OPEN, live.streams.count)
    yield Reading(STREAMS_OPENED, traffic.opened)
    yield Reading(STREAMS_SLOW, traffic.closed_slow)
    yield Reading(STREAMS_BYTES, traffic.sent_bytes)
    yield Reading(CACHE_KEYS, memory.events, ("events",))
    yield Reading(CACHE_BYTES, memory.bytes, ("events",))
    yield Reading(CACHE_ASKED, memory.asked, ("events", "get"))
    yield Reading(CACHE_FOUND, memory.found, ("events",))


def of_application(app: "Application") -> Iterable[Reading]:
    """Of requests and WebSockets."""
    yield Reading(IN_PROGRESS, app.active)
    yield Reading(SOCKETS_OPEN, app.sockets.count)
    keys = app.kept(idempotency.Counts)
    yield Reading(CACHE_ASKED, keys.asked, ("idempotency", "get"))
    yield Reading(CACHE_FOUND, keys.found, ("idempotency",))
