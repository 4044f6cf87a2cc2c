"""The figures of the moment, and those who are sent them as they change. docs/api/dashboard.md#live."""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, NamedTuple

from core.data import sql
from core.http import json_text
from core.http.application import Application
from core.http.declare import answers
from core.http.throttle import too_many
from core.live.hub import Hub
from core.problem import Problem
from handlers.api.books_handler import AREA, BooksHandler
from handlers.api.caller import find_caller
from handlers.api.roles import ROLES, signed_in_caller
from handlers.dashboard.refresh import METRICS

# Seconds after which a client that has too many connections may try again.
FULL_SECONDS = 30
AWAY = "The figures can't be read at the moment; they follow as soon as they can."

query = sql.load("dashboard/live")


class Alert(NamedTuple):
    """An alert that holds until the figures change. condition: its name. document: JSON, with the name as its id."""

    condition: str
    document: str


class Figures(NamedTuple):
    """An owner's figures, as JSON. update: of a stream, without the brace that begins it. data: of a socket."""

    update: bytes
    data: str
    alerts: tuple[Alert, ...]


class LiveFigures:
    """The streams and sockets of this process that are sent figures. `application.kept(LiveFigures)` is the process's own."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.hub: Hub[Figures] = Hub(self._read)
        self._rechecks: set[asyncio.Task[None]] = set()

    async def _read(self, owners: list[int]) -> dict[int, Figures]:
        rows = await query.list_updates(self._app.db, owner_ids=owners)
        return {
            row["owner_id"]: Figures(
                row["update"].removeprefix("{").encode(), row["data"], _alerts(row["conditions"], row["alerts"])
            )
            for row in rows
        }

    def admit(self, account_id: int) -> None:
        """Raises Problem 429 when the account has as many streams and sockets here as it may have."""
        if self.hub.count(account_id) >= self._app.config.dashboard_connections:  # type: ignore[attr-defined]
            raise too_many("connections", FULL_SECONDS)

    def recheck(self, account_id: int) -> None:
        """End the streams and sockets of an account that may no longer enter."""
        if self.hub.count(account_id):
            task = asyncio.create_task(self._recheck(account_id))
            self._rechecks.add(task)
            task.add_done_callback(self._rechecks.discard)

    async def _recheck(self, account_id: int) -> None:
        sessions = {reader.lease.id for reader in self.hub.readers(account_id)}  # type: ignore[attr-defined]
        # Problem: the database is away. A request would not get in either.
        with contextlib.suppress(Problem):
            callers = {session: await find_caller(self._app, session) for session in sessions}
            ended = {
                session
                for session, caller in callers.items()
                if caller is None or not caller.is_active or AREA not in ROLES[caller.role]
            }
            self._app.streams.end(ended)
            self._app.sockets.end(ended)


def _alerts(conditions: Sequence[str], alerts: str) -> tuple[Alert, ...]:
    if not conditions:
        return ()
    documents = json_text.literal(alerts)
    return tuple(
        Alert(condition, json_text.written({"id": condition, **document}))
        for condition, document in zip(conditions, documents, strict=False)
    )


def now_text() -> str:
    """The present moment, as the API writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class LiveHandler(BooksHandler):
    """A base for what a page opens by an address alone, and keeps open. Its token may therefore stand in the query."""

    @property
    def bearer(self) -> str | None:
        """EventSource and WebSocket can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.asked("token") or None

    def right_until(self) -> float:
        """When the access token or the session expires (monotonic)."""
        claims = self.application.tokens.read("access", self.bearer or "")
        return time.monotonic() + min(claims["exp"], signed_in_caller(self).expires_at) - time.time()


class FiguresHandler(BooksHandler):
    """A base whose failure has a sentence of its own."""

    failure: ClassVar[str]

    async def resolve(self, error: BaseException) -> Problem:
        problem = await super().resolve(error)
        return Problem(500, problem.slug, self.failure) if problem.status == 500 else problem


class RealtimeFigures(FiguresHandler):
    failure = "Failed to generate real-time dashboard data"

    @answers(200, "dashboard/live")
    async def get(self) -> None:
        """Show the figures of the moment. Money is compared with yesterday, and counts with what they were when the day began (UTC). 200."""
        self.set_header("Cache-Control", "no-store")
        self.reply(await query.get_live(self.db, owner_id=self.owner_id))


class Recalculation(FiguresHandler):
    failure = "Failed to recalculate dashboard"

    @answers(200, "dashboard/recalculation")
    async def post(self) -> None:
        """Refresh, and send the figures to all open dashboards of the caller. There is nothing to calculate: figures are kept with each
        change. 200."""
        self.reply(await query.recalculate(self.db, owner_id=self.owner_id, metrics=METRICS))


def figures_changed(app: Application, payload: bytes | None) -> None:
    """Send an owner's figures to those who watch them; all, if anything may have changed."""
    hub = app.kept(LiveFigures).hub
    if payload is None:
        hub.change_all()
    else:
        hub.change(json.loads(payload)["owner_id"])


def account_changed(app: Application, payload: bytes | None) -> None:
    """End what belongs to an account whose role no longer has books."""
    account_id = json.loads(payload).get("account_id") if payload is not None else None
    if account_id is not None:
        app.kept(LiveFigures).recheck(account_id)


listeners = {"dashboard.changed": figures_changed, "accounts.changed": account_changed}
groups = ("Books: dashboard",)
routes = [
    ("/api/dashboard/realtime/aggregate/", RealtimeFigures),
    ("/api/dashboard/realtime/recalculate/", Recalculation),
]
