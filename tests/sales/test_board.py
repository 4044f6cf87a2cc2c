"""The invoice board in a real browser: what somebody sees who watches it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.sales.board_page import PHONE, WALL, BoardPage, imported
from tests.support.browser import needs_chromium
from tests.support.deadlines import until
from tests.support.http import PASSWORD
from tests.support.outages import Relay, Tabs

pytestmark = [pytest.mark.gen_test, needs_chromium]


async def test_an_empty_board_tells_how_to_import(page):
    await page.open()
    shown = await page.text("main")
    assert "No invoices yet" in shown
    assert "/api/sales/import/invoice/" in shown
    assert "X-API-KEY" in shown


async def test_an_imported_invoice_appears_at_the_top_of_the_open_page_without_a_reload(api, page, invoice):
    older = await imported(api, invoice())
    await page.open()
    await page.shows(older)
    await page.script("window.untouched = true")
    newer = await imported(api, invoice(salesman="Meera"))
    await page.shows(newer, older)
    assert await page.script("return window.untouched")
    (shown, _) = await page.cards()
    for part in (newer, "LifeCare Pharmacy", "Kozhikode", "Meera", "2 items", "920.00", "just now"):
        assert part in shown
    assert "No invoices yet" not in await page.text()


async def test_invoices_that_arrive_while_the_page_opens_are_shown_and_counted_once(api, page, invoice):
    numbers = [await imported(api, invoice()) for _ in range(10)]
    opening = asyncio.create_task(page.open())
    while not opening.done():  # some arrive while the page is opening its stream, others while it loads the lists
        numbers.append(await imported(api, invoice()))
        await asyncio.sleep(0.01)
    await opening
    await page.shows(*reversed(numbers))
    await page.until(page.counts, lambda counts: counts == {"PENDING": len(numbers)})


async def test_a_hundred_are_loaded_of_a_column_and_the_others_when_asked_for(api, db, page, invoice):
    first = await imported(api, invoice())
    await copies(db, first, 259)
    await page.open()
    await page.until(page.counts, lambda counts: counts == {"PENDING": 260})
    assert len(await page.numbers()) == 100
    newest = await imported(api, invoice())
    await page.until(page.numbers, lambda found: found[:1] == [newest])
    for shown in (200, 261):
        await page.script("document.querySelector('[data-status=PENDING] .more').click()")
        await page.until(page.numbers, lambda found, shown=shown: len(found) == shown)
    found = await page.numbers()
    assert len(set(found)) == 261 and found[-1] == first
    assert await page.counts() == {"PENDING": 261}
    assert not await page.script("return document.querySelector('[data-status=PENDING] .more').checkVisibility()")


async def test_of_the_delivered_the_newest_fifty_are_shown_and_can_be_folded_away(api, db, page, invoice):
    await copies(db, await imported(api, invoice()), 60, status="DELIVERED")
    await page.open()
    await page.until(lambda: page.numbers("DELIVERED"), lambda found: len(found) == 50)
    assert (await page.counts())["DELIVERED"] == 60
    await page.click("[data-status=DELIVERED] .fold")
    visible = "return document.querySelector('[data-status=DELIVERED] .card').checkVisibility()"
    assert not await page.script(visible)
    assert (await page.counts())["DELIVERED"] == 60
    await page.open()
    assert not await page.script(visible), "remembered on this device"
    await page.click("[data-status=DELIVERED] .fold")
    assert await page.script(visible)


async def copies(db: Any, number: str, count: int, status: str = "PENDING") -> None:
    """More invoices like this one, that the stream doesn't tell of."""
    async with db.transaction():
        await db.execute("SET LOCAL session_replication_role = replica")  # no triggers: no events
        await db.execute(
            """INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, status)
               SELECT invoice_no || '-' || n, invoice_date, customer_id, salesman_id, $3
                 FROM sales.invoice, generate_series(1, $2::integer) n WHERE invoice_no = $1""",
            number,
            count,
            status,
        )
        await db.execute("SELECT sales.recount_invoices()")


async def test_a_card_moves_to_the_column_of_its_status_and_the_counts_with_it(api, db, page, invoice):
    first, second = [await imported(api, invoice()) for _ in range(2)]
    await page.open()
    await page.shows(second, first, status="PENDING")
    await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", first)
    await page.shows(first, status="PICKING")
    assert await page.numbers("PENDING") == [second]
    await page.until(page.counts, lambda counts: counts == {"PENDING": 1, "PICKING": 1})
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE invoice_no = $1", first)
    await page.shows(second)
    assert await page.counts() == {"PENDING": 1}


