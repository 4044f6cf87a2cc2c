"""Working with the board in real browsers: finding an invoice, its detail, taking its steps; alone and with others."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.sales.board_page import PHONE, WALL, BoardPage, imported, opened
from tests.support.browser import browser, needs_chromium
from tests.support.http import PASSWORD

pytestmark = [pytest.mark.gen_test, needs_chromium]

WORKER, OTHER = "picker@example.com", "packer@example.com"
SHELVES = ("R-12", "", "A-10", "R-2", "A-9")


@pytest.fixture(scope="module")
def other_chrome() -> Iterator[Any]:
    with browser() as driver:
        yield driver


@pytest.fixture
def other_page(other_chrome: Any, page: BoardPage, base_url: str, io_loop: Any) -> Iterator[BoardPage]:
    """The same server in another browser."""
    yield from opened(other_chrome, base_url, io_loop)


@pytest.fixture
def stored(api: Any, invoice: Any) -> Any:
    """`await stored(customer_name="…")`: the number of an imported invoice."""

    async def stored(customer_name: str = "LifeCare Pharmacy", **changes: Any) -> str:
        body = invoice(**changes)
        body["customer"].update(name=customer_name, code=f"C-{customer_name[:20]}")
        return await imported(api, body)

    return stored


async def open_card(page: BoardPage, number: str) -> None:
    await page.until(page.numbers, lambda found: number in found)
    await page.script(
        """[...document.querySelectorAll('.card')].find(
               card => card.querySelector('.number').textContent === arguments[0]).querySelector('button').click()""",
        number,
    )
    await page.sees("#drawer-title", number)


async def open_signed_in(page: BoardPage, tokens: dict[str, str], number: str) -> None:
    await page.open()
    await page.keep_session(tokens)
    await page.open()
    await open_card(page, number)


async def take(page: BoardPage, label: str, email: str | None = WORKER, button: str = "#take") -> None:
    """The step offered next, once it may be taken."""
    await page.until(
        lambda: page.script(
            "return [document.querySelector(arguments[0]).textContent, document.querySelector(arguments[0]).disabled]",
            button,
        ),
        lambda found: found == [label, False],
    )
    if email is not None:
        await page.type("#user_email", email)
    await page.click(button)


async def status_is(page: BoardPage, status: str) -> None:
    await page.sees("#drawer .status", status)


# The detail


async def test_the_detail_lists_items_in_the_order_of_the_walk_and_ticks_stay_while_the_page_is_open(page, stored):
    items = [
        {
            "name": f"Item at {shelf or 'no shelf'}",
            "item_code": f"I{n}",
            "quantity": 10 + n,
            "mrp": 2.5,
            "shelf_location": shelf,
        }
        for n, shelf in enumerate(SHELVES)
    ]
    first = await stored(items=items, remarks="Ring twice")
    second = await stored()
    await page.open()
    await open_card(page, first)
    shelves = "return [...document.querySelectorAll('.item .shelf')].map(shelf => shelf.textContent)"
    assert await page.script(shelves) == ["A-9", "A-10", "R-2", "R-12", "No shelf"]
    shown = await page.text("#drawer")
    for part in (
        "LifeCare Pharmacy",
        "9876543210",
        "Ring twice",
        "Ajay",
        "Near Railway Station",
        "14",
        "MRP 2.50",
        "0 of 5 items",
    ):
        assert part in shown
    await page.click(".item:nth-child(2) label")
    await page.sees(".progress", "1 of 5 items")
    await page.click("#close")
    await open_card(page, second)
    await page.sees(".progress", "0 of 2 items")
    await page.click("#close")
    await open_card(page, first)
    await page.sees(".progress", "1 of 5 items")
    ticked = "return [...document.querySelectorAll('.item')].map(item => item.querySelector('input').checked)"
    assert await page.script(ticked) == [False, True, False, False, False]


async def test_the_detail_has_the_focus_while_open_and_gives_it_back(page, stored):
    number = await stored()
    await page.open()
    await page.shows(number)
    await page.script("document.querySelector('.card button').focus()")
    await page.press(Keys.ENTER)
    await page.until(page.focused, lambda found: found == "user_email")
    for _ in range(12):
        await page.press(Keys.TAB)
        inside = "return document.activeElement === document.body || Boolean(document.activeElement.closest('#drawer'))"
        assert await page.script(inside)
    await page.press(Keys.ESCAPE)
    await page.until(page.focused, lambda found: found == number)
    assert not await page.script("return document.getElementById('drawer').open")


async def test_an_open_detail_follows_its_invoice_and_says_when_it_is_deleted(page, stored, db):
    number = await stored()
    await page.open()
    await open_card(page, number)
    await db.execute("UPDATE sales.invoice SET status = 'PICKED'")
    await status_is(page, "Picked")
    await page.sees("#take", "Start packing")
    await db.execute("UPDATE sales.invoice SET is_active = false")
    await page.sees("#done", "This invoice has been deleted.")
    assert not await page.script("return document.getElementById('take').checkVisibility()")


# Taking steps


async def test_a_step_without_a_session_asks_to_sign_in_and_then_goes_on(page, stored, sign_in, db):
    await sign_in("PICKER")
    number = await stored()
    await page.open()
    await open_card(page, number)
    await take(page, "Start picking")
    await page.until(page.focused, lambda found: found == "email")
    await page.type("#email", WORKER)
    await page.type("#password", PASSWORD)
    await page.press(Keys.ENTER)
    await page.sees("#done", "Picking started by Picker")
    await page.shows(number, status="PICKING")
    await page.sees("#account-word", "Sign out")
    assert await db.fetchval("SELECT count(*) FROM sales.session WHERE worker_id = started_by") == 1
    await page.click("#close")
    await page.click("#account")
    await page.sees("#account-word", "Sign in")
    await page.until(page.state, lambda state: state == "Live")
    await page.until(page.has_session, lambda found: not found)


async def test_who_does_not_sign_in_takes_no_step(page, stored, db):
    number = await stored()
    await page.open()
    await open_card(page, number)
    await take(page, "Start picking")
    await page.until(page.focused, lambda found: found == "email")
    await page.click("#not-now")
    await page.until(
        lambda: page.script("return document.getElementById('take').disabled"), lambda found: found is False
    )
    assert await db.fetchval("SELECT count(*) FROM sales.session") == 0
    assert await page.script("return document.getElementById('drawer').open")


async def test_an_invoice_is_scanned_and_worked_on_without_a_mouse(page, stored, sign_in):
    """Scanners are keyboards that send Enter: first the invoice's number, then the worker's e-mail."""
    number = await stored()
    await stored()
    await open_signed_in(page, await sign_in("PICKER"), number)
    await page.press(Keys.ESCAPE)
    await page.script("document.activeElement.blur()")
    await page.press("/")
    assert await page.focused() == "search"
    await asyncio.sleep(0.2)  # a person's pause: a scan's keys come faster
    await page.press(number.lower(), Keys.ENTER)
    await page.until(page.focused, lambda found: found == "user_email")
    await page.press(WORKER, Keys.ENTER)
    await page.sees("#done", "Picking started by Picker")
    await status_is(page, "Picking")
    # The worker is remembered, and what the next scan types takes the place of it.
    assert await page.script("return document.getElementById('user_email').value") == WORKER
    await page.until(
        lambda: page.script("return document.getElementById('take').disabled"), lambda found: found is False
    )
    await page.until(page.focused, lambda found: found == "user_email")
    await page.press(WORKER.upper(), Keys.ENTER)
    await page.sees("#done", f"Picking completed for {number}")
    await page.press(Keys.ESCAPE)
    await page.until(page.focused, lambda found: found == "search")


async def test_a_scan_that_comes_twice_takes_one_step(page, stored, sign_in, db):
    number = await stored()
    await open_signed_in(page, await sign_in("PICKER"), number)
    await page.press(WORKER, Keys.ENTER)
    await status_is(page, "Picking")
    await page.press(WORKER, Keys.ENTER)
    await page.until(
        lambda: page.script("return document.getElementById('take').disabled"), lambda found: found is False
    )
    assert await db.fetchval("SELECT status FROM sales.invoice") == "PICKING"


async def test_a_refusal_is_shown_at_its_field_in_the_words_of_the_api(page, stored, sign_in):
    number = await stored()
    tokens = await sign_in("PICKER")
    await sign_in("PACKER")
    await open_signed_in(page, tokens, number)
    await take(page, "Start picking", "nobody@example.com")
    await page.sees("#user_email-problem", "User not found. Please scan a valid email.")
    field = """
        const field = document.getElementById('user_email');
        return [field.getAttribute('aria-invalid'), field.getAttribute('aria-describedby'), document.activeElement.id]"""
    assert await page.script(field) == ["true", "user_email-problem", "user_email"]
    await page.press(WORKER)
    assert await page.script(field) == [None, "user_email-problem", "user_email"]
    assert await page.text("#user_email-problem") == ""
    await page.press(Keys.ENTER)
    await status_is(page, "Picking")
    await take(page, "Complete picking", OTHER)
    await page.sees("#user_email-problem", "Email mismatch. This invoice was started by Picker (picker@example.com).")
    await take(page, "Complete picking", "")
    await page.sees("#user_email-problem", "This field is required.")


async def test_an_invoice_opened_at_the_moment_another_is_closed_can_be_worked_on(page, stored, sign_in):
    first, second = [await stored() for _ in range(2)]
    await open_signed_in(page, await sign_in("PICKER"), first)
    await page.script(
        """document.getElementById('close').click();
           [...document.querySelectorAll('.card')].find(
               card => card.querySelector('.number').textContent === arguments[0]).querySelector('button').click()""",
        second,
    )
    await page.sees("#drawer-title", second)
    await take(page, "Start picking")
    await status_is(page, "Picking")


async def test_a_worker_who_is_busy_is_told_with_what(page, stored, sign_in):
    first, second = [await stored() for _ in range(2)]
    await open_signed_in(page, await sign_in("PICKER"), first)
    await take(page, "Start picking")
    await status_is(page, "Picking")
    await page.click("#close")
    await open_card(page, second)
    await take(page, "Start picking")
    await page.sees("#step-problem", f"You already have an active picking session for {first}")
    assert await page.script("return document.getElementById('step-problem').getAttribute('role')") == "alert"


async def test_picking_is_cancelled_with_a_reason_and_begins_again(page, stored, sign_in, db):
    number = await stored()
    await open_signed_in(page, await sign_in("PICKER"), number)
    await take(page, "Start picking")
    await status_is(page, "Picking")
    await page.click("#cancel-title")
    await take(page, "Cancel picking", None, "#cancel-take")
    await page.sees("#reason-problem", "This field may not be blank.")
    await page.type("#reason", "Shelf is empty")
    await take(page, "Cancel picking", None, "#cancel-take")
    await status_is(page, "Pending")
    await page.sees("#done", f"cancelled for {number}")
    assert await db.fetchval("SELECT cancel_reason FROM sales.session") == "Shelf is empty"
    await take(page, "Start picking")
    await status_is(page, "Picking")


async def test_a_delivery_by_courier_asks_for_the_courier_and_no_worker(page, stored, sign_in, db):
    number = await stored()
    await db.execute("UPDATE sales.invoice SET status = 'PACKED'")
    await open_signed_in(page, await sign_in("DRIVER"), number)
    visible = "return ['user_email', 'courier_name', 'tracking_no'].filter(id => document.getElementById(id).checkVisibility())"
    assert await page.script(visible) == ["user_email"]
    await page.script(
        """const choice = document.getElementById('delivery_type');
           choice.value = 'COURIER'; choice.dispatchEvent(new Event('change', {bubbles: true}))"""
    )
    assert await page.script(visible) == ["courier_name", "tracking_no"]
    await take(page, "Start delivery", None)
    await page.sees("#courier_name-problem", "Courier name is required for COURIER delivery.")
    await page.type("#courier_name", "BlueDart")
    await page.type("#tracking_no", "BD-1")
    await take(page, "Start delivery", None)
    await status_is(page, "Dispatched")
    await page.sees("#done", "Delivery started - COURIER")
    row = await db.fetchrow("SELECT courier_name, tracking_no, worker_id FROM sales.session")
    assert tuple(row) == ("BlueDart", "BD-1", None)
    await take(page, "Still on its way", "", "#still")
    await page.sees("#done", f"Delivery in_transit for {number}")
    await take(page, "Delivered", "")
    await status_is(page, "Delivered")


# Finding


async def test_search_finds_in_the_loaded_cards_and_in_all_invoices_of_the_server(page, stored, db):
    old = await stored("Zenith Hospital")
    for _ in range(2):
        await stored()
    await page.open()
    await page.type("#search", "zEn")
    await page.shows(old)
    await page.sees("#found", "1 invoice found")
    assert await page.counts() == {"PENDING": 1}
    newer = await stored("Zenith Hospital")
    await page.shows(newer, old)
    assert await page.counts() == {"PENDING": 2}
    await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", old)
    await page.until(page.counts, lambda counts: counts == {"PENDING": 1, "PICKING": 1})
    await page.click("#clear")
    await page.until(page.counts, lambda counts: counts == {"PENDING": 3, "PICKING": 1})
    await page.type("#search", "no such thing")
    await page.sees("#found", "Nothing found")


async def test_an_invoice_that_was_not_loaded_is_found_and_forgotten_again(api, page, stored):
    old = await stored("Zenith Hospital")
    for _ in range(100):
        last = await stored()
    await page.open()
    await page.until(page.numbers, lambda found: len(found) == 100 and last in found)
    await page.type("#search", "Zenith")
    await page.shows(old)
    await page.click("#clear")
    await page.until(page.numbers, lambda found: len(found) == 100 and old not in found)
    await page.type("#search", old)
    await page.press(Keys.ENTER)
    await page.sees("#drawer-title", old)
    await page.sees("#drawer .customer", "Zenith Hospital")


async def test_invoices_are_filtered_by_salesman_and_by_customer(page, stored):
    ajay, meera = await stored(salesman="Ajay"), await stored("City Medicals", salesman="Meera")
    both = await stored("City Medicals", salesman="Ajay")
    await page.open()
    options = "return [...document.getElementById(arguments[0]).options].map(option => option.textContent)"
    await page.until(lambda: page.script(options, "salesman"), lambda found: found == ["All salesmen", "Ajay", "Meera"])
    choose = """
        const choice = document.getElementById(arguments[0]);
        choice.selectedIndex = [...choice.options].findIndex(option => option.textContent.startsWith(arguments[1]));
        choice.dispatchEvent(new Event('change', {bubbles: true}))"""
    await page.script(choose, "salesman", "Ajay")
    await page.shows(both, ajay)
    await page.script(choose, "customer", "City")
    await page.shows(both)
    await page.sees("#found", "1 invoice found")
    await page.script(choose, "salesman", "All")
    await page.shows(both, meera)
    await page.until(page.counts, lambda counts: counts == {"PENDING": 2})


# On a phone, by keyboard, for a screen reader


async def test_on_a_phone_one_column_at_a_time_is_shown_behind_tabs_with_counts(page, stored, db):
    await page.resize(*PHONE)
    first, second = [await stored() for _ in range(2)]
    await db.execute("UPDATE sales.invoice SET status = 'PACKED' WHERE invoice_no = $1", first)
    await page.open()
    seen = """
        return [...document.querySelectorAll('.column')].filter(one => one.checkVisibility())
            .map(one => [one.dataset.status, one.getAttribute('role'), one.querySelectorAll('.card').length])"""
    await page.until(lambda: page.script(seen), lambda found: found == [["PENDING", "tabpanel", 1]])
    tabs = "return [...document.querySelectorAll('[role=tab]')].map(tab => tab.innerText.replace(/\\s+/g, ' '))"
    assert (await page.script(tabs))[::4] == ["1 Pending", "1 Packed"]
    await page.click("#tab-PACKED")
    assert await page.script(seen) == [["PACKED", "tabpanel", 1]]
    await page.press(Keys.ARROW_RIGHT)
    assert await page.focused() == "tab-DISPATCHED"
    assert await page.script(seen) == [["DISPATCHED", "tabpanel", 0]]
    await page.press(Keys.HOME)
    assert await page.script(seen) == [["PENDING", "tabpanel", 1]]
    await page.resize(*WALL)
    await page.until(lambda: page.script(seen), lambda found: len(found) == 7 and found[0][1] == "region")


async def test_arrows_move_between_cards_and_columns_and_the_focus_goes_with_a_moving_card(page, stored, db):
    first, second, third = [await stored() for _ in range(3)]
    await db.execute("UPDATE sales.invoice SET status = 'PICKED' WHERE invoice_no = $1", first)
    await page.open()
    await page.shows(third, second, first)
    stops = "return [...document.querySelectorAll('.card button')].filter(button => button.tabIndex === 0).length"
    assert await page.script(stops) == 2, "one a column"
    await page.script("document.querySelector('.card button').focus()")
    for key, number in (
        (Keys.ARROW_DOWN, second),
        (Keys.ARROW_RIGHT, first),
        (Keys.ARROW_LEFT, third),
        (Keys.END, second),
    ):
        await page.press(key)
        assert await page.focused() == number
    await db.execute("UPDATE sales.invoice SET status = 'PACKING' WHERE invoice_no = $1", second)
    await page.shows(second, status="PACKING")
    assert await page.focused() == second


async def test_every_control_has_a_name_and_every_message_is_announced(page, stored, sign_in):
    number = await stored()
    await open_signed_in(page, await sign_in("PICKER"), number)
    nameless = """
        return [...document.querySelectorAll('button, input, select, textarea, summary, [role=tabpanel], [role=region], ol, dialog')]
            .filter(one => !(one.labels?.length && one.labels[0].textContent.trim()) && !one.textContent.trim()
                && !one.getAttribute('aria-label') && !document.getElementById(one.getAttribute('aria-labelledby'))?.textContent.trim())
            .filter(one => !['take', 'cancel-take', 'cancel-title'].includes(one.id))  // named when they are shown
            .map(one => one.outerHTML.slice(0, 120))"""
    assert await page.script(nameless) == []
    live = "return document.getElementById(arguments[0]).getAttribute('aria-live') ?? document.getElementById(arguments[0]).role"
    for region, politeness in {
        "news": "polite", "state-word": "polite", "done": "polite", "found": "polite",
        "user_email-problem": "alert", "step-problem": "alert", "sign-in-problem": "alert",
    }.items():  # fmt: skip
        assert await page.script(live, region) == politeness
    dangling = """
        return [...document.querySelectorAll('[aria-describedby], [aria-controls], [aria-labelledby], [for]')].flatMap(one =>
            ['aria-describedby', 'aria-controls', 'aria-labelledby', 'for'].map(name => one.getAttribute(name)).filter(Boolean))
            .filter(id => !document.getElementById(id))"""
    assert await page.script(dangling) == []
    doubled = "const ids = [...document.querySelectorAll('[id]')].map(one => one.id); return ids.filter((id, n) => ids.indexOf(id) !== n)"
    assert await page.script(doubled) == []


async def test_arrivals_and_moves_are_announced_in_one_sentence(page, stored, db):
    first = await stored()
    await page.open()
    await page.shows(first)
    second = await stored()
    await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", first)
    await page.until(
        lambda: page.script("return document.getElementById('news').textContent"),
        lambda found: found == f"New invoice {second}, LifeCare Pharmacy. {first} is now Picking.",
    )


@pytest.mark.parametrize("motion, flew", [("no-preference", 1), ("reduce", 0)])
async def test_a_card_flies_to_its_column_unless_the_user_wants_stillness(page, stored, db, motion, flew):
    features = {"features": [{"name": "prefers-reduced-motion", "value": motion}]}
    await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", features)
    try:
        number = await stored()
        await page.open()
        await page.shows(number, status="PENDING")
        await page.script(
            """window.ghosts = 0;
               new MutationObserver(changes => {
                   ghosts += changes.flatMap(one => [...one.addedNodes]).filter(one => one.matches?.('.ghost[aria-hidden]')).length;
               }).observe(document.body, {childList: true})"""
        )
        await db.execute("UPDATE sales.invoice SET status = 'PICKING'")
        await page.shows(number, status="PICKING")
        assert await page.script("return ghosts") == flew
        await page.until(
            lambda: page.script("return document.querySelectorAll('.ghost').length"), lambda found: found == 0
        )
    finally:
        await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": []})


async def test_a_tick_keeps_the_focus_when_somebody_else_changes_the_invoice(page, stored, db):
    number = await stored()
    await page.open()
    await open_card(page, number)
    await page.script("document.querySelector('.item input').focus()")
    await page.press(Keys.SPACE)
    await db.execute("UPDATE sales.invoice SET remarks = 'Ring twice'")
    await page.sees(".remarks", "Ring twice")
    assert await page.script("return document.activeElement.matches('.item input:checked')")


async def test_on_a_phone_the_focus_returns_to_the_tab_when_the_card_has_gone_behind_another(page, stored, db):
    await page.resize(*PHONE)
    number = await stored()
    await page.open()
    await open_card(page, number)
    await db.execute("UPDATE sales.invoice SET status = 'PICKING'")
    await status_is(page, "Picking")
    await page.shows(number, status="PICKING")
    await page.click("#close")
    await page.until(page.focused, lambda found: found == "tab-PENDING")


CONTRAST = """
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const rgba = color => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = color => {
        const [r, g, b] = color.slice(0, 3).map(one => one / 255)
            .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (let one = element; one; one = one.parentElement) {
            const color = rgba(getComputedStyle(one).backgroundColor);
            if (color[3] === 255) return color;
        }
        return rgba('white');
    };
    const ratio = element => {
        const [light, dark] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    };
    return [...document.querySelectorAll('body *')]
        .filter(one => one.checkVisibility() && !one.closest('.unseen, svg, option, :disabled') && [...one.childNodes].some(
            node => node.nodeType === Node.TEXT_NODE && node.textContent.trim()))
        .map(one => [ratio(one), one.className, one.textContent.slice(0, 30)]).filter(([found]) => found < 4.5)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
