"""Customers of the shop. docs/api/pos.md#customers."""

import asyncio
import itertools

import pytest

from handlers.pos import customer as module

pytestmark = pytest.mark.gen_test

PATH = "/api/customers/"
MARIA = {
    "first_name": "Maria",
    "last_name": "González",
    "phone_number": "5544332211",
    "email": "maria.gonzalez@email.com",
    "birth_date": "1995-08-20",
}
NEW = {
    "is_frequent": False,
    "current_points": 0,
    "credit_limit": "2000.00",
    "credit_used": "0.00",
    "available_credit": "0.00",
    "credit_transactions": [],
}
PHONE_EXISTS = {"phone_number": ["customer with this phone number already exists."]}
EMAIL_EXISTS = {"email": ["customer with this email already exists."]}
DECIMALS = "Ensure that there are no more than 2 decimal places."
BLANK, REQUIRED, NULL = "This field may not be blank.", "This field is required.", "This field may not be null."
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE pos.customer CASCADE"))


def somebody(**changes):
    """A body with a phone number and an e-mail of its own."""
    n = next(_numbers)
    return {**MARIA, "phone_number": f"55-{n}", "email": f"somebody-{n}@email.com", **changes}


@pytest.fixture
def make(api, cashier):
    async def make(**changes):
        answer = await api.post(PATH, somebody(**changes), token=cashier)
        assert answer.status == 201, answer.text
        return answer.json

    return make


async def test_a_customer_is_made_shown_listed_and_deleted(api, cashier):
    made = await api.post(PATH, MARIA, token=cashier)
    assert made.status == 201
    assert made.json == {"id": made.json["id"], **MARIA, **NEW}
    one = f"{PATH}{made.json['id']}/"
    assert (await api.get(one, token=cashier)).json == made.json
    assert (await api.get(PATH, token=cashier)).json == [made.json]
    assert (await api.call("DELETE", one, token=cashier)).status == 204
    assert (await api.get(PATH, token=cashier)).json == []


async def test_a_deleted_customer_is_found_nowhere_and_their_number_and_address_are_free(api, cashier, make):
    made = await make(**MARIA)
    one = f"{PATH}{made['id']}/"
    await api.call("DELETE", one, token=cashier)
    for method, path, body in (
        ("GET", one, None),
        ("PUT", one, MARIA),
        ("PATCH", one, {"first_name": "A"}),
        ("DELETE", one, None),
        ("POST", f"{one}points/", {"amount": 1, "transaction_type": "EARN"}),
        ("GET", f"{one}history/", None),
        ("POST", f"{one}pay-credit/", {"amount": 1}),
        ("GET", f"{one}credit-history/", None),
    ):
        answer = await api.call(method, path, body, token=cashier)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), (method, path)
    again = await make(**MARIA)
    assert again["id"] != made["id"]


# Changes


async def test_a_put_needs_every_field_and_a_patch_any(api, cashier, make):
    made = await make()
    one = f"{PATH}{made['id']}/"
    answer = await api.call("PUT", one, {"email": "maria.nueva@email.com"}, token=cashier)
    assert (answer.status, answer.json) == (400, {name: [REQUIRED] for name in MARIA if name != "email"})
    answer = await api.call("PATCH", one, {"email": "maria.nueva@email.com"}, token=cashier)
    assert (answer.status, answer.json) == (200, {**made, "email": "maria.nueva@email.com"})
    answer = await api.call("PUT", one, MARIA, token=cashier)
    assert (answer.status, answer.json) == (200, {**made, **MARIA})
    answer = await api.call("PATCH", one, {}, token=cashier)
    assert (answer.status, answer.json) == (200, {**made, **MARIA})


async def test_texts_lose_the_blanks_around_them_and_a_number_may_be_a_phone_number(make):
    made = await make(first_name=" Ana\t", last_name="  López ", phone_number=5512345678, email=" ana@email.com ")
    assert (made["first_name"], made["last_name"]) == ("Ana", "López")
    assert (made["phone_number"], made["email"]) == ("5512345678", "ana@email.com")


READ_ONLY = {
    "id": 987654321,
    "is_frequent": True,
    "current_points": 1000,
    "credit_used": "5.00",
    "available_credit": "9.00",
    "credit_transactions": [{"id": 1}],
    "is_active": False,
    "birthday_year": 1,
    "unknown": [],
}


