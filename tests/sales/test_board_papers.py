"""Papers on the board, in a real browser, and the codes of papers as its scanner reads them."""

import base64
import random
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from handlers.sales.walk import walked
from tests.sales.board_page import PHONE, BoardPage, imported
from tests.support.browser import needs_chromium
from tests.support.scanner import all_scanned, pages, texts

pytestmark = [pytest.mark.gen_test, needs_chromium]

# The page keeps a paper only as an address within the browser; this lets the test read what is behind it.
CATCH = """
window.papers = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => {
  const reader = new FileReader();
  reader.onload = () => window.papers.push(reader.result.split(',')[1]);
  reader.readAsDataURL(blob);
  return make.call(URL, blob);
};
"""


@pytest.fixture
def signed_in(page: BoardPage, sign_in: Any, io_loop: Any) -> Any:
    """`await signed_in()`: the board of somebody with the role STORE."""

    async def signed_in() -> None:
        tokens = await sign_in("STORE")
        await page.before_scripts(CATCH)
        await page.open()
        await page.keep_session(tokens)
        await page.open()

    return signed_in


async def open_papers(page: BoardPage, number: str) -> None:
    await page.until(page.numbers, lambda found: number in found)
    await page.script(
        """[...document.querySelectorAll('.card')].find(
               card => card.querySelector('.number').textContent === arguments[0]).querySelector('button').click()""",
        number,
    )
    await page.sees("#drawer-title", number)
    await page.click("#papers summary")


async def tabs(page: BoardPage) -> list[str]:
    """The addresses of the tabs beside the board's."""

    def look() -> list[str]:
        driver, found = page._driver, []
        own = driver.current_window_handle
        for one in driver.window_handles:
            if one != own:
                driver.switch_to.window(one)
                found.append(driver.current_url)
        driver.switch_to.window(own)
        return found

    return await page._call(look)


async def close_tabs(page: BoardPage) -> None:
    def close() -> None:
        driver = page._driver
        own = driver.current_window_handle
        for one in driver.window_handles:
            if one != own:
                driver.switch_to.window(one)
                driver.close()
        driver.switch_to.window(own)

    await page._call(close)


async def paper(page: BoardPage, at: int = 0) -> bytes:
    """The paper that the page has opened, the first one by default."""
    found = await page.until(lambda: page.script("return window.papers"), lambda found: len(found) > at)
    return base64.b64decode(found[at])


async def opened_in_a_tab(page: BoardPage) -> bytes:
    data = await paper(page)
    await page.until(lambda: tabs(page), lambda found: len(found) == 1 and found[0].startswith("blob:"))
    await close_tabs(page)
    return data


async def test_the_detail_opens_the_papers_of_its_invoice_in_a_new_tab(page, api, invoice, signed_in):
    number = await imported(api, invoice())
    await signed_in()
    await open_papers(page, number)
    await page.click('[data-paper="picking-list/"]')
    data = await opened_in_a_tab(page)
    assert "Picking list" in texts(data)[0] and all_scanned(data) == [("Code 128", number)]
    await page.click('[data-paper="delivery-note/?prices=true"]')
    [note] = texts(await paper(page, 1))
    assert "Delivery note" in note and "920.00" in note
    await close_tabs(page)
    # A violation of the Content-Security-Policy would stand there.
    assert await page.log() == []


async def test_labels_are_printed_as_the_form_says(page, api, invoice, signed_in):
    number = await imported(api, invoice())
    await signed_in()
    await page.resize(*PHONE)
    await open_papers(page, number)
    # A scan that goes astray prints nothing.
    await page.type("#label-parcels", "2", Keys.ENTER)
    assert await tabs(page) == []
    await page.type("#label-parcels", "501")
    await page.click('#labels [data-kind="parcels"]')
    assert await page.script("return document.activeElement.id") == "label-parcels"
    await page.type("#label-parcels", "2")
    await page.script("""const sheet = document.getElementById('label-sheet'); sheet.value = '100x150';
                         sheet.dispatchEvent(new Event('change'))""")
    assert not await page.script("return document.getElementById('label-from').checkVisibility()")
    await page.click('#labels [data-kind="parcels"]')
    data = await opened_in_a_tab(page)
    assert [f"Parcel {at} of 2" in text for at, text in enumerate(texts(data), 1)] == [True, True]
    await page.click('#labels [data-kind="items"]')
    assert {text for _, text in all_scanned(await paper(page, 1))} == {"PR650", "OTN10"}
    await close_tabs(page)