async def test_all_text_stands_out_from_what_is_behind_it(page, stored, db, sign_in, size, scheme):
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", features)
    try:
        await page.resize(*size)
        numbers = [await stored(remarks="Ring twice") for _ in range(9)]
        for number, status in zip(
            numbers, ("PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"), strict=False
        ):
            await db.execute("UPDATE sales.invoice SET status = $1 WHERE invoice_no = $2", status, number)
        await db.execute(
            "UPDATE sales.invoice SET created_at = now() - interval '2 hours' WHERE invoice_no = $1", numbers[7]
        )
        await db.execute(
            "UPDATE sales.invoice SET created_at = now() - interval '9 hours' WHERE invoice_no = $1", numbers[8]
        )
        await page.open()
        await page.until(page.numbers, lambda found: len(found) == 9)
        late = "return [...document.querySelectorAll('.card')].map(card => card.dataset.late).filter(Boolean).sort()"
        assert await page.script(late) == ["late", "slow"]
        assert await page.script(CONTRAST) == []
        await open_signed_in(page, await sign_in("PICKER"), numbers[8])
        await take(page, "Start picking", "nobody@example.com")
        await page.sees("#user_email-problem", "User not found")
        await page.script("return Promise.all(document.getAnimations().map(one => one.finished))")
        await page.click(".item label")
        assert await page.script(CONTRAST) == []
    finally:
        await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": []})


