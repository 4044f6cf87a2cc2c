"""Loyalty points of customers. docs/api/pos.md#points."""

import asyncio
import random

import pytest

from handlers.pos import points as module

pytestmark = pytest.mark.gen_test

REQUIRED = {"error": "Fields 'amount' and 'transaction_type' are required."}
INSUFFICIENT = {"error": "Insufficient points."}
NOT_AN_INTEGER = {"error": "Amount must be an integer"}
NOT_A_NUMBER = {"amount": ["A valid number is required."]}
TOO_LARGE = {"amount": ["Ensure this value is less than or equal to 1000000000."]}
TOO_SMALL = {"amount": ["Ensure this value is greater than or equal to -1000000000."]}


@pytest.fixture
def add(api, cashier):
    """`await add(customer, 100, "EARN")`: the answer to the POST of an entry."""

    async def add(customer, amount, kind="EARN", **more):
        body = {"amount": amount, "transaction_type": kind, **more}
        return await api.post(f"/api/customers/{customer}/points/", body, token=cashier)

    return add


@pytest.fixture
def history(api, cashier):
    async def history(customer, query=""):
        return await api.get(f"/api/customers/{customer}/history/{query}", token=cashier)

    return history


async def test_entries_change_the_balance_and_stand_in_the_history_newest_first(shop, add, history):
    customer = await shop.customer()
    answer = await add(customer, 250, description="Purchase #1024 Bonus")
    assert (answer.status, answer.json) == (201, {"status": "success", "new_balance": 250})
    assert (await add(customer, -50, "REDEEM", description=" Discount applied ")).json["new_balance"] == 200
    assert (await add(customer, -1, "ADJUSTMENT")).json["new_balance"] == 199
    found = await history(customer)
    assert [(entry["amount"], entry["transaction_type"], entry["description"]) for entry in found.json] == [
        (-1, "ADJUSTMENT", ""),
        (-50, "REDEEM", "Discount applied"),
        (250, "EARN", "Purchase #1024 Bonus"),
    ]
    assert [entry["id"] for entry in found.json] == sorted((entry["id"] for entry in found.json), reverse=True)
    assert await shop.balances(customer) == (199, "0.00")


async def test_the_history_is_that_of_one_customer_and_comes_in_pages(shop, add, history):
    customer, other = await shop.customer(), await shop.customer(points=9)
    for n in range(1, 6):
        await add(customer, n)
    first = await history(customer, "?limit=3")
    assert [entry["amount"] for entry in first.json] == [5, 4, 3]
    cursor = first.headers["Link"].partition("cursor=")[2].partition(">")[0].partition("&")[0]
    assert [entry["amount"] for entry in (await history(customer, f"?limit=3&cursor={cursor}")).json] == [2, 1]
    assert [entry["amount"] for entry in (await history(other)).json] == [9]
    assert (await history(await shop.customer())).json == []
    assert (await history(customer, "?cursor=x")).status == 400


@pytest.mark.parametrize(
    ("amount", "kind", "balance"),
    [
        (50, "REDEEM", 50),
        (-50, "REDEEM", 50),
        (100, "REDEEM", 0),
        (-100, "ADJUSTMENT", 0),
        (7, "ADJUSTMENT", 107),
        (3.9, "EARN", 103),
        (-3.9, "ADJUSTMENT", 97),
        (2.9999999999999996, "EARN", 102),
        ("12", "EARN", 112),
        (" +12 ", "EARN", 112),
        ("12.0", "EARN", 112),
        ("-12", "REDEEM", 88),
        (1_000_000_000, "EARN", 1_000_000_100),
        ("1000000000", "EARN", 1_000_000_100),
        (5, " EARN ", 105),
    ],
)
async def test_what_an_amount_means(shop, add, amount, kind, balance):
    customer = await shop.customer(points=100)
    answer = await add(customer, amount, kind)
    assert (answer.status, answer.json) == (201, {"status": "success", "new_balance": balance})
    assert await shop.balances(customer) == (balance, "0.00")