async def test_where_no_tab_may_be_opened_there_is_a_link(page, api, invoice, signed_in):
    number = await imported(api, invoice())
    await signed_in()
    await page.script("window.open = () => null")
    await open_papers(page, number)
    await page.click('[data-paper="picking-list/"]')
    await page.sees("#papers-problem", "Open the paper")
    await page.click("#papers-problem a")
    assert number in texts(await opened_in_a_tab(page))[0]


async def test_a_paper_that_is_refused_closes_its_tab_and_says_why(page, api, invoice, signed_in, db):
    number = await imported(api, invoice())
    await signed_in()
    await open_papers(page, number)
    # Without the event that would tell the board.
    await db.execute("SET tradepost.quiet = 'on'")
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE invoice_no = $1", number)
    await page.click('[data-paper="picking-list/"]')
    await page.sees("#papers-problem", "No Invoice matches the given query.")
    assert await tabs(page) == []


async def test_only_people_who_are_signed_in_are_offered_papers(page, api, invoice, signed_in):
    number = await imported(api, invoice())
    await page.open()
    await page.until(page.numbers, lambda found: number in found)
    shown = """return ['.print-lists', '#papers'].map(part => {
                   const element = document.querySelector(part);
                   return !element.hidden; })"""
    assert await page.script(shown) == [False, False]
    await signed_in()
    await page.until(lambda: page.script(shown), lambda found: found == [True, True])
    await page.click("#account")
    await page.until(lambda: page.script(shown), lambda found: found == [False, False])


async def test_the_picking_lists_of_the_column_are_one_file_or_one_walk(page, api, invoice, signed_in):
    numbers = [await imported(api, invoice()) for _ in range(3)]
    await signed_in()
    await page.shows(*reversed(numbers), status="PENDING")
    await page.click(".print-lists")
    await page.sees("#print-which", "3 invoices, the oldest first")
    await page.click('[data-merged=""]')
    data = await opened_in_a_tab(page)
    assert [text for _, text in all_scanned(data)] == numbers and len(pages(data)) == 3
    await page.until(
        lambda: page.script("return document.getElementById('print-dialog').open"), lambda found: not found
    )
    await page.type("#search", numbers[1])
    await page.shows(numbers[1], status="PENDING")
    await page.click(".print-lists")
    await page.sees("#print-which", "1 invoice, the oldest first")
    await page.click('[data-merged="true"]')
    assert "Picking list of 1 invoice" in texts(await paper(page, 1))[0]
    await close_tabs(page)


async def test_of_more_invoices_than_one_file_has_the_oldest_are_printed(page, api, invoice, signed_in):
    numbers = [await imported(api, invoice()) for _ in range(52)]
    await signed_in()
    await page.until(lambda: page.numbers("PENDING"), lambda found: len(found) == 52)
    await page.click(".print-lists")
    await page.sees("#print-which", "The 50 oldest of the 52 invoices shown")
    await page.click('[data-merged=""]')
    data = await opened_in_a_tab(page)
    heads = " ".join(texts(data))
    assert len(pages(data)) == 50 and numbers[0] in heads and numbers[49] in heads and numbers[50] not in heads


async def test_the_printed_codes_open_the_invoice_and_start_its_picking(page, api, invoice, sign_in, signed_in):
    number = await imported(api, invoice())
    picker = await sign_in("PICKER")
    id = picker["data"]["user"]["id"]
    badge = await api.get(f"/api/auth/users/{id}/badge/", token=picker["access"])
    await signed_in()
    await page.until(page.numbers, lambda found: number in found)
    await open_papers(page, number)
    await page.click('[data-paper="picking-list/"]')
    [(_, on_paper)] = all_scanned(await opened_in_a_tab(page))
    await page.click("#close")
    # With the prefix that many scanners send for Code 128.
    await page.type("#search", "]C1" + on_paper, Keys.ENTER)
    await page.sees("#drawer-title", number)
    on_badge = {text for _, text in all_scanned(badge.body)}
    assert len(on_badge) == 1
    await page.type("#user_email", on_badge.pop(), Keys.ENTER)
    await page.sees("#drawer .status", "Picking")


async def test_the_board_and_the_papers_walk_alike(page):
    await page.open()
    chance = random.Random(16)
    parts = ["A", "B", "b", "R", "-", " ", "/", "1", "2", "9", "10", "007", "é", "Ａ", "１", "ക", "²", "९", ""]
    items = [
        {
            "id": at,
            "name": "".join(chance.choices(parts, k=2)),
            "shelf_location": "".join(chance.choices(parts, k=chance.randint(0, 5))),
        }
        for at in range(400)
    ]
    found = await page.script(
        "return import('/static/live-walk.js').then(({walk}) => walk(arguments[0]).map(({id}) => id))", items
    )
    assert found == [one["id"] for one in walked(items)]