async def test_the_chime_rings_for_a_new_invoice_once_it_is_switched_on(page, stored):
    await page.open()
    await page.script(
        "window.notes = 0; const Real = OscillatorNode; window.OscillatorNode = class extends Real {start(at) {notes += 1; super.start(at)}}"
    )
    rung = "return notes"
    number = await stored()
    await page.shows(number)
    assert await page.script(rung) == 0
    await page.click("#sound")
    assert await page.script("return document.getElementById('sound').getAttribute('aria-pressed')") == "true"
    await page.script("localStorage.clear()")
    await page.until(lambda: page.script("return document.hasFocus() && navigator.userActivation.hasBeenActive"), bool)

    async def rings():
        await stored()
        return await page.script(rung)

    await page.until(rings, lambda count: count > 0)


# Together


async def test_two_browsers_see_an_invoice_from_import_to_delivery(page, other_page, stored, sign_in, db):
    """The whole way: the picker on a phone, the board on the wall, and everybody else there too."""
    earlier = await stored()
    tokens = await sign_in("PICKER")
    await sign_in("PACKER")
    await sign_in("DRIVER")
    await page.resize(*PHONE)
    await page.open()
    await page.keep_session(tokens)
    await page.open()
    await other_page.open()
    await other_page.shows(earlier)
    number = await stored()
    for one in (page, other_page):
        await one.shows(number, earlier)
    await open_card(page, number)
    way = [
        ("Start picking", WORKER, "PICKING"),
        ("Complete picking", WORKER, "PICKED"),
        ("Start packing", OTHER, "PACKING"),
        ("Complete packing", OTHER, "PACKED"),
        ("Start delivery", "driver@example.com", "DISPATCHED"),
        ("Delivered", "driver@example.com", "DELIVERED"),
    ]
    for label, email, status in way:
        await take(page, label, email)
        for one in (page, other_page):
            await one.shows(number, status=status)
            assert await one.counts() == {"PENDING": 1, status: 1}
        await status_is(page, status.title())
    assert await db.fetchval("SELECT status FROM sales.invoice WHERE invoice_no = $1", number) == "DELIVERED"
    assert not await page.script("return document.getElementById('step').checkVisibility()")
    for one in (page, other_page):
        assert await one.log() == []


