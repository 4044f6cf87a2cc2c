"""The developer options' page in a real browser: what a SUPERADMIN, and anybody else, sees and can do."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Page, needs_chromium
from tests.support.http import PASSWORD

PHONE, DESK = (390, 844), (1440, 900)
# A folder: each look at the page is also kept there as a picture.
SHOTS = os.environ.get("DEVELOPER_PAGE_SHOTS", "")

pytestmark = [pytest.mark.gen_test, needs_chromium]


class DeveloperPage(Page):
    """The page under test."""

    async def open(self) -> None:
        await self.load()

    async def sign_in(self, email: str = "superadmin@example.com", password: str = PASSWORD) -> None:
        await self.open()
        await self.fill_in(email, password)

    async def fill_in(self, email: str = "superadmin@example.com", password: str = PASSWORD) -> None:
        """Sign in by the form that is shown."""
        await self.sees("#sign-in", "Sign in")
        await self.type("#email", email)
        await self.type("#password", password, Keys.ENTER)

    async def counts(self) -> dict[str, str]:
        rows = await self.script(
            """return [...document.querySelectorAll('#counts tr')].map(
                   row => [row.querySelector('span').textContent, row.querySelector('td').textContent])"""
        )
        return dict(rows)

    async def begin(self, table: str) -> None:
        """Open the dialog of a change."""
        button = f'#changes button[data-table="{table}"]'
        await self.until(lambda: self.script("return !document.querySelector(arguments[0]).disabled", button), bool)
        await self.click(button)
        await self.until(lambda: self.script("return document.getElementById('dialog').open"), bool)

    async def looks_right(self, name: str) -> None:
        """Nothing reaches beyond the screen, or out of its own box."""
        if SHOTS:
            await self._call(self._driver.save_screenshot, f"{SHOTS}/{name}.png")
        too_wide = """
            return [...document.querySelectorAll('body *')]
                .filter(element => !element.closest('.unseen') && element.checkVisibility())
                .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
                                   || element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
                .map(element => element.outerHTML)"""
        assert await self.script(too_wide) == []
        assert await self.script("return document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture
def changed_settings() -> dict[str, Any]:
    return {"developer_options": True}


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any, db: Any, sign_in: Any) -> Iterator[DeveloperPage]:
    """The page of a server with a SUPERADMIN and no sales data, in a tab that nobody signed in to."""
    io_loop.run_sync(
        lambda: db.execute("TRUNCATE sales.invoice, sales.invoice_item, sales.customer, sales.salesman CASCADE")
    )
    io_loop.run_sync(lambda: sign_in("SUPERADMIN"))
    chrome.get_log("browser")  # empties it
    page = DeveloperPage(chrome, f"{base_url}/developer/")
    yield page
    io_loop.run_sync(page.restore_size)
    io_loop.run_sync(page.leave)


async def test_who_is_not_signed_in_is_asked_to_and_sees_no_counts(page):
    await page.open()
    shown = await page.sees("body", "Sign in")
    assert "Invoice" not in shown.replace("Live invoices", "")
    assert await page.script("return document.activeElement.id") == "email"
    await page.sign_in(password="wrong" + PASSWORD)
    await page.sees("#sign-in-problem", "Invalid email or password")
    assert not await page.has_session()


async def test_a_superadmin_sees_the_counts_and_refreshes_them(api, page, invoice):
    await page.sign_in()
    found = await page.until(page.counts, lambda found: found.get("Users") == "1")
    assert list(found)[:2] == ["Invoices", "Invoice items"] and found["Invoices"] == "0" and len(found) == 12
    await page.sees("#counts", "Sales invoices/orders", "Job title definitions")
    await api.import_invoice(invoice())
    await page.click("#refresh")
    await page.until(page.counts, lambda found: (found["Invoices"], found["Invoice items"]) == ("1", "2"))
    await page.sees("#result", "Counts updated.")
    assert await page.text("#total") == "6"  # with its customer, its salesman and the user


async def test_a_reload_keeps_who_is_signed_in(page):
    await page.sign_in()
    await page.sees("#counts", "Invoices")
    await page.open()
    await page.sees("#counts", "Invoices")
    assert await page.text("#sign-in") == ""


async def test_another_role_is_told_that_only_a_superadmin_may_and_can_sign_in_as_one(page, sign_in):
    await sign_in("ADMIN")
    await page.sign_in("admin@example.com")
    shown = await page.sees("main", "Only a SUPERADMIN may use the developer options.")
    assert "Records" not in shown
    await page.click("#other")
    await page.fill_in()
    await page.sees("#counts", "Invoices")


async def test_clearing_asks_for_the_word_says_what_goes_and_stays_and_then_does_it(api, db, page, invoice):
    for _ in range(2):
        await api.import_invoice(invoice())
    await page.sign_in()
    await page.begin("invoices")
    await page.sees(
        "#dialog", "Clear invoices?", "Invoices: 2", "Invoice items: 4", "Customers and salesmen stay.", "Type DELETE"
    )
    enabled = "return !document.getElementById('do').disabled"
    for word in ("delete", "DELET", ""):
        await page.type("#word", word + " " + Keys.BACKSPACE, Keys.ENTER)
        assert not await page.script(enabled), word
    assert await db.fetchval("SELECT count(*) FROM sales.invoice") == 2
    await page.type("#word", "DELETE")
    assert await page.script(enabled)
    await page.click("#do")
    await page.sees("#result", "All invoices and related data cleared. Removed: Invoices 2, Invoice items 4.")
    assert (await page.counts())["Invoices"] == "0" and (await page.counts())["Customers"] == "1"
    assert await db.fetchval("SELECT count(*) FROM sales.invoice") == 0
    assert await page.script("return document.getElementById('result').getAttribute('aria-live')") == "polite"
    assert await page.log() == []


async def test_the_keyboard_is_enough(api, db, page, invoice):
    await api.import_invoice(invoice())
    await page.sign_in()
    await page.sees("#counts", "Invoices")
    await page.script("document.querySelector('#changes button[data-table=all]').focus()")
    await page.press(Keys.ENTER)
    await page.sees("#dialog", "Clear all sales data?")
    await page.press("DEL", Keys.ESCAPE)
    await page.until(lambda: page.script("return document.getElementById('dialog').open"), lambda found: not found)
    assert await db.fetchval("SELECT count(*) FROM sales.invoice") == 1
    assert await page.script("return document.activeElement.dataset.table") == "all"
    await page.press(Keys.ENTER)
    await page.sees("#dialog", "Clear all sales data?")
    await page.press("DELETE", Keys.ENTER)
    await page.sees("#result", "All data cleared successfully.")
    assert await db.fetchval("SELECT count(*) FROM sales.customer") == 0
    assert await page.script("return document.activeElement.dataset.table") == "all"


async def test_cancelling_changes_nothing(api, db, page, invoice):
    await api.import_invoice(invoice())
    await page.sign_in()
    await page.begin("all")
    await page.type("#word", "DELETE")
    await page.click("#cancel")
    await page.until(lambda: page.script("return document.getElementById('dialog').open"), lambda found: not found)
    await page.begin("all")
    assert await page.script("return document.getElementById('word').value") == ""
    assert await db.fetchval("SELECT count(*) FROM sales.invoice") == 1


async def test_a_refusal_is_shown_in_the_dialog(api, page, invoice):
    await api.import_invoice(invoice())
    await page.sign_in()
    await page.begin("customers")
    await page.type("#word", "DELETE", Keys.ENTER)
    await page.sees("#dialog-problem", "Cannot delete customers while invoices exist. Clear invoices first.")
    assert await page.script("return document.getElementById('dialog-problem').getAttribute('role')") == "alert"
    assert (await page.counts())["Customers"] == "1"


async def test_resetting_sequences_asks_first_and_tells_how_many(page):
    await page.sign_in()
    await page.begin("sequences")
    shown = await page.sees("#dialog", "Reset number sequences?", "No record changes.")
    assert "DELETE" not in shown
    await page.click("#do")
    await page.until(
        lambda: page.text("#result"), lambda text: text.startswith("Reset ") and text.endswith(" database sequences.")
    )


@pytest.mark.parametrize("changed_settings", [{}], ids=["as in production"])
async def test_where_changes_are_switched_off_the_page_says_so_and_offers_none(page):
    await page.sign_in()
    await page.sees("#locked", "Changes are switched off", "DEVELOPER_OPTIONS=true")
    await page.sees("#counts", "Invoices")
    assert await page.script(
        "return [...document.querySelectorAll('#changes button')].every(button => button.disabled)"
    )


async def test_a_session_that_was_ended_leads_back_to_the_form(page, db):
    await page.sign_in()
    await page.begin("all")
    await db.execute("UPDATE accounts.session SET revoked_at = now()")
    await asyncio.sleep(0.2)  # until the server has heard of it
    await page.type("#word", "DELETE", Keys.ENTER)
    await page.sees("#sign-in", "Sign in")
    assert not await page.script("return document.getElementById('dialog').open")
    assert await page.text("#account") == "Sign in"
    assert await page.counts() == {}


async def test_an_access_token_that_ran_out_is_renewed_without_asking(page, sign_in):
    tokens = await sign_in("SUPERADMIN")
    await page.open()
    await page.sees("#sign-in", "Sign in")
    await page.keep_session(tokens)
    await page.spoil_token()
    await page.open()
    await page.sees("#counts", "Invoices")


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 568)], ids=["phone", "desk", "small phone"])
async def test_it_fits_the_screen(api, db, page, invoice, size):
    await page.resize(*size)
    await api.import_invoice(invoice())
    await page.open()
    await page.sees("#sign-in", "Sign in")
    await page.looks_right(f"sign-in-{size[0]}")
    await page.sign_in()
    await page.sees("#counts", "Invoices")
    await page.looks_right(f"options-{size[0]}")
    await page.script("scrollTo(0, 100000)")
    await page.looks_right(f"changes-{size[0]}")
    await page.begin("all")
    await page.looks_right(f"dialog-{size[0]}")
    await page.type("#word", "DELETE", Keys.ENTER)
    await page.sees("#result", "All data cleared")
    below, above = await page.script(
        """return [document.activeElement.getBoundingClientRect().bottom, document.getElementById('result').getBoundingClientRect().top]"""
    )
    assert await page.script("return document.activeElement.dataset.table") == "all" and below <= above
    await page.script("scrollTo(0, 0)")
    await page.looks_right(f"told-{size[0]}")


@pytest.mark.parametrize("changed_settings", [{}], ids=["as in production"])
async def test_it_fits_the_screen_where_changes_are_switched_off_too(page):
    await page.resize(*PHONE)
    await page.sign_in()
    await page.sees("#locked", "Changes are switched off")
    await page.looks_right("locked")


async def test_the_board_empties_itself_when_invoices_are_cleared(api, page, chrome, invoice, sign_in, base_url):
    await api.import_invoice(invoice())
    boss = (await sign_in("SUPERADMIN"))["access"]
    await page._call(chrome.get, f"{base_url}/live/")
    await page.until(lambda: page.text("#invoices"), lambda text: "LifeCare" in text)
    await page.sees("#state", "Live")
    assert (await api.post("/api/developer/clear-data/", {"table_name": "all"}, token=boss)).status == 200
    await page.sees("main", "No invoices yet")
