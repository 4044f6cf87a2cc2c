"""The dashboard in a real browser. docs/api/dashboard.md#page."""

import asyncio
import datetime

import pytest
from selenium.webdriver.common.keys import Keys

from handlers.dashboard.live import LiveFigures
from tests.books.books_page import DESK, PHONE, session_of
from tests.dashboard.analytics import issue, shown, spend, today
from tests.dashboard.dashboard_page import opened
from tests.support.browser import needs_chromium
from tests.support.deadlines import until
from tests.support.outages import Outage

pytestmark = [pytest.mark.gen_test, needs_chromium]

LONG = "Northwind Traders International Shipping & Logistics Holding Company of the Two Harbours Ltd."
MARKUP = "<img src=x onerror=document.title='owned'>"
PERIODS = {"daily": "Day", "weekly": "Week", "monthly": "Month", "quarterly": "Quarter", "yearly": "Year"}


def money(value):
    """As the page shows an amount of the API's, which is a text or a JSON number."""
    text = value if isinstance(value, str) else f"{value:.2f}"
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, part = digits.split(".")
    return f"{sign}${int(whole):,}.{part}"


def per_cent(value):
    return f"{float(value):.1f}".removesuffix(".0") + "%"


@pytest.fixture
def page(chrome, base_url, http_server, io_loop):
    """The dashboard in a tab that nobody signed in to."""
    yield from opened(chrome, base_url, io_loop)


@pytest.fixture
def tokens(io_loop, owner, db):
    """A session of the owner."""
    return io_loop.run_sync(lambda: session_of(owner, db))


@pytest.fixture
def server(http_server, process, base_url):
    outage = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    yield outage
    outage.end()


async def year(owner, db):
    """A year of business: some months earn, some lose. Returns the clients' ids."""
    day = await today(db)
    clients = [(await owner.client(name=name))["id"] for name in ("Café Aurora", "Blue Harbour Bakery")]
    for months, billed, spent in ((11, "400.00", "90.50"), (7, "150.00", "310.00"), (1, "1000.00", "200.00")):
        then = day - datetime.timedelta(days=30 * months)
        await issue(owner, then, billed, clients[months % 2])
        await spend(owner, then, spent)
    await issue(owner, day, "1250.50", clients[0])
    await issue(owner, day, "249.50", clients[1], due_in=3)
    await spend(owner, day, "300.00", category="travel")
    await spend(owner, day, "100.00", category="software")
    return clients


async def drawn(page, profits):
    """The chart, once it shows these profits."""
    return await page.until(page.chart, lambda found: [value for value, _ in found["profit"]] == profits)


# The figures


async def test_the_figures_of_each_period_are_those_of_the_api(page, owner, tokens, db):
    await year(owner, db)
    await page.open(tokens)
    for period, words in PERIODS.items():
        await page.press_on("#periods button", words)
        overview = await shown(owner, "overview/", period_type=period)
        trends = await shown(owner, "trends/", period=period, periods=12)
        await page.shows(
            revenue=money(overview["total_revenue"]),
            expenses=money(overview["total_expenses"]),
            profit=money(overview["net_profit"]),
            margin=per_cent(overview["profit_margin"]),
        )
        profits = [point["value"] for point in trends["profit_trend"]]
        chart = await drawn(page, profits)
        assert [value for value, _ in chart["revenue"]] == [point["value"] for point in trends["revenue_trend"]]
        assert [value for value, _ in chart["expenses"]] == [point["value"] for point in trends["expense_trend"]]
    assert await page.hash() == "#yearly"
    await page.reload()
    await page.says("head", overview["snapshot_date"][:4])
    assert await page.text("#periods [aria-pressed=true]") == "Year"
    assert await page.log() == []


async def test_a_change_is_that_of_the_statistics_and_says_whether_it_is_good(page, owner, tokens, db):
    day = await today(db)
    before = day.replace(day=1) - datetime.timedelta(1)
    await issue(owner, before, "1000.00")
    await spend(owner, before, "200.00")
    await issue(owner, day, "1500.00")
    await spend(owner, day, "300.00")
    await page.open(tokens)
    await page.shows(revenue="$1,500.00")
    stats = await shown(owner, "stats/")
    for name, change in (("revenue", "revenue_change"), ("expenses", "expense_change"), ("profit", "profit_change")):
        tile = f"[data-figure={name}] .change"
        assert f"▲ {per_cent(stats[change])}" in await page.text(tile)
        is_good = await page.script("return document.querySelector(arguments[0]).dataset.good", tile)
        assert is_good == ("false" if name == "expenses" else "true")