async def test_both_browsers_are_right_again_after_the_connection_dropped(
    page, other_page, stored, server, sign_in, db
):
    first, second = [await stored() for _ in range(2)]
    await sign_in("PICKER")
    for one in (page, other_page):
        await one.open()
        await one.shows(second, first)
    await open_card(page, first)
    await page.type("#user_email", WORKER)
    await server.begin()
    for one in (page, other_page):
        await one.until(one.state, lambda state: state.startswith("Reconnecting"))
    await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", first)
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE invoice_no = $1", second)
    await server.finish()
    for one in (page, other_page):
        await one.hurry()
        await one.shows(first)
        await one.shows(first, status="PICKING")
        await one.until(one.counts, lambda counts: counts == {"PICKING": 1})
        await one.until(one.state, lambda state: state == "Live")
    await status_is(page, "Picking")
    assert await page.script("return document.getElementById('user_email').value") == WORKER


# The scanner


async def scan(page: BoardPage, *keys: str) -> None:
    """Type at the speed of a scanner into whatever has the focus: all keys are one command for the browser."""
    await page.press(*keys)


async def be_as_quick_as_a_scanner(page: BoardPage) -> None:
    """No time passes between two keys in pages that are loaded from now on, however slow this machine is."""
    await page.before_scripts("Object.defineProperty(Event.prototype, 'timeStamp', {get: () => 1})")