@pytest.mark.parametrize("role", ["EMPLOYEE", "OWNER"])
async def test_read_only_fields_are_ignored(api, sign_in, role):
    token = (await sign_in(role))["access"]
    made = await api.post(PATH, {**somebody(), **READ_ONLY}, token=token)
    assert made.status == 201 and made.json["id"] != READ_ONLY["id"]
    assert {name: made.json[name] for name in NEW} == NEW
    one = f"{PATH}{made.json['id']}/"
    for method, body in (("PATCH", READ_ONLY), ("PUT", {**somebody(), **READ_ONLY})):
        answer = await api.call(method, one, body, token=token)
        assert answer.status == 200
        assert {name: answer.json[name] for name in NEW} == NEW


@pytest.mark.parametrize("limit", ["5000.00", 5000, -1, "abc", None, [], "9" * 1000])
async def test_a_credit_limit_from_an_employee_is_ignored_whatever_it_is(api, cashier, limit):
    made = await api.post(PATH, somebody(credit_limit=limit), token=cashier)
    assert (made.status, made.json["credit_limit"]) == (201, "2000.00")
    one = f"{PATH}{made.json['id']}/"
    answer = await api.call("PATCH", one, {"credit_limit": limit, "first_name": "Ana"}, token=cashier)
    assert (answer.status, answer.json) == (200, {**made.json, "first_name": "Ana"})
    assert (await api.call("PUT", one, somebody(credit_limit=limit), token=cashier)).json["credit_limit"] == "2000.00"


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "SUPERADMIN"])
@pytest.mark.parametrize(
    ("limit", "stored"),
    [
        ("5000.00", "5000.00"),
        (0, "0.00"),
        (0.1, "0.10"),
        ("99999999.99", "99999999.99"),
        (99999999.99, "99999999.99"),
        ("1e2", "100.00"),
        ("12.3", "12.30"),
    ],
)
async def test_those_who_manage_the_shop_set_the_credit_limit(api, sign_in, role, limit, stored):
    token = (await sign_in(role))["access"]
    made = await api.post(PATH, somebody(credit_limit=limit), token=token)
    assert (made.status, made.json["credit_limit"]) == (201, stored)
    one = f"{PATH}{made.json['id']}/"
    assert (await api.call("PATCH", one, {"credit_limit": "1.00"}, token=token)).json["credit_limit"] == "1.00"
    assert (await api.call("PUT", one, somebody(credit_limit=limit), token=token)).json["credit_limit"] == stored
    assert (await api.call("PUT", one, somebody(), token=token)).json["credit_limit"] == stored


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("-0.01", "Ensure this value is greater than or equal to 0."),
        ("100000000", "Ensure this value is less than or equal to 99999999.99."),
        ("0.001", DECIMALS),
        (10.005, DECIMALS),
        ("12.300", DECIMALS),
        ("99999999.990000000001", DECIMALS),
        ("abc", 'A valid number is required. "abc" is not one.'),
        ("", "A valid number is required."),
        (None, NULL),
        (True, "A valid number is required."),
        ([], "A valid number is required."),
        (float("nan"), "A valid number is required."),
    ],
)
async def test_a_wrong_credit_limit_is_refused(api, boss, make, limit, message):
    made = await make()
    answer = await api.call("PATCH", f"{PATH}{made['id']}/", {"credit_limit": limit}, token=boss)
    assert (answer.status, answer.json) == (400, {"credit_limit": [message]})
    assert (await api.post(PATH, somebody(credit_limit=limit), token=boss)).json == {"credit_limit": [message]}


async def test_available_credit_is_what_the_limit_leaves_a_frequent_customer(api, cashier, shop):
    async def available(**customer):
        return (await api.get(f"{PATH}{await shop.customer(**customer)}/", token=cashier)).json["available_credit"]

    assert await available(is_frequent=True, limit="1000.00", used="649.50") == "350.50"
    assert await available(is_frequent=True, limit="100.00", used="649.50") == "0.00"
    assert await available(limit="1000.00", used="649.50") == "0.00"


# Refusals


