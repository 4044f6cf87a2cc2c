"""Payments of invoices. docs/api/books.md#payments."""

import asyncio
import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.books.invoices import LATE, PATH, one, sums, today
from tests.support import forms
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test

PAYMENT = {
    "amount": "500.00",
    "payment_date": "2024-01-15",
    "payment_method": "bank_transfer",
    "reference": "TXN123456",
}
CENT = Decimal("0.01")


def payments(invoice):
    return f"{one(invoice)}payments/"


async def test_a_payment_is_recorded_shown_listed_and_removed(owner):
    invoice = await owner.invoice(status="sent")
    made = await owner.post(payments(invoice), PAYMENT)
    expected = {**PAYMENT, "id": made.json["id"], "created_at": made.json["created_at"]}
    assert (made.status, made.json) == (201, expected)
    path = f"{payments(invoice)}{made.json['id']}/"
    assert (await owner.get(path)).json == expected
    assert (await owner.get(payments(invoice))).json == [expected]
    shown = await owner.get(one(invoice))
    assert shown.json["payments"] == [expected]
    assert (*sums(shown.json)[3:], shown.headers["ETag"]) == ("500.00", "500.00", "partial", '"2.1-partial"')
    assert (await owner.delete(path)).status == 204
    shown = await owner.get(one(invoice))
    assert shown.json["payments"] == (await owner.get(payments(invoice))).json == []
    assert (*sums(shown.json)[3:], shown.headers["ETag"]) == ("0.00", "1000.00", "sent", '"3.1-sent"')
    for method in ("GET", "DELETE"):
        assert (await owner.call(method, path)).json["error"] == "Not found."


async def test_an_amount_is_all_that_a_payment_needs(owner):
    invoice = await owner.invoice(status="sent")
    made = (await owner.post(payments(invoice), {"amount": 0.015, "payment_method": " ", "id": 7})).json
    expected = {"amount": "0.02", "payment_date": today(), "payment_method": "other", "reference": ""}
    assert {name: made[name] for name in expected} == expected
    assert (await owner.post(payments(invoice), {"amount": 1, "payment_date": today(1)})).status == 201


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({}, {"amount": ["This field is required."]}),
        ({"amount": None}, {"amount": ["This field may not be null."]}),
        ({"amount": "x"}, {"amount": ['A valid number is required. "x" is not one.']}),
        ({"amount": 0.004}, {"amount": ["Amount must be greater than zero."]}),
        ({"amount": -5}, {"amount": ["Amount must be greater than zero."]}),
        ({"amount": 10**9}, {"amount": ["Ensure this value is less than or equal to 99999999.99."]}),
        ({"amount": "900.01"}, {"amount": ["The payment exceeds the balance of 900.00."]}),
        ({"amount": 1, "payment_date": "soon"}, {"payment_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ({"amount": 1, "payment_date": today(3)}, {"payment_date": ["Payment date cannot be in the future."]}),
        ({"amount": 1, "payment_method": "x" * 51}, {"payment_method": ["Ensure this field has no more than 50 characters."]}),
        ({"amount": 1, "reference": "x" * 101}, {"reference": ["Ensure this field has no more than 100 characters."]}),
        ({"amount": 1, "reference": "a\0"}, {"reference": ["Null characters are not allowed."]}),
    ],
)  # fmt: skip
async def test_a_wrong_payment_is_refused(owner, sent, details):
    invoice = await owner.invoice(payments=[{"amount": 100}])
    answer = await owner.post(payments(invoice), sent)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})
    assert (await owner.get(one(invoice))).json == invoice


async def test_nothing_is_paid_of_a_draft_or_a_cancelled_or_paid_invoice(owner):
    draft = await owner.invoice()
    paid = await owner.invoice(status="paid")
    gone = (await owner.post(f"{one(await owner.invoice())}cancel/")).json["invoice"]
    for invoice in (draft, gone):
        answer = await owner.post(payments(invoice), {"amount": 1})
        said = f"Payments cannot be recorded on a {invoice['status']} invoice."
        assert (answer.status, answer.json["error"]) == (400, said)
    answer = await owner.post(payments(paid), {"amount": "0.01"})
    assert (answer.status, answer.json["details"]) == (400, {"amount": ["The payment exceeds the balance of 0.00."]})


