"""Exports. docs/api/books.md#exports-and-imports."""

import asyncio
import codecs
import csv
import io
import json
import os
import tempfile
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import psutil
import pytest
import python_calamine

from core.data.database import Database
from core.files import media
from core.problem import unavailable
from core.sheets import xlsx_writer
from handlers.books import columns, export, export_job, export_rows
from handlers.books.columns import CLIENTS
from handlers.books.export_rows import BATCH
from tests.support.deadlines import until
from tests.support.http import PASSWORD
from tests.support.jobs import run_jobs
from tests.support.program import Server, family

pytestmark = pytest.mark.gen_test

PATH = "/api/clients/export/"
HEADER = [column.header for column in CLIENTS]
CLIENT = """
    INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
    SELECT $1, 'Client ' || n, '', '', '', '', '', '', true FROM generate_series(1, $2::int) n
"""
MANY = 100_000
# Bytes that an export may add to the memory of the program.
MOST = 10 << 20


def rows(answer):
    """The rows of a CSV file, each as a dict."""
    assert answer.status == 200, answer.text
    assert answer.body.startswith(codecs.BOM_UTF8)
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


def sheet(data):
    """The rows of an XLSX file."""
    return python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()


def names(answer):
    return [row["Name"] for row in rows(answer)]


async def many(owner, db, count):
    await db.execute(CLIENT, owner.id, count)


async def test_clients_are_exported_as_csv(owner):
    made = await owner.client(name='"Asha", and\nothers', email="asha@example.com", is_active=False, notes="ü")
    answer = await owner.get(PATH)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    # The day may have changed meanwhile.
    days = (made["created_at"][:10], f"{datetime.now(UTC):%Y-%m-%d}")
    assert answer.headers["Content-Disposition"] in [f'attachment; filename="clients-{day}.csv"' for day in days]
    assert answer.headers["Cache-Control"] == "no-store"
    assert (
        answer.body
        == codecs.BOM_UTF8
        + (
            ",".join(HEADER) + f'\r\n{made["id"]},"""Asha"", and\nothers",asha@example.com,,,,,ü,FALSE,'
            f"{made['created_at']},{made['updated_at']}\r\n"
        ).encode()
    )


async def test_clients_are_exported_as_xlsx(owner):
    made = await owner.client(name="=1+1", phone="+91 98765 43210", is_active=False)
    answer = await owner.get(f"{PATH}?export_format=xlsx")
    assert (answer.status, answer.headers["Content-Type"]) == (200, xlsx_writer.MEDIA)
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    header, row = sheet(answer.body)
    assert header == HEADER
    assert row[:4] == [made["id"], "=1+1", "", "+91 98765 43210"]
    assert row[8] is False and isinstance(row[9], datetime)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_books_without_rows_are_a_header(owner, kind):
    answer = await owner.get(f"{PATH}?export_format={kind}")
    assert (rows(answer) if kind == "csv" else sheet(answer.body)[1:]) == []


async def test_an_export_takes_the_filters_the_search_and_the_order_of_the_list(owner, db):
    old = await owner.client(name="Old", company="Acme", is_active=False)
    for name in ("Cara", "Bela", "asha"):
        await owner.client(name=name, company="acme" if name != "Cara" else "")
    await db.execute("UPDATE books.client SET created_at = '2024-01-31T12:00:00Z' WHERE id = $1", old["id"])
    for asked in (
        "", "ordering=name", "ordering=-name,unknown", "is_active=true", "company=ACME&ordering=name", "search=bel",
        "created_at__gte=2024-02-01", "created_at__lte=2024-01-31", "search=nobody", "page=7&page_size=1&cursor=x",
    ):  # fmt: skip
        listed = await owner.get(f"/api/clients/?{'' if 'page' in asked else asked}")
        assert names(await owner.get(f"{PATH}?{asked}")) == [one["name"] for one in listed.json["results"]], asked