async def unfocus(page: BoardPage) -> None:
    await page.script("document.activeElement.blur()")


async def close_detail(page: BoardPage) -> None:
    """Close the detail that a scan has opened; the focus returns to the search."""
    # The page acts on the event, which comes after the closing.
    await page.script(
        """window.closed = new Promise((done) => document.getElementById('drawer').addEventListener('close',
               () => setTimeout(done), {once: true}))"""
    )
    await page.click("#close")
    await page.script("return window.closed")
    assert await page.focused() == "search"


async def opened_is(page: BoardPage, number: str) -> None:
    await page.until(lambda: page.text("#drawer-title"), lambda text: text == number)


async def test_a_scan_opens_exact_numbers_only_so_that_no_other_invoice_is_picked(page, numbered, sign_in, db):
    tokens = await sign_in("PICKER")
    await numbered("WR-10", "WR-100")
    await page.open()
    await page.keep_session(tokens)
    await page.open()
    await page.shows("WR-100", "WR-10")
    await unfocus(page)
    await scan(page, "WR-1", Keys.ENTER)
    await page.sees("#found", "There is no invoice WR-1.", "2 invoices found")
    # The worker's address follows, as if the detail were open. It replaces the number in the search.
    await scan(page, WORKER, Keys.ENTER)
    await page.sees("#found", f"There is no invoice {WORKER}.", "Nothing found")
    assert not await page.script("return document.getElementById('drawer').open")
    await scan(page, "WR-10", Keys.ENTER)
    await opened_is(page, "WR-10")
    assert await page.text("#found") == ""
    await scan(page, WORKER, Keys.ENTER)
    await status_is(page, "Picking")
    picked = await db.fetch("SELECT invoice_no FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id")
    assert [row["invoice_no"] for row in picked] == ["WR-10"]


