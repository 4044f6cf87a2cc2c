"""Clients of the books. docs/api/books.md#clients."""

import asyncio

import pytest

from handlers.api import books_listing
from tests.conftest import PASSWORD_HASH

pytestmark = pytest.mark.gen_test

PATH = "/api/clients/"
CLIENT = {
    "name": "Client Name",
    "email": "client@example.com",
    "phone": "+1234567890",
    "address": "Client Address",
    "company": "Company Name",
    "tax_number": "TAX123456",
}


def names(answer):
    assert answer.status == 200, answer.text
    return [client["name"] for client in answer.json["results"]]


async def test_a_client_is_made_shown_listed_and_deleted(owner):
    made = await owner.post(PATH, CLIENT)
    expected = {**CLIENT, "id": made.json["id"], "notes": "", "is_active": True, "owner": owner.id}
    stamps = {name: made.json[name] for name in ("created_at", "updated_at")}
    assert (made.status, made.json) == (201, {**expected, **stamps})
    one = f"{PATH}{made.json['id']}/"
    shown = await owner.get(one)
    assert (shown.status, shown.json, shown.headers["ETag"]) == (200, made.json, '"1"')
    listed = await owner.get(PATH)
    assert listed.json == {"count": 1, "next": None, "previous": None, "results": [made.json]}
    assert (await owner.delete(one)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(method, one, None if method in ("GET", "DELETE") else {"name": "Anyone"})
        assert (answer.status, answer.json["error"]) == (404, "Not found."), method
    assert (await owner.get(PATH)).json["count"] == 0


async def test_a_name_is_all_that_a_client_needs(owner):
    made = await owner.post(PATH, {"name": "  Asha  "})
    assert made.status == 201
    texts = {name: made.json[name] for name in ("name", "email", "phone", "address", "company", "tax_number", "notes")}
    assert texts == {**dict.fromkeys(texts, ""), "name": "Asha"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_what_the_body_omits_and_empties_what_is_null(owner, method):
    made = await owner.client(**{**CLIENT, "notes": "Pays late"})
    changes = {"name": "New Name", "notes": None, "email": "NEW@Example.com", "id": 9, "owner": 9, "unknown": 1}
    changed = await owner.call(method, f"{PATH}{made['id']}/", changes)
    expected = {**made, "name": "New Name", "notes": "", "email": "new@example.com"}
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json == {**expected, "updated_at": changed.json["updated_at"]}
    assert changed.json["updated_at"] > made["updated_at"]


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ({}, {"name": ["Client name is required."]}),
        ({"name": " "}, {"name": ["Client name cannot be empty.", "Client name must be at least 2 characters long."]}),
        ({"name": "A"}, {"name": ["Client name must be at least 2 characters long."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": "x" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
        ({"name": "Asha", "email": "asha"}, {"email": ["Enter a valid email address."]}),
        ({"name": "Asha", "phone": "12345"}, {"phone": ["Phone number must be between 10 and 15 digits."]}),
        ({"name": "Asha", "phone": "+1 (234) 567-890-123-4567"}, {"phone": ["Phone number must be between 10 and 15 digits."]}),
        ({"name": "Asha", "is_active": "perhaps"}, {"is_active": ["Must be a valid boolean."]}),
        ({"name": "As\0ha"}, {"name": ["Null characters are not allowed."]}),
    ],
)  # fmt: skip
async def test_wrong_fields_are_named(owner, sent, details):
    answer = await owner.post(PATH, sent)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})


async def test_an_email_belongs_to_one_client_of_an_owner_ignoring_case(owner, open_books):
    first = await owner.client(email="shared@example.com")
    again = await owner.post(PATH, {"name": "Second", "email": "Shared@Example.com"})
    details = {"email": ["A client with this email already exists in your account."]}
    assert (again.status, again.json) == (400, {"error": "Validation failed", "details": details})
    second = await owner.client()
    answer = await owner.patch(f"{PATH}{second['id']}/", {"email": "shared@example.com"})
    assert (answer.status, answer.json["details"]) == (400, details)
    stranger = await open_books()
    assert (await stranger.client(email="shared@example.com"))["email"] == first["email"]
    for name in ("Third", "Fourth"):
        assert (await owner.client(name=name, email=""))["email"] == ""


async def test_clients_of_another_owner_do_not_exist(owner, open_books):
    stranger = await open_books("OWNER")
    client = await stranger.client(email="secret@example.com")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await owner.call(
            method, f"{PATH}{client['id']}/", None if method in ("GET", "DELETE") else {"name": "X y"}
        )
        assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."}), method
    assert (await owner.get(PATH)).json["results"] == []
    assert (await owner.get(f"{PATH}?search=secret")).json["count"] == 0
    assert (await stranger.get(f"{PATH}{client['id']}/")).json == client


async def test_only_the_state_that_if_match_names_is_changed_or_deleted(owner):
    one = f"{PATH}{(await owner.client())['id']}/"
    assert (await owner.patch(one, {"notes": "a"}, headers={"If-Match": '"1"'})).headers["ETag"] == '"2"'
    for method, body in (("PATCH", {"notes": "b"}), ("PUT", {"name": "Name"}), ("DELETE", None)):
        answer = await owner.call(method, one, body, headers={"If-Match": '"1", W/"2"'})
        assert (answer.status, answer.headers["ETag"]) == (412, '"2"'), method
    assert (await owner.get(one)).json["notes"] == "a"
    assert (await owner.delete(one, headers={"If-Match": '"9", "2"'})).status == 204


async def test_of_racing_changes_of_one_state_one_is_made(owner):
    one = f"{PATH}{(await owner.client())['id']}/"
    answers = await asyncio.gather(
        *(owner.patch(one, {"notes": f"note {n}"}, headers={"If-Match": '"1"'}) for n in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7


async def test_a_repeated_request_makes_one_client(owner):
    key = {"Idempotency-Key": "client-1"}
    first, second = [await owner.post(PATH, CLIENT, headers=key) for _ in range(2)]
    assert (second.status, second.json, second.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert (await owner.get(PATH)).json["count"] == 1


async def test_pages_follow_each_other_in_the_order_asked_for(owner):
    for name in ("Cara", "asha", "Bela", "Dana"):
        await owner.client(name=name)
    assert names(await owner.get(PATH)) == ["Dana", "Bela", "asha", "Cara"]
    assert names(await owner.get(f"{PATH}?ordering=name")) == ["asha", "Bela", "Cara", "Dana"]
    page = await owner.get(f"{PATH}?ordering=-name,unknown&page_size=3")
    assert (names(page), page.json["count"]) == (["Dana", "Cara", "Bela"], 4)
    assert page.json["previous"] is None
    following = await owner.get(page.json["next"])
    assert (names(following), following.json["next"]) == (["asha"], None)
    assert names(await owner.get(following.json["previous"])) == ["Dana", "Cara", "Bela"]
    assert (await owner.get(f"{PATH}?page=3&page_size=3")).json["error"] == "Invalid page."


@pytest.mark.parametrize("ordering", ["", "name", "-name", "email,-created_at", "-updated_at", "id"])
async def test_a_walk_by_cursor_meets_every_client_once(owner, ordering):
    made = [(await owner.client(name=f"Client {n % 3}"))["id"] for n in range(7)]
    listed = [c["id"] for c in (await owner.get(f"{PATH}?ordering={ordering}")).json["results"]]
    path, met = f"{PATH}?ordering={ordering}&page_size=2&cursor=", []
    while path:
        page = (await owner.get(path)).json
        met += [client["id"] for client in page["results"]]
        path = page["next"]
    assert met == listed and sorted(met) == made


async def test_pages_with_a_filter_lead_on_where_the_counting_ends(owner, monkeypatch):
    monkeypatch.setattr(books_listing, "MOST_COUNTED", 3)
    made = [(await owner.client(company="Acme"))["id"] for _ in range(7)]
    path, met, counts = f"{PATH}?company=acme&page_size=2&ordering=id", [], []
    while path:
        page = (await owner.get(path)).json
        met += [client["id"] for client in page["results"]]
        counts.append((page["count"], page.get("count_is_exact", True)))
        path = page["next"]
    assert met == made
    assert counts == [(4, False), (5, False), (7, False), (7, True)]
    assert (await owner.get(f"{PATH}?company=acme&page=last&page_size=2")).status == 404
    assert (await owner.get(f"{PATH}?company=acme&page=5&page_size=2")).status == 404


async def test_a_search_finds_clients_that_have_all_words(owner):
    await owner.client(name="Asha Traders", company="Spice House", email="asha@example.com")
    await owner.client(name="Bela", company="Spice Route", phone="+91 98765 43210")
    for asked, expected in {
        "spice": ["Bela", "Asha Traders"],
        "SPICE+house": ["Asha Traders"],
        "98765": ["Bela"],
        "asha%40example": ["Asha Traders"],
        "a": ["Bela", "Asha Traders"],
        "%25": [],
        "spice+nothing": [],
    }.items():
        found = await owner.get(f"{PATH}?search={asked}")
        assert (names(found), found.json["count"]) == (expected, len(expected)), asked


async def test_filters_choose_by_activity_company_and_day(owner, db):
    old = await owner.client(name="Old", company="Acme", is_active=False)
    await owner.client(name="New", company="acme")
    await db.execute("UPDATE books.client SET created_at = '2024-01-31T12:00:00Z' WHERE id = $1", old["id"])
    for asked, expected in {
        "is_active=true": ["New"],
        "is_active=false": ["Old"],
        "company=ACME": ["New", "Old"],
        "company=Acm": [],
        "created_at__gte=2024-02-01": ["New"],
        "created_at__lte=2024-01-31": ["Old"],
        "created_at__lte=2024-01-31T11:59:59Z": [],
        "created_at__gte=2024-01-31T14:00:00+02:00&created_at__lte=2024-01-31": ["Old"],
    }.items():
        for cursor in ("", "&cursor="):
            assert names(await owner.get(f"{PATH}?{asked}{cursor}")) == expected, asked


@pytest.mark.parametrize(
    "moment", ["yesterday", "2024-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
async def test_a_filter_that_is_no_moment_is_refused(owner, moment):
    answer = await owner.get(f"{PATH}?created_at__gte={moment.replace('+', '%2B')}")
    assert (answer.status, answer.json["details"]) == (400, {"created_at__gte": ["Enter a valid date/time."]})


async def test_a_filter_that_is_no_choice_is_refused(owner):
    answer = await owner.get(f"{PATH}?is_active=maybe")
    said = "Select a valid choice. maybe is not one of the available choices."
    assert (answer.status, answer.json["details"]) == (400, {"is_active": [said]})


async def test_a_client_that_is_used_is_not_deleted(owner, db):
    client = await owner.client()
    await db.execute(
        "INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount,"
        "                           is_billable, client_id, status, notes)"
        " VALUES ($1, 'Train', 10, 'travel', '2024-01-01', '', '', 0, true, $2, 'pending', '')",
        owner.id,
        client["id"],
    )
    answer = await owner.delete(f"{PATH}{client['id']}/")
    assert answer.status == 400
    assert answer.json["error"] == "The client has expenses and can't be deleted. Deactivate it instead."


async def test_changes_and_deletions_enter_the_audit(owner, db):
    client = await owner.client(name="Asha")
    await owner.patch(f"{PATH}{client['id']}/", {"name": "Usha"})
    await owner.delete(f"{PATH}{client['id']}/")
    rows = await db.fetch(
        "SELECT action, account_id FROM operations.audit WHERE object_type = 'client' AND object_id = $1 ORDER BY id",
        str(client["id"]),
    )
    assert [row["action"] for row in rows] == ["client.update", "client.delete"]
    assert {row["account_id"] for row in rows} == {owner.id}


async def test_an_account_with_books_is_not_deleted(owner, sign_in, db):
    await owner.client()
    boss = (await sign_in("SUPERADMIN"))["access"]
    id = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)
    answer = await owner.api.call("DELETE", f"/api/auth/users/{id}/", token=boss)
    said = "The account has books, which are kept. Deactivate it instead."
    assert (answer.status, answer.json["error"]) == (400, said)


async def test_an_account_whose_books_are_empty_again_is_deleted(owner, sign_in, db):
    client = (await owner.client())["id"]
    quote, invoice, expense = await owner.quote(client), await owner.invoice(client), await owner.expense()
    for path in (
        f"/api/quotes/{quote['id']}/",
        f"/api/invoices/{invoice['id']}/",
        f"/api/expenses/{expense['id']}/",
        f"{PATH}{client}/",
    ):
        assert (await owner.delete(path)).status == 204
    boss = (await sign_in("SUPERADMIN"))["access"]
    id = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)
    answer = await owner.api.call("DELETE", f"/api/auth/users/{id}/", token=boss)
    assert answer.status in (200, 204), answer.text
    assert await db.fetchval("SELECT count(*) FROM books.tally WHERE owner_id = $1", owner.id) == 0
    assert await db.fetchval("SELECT count(*) FROM books.number_counter WHERE owner_id = $1", owner.id) == 0


async def test_people_without_books_may_not_enter(api, sign_in, db):
    assert (await api.get(PATH)).status == 401
    await db.execute(
        "INSERT INTO accounts.account (email, username, role, password_hash) VALUES ('v@example.com', 'v', 'VENDOR', $1)",
        PASSWORD_HASH,
    )
    answer = await api.get(PATH, token=(await sign_in("VENDOR", "v@example.com"))["access"])
    assert (answer.status, answer.json["error"]) == (403, "You do not have permission to perform this action.")
