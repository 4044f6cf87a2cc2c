"""Expenses, settings, exports and imports of the books in a real browser."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from handlers.books import export
from tests.books.books_page import PHONE, BooksPage, opened, session_of
from tests.support.browser import needs_chromium
from tests.support.outages import Relay

pytestmark = [pytest.mark.gen_test, needs_chromium]

ATTACHMENTS = "/api/expenses/attachments/"


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any) -> Iterator[BooksPage]:
    """The books on a phone, in a tab that nobody signed in to."""
    for found in opened(chrome, base_url, io_loop):
        io_loop.run_sync(lambda page=found: page.resize(*PHONE))
        yield found


@pytest.fixture
def tokens(io_loop: Any, owner: Any, db: Any) -> dict[str, str]:
    """A session of the owner."""
    return io_loop.run_sync(lambda: session_of(owner, db))


@pytest.fixture
def relay(page: BooksPage, base_url: str, io_loop: Any) -> Iterator[Relay]:
    """Between the browser and the server."""
    found = Relay(base_url)
    io_loop.run_sync(found.open)
    page.move(found.url)
    yield found
    io_loop.run_sync(page.forget)
    io_loop.run_sync(page.leave)
    io_loop.run_sync(found.close)


def photo(width: int, height: int, format: str = "PNG") -> bytes:
    """A picture as a camera takes it."""
    picture = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    data = io.BytesIO()
    picture.save(data, format)
    return data.getvalue()


async def everything(owner: Any, path: str) -> list[dict[str, Any]]:
    return (await owner.get(f"{path}?page_size=100")).json["results"]


async def write_expense(page: BooksPage, description: str = "Train to Madrid", amount: str = "186,40") -> None:
    await page.fill("[name=amount]", amount)
    await page.fill("[name=description]", description)


async def test_a_receipt_is_snapped_made_smaller_and_attached_to_the_expense(page, owner, tokens):
    await owner.client(name="Café Aurora")
    await page.open(tokens)
    await page.press_on(".big-button", "Snap a receipt")
    await page.attach("IMG_2031.png", "image/png", photo(3000, 1500))
    await page.sees(".attachment", "IMG_2031.jpg")
    await write_expense(page)
    await page.put("[name=category]", "travel")
    await page.press_on(".check label")
    await page.choose_client("aurora", "Café Aurora")
    await page.save()
    await page.sees("#title", "Train to Madrid")
    await page.sees(".summary", "$186.40", "Travel", "Café Aurora")
    await page.sees(".receipts > .attachments", "IMG_2031.jpg")
    [expense] = await everything(owner, "/api/expenses/")
    [attachment] = expense["attachments"]
    assert (expense["amount"], expense["is_billable"], attachment["content_type"]) == ("186.40", True, "image/jpeg")
    file = await owner.get(f"{ATTACHMENTS}{attachment['id']}/download/")
    assert Image.open(io.BytesIO(file.body)).size == (2000, 1000)
    await page.until(
        lambda: page.script("return document.querySelector('.attachment-picture img')?.naturalWidth"),
        lambda width: width == 2000,
    )
    await page.until(page.everything_kept, lambda found: "IMG" not in found)
    await page.go("#/expenses")
    await page.until(page.rows, lambda found: len(found) == 1 and "Billable" in found[0])
    await page.sees(".group", "$186.40")
    assert await page.log() == []


async def test_an_upload_without_an_answer_is_repeated_and_doubles_nothing(page, owner, tokens, relay):
    await page.open(tokens, "#/expenses/new")
    await page.attach("bill.jpg", "image/jpeg", photo(300, 400, "JPEG"))
    await write_expense(page)
    relay.lose("POST /api/expenses/ ", "POST /api/expenses/attachments/ ")
    await page.save()
    await page.sees("#title", "Train to Madrid")
    await page.until(
        lambda: page.script("return document.querySelectorAll('.receipts > .attachments img').length"),
        lambda found: found == 1,
    )
    [expense] = await everything(owner, "/api/expenses/")
    assert (relay.lost, len(expense["attachments"])) == (2, 1)


async def test_a_receipt_is_uploaded_whatever_view_is_shown_also_after_an_outage_and_a_reload(
    page, owner, tokens, relay
):
    await page.open(tokens, "#/expenses/new")
    await page.attach("bill.jpg", "image/jpeg", photo(300, 400, "JPEG"))
    await write_expense(page)
    # The expense is made; nothing comes through after that.
    relay.lose("POST /api/expenses/attachments/ ")
    await page.save()
    await page.sees("#title", "Train to Madrid")
    await page.go("#/clients")
    await page.sees("#title", "Clients")
    await page.reload()
    await page.sees("#title", "Clients")
    await page.until(page.kept, lambda found: found == {})
    [expense] = await everything(owner, "/api/expenses/")
    assert len(expense["attachments"]) == 1


async def test_a_picture_that_was_not_uploaded_is_offered_again_after_a_reload(page, owner, tokens, relay):
    await page.open(tokens, "#/expenses/new?draft=a")
    await page.attach("bill.jpg", "image/jpeg", photo(300, 400, "JPEG"))
    await page.sees(".attachment", "bill.jpg")
    await write_expense(page)
    await page.reload()
    # A phone that was short of memory has closed the page.
    await page.sees(".attachment", "bill.jpg")
    assert await page.script("return document.querySelector('[name=description]').value") == "Train to Madrid"
    await page.save()
    await page.until(
        lambda: page.script("return document.querySelectorAll('.receipts > .attachments img').length"),
        lambda found: found == 1,
    )
    [expense] = await everything(owner, "/api/expenses/")
    assert len(expense["attachments"]) == 1 and await page.kept() == {}


async def test_a_file_that_the_server_refuses_can_be_left_out(page, owner, tokens):
    await page.open(tokens, "#/expenses/new")
    await page.attach("notes.zip", "application/zip", b"PK\x03\x04" + bytes(200), "file")
    await write_expense(page)
    await page.save()
    await page.until(lambda: page.text(".receipts .form-problem"), bool)
    await page.press_on(".receipts .attachment button")
    await page.until(page.kept, lambda found: found == {})
    [expense] = await everything(owner, "/api/expenses/")
    assert expense["attachments"] == []


async def test_an_expense_is_edited_approved_and_deleted(page, owner, tokens):
    made = await owner.made("/api/expenses/", {"description": "Paper", "amount": "12.00", "expense_date": "2026-01-05"})
    await page.open(tokens, f"#/expenses/{made['id']}/edit")
    await page.fill("[name=vendor]", "Bureau Vallée")
    await page.save()
    await page.sees(".summary", "Bureau Vallée")
    await page.press_on(".actions button", "Approve")
    await page.sees(".summary", "Approved")
    assert (await owner.get(f"/api/expenses/{made['id']}/")).json["status"] == "approved"


async def test_the_logo_is_shown_also_where_the_storage_is_another_host(page, owner, tokens, app, monkeypatch):
    async def link(origin, key, disposition=""):
        return f"https://storage.example/{key}"

    monkeypatch.setattr(app.storage, "link", link)
    answer = await owner.call("PUT", "/api/books/preferences/logo/", files={"logo": ("logo.png", photo(90, 60))})
    assert answer.json["logo"].startswith("https://storage.example/")
    await page.open(tokens, "#/settings")
    await page.until(
        lambda: page.script("return document.querySelector('.logo-place img')?.naturalWidth"), lambda width: width == 90
    )
    assert await page.log() == []


async def test_the_settings_change_what_papers_say(page, owner, tokens):
    quote = await owner.quote()
    await page.open(tokens, "#/settings")
    await page.fill("[name=company_name]", "Lumen Studio")
    await page.fill("[name=company_address]", "14 Rue des Écoles")
    await page.fill("[name=tax_number]", "FR 40 123")
    await page.press_on("#view [type=submit]")
    await page.sees("#news", "Saved.")
    await page.put("[name=currency]", "INR")
    await page.fill("[name=invoice_days]", "14")
    await page.fill("[name=invoice_terms]", "Within 14 days.")
    await page.press_on("section:nth-of-type(2) [type=submit]")
    await page.until(lambda: page.kept(), lambda found: found == {})
    await page.go(f"#/quotes/{quote['id']}")
    await page.sees(".paper", "Lumen Studio", "14 Rue des Écoles", "FR 40 123", "₹1,000.00")
    await page.go("#/invoices/new")
    await page.until(
        lambda: page.script("return document.querySelector('[name=terms]')?.value"),
        lambda found: found == "Within 14 days.",
    )
    assert await page.log() == []


async def test_clients_are_imported_after_a_look_at_what_is_wrong(page, owner, tokens):
    table = "name,email\nCafé Aurora,maria@aurora.example\n,nobody@example.com\nOakwell,hello@oakwell.example\n"
    await page.open(tokens, "#/settings")
    await page.until(lambda: page.shown(".import-outcome"), bool)
    await page.script(
        """const files = new DataTransfer(); files.items.add(new File([arguments[0]], 'clients.csv', {type: 'text/csv'}));
           const input = document.getElementById('import-file'); input.files = files.files; input.dispatchEvent(new Event('change'))""",
        table,
    )
    await page.sees(".import-outcome", "Rows: 3. Can be stored: 2.", "name:")
    assert await everything(owner, "/api/clients/") == []
    await page.press_on(".import-outcome button", "Store them: 2")
    await page.sees(".import-outcome", "Clients stored: 2")
    assert {one["name"] for one in await everything(owner, "/api/clients/")} == {"Café Aurora", "Oakwell"}


async def test_exports_and_pdfs_are_saved_with_the_token_of_the_session(page, owner, tokens):
    quote = await owner.quote()
    await page.before_scripts(
        """window.saved = []; URL.createObjectURL = blob => { window.saved.push([blob.type.split(';')[0], blob.size > 100]); return '#'; };"""
    )
    await page.open(tokens, f"#/quotes/{quote['id']}")
    await page.press_on(".actions button", "Save PDF")
    await page.until(lambda: page.script("return window.saved"), lambda found: found == [["application/pdf", True]])
    await page.go("#/settings")
    await page.press_on("[data-export=clients-csv]")
    await page.until(
        lambda: page.script("return window.saved.map(([type]) => type)"),
        lambda found: found == ["application/pdf", "text/csv"],
    )


async def test_a_table_that_is_never_made_is_looked_for_less_and_less_and_then_given_up(
    page, owner, tokens, monkeypatch
):
    await owner.client()
    monkeypatch.setattr(export, "MOST_AT_ONCE", 0)
    # Each wait for the table ends at once, and the clock goes on by it. Messages stay.
    await page.before_scripts(
        """window.waits = [];
           const [wait, now] = [window.setTimeout, Date.now];
           let passed = 0;
           Date.now = () => now() + passed;
           window.setTimeout = (work, delay, ...more) => {
             const isLook = [3, 5, 8, 13, 21, 34, 60].includes(delay / 1000);
             if (!isLook || !document.querySelector('.export-state:not(:empty)')) return delay < 3000 ? wait(work, delay, ...more) : 0;
             window.waits.push(delay / 1000);
             return wait(() => { passed += delay; work(); }, 1);
           };"""
    )
    await page.open(tokens, "#/settings")
    await page.press_on("[data-export=clients-xlsx]")
    await page.sees("body", "The table is not ready yet.")
    waits = await page.script("return window.waits")
    assert waits[:7] == [3, 5, 8, 13, 21, 34, 60] and 20 < len(waits) < 50


async def test_where_it_is_tomorrow_already_an_expense_of_today_can_be_written(page, owner, tokens):
    await page.before_scripts("Date.prototype.getTimezoneOffset = () => -24 * 60")
    await page.open(tokens, "#/expenses/new?draft=a")
    await write_expense(page)
    day, most, tomorrow = await page.script(
        "const {value, max} = document.querySelector('[name=expense_date]');"
        "return [value, max, new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)]"
    )
    assert day == most == tomorrow
    await page.save()
    await page.sees("#title", "Train to Madrid")
    assert [one["expense_date"] for one in await everything(owner, "/api/expenses/")] == [tomorrow]