async def test_an_old_invoice_that_moves_without_having_been_loaded_is_shown_and_the_counts_stay_right(
    api, db, page, invoice
):
    old = await imported(api, invoice())
    await copies(db, await imported(api, invoice()), 150)
    await page.open()
    await page.until(page.counts, lambda counts: counts == {"PENDING": 152})
    assert old not in await page.numbers()
    await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE invoice_no = $1", old)
    await page.shows(old, status="PICKING")
    await page.until(page.counts, lambda counts: counts == {"PENDING": 151, "PICKING": 1})


async def test_a_number_that_is_scanned_is_found_among_many_newer_ones_that_contain_it(api, db, page, invoice):
    number = await imported(api, invoice())
    await copies(db, number, 120)
    await page.open()
    await page.type("#search", number + Keys.ENTER)
    await page.until(lambda: page.text("#drawer h2"), lambda text: text == number)


async def test_a_search_that_finds_more_than_the_server_counts_says_so(api, db, page, invoice):
    number = await imported(api, invoice())
    await copies(db, number, 10_050)
    await page.open()
    await page.type("#search", number)
    await page.until(lambda: page.text("#found"), lambda text: text == "10,000 invoices or more found")
    assert await page.text("[data-status=PENDING] header .number") == "10,000+"
    assert await page.text("[data-status=PENDING] .more") == "Show more (9,900+ older)"


async def test_a_hundred_events_at_once_end_in_the_state_that_the_server_has(api, db, page, invoice):
    numbers = [await imported(api, invoice()) for _ in range(50)]
    await page.open()
    await page.until(page.numbers, lambda found: len(found) == 50)
    for status in ("PICKING", "PICKED"):
        await db.execute("UPDATE sales.invoice SET status = $1", status)
    await page.shows(*reversed(numbers), status="PICKED")
    assert await page.counts() == {"PICKED": 50}


STORE = """
    const done = arguments[1];
    (async () => {
        const {Store} = await import('/static/live-store.js');
        const {STATUSES, LOADED} = await import('/static/live-list.js');
        let seed = arguments[0];
        const random = (n) => Math.floor((seed = (seed * 16807) % 2147483647) / 2147483647 * n);
        const truth = new Map();  // what the server has
        let last = 0;
        const put = (id, status) => truth.set(id, {id, status, is_active: true}).get(id);
        const of = (status) => [...truth.values()].filter(one => one.status === status).sort((a, b) => b.id - a.id);
        const column = (status, from, to) => {
            const all = of(status);
            return {status, count: all.length, invoices: all.slice(from, to), isAll: all.length <= to};
        };
        const counts = () => Object.fromEntries(STATUSES.map(status => [status, of(status).length]));
        while (last < 1500) put(++last, STATUSES[random(7)]);
        const store = new Store();
        store.load(STATUSES.map(status => column(status, 0, LOADED[status])));
        const more = status => {
            const from = Math.floor(store.known(status) / 100) * 100;
            store.extend(column(status, from, from + 200));
        };
        let doubts = 0, wrong = [];
        for (let step = 0; step < 3000; step++) {
            const what = random(100), id = random(4) ? last - random(400) : 1 + random(last);
            if (what < 30) store.put(put(++last, 'PENDING'));
            else if (what < 92 && truth.has(id)) store.put(put(id, STATUSES[random(7)]));
            else if (what < 96 && truth.has(id)) {
                const gone = {...truth.get(id), is_active: false};
                truth.delete(id);
                store.put(gone);
            } else if (what === 99 && !random(4)) more(STATUSES[random(7)]);
            if (store.isInDoubt) {
                doubts += 1;
                store.recount(counts(), true);
            }
            const shown = Object.fromEntries(STATUSES.map(status => [status, store.count(status)]));
            if (JSON.stringify(shown) !== JSON.stringify(counts())) wrong.push([step, shown, counts()]);
        }
        for (const status of STATUSES) while (store.summary(status).isMore) more(status);
        const missing = [...truth.values()].filter(one => store.get(one.id)?.status !== one.status);
        done({wrong: wrong.slice(0, 2), doubts, missing, extra: store.size - truth.size});
    })().catch(error => done(String(error)));"""


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_counts_are_exact_or_known_to_be_in_doubt_and_no_invoice_is_skipped(page, seed):
    """The store against a model of the server, through thousands of random events."""
    await page.open()
    found = await page._call(page._driver.execute_async_script, STORE, seed)
    assert found["wrong"] == [] and found["missing"] == [] and found["extra"] == 0
    assert 0 < found["doubts"] < 1500


