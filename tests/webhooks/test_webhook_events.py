"""Which events are told to whom: topics, areas, owners; each once, and none lost."""

import asyncio
import json
from collections import defaultdict

import pytest

from core.live.events import purge as purge_events
from handlers.webhooks.areas import AREAS
from handlers.webhooks.sender import query
from tests.support.deadlines import until
from tests.support.receiver import accept, answer_of

pytestmark = pytest.mark.gen_test


async def test_each_step_of_the_books_is_an_event_with_the_document_as_the_api_shows_it(
    owner, hook, receiver, delivered
):
    made = await hook()
    client = await owner.client()
    await owner.patch(f"/api/clients/{client['id']}/", {"notes": "New"})
    quote = await owner.quote(client=client["id"])
    await owner.post(f"/api/quotes/{quote['id']}/send/")
    await owner.post(f"/api/quotes/{quote['id']}/accept/")
    invoice = await owner.invoice(client=client["id"], status="sent")
    await owner.post(f"/api/invoices/{invoice['id']}/payments/", {"amount": "400.00"})
    await owner.post(f"/api/invoices/{invoice['id']}/mark_paid/")
    draft = await owner.invoice(client=client["id"])
    await owner.patch(f"/api/invoices/{draft['id']}/", {"title": "T"})
    await owner.delete(f"/api/invoices/{draft['id']}/")
    cancelled = await owner.invoice(client=client["id"], status="sent")
    await owner.post(f"/api/invoices/{cancelled['id']}/cancel/")
    expense = await owner.expense()
    await owner.upload(expense["id"], "receipt.txt", b"paid")
    await owner.post(f"/api/expenses/{expense['id']}/approve/")
    await owner.delete(f"/api/expenses/{expense['id']}/")
    expected = [
        "books.client.created", "books.client.updated", "books.quote.created", "books.quote.sent", "books.quote.accepted",
        "books.invoice.created", "books.invoice.sent", "books.payment.created", "books.invoice.updated", "books.invoice.paid",
        "books.payment.created", "books.invoice.created", "books.invoice.updated", "books.invoice.deleted", "books.invoice.created",
        "books.invoice.sent", "books.invoice.cancelled", "books.expense.created", "books.expense.updated", "books.expense.approved",
        "books.expense.deleted",
    ]  # fmt: skip
    rows = await delivered(made, len(expected))
    assert [row["topic"] for row in rows] == expected
    by_topic = defaultdict(list)
    for received in receiver.received:
        assert received.is_signed_by(made["secret"])
        by_topic[received.json["type"]].append(received.json["data"])
    assert by_topic["books.invoice.paid"] == [(await owner.get(f"/api/invoices/{invoice['id']}/")).json]
    assert by_topic["books.quote.accepted"] == [(await owner.get(f"/api/quotes/{quote['id']}/")).json]
    assert by_topic["books.client.updated"] == [(await owner.get(f"/api/clients/{client['id']}/")).json]
    assert [one["amount"] for one in by_topic["books.payment.created"]] == ["400.00", "600.00"]
    assert {one["invoice"] for one in by_topic["books.payment.created"]} == {invoice["id"]}
    (changed,) = by_topic["books.expense.updated"]
    assert [(one["filename"], one["file"]) for one in changed["attachments"]] == [("receipt.txt", None)]
    assert {one["id"] for one in by_topic["books.invoice.deleted"]} == {draft["id"]}


async def test_only_the_topics_that_a_webhook_names_arrive(owner, hook, receiver, delivered):
    wide, narrow = await hook(["books.invoice.*"]), await hook(["books.invoice.sent", "books.client.deleted"])
    await owner.invoice(status="sent")
    assert [row["topic"] for row in await delivered(wide, 2)] == ["books.invoice.created", "books.invoice.sent"]
    assert [row["topic"] for row in await delivered(narrow, 1)] == ["books.invoice.sent"]
    # One event is one message, whoever gets it.
    ids = defaultdict(set)
    for received in receiver.received:
        ids[received.json["type"]].add(received.id)
    assert {topic: len(found) for topic, found in ids.items()} == {"books.invoice.created": 1, "books.invoice.sent": 1}


async def test_books_of_others_are_not_told_not_even_to_administrators(owner, hook, open_books, delivered, receiver):
    other, boss = await open_books(), await open_books("SUPERADMIN")
    mine, theirs, bosses = await hook(), await hook(whose=other), await hook(["books.*"], whose=boss)
    await owner.client(name="Mine")
    await boss.client(name="Boss")
    assert [row["topic"] for row in await delivered(mine, 1)] == ["books.client.created"]
    await delivered(bosses, 1)
    await other.client(name="Theirs")
    await delivered(theirs, 1)
    assert sorted(received.json["data"]["name"] for received in receiver.received) == ["Boss", "Mine", "Theirs"]