async def test_a_number_that_no_float_holds_is_cut_off_exactly(api, shop, cashier):
    customer = await shop.customer()
    sent = b'{"amount": 2.99999999999999999999, "transaction_type": "EARN"}'
    assert (await api.post(f"/api/customers/{customer}/points/", sent, token=cashier)).json["new_balance"] == 2


@pytest.mark.parametrize(
    ("amount", "kind", "refusal"),
    [
        (None, "EARN", REQUIRED),
        ("", "EARN", REQUIRED),
        ("  ", "EARN", REQUIRED),
        (0, "EARN", REQUIRED),
        (-0.0, "EARN", REQUIRED),
        ("0", "EARN", REQUIRED),
        (0.5, "EARN", REQUIRED),
        (-0.9, "REDEEM", REQUIRED),
        (1e-300, "EARN", REQUIRED),
        (5, None, REQUIRED),
        (5, "", REQUIRED),
        (5, " ", REQUIRED),
        ("abc", "EARN", NOT_AN_INTEGER),
        ("3.9", "EARN", NOT_AN_INTEGER),
        ("1.000", "EARN", NOT_AN_INTEGER),
        ("1e2", "EARN", NOT_AN_INTEGER),
        ("NaN", "EARN", NOT_AN_INTEGER),
        ("1_000", "EARN", NOT_AN_INTEGER),
        (-5, "EARN", {"error": "Amount must be positive to earn points."}),
        (101, "REDEEM", INSUFFICIENT),
        (-101, "REDEEM", INSUFFICIENT),
        (-101, "ADJUSTMENT", INSUFFICIENT),
        (1_000_000_000, "REDEEM", INSUFFICIENT),
        (5, "BOGUS", {"transaction_type": ['"BOGUS" is not a valid choice.']}),
        (5, "EXPIRED", {"transaction_type": ['"EXPIRED" is not a valid choice.']}),
        (5, "earn", {"transaction_type": ['"earn" is not a valid choice.']}),
        (5, 7, {"transaction_type": ['"7" is not a valid choice.']}),
        (5, [], {"transaction_type": ["Not a valid string."]}),
        (5, True, {"transaction_type": ["Not a valid string."]}),
        (5, "x\0", {"transaction_type": ["Null characters are not allowed."]}),
        (5, "x" * 1_000_000, {"transaction_type": ["Ensure this field has no more than 100 characters."]}),
        ([], "EARN", NOT_A_NUMBER),
        ([5], "EARN", NOT_A_NUMBER),
        ({}, "EARN", NOT_A_NUMBER),
        (True, "EARN", NOT_A_NUMBER),
        (False, "EARN", NOT_A_NUMBER),
        (float("nan"), "EARN", NOT_A_NUMBER),
        (float("inf"), "EARN", NOT_A_NUMBER),
        (10**30, "EARN", NOT_A_NUMBER),
        ("5\0", "EARN", {"amount": ["Null characters are not allowed."]}),
        ("5" * 1_000_000, "EARN", {"amount": ["Ensure this field has no more than 40 characters."]}),
        (10**12, "EARN", TOO_LARGE),
        (1_000_000_001, "EARN", TOO_LARGE),
        ("1000000001", "EARN", TOO_LARGE),
        (-(10**12), "ADJUSTMENT", TOO_SMALL),
        ("-1000000001", "ADJUSTMENT", TOO_SMALL),
    ],
)
async def test_what_is_refused_changes_nothing(shop, add, history, amount, kind, refusal):
    customer = await shop.customer(points=100)
    answer = await add(customer, amount, kind)
    assert (answer.status, answer.json) == (400, refusal)
    assert len((await history(customer)).json) == 1
    assert await shop.balances(customer) == (100, "0.00")