async def test_what_is_paid_decides_the_status(owner):
    for fields, open_status, part_status in (({}, "sent", "partial"), (LATE, "overdue", "overdue")):
        invoice = await owner.invoice(status="sent", **fields)
        ids = [(await owner.post(payments(invoice), {"amount": amount})).json["id"] for amount in ("999.99", "0.01")]
        paid = (await owner.get(one(invoice))).json
        assert (sums(paid)[3:], paid["paid_at"] is None) == (["1000.00", "0.00", "paid"], False)
        await owner.delete(f"{payments(invoice)}{ids[0]}/")
        shown = (await owner.get(one(invoice))).json
        assert (sums(shown)[3:], shown["paid_at"]) == (["0.01", "999.99", part_status], None)
        await owner.delete(f"{payments(invoice)}{ids[1]}/")
        assert sums((await owner.get(one(invoice))).json)[3:] == ["0.00", "1000.00", open_status]


async def test_an_invoice_was_paid_on_the_day_of_its_last_payment_also_when_that_is_recorded_later(owner):
    dated = {"issue_date": "2026-01-02", "due_date": "2026-02-01"}
    first, last = ({"amount": "500.00", "payment_date": day} for day in ("2026-01-10", "2026-01-20"))
    made = await owner.invoice(status="sent", payments=[last, first], **dated)
    step_by_step = await owner.invoice(status="sent", **dated)
    for payment in (last, first):
        await owner.post(payments(step_by_step), payment)
    changed = await owner.invoice(status="sent", **dated)
    await owner.patch(one(changed), {"payments": [first, last]})
    marked = await owner.invoice(status="sent", **dated)
    await owner.post(f"{one(marked)}mark_paid/", {"payment_date": "2026-01-20"})
    for invoice in (made, step_by_step, changed, marked):
        assert (await owner.get(one(invoice))).json["paid_at"] == "2026-01-20T00:00:00.000000Z"
    await owner.patch(one(changed), {"payments": [first, {**last, "payment_date": "2026-01-15"}]})
    assert (await owner.get(one(changed))).json["paid_at"] == "2026-01-15T00:00:00.000000Z"


async def test_a_repeated_request_records_one_payment(owner):
    invoice = await owner.invoice(status="sent")
    for path, key in ((payments(invoice), "pay"), (f"{one(invoice)}mark_paid/", "mark")):
        sent = {"headers": {"Idempotency-Key": key}}
        first, second = [await owner.post(path, {"amount": 1}, **sent) for _ in range(2)]
        assert (first.status, second.status, second.json) == (first.status, first.status, first.json)
        assert second.headers["Idempotency-Replayed"] == "true"
    assert [one["amount"] for one in (await owner.get(payments(invoice))).json] == ["1.00", "999.00"]


async def test_nested_payments_replace_those_that_are_there(owner):
    first = {"amount": "1.00", "payment_date": "2024-01-01", "payment_method": "cash", "reference": "a"}
    invoice = await owner.invoice(payments=[first, first, {**first, "amount": "2.00"}])
    a, b, c = invoice["payments"]
    for sent, expected in (
        # Those without an id are known by their content.
        ([first, {**first, "amount": 2}, first], [a, b, c]),
        ([c, a, b], [a, b, c]),
        ([first, b], [a, b]),
        # A payment with an id is changed; what it omits stays.
        ([{"id": b["id"], "amount": 5}, first], [a, {**b, "amount": "5.00"}]),
        ([{"id": b["id"], "amount": "5.00", "reference": "n", "payment_method": None}], [{**b, "amount": "5.00", "reference": "n"}]),
        ([], []),
    ):  # fmt: skip
        changed = (await owner.patch(one(invoice), {"payments": sent})).json
        assert changed["payments"] == expected
        assert Decimal(changed["paid_amount"]) == sum(Decimal(payment["amount"]) for payment in expected)
    for wrong in ([{**first, "id": 10**17}], [{**first, "id": a["id"]}]):
        answer = await owner.patch(one(invoice), {"payments": wrong})
        assert (answer.status, answer.json["details"]) == (400, {"payments": ["Invalid payment selected."]})


async def test_a_payment_is_sent_once(owner):
    invoice = await owner.invoice(payments=[{"amount": 1}])
    [payment] = invoice["payments"]
    answer = await owner.put(one(invoice), {**invoice, "payments": [payment, payment]})
    assert (answer.status, answer.json["details"]) == (400, {"payments": ["Invalid payment selected."]})
    for sent in ([payment, {"amount": 1000}], [{**payment, "amount": "1000.01"}]):
        answer = await owner.patch(one(invoice), {"payments": sent})
        said = "The payments exceed the balance of 1000.00."
        assert (answer.status, answer.json["details"]) == (400, {"payments": [said]})
    answer = await owner.patch(one(invoice), {"payments": [{**payment, "payment_date": today(3)}]})
    assert answer.json["details"] == {"payments": ["Payment date cannot be in the future."]}
    assert (await owner.get(one(invoice))).json == invoice