async def test_wrong_fields_are_named_together(api, cashier):
    body = {"first_name": " ", "last_name": None, "phone_number": "1" * 21, "email": "nobody", "birth_date": ""}
    answer = await api.post(PATH, body, token=cashier)
    assert (answer.status, answer.json) == (
        400,
        {
            "first_name": [BLANK],
            "last_name": [NULL],
            "phone_number": ["Ensure this field has no more than 20 characters."],
            "email": ["Enter a valid email address."],
            "birth_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
        },
    )
    assert (await api.post(PATH, {}, token=cashier)).json == {name: [REQUIRED] for name in MARIA}


@pytest.mark.parametrize("role", ["EMPLOYEE", "OWNER"])
@pytest.mark.parametrize("field", MARIA)
@pytest.mark.parametrize("value", [None, "", [], {}, True, "x\0", "x" * 1_000_000, float("nan"), "\ud800"])
async def test_what_a_field_cannot_hold_is_refused_under_its_name(api, sign_in, role, field, value):
    answer = await api.post(PATH, {**MARIA, field: value}, token=(await sign_in(role))["access"])
    assert answer.status == 400 and list(answer.json) == [field], answer.text


async def test_a_body_that_is_no_object_is_refused(api, cashier):
    answer = await api.post(PATH, b"[]", token=cashier)
    assert (answer.status, answer.json) == (
        400,
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
    )


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2024-02-29"])
async def test_any_day_may_be_a_birth_date(make, day):
    assert (await make(birth_date=day))["birth_date"] == day


@pytest.mark.parametrize("day", ["2023-02-29", "20-08-1995", "0000-01-01", "10000-01-01", 19950820])
async def test_what_is_no_day_is_no_birth_date(api, cashier, day):
    assert list((await api.post(PATH, somebody(birth_date=day), token=cashier)).json) == ["birth_date"]


async def test_a_phone_number_or_address_that_exists_is_refused_and_both_are_named_together(api, cashier, make):
    await make(**MARIA)
    for body, refusal in (
        (MARIA, PHONE_EXISTS | EMAIL_EXISTS),
        (somebody(phone_number=f" {MARIA['phone_number']} "), PHONE_EXISTS),
        (somebody(email=MARIA["email"].upper()), EMAIL_EXISTS),
    ):
        answer = await api.post(PATH, body, token=cashier)
        assert (answer.status, answer.json) == (400, refusal)
    # Two customers have one of them each.
    other = await make()
    both = {"phone_number": other["phone_number"], "email": MARIA["email"]}
    assert (await api.post(PATH, somebody(**both), token=cashier)).json == PHONE_EXISTS | EMAIL_EXISTS


async def test_a_change_to_what_another_customer_has_is_refused_and_to_what_one_has_is_not(api, cashier, make):
    other, made = await make(), await make(**MARIA)
    one = f"{PATH}{made['id']}/"
    for body, refusal in (
        ({"phone_number": other["phone_number"]}, PHONE_EXISTS),
        ({"email": other["email"]}, EMAIL_EXISTS),
        # The phone number is the customer's own.
        ({"email": other["email"], "phone_number": MARIA["phone_number"]}, EMAIL_EXISTS),
        ({"email": other["email"], "phone_number": other["phone_number"]}, PHONE_EXISTS | EMAIL_EXISTS),
    ):
        answer = await api.call("PATCH", one, body, token=cashier)
        assert (answer.status, answer.json) == (400, refusal)
    assert (await api.call("PUT", one, {**MARIA, "email": MARIA["email"].title()}, token=cashier)).status == 200


