"""The administration in a browser: choosing rows by a search, with a keyboard, on a phone. docs/api/operations.md#administration."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Page, needs_chromium

pytestmark = [pytest.mark.gen_test, needs_chromium]

# What makes the page wider than the screen, beside what scrolls by itself.
WIDE = """
    return [...document.querySelectorAll('main *')].filter(one => !one.closest('.scroll, .unseen') && one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => one.outerHTML.slice(0, 100))"""


class AdminPage(Page):
    async def go(self, path: str) -> None:
        origin = self._address[: self._address.index("/", len("http://"))]
        await self._call(self._driver.get, origin + path)

    async def path(self) -> str:
        return await self.script("return location.pathname + location.search")

    async def value(self, name: str) -> str:
        return await self.script(f"return document.querySelector('[name={name}]')?.value ?? ''")


@pytest.fixture
def page(chrome, base_url, http_server, io_loop):
    chrome.get_log("browser")  # empties it
    page = AdminPage(chrome, f"{base_url}/admin/")
    yield page
    io_loop.run_sync(page.restore_size)
    io_loop.run_sync(page.leave)


@pytest.fixture
def department(api, sign_in):
    """`await department("Packing")`: the id of a new department."""

    async def department(name):
        admin = await sign_in("SUPERADMIN")
        made = await api.post("/api/auth/departments/", {"name": name}, token=admin["access"])
        assert made.status == 201, made.text
        return made.json["data"]["id"]

    return department


async def test_a_row_is_chosen_by_a_search_with_the_keyboard_and_saved_by_its_id(page, sign_in, department):
    await department("Yard")
    id = await department("Packing hall")
    await page.keep_session(await sign_in("SUPERADMIN"))
    await page.go("/admin/accounts/job-titles/add/")
    await page.type("[name=title]", "Head packer")
    await page.type("#department_id", "packing")
    # At first, before anything is typed, all are offered.
    await page.until(lambda: page.text(".picks"), lambda text: text.strip() == "Packing hall")
    await page.press(Keys.ARROW_DOWN)
    await page.press(Keys.ENTER)
    await page.until(lambda: page.value("department_id"), lambda value: value == id)
    await page.click(".edit button:not(.plain)")
    await page.sees("#message", "was added successfully")
    assert await page.value("department_id") == id
    assert await page.script("return document.getElementById('department_id').value") == "Packing hall"
    assert [entry for entry in await page.log() if entry["level"] == "SEVERE"] == []


async def test_what_is_typed_and_not_chosen_names_no_row(page, sign_in, department):
    await department("Loading bay")
    await page.keep_session(await sign_in("SUPERADMIN"))
    await page.go("/admin/accounts/job-titles/add/")
    await page.type("#department_id", "loading")
    await page.sees(".picks", "Loading bay")
    await page.click("[name=title]")
    await page.until(
        lambda: page.script("return document.getElementById('department_id').value"), lambda text: text == ""
    )
    assert await page.value("department_id") == ""


async def test_rows_are_chosen_together_and_an_action_asks_before_it_is_done(page, sign_in, department):
    for n in range(3):
        await department(f"Gone soon {n}")
    await page.keep_session(await sign_in("SUPERADMIN"))
    await page.go("/admin/accounts/departments/?search=gone")
    await page.click("#all")
    await page.sees("#count", "3 of 3 chosen")
    await page.script("document.querySelector('select[name=action]').value = 'delete'")
    await page.click(".bulk button")
    await page.sees("main", "Are you sure?", "Gone soon 0", "Gone soon 2")
    await page.click("button.danger")
    await page.sees("#message", "Successfully deleted 3 of 3 departments.")
    assert await page.path() == "/admin/accounts/departments/?search=gone"


async def test_its_pages_fit_a_phone(page, sign_in, department):
    id = await department("A department with " + "a-very-long-name-" * 6)
    await page.keep_session(await sign_in("SUPERADMIN"))
    await page.resize(390, 844)
    for path in (
        "/admin/",
        "/admin/accounts/departments/",
        f"/admin/accounts/departments/{id}/",
        f"/admin/accounts/departments/{id}/delete/",
        "/admin/accounts/users/",
        "/admin/accounts/users/add/",
        "/admin/vendor/vendors/",
        "/admin/operations/audit/",
        "/admin/operations/settings/",
    ):
        await page.go(path)
        assert await page.script(WIDE) == [], path
