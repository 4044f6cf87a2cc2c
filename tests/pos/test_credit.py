"""Store credit of customers. docs/api/pos.md#store-credit."""

import asyncio
import random
from decimal import Decimal

import pytest

from handlers.pos import credit as module

pytestmark = pytest.mark.gen_test

MISSING = {"error": "El campo 'amount' es requerido."}
NOT_POSITIVE = {"error": ["El monto del abono debe ser positivo."]}
NOT_A_NUMBER = {"amount": ["A valid number is required."]}
DECIMALS = {"amount": ["Ensure that there are no more than 2 decimal places."]}
TOO_LARGE = {"amount": ["Ensure this value is less than or equal to 99999999.99."]}


@pytest.fixture
def settle(api, cashier):
    """`await settle(customer, "200.00")`: the answer to the POST of a payment."""

    async def settle(customer, amount, **more):
        body = {"amount": amount, **more}
        return await api.post(f"/api/customers/{customer}/pay-credit/", body, token=cashier)

    return settle


@pytest.fixture
def history(api, cashier):
    async def history(customer, query=""):
        return await api.get(f"/api/customers/{customer}/credit-history/{query}", token=cashier)

    return history


def entries(answer):
    return [(entry["amount"], entry["transaction_type"], entry["description"]) for entry in answer.json]


async def test_a_payment_reduces_the_debt_and_stands_in_the_history(shop, settle, history):
    customer = await shop.customer(is_frequent=True, used="550.50")
    answer = await settle(customer, 200.00, description="Partial payment via Bank Transfer")
    assert (answer.status, answer.json) == (
        200,
        {"status": "success", "new_credit_used": "350.50", "available_credit": "1649.50"},
    )
    assert entries(await history(customer)) == [
        ("200.00", "PAYMENT", "Partial payment via Bank Transfer"),
        ("550.50", "CHARGE", ""),
    ]
    assert await shop.balances(customer) == (0, "350.50")


async def test_what_is_paid_beyond_the_debt_is_not_recorded(shop, settle, history):
    customer = await shop.customer(is_frequent=True, used="50.25")
    answer = await settle(customer, "1000")
    assert (answer.json["new_credit_used"], answer.json["available_credit"]) == ("0.00", "2000.00")
    assert entries(await history(customer))[0] == ("50.25", "PAYMENT", "Abono a deuda")
    again = await settle(customer, "10")
    assert (again.status, again.json["new_credit_used"]) == (200, "0.00")
    assert len((await history(customer)).json) == 2
    assert await shop.balances(customer) == (0, "0.00")


async def test_a_customer_who_is_not_frequent_pays_too(shop, settle):
    answer = await settle(await shop.customer(used="100.00"), "0.01")
    assert (answer.status, answer.json) == (
        200,
        {"status": "success", "new_credit_used": "99.99", "available_credit": "0.00"},
    )


@pytest.mark.parametrize(
    ("amount", "debt"),
    [
        (0.1, "99.90"),
        ("0.10", "99.90"),
        (" 12.5 ", "87.50"),
        ("1e1", "90.00"),
        (1, "99.00"),
        ("99999999.99", "0.00"),
        (99999999.99, "0.00"),
    ],
)
async def test_an_amount_is_taken_exactly(shop, settle, amount, debt):
    answer = await settle(await shop.customer(used="100.00"), amount)
    assert (answer.status, answer.json["new_credit_used"]) == (200, debt)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (None, NOT_POSITIVE),
        ("", NOT_POSITIVE),
        (0, NOT_POSITIVE),
        ("0", NOT_POSITIVE),
        ("0.00", NOT_POSITIVE),
        (-0.0, NOT_POSITIVE),
        (-200, NOT_POSITIVE),
        (-(10**12), NOT_POSITIVE),
        (10.005, DECIMALS),
        ("10.500", DECIMALS),
        ("-0.001", DECIMALS),
        ("0.001", DECIMALS),
        (1e-300, DECIMALS),
        ("99999999.990000000001", DECIMALS),
        (100_000_000, TOO_LARGE),
        ("1e9", TOO_LARGE),
        (1e300, TOO_LARGE),
        ("abc", {"amount": ['A valid number is required. "abc" is not one.']}),
        ("NaN", {"amount": ['A valid number is required. "NaN" is not one.']}),
        ("1,5", {"amount": ['A valid number is required. "1,5" is not one.']}),
        (" ", NOT_A_NUMBER),
        (float("nan"), NOT_A_NUMBER),
        (float("inf"), NOT_A_NUMBER),
        (True, NOT_A_NUMBER),
        (False, NOT_A_NUMBER),
        ([], NOT_A_NUMBER),
        ([5], NOT_A_NUMBER),
        ({}, NOT_A_NUMBER),
        ("5\0", {"amount": ["Null characters are not allowed."]}),
    ],
)
async def test_what_is_refused_changes_nothing(shop, settle, history, amount, refusal):
    customer = await shop.customer(used="100.00")
    answer = await settle(customer, amount)
    assert (answer.status, answer.json) == (400, refusal)
    assert len((await history(customer)).json) == 1
    assert await shop.balances(customer) == (0, "100.00")


async def test_a_long_text_is_no_amount(shop, settle):
    answer = await settle(await shop.customer(), "5" * 1_000_000)
    assert answer.status == 400 and list(answer.json) == ["amount"] and len(answer.text) < 300