async def test_an_exact_number_comes_before_one_that_differs_in_case_and_of_several_none_is_opened(page, numbered):
    await numbered("wr-1", "WR-1", "Wr-2", "wR-2", "INV/25-26/17", "KÖ-1")
    await page.open()
    for typed, found in (("WR-1", "WR-1"), ("wr-1", "wr-1"), ("inv/25-26/17", "INV/25-26/17"), ("ko\u0308-1", "KÖ-1")):
        await page.type("#search", typed + Keys.ENTER)
        await opened_is(page, found)
        await close_detail(page)
    await page.type("#search", "WR-2" + Keys.ENTER)
    await page.sees("#found", "There is no invoice WR-2.", "2 invoices found")


async def test_a_scan_that_begins_anywhere_on_the_board_goes_to_the_search_whole(page, numbered):
    await numbered("INV/25-26/17", "/26/18", "WR-1")
    await be_as_quick_as_a_scanner(page)
    await page.open()
    await page.shows("WR-1", "/26/18", "INV/25-26/17")
    scans = {
        "INV/25-26/17": "INV/25-26/17", "/26/18": "/26/18", "]C1INV/25-26/17": "INV/25-26/17", "]d2/26/18": "/26/18",
    }  # fmt: skip
    for (scanned, number), end in zip(scans.items(), (Keys.ENTER, Keys.ENTER, Keys.TAB, Keys.ENTER), strict=True):
        await unfocus(page)
        await scan(page, scanned, end)
        await opened_is(page, number)
        await close_detail(page)
    # From a card and from a button that has the focus as well.
    for focused in (".card button", "#sound"):
        await page.script("document.querySelector(arguments[0]).focus()", focused)
        await scan(page, "WR-1", Keys.ENTER)
        await opened_is(page, "WR-1")
        await close_detail(page)
    # A person's slash only goes to the field.
    await unfocus(page)
    await page.press("/")
    assert (await page.focused(), await page.script("return document.getElementById('search').value")) == ("search", "")


