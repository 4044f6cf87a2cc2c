"""The figures of the moment through a WebSocket. docs/api/dashboard.md#websockets."""

import json
import time
from collections.abc import Mapping
from typing import Any

from core.http import json_text
from core.http.parameter import Parameter
from core.http.socket_handler import SocketHandler
from core.http.sockets import UNAUTHENTICATED
from core.problem import Problem, forbidden
from handlers.api.books_handler import NotFoundInBooks
from handlers.api.roles import signed_in_caller
from handlers.dashboard.live import AWAY, Figures, LiveFigures, LiveHandler, now_text
from handlers.dashboard.live_stream import INTERVAL, LEAST_INTERVAL, MOST_INTERVAL


class AccountSocket(SocketHandler, LiveHandler):
    """A socket of the account in its path, which has to be the one that is signed in: a reader of the hub (core/live/hub.py). until: when
    its right ends (monotonic)."""

    parameters = (Parameter("token", "The access token, for clients that can't send headers."),)
    live: LiveFigures | None = None

    async def begin(self, **parameters: str) -> None:
        caller = signed_in_caller(self)
        if int(parameters["user_id"]) != caller.account_id:
            raise forbidden()
        live = self.application.kept(LiveFigures)
        live.admit(caller.account_id)
        self.key, self.lease, self.until = caller.account_id, caller.lease, self.right_until()
        self.due = self.next_due(time.monotonic())
        self.enter()
        self.say(self.greeting())
        self.live = live
        live.hub.add(self)

    def greeting(self) -> dict[str, Any]:
        """The first message."""
        raise NotImplementedError

    def next_due(self, now: float) -> float:
        """When figures have to come after those of `now` (monotonic)."""
        raise NotImplementedError

    def tell(self, value: Figures) -> None:
        """Send what the figures have to say."""
        raise NotImplementedError

    def update(self, value: Figures, now: float) -> None:
        if self._has_right():
            self.due = self.next_due(now)
            self.tell(value)

    def fail(self) -> None:
        if self._has_right():
            self.say_error(AWAY)

    def _has_right(self) -> bool:
        if time.monotonic() >= self.until:
            self.shut(UNAUTHENTICATED, "The token has expired.")
        return not self.is_over

    def end(self) -> None:
        if self.live is not None:
            self.live.hub.remove(self)


class DashboardSocket(AccountSocket):
    interval = INTERVAL

    def greeting(self) -> dict[str, Any]:
        said = "Connected to dashboard updates"
        return {"type": "connection.established", "message": said, "user_id": self.key, "timestamp": now_text()}

    def next_due(self, now: float) -> float:
        return min(now + self.interval, self.until)

    def tell(self, value: Figures) -> None:
        following = round((time.time() + self.due - time.monotonic()) * 1000)
        metadata = json.dumps({"update_interval": self.interval, "next_update": following})
        self.say(json_text.composed({"type": '"dashboard.update"', "data": value.data, "metadata": metadata}))

    def _configure(self, message: Mapping[str, Any]) -> None:
        config = message.get("config")
        interval = config.get("update_interval") if isinstance(config, dict) else None
        # True is an int to Python.
        if type(interval) is not int or not LEAST_INTERVAL <= interval <= MOST_INTERVAL:
            said = f"update_interval must be a whole number of seconds from {LEAST_INTERVAL} to {MOST_INTERVAL}."
            raise Problem(400, "wrong-config", said)
        self.interval = interval
        self.due = self.next_due(time.monotonic())
        if self.live is not None:
            self.live.hub.reschedule(self)
        self.say(
            {"type": "configuration.updated", "config": {"update_interval": interval}, "timestamp": now_text()},
        )

    def _request_update(self, message: Mapping[str, Any]) -> None:
        if self.live is not None:
            self.live.hub.ask(self)

    def _answer_ping(self, message: Mapping[str, Any]) -> None:
        self.say({"type": "pong", "timestamp": now_text()})

    receives = {"configure": _configure, "request_update": _request_update, "ping": _answer_ping}


fallbacks = [("/ws/", NotFoundInBooks)]
routes = [("/ws/dashboard/{user_id:int}/", DashboardSocket)]
