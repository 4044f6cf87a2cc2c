"""The books in a real browser: a freelancer's day, and what must not be lost while the network, the browser or another device interferes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.books.books_page import PHONE, BooksPage, opened, session_of
from tests.support.browser import needs_chromium
from tests.support.outages import Outage, Relay

pytestmark = [pytest.mark.gen_test, needs_chromium]

INDIC = "अनुराधा कृष्णमूर्ति"
LONG = "Northwind Traders International Shipping & Logistics Holding Company of the Two Harbours Ltd."
LINE = {"description": "Logo", "quantity": 2, "unit_price": "150.00"}


def on(days: int) -> str:
    """The day so many days from today, in UTC."""
    return str((datetime.now(UTC) + timedelta(days=days)).date())


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any) -> Iterator[BooksPage]:
    """The books in a tab that nobody signed in to."""
    yield from opened(chrome, base_url, io_loop)


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


@pytest.fixture
def server(http_server: Any, process: Any, base_url: str) -> Iterator[Outage]:
    outage = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    yield outage
    outage.end()


@pytest.fixture
def invoice(owner: Any) -> Any:
    """`await invoice("Café Aurora", status="sent")`: a new invoice for a new client of this name."""

    async def invoice(name: str = "Café Aurora", **fields: Any) -> dict[str, Any]:
        client = await owner.client(name=name)
        return await owner.made("/api/invoices/", {"client": client["id"], "line_items": [LINE], **fields})

    return invoice


async def everything(owner: Any, path: str) -> list[dict[str, Any]]:
    return (await owner.get(f"{path}?page_size=100")).json["results"]


# The day


async def test_a_freelancers_day_from_the_first_client_to_the_last_payment(page, owner, db):
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)
    await page.load()
    await page.sign_in(email)
    await page.press_on(".big-button", "New quote")
    # A client who is not there yet is made where the quote is written.
    await page.fill(".picker input", "Café Aurora")
    await page.press_on(".choice.add")
    await page.fill("dialog.sheet [name=email]", "maria@aurora.example")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees(".chosen", "Café Aurora")
    await page.fill("[name=title]", "Autumn menu")
    await page.line(1, "Menu design", "2", "860.50")
    await page.line(2, "Printing", "1.5", "99.99")
    await page.put("[name=tax]", "rate")
    await page.fill("[name=tax_value]", "20")
    await page.total("$2,245.19")
    await page.sees(
        ".paper", "QUOTE", "Café Aurora", "Autumn menu", "Menu design", "$1,721.00", "Tax (20%)", "$2,245.19"
    )
    await page.save()
    await page.at("#/quotes/")
    await page.sees("#title", "QUO-")
    await page.act("Send", "Send")
    await page.sees(".summary", "Sent")
    await page.act("Mark as accepted")
    await page.sees(".summary", "Accepted")
    await page.act("Turn into an invoice")
    await page.at("#/invoices/")
    await page.sees(".paper", "INVOICE", "DRAFT", "$2,245.19")
    await page.act("Send", "Send")
    await page.sees(".summary", "$2,245.19", "Sent")
    await page.act("Record payment")
    await page.fill("dialog.sheet [name=amount]", "1,000")
    await page.fill("dialog.sheet [name=reference]", "SEPA 81")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees(".summary", "Partly paid", "$1,245.19")
    await page.sees(".paper", "SEPA 81", "$1,245.19")
    # The rest comes, and is recorded from the first view.
    await page.press_on("#nav a", "Home")
    await page.sees(".owed", "$1,245.19")
    await page.press_on(".big-button", "Record payment")
    await page.press_on("dialog.sheet .row", "Café Aurora")
    await page.until(
        lambda: page.script("return document.querySelector('dialog.sheet [name=amount]')?.value"),
        lambda found: found == "1245.19",
    )
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees(".owed .tile:first-child", "$0.00")
    [invoice] = await everything(owner, "/api/invoices/")
    assert (invoice["status"], invoice["balance"], len(invoice["payments"])) == ("paid", "0.00", 2)
    assert await page.kept() == {} and await page.log() == []


async def test_a_client_is_reminded_by_mail_in_ones_own_words(page, owner, tokens):
    client = await owner.client(name="Café Aurora", email="maria@aurora.example")
    dates = {"issue_date": on(-40), "due_date": on(-8)}
    late = await owner.made("/api/invoices/", {"client": client["id"], "line_items": [LINE], "status": "sent", **dates})
    await page.open(tokens, f"#/invoices/{late['id']}")
    await page.press_on("button", "Remind by mail")
    number = late["invoice_number"]
    await page.until(
        lambda: page.script("return document.querySelector('dialog.sheet [name=subject]')?.value"),
        lambda found: found == f"Reminder: {number}",
    )
    await page.fill("dialog.sheet [name=subject]", "A word about the logo")
    await page.press_on("dialog.sheet [type=submit]")
    # The server of the tests has no mail server.
    await page.sees(".mails", "A word about the logo", "Not mailed")
    [mail] = (await owner.get(f"/api/invoices/{late['id']}/mails/")).json
    assert (mail["to"], "$300.00" in mail["message"]) == ("maria@aurora.example", True)


async def test_a_payment_that_is_removed_opens_the_invoice_again(page, owner, tokens, invoice):
    made = await invoice(status="paid")
    await page.open(tokens, f"#/invoices/{made['id']}")
    await page.sees(".summary", "Paid")
    await page.press_on(".payment button")
    await page.press_on("dialog.sheet .buttons button", "Remove")
    await page.sees(".summary", "$300.00", "Sent")
    assert (await owner.get(f"/api/invoices/{made['id']}/")).json["payments"] == []


async def test_the_first_view_shows_what_is_owed_what_is_overdue_and_what_waits(page, owner, tokens, invoice):
    await invoice("Late Ltd.", issue_date=on(-40), due_date=on(-12), status="sent")
    await invoice("Soon Inc.", due_date=on(3), status="sent")
    await invoice("Draft & Co.")
    client = await owner.client(name="Quoted")
    quote = {"client": client["id"], "line_items": [LINE]}
    soon = await owner.made("/api/quotes/", {**quote, "expiry_date": on(2)})
    await owner.post(f"/api/quotes/{soon['id']}/send/")
    made = await owner.made("/api/quotes/", quote)
    for step in ("send", "accept"):
        await owner.post(f"/api/quotes/{made['id']}/{step}/")
    await page.open(tokens)
    await page.sees(".owed", "$600.00", "$300.00")
    await page.sees("[data-section=overdue-ones]", "Late Ltd.", "12 days overdue")
    await page.sees("[data-section=due-next]", "Soon Inc.", "due in 3 days")
    await page.sees("[data-section=draft-invoices]", "Draft & Co.")
    await page.sees("[data-section=expire-soon]", "expires in 2 days")
    await page.sees("[data-section=to-be-invoiced]", "Quoted")
    await page.press_on("[data-section=overdue-ones] .row")
    await page.sees(".summary", "Late Ltd.", "12 days overdue")
    assert await page.log() == []


async def test_a_list_is_searched_filtered_walked_to_its_end_and_found_again_on_the_way_back(page, owner, tokens):
    for n in range(70):
        await owner.client(name=f"Client {n:02}")
    await owner.client(name="Zoë Zuckermann", email="zoe@example.com")
    await page.open(tokens, "#/clients")
    await page.until(page.rows, lambda found: len(found) == 30)
    for _ in range(2):
        await page.script("scrollTo(0, document.body.scrollHeight)")
        await page.until(page.rows, lambda found: len(found) % 30 != 0 or len(found) == 60)
    await page.until(page.rows, lambda found: len(found) == 71)
    await page.press_on(".row", "Client 65")
    await page.sees("#title", "Client 65")
    await page.script("history.back()")
    await page.until(page.rows, lambda found: len(found) == 71)
    await page.until(lambda: page.script("return scrollY"), lambda top: top > 1000)
    await page.fill(".searched input", "zoe")
    await page.until(page.rows, lambda found: len(found) == 1 and "Zoë Zuckermann" in found[0])
    await page.reload()
    await page.until(page.rows, lambda found: len(found) == 1)
    await page.fill(".searched input", "nobody at all")
    await page.sees(".list", "Nothing found.")
    assert await page.log() == []


async def test_the_lists_of_papers_are_filtered_by_the_states_that_hold_today(page, tokens, invoice):
    await invoice("Late Ltd.", issue_date=on(-40), due_date=on(-1), status="sent")
    await invoice("Sent Inc.", status="sent")
    await page.open(tokens, "#/invoices")
    await page.until(page.rows, lambda found: len(found) == 2)
    await page.press_on(".chip", "Overdue")
    await page.until(page.rows, lambda found: len(found) == 1 and "1 day overdue" in found[0])
    assert await page.at("#/invoices?status=overdue")
    await page.press_on(".chip", "Sent")
    await page.until(page.rows, lambda found: len(found) == 1 and "Sent Inc." in found[0])


# The editor


async def test_lines_are_moved_and_removed_by_keyboard_and_the_sums_are_the_servers(page, owner, tokens):
    await owner.client(name="Café Aurora")
    await page.open(tokens, "#/quotes/new")
    await page.choose_client("aurora", "Café Aurora")
    await page.fill(".line [data-line=description]", "First")
    await page.press(Keys.TAB, "3", Keys.ENTER, "10.005", Keys.ENTER)
    await page.press("Second", Keys.TAB, Keys.TAB, "1", Keys.ENTER)
    await page.press("Third", Keys.TAB, Keys.TAB, "0.10")
    await page.total("$31.13")
    await page.press(Keys.ALT + Keys.ARROW_UP)
    await page.press_on(".line:nth-child(1) [data-act=remove]")
    await page.total("$1.10")
    await page.put("[name=tax]", "amount")
    await page.fill("[name=tax_value]", "0,05")
    await page.total("$1.15")
    await page.save()
    await page.sees("#title", "QUO-")
    [quote] = await everything(owner, "/api/quotes/")
    assert [line["description"] for line in quote["line_items"]] == ["Third", "Second"]
    assert (quote["tax_amount"], quote["total_amount"]) == ("0.05", "1.15")


async def test_what_is_wrong_is_said_where_it_is_typed(page, owner, tokens, invoice):
    await owner.client(name="Café Aurora", email="taken@example.com")
    await page.open(tokens, "#/invoices/new")
    await page.fill("[name=title]", "Nothing yet")
    await page.save()
    await page.until(page.problems, lambda found: "client" in found)
    await page.choose_client("aurora", "Café Aurora")
    await page.line(1, "A line", "0", "12")
    await page.save()
    await page.sees(".line .problem", "Quantity must be greater than zero.")
    await page.put("[name=until]", on(-1))
    await page.fill(".line [data-line=quantity]", "1")
    await page.save()
    await page.until(page.problems, lambda found: "until" in found)
    await page.put("[name=until]", on(30))
    await page.fill(".line [data-line=unit_price]", "99999999")
    await page.fill(".line [data-line=quantity]", "2")
    await page.sees(".form-problem", "99999999.99")
    # A dialog does so, too.
    await page.go("#/clients")
    await page.press_on(".new")
    await page.fill("dialog.sheet [name=name]", "Another")
    await page.fill("dialog.sheet [name=email]", "taken@example.com")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees("dialog.sheet", "A client with this email already exists in your account.")
    made = await invoice(status="sent")
    await page.go(f"#/invoices/{made['id']}")
    await page.act("Record payment")
    await page.fill("dialog.sheet [name=amount]", "301")
    await page.press_on("dialog.sheet [type=submit]")
    await page.until(page.problems, lambda found: "amount" in found)


async def test_a_thousand_lines_are_written_and_shown(page, owner, tokens):
    client = await owner.client(name=LONG)
    lines = [{"description": f"Line {n}", "quantity": 1, "unit_price": "10.00"} for n in range(1000)]
    made = await owner.made("/api/invoices/", {"client": client["id"], "line_items": lines})
    await page.open(tokens, f"#/invoices/{made['id']}/edit")
    await page.total("$10,000.00")
    await page.fill(".line:nth-child(1000) [data-line=unit_price]", "20")
    await page.total("$10,010.00")
    await page.save()
    await page.sees("#title", "INV-")
    assert await page.script("return document.querySelectorAll('.paper-lines tbody tr').length") == 1000


# What must not be lost


async def test_what_is_typed_survives_a_reload_and_is_found_in_the_first_view(page, owner, tokens):
    await owner.client(name="Café Aurora")
    await page.open(tokens, "#/invoices/new")
    await page.choose_client("aurora", "Café Aurora")
    await page.fill("[name=title]", "Half written")
    await page.line(1, "Design", "3", "12.5")
    await page.reload()
    await page.total("$37.50")
    assert await page.script("return document.querySelector('[name=title]').value") == "Half written"
    # A second one is another one.
    await page.go("#/")
    await page.press_on(".big-button", "New invoice")
    await page.fill("[name=title]", "Another")
    await page.go("#/")
    await page.sees(".unsaved", "Invoice Café Aurora", "Invoice Another")
    await page.press_on(".unsaved .row", "Café Aurora")
    await page.total("$37.50")
    await page.save()
    await page.sees("#title", "INV-")
    await page.go("#/")
    await page.press_on(".unsaved-row button")
    await page.until(page.kept, lambda found: found == {})
    assert len(await everything(owner, "/api/invoices/")) == 1


async def test_a_lost_answer_makes_one_invoice_one_payment_and_one_client(page, owner, tokens, relay):
    client = await owner.client(name="Café Aurora")
    await page.open(tokens, f"#/invoices/new?draft=a&client={client['id']}")
    await page.line(1, "Design", "1", "100")
    await page.total("$100.00")
    relay.lose("POST /api/invoices/ ")
    await page.save()
    await page.sees("#title", "INV-")
    await page.act("Send", "Send")
    relay.lose("POST /api/invoices/[0-9]+/payments/ ")
    await page.act("Record payment")
    await page.fill("dialog.sheet [name=amount]", "40")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees(".summary", "$60.00")
    relay.lose("POST /api/clients/ ")
    await page.go("#/clients")
    await page.press_on(".new")
    await page.fill("dialog.sheet [name=name]", "Only once")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees("#title", "Only once")
    [invoice] = await everything(owner, "/api/invoices/")
    assert (relay.lost, invoice["paid_amount"], len(invoice["payments"])) == (3, "40.00", 1)
    assert len(await everything(owner, "/api/clients/")) == 2


async def test_a_save_whose_answer_was_lost_goes_on_after_a_reload(page, owner, tokens, relay):
    client = await owner.client(name="Café Aurora")
    await page.open(tokens, f"#/quotes/new?draft=a&client={client['id']}")
    await page.line(1, "Design", "1", "100")
    await page.total("$100.00")
    # The server does the first one, and no answer comes through any more.
    relay.lose("POST /api/quotes/ ")
    await page.save()
    await page.until(lambda: page.script("return arguments[0]", relay.lost), lambda found: relay.lost == 1)
    await page.reload()
    await page.sees("#title", "QUO-")
    await page.until(page.kept, lambda found: found == {})
    assert len(await everything(owner, "/api/quotes/")) == 1


async def test_a_reload_of_an_editor_whose_paper_was_just_saved_shows_the_paper(page, owner, tokens):
    client = await owner.client(name="Café Aurora")
    await page.open(tokens, f"#/quotes/new?draft=a&client={client['id']}")
    await page.line(1, "Design", "1", "100")
    await page.total("$100.00")
    # The answer comes while the browser leaves the page for the reload: what is kept is already that it is saved.
    await page.script("window.fetch = () => new Promise(() => {})")
    quote = await owner.quote(client["id"])
    await page.script(
        """const [name] = Object.keys(localStorage).filter(name => name.includes('quote-new-a'));
           localStorage.setItem(name, JSON.stringify({savedAs: arguments[0]}))""",
        f"#/quotes/{quote['id']}",
    )
    await page.reload()
    await page.sees("#title", quote["quote_number"])
    await page.until(page.kept, lambda found: found == {})


async def test_a_quote_whose_conversion_was_not_answered_becomes_one_invoice(page, owner, tokens, relay):
    quote = await owner.quote()
    for step in ("send", "accept"):
        await owner.post(f"/api/quotes/{quote['id']}/{step}/")
    await page.open(tokens, f"#/quotes/{quote['id']}")
    relay.lose("POST /api/quotes/[0-9]+/convert_to_invoice/ ")
    await page.act("Turn into an invoice")
    await page.at("#/invoices/")
    await page.sees(".paper", "INVOICE")
    assert len(await everything(owner, "/api/invoices/")) == 1


async def test_without_the_server_the_page_says_so_keeps_what_is_typed_and_goes_on(page, owner, tokens, server):
    client = await owner.client(name="Café Aurora")
    await page.open(tokens, f"#/invoices/new?draft=a&client={client['id']}")
    await page.line(1, "Design", "1", "100")
    await page.total("$100.00")
    await server.begin()
    await page.fill("[name=title]", "Typed meanwhile")
    await page.fill(".line [data-line=quantity]", "2")
    await page.sees("#state", "Trying again")
    await page.save()
    await page.sees(".form-problem", "No answer yet")
    await server.finish()
    await page.sees("#title", "INV-")
    [invoice] = await everything(owner, "/api/invoices/")
    assert (invoice["title"], invoice["total_amount"]) == ("Typed meanwhile", "200.00")
    assert not await page.shown("#state")


async def test_a_view_that_could_not_be_loaded_is_loaded_when_the_server_is_back(page, owner, tokens, server):
    await owner.client(name="Café Aurora")
    await page.open(tokens)
    await page.sees(".welcome", "All quiet")
    await server.begin(answers=502)
    await page.go("#/clients")
    await page.sees("#view", "does not answer")
    await server.finish()
    await page.sees("#view", "Café Aurora")


async def test_what_another_device_has_changed_is_shown_and_one_of_both_is_kept(page, owner, tokens, invoice):
    made = await invoice(title="Old")
    path = f"/api/invoices/{made['id']}/"
    await page.open(tokens, f"#/invoices/{made['id']}/edit")
    await page.fill("[name=title]", "Mine")
    await owner.patch(path, {"title": "Theirs"})
    await page.save()
    await page.sees("dialog.sheet .differs", "Theirs", "Mine")
    await page.press_on("dialog.sheet button", "Take what is there")
    await page.until(
        lambda: page.script("return document.querySelector('[name=title]').value"), lambda found: found == "Theirs"
    )
    await page.fill("[name=title]", "Mine again")
    await owner.patch(path, {"title": "Theirs again"})
    await page.save()
    await page.press_on("dialog.sheet button", "Save mine")
    await page.sees(".detail .paper", "Mine again")
    # What differs elsewhere is no conflict.
    await page.act("Edit")
    await page.fill("[name=title]", "Mine at last")
    await owner.patch(path, {"notes": "Thank you"})
    await page.save()
    await page.sees(".detail .paper", "Mine at last")
    assert (await owner.get(path)).json["title"] == "Mine at last"


# Who may see it


async def test_a_sign_out_leaves_nothing_on_the_screen_or_in_the_browser(page, owner, tokens, invoice):
    await invoice("Secret Ltd.", status="sent")
    await page.open(tokens, "#/invoices/new")
    await page.choose_client("secret", "Secret Ltd.")
    await page.fill("[name=notes]", "Confidential")
    await page.attach_to_expense()
    await page.until(page.everything_kept, lambda found: "Confidential" in found and "receipt.txt" in found)
    await page.click("#account")
    await page.sees("dialog.sheet", "not saved yet")
    await page.press_on("dialog.sheet button", "Sign out")
    await page.sees("#sign-in-dialog", "Sign in")
    await page.until(page.everything_kept, lambda found: "Confidential" not in found)
    left = await page.everything_kept() + await page.script("return document.documentElement.innerHTML")
    assert "Secret" not in left and "Confidential" not in left and "receipt.txt" not in left


async def test_the_next_person_finds_nothing_of_one_whose_session_ended(page, owner, tokens, invoice, open_books, db):
    await invoice("Secret Ltd.", status="sent")
    await page.open(tokens, "#/invoices/new")
    await page.choose_client("secret", "Secret Ltd.")
    await page.fill("[name=notes]", "Confidential")
    other = await open_books()
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", other.id)
    await page.drop_session()
    await page.script("location.hash = '#/'")
    await page.reload()
    await page.sign_in(email)
    await page.sees(".welcome", "All quiet")
    left = await page.everything_kept() + await page.script("return document.documentElement.innerHTML")
    assert "Secret" not in left and "Confidential" not in left


async def test_who_signs_in_again_after_the_session_ended_goes_on_where_they_were(page, owner, tokens, db):
    email = await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)
    await page.open(tokens, "#/quotes/new?draft=a")
    await page.fill("[name=title]", "Half written")
    await page.drop_session()
    await page.reload()
    await page.sign_in(email)
    await page.until(
        lambda: page.script("return document.querySelector('[name=title]')?.value"),
        lambda found: found == "Half written",
    )


async def test_a_new_freelancer_opens_their_books_on_the_page(page):
    await page.load()
    await page.press_on("#sign-up-open")
    await page.fill("dialog.sheet [name=email]", "new-here@example.com")
    await page.fill("dialog.sheet [name=password]", "short")
    await page.press_on("dialog.sheet [type=submit]")
    await page.until(page.problems, lambda found: "password" in found)
    await page.fill("dialog.sheet [name=password]", "a-Long-enough-one-7")
    await page.fill("dialog.sheet [name=company_name]", "Lumen Studio")
    await page.press_on("dialog.sheet [type=submit]")
    await page.sees(".welcome", "All quiet")
    await page.press_on(".big-button", "New invoice")
    await page.sees(".paper", "Lumen Studio")


# Every screen


async def test_no_view_of_a_phone_is_too_wide_too_small_to_press_or_without_a_name(page, owner, tokens, invoice):
    client = await owner.client(
        name=LONG, company=INDIC, email=f"{'a' * 60}@{'b' * 60}.example", phone="+91 98450 12345", notes="x" * 300
    )
    lines = [
        {"description": LONG + "X" * 120, "quantity": 99999, "unit_price": "833.33"},
        {"description": INDIC, "quantity": 1.25, "unit_price": "9999.99"},
    ]
    body = {
        "client": client["id"],
        "line_items": lines,
        "title": LONG,
        "terms": "T" * 200,
        "tax_rate": "0.18",
        "issue_date": on(-90),
    }
    late = await owner.made("/api/invoices/", {**body, "due_date": on(-45), "status": "sent"})
    await owner.post(f"/api/invoices/{late['id']}/payments/", {"amount": "12345678.90", "reference": "R" * 100})
    quote = await owner.made("/api/quotes/", {**body, "expiry_date": on(5)})
    await owner.post(f"/api/quotes/{quote['id']}/send/")
    expense = await owner.made(
        "/api/expenses/",
        {
            "description": LONG,
            "amount": "99999999.99",
            "category": "marketing",
            "expense_date": on(-1),
            "vendor": LONG,
            "is_billable": True,
            "client": client["id"],
        },
    )
    await page.resize(*PHONE)
    await page.open(tokens)
    found = {}
    rooms = ["", "clients", "quotes", "quotes/new", "invoices", "expenses", "expenses/new", "settings"]
    papers = [f"quotes/{quote['id']}", f"invoices/{late['id']}", f"invoices/new?draft=a&client={client['id']}"]
    others = [f"clients/{client['id']}", f"expenses/{expense['id']}", f"expenses/{expense['id']}/edit"]
    for hash in [f"#/{path}" for path in [*rooms, *papers, *others]]:
        await page.go(hash)
        await page.until(
            lambda: page.script(
                "return [document.querySelectorAll('#view .waiting').length, document.querySelectorAll('#view *').length > 5]"
            ),
            lambda state: state == [0, True],
        )
        if faults := await page.faults():
            found[hash] = faults
    await page.go(f"#/invoices/{late['id']}")
    await page.act("Record payment")
    await page.until(lambda: page.shown("dialog.sheet [name=amount]"), bool)
    if faults := await page.faults():
        found["payment"] = faults
    assert found == {}
    assert await page.log() == []


async def test_the_page_names_all_of_its_modules_and_none_is_asked_for_twice(page, tokens):
    await page.open(tokens)
    await page.sees(".welcome", "All quiet")
    named = await page.script("return [...document.querySelectorAll('link[rel=modulepreload]')].map(link => link.href)")
    loaded = await page.script(
        "return performance.getEntriesByType('resource').map(one => one.name).filter(name => name.endsWith('.js'))"
    )
    assert sorted(loaded) == sorted([*named, f"{page.origin}/static/books.js"])
    assert await page.log() == []
