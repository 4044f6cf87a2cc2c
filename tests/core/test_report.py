"""Reports that a process of its own writes, and the charts in them. core/report, core/paper/charts.py. What dashboards put into them:
tests/dashboard/test_dashboard_export_file.py."""

import asyncio
import csv
import io
import json
import os
import signal
import zipfile

import psutil
import pypdf
import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st

from core.paper.charts import MOST_TICKS, short, ticks
from core.report import process, report
from core.report.process import write_report
from core.report.report import FORMATS, Report, Section, Tile
from core.sheets.cell import Column
from core.sheets.chart import Chart

pytestmark = pytest.mark.gen_test
COMPANY = {
    "name": "Acme", "address": "", "email": "a@example.com", "phone": "", "website": "", "currency": "USD", "sign": "$", "paper_size": "A4",
    "footer": "", "logo": None,
}  # fmt: skip
COLUMNS = (
    Column("Name", "name"),
    Column("Amount", "amount", "amount"),
    Column("Mixed", "mixed", "by_row"),
    Column("Day", "day", "day"),
    Column("Flag", "flag", "boolean"),
    Column("Share", "share", "percent"),
)


def document(name, amount="1234.50", kind="number", mixed="7", **more):
    return {
        "name": name,
        "amount": amount,
        "kind": kind,
        "mixed": mixed,
        "day": "2026-07-05",
        "flag": True,
        "share": "12.50",
        **more,
    }


def save(folder, documents, *, chart=None, charts=True, total=None, **company):
    """A report of one section."""
    with report.rows_path(folder, "Things").open("w") as file:
        file.writelines(json.dumps(one) + "\n" for one in documents)
    section = Section(
        "Things",
        COLUMNS,
        len(documents),
        total or len(documents),
        chart,
        ("name", "amount", "mixed", "day", "flag", "share"),
    )
    tiles = (Tile("Revenue", "99999999999999.99", "amount", "12.50", True), Tile("Open", "3", "number"))
    found = Report("Title", "Sub", {**COMPANY, **company}, (("Label", "Text"),), tiles, (section,), charts)
    report.save(found, folder)
    return found


async def written(folder, form):
    async def ignore(part):
        pass

    return (await write_report(folder, form, ignore)).read_bytes()


def test_a_report_is_read_as_it_was_saved(tmp_path):
    saved = save(tmp_path, [document("a")], chart=Chart("bars", "T", "name", ("amount",), 3))
    assert report.load(tmp_path) == saved


async def test_a_report_is_written_in_each_format(tmp_path):
    save(tmp_path, [document("=1+1"), document("é\u2028", "-5.00", "percent", "1.25", share=None)], total=5)
    rows = list(csv.reader(io.StringIO((await written(tmp_path, "csv")).decode("utf-8-sig"), newline="")))
    assert rows == [
        ["Title", "Sub"], ["Business", "Acme"], ["Label", "Text"], [], ["Things"], [column.header for column in COLUMNS],
        ["'=1+1", "1234.50", "7", "2026-07-05", "TRUE", "12.50"], ["é\u2028", "-5.00", "1.25", "2026-07-05", "TRUE", ""],
    ]  # fmt: skip
    data = await written(tmp_path, "xlsx")
    found = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_name("Things").to_python()
    assert [line[:3] for line in found[1:]] == [["=1+1", 1234.5, 7], ["é\u2028", -5.0, 1.25]] and found[1][5] == 12.5
    assert '0.00"%"' in zipfile.ZipFile(io.BytesIO(data)).read("xl/styles.xml").decode().replace("&quot;", '"')
    text = pypdf.PdfReader(io.BytesIO(await written(tmp_path, "pdf")), strict=True).pages[0].extract_text()
    for shown in (
        "=1+1",
        "1,234.50",
        "5 Jul 2026",
        "1.25%",
        "12.50%",
        "Yes",
        "$99,999,999,999,999.99",
        "3 more rows are left out",
    ):
        assert shown in text, shown


