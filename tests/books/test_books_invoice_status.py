"""The status of invoices: steps, overdue, the sweep, reports. docs/api/books.md#invoices."""

import asyncio

import pytest

from handlers.books import overdue
from tests.books.invoices import LATE, PATH, one, sums, today

pytestmark = pytest.mark.gen_test

DONE = {"send": "sent", "mark_paid": "marked as paid", "mark_as_paid": "marked as paid", "cancel": "cancelled"}


async def draft(owner):
    return await owner.invoice()


async def sent(owner):
    return await owner.invoice(status="sent")


async def partial(owner):
    return await owner.invoice(payments=[{"amount": 1}])


async def overdue_one(owner):
    return await owner.invoice(status="sent", **LATE)


async def overdue_in_part(owner):
    return await owner.invoice(payments=[{"amount": 1}], **LATE)


async def paid(owner):
    return await owner.invoice(status="paid")


async def cancelled(owner):
    made = await owner.invoice()
    return (await owner.patch(one(made), {"status": "cancelled"})).json


STEPS = [
    (draft, {"sent", "cancelled"}),
    (sent, {"paid", "cancelled"}),
    (partial, {"paid"}),
    (overdue_one, {"paid", "cancelled"}),
    (overdue_in_part, {"paid"}),
    (paid, set()),
    (cancelled, set()),
]


@pytest.mark.parametrize(("make", "possible"), STEPS)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_status_is_a_step_that_the_present_one_admits(owner, make, possible, method):
    for wanted in ("draft", "sent", "paid", "partial", "overdue", "cancelled"):
        made = await make(owner)
        answer = await owner.call(method, one(made), {"status": wanted})
        if wanted == made["status"]:
            assert (answer.status, answer.json) == (200, made)
        elif wanted in possible:
            assert (answer.status, answer.json["status"]) == (200, wanted)
        else:
            said = f"Cannot transition from {made['status'].title()} to {wanted.title()}."
            assert (answer.status, answer.json["details"]) == (400, {"status": [said]})
            assert (await owner.get(one(made))).json == made


@pytest.mark.parametrize(("make", "possible"), STEPS)
async def test_actions_take_the_steps_that_the_status_admits(owner, make, possible):
    statuses = {"send": "sent", "mark_paid": "paid", "mark_as_paid": "paid", "cancel": "cancelled"}
    for action, wanted in statuses.items():
        made = await make(owner)
        answer = await owner.post(f"{one(made)}{action}/")
        if wanted in possible:
            assert (answer.status, answer.json["invoice"]["status"]) == (200, wanted)
            shown = await owner.get(one(made))
            assert shown.json == answer.json["invoice"]
            assert answer.headers.get("ETag") == (None if wanted == "paid" else shown.headers["ETag"])
        else:
            said = f"Invoice cannot be {DONE[action]} in current status"
            assert (answer.status, answer.json["error"]) == (400, said)
            assert (await owner.get(one(made))).json == made


async def test_an_invoice_that_is_marked_as_paid_has_a_payment_of_the_balance(owner):
    for make in (sent, partial, overdue_in_part):
        made = await make(owner)
        for_action, for_patch = made, await make(owner)
        by_action = (await owner.post(f"{one(for_action)}mark_paid/")).json["invoice"]
        by_patch = (await owner.patch(one(for_patch), {"status": "paid"})).json
        for invoice in (by_action, by_patch):
            *before, last = invoice["payments"]
            assert sums(invoice)[3:] == ["1000.00", "0.00", "paid"]
            assert invoice["paid_at"] is not None
            expected = {"amount": made["balance"], "payment_date": today(), "payment_method": "other", "reference": ""}
            assert {name: last[name] for name in expected} == expected
            assert len(before) == len(made["payments"])
        assert by_action["payments"][:-1] == made["payments"]


async def test_a_draft_past_its_due_date_is_a_draft_until_it_is_sent(owner):
    made = await owner.invoice(**LATE)
    assert made["status"] == "draft"
    answer = await owner.post(f"{one(made)}send/")
    assert answer.json["invoice"]["status"] == "overdue"
    assert answer.json["invoice"]["sent_at"] is not None


async def test_one_change_sends_a_draft_and_records_its_payments(owner):
    made = await owner.invoice()
    changes = {"status": "sent", "title": "Work", "payments": [{"amount": 400}]}
    changed = await owner.patch(one(made), changes)
    assert (changed.json["title"], *sums(changed.json)[3:]) == ("Work", "400.00", "600.00", "partial")
    changed = await owner.patch(one(made), {"status": "paid", "payments": [{"amount": 100}]})
    assert [payment["amount"] for payment in changed.json["payments"]] == ["100.00", "900.00"]
    # The payments are removed first, and nothing is paid then.
    changed = await owner.patch(one(made), {"status": "cancelled", "payments": []})
    assert sums(changed.json)[3:] == ["0.00", "1000.00", "cancelled"]
    answer = await owner.patch(one(made), {"payments": [{"amount": 1}]})
    said = "Payments cannot be recorded on a cancelled invoice."
    assert (answer.status, answer.json["details"]) == (400, {"payments": [said]})


