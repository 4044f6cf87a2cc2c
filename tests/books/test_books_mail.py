"""Mails to clients. docs/api/books.md#mail. What killed workers do to them: test_books_reminder.py."""

from dataclasses import replace

import pytest

from core.files.configured import open_storage
from core.jobs.job import Resources
from core.jobs.runner import Pace, Runner
from core.mail import Mail
from handlers.api import areas
from tests.books import papers
from tests.support.deadlines import until
from tests.support.smtp import MailServer

pytestmark = pytest.mark.gen_test

QUICK = Pace(poll=0.1, poll_unheard=0.1, heartbeat=20.0, seen=0.2)


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    """No job of another test waits for a runner."""
    io_loop.run_sync(lambda: db.execute("TRUNCATE jobs.pgqueuer, jobs.pgqueuer_log, jobs.run"))


@pytest.fixture
def most():
    """The mails that an account may send within a day."""
    return 50


@pytest.fixture
def post(io_loop, tmp_path, changed_settings, most):
    """A mail server, which the server of the test sends by."""
    found = io_loop.run_sync(lambda: MailServer().open(tmp_path))
    changed_settings |= {
        "books_mails_per_day": most,
        "email_host": "localhost",
        "email_port": found.port,
        "default_from_email": "post@shop.example.com",
    }
    yield found
    found.close()


@pytest.fixture
def runner(io_loop, process):
    """`await runner()`: runs the jobs of all areas until the end of the test."""
    started = []

    async def runner():
        app = process.app
        resources = Resources(app.db, app.config, open_storage(app.config), Mail(app.config))
        started.append(Runner(resources, areas.jobs(), [], kind="worker", pace=QUICK))
        await started[-1].open()

    yield runner
    for one in started:
        io_loop.run_sync(lambda one=one: one.stop(0))


@pytest.fixture
def invoice(db):
    """`await invoice(owner, status="sent")`: the path of a new invoice of 1,000, whose client has an e-mail address."""

    async def invoice(owner, email="ana@example.com", kind="invoice", **fields):
        client = await owner.client(name="Ana Müller", email=email)
        return f"/api/{kind}s/{await papers.document(db, owner, kind, client['id'], **fields)}/"

    return invoice


async def sent(owner, path, status="sent"):
    """The only mail about it, once its job has run."""
    found = await until(
        lambda: owner.get(f"{path}mails/"), lambda answer: [mail["status"] for mail in answer.json] == [status]
    )
    return found.json[0]


async def test_an_invoice_is_mailed_to_its_client_with_its_paper_and_answers_go_to_the_owner(
    post, owner, runner, invoice
):
    await owner.patch("/api/auth/profile/", {"company_name": "Asha Studio"})
    await owner.patch("/api/books/preferences/", {"currency": "INR"})
    path = await invoice(owner, number=7)
    made = await owner.post(f"{path}mails/", {})
    assert (made.status, made.json["status"], made.json["to"]) == (201, "queued", "ana@example.com")
    await runner()
    assert (await sent(owner, path))["sent_at"]
    [mail] = post.mails
    assert (mail["To"], mail["Subject"]) == ("Ana Müller <ana@example.com>", "Invoice INV-2024-007")
    assert mail["From"] == "Asha Studio <post@shop.example.com>"
    me = (await owner.get("/api/auth/me/")).json["email"]
    assert mail["Reply-To"] == f"Asha Studio <{me}>"
    text = mail.get_body(("plain",)).get_content()
    assert "Hello Ana Müller" in text and "₹1,000.00 is due on 14 February 2999" in text
    [paper] = mail.iter_attachments()
    assert (paper.get_filename(), paper.get_content_type()) == ("INV-2024-007.pdf", "application/pdf")
    assert paper.get_content() == (await owner.get(f"{path}pdf/")).body


async def test_a_quote_is_mailed_with_the_owners_own_words(post, owner, runner, invoice):
    path = await invoice(owner, kind="quote", number=3)
    body = {"subject": "Our offer\r\nBcc: all@example.com", "message": "As we said on the phone.\nAsha"}
    assert (await owner.post(f"{path}mails/", body)).status == 201
    await runner()
    await sent(owner, path)
    [mail] = post.mails
    assert (mail["Subject"], mail["Bcc"]) == ("Our offer Bcc: all@example.com", None)
    assert "As we said on the phone.\r\nAsha" in mail.get_body(("plain",)).get_content()
    assert [paper.get_filename() for paper in mail.iter_attachments()] == ["QUO-2024-003.pdf"]


async def test_a_repeated_request_mails_once(post, owner, runner, invoice):
    path = await invoice(owner)
    key = {"Idempotency-Key": "mail-1"}
    first, second = [await owner.post(f"{path}mails/", headers=key) for _ in range(2)]
    assert (first.status, second.json) == (201, first.json)
    await runner()
    await sent(owner, path)
    assert len(post.mails) == 1


async def test_a_refused_address_fails_for_good_and_says_why(post, owner, runner, invoice):
    post.says["RCPT"] = "550 no such person"
    path = await invoice(owner)
    await owner.post(f"{path}mails/")
    await runner()
    assert "550 no such person" in (await sent(owner, path, "failed"))["error"]


async def test_a_busy_mail_server_delays_a_mail_and_the_owner_sees_why(post, owner, runner, invoice):
    post.says["RCPT"] = "451 try later"
    path = await invoice(owner)
    await owner.post(f"{path}mails/")
    await runner()
    found = await until(lambda: owner.get(f"{path}mails/"), lambda answer: answer.json[0]["error"])
    assert ("451 try later" in found.json[0]["error"], found.json[0]["status"]) == (True, "queued")