async def test_racing_payments_never_exceed_the_balance(owner):
    invoice = await owner.invoice(status="sent")
    answers = await asyncio.gather(
        *(owner.post(payments(invoice), {"amount": 300}) for _ in range(8)),
        *(owner.patch(one(invoice), {"payments": [{"amount": 900}]}) for _ in range(2)),
    )
    assert {answer.status for answer in answers} <= {200, 201, 400}
    shown = (await owner.get(one(invoice))).json
    assert Decimal(shown["paid_amount"]) == sum(Decimal(payment["amount"]) for payment in shown["payments"]) <= 1000
    assert sum(answer.status == 400 for answer in answers) >= 5


async def test_a_payment_that_is_removed_twice_at_once_is_removed_once(owner):
    invoice = await owner.invoice(payments=[{"amount": 400}, {"amount": 100}])
    path = f"{payments(invoice)}{invoice['payments'][0]['id']}/"
    answers = await asyncio.gather(*(owner.delete(path) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 5
    assert sums((await owner.get(one(invoice))).json)[3:] == ["100.00", "900.00", "partial"]


async def test_removed_payments_enter_the_audit(owner, db):
    invoice = await owner.invoice(payments=[{"amount": 400}])
    id = invoice["payments"][0]["id"]
    await owner.delete(f"{payments(invoice)}{id}/")
    found = await db.fetchrow(
        "SELECT action, account_id, before ->> 'amount' AS amount FROM operations.audit"
        " WHERE object_type = 'payment' AND object_id = $1",
        str(id),
    )
    assert dict(found) == {"action": "payment.delete", "account_id": owner.id, "amount": "400.00"}


def cents(value):
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


def random_lines(chance):
    return [
        {
            "description": f"Line {n}",
            "quantity": str(Decimal(chance.randint(1, 5000)) / 100),
            "unit_price": str(Decimal(chance.randint(1, 200_000)) / 100),
        }
        for n in range(chance.randint(1, 6))
    ]


def random_tax(chance):
    return chance.choice(
        [{}, {"tax_rate": str(Decimal(chance.randint(0, 10_000)) / 10_000)}, {"tax_amount": str(Decimal(chance.randint(0, 99_999)) / 100)}]
    )  # fmt: skip


def check_sums(shown, sent):
    """What the server has made of lines and tax, against a model of its own."""
    totals = [cents(Decimal(line["quantity"]) * Decimal(line["unit_price"])) for line in sent["line_items"]]
    subtotal = sum(totals)
    rate = sent.get("tax_rate")
    tax = cents(subtotal * Decimal(rate)) if rate is not None else cents(sent.get("tax_amount", 0))
    assert [Decimal(line["total"]) for line in shown["line_items"]] == totals
    found = [Decimal(shown[name]) for name in ("subtotal", "tax_amount", "total_amount")]
    assert found == [subtotal, tax, subtotal + tax]
    check_balance(shown)


def check_balance(shown):
    paid, balance, total = (Decimal(shown[name]) for name in ("paid_amount", "balance", "total_amount"))
    assert paid + balance == total and paid >= 0 and balance >= 0
    assert paid == sum(Decimal(payment["amount"]) for payment in shown["payments"])
    expected = "paid" if balance == 0 else "partial" if paid else "sent"
    assert shown["status"] == expected or (shown["status"] in ("draft", "cancelled") and paid == 0)
    assert (shown["paid_at"] is not None) == (shown["status"] == "paid")


async def test_sums_and_balances_agree_with_a_model_whatever_is_done(owner):
    """Random lines, taxes and steps, one after the other. --long takes more of them."""
    for seed in range(forms.by_form(short=6, long=60)):
        chance = random.Random(seed)
        sent = {"line_items": random_lines(chance), **random_tax(chance)}
        shown = await owner.invoice(**sent)
        check_sums(shown, sent)
        sent = {"line_items": random_lines(chance), **(random_tax(chance) or {"tax_amount": 0})}
        shown = (await owner.patch(one(shown), {"tax_rate": None, **sent})).json
        check_sums(shown, sent)
        shown = (await owner.post(f"{one(shown)}send/")).json["invoice"]
        total, model = Decimal(shown["total_amount"]), []
        for _ in range(12):
            paid = sum(model)
            amount = cents(total * chance.randint(1, 70) / 100) or CENT
            step = chance.choice(["pay", "pay", "remove", "replace", "mark"])
            if step == "pay":
                answer = await owner.post(payments(shown), {"amount": str(amount)})
                assert answer.status == (201 if paid + amount <= total else 400)
                model += [amount] if answer.status == 201 else []
            elif step == "remove" and model:
                place = chance.randrange(len(model))
                await owner.delete(f"{payments(shown)}{shown['payments'][place]['id']}/")
                del model[place]
            elif step == "replace":
                answer = await owner.patch(one(shown), {"payments": [{"amount": str(amount)}] * 2})
                assert answer.status == (200 if amount * 2 <= total else 400)
                model = [amount] * 2 if answer.status == 200 else model
            elif step == "mark":
                answer = await owner.post(f"{one(shown)}mark_paid/")
                assert answer.status == (200 if paid < total else 400)
                model += [total - paid] if answer.status == 200 else []
            shown = (await owner.get(one(shown))).json
            check_sums(shown, sent)
            assert sorted(Decimal(payment["amount"]) for payment in shown["payments"]) == sorted(model)


async def test_balances_are_right_at_any_moment_of_concurrent_payments_and_removals(owner):
    """Several clients pay, remove, mark and replace at once, while others read. --long takes more rounds."""
    rounds = forms.by_form(short=4, long=30)
    invoice = await owner.invoice(status="sent", line_items=[{**LINE, "unit_price": "100.00"}], tax_rate="0.19")
    chance = random.Random(rounds)

    async def pay(_):
        answer = await owner.post(payments(invoice), {"amount": str(Decimal(chance.randint(1, 6000)) / 100)})
        assert answer.status in (201, 400)

    async def remove(shown):
        if shown["payments"]:
            answer = await owner.delete(f"{payments(invoice)}{chance.choice(shown['payments'])['id']}/")
            assert answer.status in (204, 404)

    async def mark(_):
        assert (await owner.post(f"{one(invoice)}mark_paid/")).status in (200, 400)

    async def replace(shown):
        answer = await owner.patch(one(invoice), {"payments": shown["payments"][:1]})
        # The payment may be gone by now.
        assert answer.status in (200, 400)

    async def look(_):
        check_balance((await owner.get(one(invoice))).json)
        for listed in (await owner.get(PATH)).json["results"]:
            check_balance(listed)

    for _ in range(rounds):
        shown = (await owner.get(one(invoice))).json
        steps = chance.choices([pay, remove, mark, replace], [5, 4, 1, 1], k=8)
        await asyncio.gather(*(step(shown) for step in (*steps, look, look)))
        check_balance((await owner.get(one(invoice))).json)


async def test_only_the_state_of_the_invoice_that_if_match_names_is_paid_or_reopened(owner):
    invoice = await owner.invoice(status="sent")
    seen = {"If-Match": (await owner.get(one(invoice))).headers["ETag"]}
    first = await owner.post(payments(invoice), {"amount": "40"}, headers=seen)
    assert first.status == 201
    now = (await owner.get(one(invoice))).headers["ETag"]
    second = await owner.post(payments(invoice), {"amount": "40"}, headers=seen)
    assert (second.status, second.headers["ETag"]) == (412, now)
    its_payment = f"{payments(invoice)}{first.json['id']}/"
    removed = await owner.delete(its_payment, headers=seen)
    assert (removed.status, removed.headers["ETag"]) == (412, now)
    assert (await owner.delete(f"{payments(invoice)}{10**15}/", headers=seen)).status == 404
    assert (await owner.delete(its_payment, headers={"If-Match": now})).status == 204


async def test_marking_as_paid_keeps_what_is_known_of_the_payment(owner):
    invoice = await owner.invoice(status="sent")
    known = {"payment_method": "cash", "payment_date": "2026-11-02", "reference": "TXN123456"}
    paid = await owner.post(f"{one(invoice)}mark_paid/", {**known, "amount": "1.00"})
    assert paid.status == 200, paid.text
    [payment] = paid.json["invoice"]["payments"]
    assert {name: payment[name] for name in (*known, "amount")} == {**known, "amount": invoice["total_amount"]}


async def test_marking_as_paid_refuses_a_payment_of_the_future_and_a_body_that_is_broken(owner):
    invoice = await owner.invoice(status="sent")
    answer = await owner.post(f"{one(invoice)}mark_paid/", {"payment_date": "2999-01-01"})
    assert (answer.status, answer.json["details"]) == (400, {"payment_date": ["Payment date cannot be in the future."]})
    assert (await owner.post(f"{one(invoice)}mark_paid/", b"{bad")).status == 400
    assert (await owner.get(one(invoice))).json["status"] == "sent"