async def test_an_amount_is_required(api, shop, cashier):
    path = f"/api/customers/{await shop.customer()}/pay-credit/"
    for body in ({}, {"description": "x"}, {"Amount": 5}):
        answer = await api.post(path, body, token=cashier)
        assert (answer.status, answer.json) == (400, MISSING)
    for body in (b"[]", b'"x"', b"null", b"{"):
        assert (await api.post(path, body, token=cashier)).status == 400


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(None, "Abono a deuda"), (" ", "Abono a deuda"), (" a ", "a"), (42, "42"), ("ñ" * 255, "ñ" * 255)],
)
async def test_a_description_is_optional(shop, settle, history, sent, stored):
    customer = await shop.customer(used="10.00")
    assert (await settle(customer, 5, description=sent)).status == 200
    assert entries(await history(customer))[0][2] == stored


@pytest.mark.parametrize("description", ["x" * 256, "x" * 1_000_000, [], {}, True, "x\0", "\ud800"])
async def test_what_is_no_description_is_refused_under_its_name(shop, settle, description):
    answer = await settle(await shop.customer(used="10.00"), 5, description=description)
    assert answer.status == 400 and list(answer.json) == ["description"]


async def test_a_payment_of_a_form_is_taken(api, shop, cashier):
    path = f"/api/customers/{await shop.customer(used='10.00')}/pay-credit/"
    assert (await api.post(path, form={"amount": "4.50"}, token=cashier)).json["new_credit_used"] == "5.50"
    assert (await api.post(path, form={"amount": ""}, token=cashier)).json == NOT_POSITIVE


async def test_the_history_is_that_of_one_customer_and_comes_in_pages(shop, settle, history):
    customer, other = await shop.customer(used="100.00"), await shop.customer(used="7.00")
    for n in range(1, 5):
        await settle(customer, n)
    first = await history(customer, "?limit=3")
    assert [entry["amount"] for entry in first.json] == ["4.00", "3.00", "2.00"]
    cursor = first.headers["Link"].partition("cursor=")[2].partition(">")[0].partition("&")[0]
    second = await history(customer, f"?limit=3&cursor={cursor}")
    assert [entry["amount"] for entry in second.json] == ["1.00", "100.00"]
    assert entries(await history(other)) == [("7.00", "CHARGE", "")]
    assert (await history(await shop.customer())).json == []
    assert (await history(customer, "?cursor=x")).status == 400


async def test_there_is_no_unknown_customer(settle, history):
    assert (await settle(999999999, 5)).status == 404
    assert (await history(999999999)).status == 404


# At once


async def test_payments_at_once_never_pay_more_than_the_debt(shop, settle, history):
    customer = await shop.customer(is_frequent=True, used="100.00")
    answers = await asyncio.gather(*(settle(customer, "7.50") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    left = sorted((Decimal(answer.json["new_credit_used"]) for answer in answers), reverse=True)
    assert left == [max(Decimal("100.00") - n * Decimal("7.50"), 0) for n in range(1, 21)]
    paid = [Decimal(amount) for amount, kind, _ in entries(await history(customer)) if kind == "PAYMENT"]
    assert (len(paid), sum(paid)) == (14, Decimal("100.00"))
    assert await shop.balances(customer) == (0, "0.00")


async def test_payments_beside_purchases_lose_and_invent_nothing(shop, sell, pay, settle, history):
    chance = random.Random(5)
    customer = await shop.customer(is_frequent=True, limit="150.00")
    product = await shop.product("10.00", tax_rate="EXENT", stock=1000)

    async def buyer():
        for _ in range(8):
            order = (await sell((product, chance.randint(1, 4)), customer=customer)).json
            assert (await pay(order["id"], "CREDIT")).status in (200, 400)

    async def payer():
        for _ in range(8):
            answer = await settle(customer, f"{chance.randint(1, 4000) / 100:.2f}")
            assert answer.status == 200 and Decimal(answer.json["new_credit_used"]) >= 0

    await asyncio.gather(buyer(), buyer(), payer(), payer())
    debt = sum(
        Decimal(amount) * (1 if kind == "CHARGE" else -1) for amount, kind, _ in entries(await history(customer))
    )
    assert await shop.balances(customer) == (0, f"{debt:.2f}") and 0 <= debt <= 150


async def test_a_payment_is_in_the_audit_with_the_debt_before_and_after(shop, settle, db):
    customer = await shop.customer(used="10.00")
    for amount in ("4.00", "9.00", "1.00"):
        await settle(customer, amount)
    rows = await db.fetch(
        "SELECT action, before, after FROM operations.audit WHERE object_type = 'customer' AND object_id = $1 ORDER BY id",
        str(customer),
    )
    assert [tuple(row) for row in rows] == [
        ("customer.pay-credit", '{"credit_used": 10.00}', '{"credit_used": 6.00}'),
        ("customer.pay-credit", '{"credit_used": 6.00}', '{"credit_used": 0.00}'),
    ]


async def test_a_page_of_a_history_reads_only_its_own_rows(shop, db):
    customer, other = await shop.customer(), await shop.customer()
    await db.execute(
        "INSERT INTO pos.credit_entry (customer_id, amount, transaction_type)"
        " SELECT CASE WHEN n % 100 = 0 THEN $1::bigint ELSE $2::bigint END, 1, 'CHARGE' FROM generate_series(1, 20000) n",
        customer,
        other,
    )
    await db.execute("ANALYZE pos.credit_entry")
    plan = "\n".join(
        row[0] for row in await db.fetch(f"EXPLAIN {module.query.list_credit.text}", customer, 2**63 - 1, 100)
    )
    assert "credit_entry_customer" in plan and "Sort" not in plan, plan
