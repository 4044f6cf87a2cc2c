"""The import page in Chromium (docs/api/sales.md#import-page)."""

import base64
import json
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
        await self.keep_session(tokens)
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


async def test_a_reload_goes_on_showing_the_import_and_the_bare_address_finds_what_is_under_way(
    page, sign_in, tmp_path, run_jobs
):
    await page.sign_in_as(await sign_in("BILLING", "reloads@example.com"))
    path = tmp_path / "bills.ndjson"
    path.write_text("{}\n" + json.dumps({"invoice_no": "x"}) + "\n")
    await page.choose(path)
    await page.sees("#progress-part", "Finished", "2 invoices")
    address = await page.script("return location.hash")
    await page.load()
    # What has ended is only among the last ones, until it is asked for.
    await page.sees("#imports", "2 invoices, 2 refused")
    assert await page.script("return document.getElementById('progress-part').hidden")
    await page.click("#imports a")
    await page.sees("#results", "Refused (2)", "customer: This field is required.")
    assert await page.script("return location.hash") == address
    path.write_text(table(row("IR-1")))
    csv = tmp_path / "more.csv"
    csv.write_text(table(row("IR-1"), row("IR-2")))
    await page.choose(csv)
    await page.sees("#progress-part", "Being stored", "0 of 2 invoices")
    await page._call(page._driver.refresh)
    await page.sees("#progress-part", "Being stored")
    await page.load()
    await page.sees("#progress-part", "Being stored")
    await run_jobs()
    await page.sees("#progress-part", "Finished", "2 invoices")


async def test_what_is_wrong_with_a_file_stands_below_it(page, sign_in, tmp_path):
    await page.load()
    await page.sees("#sign-in-dialog", "Sign in", "To import invoices.")
    await page.sign_in_as(await sign_in("BILLING", "wrong@example.com"))
    for name, content, said in (
        ("bills.pdf", "x", "bills.pdf: choose a file whose name ends in"),
        ("bills.csv", "", "bills.csv is empty."),
        ("other.csv", "a,b\n1,2\n", "The file lacks the column invoice_no, invoice_date, salesman"),
        ("bills.json", "[{}", "JSON parse error - The array has no end"),
    ):
        path = tmp_path / name
        path.write_text(content)
        await page.choose(path)
        await page.sees("#file-problem", said)
    await picture(page, "wrong")
    assert await page.script("return document.getElementById('progress-part').hidden")


async def test_without_the_server_the_file_is_kept_and_sent_again(page, sign_in, tmp_path, server, api):
    await page.sign_in_as(await sign_in("BILLING", "again@example.com"))
    path = tmp_path / "bills.csv"
    path.write_text(table(row("IA-1")))
    await page.script(
        """const send = XMLHttpRequest.prototype.send;
           XMLHttpRequest.prototype.send = function () {
             XMLHttpRequest.prototype.send = send;
             this.dispatchEvent(new ProgressEvent('error'));
           };"""
    )
    await page.choose(path)
    await page.sees("#file-problem", "The server does not answer")
    await page.click("#again")
    await page.sees("#progress-part", "Being stored", "0 of 1 invoice")