@pytest.mark.parametrize(
    "body", [{}, {"amount": 5}, {"transaction_type": "EARN"}, {"amount": 0, "transaction_type": "X"}]
)
async def test_both_fields_are_required(api, shop, cashier, body):
    answer = await api.post(f"/api/customers/{await shop.customer()}/points/", body, token=cashier)
    assert (answer.status, answer.json) == (400, REQUIRED)


@pytest.mark.parametrize(("sent", "stored"), [(None, ""), ("", ""), (" a ", "a"), (42, "42"), ("ñ" * 255, "ñ" * 255)])
async def test_a_description_is_optional(shop, add, history, sent, stored):
    customer = await shop.customer()
    assert (await add(customer, 5, description=sent)).status == 201
    assert (await history(customer)).json[0]["description"] == stored


@pytest.mark.parametrize("description", ["x" * 256, "x" * 1_000_000, [], {}, True, "x\0", "\ud800"])
async def test_what_is_no_description_is_refused_under_its_name(shop, add, description):
    answer = await add(await shop.customer(), 5, description=description)
    assert answer.status == 400 and list(answer.json) == ["description"]


async def test_a_body_that_is_no_object_is_refused(api, shop, cashier):
    path = f"/api/customers/{await shop.customer()}/points/"
    for body in (b"[]", b'"x"', b"5", b"null", b"{"):
        assert (await api.post(path, body, token=cashier)).status == 400


async def test_an_entry_of_a_form_is_taken(api, shop, cashier):
    path = f"/api/customers/{await shop.customer()}/points/"
    form = {"amount": "15", "transaction_type": "EARN", "description": "Bonus"}
    assert (await api.post(path, form=form, token=cashier)).json == {"status": "success", "new_balance": 15}


async def test_there_is_no_unknown_customer(add, history):
    assert (await add(999999999, 5)).status == 404
    assert (await history(999999999)).status == 404


# At once


async def test_of_two_who_redeem_all_points_at_once_one_succeeds(shop, add):
    for _ in range(5):
        customer = await shop.customer(points=100)
        answers = await asyncio.gather(add(customer, 100, "REDEEM"), add(customer, -100, "ADJUSTMENT"))
        assert sorted(answer.status for answer in answers) == [201, 400]
        assert INSUFFICIENT in [answer.json for answer in answers]
        assert await shop.balances(customer) == (0, "0.00")


async def test_each_of_many_entries_at_once_answers_with_a_balance_of_its_own(shop, add):
    customer = await shop.customer()
    answers = await asyncio.gather(*(add(customer, 5) for _ in range(20)))
    assert sorted(answer.json["new_balance"] for answer in answers) == [5 * n for n in range(1, 21)]


async def test_after_random_entries_the_balance_is_the_sum_of_the_ledger(shop, add, history):
    chance = random.Random(11)
    customer = await shop.customer()

    async def clerk():
        for _ in range(25):
            answer = await add(customer, chance.randint(-90, 90), chance.choice(module.TYPES))
            assert answer.status in (201, 400)

    await asyncio.gather(*(clerk() for _ in range(4)))
    balance, _ = await shop.balances(customer)
    assert balance == sum(entry["amount"] for entry in (await history(customer)).json) >= 0


async def test_a_page_of_a_history_reads_only_its_own_rows(shop, db):
    customer, other = await shop.customer(), await shop.customer()
    await db.execute(
        "INSERT INTO pos.point_entry (customer_id, amount, transaction_type)"
        " SELECT CASE WHEN n % 100 = 0 THEN $1::bigint ELSE $2::bigint END, 1, 'EARN' FROM generate_series(1, 20000) n",
        customer,
        other,
    )
    await db.execute("ANALYZE pos.point_entry")
    plan = "\n".join(
        row[0] for row in await db.fetch(f"EXPLAIN {module.query.list_points.text}", customer, 2**63 - 1, 100)
    )
    assert "point_entry_customer" in plan and "Sort" not in plan, plan