async def test_of_many_who_make_the_same_customer_at_once_one_succeeds(api, cashier):
    answers = await asyncio.gather(*(api.post(PATH, MARIA, token=cashier) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 7
    assert all(answer.json == PHONE_EXISTS | EMAIL_EXISTS for answer in answers if answer.status == 400)


# Deletion


@pytest.mark.parametrize("balance", [{"points": 1}, {"used": "0.01"}, {"points": 5, "used": "10.00"}])
async def test_a_customer_with_points_or_a_debt_is_not_deleted(api, cashier, shop, balance):
    one = f"{PATH}{await shop.customer(**balance)}/"
    answer = await api.call("DELETE", one, token=cashier)
    assert (answer.status, answer.json) == (
        400,
        {"detail": "This customer has points or a debt and can't be deleted."},
    )
    assert (await api.get(one, token=cashier)).status == 200


async def test_the_ledgers_of_a_deleted_customer_stay(api, cashier, shop, db):
    customer = await shop.customer(points=5)
    entry = {"amount": 5, "transaction_type": "REDEEM"}
    assert (await api.post(f"{PATH}{customer}/points/", entry, token=cashier)).json["new_balance"] == 0
    assert (await api.call("DELETE", f"{PATH}{customer}/", token=cashier)).status == 204
    assert await db.fetchval("SELECT count(*) FROM pos.point_entry WHERE customer_id = $1", customer) == 2
    assert await shop.balances(customer) == (0, "0.00")


async def test_of_a_deletion_and_an_entry_at_once_the_later_one_sees_the_earlier(api, cashier, shop):
    seen = set()
    for n in range(10):
        customer = await shop.customer()
        calls = [
            api.call("DELETE", f"{PATH}{customer}/", token=cashier),
            api.post(f"{PATH}{customer}/points/", {"amount": 5, "transaction_type": "EARN"}, token=cashier),
        ]
        answers = await asyncio.gather(*(calls if n % 2 else reversed(calls)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses in ([201, 400], [204, 404])
        assert (await shop.balances(customer))[0] == (5 if 201 in statuses else 0)
        seen.add(tuple(statuses))


async def test_a_deletion_waits_for_an_entry_that_is_under_way(api, cashier, shop, db, waits):
    customer = await shop.customer()
    async with db.transaction():
        await db.execute(
            "INSERT INTO pos.point_entry (customer_id, amount, transaction_type) VALUES ($1, 5, 'EARN')", customer
        )
        deleting = asyncio.create_task(api.call("DELETE", f"{PATH}{customer}/", token=cashier))
        await waits()
    assert (await deleting).status == 400


async def test_an_entry_waits_for_a_deletion_that_is_under_way(api, cashier, shop, db, waits):
    customer = await shop.customer(used="10.00")
    await api.post(f"{PATH}{customer}/pay-credit/", {"amount": 10}, token=cashier)
    async with db.transaction():
        await db.fetch(module.query.delete_customer.text, customer, "{}")
        entry = {"amount": 5, "transaction_type": "EARN"}
        adding = asyncio.create_task(api.post(f"{PATH}{customer}/points/", entry, token=cashier))
        await waits()
    assert (await adding).status == 404
    assert await shop.balances(customer) == (0, "0.00")


async def test_a_balance_changes_with_its_ledger_only(shop, db):
    customer = await shop.customer(points=5, used="5.00")
    for change in ("current_points = 6", "credit_used = 6", "current_points = 0, credit_used = 0"):
        with pytest.raises(Exception, match="a balance is the sum of its ledger"):
            await db.execute(f"UPDATE pos.customer SET {change} WHERE id = $1", customer)
    for change in ("UPDATE pos.point_entry SET amount = 6", "DELETE FROM pos.credit_entry"):
        with pytest.raises(Exception, match="the entries of a ledger are never changed or deleted"):
            await db.execute(f"{change} WHERE customer_id = $1", customer)
    assert await shop.balances(customer) == (5, "5.00")


# Lists


async def test_the_list_has_the_credit_of_each_customer_newest_first(api, cashier, shop):
    customers = [await shop.customer(used="30.00"), await shop.customer(), await shop.customer(used="7.50")]
    await api.post(f"{PATH}{customers[0]}/pay-credit/", {"amount": 10}, token=cashier)
    found = (await api.get(PATH, token=cashier)).json
    assert [one["id"] for one in found] == customers
    assert [
        [(entry["amount"], entry["transaction_type"]) for entry in one["credit_transactions"]] for one in found
    ] == [[("10.00", "PAYMENT"), ("30.00", "CHARGE")], [], [("7.50", "CHARGE")]]
    for one in found:
        assert (await api.get(f"{PATH}{one['id']}/", token=cashier)).json == one
        history = await api.get(f"{PATH}{one['id']}/credit-history/", token=cashier)
        assert history.json == one["credit_transactions"]


async def test_pages_lead_through_the_list_without_deleted_customers(api, cashier, make):
    made = [await make() for _ in range(5)]
    await api.call("DELETE", f"{PATH}{made[2]['id']}/", token=cashier)
    first = await api.get(f"{PATH}?limit=3", token=cashier)
    link = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = await api.get(link, token=cashier)
    assert first.json + second.json == made[:2] + made[3:]
    assert "Link" not in second.headers


async def test_a_page_reads_only_its_own_rows_of_a_hundred_thousand(db):
    await db.execute(
        "INSERT INTO pos.customer (first_name, last_name, phone_number, email, birth_date, credit_limit)"
        " SELECT 'a', 'b', n::text, n || '@example.com', '2000-01-01', 2000 FROM generate_series(1, 100000) n"
    )
    await db.execute(
        "INSERT INTO pos.credit_entry (customer_id, amount, transaction_type)"
        " SELECT id, 1, 'CHARGE' FROM pos.customer WHERE id % 10 = 0"
    )
    await db.execute("ANALYZE pos.customer, pos.credit_entry")
    read = (
        "SELECT sum(coalesce(idx_tup_fetch, 0) + seq_tup_read) FROM pg_stat_xact_all_tables"
        " WHERE relid IN ('pos.customer'::regclass, 'pos.credit_entry'::regclass)"
    )
    middle = await db.fetchval("SELECT min(id) + 50000 FROM pos.customer")
    body = '{"phone_number": "77", "email": "88@EXAMPLE.com"}'
    for statement, values, most in (
        (module.query.list_customers, (middle, 100), 130),
        (module.query.get_customer, (middle,), 3),
        (module.query.has_customer, (middle,), 1),
        (module.query.find_taken, (body, None), 2),
        (module.query.update_customer, (middle, '{"phone_number": "new"}', None, "{}"), 12),
        (module.query.delete_customer, (middle + 1, "{}"), 12),
    ):
        async with db.transaction():
            await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            start = await db.fetchval(read)
            assert await db.fetch(statement.text, *values)
            assert await db.fetchval(read) - start <= most, statement.name


# Who may


async def test_only_people_of_the_shop_enter(api, sign_in):
    for role in ("MEMBER", "USER", "PICKER", "VENDOR"):
        token = (await sign_in(role))["access"]
        for method, path in (
            ("GET", PATH),
            ("POST", PATH),
            ("PUT", f"{PATH}1/"),
            ("DELETE", f"{PATH}1/"),
            ("POST", f"{PATH}1/points/"),
            ("GET", f"{PATH}1/history/"),
            ("POST", f"{PATH}1/pay-credit/"),
            ("GET", f"{PATH}1/credit-history/"),
        ):
            answer = await api.call(method, path, token=token)
            assert (answer.status, answer.json["detail"]) == (403, "You do not have permission to perform this action.")
    assert (await api.get(PATH)).status == 401


async def test_each_change_is_in_the_audit(api, boss, db):
    made = (await api.post(PATH, MARIA, token=boss)).json
    one = f"{PATH}{made['id']}/"
    await api.call("PATCH", one, {"credit_limit": "10.00"}, token=boss)
    await api.call("PATCH", one, {"credit_limit": "10.00"}, token=boss)
    await api.post(f"{one}points/", {"amount": 5, "transaction_type": "EARN"}, token=boss)
    assert (await api.call("DELETE", one, token=boss)).status == 400
    await api.post(f"{one}points/", {"amount": 5, "transaction_type": "REDEEM"}, token=boss)
    await api.post(f"{one}pay-credit/", {"amount": 5}, token=boss)
    await api.call("DELETE", one, token=boss)
    entries = await db.fetch(
        "SELECT action, email, before, after FROM operations.audit WHERE object_type = 'customer' AND object_id = $1 ORDER BY id",
        str(made["id"]),
    )
    assert [(entry["action"], entry["after"]) for entry in entries[1:4]] == [
        ("customer.update", '{"credit_limit": 10.00}'),
        ("customer.points", '{"current_points": 5}'),
        ("customer.points", '{"current_points": 0}'),
    ]
    assert [entry["action"] for entry in (entries[0], entries[4])] == ["customer.create", "customer.delete"]
    assert len(entries) == 5 and {entry["email"] for entry in entries} == {"owner@example.com"}
