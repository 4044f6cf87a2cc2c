"""Stock of raw materials and its ledger. docs/api/vendor.md#inventory."""

import asyncio
import random
from decimal import Decimal

import pytest

from handlers.vendor import inventory as module
from tests.support.http import Api, open_session

pytestmark = pytest.mark.gen_test

LIST = "/inventory/"
TOO_LITTLE = {"error": "Cannot subtract more than current quantity"}
NEGATIVE = {"quantity": ["Quantity cannot be negative"]}
NOT_A_NUMBER = {"quantity": ["A valid number is required."]}
WHOLE = {"quantity": ["Ensure that there are no more than 12 digits before the decimal point."]}
MOST = "999999999999.999"


@pytest.fixture
def stock(api, vendor, token):
    """`await stock(quantity="5")`: a new material of a new vendor."""

    async def stock(**body):
        someone = await vendor()
        headers = await token(someone)
        made = await api.post(LIST, {"name": "Salt", **body}, headers=headers)
        assert made.status == 201, made.json
        return Stock(api, headers, made.json["id"], someone)

    return stock


class Stock:
    def __init__(self, api, headers, id, vendor):
        self.api, self.headers, self.path, self.vendor = api, headers, f"{LIST}{id}/", vendor
        self.id = id

    async def change(self, **body):
        return await self.api.call("PATCH", f"{self.path}stock/", body, headers=self.headers)

    async def show(self):
        return (await self.api.get(self.path, headers=self.headers)).json

    async def movements(self, query=""):
        return await self.api.get(f"{self.path}movements/{query}", headers=self.headers)

    async def ledger(self):
        names = ("action", "quantity", "quantity_before", "quantity_after", "notes")
        return [tuple(one[name] for name in names) for one in (await self.movements()).json]


async def test_stock_is_set_added_and_subtracted(stock):
    salt = await stock(quantity="50")
    for body, quantity in (
        ({"action": "add", "quantity": "10.0", "notes": "Received new shipment"}, "60.000"),
        ({"action": "subtract", "quantity": "5.0"}, "55.000"),
        ({"action": "set", "quantity": "100.0", "notes": ""}, "100.000"),
        ({"quantity": 0.5}, "0.500"),
        ({"action": "add", "quantity": 0}, "0.500"),
        ({"action": "subtract", "quantity": "0.500"}, "0.000"),
        ({"action": "subtract", "quantity": 0}, "0.000"),
    ):
        answer = await salt.change(**body)
        assert (answer.status, answer.json["quantity"]) == (200, quantity), body
        assert answer.json == await salt.show()


async def test_only_what_is_added_counts_as_restocking(stock):
    salt = await stock(quantity="5")
    for body in ({"quantity": 9}, {"action": "add", "quantity": 0}, {"action": "subtract", "quantity": 1}):
        assert (await salt.change(**body)).json["last_restocked_at"] is None
    answer = await salt.change(action="add", quantity="0.001")
    restocked = answer.json["last_restocked_at"]
    assert restocked == answer.json["updated_at"]
    for body in ({"quantity": 9}, {"action": "add", "quantity": 0}, {"action": "subtract", "quantity": 1}):
        assert (await salt.change(**body)).json["last_restocked_at"] == restocked
    assert (await salt.change(action="add", quantity=1)).json["last_restocked_at"] > restocked


