"""Expenses of the books. docs/api/books.md#expenses."""

import asyncio
from datetime import timedelta

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/expenses/"
EXPENSE = {
    "description": "Office supplies",
    "amount": "50.00",
    "category": "office",
    "expense_date": "2026-01-01",
    "receipt_number": "REC-001",
    "vendor": "Office Store",
    "tax_amount": "5.00",
    "is_billable": True,
    "status": "approved",
}
LEAST = {"description": "Train", "amount": 10, "expense_date": "2026-01-01"}
WRONG_CLIENT = {"client": ["Invalid client selected."]}
KEPT = "Amount, tax, date and category of an approved expense can't be changed. Reject it first."


@pytest.fixture
def today(db):
    """The day on which the database judges dates."""

    async def today():
        return await db.fetchval("SELECT books.today()")

    return today


async def test_an_expense_is_made_shown_listed_and_deleted(owner):
    client = await owner.client()
    sent = {**EXPENSE, "client": client["id"]}
    made = await owner.post(PATH, sent)
    stamps = {name: made.json[name] for name in ("id", "created_at", "updated_at")}
    assert (made.status, made.json) == (201, {**sent, **stamps, "notes": "", "owner": owner.id, "attachments": []})
    one = f"{PATH}{made.json['id']}/"
    shown = await owner.get(one)
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, made.json, '"1"')
    assert (await owner.get(PATH)).json == {"count": 1, "next": None, "previous": None, "results": [made.json]}
    assert (await owner.delete(one)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(method, one, None if method in ("GET", "DELETE") else LEAST)
        assert (answer.status, answer.json["error"]) == (404, "Not found."), method
    assert (await owner.get(PATH)).json["count"] == 0


async def test_what_a_new_expense_omits_has_a_usual_value(owner):
    made = await owner.made(PATH, LEAST)
    usual = {"category": "other", "status": "pending", "tax_amount": "0.00", "is_billable": False, "client": None}
    texts = dict.fromkeys(("receipt_number", "vendor", "notes"), "")
    assert made == {**made, **LEAST, "amount": "10.00", **usual, **texts, "attachments": []}
    nothing = dict.fromkeys(("tax_amount", "client", "receipt_number", "vendor", "notes"))
    assert (await owner.made(PATH, {**LEAST, **nothing})).items() >= {**usual, **texts}.items()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("0.01", "0.01"), (0.015, "0.02"), ("12.345", "12.35"), (99999999.99, "99999999.99"), ("1e3", "1000.00"), (" 7 ", "7.00")],
)  # fmt: skip
async def test_amounts_are_taken_as_number_or_text_and_rounded_half_up(owner, sent, stored):
    assert (await owner.expense(amount=sent))["amount"] == stored
    assert (await owner.expense(tax_amount=sent))["tax_amount"] == stored


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({}, {name: ["This field is required."] for name in LEAST}),
        ({**LEAST, "description": " "}, {"description": ["This field may not be blank."]}),
        ({**LEAST, "description": "x" * 501}, {"description": ["Ensure this field has no more than 500 characters."]}),
        ({**LEAST, "description": "a\0b"}, {"description": ["Null characters are not allowed."]}),
        ({**LEAST, "description": ["x"]}, {"description": ["Not a valid string."]}),
        ({**LEAST, "amount": 0}, {"amount": ["Amount must be positive"]}),
        ({**LEAST, "amount": "-5"}, {"amount": ["Amount must be positive"]}),
        ({**LEAST, "amount": 0.009}, {"amount": ["Amount must be positive"]}),
        ({**LEAST, "amount": 1e8}, {"amount": ["Ensure this value is less than or equal to 99999999.99."]}),
        ({**LEAST, "amount": "1e300"}, {"amount": ["Ensure this value is less than or equal to 99999999.99."]}),
        ({**LEAST, "amount": "ten"}, {"amount": ['A valid number is required. "ten" is not one.']}),
        ({**LEAST, "amount": None}, {"amount": ["This field may not be null."]}),
        ({**LEAST, "tax_amount": -1}, {"tax_amount": ["Ensure this value is greater than or equal to 0."]}),
        ({**LEAST, "category": "rent"}, {"category": ['"rent" is not a valid choice.']}),
        ({**LEAST, "status": "paid"}, {"status": ['"paid" is not a valid choice.']}),
        ({**LEAST, "is_billable": "perhaps"}, {"is_billable": ["Must be a valid boolean."]}),
        ({**LEAST, "expense_date": "1.2.2026"}, {"expense_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ({**LEAST, "expense_date": "9999-12-31"}, {"expense_date": ["Expense date cannot be in the future"]}),
        ({**LEAST, "expense_date": "0001-01-01"}, {"expense_date": ["Expense date is too far in the past"]}),
        ({**LEAST, "receipt_number": "x" * 101}, {"receipt_number": ["Ensure this field has no more than 100 characters."]}),
        ({**LEAST, "vendor": "x" * 256}, {"vendor": ["Ensure this field has no more than 255 characters."]}),
        ({**LEAST, "notes": "x" * 10_001}, {"notes": ["Ensure this field has no more than 10000 characters."]}),
        ({**LEAST, "client": 10**18 - 1}, WRONG_CLIENT),
        ({**LEAST, "client": 10**30}, {"client": ["A valid number is required."]}),
        ({**LEAST, "client": -1}, WRONG_CLIENT),
        ({**LEAST, "client": 999999999999}, WRONG_CLIENT),
        ({**LEAST, "client": "mine"}, {"client": ['A valid integer is required. "mine" is not one.']}),
    ],
)  # fmt: skip
async def test_wrong_fields_are_named(owner, sent, details):
    answer = await owner.post(PATH, sent)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})
    assert (await owner.get(PATH)).json["count"] == 0
    made = await owner.expense()
    if sent:
        changed = await owner.put(f"{PATH}{made['id']}/", sent)
        assert (changed.status, changed.json["details"]) == (400, details)
        assert (await owner.get(f"{PATH}{made['id']}/")).json == made


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b"null", b'{"amount": NaN}', b"{", b"\xff", b'{"amount": 1' + b"0" * 400 + b"}"]
)
async def test_a_body_that_is_no_expense_is_refused(owner, body):
    assert (await owner.post(PATH, body)).status == 400


