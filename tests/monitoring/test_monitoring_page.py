"""The page of monitoring in a real browser. docs/api/monitoring.md#page."""

import base64
import os
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.books.books_page import NAMELESS, TOO_SMALL, TOO_WIDE
from tests.monitoring.conftest import task
from tests.support.browser import Page, needs_chromium
from tests.support.http import PASSWORD

PHONE, DESK = (390, 844), (1440, 900)
# A folder: each look at the page is also kept there as a picture.
SHOTS = os.environ.get("MONITORING_PAGE_SHOTS", "")
TASKS, ALERTS = "/api/monitoring/api/tasks/", "/api/monitoring/api/alerts/"

pytestmark = [pytest.mark.gen_test, needs_chromium]


class MonitoringPage(Page):
    """The page under test."""

    async def sign_in(self, email: str) -> None:
        await self.load()
        await self.sees("#sign-in", "Sign in")
        await self.type("#email", email)
        await self.type("#password", PASSWORD, Keys.ENTER)
        await self.sees("#state", "Updated")

    async def faults(self, name: str) -> list[str]:
        if SHOTS:
            await self._call(self._driver.save_screenshot, f"{SHOTS}/{name}.png")
            await self._whole(f"{SHOTS}/{name}-whole.png")
        return [*await self.script(TOO_WIDE), *await self.script(TOO_SMALL), *await self.script(NAMELESS)]

    async def _whole(self, path: str) -> None:
        """A picture of all of the page."""
        whole = await self.script(
            "const all = document.documentElement; return {x: 0, y: 0, width: all.clientWidth, height: all.scrollHeight, scale: 1}"
        )
        wanted = {"captureBeyondViewport": True, "clip": whole}
        shot = await self._call(self._driver.execute_cdp_cmd, "Page.captureScreenshot", wanted)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    async def dark(self, is_dark: bool) -> None:
        value = "dark" if is_dark else "light"
        features = [{"name": "prefers-color-scheme", "value": value}]
        await self._call(self._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture
def page(chrome, base_url, http_server, io_loop):
    chrome.get_log("browser")  # empties it
    found = MonitoringPage(chrome, f"{base_url}/api/monitoring/")
    io_loop.run_sync(lambda: found.resize(*DESK))
    yield found
    io_loop.run_sync(found.leave)
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    io_loop.run_sync(found.restore_size)


async def email_of(owner, db):
    return await db.fetchval("SELECT email FROM accounts.account WHERE id = $1", owner.id)


async def lived(db, admin):
    """A day of a server that is used, and ten of its tasks an hour."""
    await db.execute(
        "TRUNCATE monitoring.task, monitoring.task_period, monitoring.alert, monitoring.health_metric, monitoring.tally"
    )
    await db.execute(
        """INSERT INTO monitoring.task (is_server, task_id, task_name, queue_name, priority, status, scheduled_at, completed_at, duration, retry_count,
                                        worker_name, result_summary, error_message, arguments, keyword_arguments, created_at)
           SELECT true, 'day-' || n, (ARRAY['books.mail', 'books.export', 'webhooks.deliver'])[n % 3 + 1], 'default', 'normal',
                  CASE WHEN n % 10 = 3 THEN 'failure' ELSE 'success' END, now(), now(), 0.2 + n % 50 / 10.0, 0, '', '', '', '[]', '{}',
                  date_trunc('hour', now(), 'UTC') - n / 10 * interval '1 hour'
             FROM generate_series(0, 239) n"""
    )
    await db.execute(
        """INSERT INTO monitoring.health_metric (is_automatic, recorded_at, active_workers, total_workers, pending_tasks, active_tasks,
                                                 completed_tasks_hourly, failed_tasks_hourly, success_rate, cpu_usage, queue_lengths, metadata)
           SELECT true, now() - n * interval '5 minutes', 1, 1, abs(40 * sin(n / 9.0))::int, n % 4, 0, 0, 99, 30 + 25 * sin(n / 5.0), '{}', '{}'
             FROM generate_series(1, 96) n"""
    )
    for status in ("pending", "pending", "retry", "started"):
        await admin.made(TASKS, task(task_name="books.export", status=status, queue_name="low_priority"))
    await db.execute("DELETE FROM monitoring.alert")
    await admin.made(
        ALERTS,
        {
            "alert_type": "queue_backlog",
            "severity": "critical",
            "title": "Many tasks wait",
            "message": "120 tasks wait for a worker.",
        },
    )


async def tiles(page):
    return dict(
        await page.script(
            "return [...document.querySelectorAll('#tiles div')].map(tile => [...tile.children].map(one => one.textContent.replace(/\\s/g, ' ')))"
        )
    )


async def test_it_shows_what_the_api_says(page, open_books, db, worker):
    admin = await open_books("ADMIN")
    await worker.seen()
    await lived(db, admin)
    await page.sign_in(await email_of(admin, db))
    overview = (await admin.get("/api/monitoring/")).json
    shown = await tiles(page)
    assert (shown["Workers"], shown["Waiting"], shown["Running"]) == ("1 of 1", "3", "1")
    assert shown["Runs in 24 h"] == "244" and shown["Success"] == "90 %"
    assert (await page.text("#scope"), await page.text("#verdict-title")) == (
        "The whole server.",
        f"Healthy: {overview['health']['message']}",
    )
    # Each hour has nine that succeeded and one that failed, and so its bars.
    heights = "return [...document.querySelectorAll('rect.bar.' + arguments[0])].map(bar => Number(bar.getAttribute('height')))"
    good, bad = await page.script(heights, "good"), await page.script(heights, "bad")
    assert (len(good), len(bad), len(set(good)), len(set(bad))) == (24, 24, 1, 1) and 8.5 < good[0] / bad[0] < 9.5
    points = "return document.querySelectorAll('.line')[arguments[0]].getAttribute('points').split(' ').length"
    assert [await page.script(points, n) for n in range(5)] == [24, 24, 96, 96, 96]
    rows = await page.script(
        "return [...document.querySelectorAll('#tasks tr')].map(row => [...row.children].slice(0, 3).map(one => one.textContent))"
    )
    assert sorted(rows) == [["books.export", "84", "8"], ["books.mail", "80", "8"], ["webhooks.deliver", "80", "8"]]
    assert len(await page.script("return [...document.querySelectorAll('#recent li')].map(one => one.innerText)")) == 10
    assert await page.log() == []


async def test_a_chart_is_read_with_the_keyboard(page, open_books, db, worker):
    admin = await open_books("ADMIN")
    await lived(db, admin)
    await page.sign_in(await email_of(admin, db))
    await page.script("document.querySelectorAll('.chart svg[role=img]')[1].focus()")
    await page.press(Keys.ARROW_LEFT)
    await page.until(lambda: page.text("#charts"), lambda text: "9 succeeded, 1 failed" in text)
    assert "arrow keys" in await page.script("return document.activeElement.ariaLabel")


async def test_an_alert_is_acknowledged_and_resolved_and_others_see_it(page, open_books, db):
    admin = await open_books("ADMIN")
    await lived(db, admin)
    await page.sign_in(await email_of(admin, db))
    await page.sees("#alerts", "Critical", "Many tasks wait", "120 tasks wait for a worker.")
    await page.click("[data-act$=acknowledge]")
    await page.sees("#alerts", "acknowledged")
    (alert,) = (await admin.get(f"{ALERTS}active/")).json
    assert alert["acknowledged_by"] == admin.id
    await page.until(
        lambda: page.script("return document.activeElement.dataset.act"), lambda act: act and act.endswith("/resolve")
    )
    await page.press(Keys.ENTER)
    await page.sees("#no-alerts", "Nothing needs your attention.")
    await page.until(lambda: page.script("return document.activeElement.id"), lambda id: id == "alerts-title")
    assert (await admin.get(f"{ALERTS}{alert['id']}/")).json["is_resolved"]


async def test_it_looks_again_by_itself_and_says_when_the_server_is_away(page, owner, db, process):
    await page.before_scripts(
        "{ const later = setTimeout; window.setTimeout = (work, wait) => later(work, Math.min(wait, 300)); }"
    )
    await page.sign_in(await email_of(owner, db))
    await page.sees("#no-recent", "No task has run yet.")
    await owner.made(TASKS, task(task_name="fresh.task", status="started"))
    await page.sees("#recent", "fresh.task", "Started")
    await page.script("window.fetch = () => Promise.reject(new TypeError('away'))")
    await page.sees("#state", "The server does not answer. Trying again.")
    assert "fresh.task" in await page.text("#recent")


async def test_members_see_their_own_and_the_next_one_nothing_of_it(page, owner, open_books, db):
    other = await open_books()
    await owner.made(TASKS, task(task_name="secret.task", status="failure"))
    await page.sign_in(await email_of(owner, db))
    assert "secret.task" in await page.sees("#recent", "Failure") and "Your own tasks." in await page.text("#scope")
    await page.click("#account")
    await page.sees("#sign-in", "Sign in")
    assert "secret" not in await page.script(
        "return document.body.innerHTML + JSON.stringify({...sessionStorage, ...localStorage})"
    )
    await page.sign_in(await email_of(other, db))
    assert "secret" not in await page.script("return document.body.innerHTML")
    assert await page.text("#no-recent") == "No task has run yet."


async def test_who_may_not_enter_is_told_so(page, sign_in):
    await sign_in("SALESREP")
    await page.load()
    await page.type("#email", "salesrep@example.com")
    await page.type("#password", PASSWORD, Keys.ENTER)
    await page.sees("#sign-in-problem", "This account has no tasks here.")
    await page.type("#password", "wrong", Keys.ENTER)
    await page.until(lambda: page.text("#sign-in-problem"), lambda text: text and "no tasks" not in text)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_it_fits_the_screen(page, open_books, db, worker, size):
    admin = await open_books("ADMIN")
    await worker.seen()
    await page.resize(*size)
    await page.load()
    await page.sees("#sign-in", "Sign in")
    assert await page.faults(f"sign-in-{size[0]}") == []
    await page.sign_in(await email_of(admin, db))
    assert await page.faults(f"empty-{size[0]}") == []
    await lived(db, admin)
    await long_names(admin)
    await page.click("#refresh")
    await page.sees("#alerts", "Many tasks wait")
    for is_dark in (False, True):
        await page.dark(is_dark)
        assert await page.faults(f"used-{size[0]}-{'dark' if is_dark else 'light'}") == []


async def long_names(admin):
    """Names without a place to break them."""
    await admin.made(TASKS, task(task_name="n" * 255, queue_name="q" * 255, status="pending"))
    body = {"alert_type": "slow_tasks", "severity": "info", "title": "t" * 255, "message": "m" * 500}
    await admin.made(ALERTS, body)