@pytest.mark.parametrize(
    ("asked", "details"),
    [
        ("export_format=zip", {"export_format": ['"zip" is not a valid choice.']}),
        ("export_format=CSV", {"export_format": ['"CSV" is not a valid choice.']}),
        ("is_active=maybe", {"is_active": ["Select a valid choice. maybe is not one of the available choices."]}),
        ("created_at__gte=x&export_format=xlsx", {"created_at__gte": ["Enter a valid date/time."]}),
    ],
)
async def test_a_wrong_format_or_filter_is_refused(owner, asked, details):
    answer = await owner.get(f"{PATH}?{asked}")
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_rows_of_others_are_not_exported(owner, open_books, kind):
    stranger = await open_books("OWNER")
    await stranger.client(name="Secret")
    await owner.client(name="Own")
    answer = await owner.get(f"{PATH}?export_format={kind}")
    found = names(answer) if kind == "csv" else [row[1] for row in sheet(answer.body)[1:]]
    assert found == ["Own"]


async def test_only_people_with_books_may_export(api):
    for path in (PATH, "/api/books/exports/", "/api/books/exports/1/"):
        assert (await api.get(path)).status == 401


async def test_the_head_of_an_export_reads_no_rows(owner, db):
    await many(owner, db, 10_001)
    for kind in ("csv", "xlsx"):
        answer = await owner.call("HEAD", f"{PATH}?export_format={kind}")
        assert (answer.status, answer.body) == (200, b"")
    assert (await owner.get("/api/books/exports/")).json["count"] == 0


async def test_texts_that_could_be_formulas_are_guarded_in_csv(owner):
    await owner.client(
        name="=cmd|' /C calc'!A0", phone="+91 98765 43210", company="@SUM(1)", address="-1", notes="\t=1"
    )
    [row] = rows(await owner.get(PATH))
    assert [row[name] for name in ("Name", "Phone", "Company", "Address")] == [
        "'=cmd|' /C calc'!A0",
        "'+91 98765 43210",
        "'@SUM(1)",
        "'-1",
    ]


@pytest.mark.parametrize("ordering", ["", "name", "-updated_at,name"])
async def test_each_row_stands_once_in_a_file_of_several_batches(owner, db, ordering):
    await many(owner, db, 2 * BATCH + 1)
    found = names(await owner.get(f"{PATH}?ordering={ordering}"))
    assert len(found) == len(set(found)) == 2 * BATCH + 1


async def test_rows_that_come_meanwhile_are_neither_twice_nor_instead_of_others(owner, db, monkeypatch):
    await many(owner, db, 2 * BATCH)
    inner = export_rows.Wanted.batches

    async def slowly(wanted, database):
        async for batch in inner(wanted, database):
            yield batch
            await db.execute(CLIENT, owner.id, 7)
            await db.execute("UPDATE books.client SET notes = 'x', updated_at = now() WHERE owner_id = $1", owner.id)

    monkeypatch.setattr(export_rows.Wanted, "batches", slowly)
    found = [row["ID"] for row in rows(await owner.get(PATH))]
    assert len(found) == len(set(found)) == 2 * BATCH


async def test_a_failure_in_the_middle_breaks_the_connection(owner, db, monkeypatch):
    await many(owner, db, 2 * BATCH)
    run, count = Database.rows, 0

    async def once_only(self, statement, *given):
        nonlocal count
        # The process reads the event log meanwhile.
        count += "books.client" in statement
        if count > 1:
            raise unavailable("The database is away.")
        return await run(self, statement, *given)

    monkeypatch.setattr(Database, "rows", once_only)
    with pytest.raises(ConnectionError):
        await owner.get(PATH)
    assert count == 2


async def test_a_failure_at_the_beginning_is_an_answer(owner, monkeypatch):
    async def never(self, *given):
        raise unavailable("The database is away.")

    monkeypatch.setattr(Database, "rows", never)
    answer = await owner.get(PATH)
    assert (answer.status, answer.json["error"]) == (503, "The database is away.")