async def test_a_status_that_the_sent_payments_bring_about_is_no_step(owner):
    made = await sent(owner)
    changed = await owner.patch(one(made), {"status": "partial", "payments": [{"amount": 400}]})
    assert (changed.status, changed.json["status"]) == (200, "partial")
    changed = await owner.put(one(made), {**changed.json, "payments": []})
    assert (changed.status, changed.json["status"]) == (200, "sent")


async def test_an_invoice_is_duplicated_as_a_draft_of_today(owner):
    made = await owner.invoice(title="Work", tax_rate="0.1", notes="N", terms="T", status="paid", **LATE)
    key = {"Idempotency-Key": "duplicate"}
    answer, again = [await owner.post(f"{one(made)}duplicate/", headers=key) for _ in range(2)]
    copy = answer.json["duplicate_invoice"]
    assert (answer.status, answer.json["original_invoice"], again.json) == (201, made["invoice_number"], answer.json)
    own = ("id", "invoice_number", "created_at", "updated_at")
    expected = {
        **made,
        **{name: copy[name] for name in own},
        **{"issue_date": today(), "due_date": today(30), "status": "draft", "sent_at": None, "paid_at": None},
        **{"payments": [], "paid_amount": "0.00", "balance": made["total_amount"]},
    }
    assert copy == expected
    assert copy["invoice_number"] == f"INV-{today()[:4]}-001"


async def test_of_racing_steps_of_an_invoice_one_is_taken(owner):
    for _ in range(4):
        made = await sent(owner)
        paths = ["mark_paid/", "cancel/", "mark_as_paid/", "cancel/"]
        answers = await asyncio.gather(
            *(owner.post(f"{one(made)}{path}") for path in paths),
            owner.post(f"{one(made)}payments/", {"amount": "1000.00"}),
        )
        assert sorted(answer.status for answer in answers) in ([200, 400, 400, 400, 400], [201, 400, 400, 400, 400])
        shown = (await owner.get(one(made))).json
        assert sums(shown)[3:] in (["1000.00", "0.00", "paid"], ["0.00", "1000.00", "cancelled"])
        assert len(shown["payments"]) == (shown["status"] == "paid")


async def test_a_draft_is_sent_or_deleted_but_not_both(owner):
    for _ in range(8):
        made = await draft(owner)
        gone, moved = await asyncio.gather(owner.delete(one(made)), owner.post(f"{one(made)}send/"))
        assert (gone.status, moved.status) in ((204, 404), (400, 200))


async def test_an_invoice_is_overdue_from_the_day_after_its_due_date(owner, db):
    made = await owner.invoice(status="sent", issue_date="2024-01-01", due_date=today())
    tag = (await owner.get(one(made))).headers["ETag"]
    assert made["status"] == "sent"
    await db.execute("UPDATE books.invoice SET due_date = $2::text::date WHERE id = $1", made["id"], today(-1))
    shown = await owner.get(one(made))
    assert shown.json["status"] == "overdue"
    # Another status is another state.
    assert shown.headers["ETag"] != tag
    for status, expected in (("overdue", 1), ("sent", 0)):
        assert (await owner.get(f"{PATH}?status={status}")).json["count"] == expected


async def test_the_sweep_stores_what_is_overdue_and_changes_nothing_else(owner, app, db, monkeypatch):
    monkeypatch.setattr(overdue, "SWEPT_AT_ONCE", 2)
    late = [await make(owner) for make in (overdue_one, overdue_in_part, overdue_one, overdue_one, overdue_in_part)]
    others = [await make(owner) for make in (draft, sent, partial, paid, cancelled)]
    # Whoever sends or pays a late invoice stores at once that it is overdue.
    await db.execute("UPDATE books.invoice SET status = 'sent' WHERE owner_id = $1 AND status = 'overdue'", owner.id)
    before = [await owner.get(one(invoice)) for invoice in late + others]
    await overdue.sweep_invoices(app)
    stored = await db.fetch("SELECT status FROM books.invoice WHERE owner_id = $1 ORDER BY id", owner.id)
    assert [row["status"] for row in stored] == ["overdue"] * 5 + ["draft", "sent", "partial", "paid", "cancelled"]
    after = [await owner.get(one(invoice)) for invoice in late + others]
    assert [(got.json, got.headers["ETag"]) for got in after] == [(got.json, got.headers["ETag"]) for got in before]
    assert await db.fetchval("SELECT books.sweep_invoices(1000)") == 0