async def test_the_chart_is_drawn_in_proportion_and_read_by_keyboard_and_pointer(page, owner, tokens, db):
    await year(owner, db)
    await page.open(tokens)
    await page.shows(revenue="$1,500.00")
    chart = await page.chart()
    assert [len(chart[name]) for name in ("revenue", "expenses", "profit")] == [12, 12, 12]
    scale = max(height for _, height in chart["revenue"]) / max(value for value, _ in chart["revenue"])
    for name in ("revenue", "expenses"):
        assert [height for _, height in chart[name]] == pytest.approx(
            [value * scale for value, _ in chart[name]], abs=0.02
        )
    assert [chart["zero"] - y for _, y in chart["profit"]] == pytest.approx(
        [value * scale for value, _ in chart["profit"]], abs=0.02
    )
    assert min(value for value, _ in chart["profit"]) < 0
    trends = await shown(owner, "trends/", period="monthly", periods=12)
    points = list(zip(*(trends[f"{name}_trend"] for name in ("revenue", "expense", "profit")), strict=True))
    await page.sees(".reading", *(money(point["value"]) for point in points[-1]))
    await page.script("document.querySelector('.plot').focus()")
    await page.press(Keys.ARROW_LEFT)
    await page.sees(".reading", *(money(point["value"]) for point in points[-2]))
    spoken = await page.script("return document.querySelector('.plot').getAttribute('aria-valuetext')")
    assert all(money(point["value"]) in spoken for point in points[-2])
    await page.press(Keys.HOME)
    await page.sees(".reading", *(money(point["value"]) for point in points[0]))
    await page.script(
        """const box = document.querySelectorAll('.chart circle.profit')[4].getBoundingClientRect();
           document.querySelector('.plot').dispatchEvent(new PointerEvent('pointermove', {clientX: box.x + box.width / 2, clientY: box.y}))"""
    )
    await page.sees(".reading", *(money(point["value"]) for point in points[4]))
    await page.press_on(".as-table summary")
    rows = await page.script(
        "return [...document.querySelectorAll('.trend-table tbody tr')].map(row => [...row.cells].slice(1).map(cell => cell.textContent))"
    )
    assert rows == [[money(point["value"]) for point in month] for month in reversed(points)]


async def test_shares_bars_clients_and_key_figures_are_those_of_the_api(page, owner, tokens, db):
    clients = await year(owner, db)
    # A client's name is text, whatever it contains.
    await owner.patch(f"/api/clients/{clients[1]}/", {"name": MARKUP})
    await page.open(tokens)
    await page.shows(revenue="$1,500.00")
    breakdown = await shown(owner, "breakdown/", period_type="monthly")
    for section, items in (("revenue", "revenue_categories"), ("expenses", "expense_categories")):
        text = await page.section(section)
        for item in breakdown[items]:
            assert money(item["value"]) in text and per_cent(item["percentage"]) in text
        widths = await page.widths(f"[data-section={section}] .bar rect:not(.rest)")
        assert widths == pytest.approx([item["percentage"] for item in breakdown[items]], abs=0.01)
    assert MARKUP in await page.section("revenue") and await page.script("return document.title") != "owned"
    assert "Travel" in await page.section("expenses")

    found = await shown(owner, "clients/", page_size=5)
    text = await page.section("clients")
    for client in found["results"]:
        assert client["client_name"] in text and money(client["total_revenue"]) in text
        assert f"{client['risk_level'].capitalize()} risk" in text or client["risk_level"] == "medium"
    kpis, text = await shown(owner, "kpis/"), await page.section("metrics")
    for kpi in kpis:
        value, unit = kpi["current_period"]["value"], kpi["current_period"]["unit"]
        says = money(value[:-2]) if unit == "currency" else per_cent(value) if unit == "percentage" else value[:-5]
        assert f"{kpi['metric_name']}" in text and says in text
        if kpi["target_achievement"]:
            assert ("reached" in text) or float(kpi["target_achievement"]) < 100
    months, text = await shown(owner, "projections/"), await page.section("projections")
    assert all(money(month["projected_revenue"]) in text for month in months)
    widths = await page.widths("[data-section=projections] .bar rect:not(.rest)")
    most = max(float(month["projected_revenue"]) for month in months)
    assert widths == pytest.approx([100 * float(month["projected_revenue"]) / most for month in months], abs=0.01)