async def test_a_day_is_between_ten_years_ago_and_tomorrow(owner, today):
    day = await today()
    for at, status in (
        (day, 201),
        (day + timedelta(1), 201),
        (day + timedelta(2), 400),
        (day - timedelta(3650), 201),
        (day - timedelta(3651), 400),
    ):
        assert (await owner.post(PATH, {**LEAST, "expense_date": str(at)})).status == status, at


async def test_an_old_expense_keeps_its_day_when_something_else_is_changed(owner, db):
    made = await owner.expense()
    await db.execute("UPDATE books.expense SET expense_date = '2001-01-01' WHERE id = $1", made["id"])
    path = f"{PATH}{made['id']}/"
    assert (await owner.put(path, {**LEAST, "expense_date": "2001-01-01", "notes": "old"})).status == 200
    answer = await owner.patch(path, {"expense_date": "2001-01-02"})
    assert answer.json["details"] == {"expense_date": ["Expense date is too far in the past"]}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_what_the_body_omits_and_empties_what_is_null(owner, method):
    client = await owner.client()
    made = await owner.expense(**{**EXPENSE, "status": "pending", "client": client["id"], "notes": "Paper"})
    least = LEAST if method == "PUT" else {}
    nothing = dict.fromkeys(("tax_amount", "client", "vendor"))
    changed = await owner.call(
        method, f"{PATH}{made['id']}/", {**least, **nothing, "id": 9, "owner": 9, "attachments": []}
    )
    expected = {**made, **least, "tax_amount": "0.00", "client": None, "vendor": ""}
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json == {
        **expected,
        "amount": "10.00" if least else "50.00",
        "updated_at": changed.json["updated_at"],
    }