@pytest.mark.parametrize(
    ("start", "body", "refusal"),
    [
        ("5", {"action": "subtract", "quantity": "5.001"}, TOO_LITTLE),
        ("0", {"action": "subtract", "quantity": "0.001"}, TOO_LITTLE),
        ("5", {"action": "subtract", "quantity": MOST}, TOO_LITTLE),
        (MOST, {"action": "add", "quantity": "0.001"}, WHOLE),
        ("1", {"action": "add", "quantity": MOST}, WHOLE),
        (MOST, {"action": "add", "quantity": MOST}, WHOLE),
        ("5", {"quantity": "-1"}, NEGATIVE),
        ("5", {"action": "add", "quantity": -0.5}, NEGATIVE),
        ("5", {"action": "subtract", "quantity": "-0.001"}, NEGATIVE),
        ("5", {}, {"quantity": ["This field is required."]}),
        ("5", {"quantity": None}, {"quantity": ["This field may not be null."]}),
        ("5", {"quantity": ""}, NOT_A_NUMBER),
        ("5", {"quantity": "five"}, NOT_A_NUMBER),
        ("5", {"quantity": "NaN"}, NOT_A_NUMBER),
        ("5", {"quantity": "-Infinity"}, NOT_A_NUMBER),
        ("5", {"quantity": []}, NOT_A_NUMBER),
        ("5", {"quantity": False}, NOT_A_NUMBER),
        ("5", {"quantity": "1.0001"}, {"quantity": ["Ensure that there are no more than 3 decimal places."]}),
        ("5", {"quantity": "1000000000000"}, WHOLE),
        ("5", {"quantity": "1" * 16}, {"quantity": ["Ensure that there are no more than 15 digits in total."]}),
        ("5", {"quantity": 1, "action": "mul"}, {"action": ['"mul" is not a valid choice.']}),
        ("5", {"quantity": 1, "action": "ADD"}, {"action": ['"ADD" is not a valid choice.']}),
        ("5", {"quantity": 1, "action": ""}, {"action": ['"" is not a valid choice.']}),
        ("5", {"quantity": 1, "action": None}, {"action": ["This field may not be null."]}),
        ("5", {"quantity": 1, "notes": "x" * 501}, {"notes": ["Ensure this field has no more than 500 characters."]}),
        ("5", {"quantity": 1, "notes": "a\0"}, {"notes": ["Null characters are not allowed."]}),
        ("5", {"quantity": 1, "notes": ["a"]}, {"notes": ["Not a valid string."]}),
        ("5", {"quantity": 1, "notes": None}, {"notes": ["This field may not be null."]}),
    ],
)
async def test_what_is_refused_changes_nothing(stock, start, body, refusal):
    salt = await stock(quantity=start)
    before, ledger = await salt.show(), await salt.ledger()
    answer = await salt.change(**body)
    assert (answer.status, answer.json) == (400, refusal)
    assert (await salt.show(), await salt.ledger()) == (before, ledger)


async def test_stock_of_a_material_that_is_not_active_changes_too(stock):
    salt = await stock(quantity="5", is_active=False)
    assert (await salt.change(action="add", quantity=1)).json["quantity"] == "6.000"


async def test_200_additions_at_the_same_time_are_all_counted(stock):
    salt = await stock()
    session = await open_session(50)
    try:
        parallel = Stock(Api(session, salt.api.base_url), salt.headers, salt.id, salt.vendor)
        answers = await asyncio.gather(*(parallel.change(action="add", quantity=1) for _ in range(200)))
    finally:
        await session.close()
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["quantity"] for answer in answers} == {f"{n}.000" for n in range(1, 201)}
    assert (await salt.show())["quantity"] == "200.000"