async def test_what_is_owed_is_shown_by_when_it_is_due(page, owner, tokens, db):
    day = await today(db)
    late = await issue(owner, day - datetime.timedelta(50), "100.00")
    await owner.post("/api/invoices/update_overdue_status/")
    await issue(owner, day, "250.00", due_in=3)
    await issue(owner, day, "650.00", due_in=40)
    await page.open(tokens)
    await page.says("owed", "$1,000.00", late["invoice_number"], "20 days overdue")
    found = await page.script(
        "return Object.fromEntries([...document.querySelectorAll('[data-bucket]')].map(one => [one.dataset.bucket, one.querySelector('dd').textContent]))"
    )
    assert found == {"overdue": "$100.00", "soon": "$250.00", "later": "$650.00"}
    assert await page.widths("[data-section=owed] .bar rect:not(.rest)") == [10, 25, 65]
    stats = await shown(owner, "stats/")
    assert found["overdue"] == money(stats["overdue_amount"])


async def test_amounts_have_the_owners_currency(page, owner, tokens, db):
    await owner.patch("/api/books/preferences/", {"currency": "INR"})
    await issue(owner, await today(db), "1234567.50")
    await page.open(tokens)
    await page.until(page.tiles, lambda found: found.get("revenue", "").endswith("12,34,567.50"))
    assert (await page.tiles())["revenue"].startswith("₹")
    assert "$" not in await page.text("#view")


# Live


async def test_a_new_invoice_appears_without_a_reload_and_what_was_open_stays_so(page, owner, tokens, db):
    day = await today(db)
    await issue(owner, day, "100.00")
    await page.open(tokens)
    await page.shows(revenue="$100.00")
    await page.is_live()
    await page.press_on(".as-table summary")
    await page.script("window.isSamePage = true")
    await issue(owner, day, "11.00")
    await page.shows(revenue="$111.00")
    await page.says("owed", "$111.00")
    await page.says("today", "$111.00")
    await page.says("trend", "$111.00")
    assert await page.script("return [window.isSamePage, document.querySelector('.as-table').open]") == [True, True]
    await page.sees("#changed", "have changed")


async def test_many_changes_at_once_are_few_loads(page, owner, tokens, db):
    day = await today(db)
    client = (await owner.client())["id"]
    await issue(owner, day, "1.00", client)
    await page.open(tokens)
    await page.shows(revenue="$1.00")
    await page.is_live()
    await asyncio.gather(*(issue(owner, day, "1.00", client) for _ in range(24)))
    await page.shows(revenue="$25.00")
    loads = await page.script(
        "return performance.getEntriesByType('resource').filter(one => one.name.includes('/dashboard/stats/')).length"
    )
    assert loads < 8


async def test_without_the_server_the_page_says_so_and_goes_on_when_it_is_back(page, owner, tokens, db, server):
    day = await today(db)
    await issue(owner, day, "100.00")
    await page.open(tokens)
    await page.shows(revenue="$100.00")
    await page.is_live()
    await server.begin(answers=503)
    await page.until(lambda: page.text("#state"), lambda text: text != "Live")
    await page.sees("#stale", "These are the figures of")
    assert (await page.tiles())["revenue"] == "$100.00"
    await server.finish()
    await spend(owner, day, "40.00")
    await page.is_live()
    await page.shows(expenses="$40.00", profit="$60.00")
    await page.until(lambda: page.shown("#stale"), lambda is_shown: not is_shown)