async def test_a_client_of_another_owner_is_refused_like_an_unknown_one(owner, open_books):
    stranger = await open_books()
    foreign = (await stranger.client())["id"]
    made = await owner.expense()
    for client in (foreign, foreign + 10**6):
        for method, path in (("POST", PATH), ("PUT", f"{PATH}{made['id']}/"), ("PATCH", f"{PATH}{made['id']}/")):
            answer = await owner.call(method, path, {**LEAST, "client": client})
            assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": WRONG_CLIENT}), (
                method
            )
    assert (await owner.get(f"{PATH}{made['id']}/")).json == made


async def test_a_client_with_expenses_is_not_deleted(owner):
    client = await owner.client()
    made = await owner.expense(client=client["id"])
    refused = await owner.delete(f"/api/clients/{client['id']}/")
    assert (refused.status, refused.json["error"]) == (
        400,
        "The client has expenses and can't be deleted. Deactivate it instead.",
    )
    await owner.patch(f"{PATH}{made['id']}/", {"client": None})
    assert (await owner.delete(f"/api/clients/{client['id']}/")).status == 204


async def test_expenses_of_another_owner_do_not_exist(owner, open_books):
    stranger = await open_books("OWNER")
    expense = await stranger.expense(description="secret", client=(await stranger.client())["id"])
    one = f"{PATH}{expense['id']}/"
    for method, path in (
        *((method, one) for method in ("GET", "PUT", "PATCH", "DELETE")),
        *(("POST", f"{one}{action}/") for action in ("approve", "reject", "reimburse")),
    ):
        answer = await owner.call(method, path, LEAST if method in ("PUT", "PATCH") else None)
        assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."}), method
    for query in ("", "?search=secret", f"?client={expense['client']}", "?cursor="):
        assert (await owner.get(PATH + query)).json["results"] == []
    assert (await owner.get(f"{PATH}stats/")).json["total_expenses"] == 0
    assert (await stranger.get(one)).json == expense


@pytest.mark.parametrize("id", ["0", "x", "1.5", "-1", "9" * 19, "9" * 18, "%00", "1%20"])
async def test_an_id_that_is_none_is_not_found(owner, id):
    for path in (f"{PATH}{id}/", f"{PATH}attachments/{id}/", f"{PATH}attachments/{id}/download/"):
        answer = await owner.get(path)
        assert (answer.status, answer.json["error"]) == (404, "Not found."), path


# States


@pytest.mark.parametrize(
    ("present", "may_become"),
    [
        ("pending", {"approved", "rejected"}),
        ("approved", {"rejected", "reimbursed"}),
        ("rejected", {"pending"}),
        ("reimbursed", set()),
    ],
)
async def test_a_status_follows_only_from_some_others(owner, present, may_become):
    actions = {"approve": "approved", "reject": "rejected", "reimburse": "reimbursed"}
    for wanted in ("pending", "approved", "rejected", "reimbursed"):
        path = f"{PATH}{(await owner.expense(status=present))['id']}/"
        answer = await owner.patch(path, {"status": wanted})
        if wanted == present or wanted in may_become:
            assert (answer.status, answer.json["status"]) == (200, wanted)
        else:
            said = f"Cannot transition from {present.title()} to {wanted.title()}."
            assert (answer.status, answer.json["details"]) == (400, {"status": [said]})
    for action, wanted in actions.items():
        path = f"{PATH}{(await owner.expense(status=present))['id']}/"
        answer = await owner.post(f"{path}{action}/")
        shown = await owner.get(path)
        if wanted in may_become:
            assert (answer.status, answer.json) == (200, {"message": f"Expense {wanted}.", "expense": shown.json})
            assert (shown.json["status"], answer.headers["ETag"]) == (wanted, '"2"')
        else:
            assert (answer.status, answer.json["error"]) == (400, f"Expense cannot be {wanted} in current status")
            assert shown.json["status"] == present


