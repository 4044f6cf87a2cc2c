"""Quotes and invoices as PDFs, through HTTP. docs/api/books.md#papers. What is printed of them: test_paper_sheet.py."""

import asyncio
import io
import secrets

import pytest
from PIL import Image

from core.files import media
from core.paper.fonts import writing
from core.problem import unavailable
from handlers.books.paper import render
from tests.books import papers

pytestmark = pytest.mark.gen_test

KINDS = ("quote", "invoice")
NUMBERS = {"quote": "QUO-2024-{:03}", "invoice": "INV-2024-{:03}"}


@pytest.fixture
def made(db):
    """`await made(owner, "invoice", number=7, …)`: the id of a new one, and the path of its PDF."""

    async def made(owner, kind="invoice", client=None, **fields):
        client = client or await owner.client()
        id = await papers.document(db, owner, kind, client["id"], **fields)
        return id, f"/api/{kind}s/{id}/pdf/"

    return made


@pytest.mark.parametrize("kind", KINDS)
async def test_a_paper_is_a_pdf_with_the_number_as_its_name(owner, made, kind):
    _, path = await made(owner, kind, number=7)
    number = NUMBERS[kind].format(7)
    answer = await owner.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{number}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert number in papers.read(answer.body) and kind.upper() in papers.read(answer.body)
    [page] = papers.pages(answer.body)
    assert [float(side) / 72 * 25.4 for side in page.mediabox[2:]] == [
        pytest.approx(210, 0.001),
        pytest.approx(297, 0.001),
    ]
    saved = await owner.get(f"{path}?download=true")
    assert (saved.body, saved.headers["Content-Disposition"]) == (answer.body, f'attachment; filename="{number}.pdf"')
    assert (await owner.get(path.rstrip("/"))).status == 200
    assert (await owner.get(f"{path}?download=perhaps")).json["details"]["download"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_paper_shows_the_owner_the_client_and_the_amounts_of_the_document(owner, db, made, kind):
    await owner.patch("/api/auth/profile/", {"company_name": "Asha Studio", "company_address": "14 Rose Lane\nKochi"})
    wanted = {
        "tax_number": "TAX-OWNER",
        "phone": "+91 98765 43210",
        "website": "asha.example",
        "footer": "IBAN GB00 1234",
    }
    await owner.patch("/api/books/preferences/", wanted)
    client = await owner.client(
        name="Ravi Menon", company="Blue Harbour", address="2 Pier\nDublin", tax_number="TAX-CLIENT"
    )
    lines = [
        {"description": "Design", "quantity": 2.5, "unit_price": "1234.50"},
        {"description": "Hosting", "quantity": 12, "unit_price": "0.99"},
    ]
    texts = {"title": "Website", "terms": "Payable at once", "notes": "Thank you"}
    _, path = await made(owner, kind, client, lines=lines, tax_rate="0.0825", **texts)
    text = papers.read((await owner.get(path)).body)
    second = {"quote": "Valid until", "invoice": "Due date"}[kind]
    for shown in (
        "Asha Studio", "14 Rose Lane", "Kochi", "TAX-OWNER", "+91 98765 43210", "asha.example", "@example.com", "IBAN GB00 1234",
        "Ravi Menon", "Blue Harbour", "2 Pier", "Dublin", "TAX-CLIENT", "Website", "Payable at once", "Thank you",
        "15 January 2024", second, "14 February 2999", "Design", "2.5", "$1,234.50", "$3,086.25", "$0.99", "$11.88",
        "$3,098.13", "Tax (8.25%)", "$255.60", "$3,353.73",
    ):  # fmt: skip
        assert shown in text, shown


async def test_payments_and_the_balance_stand_on_an_invoice(owner, db, made):
    id, path = await made(owner, status="partial")
    assert "Paid" not in papers.read((await owner.get(path)).body)
    for amount, method, reference in (("100.00", "bank_transfer", "TX-1"), ("250.50", "cash", "")):
        await db.execute(
            "INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)"
            " VALUES ($1, $2, $3::text::numeric, '2024-01-20', $4, $5)",
            owner.id, id, amount, method, reference,
        )  # fmt: skip
    await db.execute("UPDATE books.invoice SET paid_amount = 350.50 WHERE owner_id = $1 AND id = $2", owner.id, id)
    text = papers.read((await owner.get(path)).body)
    for shown in (
        "20 January 2024",
        "Bank transfer",
        "TX-1",
        "$100.00",
        "$250.50",
        "-$350.50",
        "Balance due",
        "$649.50",
    ):
        assert shown in text, shown


@pytest.mark.parametrize(
    ("kind", "status", "until", "mark"),
    [
        ("invoice", "draft", "2999-01-01", "DRAFT"),
        ("invoice", "paid", "2024-02-01", "PAID"),
        ("invoice", "cancelled", "2999-01-01", "CANCELLED"),
        ("invoice", "sent", "2024-02-01", "OVERDUE"),
        ("invoice", "sent", "2999-01-01", ""),
        ("quote", "draft", "2999-01-01", "DRAFT"),
        ("quote", "accepted", "2024-02-01", "ACCEPTED"),
        ("quote", "rejected", "2024-02-01", "REJECTED"),
        ("quote", "sent", "2024-02-01", "EXPIRED"),
        ("quote", "sent", "2999-01-01", ""),
    ],
)
async def test_a_paper_is_marked_with_its_state(owner, made, kind, status, until, mark):
    second = {"quote": "expiry_date", "invoice": "due_date"}[kind]
    _, path = await made(owner, kind, status=status, **{second: until})
    words = set(papers.read((await owner.get(path)).body).split())
    marks = {"DRAFT", "PAID", "CANCELLED", "OVERDUE", "ACCEPTED", "REJECTED", "EXPIRED"}
    assert words & marks == ({mark} if mark else set())


async def test_a_person_without_a_company_is_named(owner, db, made):
    await db.execute("UPDATE accounts.account SET name = 'Asha Nair', company_name = '' WHERE id = $1", owner.id)
    _, path = await made(owner)
    assert "Asha Nair" in papers.read((await owner.get(path)).body)


async def test_the_currency_and_the_sheet_are_the_owners(owner, made):
    lines = [{"description": "Work", "quantity": 1, "unit_price": "12345678.90"}]
    _, path = await made(owner, lines=lines)
    for currency, shown in (("INR", "₹1,23,45,678.90"), ("EUR", "€12,345,678.90"), ("CHF", "CHF 12,345,678.90")):
        changed = await owner.patch("/api/books/preferences/", {"currency": currency, "paper_size": "Letter"})
        assert changed.status == 200
        answer = await owner.get(path)
        assert shown in papers.read(answer.body)
        assert float(papers.pages(answer.body)[0].mediabox.height) == 792


@pytest.mark.parametrize("kind", KINDS)
async def test_the_paper_of_another_owner_does_not_exist(app, owner, open_books, made, kind):
    other = await open_books()
    id, path = await made(owner, kind)
    for asked in (
        path,
        f"/api/{kind}s/999999999/pdf/",
        f"/api/{kind}s/99999999999999999999/pdf/",
        f"/api/{kind}s/x/pdf/",
    ):
        answer = await other.get(asked)
        assert (answer.status, answer.json["error"]) == (404, "Not found."), asked
    assert (await owner.api.get(path)).status == 401
    assert await render(app, kind, other.id, id) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_gets_the_same_paper_without_a_request(app, owner, made, kind):
    id, path = await made(owner, kind, number=3)
    paper = await render(app, kind, owner.id, id)
    assert paper == (f"{NUMBERS[kind].format(3)}.pdf", (await owner.get(path)).body)


async def test_a_paper_that_the_client_has_is_not_written_again(owner, made, db):
    id, path = await made(owner)
    first = await owner.get(path)
    again = await owner.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    # Whatever the paper shows makes it another one.
    for change in (
        "UPDATE books.invoice SET notes = 'New' WHERE owner_id = $1",
        "UPDATE books.client SET name = 'New' WHERE owner_id = $1",
        "UPDATE accounts.account SET company_name = 'New' WHERE id = $1",
    ):
        await db.execute(change, owner.id)
        found = await owner.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert found.status == 200 and found.headers["ETag"] != first.headers["ETag"] and found.body != first.body
        first = found


async def test_the_paper_of_a_document_is_always_the_same_bytes(owner, made):
    names = ("श्री कृष्ण", "ശ്രീ ട്രേഡേഴ്സ്", "Ünïcödé Ltd")
    paths = [(await made(owner, client=await owner.client(name=name)))[1] for name in names]
    answers = await asyncio.gather(*(owner.get(path) for path in paths * 4))
    assert [answer.status for answer in answers] == [200] * 12
    assert len({answer.body for answer in answers}) == 3


async def test_other_requests_are_answered_while_papers_are_written(owner, made):
    _, path = await made(owner)
    # Whoever writes a PDF holds this lock.
    with writing:
        waiting = [asyncio.ensure_future(owner.get(path)) for _ in range(20)]
        for _ in range(5):
            assert (await owner.get("/api/clients/")).status == 200
        assert not any(one.done() for one in waiting)
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 20


async def test_a_thousand_lines_have_numbered_pages_with_the_head_of_the_table_on_each(owner, made):
    lines = [
        {"description": f"Line {n} " + "of many words " * 70, "quantity": n + 1, "unit_price": "1.00"}
        for n in range(1000)
    ]
    _, path = await made(owner, lines=lines)
    found = papers.pages((await owner.get(path)).body)
    assert len(found) > 100
    texts = [" ".join(page.extract_text().split()) for page in found]
    assert all(f"Page {at} of {len(found)}" in text for at, text in enumerate(texts, 1))
    with_lines = [text for text in texts if "many words" in text]
    assert all("Description Quantity Unit price Amount" in text for text in with_lines)
    assert all(f"Line {n} of" in "".join(texts) for n in (0, 499, 999)) and "$500,500.00" in texts[-1]


# Logos


def picture_file(color="red"):
    data = io.BytesIO()
    Image.new("RGB", (90, 60), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def logo(app, db):
    """`await logo(owner, data)`: gives an owner a file as logo, whatever it is; its key."""

    async def logo(owner, data=None):
        key = f"logos/{owner.id}/{secrets.token_hex(8)}.png"
        await media.hold(app.db, key)
        await app.storage.put(key, data or picture_file(), "image/png")
        await db.execute("INSERT INTO books.preferences SELECT * FROM books.preference($1)", owner.id)
        await db.execute("UPDATE books.preferences SET logo = $2 WHERE owner_id = $1", owner.id, key)
        return key

    return logo


async def test_the_logo_of_the_owner_stands_on_the_paper(owner, made, logo):
    _, path = await made(owner)
    before = await owner.get(path)
    await logo(owner)
    found = await owner.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert found.status == 200 and len(papers.pages(found.body)[0].images) == 1
    assert (await owner.get(path)).body == found.body


@pytest.mark.parametrize("data", [b"no picture", picture_file()[:50]])
async def test_a_paper_is_written_without_a_logo_that_is_broken(owner, made, logo, caplog, data):
    _, path = await made(owner)
    key = await logo(owner, data)
    answer = await owner.get(path)
    assert answer.status == 200 and not papers.pages(answer.body)[0].images
    assert f"without its logo, as {key} can't be read" in caplog.text


async def test_a_paper_is_written_without_a_logo_while_the_storage_is_away(app, owner, made, logo, caplog, monkeypatch):
    _, path = await made(owner)
    await logo(owner)

    async def away(key):
        raise unavailable("The file storage is not available at the moment.")

    with monkeypatch.context() as patched:
        patched.setattr(app.storage, "get", away)
        without = await owner.get(path)
    assert without.status == 200 and not papers.pages(without.body)[0].images and "without its logo" in caplog.text
    # What the client has without it is not the paper with it.
    found = await owner.get(path, headers={"If-None-Match": without.headers["ETag"]})
    assert found.status == 200 and len(papers.pages(found.body)[0].images) == 1
