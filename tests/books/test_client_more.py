"""What the documented system has of clients beside the document: the active ones, a search, numbers, activation. docs/api/books.md#clients."""

import asyncio
import json
from urllib.parse import quote

import pytest

from handlers.books import client_statistics

pytestmark = pytest.mark.gen_test

PATH = "/api/clients/"
ACTIVE, SEARCH, STATISTICS = f"{PATH}active/", f"{PATH}search/", f"{PATH}statistics/"
ANSWERS = [
    ("activate", True, "Client activated successfully.", "The client is already active."),
    ("deactivate", False, "Client deactivated successfully.", "The client is already inactive."),
]


def names(answer):
    assert answer.status == 200, answer.text
    return [client["name"] for client in answer.json["results"]]


async def test_active_clients_are_a_list_of_their_own(owner, open_books):
    for name, is_active in (("Asha", True), ("Babu", False), ("Chand", True)):
        await owner.client(name=name, is_active=is_active)
    await (await open_books()).client(name="Stranger")
    answer = await owner.get(ACTIVE)
    assert names(answer) == ["Chand", "Asha"] and answer.json["count"] == 2
    page = await owner.get(f"{ACTIVE}?page_size=1&ordering=name")
    assert names(page) == ["Asha"] and page.json["next"].endswith(f"{ACTIVE}?ordering=name&page=2&page_size=1")
    walked = await owner.get(f"{ACTIVE}?page_size=1&cursor=")
    assert names(walked) == ["Chand"] and "count" not in walked.json
    assert names(await owner.get(walked.json["next"])) == ["Asha"]
    assert (await owner.get(f"{ACTIVE}?page=3")).status == 404
    assert (await owner.get(f"{ACTIVE}?cursor=x")).status == 400


async def test_a_search_looks_into_names_emails_phones_companies_and_addresses(owner, open_books):
    fields = {
        "name": "Asha Traders",
        "email": "sales@example.com",
        "phone": "+91 98765 43210",
        "company": "Gold Mills",
        "address": "12 Harbour Road\nKozhikode",
    }
    await owner.client(**fields)
    await owner.client(name="Babu", address="Elsewhere", tax_number="GOLD1", notes="harbour")
    await (await open_books()).client(**fields)
    for q in ("asha", "SALES@", "98765", "mills", "harbour", "KOZHI", "road gold", "o", "ha"):
        answer = await owner.get(f"{SEARCH}?q={quote(q)}&ordering=name")
        assert names(answer)[0] == "Asha Traders" and answer.json["search_query"] == q, q
    assert names(await owner.get(f"{SEARCH}?q=harbour+mills")) == ["Asha Traders"]
    assert names(await owner.get(f"{SEARCH}?q=harbour+babu")) == []
    # The search of the list is that of the document's system, which doesn't look into addresses.
    assert names(await owner.get(f"{PATH}?search=harbour")) == []
    assert names(await owner.get(f"{PATH}?search=gold+asha")) == ["Asha Traders"]


async def test_a_search_has_pages_and_the_filter_of_activity(owner):
    for n in range(3):
        await owner.client(name=f"Findable {n}", is_active=n != 1)
    page = await owner.get(f"{SEARCH}?q=findable&page_size=2")
    assert names(page) == ["Findable 2", "Findable 1"] and page.json["count"] == 3
    assert list(page.json) == ["count", "next", "previous", "search_query", "results"]
    assert names(await owner.get(page.json["next"])) == ["Findable 0"]
    walked = await owner.get(f"{SEARCH}?q=findable&page_size=2&cursor=")
    assert walked.json["search_query"] == "findable"
    assert names(await owner.get(walked.json["next"])) == ["Findable 0"]
    assert names(await owner.get(f"{SEARCH}?q=findable&is_active=false")) == ["Findable 1"]
    assert names(await owner.get(f"{SEARCH}?q=findable&is_active=true")) == ["Findable 2", "Findable 0"]
    assert (await owner.get(f"{SEARCH}?q=findable&is_active=perhaps")).status == 400


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20%09", "?search=asha", "?q=%00"])
async def test_a_search_without_words_is_refused(owner, query):
    answer = await owner.get(SEARCH + query)
    said = 'Search query parameter "q" is required'
    assert (answer.status, answer.json) == (400, {"error": said, "detail": said})