async def test_a_hostile_customer_name_is_shown_as_text(api, page, invoice):
    hostile = """<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>&amp;"""
    body = invoice(salesman="<b>Ajay</b>", remarks=hostile)
    body["customer"].update(name=hostile, area="</li></ol><h1>area</h1>")
    body["items"][0].update(name=hostile, shelf_location="<i>R-12</i>", item_code='"><svg onload=1>')
    await page.open()
    number = await imported(api, body)
    await page.shows(number)
    assert hostile in await page.text("#board")
    await page.click(".card button")
    shown = await page.until(lambda: page.text("#drawer"), lambda text: "<i>R-12</i>" in text)
    assert shown.count(hostile) == 3  # customer, remarks, item
    made = ":is(img, script, b, i, h1, .card svg, .item svg, option b)"
    assert (
        await page.script(
            "return document.querySelectorAll(`:is(#board, #drawer, #filter) ${arguments[0]}`).length", made
        )
        == 0
    )
    assert await page.script("return document.title") == "Live invoices - Tradepost"
    assert await page.log() == []


@pytest.mark.parametrize("answers", [None, 503], ids=["nobody listens", "a proxy says 503"])
async def test_the_page_says_so_when_the_server_goes_and_recovers_by_itself_when_it_is_back(
    api, db, page, server, invoice, answers
):
    before = await imported(api, invoice())
    await page.open()
    await page.shows(before)
    seen_live = await imported(api, invoice())
    await page.shows(seen_live, before)
    await server.begin(answers=answers)
    await page.until(page.state, lambda state: state.startswith("Reconnecting"))
    assert await page.numbers() == [seen_live, before]
    await db.execute(
        """INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
           SELECT $1, now(), min(id) FROM sales.customer""",
        f"MISSED-{seen_live}",
    )
    await page.until(page.state, lambda state: state.startswith("Reconnecting in ") and "as of" in state)
    await server.finish()
    await page.until(page.state, lambda state: state == "Live")
    await page.shows(f"MISSED-{seen_live}", seen_live, before)


async def test_a_reset_makes_the_page_load_the_list_again(api, db, page, server, invoice):
    gone = await imported(api, invoice())
    await page.open()
    await page.shows(gone)
    last = await imported(api, invoice())
    await page.shows(last, gone)
    await server.begin()
    await page.until(page.state, lambda state: state.startswith("Reconnecting"))
    await db.execute("DELETE FROM sales.invoice WHERE invoice_no = $1", gone)
    # The log no longer reaches back to what the page saw last, as after a purge or a restore.
    server._process.app.streams._backlog.forget()
    await db.execute("DELETE FROM core.event")
    server._process.app.streams._backlog.head += 1000
    await server.finish()
    await page.hurry()
    await page.shows(last)
    await page.until(page.state, lambda state: state == "Live")


async def test_the_page_logs_no_error_and_breaks_no_policy(api, page, invoice):
    await imported(api, invoice())
    await page.open()
    await imported(api, invoice())
    await page.until(page.numbers, lambda found: len(found) == 2)
    await page.click(".card button")
    await page.until(lambda: page.text("#drawer"), lambda text: "R-12" in text)
    await page.click("#close")
    await page.type("#search", "LifeCare")
    await page.until(lambda: page.text("#found"), lambda text: "2 invoices found" in text)
    await page.click("#sound")
    assert await page.log() == []