@pytest.mark.parametrize("status", ["approved", "reimbursed"])
async def test_what_has_been_approved_stays(owner, status):
    made = await owner.expense(**{**EXPENSE, "status": status})
    path = f"{PATH}{made['id']}/"
    for change in ({"amount": 51}, {"tax_amount": None}, {"expense_date": "2026-01-02"}, {"category": "other"}):
        answer = await owner.patch(path, change)
        assert (answer.status, answer.json["details"]) == (400, {"non_field_errors": [KEPT]}), change
    again = await owner.put(path, {**made, "amount": 50, "notes": "Paper", "client": None})
    assert (again.status, again.json["notes"], again.json["amount"]) == (200, "Paper", "50.00")


async def test_of_racing_decisions_one_is_made(owner):
    path = f"{PATH}{(await owner.expense())['id']}/"
    answers = await asyncio.gather(*(owner.post(f"{path}approve/") for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    answers = await asyncio.gather(*(owner.post(f"{path}{action}/") for action in ("reimburse", "reject") * 4))
    assert (await owner.get(path)).json["status"] in ("reimbursed", "rejected")
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7


async def test_only_the_state_that_if_match_names_is_changed_or_deleted(owner):
    one = f"{PATH}{(await owner.expense())['id']}/"
    assert (await owner.patch(one, {"notes": "a"}, headers={"If-Match": '"1"'})).headers["ETag"] == '"2"'
    calls = [
        ("PATCH", one, {"notes": "b"}),
        ("PUT", one, LEAST),
        ("DELETE", one, None),
        ("POST", f"{one}approve/", None),
    ]
    for method, path, body in calls:
        answer = await owner.call(method, path, body, headers={"If-Match": '"1", W/"2"'})
        assert (answer.status, answer.headers["ETag"]) == (412, '"2"'), method
    shown = await owner.get(one)
    assert (shown.json["notes"], shown.json["status"]) == ("a", "pending")
    assert (await owner.post(f"{one}approve/", headers={"If-Match": '"2"'})).status == 200
    assert (await owner.delete(one, headers={"If-Match": '"9", "3"'})).status == 204


async def test_of_racing_changes_of_one_state_one_is_made(owner):
    one = f"{PATH}{(await owner.expense())['id']}/"
    changes = (owner.patch(one, {"notes": f"note {n}"}, headers={"If-Match": '"1"'}) for n in range(8))
    assert sorted(answer.status for answer in await asyncio.gather(*changes)) == [200] + [412] * 7


async def test_racing_deletions_delete_once(owner):
    one = f"{PATH}{(await owner.expense())['id']}/"
    answers = await asyncio.gather(*(owner.delete(one) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 7
    assert (await owner.get(PATH)).json["count"] == 0


async def test_a_repeated_request_makes_one_expense(owner):
    key = {"Idempotency-Key": "expense-1"}
    first, second = [await owner.post(PATH, LEAST, headers=key) for _ in range(2)]
    assert (second.status, second.json, second.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    refused = await owner.post(PATH, {**LEAST, "amount": 11}, headers=key)
    assert (refused.status, (await owner.get(PATH)).json["count"]) == (422, 1)


async def test_a_refused_request_leaves_its_key_free(owner):
    key = {"Idempotency-Key": "expense-2"}
    assert (await owner.post(PATH, {**LEAST, "expense_date": "9999-01-01"}, headers=key)).status == 400
    assert (await owner.post(PATH, LEAST, headers=key)).status == 201


async def test_changes_decisions_and_deletions_enter_the_audit(owner, db):
    expense = await owner.expense()
    one = f"{PATH}{expense['id']}/"
    await owner.patch(one, {"notes": "x"})
    for action in ("approve", "reject"):
        await owner.post(f"{one}{action}/")
    await owner.delete(one)
    rows = await db.fetch(
        "SELECT action FROM operations.audit WHERE object_type = 'expense' AND object_id = $1 AND account_id = $2 ORDER BY id",
        str(expense["id"]),
        owner.id,
    )
    assert [row["action"] for row in rows] == ["expense.update", "expense.approve", "expense.reject", "expense.delete"]
