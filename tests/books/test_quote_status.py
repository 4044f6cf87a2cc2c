"""What becomes of a quote: sent, accepted, rejected, expired. docs/api/books.md#quotes."""

import asyncio
from collections import Counter

import pytest

from handlers.books import quote_sweep
from tests.books.test_quote import PATH, later, refused, today
from tests.support.owners import LINE

pytestmark = pytest.mark.gen_test

STATUSES = ("draft", "sent", "accepted", "rejected", "expired")
MOVES = {
    "draft": ("sent", "rejected"),
    "sent": ("accepted", "rejected", "expired"),
    "accepted": ("rejected",),
    "rejected": (),
    "expired": ("sent",),
}
EXPIRED = {"expiry_date": ["The quote has expired. Set a later expiry date to send it."]}


@pytest.fixture
def quote_of(owner, db):
    """`await quote_of(status)`: a quote that is stored with a status, and is valid."""

    async def quote_of(status, **fields):
        quote = await owner.quote(**fields)
        await db.execute("UPDATE books.quote SET status = $2 WHERE id = $1", quote["id"], status)
        return (await owner.get(f"{PATH}{quote['id']}/")).json

    return quote_of


@pytest.fixture
def passed_quote(owner, db, quote_of):
    """`await passed_quote()`: a sent quote whose expiry_date was yesterday."""

    async def passed_quote():
        quote = await quote_of("sent", issue_date="2024-01-01", expiry_date=later(5))
        await db.execute(
            "UPDATE books.quote SET expiry_date = $2 WHERE id = $1",
            quote["id"],
            today().fromordinal(today().toordinal() - 1),
        )
        return quote["id"]

    return passed_quote


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("next_status", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_changes_only_as_the_document_says(owner, quote_of, method, status, next_status):
    quote = await quote_of(status)
    answer = await owner.call(method, f"{PATH}{quote['id']}/", {"status": next_status})
    if next_status == status:
        assert (answer.status, answer.json) == (200, quote)
    elif next_status in MOVES[status]:
        assert (answer.status, answer.json["status"]) == (200, next_status)
    else:
        refused(answer, {"status": [f"Cannot transition from {status.title()} to {next_status.title()}."]})
        assert (await owner.get(f"{PATH}{quote['id']}/")).json == quote


@pytest.mark.parametrize(
    ("action", "next_status"),
    [
        ("send", "sent"),
        ("accept", "accepted"),
        ("approve", "accepted"),
        ("reject", "rejected"),
        ("decline", "rejected"),
    ],
)
@pytest.mark.parametrize("status", STATUSES)
async def test_an_action_moves_a_quote_where_its_status_admits_that(owner, quote_of, status, action, next_status):
    quote = await quote_of(status)
    answer = await owner.post(f"{PATH}{quote['id']}/{action}/")
    shown = await owner.get(f"{PATH}{quote['id']}/")
    if next_status in MOVES[status]:
        assert (answer.status, answer.json["quote"]) == (200, shown.json)
        assert answer.json["message"].startswith(f"Quote {next_status} successfully")
        assert (shown.json["status"], shown.headers["ETag"]) == (next_status, answer.headers["ETag"])
    else:
        assert (answer.status, answer.json["error"]) == (400, f"Quote cannot be {next_status} in current status")
        assert shown.json == quote


async def test_the_moments_of_sending_and_deciding_are_kept(owner, db):
    one = f"{PATH}{(await owner.quote())['id']}/"
    sent = (await owner.post(f"{one}send/")).json["quote"]
    assert sent["sent_at"] == sent["updated_at"]
    accepted = (await owner.patch(one, {"status": "accepted"})).json
    assert accepted["sent_at"] == sent["sent_at"]
    assert await db.fetchval("SELECT decided_at = updated_at FROM books.quote WHERE id = $1", sent["id"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_quote_that_is_no_draft_takes_back_what_it_has_and_nothing_else(owner, quote_of, method):
    quote = await quote_of("sent", tax_rate="0.1", title="Website", line_items=[LINE, {**LINE, "quantity": "2.50"}])
    one = f"{PATH}{quote['id']}/"
    same = await owner.call(method, one, quote)
    assert (same.status, same.json) == (200, quote)
    other = await owner.client()
    for changes in (
        {"title": "Other"}, {"terms": "x"}, {"client": other["id"]}, {"client": 10**17}, {"issue_date": "2020-01-01"},
        {"expiry_date": later(100)}, {"tax_rate": 0.2}, {"tax_rate": None}, {"tax_rate": None, "tax_amount": 1}, {"line_items": [LINE]},
        {"line_items": quote["line_items"][::-1]}, {"status": "accepted", "title": "Other"},
    ):  # fmt: skip
        answer = await owner.call(method, one, {**quote, **changes})
        assert (answer.status, answer.json["error"]) == (400, "Only draft quotes can be edited"), changes
    assert (await owner.get(one)).json == quote
    changed = await owner.call(method, one, {**quote, "notes": "Called", "status": "accepted"})
    assert (changed.status, changed.json["notes"], changed.json["status"]) == (200, "Called", "accepted")


async def test_a_draft_is_edited_and_sent_at_once(owner):
    quote = await owner.quote()
    changed = await owner.patch(f"{PATH}{quote['id']}/", {"status": "sent", "title": "Last words"})
    assert (changed.json["status"], changed.json["title"]) == ("sent", "Last words")


async def test_a_sent_quote_expires_when_its_day_has_passed(owner, passed_quote):
    one = f"{PATH}{await passed_quote()}/"
    shown = await owner.get(one)
    assert (shown.json["status"], shown.headers["ETag"]) == ("expired", '"1.1-expired"')
    refused(await owner.patch(one, {"status": "accepted"}), {"status": ["Cannot transition from Expired to Accepted."]})
    assert (await owner.post(f"{one}accept/")).json["error"] == "Quote cannot be accepted in current status"
    # It is in that status already.
    assert (await owner.patch(one, {"status": "expired"})).json == shown.json


async def test_an_expired_quote_is_sent_again_with_a_later_expiry_date(owner, passed_quote):
    one = f"{PATH}{await passed_quote()}/"
    for status, changes in (("sent", {}), ("sent", {"expiry_date": later(-1)})):
        refused(await owner.patch(one, {"status": status, **changes}), EXPIRED)
    refused(await owner.post(f"{one}send/"), EXPIRED)
    answer = await owner.patch(one, {"expiry_date": later(7)})
    assert (answer.status, answer.json["error"]) == (400, "Only draft quotes can be edited")
    answer = await owner.patch(one, {"status": "sent", "expiry_date": later(7), "title": "Other"})
    assert (answer.status, answer.json["error"]) == (400, "Only draft quotes can be edited")
    again = await owner.patch(one, {"status": "sent", "expiry_date": later(7)})
    assert (again.status, again.json["status"], again.json["expiry_date"]) == (200, "sent", later(7))


async def test_a_draft_whose_expiry_date_has_passed_is_not_sent(owner):
    one = f"{PATH}{(await owner.quote(issue_date='2024-01-01'))['id']}/"
    refused(await owner.post(f"{one}send/"), EXPIRED)
    refused(await owner.patch(one, {"status": "sent"}), EXPIRED)
    assert (await owner.patch(one, {"status": "sent", "expiry_date": later(1)})).json["status"] == "sent"


async def test_of_a_racing_acceptance_and_rejection_one_wins(owner):
    for _ in range(5):
        one = f"{PATH}{(await owner.quote())['id']}/"
        await owner.post(f"{one}send/")
        answers = await asyncio.gather(*(owner.post(f"{one}{action}/") for action in ("accept", "reject") * 4))
        # An accepted quote can still be rejected, a rejected one is never accepted.
        statuses = Counter((answer.status, answer.json.get("message")) for answer in answers)
        assert statuses[200, "Quote rejected successfully"] == 1
        assert statuses[200, "Quote accepted successfully"] <= 1
        assert (await owner.get(one)).json["status"] == "rejected"


async def test_of_an_acceptance_and_a_rejection_of_the_same_state_one_is_done(owner):
    for _ in range(3):
        one = f"{PATH}{(await owner.quote())['id']}/"
        seen = {"If-Match": (await owner.post(f"{one}send/")).headers["ETag"]}
        answers = await asyncio.gather(
            *(owner.post(f"{one}{action}/", headers=seen) for action in ("accept", "reject")),
            *(owner.patch(one, {"status": status}, headers=seen) for status in ("accepted", "rejected")),
        )
        assert sorted(answer.status for answer in answers) == [200, 412, 412, 412]


async def test_of_racing_sendings_one_wins(owner):
    one = f"{PATH}{(await owner.quote())['id']}/"
    answers = await asyncio.gather(*(owner.post(f"{one}send/") for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7


async def test_a_change_and_a_sending_that_race_leave_what_was_sent(owner):
    for n in range(5):
        one = f"{PATH}{(await owner.quote())['id']}/"
        changed, sent = await asyncio.gather(owner.patch(one, {"title": f"Title {n}"}), owner.post(f"{one}send/"))
        assert sent.status == 200
        assert (await owner.get(one)).json == sent.json["quote"]
        assert sent.json["quote"]["title"] == ("" if changed.status == 400 else f"Title {n}")


async def test_a_duplicate_is_a_new_draft_of_today_with_the_same_work(owner, quote_of):
    quote = await quote_of("accepted", issue_date="2024-01-01", expiry_date="2024-01-11", title="x" * 250, tax_rate=0.1, terms="T",
                           notes="N", line_items=[LINE, {**LINE, "quantity": 0.5}])  # fmt: skip
    answer = await owner.post(f"{PATH}{quote['id']}/duplicate/")
    assert (answer.status, answer.json["original_quote"]) == (201, "QUO-2024-001")
    made = answer.json["duplicate_quote"]
    new = ("id", "quote_number", "status", "issue_date", "expiry_date", "title", "created_at", "updated_at")
    assert {**made, **{name: quote[name] for name in new}} == {**quote, "sent_at": None}
    assert (made["status"], made["title"], made["issue_date"][:4]) == (
        "draft",
        "Copy of " + "x" * 247,
        made["quote_number"][4:8],
    )
    assert made["issue_date"] in (later(0), later(-1))
    assert made["expiry_date"] in (later(10), later(9))
    assert (await owner.get(f"{PATH}{made['id']}/")).json == made
    untitled = await owner.quote(issue_date="2024-01-01")
    copy = (await owner.post(f"{PATH}{untitled['id']}/duplicate/")).json["duplicate_quote"]
    assert copy["title"] == "Copy of QUO-2024-002"


async def test_a_repeated_request_makes_one_duplicate(owner):
    path = f"{PATH}{(await owner.quote())['id']}/duplicate/"
    first, second = [await owner.post(path, headers={"Idempotency-Key": "copy-1"}) for _ in range(2)]
    assert (second.status, second.json) == (201, first.json)
    assert (await owner.get(PATH)).json["count"] == 2


async def test_the_sweep_stores_what_is_seen_already(owner, app, db, passed_quote, monkeypatch):
    monkeypatch.setattr(quote_sweep, "SWEPT_AT_ONCE", 2)
    passed = [await passed_quote() for _ in range(5)]
    valid = await owner.quote()
    await owner.post(f"{PATH}{valid['id']}/send/")
    before = (await owner.get(PATH)).json
    tags = [(await owner.get(f"{PATH}{id}/")).headers["ETag"] for id in passed]
    await quote_sweep.sweep_quotes(app)
    stored = dict(await db.fetch("SELECT id, status FROM books.quote WHERE owner_id = $1", owner.id))
    assert stored == {**dict.fromkeys(passed, "expired"), valid["id"]: "sent"}
    assert (await owner.get(PATH)).json == before
    assert [(await owner.get(f"{PATH}{id}/")).headers["ETag"] for id in passed] == tags


async def test_two_sweeps_at_once_are_not_in_each_others_way(owner, app, db, passed_quote):
    passed = [await passed_quote() for _ in range(4)]
    await asyncio.gather(*(quote_sweep.sweep_quotes(app) for _ in range(3)))
    assert await db.fetchval("SELECT count(*) FROM books.quote WHERE id = ANY ($1) AND status = 'expired'", passed) == 4