async def test_controls_around_a_scan_are_dropped_in_both_fields(page, numbered, sign_in):
    await numbered("WR-1")
    await open_signed_in(page, await sign_in("PICKER"), "WR-1")
    await page.click("#close")
    put = "const field = document.getElementById(arguments[0]); field.value = arguments[1]; field.focus()"
    await page.script(put, "search", "\x02]C1WR-1\x1d\x03")
    await page.press(Keys.ENTER)
    await opened_is(page, "WR-1")
    await page.script(put, "user_email", f"\x02]Q3{WORKER}\x1d")
    # A key between the two Enters: without one, the second would count as the LF after a scanner's CR.
    await page.press(" ")
    await page.press(Keys.ENTER)
    await status_is(page, "Picking")


async def test_a_scan_in_the_detail_is_the_worker_whatever_has_the_focus_and_whatever_its_end(page, numbered, sign_in):
    await numbered("WR-1")
    await be_as_quick_as_a_scanner(page)
    await open_signed_in(page, await sign_in("PICKER"), "WR-1")
    await take(page, "Start picking", "somebody@example.com")
    await page.sees("#user_email-problem", "User not found.")
    await page.script("document.getElementById('close').focus()")
    await scan(page, WORKER, Keys.TAB)
    await status_is(page, "Picking")