async def test_invoices_of_sales_are_told_to_those_who_may_see_them(
    api, open_books, owner, hook, invoice, delivered, sign_in
):
    boss = await open_books("OWNER")
    made, strangers = await hook(["sales.*"], whose=boss), await hook(["*"])
    answer = await api.import_invoice(invoice())
    id = answer.json["data"]["id"]
    body = {key: value for key, value in invoice().items() if key not in ("invoice_no",)}
    changed = await api.call("PATCH", f"/api/sales/invoices/{id}/", {"remarks": "x"}, token=boss.token)
    assert changed.status == 200, (changed.text, body)
    picked = await api.post("/api/sales/picking/start/", {"invoice_no": answer.json["data"]["invoice_no"], "user_email": "picker@example.com"},
                            token=(await sign_in("PICKER"))["access"])  # fmt: skip
    assert picked.status < 300, picked.text
    rows = await delivered(made, 3)
    assert [row["topic"] for row in rows] == [
        "sales.invoice.created",
        "sales.invoice.updated",
        "sales.invoice.status_changed",
    ]
    await owner.client()
    assert [row["topic"] for row in await delivered(strangers, 1)] == ["books.client.created"]


async def test_orders_and_stock_of_the_shop_are_told(open_books, hook, receiver, db):
    boss = await open_books("ADMIN")
    made = await hook(["pos.*"], whose=boss)
    supplier = await boss.made("/api/suppliers/", {"name": "S", "phone_number": "5512345678", "contact_person": "C", "rfc": "DBE101010XYZ",
                                                   "tax_address": "Av. 1"})  # fmt: skip
    tea = {
        "name": "Tea",
        "sku": "TEA-1",
        "price": "10.00",
        "tax_rate": "0.16",
        "current_stock": 9,
        "supplier": supplier["id"],
    }
    product = await boss.made("/api/products/", tea)
    items = {"items": [{"product_id": product["id"], "quantity": 2}]}
    orders = [(await boss.made("/api/orders/", items))["id"] for _ in range(3)]
    paid = await boss.post(f"/api/orders/{orders[0]}/pay/", {"payment_method": "CASH"})
    assert paid.status == 200, paid.text
    await boss.post(f"/api/orders/{orders[1]}/cancel/")
    await boss.delete(f"/api/orders/{orders[2]}/")
    await boss.patch(f"/api/products/{product['id']}/", {"current_stock": 1})
    statement = "SELECT topic FROM webhooks.delivery WHERE webhook_id = $1 ORDER BY id"
    rows = await until(
        lambda: db.fetch(statement, made["id"]), lambda found: ("pos.order.deleted",) in map(tuple, found)
    )
    topics = [row["topic"] for row in rows]
    assert topics[0] == "pos.stock.changed"
    assert [topic for topic in topics if topic.startswith("pos.order")] == [
        "pos.order.created", "pos.order.created", "pos.order.created", "pos.order.paid", "pos.order.cancelled", "pos.order.deleted"
    ]  # fmt: skip
    (told,) = await until(
        lambda: [one.json["data"] for one in receiver.received if one.json["type"] == "pos.order.paid"]
    )
    assert told == (await boss.get(f"/api/orders/{orders[0]}/")).json


async def test_vendors_are_told_of_their_own_catalogue_and_sales_reps_of_all_vendors(
    open_books, hook, db, delivered, receiver, fed
):
    vendors, reps = [await open_books("VENDOR") for _ in range(2)], await open_books("SALESREP")
    ids = [
        await db.fetchval(
            "INSERT INTO vendor.vendor (account_id, business_name, phone, address, is_approved) VALUES ($1, 'V', '1', 'a', true) RETURNING id",
            one.id,
        )
        for one in vendors
    ]
    # That they are new is told to nobody.
    await fed()
    made = [await hook(whose=one) for one in (*vendors, reps)]
    for id in ids:
        await db.execute(
            """INSERT INTO core.event (topic, payload, tags)
               VALUES ('vendor.catalogue', vendor.catalogue_changed('item', ARRAY[$1::uuid], '{}', 1, false), ARRAY[$1::uuid::text])""",
            id,
        )
    await db.execute(
        "INSERT INTO core.event (topic, payload) VALUES ('vendor.catalogue', vendor.catalogue_changed('category', '{}', '{}', 2, true))"
    )
    await db.execute("UPDATE vendor.vendor SET phone = '2' WHERE id = $1", ids[0])
    own, catalogue = "vendor.profile.changed", "vendor.catalogue.changed"
    assert sorted(row["topic"] for row in await delivered(made[0], 3)) == [catalogue, catalogue, own]
    assert [row["topic"] for row in await delivered(made[1], 2)] == [catalogue, catalogue]
    assert [row["topic"] for row in await delivered(made[2], 1)] == [own]
    # One message, however many ways lead to its receivers.
    assert len({received.id for received in receiver.received if received.json["type"] == own}) == 1


