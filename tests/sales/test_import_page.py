"""The import page in Chromium (docs/api/sales.md#import-page)."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Page, needs_chromium

pytestmark = [pytest.mark.gen_test, needs_chromium]

HEADER = "invoice_no,invoice_date,salesman,customer.code,customer.name,item.name,item.item_code,item.quantity,item.mrp,item.shelf_location\n"


class ImportPage(Page):
    """The import page under test."""

    async def choose(self, path: Path) -> None:
        await self._call(lambda: self._driver.find_element("id", "file").send_keys(str(path)))

    async def sign_in_as(self, tokens: dict[str, str]) -> None:
        await self.load()
        await self.script("sessionStorage.setItem('tradepost.session', JSON.stringify(arguments[0]))", tokens)
        await self.load()
        await self.sees("#account-word", "Sign out")


@pytest.fixture
def page(request: pytest.FixtureRequest, base_url: str, http_server: Any, io_loop: Any) -> Iterator[ImportPage]:
    driver = request.getfixturevalue("chrome")
    driver.get_log("browser")
    page = ImportPage(driver, f"{base_url}/import/")
    yield page
    io_loop.run_sync(page.leave)
    io_loop.run_sync(page.restore_size)


def table(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def row(number: str, quantity: Any = 2) -> str:
    return f"{number},2025-01-18,Ajay,C-1,Shop,Thing,T1,{quantity},3.50,R-1"


async def picture(page: ImportPage, name: str) -> None:
    """For people who look at the page: `IMPORT_PICTURES=folder ./run test ...`."""
    folder = os.environ.get("IMPORT_PICTURES")
    if not folder:
        return
    for scheme in ("light", "dark"):
        for label, size in (("phone", (390, 844)), ("desk", (1280, 900))):
            await page.resize(*size)
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            await page._call(page._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", media)
            shot = await page._call(
                page._driver.execute_cdp_cmd, "Page.captureScreenshot", {"captureBeyondViewport": True}
            )
            Path(folder, f"{name}-{label}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))


async def test_a_dropped_table_is_imported_and_what_is_refused_is_shown_with_its_reason(
    page, sign_in, tmp_path, run_jobs
):
    await page.sign_in_as(await sign_in("BILLING"))
    await picture(page, "empty")
    path = tmp_path / "bills.csv"
    path.write_text(table(row("IP-1"), row("IP-2", "some"), row("IP-3", -1), row("IP-4"), row("IP-1")))
    await page.choose(path)
    await page.sees("#progress-part", "Being stored", "2 of 5 invoices")
    await picture(page, "running")
    await run_jobs()
    await page.sees("#progress-part", "Finished", "5 invoices")
    shown = await page.sees("#results", "Refused (2)", "There already (1)", "IP-3")
    assert 'items 1, quantity: A valid integer is required. "some" is not one.' in shown
    assert "items 1, quantity: Ensure this value is greater than or equal to 1." in shown
    await picture(page, "done")
    await page.click("#results-choice [data-status=duplicate]")
    await page.sees("#lines", "IP-1", "there already")
    await page.sees("#imports", "5 invoices, 2 refused, 1 there already")