async def test_the_stream_ends_while_the_tab_is_hidden_and_nothing_is_missed(page, owner, tokens, db, app):
    day, hub = await today(db), app.kept(LiveFigures).hub
    await issue(owner, day, "100.00")
    await page.open(tokens)
    await page.shows(revenue="$100.00")
    await page.is_live()
    assert hub.count(owner.id) == 1
    await page.hide(True)
    await until(lambda: hub.count(owner.id) == 0)
    await issue(owner, day, "5.00")
    await page.hide(False)
    await page.shows(revenue="$105.00")
    await page.is_live()
    assert hub.count(owner.id) == 1


async def test_a_stream_that_the_server_ends_is_opened_again(page, owner, tokens, db, app):
    day, hub = await today(db), app.kept(LiveFigures).hub
    await issue(owner, day, "100.00")
    await page.open(tokens)
    await page.shows(revenue="$100.00")
    await page.is_live()
    [ended] = hub.readers(owner.id)
    ended.left = 1
    await issue(owner, day, "5.00")
    await page.shows(revenue="$105.00")
    await until(lambda: [reader for reader in hub.readers(owner.id) if reader is not ended])
    await issue(owner, day, "5.00")
    await page.shows(revenue="$110.00")


async def test_too_many_requests_are_said_and_the_figures_follow(page, owner, tokens, db):
    await issue(owner, await today(db), "100.00")
    await page.before_scripts(
        """const fetched = window.fetch;
           let left = 1;
           window.fetch = (path, options) => String(path).includes('/overview/') && left-- > 0
               ? Promise.resolve(new Response(JSON.stringify({error: 'Slow down, please.'}), {status: 429, headers: {'Retry-After': '1'}}))
               : fetched(path, options);"""
    )
    await page.open(tokens)
    await page.shows(revenue="$100.00")


async def test_the_first_figures_that_fail_are_said_and_can_be_asked_for_again(page, owner, tokens, db):
    await issue(owner, await today(db), "100.00")
    await page.before_scripts(
        """const fetched = window.fetch;
           window.isLimited = true;
           window.fetch = (path, options) => String(path).includes('/overview/') && window.isLimited
               ? Promise.resolve(new Response(JSON.stringify({error: 'Slow down, please.'}), {status: 429, headers: {'Retry-After': '600'}}))
               : fetched(path, options);"""
    )
    await page.open(tokens)
    await page.sees("#view", "Slow down, please.")
    await page.script("window.isLimited = false")
    await page.press_on(".failed button", "Try again")
    await page.shows(revenue="$100.00")


# Without figures


async def test_empty_books_say_what_will_appear_and_the_first_invoice_brings_it(page, owner, tokens, db):
    await page.open(tokens)
    await page.sees(".welcome", "Your figures will appear here")
    assert not await page.shown("#periods") and not await page.shown("#export")
    links = await page.script("return [...document.querySelectorAll('.welcome a')].map(link => link.pathname)")
    assert links == ["/books/"] * 3
    await page.is_live()
    assert await page.faults("empty") == [] and await page.log() == []
    await issue(owner, await today(db), "70.00")
    await page.shows(revenue="$70.00")
    assert await page.shown("#periods")


async def test_without_invoices_of_the_last_months_there_is_no_projection(page, owner, tokens, db):
    await spend(owner, await today(db), "10.00")
    await page.open(tokens)
    await page.says("projections", "once you have sent invoices")
    await page.says("revenue", "Nothing invoiced")
    await page.says("owed", "Nothing is owed")


# Who may see it