async def test_an_account_that_loses_its_role_or_is_deactivated_gets_nothing_more(
    api, open_books, hook, receiver, invoice, db, delivered, tried, retry, fed
):
    boss = await open_books("OWNER")
    made = await hook(["sales.*", "books.*"], whose=boss)
    receiver.answering = answer_of(503)
    await api.import_invoice(invoice())
    row = await tried(made, 1)
    # One waits, and is judged anew when it is to be sent; others are judged when they are fed.
    await db.execute("UPDATE accounts.account SET role = 'MEMBER' WHERE id = $1", boss.id)
    receiver.answering = accept
    await api.import_invoice(invoice())
    await retry(row)
    (dead,) = await delivered(made, 1)
    assert (dead["status"], "may not see" in dead["error"], len(receiver.received)) == ("dead", True, 1)
    assert await db.fetchval("SELECT count(*) FROM webhooks.delivery WHERE webhook_id = $1", made["id"]) == 1
    await db.execute(
        """INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
           VALUES ($1, 'C', '', '', '', '', '', '', true)""",
        boss.id,
    )
    await delivered(made, 2)
    await db.execute("UPDATE accounts.account SET is_active = false WHERE id = $1", boss.id)
    await db.execute("UPDATE books.client SET version = version + 1 WHERE owner_id = $1", boss.id)
    await fed()
    assert len(await delivered(made, 2)) == 2 and len(receiver.received) == 2


async def test_two_feeders_that_race_make_each_delivery_once(owner, hook, db, app, fed):
    made = await hook(["books.client.created"], url="http://127.0.0.1:9999/")
    app.draining = True
    clients = [await owner.client() for _ in range(12)]
    await app.events.relay()
    while sum(
        found["fed"] for found in await asyncio.gather(*(query.feed(app.db, most=2, areas=AREAS) for _ in range(6)))
    ):
        pass
    await fed()
    bodies = await db.fetch(
        "SELECT m.body FROM webhooks.delivery d JOIN webhooks.message m ON m.id = d.message_id WHERE d.webhook_id = $1 ORDER BY d.place",
        made["id"],
    )
    assert [json.loads(row["body"])["data"]["id"] for row in bodies] == [client["id"] for client in clients]


async def test_events_that_are_not_fed_yet_are_kept_however_old_they_are(owner, hook, db, app, fed):
    await hook(["books.client.created"])
    async with app.db._pool.acquire() as held, held.transaction():
        # Another feeder stands still.
        await held.execute("SELECT FROM core.event_reader FOR UPDATE")
        await owner.client()
        await app.events.relay()
        await db.execute("UPDATE core.event SET created_at = now() - interval '1 year'")
        purge = "SELECT count(*) FROM core.event WHERE topic = 'books.changed' AND position > (SELECT position FROM core.event_reader)"
        await purge_events(app)
        assert await db.fetchval(purge) == 1
    await fed()
    await purge_events(app)
    assert await db.fetchval("SELECT count(*) FROM core.event") == 0


async def test_a_document_that_is_too_long_is_told_by_its_id(owner, hook, receiver, db):
    await hook(["books.client.created"])
    id = await db.fetchval(
        """INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
           VALUES ($1, 'C', '', '', '', '', '', repeat('ä', 200000), true) RETURNING id""",
        owner.id,
    )
    (received,) = await receiver.wait_for(1)
    assert received.json["data"] == {"id": id, "is_truncated": True}


async def test_without_a_webhook_that_names_it_the_books_write_no_event(owner, hook, db):
    before = await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'books.changed'")
    await hook(is_active=False)
    await hook(["books.client.deleted"])
    await owner.invoice(status="paid")
    assert await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'books.changed'") == before


async def test_a_sweep_of_what_is_overdue_is_told(owner, hook, receiver, db):
    invoice = await owner.invoice(status="sent", issue_date="2020-01-01", due_date="2030-01-01")
    await hook(["books.invoice.*"])
    await db.execute("UPDATE books.invoice SET due_date = '2020-01-02' WHERE id = $1", invoice["id"])
    await db.execute("SELECT books.sweep_invoices(1000)")
    (received,) = await receiver.wait_for(1)
    assert (received.json["type"], received.json["data"]["status"]) == ("books.invoice.overdue", "overdue")