async def test_a_number_scanned_in_a_detail_never_leads_to_a_step_of_that_invoice(
    page, numbered, sign_in, db, subtests
):
    await numbered("WR-1", "WR-2")
    await open_signed_in(page, await sign_in("PICKER"), "WR-1")
    started = "SELECT invoice_no FROM sales.session s JOIN sales.invoice i ON i.id = s.invoice_id"
    with subtests.test("no such invoice"):
        await scan(page, "WR-9", Keys.ENTER)
        await page.sees("#found", "There is no invoice WR-9.")
        await scan(page, WORKER, Keys.ENTER)
        await page.sees("#found", f"There is no invoice {WORKER}.")
        assert await db.fetch(started) == []
    with subtests.test("another invoice"):
        await scan(page, "WR-1", Keys.ENTER)
        await opened_is(page, "WR-1")
        await scan(page, "WR-2", Keys.ENTER)
        await opened_is(page, "WR-2")
        await scan(page, WORKER, Keys.ENTER)
        await status_is(page, "Picking")
        assert [row["invoice_no"] for row in await db.fetch(started)] == ["WR-2"]


async def test_the_second_of_two_enters_that_end_a_scan_presses_nothing(page, numbered, sign_in, db):
    await numbered("WR-1")
    await be_as_quick_as_a_scanner(page)
    await open_signed_in(page, await sign_in("PICKER"), "WR-1")
    # The worker of the last step stands in the field already.
    await page.script("localStorage.setItem('tradepost.worker', arguments[0])", WORKER)
    await page.click("#close")
    await page.script(
        "window.steps = 0; document.getElementById('step').addEventListener('submit', () => { steps += 1; })"
    )
    await scan(page, "WR-1", Keys.ENTER, Keys.ENTER)
    await opened_is(page, "WR-1")
    assert await page.script("return steps") == 0
    assert await page.script("return document.getElementById('user_email').value") == WORKER
    await scan(page, WORKER, Keys.ENTER)
    await status_is(page, "Picking")
    assert await page.script("return steps") == 1


async def test_a_tab_that_a_person_presses_moves_the_focus(page, numbered):
    await numbered("WR-1")
    await page.open()
    await page.type("#search", "WR-1")
    await page.sees("#found", "1 invoice found")  # a person's pause
    await page.press(Keys.TAB)
    assert await page.focused() == "salesman"
    assert not await page.script("return document.getElementById('drawer').open")