async def test_an_addition_that_is_sent_again_under_its_key_counts_once(stock):
    salt = await stock(quantity=5)
    headers = {**salt.headers, "Idempotency-Key": "addition-1"}
    sent = {"action": "add", "quantity": 1}

    async def send(body):
        return await salt.api.call("PATCH", f"{salt.path}stock/", body, headers=headers)

    # What was refused leaves the key free.
    assert (await send({"action": "subtract", "quantity": 9})).status == 400
    answers = [await send(sent) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert {answer.body for answer in answers} == {answers[0].body}
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert (await send({"action": "add", "quantity": 2})).status == 422
    assert (await salt.show())["quantity"] == "6.000"
    assert len(await salt.ledger()) == 2


async def test_of_20_subtractions_at_the_same_time_as_many_succeed_as_there_is_stock(stock):
    salt = await stock(quantity="7")
    answers = await asyncio.gather(*(salt.change(action="subtract", quantity=1) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 7 + [400] * 13
    assert (await salt.show())["quantity"] == "0.000"


async def test_each_change_of_the_quantity_is_in_the_ledger_newest_first(stock):
    salt = await stock(quantity="50")
    await salt.change(action="add", quantity="10", notes=" Shipment ")
    await salt.change(action="subtract", quantity="99")
    await salt.change(action="subtract", quantity="0.5")
    await salt.change(quantity="59.5", notes="Counted")
    for body in ({"quantity": "7"}, {"quantity": "7.000"}, {"name": "Sea salt"}):
        await salt.api.call("PATCH", salt.path, body, headers=salt.headers)
    # A count that confirms the quantity is a movement; an edit that leaves it is none.
    assert await salt.ledger() == [
        ("edit", "7.000", "59.500", "7.000", ""),
        ("set", "59.500", "59.500", "59.500", "Counted"),
        ("subtract", "0.500", "60.000", "59.500", ""),
        ("add", "10.000", "50.000", "60.000", "Shipment"),
        ("create", "50.000", "0.000", "50.000", ""),
    ]
    movements = (await salt.movements()).json
    assert {one["user_id"] for one in movements} == {salt.vendor.account_id}
    assert [one["created_at"] for one in movements] == sorted((one["created_at"] for one in movements), reverse=True)


async def test_the_ledger_of_a_material_without_stock_is_empty(stock):
    assert await (await stock()).ledger() == []
    assert await (await stock(quantity=0)).ledger() == []


async def test_the_ledger_is_read_page_by_page_with_limit(stock):
    salt = await stock(quantity=1)
    for n in range(4):
        await salt.change(action="add", quantity=1, notes=str(n))
    path, found = f"{salt.path}movements/?limit=2", []
    while path:
        page = await salt.api.get(path, headers=salt.headers)
        assert len(page.json) <= 2
        found += [one["notes"] for one in page.json]
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == ["3", "2", "1", "0", ""]
    answer = await salt.movements("?cursor=x")
    assert (answer.status, answer.json) == (400, {"detail": "Invalid cursor."})


async def test_the_ledger_adds_up_to_the_quantity_whatever_happens_at_the_same_time(stock):
    dice = random.Random(7)
    salt = await stock(quantity="20")

    async def act():
        quantity = f"{dice.randrange(0, 30_000) / 1000:.3f}"
        kind = dice.choice(("set", "add", "subtract", "subtract", "edit", "name"))
        if kind in ("edit", "name"):
            body = {"quantity": quantity} if kind == "edit" else {"sku": quantity}
            return await salt.api.call("PATCH", salt.path, body, headers=salt.headers)
        return await salt.change(action=kind, quantity=quantity)

    answers = await asyncio.gather(*(act() for _ in range(150)))
    assert {answer.status for answer in answers} <= {200, 400}
    ledger = list(reversed((await salt.movements()).json))
    quantity = Decimal(0)
    for one in ledger:
        before, after, moved = (Decimal(one[name]) for name in ("quantity_before", "quantity_after", "quantity"))
        assert before == quantity
        expected = {"add": before + moved, "subtract": before - moved}.get(one["action"], moved)
        assert after == expected >= 0
        quantity = after
    assert Decimal((await salt.show())["quantity"]) == quantity
    assert [one["id"] for one in ledger] == sorted({one["id"] for one in ledger})


async def test_a_page_of_a_ledger_reads_only_its_own_rows(stock, db):
    salt, other = await stock(), await stock()
    await db.execute(
        "INSERT INTO vendor.inventory_movement (vendor_id, item_id, position, action, quantity, quantity_before, quantity_after, notes,"
        " created_at) SELECT v::uuid, i::uuid, n + 1000, 'set', 1, 1, 1, '', now() FROM generate_series(1, 20000) n,"
        " LATERAL (SELECT CASE WHEN n % 100 = 0 THEN $1 ELSE $3 END AS v, CASE WHEN n % 100 = 0 THEN $2 ELSE $4 END AS i) x",
        salt.vendor.id,
        salt.id,
        other.vendor.id,
        other.id,
    )
    await db.execute("ANALYZE vendor.inventory_movement")
    text = module.query.list_movements.text
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {text}", salt.vendor.id, salt.id, 2**63 - 1, 100))
    assert "inventory_movement_pkey" in plan and "Sort" not in plan, plan