async def test_a_mail_that_fails_for_the_last_time_says_so_and_is_sent_when_its_job_is_queued_again(
    post, owner, runner, invoice, db, monkeypatch
):
    [job] = [job for job in areas.jobs() if job.name == "books.mail"]
    monkeypatch.setattr(areas, "jobs", lambda: [replace(job, attempts=2, first_delay=0.01)])
    post.says["RCPT"] = "451 try later"
    path = await invoice(owner)
    await owner.post(f"{path}mails/")
    await runner()
    assert "451 try later" in (await sent(owner, path, "failed"))["error"]
    await until(lambda: db.fetchval("SELECT status::text FROM jobs.pgqueuer"), lambda status: status == "failed")
    post.says.clear()
    await db.execute("SELECT core.retry_jobs(NULL)")
    assert (await sent(owner, path))["error"] == ""
    assert len(post.mails) == 1


async def test_without_a_mail_server_a_mail_is_recorded(owner, invoice, db):
    path = await invoice(owner)
    made = await owner.post(f"{path}mails/")
    assert (made.status, made.json["status"]) == (201, "recorded")
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE payload LIKE $1", f"%{owner.id}%".encode()) == 0


@pytest.mark.parametrize(
    ("kind", "status"), [("invoice", "draft"), ("invoice", "cancelled"), ("quote", "draft"), ("quote", "rejected")]
)
async def test_what_is_not_ready_is_not_mailed(owner, invoice, kind, status):
    answer = await owner.post(f"{await invoice(owner, kind=kind, status=status)}mails/")
    assert (answer.status, answer.json["error"]) == (400, f"The {kind} can't be mailed in its current status")


async def test_a_client_without_address_gets_no_mail(owner, invoice):
    answer = await owner.post(f"{await invoice(owner, email='')}mails/")
    assert (answer.status, answer.json["error"]) == (400, "The client has no e-mail address.")


async def test_mails_of_another_owner_do_not_exist(owner, open_books, invoice):
    path = await invoice(await open_books())
    for method in ("GET", "POST"):
        assert (await owner.call(method, f"{path}mails/")).status == 404, method


@pytest.mark.parametrize("most", [2])
async def test_an_account_sends_no_more_mails_a_day_than_the_setting_says(post, owner, invoice):
    path = await invoice(owner)
    answers = [await owner.post(f"{path}mails/") for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[2].json["error"] == "No more than 2 mails are sent for an account within 24 hours."


async def test_wrong_words_are_refused(owner, invoice):
    answer = await owner.post(f"{await invoice(owner)}mails/", {"subject": "x" * 201, "message": 5})
    said = "Ensure this field has no more than 200 characters."
    assert (answer.status, answer.json["details"]) == (400, {"subject": [said]})


@pytest.mark.parametrize(("kind", "name"), [("invoice", "Invoice"), ("quote", "Quote")])
async def test_sending_marks_as_sent_and_mails_in_one_transaction(post, owner, runner, invoice, kind, name):
    path = await invoice(owner, kind=kind, status="draft")
    answer = await owner.post(f"{path}send/")
    assert (answer.status, answer.json[kind]["status"]) == (200, "sent")
    assert answer.json["message"] == f"{name} sent successfully. It is mailed to ana@example.com."
    await runner()
    assert (await sent(owner, path))["id"] == answer.json["mail"]["id"]
    assert len(post.mails) == 1
    assert (await owner.post(f"{path}send/")).json["error"] == f"{name} cannot be sent in current status"
    assert len((await owner.get(f"{path}mails/")).json) == 1


async def test_sending_says_why_nothing_is_mailed(owner, invoice):
    answer = await owner.post(f"{await invoice(owner, status='draft', email='')}send/")
    said = "Invoice sent successfully. The client has no e-mail address, so nothing is mailed."
    assert (answer.status, answer.json["mail"], answer.json["message"]) == (200, None, said)
    answer = await owner.post(f"{await invoice(owner, status='draft')}send/")
    assert (answer.json["mail"]["status"], "sends no mail" in answer.json["message"]) == ("recorded", True)


@pytest.mark.parametrize("most", [1])
async def test_what_can_not_be_mailed_is_not_marked_as_sent(post, owner, invoice):
    paths = [await invoice(owner, status="draft", email=f"{n}@example.com") for n in range(2)]
    assert [(await owner.post(f"{path}send/")).status for path in paths] == [200, 429]
    assert [(await owner.get(path)).json["status"] for path in paths] == ["sent", "draft"]


@pytest.mark.parametrize("most", [0])
async def test_where_no_mails_are_allowed_sending_says_so_and_records(post, owner, invoice):
    path = await invoice(owner, status="draft")
    answer = await owner.post(f"{path}send/")
    assert (answer.status, answer.json["mail"]["status"]) == (200, "recorded")
    assert "This server sends no mail" in answer.json["message"]


async def test_a_status_that_is_patched_mails_nothing(owner, invoice):
    path = await invoice(owner, status="draft")
    assert (await owner.patch(path, {"status": "sent"})).status == 200
    assert (await owner.get(f"{path}mails/")).json == []


@pytest.mark.parametrize("kind", ["invoice", "quote"])
async def test_what_is_said_when_sending_is_mailed_and_a_broken_body_sends_nothing(post, owner, runner, invoice, kind):
    path = await invoice(owner, kind=kind, status="draft")
    assert (await owner.post(f"{path}send/", b"{bad")).status == 400
    assert (await owner.post(f"{path}send/", {"subject": "Here it is", "message": "As agreed."})).status == 200
    await runner()
    await sent(owner, path)
    [mail] = post.mails
    assert (mail["Subject"], "As agreed." in mail.get_body(("plain",)).get_content()) == ("Here it is", True)
