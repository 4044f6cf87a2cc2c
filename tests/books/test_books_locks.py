"""Locks of the books are taken in one order, so that no two requests wait for each other. CONTRIBUTING.md, lock order of books."""

import asyncio

import asyncpg
import pytest

from tests.books.invoices import PATH, one
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test

IMPORT = "/api/clients/import/"


@pytest.fixture
def deadlocks(app, monkeypatch):
    """The deadlocks in which a statement of this server was cancelled. It is begun anew, so that no client sees them."""
    found = []
    attempt = app.db.attempt

    async def watched(once):
        async def noted(connection):
            try:
                return await once(connection)
            except asyncpg.DeadlockDetectedError as error:
                found.append(error)
                raise

        return await attempt(noted)

    monkeypatch.setattr(app.db, "attempt", watched)
    return found


async def quoted(owner, client):
    """A draft of a quote of the client, and the draft of an invoice that names it."""
    quote = await owner.quote(client)
    return quote, await owner.invoice(client, source_quote=quote["id"])


async def waiting(db):
    """How many requests wait for what this connection holds."""
    return await db.fetchval(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )


@pytest.mark.parametrize("change", ["delete", "no quote", "another quote"])
async def test_a_change_of_an_invoice_waits_for_its_quote_before_it_holds_the_invoice(owner, db, deadlocks, change):
    client = (await owner.client())["id"]
    other = await owner.quote(client)
    quote, invoice = await quoted(owner, client)
    async with db.transaction():
        # As the deletion of a quote does: first the quote, then its invoice.
        await db.execute("SELECT FROM books.quote WHERE id = $1 FOR UPDATE", quote["id"])
        if change == "delete":
            answer = asyncio.ensure_future(owner.delete(one(invoice)))
        else:
            body = {"source_quote": None if change == "no quote" else other["id"]}
            answer = asyncio.ensure_future(owner.patch(one(invoice), body))
        await until(lambda: waiting(db), lambda found: found == 1)
        await db.execute("SELECT FROM books.invoice WHERE id = $1 FOR UPDATE NOWAIT", invoice["id"])
    assert (await answer).status == (204 if change == "delete" else 200)
    assert deadlocks == []


async def test_an_invoice_that_gets_another_quote_while_its_deletion_waits_is_deleted(owner, db, deadlocks):
    client = (await owner.client())["id"]
    other = await owner.quote(client)
    quote, invoice = await quoted(owner, client)
    async with db.transaction():
        await db.execute("SELECT FROM books.quote WHERE id = $1 FOR UPDATE", quote["id"])
        answer = asyncio.ensure_future(owner.delete(one(invoice)))
        await until(lambda: waiting(db), lambda found: found == 1)
        await db.execute("UPDATE books.invoice SET quote_id = $2 WHERE id = $1", invoice["id"], other["id"])
    assert (await answer).status == 204
    shown = await owner.get(f"/api/quotes/{other['id']}/")
    assert shown.json["invoice"] is None and deadlocks == []


async def test_quotes_and_their_invoices_are_deleted_and_changed_at_once_without_a_deadlock(owner, deadlocks):
    client = (await owner.client())["id"]
    made = [await quoted(owner, client) for _ in range(8)]
    free = [await owner.quote(client) for _ in range(8)]
    requests = []
    for at, (quote, invoice) in enumerate(made):
        requests += [
            owner.delete(f"/api/quotes/{quote['id']}/"),
            owner.patch(one(invoice), {"source_quote": free[at]["id"]}),
            owner.delete(one(invoice)),
            owner.patch(one(made[at - 1][1]), {"source_quote": None}),
        ]
    answers = await asyncio.gather(*requests)
    assert {answer.status for answer in answers} <= {200, 204, 400, 404}
    assert {answers[at].status for at in range(0, len(answers), 4)} == {204}
    assert {answers[at].status for at in range(2, len(answers), 4)} == {204}
    assert (await owner.get(PATH)).json["count"] == 0 and deadlocks == []


async def test_imports_of_the_same_emails_in_opposite_order_make_no_deadlock(owner, db, deadlocks):
    rows = [f"Client {at},shared-{at:03}@example.com" for at in range(200)]

    async def sent(lines):
        data = "\r\n".join(("Name,Email", *lines)).encode()
        return await owner.post(f"{IMPORT}?mode=good", files={"file": ("a.csv", data)})

    answers = await asyncio.gather(*(sent(rows if n % 2 else rows[::-1]) for n in range(8)))
    assert {answer.status for answer in answers} <= {200, 201}
    assert sum(answer.json["created"] for answer in answers) == 200
    assert deadlocks == []


async def test_imported_clients_have_ids_in_the_order_of_the_file(owner):
    data = b"Name,Email\r\nZoe,z@example.com\r\nNobody,\r\nAsha,a@example.com\r\nMia,m@example.com"
    assert (await owner.post(IMPORT, files={"file": ("a.csv", data)})).json["created"] == 4
    found = (await owner.get("/api/clients/?ordering=id")).json["results"]
    assert [client["name"] for client in found] == ["Zoe", "Nobody", "Asha", "Mia"]