@pytest.mark.parametrize("q", ['"quoted\\', "%", "_", "Ж" * 500, "\U0001f600", "a" * 5000])
async def test_a_search_takes_any_text(owner, q):
    answer = await owner.get(f"{SEARCH}?q={quote(q)}")
    assert names(answer) == [] and answer.json["search_query"] == q


async def test_the_statistics_count_the_owners_clients(owner, open_books, db):
    assert (await owner.get(STATISTICS)).json == {
        "total_clients": 0,
        "active_clients": 0,
        "inactive_clients": 0,
        "recent_clients": 0,
        "conversion_rate": 0,
    }
    made = [await owner.client(is_active=n != 0) for n in range(3)]
    await (await open_books()).client()
    await db.execute(
        "UPDATE books.client SET created_at = now() - interval '31 days' WHERE owner_id = $1 AND id = $2",
        owner.id,
        made[0]["id"],
    )
    assert (await owner.get(STATISTICS)).json == {
        "total_clients": 3,
        "active_clients": 2,
        "inactive_clients": 1,
        "recent_clients": 2,
        "conversion_rate": 66.67,
    }


async def test_the_statistics_read_no_active_clients_that_are_old(owner, db):
    await db.execute(
        "INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active, created_at)"
        " SELECT $1, 'Client', '', '', '', '', '', '', n % 100 <> 0, now() - interval '1 year' FROM generate_series(1, 5000) n",
        owner.id,
    )
    await db.execute("VACUUM ANALYZE books.client")
    statement = client_statistics.query.get_statistics.text.replace("$1", str(owner.id))
    plan = json.loads(await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"))

    def scans(node):
        own = [node["Actual Rows"]] if "Relation Name" in node else []
        return own + [rows for inner in node.get("Plans", ()) for rows in scans(inner)]

    assert sorted(scans(plan[0]["Plan"])) == [0, 1, 50]


@pytest.mark.parametrize(("action", "to", "said", "refused"), ANSWERS)
async def test_a_client_is_made_active_or_inactive_once(owner, action, to, said, refused):
    made = await owner.client(is_active=not to)
    path = f"{PATH}{made['id']}/{action}/"
    answer = await owner.post(path)
    assert (answer.status, answer.headers["ETag"], answer.json["message"]) == (200, '"2"', said)
    client = answer.json["client"]
    assert client == {**made, "is_active": to, "updated_at": client["updated_at"]}
    assert client["updated_at"] > made["updated_at"]
    again = await owner.post(path)
    assert (again.status, again.json) == (400, {"error": refused, "detail": refused})
    assert (await owner.get(f"{PATH}{made['id']}/")).json == client


async def test_an_activation_heeds_if_match_unless_there_is_nothing_to_do(owner):
    made = await owner.client()
    path = f"{PATH}{made['id']}"
    answer = await owner.post(f"{path}/deactivate/", headers={"If-Match": '"7"'})
    assert (answer.status, answer.headers["ETag"]) == (412, '"1"')
    assert (await owner.post(f"{path}/activate/", headers={"If-Match": '"7"'})).status == 400
    assert (await owner.post(f"{path}/deactivate/", headers={"If-Match": '"1"'})).status == 200


async def test_of_many_who_deactivate_a_client_one_does_it(owner):
    made = await owner.client()
    answers = await asyncio.gather(*(owner.post(f"{PATH}{made['id']}/deactivate/") for _ in range(16)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 15


async def test_an_activation_enters_the_audit(owner, db):
    made = await owner.client()
    await owner.post(f"{PATH}{made['id']}/deactivate/")
    await owner.post(f"{PATH}{made['id']}/activate/")
    rows = await db.fetch(
        "SELECT action, account_id FROM operations.audit WHERE object_type = 'client' AND object_id = $1 ORDER BY id",
        str(made["id"]),
    )
    assert [(row["action"], row["account_id"]) for row in rows] == [
        ("client.deactivate", owner.id),
        ("client.activate", owner.id),
    ]


async def test_a_client_of_another_owner_or_of_nobody_is_not_found(owner, open_books):
    foreign = await (await open_books()).client(name="Secret")
    for id in (foreign["id"], 999999999, "abc", "9" * 30):
        for action in ("activate", "deactivate"):
            answer = await owner.post(f"{PATH}{id}/{action}/")
            assert (answer.status, answer.json) == (404, {"error": "Not found.", "detail": "Not found."})