async def test_who_signs_in_sees_their_figures_and_after_a_sign_out_nothing_of_them_is_left(
    page, owner, open_books, db
):
    day = await today(db)
    client = await owner.client(name="Secret Ltd.")
    await issue(owner, day, "100.00", client["id"])
    await page.load()
    await page.sign_in(await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id))
    await page.shows(revenue="$100.00")
    await page.says("clients", "Secret Ltd.")
    await page.press_on("#periods button", "Year")
    await page.click("#account")
    await page.press_on("dialog.sheet button", "Sign out")
    await page.sees("#sign-in-dialog", "Sign in")
    left = await page.script(
        "return document.documentElement.innerHTML + JSON.stringify({...localStorage, ...sessionStorage})"
    )
    assert "Secret" not in left and "100.00" not in left
    assert await page.hash() == ""
    other = await open_books()
    await spend(other, day, "3.00")
    await page.sign_in(await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", other.id))
    await page.shows(expenses="$3.00", revenue="$0.00")
    assert "Secret" not in await page.script("return document.documentElement.innerHTML")


async def test_a_session_that_is_ended_elsewhere_ends_here(page, owner, tokens, db):
    await issue(owner, await today(db), "100.00")
    await page.open(tokens)
    await page.shows(revenue="$100.00")
    await page.is_live()
    answer = await owner.api.call("POST", "/api/auth/logout/", {"refresh": tokens["refresh"]}, token=tokens["access"])
    assert answer.status < 300
    await page.sees("#sign-in-dialog", "Your session has ended")
    assert "100.00" not in await page.script("return document.getElementById('view').innerHTML")


async def test_the_books_and_the_dashboard_lead_to_each_other_without_another_sign_in(page, owner, tokens, db):
    await issue(owner, await today(db), "100.00")
    await page.open(tokens)
    await page.press_on("#nav a", "Home")
    await page.sees(".big-buttons", "New invoice")
    await page.press_on("#nav a", "Dashboard")
    await page.shows(revenue="$100.00")


# The export


async def test_an_export_is_made_with_what_was_chosen_and_saved(page, owner, tokens, db, run_jobs):
    await issue(owner, await today(db), "100.00")
    await page.open(tokens, "#quarterly")
    await page.shows(revenue="$100.00")
    # The browser of the tests saves no files.
    await page.script(
        """const made = URL.createObjectURL;
           URL.createObjectURL = blob => { window.blob = blob; return made.call(URL, blob); };
           HTMLAnchorElement.prototype.click = async function () { window.saved = [this.download, await window.blob.text()]; }"""
    )
    await page.click("#export")
    await page.put("[name=export_format]", "csv")
    await page.press_on(".export-form [type=submit]")
    await until(lambda: db.fetchval("SELECT count(*) FROM dashboard.export WHERE owner_id = $1", owner.id))
    await page.sees(".export-state", "Waiting for its turn")
    await run_jobs()
    await page.sees(".export-state", "is saved")
    name, text = await page.until(lambda: page.script("return window.saved"), bool)
    assert name.startswith("dashboard_overview_") and name.endswith(".csv") and "100.00" in text
    [made] = (await shown(owner, "exports/"))["results"]
    assert (made["export_format"], made["period_type"], made["include_charts"]) == ("csv", "quarterly", True)


# Every screen


async def test_nothing_is_too_wide_too_small_without_a_name_or_faint(page, owner, tokens, db):
    day = await today(db)
    client = await owner.client(name=LONG)
    for days in (95, 31, 0):
        await issue(owner, day - datetime.timedelta(days), "12345678.90", client["id"], due_in=10)
        await spend(owner, day - datetime.timedelta(days), "99999999.99", category="marketing")
    await owner.post("/api/invoices/update_overdue_status/")
    await page.open(tokens)
    await page.shows(revenue="$12,345,678.90")
    await page.is_live()
    await page.press_on(".as-table summary")
    found = {}
    for name, size in {
        "phone": PHONE,
        "narrow": (320, 640),
        "tablet": (820, 1100),
        "laptop": (1100, 800),
        "desk": DESK,
    }.items():
        await page.resize(*size)
        for scheme in ("light", "dark"):
            await page.emulate(scheme)
            if faults := await page.faults(f"{name}-{scheme}"):
                found[name, scheme] = faults
    await page.resize(*PHONE)
    await page.click("#export")
    await page.until(lambda: page.shown("[name=export_type]"), bool)
    if faults := await page.faults():
        found["export"] = faults
    assert found == {}
    assert await page.log() == []


async def test_the_page_names_all_of_its_modules_and_none_is_asked_for_twice(page, tokens):
    await page.open(tokens)
    await page.sees(".welcome", "Your figures")
    named = await page.script("return [...document.querySelectorAll('link[rel=modulepreload]')].map(link => link.href)")
    loaded = await page.script(
        "return performance.getEntriesByType('resource').map(one => one.name).filter(name => name.endsWith('.js'))"
    )
    assert sorted(loaded) == sorted([*named, f"{page.origin}/static/dashboard.js"])
    assert await page.log() == []