@pytest.mark.parametrize(
    "size", [PHONE, WALL, (320, 568), (1920, 1080)], ids=["phone", "wall", "small phone", "large wall"]
)
async def test_nothing_overflows(api, page, invoice, size):
    await page.resize(*size)
    body = invoice(invoice_no="N" * 100, salesman="S" * 150, remarks="R" * 500)
    body["customer"].update(name="W" * 255, area="A" * 150, code="C" * 50)
    body["items"][0].update(
        name="I" * 255, item_code="X" * 100, shelf_location="L" * 50, quantity=2147483647, mrp=99999999.99
    )
    await imported(api, body)
    await page.open()
    await page.shows(body["invoice_no"])
    too_wide = """
        return [...document.querySelectorAll('body *')]
            .filter(element => !element.closest('.unseen, svg') && element.checkVisibility())
            .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
            .filter(element => !element.parentElement.closest('.card button > *'))  // cut off by their line
            .map(element => element.outerHTML)"""
    for step in ("board", "detail"):
        if step == "detail":
            await page.click(".card button")
            await page.until(lambda: page.text("#drawer"), lambda text: "99,999,999.99" in text)
            await page.script("return Promise.all(document.getAnimations().map(one => one.finished))")
        assert await page.script(too_wide) == []
        assert await page.script("return document.documentElement.scrollWidth <= innerWidth")
        inside = "return [...document.querySelectorAll('.column .scroll, .drawer-body')].every(box => box.scrollWidth <= box.clientWidth + 1)"
        assert await page.script(inside)


class TestClosed:
    """SALES_PUBLIC_READ=false."""

    @pytest.fixture
    def changed_settings(self) -> dict[str, Any]:
        return {"sales_public_read": False}

    async def sign_in(self, page: BoardPage, password: str) -> None:
        await page.type("#email", "picker@example.com")
        await page.type("#password", password)
        await page.click("#sign-in [type=submit]")

    async def test_a_closed_api_asks_for_sign_in_and_then_shows_invoices(self, api, page, invoice, sign_in):
        await sign_in("PICKER")
        first = await imported(api, invoice())
        await page.open("Signed out")
        assert first not in await page.text()
        await self.sign_in(page, "wrong" + PASSWORD)
        await page.until(lambda: page.text("#sign-in"), lambda text: "Invalid email or password" in text)
        enabled = "return !document.querySelector('#sign-in [type=submit]').disabled"
        await page.until(lambda: page.script(enabled), bool)
        await self.sign_in(page, PASSWORD)
        await page.shows(first)
        second = await imported(api, invoice())
        await page.shows(second, first)
        await page.until(page.state, lambda state: state == "Live")
        assert not await page.script("return document.getElementById('sign-in').checkVisibility()")

    async def test_escape_does_not_get_past_the_sign_in(self, api, page, invoice):
        await imported(api, invoice())
        await page.open("Signed out")
        for _ in range(3):
            await page.press(Keys.ESCAPE)
        await page.until(lambda: page.script("return document.getElementById('sign-in-dialog').open"), bool)
        assert await page.numbers() == []

    async def test_an_access_token_that_ran_out_is_renewed_without_asking(self, api, page, invoice, sign_in):
        tokens = await sign_in("PICKER")
        number = await imported(api, invoice())
        await page.open("Signed out")
        await page.keep_session(tokens)
        await page.spoil_token()
        await page.open()
        await page.shows(number)

    async def test_a_session_that_was_ended_asks_again_and_shows_nothing_meanwhile(
        self, api, page, server, invoice, sign_in, db
    ):
        tokens = await sign_in("PICKER")
        number = await imported(api, invoice())
        await page.open("Signed out")
        await page.keep_session(tokens)
        await page.open()
        await page.shows(number)
        await db.execute("UPDATE accounts.session SET revoked_at = now()")
        await server.begin()
        await server.finish()
        await page.hurry()
        await page.until(page.state, lambda state: state == "Signed out")
        assert number not in await page.text()
        assert await page.text("#account") == "Sign in"


# Several tabs, one stream


@pytest.fixture
def tabs(page: BoardPage, io_loop: Any) -> Iterator[Tabs]:
    made = Tabs(page)
    yield made
    io_loop.run_sync(made.close)


@pytest.fixture
def relay(base_url: str, io_loop: Any) -> Iterator[Relay]:
    made = Relay(base_url)
    io_loop.run_sync(made.open)
    yield made
    io_loop.run_sync(made.close)


async def streams(app: Any) -> int:
    return len(app.streams._sockets)


