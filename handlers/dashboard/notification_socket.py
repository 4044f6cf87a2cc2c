"""Alerts and notifications of an account through a WebSocket. docs/api/dashboard.md#websockets.

A module that keeps alerts of accounts defines `acknowledges`, a list of coroutine functions that get the application, the account's id, the
alert's id and the actor for the audit, acknowledge the alert if it is the account's, and return whether it is.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from core.http import json_text
from core.http.application import Application
from core.problem import Problem, not_found
from handlers.api import areas
from handlers.dashboard.live import Figures, LiveFigures, now_text
from handlers.dashboard.live_socket import AccountSocket

# What a client may subscribe to; at first it is subscribed to all.
KINDS = ("alerts", "notifications")
# The conditions of dashboard.live_figures, which are the ids of the alerts that the figures make.
CONDITIONS = ("negative-profit", "overdue-invoices")
DAY_SECONDS = 86400
# The seconds after midnight within which the sockets look for what the new day has made overdue, so that they don't all look at once.
MIDNIGHT_SECONDS = 10.0
# The most that a bigint holds.
LARGEST_ID = 2**63 - 1


class NotificationSocket(AccountSocket):
    """known: the alerts that held when the figures were last read; None: they were not yet."""

    known: frozenset[str] | None = None
    subscription: frozenset[str] = frozenset(KINDS)

    def greeting(self) -> dict[str, Any]:
        said = "Connected to dashboard notifications"
        return {"type": "notifications.connected", "message": said, "user_id": self.key, "timestamp": now_text()}

    def next_due(self, now: float) -> float:
        # An invoice becomes overdue when a day begins, without a change.
        left = DAY_SECONDS - time.time() % DAY_SECONDS + random.uniform(0, MIDNIGHT_SECONDS)
        return min(now + left, self.until)

    def tell(self, value: Figures) -> None:
        """Send the alerts that have begun since the figures before; at first none, as it is not known when they began."""
        for alert in value.alerts:
            if self.known is not None and alert.condition not in self.known:
                self.send_new("alerts", "alert", alert.document)
        self.known = frozenset(alert.condition for alert in value.alerts)

    def send_new(self, kind: str, name: str, document: str) -> None:
        """Send an alert or a notification, which is JSON, to a client that is subscribed to its kind."""
        if kind in self.subscription:
            members = {"type": f'"{name}.new"', name: document, "timestamp": f'"{now_text()}"'}
            self.say(json_text.composed(members))

    async def _acknowledge(self, message: Mapping[str, Any]) -> None:
        alert_id = message.get("alert_id")
        if not (isinstance(alert_id, str) and alert_id in CONDITIONS):
            await self._acknowledge_row(_row_id(alert_id))
        self.say({"type": "alert.acknowledged", "alert_id": alert_id, "timestamp": now_text()})

    async def _acknowledge_row(self, row_id: int) -> None:
        for acknowledge in areas.gathered("acknowledges"):
            if await acknowledge(self.application, self.key, row_id, self.actor):
                return
        raise not_found("Alert not found.")

    def _subscribe(self, message: Mapping[str, Any]) -> None:
        asked = message.get("subscription")
        kinds = list(KINDS) if asked == "all" else [asked] if isinstance(asked, str) else asked
        if not isinstance(kinds, list) or any(kind not in KINDS for kind in kinds):
            said = f"subscription must be all, {', '.join(KINDS)}, or a list of these."
            raise Problem(400, "wrong-subscription", said)
        self.subscription = frozenset(kinds)
        self.say({"type": "subscription.updated", "subscription": asked, "timestamp": now_text()})

    def _answer_ping(self, message: Mapping[str, Any]) -> None:
        self.say({"type": "pong", "timestamp": now_text()})

    receives: ClassVar = {"acknowledge": _acknowledge, "subscribe": _subscribe, "ping": _answer_ping}


def _row_id(alert_id: Any) -> int:
    """The id of an alert that is a row. Raises Problem 404: no row has that id."""
    if isinstance(alert_id, str) and alert_id.isascii() and alert_id.isdecimal() and len(alert_id) <= 18:
        alert_id = int(alert_id)
    if type(alert_id) is not int or not 0 < alert_id <= LARGEST_ID:
        raise not_found("Alert not found.")
    return alert_id


def passed_on(kind: str, name: str) -> Callable[[Application, bytes | None], None]:
    """A listener that sends the member `name` of an event's payload to the sockets of the account that it names."""

    def listen(app: Application, payload: bytes | None) -> None:
        # Without a payload the log went back, which is no news to anybody.
        event = json_text.literal(payload.decode()) if payload is not None else {}
        # An alert about the server itself is no account's.
        if event.get("account_id") is None:
            return
        document = json_text.written(event[name])
        for reader in app.kept(LiveFigures).hub.readers(int(event["account_id"])):
            if isinstance(reader, NotificationSocket):
                reader.send_new(kind, name, document)

    return listen


listeners = {
    "monitoring.alert": passed_on("alerts", "alert"),
    "monitoring.notification": passed_on("notifications", "notification"),
}
routes = [("/ws/dashboard/notifications/{user_id:int}/", NotificationSocket)]
