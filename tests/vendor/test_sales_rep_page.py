"""The pages for sales reps in a real browser, at a phone's and a desk's width. docs/api/vendor.md#sales-rep-pages."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Page, needs_chromium
from tests.support.http import PASSWORD

PHONE, DESK = (390, 844), (1440, 900)
# A folder: each look at a page is also kept there as a picture.
SHOTS = os.environ.get("SALES_REP_PAGE_SHOTS", "")

pytestmark = [pytest.mark.gen_test, needs_chromium]


class RepPages(Page):
    """The pages under test."""

    async def sign_in(self, username: str = "rep", password: str = PASSWORD) -> None:
        await self.load()
        await self.type("#username", username)
        await self.type("#password", password, Keys.ENTER)

    async def names(self) -> list[str]:
        return await self.script("return [...document.querySelectorAll('td.name')].map(cell => cell.textContent)")

    async def confirm(self) -> str:
        """Accept the question that the page asks; returns it."""

        async def asked() -> str:
            alert = await self._call(lambda: self._driver.switch_to.alert)
            text = alert.text
            await self._call(alert.accept)
            return text

        return await self.until(asked, bool)

    async def press_button(self, name: str, word: str) -> None:
        """Press a button of the row of a vendor."""
        await self.script(
            "[...document.querySelectorAll('tr[data-id]')].find(row => row.querySelector('.name').textContent === arguments[0])"
            ".querySelectorAll('.actions *').forEach(one => { if (one.textContent === arguments[1]) setTimeout(() => one.click()); })",
            name,
            word,
        )

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


@pytest.fixture
def pages(chrome: Any, base_url: str, http_server: Any, io_loop: Any, db: Any, account: Any) -> Iterator[RepPages]:
    """The pages of a server with a sales rep and no vendors, in a tab that nobody signed in to."""
    io_loop.run_sync(lambda: db.execute("DELETE FROM vendor.vendor"))
    io_loop.run_sync(lambda: account("SALESREP", "rep@example.com", username="rep"))
    chrome.delete_all_cookies()
    chrome.get_log("browser")  # empties it
    pages = RepPages(chrome, f"{base_url}/sales-rep/")
    yield pages
    chrome.delete_all_cookies()
    io_loop.run_sync(pages.restore_size)
    io_loop.run_sync(pages.leave)


@pytest.fixture
def pending(vendor):
    async def pending(name):
        return await vendor(is_approved=False, is_active=False, business_name=name)

    return pending


async def test_a_sales_rep_signs_in_approves_a_vendor_and_signs_out(pages, pending, db):
    shop = await pending("Corner Shop")
    await pages.sign_in(password="wrong" + PASSWORD)
    await pages.sees("[role=alert]", "Invalid username or password.")
    await pages.type("#password", PASSWORD, Keys.ENTER)
    await pages.sees("#counts", "1 Pending Approval".replace(" ", "\n", 1), "Approved Vendors")
    await pages.press_button("Corner Shop", "Approve")
    assert await pages.confirm() == "Approve Corner Shop?"
    await pages.sees("#message", "Vendor Corner Shop approved successfully")
    await pages.sees("#vendors .state .badge", "Approved")
    assert await db.fetchval("SELECT is_approved FROM vendor.vendor WHERE id = $1::uuid", shop.id)
    await pages.press_button("Corner Shop", "Reject")
    await pages.confirm()
    await pages.sees("#message", "Vendor Corner Shop rejected/deactivated")
    await pages.sees("#vendors .state .badge", "Pending")
    await pages.click("header button")
    await pages.sees("h1", "Sales Rep Login")


async def test_a_registration_appears_without_a_reload_and_leaves_what_is_ticked(pages, pending):
    await pending("First")
    await pages.sign_in()
    await pages.sees("#connection", "Live")
    await pages.script("window.isSame = true")
    await pages.click("td.tick input")
    await pending("Second & <i>Third</i>")
    await pages.until(pages.names, lambda names: names == ["Second & <i>Third</i>", "First"])
    await pages.sees("#counts", "2\nPending Approval")
    assert await pages.script("return window.isSame")
    assert await pages.script("return [...document.querySelectorAll('td.tick input')].map(box => box.checked)") == [
        False,
        True,
    ]
    assert await pages.script("return document.querySelector('tr.fresh .name').textContent") == "Second & <i>Third</i>"


async def test_all_that_are_shown_are_approved_together(pages, pending, db):
    for name in ("One", "Two", "Other"):
        await pending(name)
    await pages.sign_in()
    await pages.sees("#connection", "Live")
    await pages.type("#search", "o", Keys.ENTER)
    await pages.until(lambda: pages.script("return location.search"), lambda query: "search=o" in query)
    await pages.until(pages.names, lambda names: names == ["Other", "Two", "One"])
    await pages.click("#select-all")
    await pages.script("setTimeout(() => document.getElementById('bulk-approve').click())")
    assert await pages.confirm() == "Approve all selected vendors?"
    await pages.sees("#message", "3 vendor(s) approved successfully")
    assert await db.fetchval("SELECT count(*) FROM vendor.vendor WHERE is_approved") == 3
    await pages.script("setTimeout(() => document.getElementById('bulk-approve').click())")
    await pages.confirm()


async def test_a_decision_of_a_rep_whose_session_has_ended_leads_to_the_sign_in(pages, pending, db):
    await pending("Waiting")
    await pages.sign_in()
    await pages.sees("#vendors", "Waiting")
    await db.execute("UPDATE accounts.session SET revoked_at = now()")
    await pages.sees("h1", "Sales Rep Login")


async def test_without_a_script_the_pages_work_too(pages, pending, db):
    """The buttons are those of plain forms."""
    shop = await pending("Plain")
    await pages.sign_in()
    await pages.sees("#vendors", "Plain")
    await pages.script("for (const one of document.querySelectorAll('[data-confirm]')) delete one.dataset.confirm")
    await pages.press_button("Plain", "Approve")
    await pages.sees("#message", "Vendor Plain approved successfully")
    await pages.sees("#counts", "1\nApproved Vendors")
    await pages.click("td.name a")
    await pages.sees("#vendor", "Plain", "Street 1", shop.username)


@pytest.mark.parametrize(("size", "name"), [(PHONE, "phone"), (DESK, "desk")])
async def test_the_pages_fit_a_phone_and_a_desk(pages, pending, vendor, size, name):
    await pages.resize(*size)
    await pages.load()
    await pages.looks_right(f"sign-in-{name}")
    for shop in (
        "Corner Shop",
        "A business with an uncommonly long name that nobody would print on a sign " + "x" * 60,
    ):
        await pending(shop)
    await vendor(business_name="Approved Traders")
    await pages.sign_in()
    await pages.sees("#connection", "Live")
    is_table = await pages.script(
        "return getComputedStyle(document.querySelector('.vendors tr')).display === 'table-row'"
    )
    assert is_table is (size == DESK)
    await pages.looks_right(f"vendors-{name}")
    await pages.click("td.name a")
    await pages.sees("#vendor", "Approved Traders")
    await pages.looks_right(f"vendor-{name}")
    severe = [entry for entry in await pages.log() if entry["level"] == "SEVERE"]
    assert severe == []