async def test_a_written_xlsx_leaves_no_file_behind(owner, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert (await owner.get(f"{PATH}?export_format=xlsx")).status == 200

    async def left():
        return list(tmp_path.iterdir())

    await until(left, lambda found: found == [])


def left_by_a_killed_process(folder):
    """A folder as an export has one, which no process has locked."""
    path = folder / "tradepost-export-left"
    path.mkdir()
    (path / "rows").write_text("secret")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


async def test_an_xlsx_removes_what_a_killed_process_has_left(owner, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = left_by_a_killed_process(tmp_path)
    assert (await owner.get(f"{PATH}?export_format=xlsx")).status == 200
    assert not left.exists()


# Exports as jobs


@pytest.fixture
def few(monkeypatch):
    """Files of more than two rows are made as jobs."""
    monkeypatch.setattr(export, "MOST_AT_ONCE", 2)


async def queued(owner, asked=""):
    answer = await owner.get(f"{PATH}?export_format=xlsx&{asked}")
    assert answer.status == 202, answer.text
    return answer.json


async def test_a_large_xlsx_is_made_as_a_job_and_read_by_a_link(owner, db, app, few):
    for name in ("Asha", "Bela", "Cara", "Dana"):
        await owner.client(name=name, is_active=name != "Bela")
    made = await queued(owner, "is_active=true&ordering=-name&search=a")
    assert made == {
        "id": made["id"],
        "status": "queued",
        "status_url": f"{owner.api.base_url}/api/books/exports/{made['id']}/",
    }
    shown = (await owner.get(made["status_url"])).json
    assert {
        **shown,
        "status": "queued",
        "noun": "clients",
        "rows": None,
        "file": None,
        "error": "",
        "finished_at": None,
    } == shown
    await run_jobs(app)
    done = (await owner.get(made["status_url"])).json
    assert (done["status"], done["rows"], done["error"]) == ("done", 3, "")
    assert done["finished_at"] >= done["created_at"] and done["expires_at"] > done["finished_at"]
    file = await owner.api.get(done["file"])
    assert (file.status, file.headers["Content-Type"]) == (200, xlsx_writer.MEDIA)
    assert [row[1] for row in sheet(file.body)] == ["Name", "Dana", "Cara", "Asha"]
    assert urlsplit(done["file"]).path.endswith(f"/clients-{done['finished_at'][:10]}.xlsx")
    unsigned = await owner.api.get(done["file"].partition("?")[0])
    assert unsigned.status == 404
    listed = (await owner.get("/api/books/exports/")).json
    assert (listed["count"], listed["results"]) == (1, [done])
    assert (await owner.get("/api/books/exports/?cursor=")).json["results"] == [done]


async def test_the_same_request_finds_the_export_that_is_under_way(owner, db, app, few):
    for _ in range(3):
        await owner.client(company="Acme")
    first = await queued(owner)
    assert (await queued(owner))["id"] == first["id"]
    ids = {(await queued(owner, asked))["id"] for asked in ("ordering=name", "company=Acme", "ordering=name")}
    assert len(ids) == 2 and first["id"] not in ids
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'books.export'") == 3
    await run_jobs(app)
    assert (await queued(owner))["id"] > max(ids)


async def test_an_owner_has_a_few_exports_under_way_at_most(owner, open_books, few, monkeypatch):
    monkeypatch.setattr(export_job, "MOST_UNDER_WAY", 2)
    stranger = await open_books()
    for one in (owner, stranger):
        for _ in range(3):
            await one.client()
    for asked in ("", "ordering=name"):
        await queued(owner, asked)
    answer = await owner.get(f"{PATH}?export_format=xlsx&ordering=-name")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert answer.json["error"] == "2 exports are under way. Try again when one of them is done."
    await queued(owner)
    await queued(stranger)


async def test_exports_of_others_do_not_exist(owner, open_books, app, few):
    stranger = await open_books()
    for _ in range(3):
        await stranger.client()
    made = await queued(stranger)
    await run_jobs(app)
    answer = await owner.get(f"/api/books/exports/{made['id']}/")
    assert (answer.status, answer.json["error"]) == (404, "Not found.")
    assert (await owner.get("/api/books/exports/")).json["results"] == []
    assert (await owner.get("/api/books/exports/0/")).status == 404


async def test_a_second_run_of_a_job_that_was_interrupted_replaces_the_first(owner, db, app, few):
    for _ in range(3):
        await owner.client()
    made = await queued(owner)
    await export_job.make_export(app, owner.id, made["id"])
    first = await db.fetchval("SELECT key FROM books.export WHERE id = $1", made["id"])
    # What is done is done.
    await export_job.make_export(app, owner.id, made["id"])
    assert await db.fetchval("SELECT key FROM books.export WHERE id = $1", made["id"]) == first
    await db.execute("UPDATE books.export SET status = 'running', key = NULL WHERE id = $1", made["id"])
    await export_job.make_export(app, owner.id, made["id"])
    second = await db.fetchval("SELECT key FROM books.export WHERE id = $1", made["id"])
    assert second != first
    await media.remove_unused(app)
    assert await app.storage.get(first) is None and await app.storage.get(second) is not None


async def test_an_export_that_was_removed_meanwhile_leaves_no_file(owner, db, app, few, monkeypatch):
    for _ in range(3):
        await owner.client()
    made = await queued(owner)
    await db.execute("DELETE FROM books.export WHERE id = $1", made["id"])
    await export_job.make_export(app, owner.id, made["id"])
    made = await queued(owner, "ordering=name")
    put = app.storage.put_file

    async def put_and_remove(key, path, content_type):
        await put(key, path, content_type)
        await db.execute("DELETE FROM books.export WHERE id = $1", made["id"])

    monkeypatch.setattr(app.storage, "put_file", put_and_remove)
    await export_job.make_export(app, owner.id, made["id"])
    await db.execute(
        "UPDATE core.media_file SET unused_from = now() WHERE unused_from IS NOT NULL AND key LIKE 'exports/%'"
    )
    await media.remove_unused(app)
    assert (
        await db.fetchval("SELECT count(*) FROM core.media_file WHERE key LIKE 'exports/%' AND unused_from IS NOT NULL")
        == 0
    )


async def test_a_failure_is_tried_again_and_at_last_reported(owner, app, few, monkeypatch):
    for _ in range(3):
        await owner.client()
    made = await queued(owner)

    async def away(*given):
        raise unavailable("The storage is away.")

    monkeypatch.setattr(app.storage, "put_file", away)
    with pytest.raises(Exception, match="away"):
        await export_job.make_export(app, owner.id, made["id"], is_last=False)
    assert (await owner.get(made["status_url"])).json["status"] == "running"
    with pytest.raises(Exception, match="away"):
        await export_job.make_export(app, owner.id, made["id"])
    shown = (await owner.get(made["status_url"])).json
    assert (shown["status"], shown["file"], shown["error"]) == (
        "failed",
        None,
        "The file could not be made. Please try again.",
    )


async def test_an_export_of_more_rows_than_a_sheet_has_fails_and_says_why(owner, app, few, monkeypatch):
    for _ in range(3):
        await owner.client()
    made = await queued(owner)
    monkeypatch.setattr(xlsx_writer, "MOST_ROWS", 2)
    await run_jobs(app)
    shown = (await owner.get(made["status_url"])).json
    assert (shown["status"], shown["error"]) == ("failed", export_job.TOO_MANY)


async def test_other_requests_have_their_turn_while_the_links_of_a_page_are_signed(owner, db, app, monkeypatch):
    await db.execute(
        "INSERT INTO books.export (owner_id, noun, filters, ordering, status, rows, key, finished_at)"
        " SELECT $1, 'clients', '{}', '', 'done', 1, 'exports/' || n || '.xlsx', now() FROM generate_series(1, 100) n",
        owner.id,
    )
    signed, at_once, sign = 0, [], app.storage.link

    async def counted(*given):
        nonlocal signed
        signed += 1
        return await sign(*given)

    async def others():
        while True:
            before = signed
            await asyncio.sleep(0)
            at_once.append(signed - before)

    monkeypatch.setattr(app.storage, "link", counted)
    task = asyncio.create_task(others())
    page = (await owner.get("/api/books/exports/?page_size=100")).json
    task.cancel()
    assert len({export["file"] for export in page["results"]}) == 100
    assert max(at_once) == export_job.SIGNED_AT_ONCE


async def test_exports_are_removed_after_a_week_with_their_files(owner, db, app, few):
    for _ in range(3):
        await owner.client()
    old, new, stuck = [await queued(owner, f"ordering={name}") for name in ("name", "email", "id")]
    for made in (old, new):
        await export_job.make_export(app, owner.id, made["id"])
    keys = {
        made["id"]: await db.fetchval("SELECT key FROM books.export WHERE id = $1", made["id"]) for made in (old, new)
    }
    await db.execute("UPDATE books.export SET created_at = now() - interval '8 days' WHERE id = $1", old["id"])
    await db.execute(
        "UPDATE books.export SET created_at = now() - interval '2 days' WHERE id = ANY ($1)", [new["id"], stuck["id"]]
    )
    await export_job.remove_old(app)
    await media.remove_unused(app)
    assert (await owner.get(old["status_url"])).status == 404
    assert await app.storage.get(keys[old["id"]]) is None
    assert (await owner.get(new["status_url"])).json["status"] == "done"
    assert await app.storage.get(keys[new["id"]]) is not None
    assert (await owner.get(stuck["status_url"])).json["status"] == "failed"


async def test_exports_go_with_their_account(owner, sign_in, db, app, few):
    clients = [await owner.client() for _ in range(3)]
    made = await queued(owner)
    await export_job.make_export(app, owner.id, made["id"])
    for client in clients:
        await owner.delete(f"/api/clients/{client['id']}/")
    await db.execute("DELETE FROM books.tally WHERE owner_id = $1", owner.id)
    boss = (await sign_in("SUPERADMIN"))["access"]
    id = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", owner.id)
    assert (await owner.api.call("DELETE", f"/api/auth/users/{id}/", token=boss)).status in (200, 204)
    assert await db.fetchval("SELECT count(*) FROM books.export WHERE owner_id = $1", owner.id) == 0


# The columns of the other nouns


LINES = [
    {"description": "Design", "quantity": 1.5, "unit_price": "10.00"},
    {"description": "Travel", "quantity": 1, "unit_price": "0.50"},
]
PAPER = {"line_items": LINES, "tax_rate": "0.075", "title": "=Title", "issue_date": "2024-01-01"}


async def shown(owner, path):
    """The first row of an XLSX, by header."""
    answer = await owner.get(path)
    assert answer.status == 200, answer.text
    header, *found = sheet(answer.body)
    return dict(zip(header, found[0], strict=True))


async def test_quotes_are_exported(owner):
    client = await owner.client(name="Asha")
    made = await owner.quote(client["id"], **PAPER, expiry_date="2024-01-31")
    expected = {
        "ID": made["id"], "Quote number": made["quote_number"], "Client ID": client["id"], "Client": "Asha", "Issue date": date(2024, 1, 1),
        "Expiry date": date(2024, 1, 31), "Status": made["status"], "Title": "=Title", "Lines": 2, "Subtotal": 15.5, "Tax rate": 0.075,
        "Tax": 1.16, "Total": 16.66, "Invoice ID": "", "Terms": "", "Notes": "", "Sent": "",
    }  # fmt: skip
    found = await shown(owner, "/api/quotes/export/?export_format=xlsx")
    assert {name: found[name] for name in expected} == expected


async def test_invoices_are_exported_with_what_is_paid_and_owed(owner):
    client = await owner.client(name="Asha")
    made = await owner.invoice(
        client["id"], **PAPER, due_date="2024-01-31", payments=[{"amount": "6.66", "payment_date": "2024-01-02"}]
    )
    expected = {
        "ID": made["id"], "Invoice number": made["invoice_number"], "Client": "Asha", "Issue date": date(2024, 1, 1),
        "Due date": date(2024, 1, 31), "Status": "overdue", "Lines": 2, "Total": 16.66, "Paid": 6.66, "Balance": 10.0, "Paid at": "",
    }  # fmt: skip
    found = await shown(owner, "/api/invoices/export/?export_format=xlsx")
    assert {name: found[name] for name in expected} == expected


async def sent_quotes(owner):
    """The ids of quotes: a draft, one that was sent, and one that has expired since."""
    client = (await owner.client(name="Asha"))["id"]
    today = datetime.now(UTC).date()
    made = [
        await owner.quote(client, title=title, expiry_date=f"{today + timedelta(9)}")
        for title in ("draft", "sent", "late")
    ]
    for quote in made[1:]:
        assert (await owner.post(f"/api/quotes/{quote['id']}/send/")).status in (200, 201)
    return [quote["id"] for quote in made]


async def test_quotes_and_invoices_are_exported_with_the_filters_of_their_lists(owner, db):
    _, _, late = await sent_quotes(owner)
    await db.execute("UPDATE books.quote SET issue_date = '2024-01-01', expiry_date = '2024-01-31' WHERE id = $1", late)
    for n in (1, 2):
        await owner.invoice(issue_date=f"2024-01-0{n}", due_date=f"2024-02-0{n}", title=f"Job {n}")
    for noun, asked in (
        ("quotes", ""), ("quotes", "status=sent"), ("quotes", "status=expired"), ("quotes", "status=draft"), ("quotes", "search=asha+late"),
        ("quotes", "ordering=quote_number"), ("quotes", "expiry_date__lte=2024-12-31"), ("quotes", "client=1"),
        ("invoices", ""), ("invoices", "status=draft&ordering=due_date"), ("invoices", "status=overdue"), ("invoices", "status=sent"),
        ("invoices", "issue_date__gte=2024-01-02"), ("invoices", "search=job+1"),
    ):  # fmt: skip
        listed = await owner.get(f"/api/{noun}/?{asked}")
        found = rows(await owner.get(f"/api/{noun}/export/?{asked}"))
        assert [int(row["ID"]) for row in found] == [one["id"] for one in listed.json["results"]], (noun, asked)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/quotes/", ["late"]),
        ("/api/quotes/?status=expired&search=asha&client={client}", ["late"]),
        ("/api/invoices/?status=overdue", ["late"]),
    ],
)
async def test_a_job_takes_the_filters_of_each_list(owner, db, app, monkeypatch, path, expected):
    monkeypatch.setattr(export, "MOST_AT_ONCE", 0)
    client = (await owner.client(name="Asha"))["id"]
    kind, last = ("invoice", "due_date") if "invoices" in path else ("quote", "expiry_date")
    made = await getattr(owner, kind)(client, title="late")
    await db.execute(
        f"UPDATE books.{kind} SET status = 'sent', sent_at = now(), issue_date = '2024-01-01', {last} = '2024-01-31' WHERE id = $1",
        made["id"],
    )
    base, _, asked = path.format(client=client).partition("?")
    answer = await owner.get(f"{base}export/?export_format=xlsx&{asked}")
    assert answer.status == 202, answer.text
    await run_jobs(app)
    done = (await owner.get(answer.json["status_url"])).json
    assert (done["noun"], done["status"]) == (f"{kind}s", "done")
    header, *found = sheet((await owner.api.get(done["file"])).body)
    assert [row[header.index("Title")] for row in found] == expected