async def test_an_owner_stores_what_is_overdue_of_their_own(owner, open_books, db):
    stranger = await open_books()
    for somebody in (owner, owner, stranger):
        await overdue_one(somebody)
    await db.execute("UPDATE books.invoice SET status = 'sent' WHERE owner_id = ANY ($1)", [owner.id, stranger.id])
    path = f"{PATH}update_overdue_status/"
    assert (await owner.post(path)).json == {"message": "Updated 2 invoices to overdue status", "updated_count": 2}
    assert (await owner.post(path)).json["updated_count"] == 0
    assert (await stranger.post(path)).json["updated_count"] == 1


async def test_the_reports_of_nothing_are_empty(owner):
    assert (await owner.get(f"{PATH}overdue/")).json == {"count": 0, "total_overdue_amount": "0.00", "invoices": []}
    assert (await owner.get(f"{PATH}due_soon/")).json == {"count": 0, "total_amount": "0.00", "invoices": []}
    assert (await owner.get(f"{PATH}statistics/")).json == {
        "total_invoices": 0,
        "status_breakdown": {"draft": 0, "sent": 0, "paid": 0, "partial": 0, "overdue": 0, "cancelled": 0},
        "financial": {
            "total_value": "0.00",
            "average_value": "0.00",
            "outstanding_count": 0,
            "outstanding_value": "0.00",
        },
        "recent_activity": {
            "invoices_last_30_days": 0,
            "value_last_30_days": "0.00",
            "payments_last_30_days": 0,
            "payments_value_last_30_days": "0.00",
        },
        "performance": {
            "payment_rate": 0,
            "sent_invoices": 0,
            "paid_invoices": 0,
            "overdue_count": 0,
            "overdue_value": "0.00",
        },
        "top_clients": [],
    }


async def test_overdue_and_due_soon_show_the_balances(owner, db, open_books):
    late = await owner.invoice(payments=[{"amount": "0.01"}], **LATE)
    later = await owner.invoice(status="sent", issue_date="2024-01-01", due_date=today(-1))
    soon = await owner.invoice(status="sent", due_date=today(7))
    now = await owner.invoice(payments=[{"amount": 1}], due_date=today())
    await owner.invoice(status="sent", due_date=today(8))
    await owner.invoice(due_date=today(1))
    await owner.invoice(status="paid", due_date=today(1))
    await (await open_books()).invoice(status="sent", **LATE)
    shown = (await owner.get(f"{PATH}overdue/")).json
    assert (shown["count"], shown["total_overdue_amount"], shown["invoices"]) == (2, "1999.99", [late, later])
    shown = (await owner.get(f"{PATH}due_soon/")).json
    assert (shown["count"], shown["total_amount"], shown["invoices"]) == (2, "1999.00", [now, soon])


async def test_statistics_sum_up_what_was_sent_and_not_cancelled(owner, db):
    first, second = (await owner.client(name="First"))["id"], (await owner.client(name="Second"))["id"]
    old = await owner.invoice(first, payments=[{"amount": "100", "payment_date": "2024-02-01"}], **LATE)
    await owner.invoice(first, status="paid")
    await owner.invoice(second, status="sent")
    await owner.invoice(second, payments=[{"amount": "0.50"}])
    await owner.invoice(second)
    made = await owner.invoice(second, status="sent")
    await owner.post(f"{one(made)}cancel/")
    await db.execute("UPDATE books.invoice SET created_at = '2024-01-01' WHERE id = $1", old["id"])
    shown = (await owner.get(f"{PATH}statistics/")).json
    assert shown == {
        "total_invoices": 6,
        "status_breakdown": {"draft": 1, "sent": 1, "paid": 1, "partial": 1, "overdue": 1, "cancelled": 1},
        "financial": {
            "total_value": "4000.00",
            "average_value": "1000.00",
            "outstanding_count": 3,
            "outstanding_value": "2899.50",
        },
        "recent_activity": {
            "invoices_last_30_days": 3,
            "value_last_30_days": "3000.00",
            "payments_last_30_days": 2,
            "payments_value_last_30_days": "1000.50",
        },
        "performance": {
            "payment_rate": 25,
            "sent_invoices": 4,
            "paid_invoices": 1,
            "overdue_count": 1,
            "overdue_value": "900.00",
        },
        "top_clients": [
            {"client__name": "First", "invoice_count": 2, "total_value": "2000.00", "outstanding_value": "900.00"},
            {"client__name": "Second", "invoice_count": 2, "total_value": "2000.00", "outstanding_value": "1999.50"},
        ],
    }
