"""Alerts and notifications through a WebSocket. docs/api/dashboard.md#websockets."""

import json

import pytest

from handlers.dashboard import notification_socket
from handlers.dashboard.live import LiveFigures
from tests.support.deadlines import until
from tests.support.live import INVOICE, connect, process_has_seen

__all__ = ["connect"]
pytestmark = pytest.mark.gen_test
EXPENSE = """INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount,
                                        is_billable, status, notes)
             VALUES ($1, 'By SQL', 5, 'travel', books.today(), '', '', 0, false, 'pending', '')"""


@pytest.fixture
def listen(connect, app):
    """`await listen(owner)`: a socket of notifications, past its greeting, which knows the alerts that hold already."""

    async def listen(owner):
        before = len(app.kept(LiveFigures).hub.readers(owner.id))
        socket = await connect(f"/ws/dashboard/notifications/{owner.id}/", owner.token)
        greeting = await socket.next()
        assert set(greeting) == {"type", "message", "user_id", "timestamp"}
        assert (greeting["type"], greeting["user_id"]) == ("notifications.connected", owner.id)
        reader = app.kept(LiveFigures).hub.readers(owner.id)[before]
        await until(lambda: reader.known is not None)
        return socket

    return listen


async def event(db, topic, payload, account_id):
    await db.execute(
        "INSERT INTO core.event (topic, payload, tags) VALUES ($1, $2, ARRAY['account:' || $3::bigint])",
        topic,
        json.dumps(payload),
        account_id,
    )


async def seen(app, db, owner):
    """Waits until every reader of the owner has the figures of all that is committed."""
    await process_has_seen(app, db)
    hub = app.kept(LiveFigures).hub
    await until(lambda: owner.id not in hub._planned)
    await app.db.value("SELECT 1")


async def test_an_alert_comes_when_it_begins_and_not_with_each_change(owner, listen, db, app):
    socket = await listen(owner)
    for _ in range(5):
        await db.execute(INVOICE, owner.id, -30, -10)
    await seen(app, db, owner)
    await db.execute(INVOICE, owner.id, -30, -10)
    begun = await socket.next()
    assert set(begun) == {"type", "alert", "timestamp"} and begun["type"] == "alert.new"
    assert begun["alert"].pop("timestamp")
    assert begun["alert"] == {
        "id": "overdue-invoices",
        "level": "warning",
        "message": "6 invoices are overdue",
        "metric": "Overdue Invoices",
        "action_required": True,
    }
    for _ in range(3):
        await db.execute(INVOICE, owner.id, -30, -10)
        await seen(app, db, owner)
    await db.execute(EXPENSE, owner.id)
    assert (await socket.next())["alert"]["id"] == "negative-profit"


async def test_an_alert_that_ends_and_begins_again_comes_again(owner, listen, db, app):
    socket = await listen(owner)
    for _ in range(2):
        await db.execute(EXPENSE, owner.id)
        assert (await socket.next())["alert"]["id"] == "negative-profit"
        await db.execute("DELETE FROM books.expense WHERE owner_id = $1", owner.id)
        [reader] = app.kept(LiveFigures).hub.readers(owner.id)
        await until(lambda reader=reader: reader.known == frozenset())


async def test_an_alert_that_holds_already_is_no_news(owner, listen, db):
    await db.execute(EXPENSE, owner.id)
    socket = await listen(owner)
    assert (await socket.asked({"type": "ping"}))["type"] == "pong"


async def test_alerts_and_notifications_of_monitoring_reach_their_account_alone(open_books, listen, db):
    first, second = await open_books(), await open_books()
    sockets = [await listen(one) for one in (first, second)]
    alert = {"id": 7, "title": "Slow tasks", "value": 1.10, "text": "ä \u2028"}
    await event(db, "monitoring.alert", {"account_id": second.id, "alert": alert}, second.id)
    await event(db, "monitoring.alert", {"account_id": first.id, "alert": {"id": 8}}, first.id)
    told = await sockets[1].next()
    assert (told["type"], told["alert"]) == ("alert.new", alert)
    assert (await sockets[0].next())["alert"] == {"id": 8}
    notification = {"message": "Hello", "notification_type": "info"}
    await event(db, "monitoring.notification", {"account_id": first.id, "notification": notification}, first.id)
    told = await sockets[0].next()
    assert set(told) == {"type", "notification", "timestamp"}
    assert (told["type"], told["notification"]) == ("notification.new", notification)
    assert (await sockets[1].asked({"type": "ping"}))["type"] == "pong"