# Memory and pace


@pytest.fixture
def program(database_url, tmp_path):
    ground = SimpleNamespace(postgres=SimpleNamespace(dsn=database_url), redis=None)
    started = Server(ground, tmp_path / "log").start()
    yield started
    started.end()


def memory(program):
    return sum(psutil.Process(pid).memory_info().rss for pid in family(program.process.pid))


async def asked(program, token, path):
    """A reader of an answer, after its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"200"
    while await reader.readline() != b"\r\n":
        pass
    return reader, writer


async def test_an_export_of_very_many_rows_takes_a_few_megabytes_also_for_a_reader_who_pauses(program, owner, db):
    await many(owner, db, MANY)
    await db.execute("ANALYZE books.client")
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)
    body = json.dumps({"email": email, "password": PASSWORD})
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    token = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["access"]
    writer.close()

    # What every request of the program needs is there before it is measured.
    warm, writer = await asked(program, token, f"{PATH}?search=99")
    await warm.read()
    writer.close()
    before, most, count, received, number = memory(program), 0, -1, 0, 0

    reader, writer = await asked(program, token, PATH)
    while size := int(await reader.readline(), 16):
        chunk = await reader.readexactly(size)
        await reader.readline()
        count += chunk.count(b"\r\n")
        received += len(chunk)
        number += 1
        if number == 3:
            # Others are answered meanwhile, and the rest of the rows waits in the database.
            for _ in range(20):
                other, its_writer = await asked(program, token, "/api/clients/?page_size=1")
                await other.read()
                its_writer.close()
                await asyncio.sleep(0.05)
                most = max(most, memory(program) - before)
        most = max(most, memory(program) - before)
    writer.close()
    assert count == MANY
    print(f"memory: {most / (1 << 20):.1f} MB of {received / (1 << 20):.1f} MB")
    assert most < MOST


def test_no_two_columns_have_one_name():
    for table in (columns.CLIENTS, columns.QUOTES, columns.INVOICES, columns.EXPENSES):
        headers = [column.header for column in table]
        assert len(headers) == len(set(headers))