# Browsers have Web Locks only on pages from https and from the same machine.
@pytest.mark.parametrize(("count", "script"), [(7, ""), (3, "delete Navigator.prototype.locks")], ids=["https", "http"])
async def test_the_tabs_of_a_browser_share_one_stream_and_each_shows_what_comes(
    page, tabs, app, numbered, count, script
):
    await numbered("WR-1")
    await tabs.more(count - 1)
    for n in range(count):
        await tabs.go(n)
        await page.before_scripts(script)
        await page.open()
        await page.shows("WR-1")
    assert await page.script("return 'locks' in navigator") is not bool(script)
    await until(lambda: streams(app), lambda found: found == 1, every=0.05)
    await numbered("WR-2")
    for n in range(count):
        await tabs.go(n)
        await page.shows("WR-2", "WR-1")
    # The tab with the stream is closed; the others go on and miss nothing.
    await tabs.go(0)
    await tabs.shut()
    await numbered("WR-3", "WR-4")
    for n in range(count - 1):
        await tabs.go(n)
        await page.shows("WR-4", "WR-3", "WR-2", "WR-1")
        await page.until(page.state, lambda state: state == "Live")
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)


async def test_a_tab_that_missed_an_event_catches_up_and_a_leader_that_says_nothing_loses_the_stream(
    page, tabs, app, numbered
):
    await page.open()
    await tabs.more(1)
    await tabs.go(1)
    await page.before_scripts(
        """const listen = BroadcastChannel.prototype.addEventListener;
           BroadcastChannel.prototype.addEventListener = function (kind, heard) {
             listen.call(this, kind, (event) => window.isDeaf || heard(event));
           }"""
    )
    await page.open()
    await page.script("window.isDeaf = true")
    await numbered("WR-1")
    await tabs.go(0)
    await page.shows("WR-1")
    await tabs.go(1)
    await page.shows()
    await page.script("window.isDeaf = false")
    await page.shows("WR-1")
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)
    # The leader is as good as frozen: it holds the lock, and the other tab hears nothing of it.
    await tabs.go(0)
    await page.script("BroadcastChannel.prototype.postMessage = () => {}")
    await numbered("WR-2")
    await tabs.go(1)
    await page.shows("WR-2", "WR-1")
    await numbered("WR-3")
    for n in range(2):
        await tabs.go(n)
        await page.shows("WR-3", "WR-2", "WR-1")
        await page.until(page.state, lambda state: state == "Live")
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_where_reading_is_not_public_all_tabs_share_the_stream_of_who_is_signed_in(
    page, tabs, app, numbered, sign_in
):
    await numbered("WR-1")
    await page.keep_session(await sign_in("PICKER"))
    await sign_in("PACKER")
    await page.load()
    await tabs.more(2)
    for n in range(3):
        await tabs.go(n)
        await page.open()
        await page.shows("WR-1")
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)
    # A sign-out in one tab counts for all, and ends the stream.
    await page.click("#account")
    await numbered("WR-2")
    for n in range(3):
        await tabs.go(n)
        await page.until(page.state, lambda state: state == "Signed out")
        await page.shows()
    await until(lambda: streams(app), lambda count: count == 0, every=0.05)
    # A sign-in in one tab counts for all.
    await page.type("#email", "packer@example.com")
    await page.type("#password", PASSWORD, Keys.ENTER)
    for n in range(3):
        await tabs.go(n)
        await page.shows("WR-2", "WR-1")
        assert await page.script("return document.getElementById('account').title") == "Signed in as packer@example.com"
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)


async def test_a_page_that_is_hidden_for_long_gives_its_stream_up_and_catches_up_when_it_is_seen(page, app, numbered):
    await numbered("WR-1")
    await page.before_scripts(
        # Five minutes pass at once.
        "const wait = window.setTimeout; window.setTimeout = (run, ms, ...more) => wait(run, ms === 300000 ? 20 : ms, ...more);"
    )
    await page.open()
    await page.shows("WR-1")
    await page.hide(True)
    await page.until(page.state, lambda state: state == "Paused")
    await until(lambda: streams(app), lambda count: count == 0, every=0.05)
    await numbered("WR-2")
    await page.hide(False)
    await page.shows("WR-2", "WR-1")
    await page.until(page.state, lambda state: state == "Live")
    await until(lambda: streams(app), lambda count: count == 1, every=0.05)


async def test_a_relay_that_swallows_everything_is_noticed_and_left(page, relay, app, numbered):
    await numbered("WR-1")
    page.move(relay.url)
    await page.open()
    await page.shows("WR-1")
    relay.swallow()
    await page.until(page.state, lambda state: state.startswith("Reconnecting"))
    await numbered("WR-2")
    relay.pass_on()
    await page.hurry()
    await page.shows("WR-2", "WR-1")
    await page.until(page.state, lambda state: state == "Live")