async def test_an_alert_of_no_account_reaches_nobody(owner, listen, db, app):
    socket = await listen(owner)
    await event(db, "monitoring.alert", {"account_id": None, "alert": {"id": 9}}, 0)
    await process_has_seen(app, db)
    assert (await socket.asked({"type": "ping"}))["type"] == "pong"


@pytest.mark.parametrize("subscription", ["notifications", ["notifications"]])
async def test_who_subscribes_to_notifications_gets_no_alerts(owner, listen, db, app, subscription):
    socket = await listen(owner)
    updated = await socket.asked({"type": "subscribe", "subscription": subscription})
    assert set(updated) == {"type", "subscription", "timestamp"}
    assert (updated["type"], updated["subscription"]) == ("subscription.updated", subscription)
    await event(db, "monitoring.alert", {"account_id": owner.id, "alert": {"id": 1}}, owner.id)
    await event(db, "monitoring.notification", {"account_id": owner.id, "notification": {"message": "a"}}, owner.id)
    assert (await socket.next())["type"] == "notification.new"
    assert (await socket.asked({"type": "subscribe", "subscription": "all"}))["subscription"] == "all"
    await event(db, "monitoring.alert", {"account_id": owner.id, "alert": {"id": 1}}, owner.id)
    assert (await socket.next())["type"] == "alert.new"


async def test_a_subscription_to_what_is_not_there_is_an_error(owner, listen):
    socket = await listen(owner)
    for wrong in (None, "everything", 5, True, {}, [1], ["all", 1], [["alerts"]], [{}]):
        assert (await socket.asked({"type": "subscribe", "subscription": wrong}))["type"] == "error", wrong


async def test_an_alert_of_monitoring_comes_and_is_acknowledged_only_by_its_account(open_books, listen, db):
    owner, other = await open_books(), await open_books("SUPERADMIN")
    socket, foreign = await listen(owner), await listen(other)
    body = {"alert_type": "slow_tasks", "severity": "warning", "title": "Slow", "message": "Tasks are slow."}
    id = (await owner.made("/api/monitoring/api/alerts/", body))["id"]
    told = await socket.of_type("alert.new")
    assert (told["alert"]["id"], told["alert"]["title"]) == (id, "Slow")
    refused = await foreign.asked({"type": "acknowledge", "alert_id": id})
    assert refused == {"type": "error", "message": "Alert not found."}
    path = f"/api/monitoring/api/alerts/{id}/"
    assert (await owner.get(path)).json["acknowledged_at"] is None
    for named in (id, str(id)):
        told = await socket.asked({"type": "acknowledge", "alert_id": named})
        assert set(told) == {"type", "alert_id", "timestamp"}
        assert (told["type"], told["alert_id"]) == ("alert.acknowledged", named)
    assert (await owner.get(path)).json["acknowledged_by"] == owner.id
    acknowledged = "SELECT account_id FROM operations.audit WHERE action = 'alert.acknowledge' AND object_id = $1"
    assert [row["account_id"] for row in await db.fetch(acknowledged, str(id))] == [owner.id]


async def test_what_is_no_alert_of_the_account_is_not_acknowledged(owner, listen):
    socket = await listen(owner)
    numbers = (None, True, -1, 0, 1.5, 2**53, 999_999_999)
    for wrong in (*numbers, "", "x", "٣", "9" * 30, [], {}, ["negative-profit"]):
        answer = await socket.asked({"type": "acknowledge", "alert_id": wrong})
        assert answer == {"type": "error", "message": "Alert not found."}, wrong


async def test_an_alert_of_the_figures_is_acknowledged_by_its_name(owner, listen):
    socket = await listen(owner)
    told = await socket.asked({"type": "acknowledge", "alert_id": "negative-profit"})
    assert (told["type"], told["alert_id"]) == ("alert.acknowledged", "negative-profit")


async def test_the_figures_are_looked_at_again_when_a_day_begins(owner, listen, app):
    await listen(owner)
    [reader] = app.kept(LiveFigures).hub.readers(owner.id)
    # Until then the token expires.
    reader.until = float("inf")
    left = reader.next_due(0.0)
    assert 0 < left <= 86400 + notification_socket.MIDNIGHT_SECONDS
