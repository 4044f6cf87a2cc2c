"""Reminders of overdue invoices. docs/api/books.md#reminders."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from core.files.configured import open_storage
from core.jobs import enqueue
from core.jobs.job import Resources
from core.jobs.runner import Pace, Runner
from core.mail import Mail
from handlers.api import areas
from tests.books import papers
from tests.support.deadlines import DEADLINE, until
from tests.support.program import ROOT
from tests.support.smtp import MailServer

pytestmark = pytest.mark.gen_test

QUICK = Pace(poll=0.1, poll_unheard=0.1, heartbeat=20.0, seen=0.2)


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    """Reminders are about all owners."""
    io_loop.run_sync(
        lambda: db.execute(
            "TRUNCATE books.mail, books.payment, books.invoice; TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run"
        )
    )


class Post(MailServer):
    """Accepts no mail before `opens` is set."""

    def __init__(self):
        super().__init__()
        self.opens, self.asked = asyncio.Event(), 0

    async def handle_DATA(self, server, session, envelope):
        self.asked += 1
        await self.opens.wait()
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def most():
    """The reminders that an account may send within a day."""
    return 50


@pytest.fixture
def post(io_loop, tmp_path, changed_settings, most):
    found = io_loop.run_sync(lambda: Post().open(tmp_path))
    changed_settings |= {
        "books_mails_per_day": most,
        "email_host": "localhost",
        "email_port": found.port,
        "default_from_email": "post@shop.example.com",
    }
    yield found
    found.close()


@pytest.fixture
def remind(io_loop, process, db):
    """`await remind()`: run the jobs of a day, in two workers, until nothing is left to do; the mails that were made."""
    started = []

    async def remind(times=1):
        app = process.app
        for _ in range(2 if not started else 0):
            resources = Resources(app.db, app.config, open_storage(app.config), Mail(app.config))
            started.append(Runner(resources, areas.jobs(), [], kind="worker", pace=QUICK))
            await started[-1].open()
        for _ in range(times):
            await enqueue(app.db, "books.remind", {})
        await until(lambda: db.fetchval("SELECT count(*) FROM jobs.pgqueuer"), lambda count: count == 0)
        return [tuple(row) for row in await db.fetch("SELECT invoice_id, level, status FROM books.mail ORDER BY id")]

    yield remind
    for one in started:
        io_loop.run_sync(lambda one=one: one.stop(0))


@pytest.fixture
def invoice(db):
    """`await invoice(owner, 7)`: the id of an invoice that is so many days overdue."""

    async def invoice(owner, days, email="ana@example.com", **fields):
        client = await owner.client(email=email)
        due = await db.fetchval("SELECT ((now() AT TIME ZONE 'UTC')::date - $1::int)::text", days)
        fields = {"issue_date": "2020-01-01", "due_date": due, **fields}
        return await papers.document(db, owner, "invoice", client["id"], **fields)

    return invoice


@pytest.mark.parametrize(
    ("days", "level"), [(0, None), (6, None), (7, 7), (13, 7), (14, 14), (29, 14), (30, 30), (37, 30), (38, None)]
)
async def test_a_client_is_reminded_at_7_14_and_30_days(post, owner, remind, invoice, days, level):
    post.opens.set()
    id = await invoice(owner, days)
    assert await remind() == ([(id, level, "sent")] if level else [])
    assert len(post.mails) == (1 if level else 0)


async def test_each_level_is_mailed_once_however_often_and_by_however_many_workers(
    post, owner, open_books, remind, invoice, db
):
    post.opens.set()
    stranger = await open_books()
    ids = [await invoice(who, 8, email=f"c{n}@example.com") for n, who in enumerate([owner] * 5 + [stranger] * 3)]
    made = await remind(times=4)
    assert sorted(made) == [(id, 7, "sent") for id in ids]
    await db.execute("UPDATE books.invoice SET due_date = due_date - 7")
    assert sorted(await remind(times=2)) == sorted([(id, level, "sent") for id in ids for level in (7, 14)])
    assert len(post.mails) == 2 * len(ids)


async def test_a_reminder_names_the_open_amount_and_brings_the_invoice(post, owner, remind, invoice, db):
    post.opens.set()
    id = await invoice(owner, 9, number=12)
    await db.execute(
        "INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)"
        " VALUES ($1, $2, 400, now(), '', '')",
        owner.id,
        id,
    )
    await db.execute("UPDATE books.invoice SET paid_amount = 400, status = 'partial' WHERE id = $1", id)
    await remind()
    [mail] = post.mails
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "Reminder: invoice INV-2024-012 from Member"
    assert "$600.00 is still open" in text
    assert [paper.get_filename() for paper in mail.iter_attachments()] == ["INV-2024-012.pdf"]


@pytest.mark.parametrize("most", [3])
async def test_an_account_sends_no_more_reminders_a_day_than_the_setting_says(post, owner, remind, invoice):
    post.opens.set()
    for days in (7, 8, 9, 10, 11):
        await invoice(owner, days, email=f"many-{days}@example.com")
    assert [status for _, _, status in await remind()] == ["sent"] * 3
    assert len(await remind()) == 3


@pytest.mark.parametrize("status", ["draft", "paid", "cancelled"])
async def test_what_is_not_owed_is_not_reminded_of(owner, remind, invoice, db, status):
    id = await invoice(owner, 7, status=status)
    if status == "paid":
        await db.execute("UPDATE books.invoice SET paid_amount = total_amount WHERE id = $1", id)
    assert await remind() == []


async def test_clients_without_address_and_owners_who_are_away_or_want_none_send_no_reminders(
    owner, open_books, remind, invoice, db
):
    await invoice(owner, 7, email="")
    unwilling, gone = await open_books(), await open_books()
    await unwilling.patch("/api/books/preferences/", {"sends_reminders": False})
    await invoice(unwilling, 7)
    await invoice(gone, 7)
    await db.execute("UPDATE accounts.account SET is_active = false WHERE id = $1", gone.id)
    assert await remind() == []


async def test_a_reminder_of_an_invoice_that_was_paid_meanwhile_is_dropped(post, owner, remind, invoice, db, process):
    id = await invoice(owner, 7)
    app = process.app
    await db.execute(
        "WITH made AS (INSERT INTO books.mail (owner_id, kind, invoice_id, level, recipient, subject, message, status)"
        "              VALUES ($1, 'reminder', $2, 7, 'ana@example.com', 's', '', 'queued') RETURNING id)"
        " SELECT core.enqueue_job('books.mail', jsonb_build_object('owner_id', $1::bigint, 'mail_id', made.id)) FROM made",
        owner.id,
        id,
    )
    await app.db.none("UPDATE books.invoice SET status = 'paid', paid_amount = total_amount WHERE id = $1", id)
    assert await remind() == [(id, 7, "dropped")]
    assert post.mails == []


async def test_without_a_mail_server_reminders_are_recorded_once(owner, remind, invoice):
    id = await invoice(owner, 7)
    assert await remind() == [(id, 7, "recorded")]
    assert await remind() == [(id, 7, "recorded")]


async def test_a_worker_that_is_killed_while_it_mails_loses_and_repeats_no_reminder(
    post, owner, invoice, db, settings, tmp_path
):
    ids = [await invoice(owner, 7, email=f"k{n}@example.com") for n in range(6)]
    for _ in range(2):
        await db.execute("SELECT core.enqueue_job('books.remind')")
    command = [sys.executable, "-m", "tests.support.books_worker", settings.database_url, str(post.port)]

    def start(n):
        with (tmp_path / f"worker-{n}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log)

    workers = [start(0), start(1)]
    try:
        # The mail server has the mails of both workers, and has accepted none of them.
        await until(
            lambda: db.fetchval(
                "SELECT count(DISTINCT worker) FROM jobs.run WHERE name = 'books.mail' AND status = 'running'"
            ),
            lambda n: n == 2,
        )
        await until(lambda: asyncio.sleep(0, post.asked), lambda asked: asked >= 2)
        workers[0].send_signal(signal.SIGKILL)
        await asyncio.to_thread(workers[0].wait, DEADLINE)
        post.opens.set()
        sent = "SELECT count(*) FROM books.mail WHERE status = 'sent'"
        await until(lambda: db.fetchval(sent), lambda count: count == len(ids))
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
                await asyncio.to_thread(worker.wait, DEADLINE)
    by_client = sorted(mail["To"] for mail in post.mails if mail["To"])
    assert len({mail["Message-ID"] for mail in post.mails}) == len(ids)
    assert [to.rpartition("<")[2].rstrip(">") for to in by_client] == [f"k{n}@example.com" for n in range(6)]


async def test_the_reminders_of_a_week_are_counted(owner, invoice, remind, db, run_jobs):
    for n, days in enumerate((7, 7, 14)):
        await invoice(owner, days, email=f"w{n}@example.com")
    await remind()
    old = await invoice(owner, 1, email="old@example.com")
    await db.execute(
        """INSERT INTO books.mail (owner_id, kind, invoice_id, level, recipient, subject, message, status, created_at)
           VALUES ($1, 'reminder', $2, 7, 'a@example.com', 's', '', 'sent', now() - interval '8 days')""",
        owner.id,
        old,
    )
    await db.execute("SELECT core.enqueue_job('books.count_reminders')")
    await run_jobs()
    found = await db.fetchval("SELECT result FROM jobs.run WHERE name = 'books.count_reminders'")
    expected = {"days": 7, "reminders": 3, "owners": 1, "invoices": 3}
    assert json.loads(found) == {**expected, "by_status": {"recorded": 3}, "by_level": {"7": 2, "14": 1}}


async def test_the_record_of_a_reminder_goes_after_90_days_when_its_invoice_is_not_open(owner, invoice, db, run_jobs):
    async def recorded(days, status):
        id = await invoice(owner, 7, email=f"{status}-{days}@example.com")
        await db.execute(
            """INSERT INTO books.mail (owner_id, kind, invoice_id, level, recipient, subject, message, status, created_at)
               VALUES ($1, 'reminder', $2, 7, 'a@example.com', 's', '', 'sent', now() - make_interval(days => $3))""",
            owner.id,
            id,
            days,
        )
        if status == "paid":
            await owner.post(f"/api/invoices/{id}/mark_paid/")
        elif status == "cancelled":
            await owner.post(f"/api/invoices/{id}/cancel/")
        return id

    kept = [await recorded(days, status) for days, status in ((91, "overdue"), (89, "paid"), (89, "cancelled"))]
    for status in ("paid", "cancelled"):
        await recorded(91, status)
    await db.execute("SELECT core.enqueue_job('books.remove_reminders')")
    await run_jobs()
    left = await db.fetch("SELECT invoice_id FROM books.mail ORDER BY id")
    assert [row["invoice_id"] for row in left] == kept
    assert await db.fetchval("SELECT result->>'removed' FROM jobs.run WHERE name = 'books.remove_reminders'") == "2"