@pytest.mark.parametrize("kind", ["line", "bars", "pie"])
@pytest.mark.parametrize("amounts", [["0.00"], ["5.00"], ["0.00", "-3.00"], ["-1.00", "1000000.00", "0.01"], []])
async def test_charts_are_drawn_of_any_amounts(tmp_path, kind, amounts):
    save(
        tmp_path,
        [document(f"n {at}", amount) for at, amount in enumerate(amounts)],
        chart=Chart(kind, "T", "name", ("amount",)),
    )
    found = report.load(tmp_path)
    for form in ("xlsx", "pdf"):
        # Within this process, which is quicker.
        writer = __import__(f"core.report.{form}_file", fromlist=["write"])
        path = tmp_path / f"file.{form}"
        writer.write(found, tmp_path, path, lambda rows: None)
        data = path.read_bytes()
        if form == "pdf":
            assert len(pypdf.PdfReader(io.BytesIO(data), strict=True).pages) == 1
        else:
            assert (
                len(python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_name("Things").to_python())
                == len(amounts) + 1
            )


def test_a_long_table_has_its_head_on_each_page_and_the_same_report_is_the_same_bytes(tmp_path):
    found = save(tmp_path, [document(f"name {n} " + "x " * (n % 90)) for n in range(120)])
    from core.report import pdf_file

    pdf_file.write(found, tmp_path, tmp_path / "a.pdf", lambda rows: None)
    pdf_file.write(found, tmp_path, tmp_path / "b.pdf", lambda rows: None)
    data = (tmp_path / "a.pdf").read_bytes()
    assert data == (tmp_path / "b.pdf").read_bytes()
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    assert len(pages) > 3 and all("Amount" in page and f"of {len(pages)}" in page for page in pages)
    assert sum(page.count("1,234.50") for page in pages) == 120


async def test_progress_is_told_in_order_and_ends_with_the_whole(tmp_path):
    save(tmp_path, [document("a")] * 5000)
    told = []

    async def tell(part):
        told.append(part)

    await write_report(tmp_path, "csv", tell)
    assert told == sorted(set(told)) and told[-1] == 1 and len(told) == 10


async def test_a_process_that_is_killed_is_an_error_and_one_that_nobody_waits_for_is_killed(tmp_path):
    save(tmp_path, [document("a")] * 200_000)

    async def child():
        # Postgres and Redis may be children of this process too.
        while not (found := [one for one in psutil.Process().children() if str(tmp_path) in one.cmdline()]):
            await asyncio.sleep(0.01)
        return found[0]

    async def ignore(part):
        pass

    task = asyncio.create_task(write_report(tmp_path, "xlsx", ignore))
    os.kill((await child()).pid, signal.SIGKILL)
    with pytest.raises(OSError, match="has ended"):
        await task
    task = asyncio.create_task(write_report(tmp_path, "xlsx", ignore))
    writer = await child()
    while writer.nice() != min(os.getpriority(os.PRIO_PROCESS, 0) + process.NICE, 19):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(writer.pid)


async def test_rows_that_can_not_be_written_are_an_error(tmp_path):
    save(tmp_path, [{"name": "a"}])
    for form in FORMATS:
        with pytest.raises(OSError, match="status 1"):
            await written(tmp_path, form)


# Charts


@given(st.floats(-1e15, 1e15), st.floats(-1e15, 1e15))
def test_ticks_are_few_and_reach_around_all_values(a, b):
    found = ticks(min(a, b), max(a, b))
    slack = 1e-6 * max(abs(a), abs(b), 1)
    assert found[0] <= min(a, b) + slack and found[-1] >= max(a, b) - slack and any(abs(one) < slack for one in found)
    assert found == sorted(found) and 2 <= len(found) <= 2 * MOST_TICKS


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (999, "999"), (1500, "1.5k"), (-2_500_000, "-2.5M"), (3e9, "3B"), (1e12, "1T")],
)
def test_numbers_at_an_axis_are_short(value, text):
    assert short(value) == text
