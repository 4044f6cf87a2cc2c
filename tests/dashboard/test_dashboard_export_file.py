"""What exports of dashboards contain, read back from the files. docs/api/dashboard.md#export."""

import csv
import io
import zipfile
from datetime import date, timedelta

import pypdf
import pytest
import python_calamine

from core.report.report import FORMATS
from handlers.dashboard import export_content, export_job, export_sections
from handlers.dashboard.export_sections import TABLES
from tests.dashboard.exports import asked, file, last_month, today

pytestmark = pytest.mark.gen_test
NAME = "=HYPERLINK(1) श्री Ωμέγα Ромашка"


def tables(data):
    """The sections of a CSV file: by name their rows, the header first. "": the lines at its head."""
    found, name = {"": []}, ""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    for at, row in enumerate(rows):
        if not row:
            name = rows[at + 1][0]
            found[name] = []
        elif row != [name]:
            found[name].append(row)
    return found


def sheets(data):
    """The sheets of an XLSX file, by name."""
    book = python_calamine.load_workbook(io.BytesIO(data))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def pages(data):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data), strict=True).pages]


def row(table, name):
    """The cells of the row of that name."""
    [found] = [line for line in table if line[0] == name]
    return found


async def fill(owner):
    """Books of two periods: 2,360 with tax now, 500 before; what doesn't count is there too."""
    client = (await owner.client(name=NAME, company="+Acme"))["id"]
    lines = [
        {"description": "Design", "quantity": 1, "unit_price": "1500.00"},
        {"description": "-Freight", "quantity": 2, "unit_price": "250.00"},
    ]
    now = {"issue_date": f"{today()}", "due_date": f"{today() + timedelta(30)}"}
    await owner.invoice(client, **now, line_items=lines, tax_rate="0.18", status="sent")
    await owner.invoice(client, **now, line_items=lines)
    cancelled = await owner.invoice(client, **now, status="sent")
    assert (await owner.post(f"/api/invoices/{cancelled['id']}/cancel/")).status == 200
    half = [{"description": "Design", "quantity": 1, "unit_price": "500.00"}]
    before = f"{last_month()}"
    await owner.invoice(client, issue_date=before, due_date=before, line_items=half, status="sent")
    await owner.expense(
        description="@Taxi", amount="300.00", category="travel", expense_date=f"{today()}", vendor="=cmd"
    )
    await owner.expense(amount="100.00", category="meals", expense_date=f"{today()}", is_billable=True)
    refused = await owner.expense(amount="999.00", expense_date=f"{today()}")
    assert (await owner.post(f"/api/expenses/{refused['id']}/reject/")).status == 200
    return client


async def test_empty_books_make_a_file_of_each_kind_in_each_format(owner, db, run_jobs, monkeypatch):
    monkeypatch.setattr(export_job, "MOST_UNDER_WAY", 99)
    exports = [await asked(owner, f"export_format={form}&export_type={kind}") for form in FORMATS for kind in TABLES]
    await run_jobs()
    for export in exports:
        done = (await owner.get(export["status_url"])).json
        data = (await owner.get(done["export_url"])).body
        names = [table.name for table in TABLES[export["export_type"]]]
        if export["export_format"] == "csv":
            assert list(tables(data)) == ["", *names]
        elif export["export_format"] == "xlsx":
            assert list(sheets(data)) == ["Report", *names]
        else:
            text = "\n".join(pages(data))
            assert all(name in text for name in names) and export_sections.TITLES[export["export_type"]] in text


async def test_an_overview_has_the_figures_of_the_period_and_of_the_one_before(owner, run_jobs):
    client = await fill(owner)
    found = tables(await file(owner, run_jobs, "export_format=csv"))
    figures = found["Figures"]
    assert figures[0] == ["Figure", "This period", "Period before", "Change %"]
    assert figures[1:] == [
        ["Revenue", "2360.00", "500.00", "372.00"],
        ["Tax in the revenue", "360.00", "0.00", "0.00"],
        ["Expenses", "400.00", "0.00", "0.00"],
        ["Net profit", "1960.00", "500.00", "292.00"],
        ["Profit margin", "83.05", "100.00", ""],
        ["Invoices", "1", "1", "0.00"],
        ["Average invoice", "2360.00", "500.00", "372.00"],
        ["Expense entries", "2", "0", "0.00"],
        ["Reimbursable expenses", "100.00", "0.00", "0.00"],
        ["Quotes", "0", "0", "0.00"],
        ["Accepted quotes", "0", "0", "0.00"],
        ["Quote conversion", "0.00", "0.00", ""],
        ["New clients", "1", "0", "0.00"],
        ["Active clients today", "1", "", ""],
        ["Open invoices today", "2", "", ""],
        ["Outstanding today", "2860.00", "", ""],
        ["Overdue today", "500.00", "", ""],
    ]
    periods = found["Periods"][1:]
    assert len(periods) == 12 and [line[3] for line in periods[-3:]] == ["0.00", "500.00", "2360.00"]
    assert periods[-1][1] == f"{today().replace(day=1)}" and periods[-2][2] == f"{last_month()}"
    assert found["Top clients"][1][:6] == [f"{client}", f"'{NAME}", "'+Acme", "2360.00", "100.00", "1"]
    assert found["Expense categories"][1:] == [["Travel", "300.00", "1", "75.00"], ["Meals", "100.00", "1", "25.00"]]
    # It agrees with what the API says.
    stats = (await owner.get("/api/dashboard/stats/")).json
    assert (stats["revenue_this_month"], stats["profit_change"], stats["overdue_amount"]) == (
        "2360.00",
        "292.00",
        "500.00",
    )


async def test_texts_that_could_be_formulas_are_guarded_in_csv_and_texts_in_xlsx(owner, run_jobs):
    await fill(owner)
    await owner.patch("/api/auth/profile/", {"company_name": "=1+1"})
    found = tables(await file(owner, run_jobs, "export_format=csv&export_type=detailed"))
    assert ["Business", "'=1+1"] in found[""]
    assert row(found["Services"], "'-Freight")[1] == "500.00"
    assert found["Clients"][1][1:3] == [f"'{NAME}", "'+Acme"]
    assert found["Invoices"][1][2] == f"'{NAME}"
    assert found["Expenses"][1][2:5] == ["'@Taxi", "Travel", "'=cmd"]
    data = await file(owner, run_jobs, "export_type=detailed")
    found = sheets(data)
    assert found["Expenses"][1][2] == "@Taxi" and found["Clients"][1][1] == NAME
    assert not any(
        b"<f>" in zipfile.ZipFile(io.BytesIO(data)).read(name)
        for name in zipfile.ZipFile(io.BytesIO(data)).namelist()
        if "worksheets" in name
    )


async def test_an_xlsx_has_numbers_days_and_charts(owner, run_jobs):
    await fill(owner)
    data = await file(owner, run_jobs, "export_type=detailed")
    found = sheets(data)
    assert row(found["Figures"], "Revenue") == ["Revenue", 2360.0, 500.0, 372.0]
    assert row(found["Figures"], "Invoices")[1] == 1 and row(found["Figures"], "Overdue today")[2] == ""
    assert len(found["Periods"]) == 25 and isinstance(found["Periods"][1][1], date)
    assert found["Invoices"][1][3] == today() and found["Invoices"][1][7:12] == [2000.0, 360.0, 2360.0, 0.0, 2360.0]
    assert found["Expenses"][2][7] is True and found["Expenses"][1][9] == 300.0
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    charts = [zipfile.ZipFile(io.BytesIO(data)).read(name).decode() for name in names if "charts/chart" in name]
    assert len(charts) == 5
    kinds = ("lineChart", "barChart", "doughnutChart", "barChart", "barChart")
    assert all(f"<c:{kind}>" in chart for kind, chart in zip(kinds, charts, strict=True))
    # Programs that compute nothing show what the chart itself has.
    assert "<c:v>2360" in charts[0] and "Not due yet" in charts[1]
    data = await file(owner, run_jobs, "export_type=detailed&include_charts=false")
    assert not [name for name in zipfile.ZipFile(io.BytesIO(data)).namelist() if "chart" in name]
    assert sheets(data) == found


async def test_a_financial_report_has_24_periods_and_what_is_outstanding_by_how_late_it_is(owner, run_jobs):
    client = (await owner.client())["id"]
    for days, amount in (
        (0, "1.00"),
        (1, "10.00"),
        (30, "20.00"),
        (31, "100.00"),
        (60, "200.00"),
        (61, "1000.00"),
        (90, "2000.00"),
        (91, "10000.00"),
    ):
        day = f"{today() - timedelta(days)}"
        line = {"description": "x", "quantity": 1, "unit_price": amount}
        await owner.invoice(client, issue_date=day, due_date=day, status="sent", line_items=[line])
    paid = await owner.invoice(client, status="sent")
    assert (await owner.post(f"/api/invoices/{paid['id']}/mark_paid/")).status == 200
    found = tables(await file(owner, run_jobs, "export_format=csv&export_type=financial&period_type=quarterly"))
    assert [line[:3] for line in found["Outstanding"][1:]] == [
        ["Not due yet", "1", "1.00"],
        ["1–30 days late", "2", "30.00"],
        ["31–60 days late", "2", "300.00"],
        ["61–90 days late", "2", "3000.00"],
        ["More than 90 days late", "1", "10000.00"],
    ]
    assert len(found["Periods"]) == 25 and found["Periods"][-1][0] == f"Q{(today().month + 2) // 3} {today().year}"
    assert sum(float(line[3]) for line in found["Periods"][1:]) == 13331 + 1000


async def test_all_clients_of_a_period_are_listed_the_largest_first_with_how_they_pay(owner, db, run_jobs, monkeypatch):
    monkeypatch.setattr(export_content, "BATCH", 2)
    small, late, large, equal, none = [
        (await owner.client(name=name))["id"] for name in ("Small", "Late", "Large", "Equal", "None")
    ]
    line = {"description": "x", "quantity": 1}
    for client, amount in ((small, "10.00"), (late, "300.00"), (large, "90000.00"), (equal, "10.00")):
        await owner.invoice(client, status="sent", line_items=[{**line, "unit_price": amount}])
    [id] = [one["id"] for one in (await owner.get(f"/api/invoices/?client={late}")).json["results"]]
    await owner.post(f"/api/invoices/{id}/mark_paid/")
    await db.execute(
        "UPDATE books.invoice SET issue_date = issue_date - 50, due_date = issue_date - 20 WHERE id = $1", id
    )
    await owner.invoice(late, status="sent", line_items=[{**line, "unit_price": "300.00"}])
    await owner.quote(small)
    found = tables(await file(owner, run_jobs, "export_format=csv&export_type=clients"))["Clients"]
    assert [one[1] for one in found[1:]] == ["Large", "Late", "Small", "Equal"]
    assert dict(zip(found[0], found[2], strict=True)) == {
        "Client ID": f"{late}", "Client": "Late", "Company": "", "Revenue": "300.00", "Share %": "0.33", "Invoices": "1", "Quotes": "0",
        "Outstanding": "300.00", "Average days to pay": "50.00", "Payment score": "60.00", "Risk": "High", "Active": "TRUE",
    }  # fmt: skip
    assert [one[10] for one in found[1:]] == ["High", "High", "Low", "Low"]
    assert f"{none}" not in {one[0] for one in found}


async def test_analytics_have_shares_of_all_three_kinds_and_metrics(owner, run_jobs):
    await fill(owner)
    found = tables(await file(owner, run_jobs, "export_format=csv&export_type=analytics"))
    assert found["Services"][1:] == [["Design", "1500.00", "1", "75.00"], ["'-Freight", "500.00", "1", "25.00"]]
    assert found["Metrics"][1:] == [
        ["Total Revenue", "Financial", "2360.00", "500.00", "372.00", "", ""],
        ["Profit Margin", "Financial", "83.05", "100.00", "-16.95", "20.00", "415.25"],
        ["Invoices Generated", "Operational", "1", "1", "0.00", "", ""],
        ["New Clients", "Client", "1", "0", "0.00", "", ""],
        ["Revenue Growth Rate", "Growth", "372.00", "0.00", "0.00", "10.00", "3720.00"],
    ]
    assert [line[0] for line in found["Expense categories"][1:]] == ["Travel", "Meals"] and len(found["Clients"]) == 2


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_the_rows_of_a_detailed_report_make_up_its_figures_also_if_the_books_change_meanwhile(
    owner, run_jobs, monkeypatch, form
):
    monkeypatch.setattr(export_content, "BATCH", 3)
    client = (await owner.client())["id"]
    for n in range(8):
        await owner.invoice(client, status="sent")
        await owner.expense(amount=f"{n + 1}.00", expense_date=f"{today()}")
    section, changed = export_content.Reader._section, 0

    async def slowly(reader, table):
        nonlocal changed
        changed += 1
        await owner.invoice(client, status="sent")
        await owner.expense(amount="7.00", expense_date=f"{today()}")
        return await section(reader, table)

    monkeypatch.setattr(export_content.Reader, "_section", slowly)
    data = await file(owner, run_jobs, f"export_format={form}&export_type=detailed")
    found = tables(data) if form == "csv" else sheets(data)
    invoices, expenses = found["Invoices"][1:], found["Expenses"][1:]
    assert (len(invoices), len(expenses), changed) == (8, 8, 9)
    assert sum(float(line[9]) for line in invoices) == float(row(found["Figures"], "Revenue")[1]) == 8000
    assert sum(float(line[9]) for line in expenses) == float(row(found["Figures"], "Expenses")[1]) == 36
    assert len({line[0] for line in invoices}) == 8


async def test_what_a_file_has_no_room_for_is_counted(owner, run_jobs, monkeypatch):
    client = (await owner.client())["id"]
    for _ in range(5):
        await owner.invoice(client, status="sent")
    monkeypatch.setattr(export_content, "MOST_ROWS", {"csv": 1 << 62, "xlsx": 4, "pdf": 3})
    text = "\n".join(pages(await file(owner, run_jobs, "export_format=pdf&export_type=detailed")))
    assert "2 more rows are left out here. The formats XLSX and CSV have them." in text and text.count("INV-") == 3
    found = sheets(await file(owner, run_jobs, "export_type=detailed"))
    assert len(found["Invoices"]) == 5
    assert ["Invoices", "1 more rows do not fit on a sheet; CSV has all."] in found["Report"]
    assert len(tables(await file(owner, run_jobs, "export_format=csv&export_type=detailed"))["Invoices"]) == 6


async def test_a_pdf_has_the_letterhead_texts_of_all_scripts_and_the_currency_of_its_owner(owner, run_jobs):
    await fill(owner)
    await owner.patch(
        "/api/auth/profile/", {"company_name": "मलबार Traders", "company_address": "Beach Road\nKozhikode"}
    )
    await owner.patch("/api/books/preferences/", {"currency": "INR", "phone": "+91 98765", "footer": "GSTIN 32"})
    data = await file(owner, run_jobs, "export_format=pdf&export_type=detailed")
    found = pages(data)
    whole = "\n".join(found)
    for text in (
        "Traders",
        "Beach Road",
        "+91 98765",
        "₹2,360.00",
        "Ωμέγα Ромашка",
        "=HYPERLINK(1)",
        "+372.00% on the period before",
        "GSTIN 32",
    ):
        assert text in whole, text
    assert f"Page {len(found)} of {len(found)}" in found[-1]
    reader = pypdf.PdfReader(io.BytesIO(data))
    assert reader.metadata.author == "मलबार Traders" and reader.metadata.title.startswith("Detailed report, ")
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == [595, 842]
    # The same books make the same bytes.
    assert await file(owner, run_jobs, "export_format=pdf&export_type=detailed") == data
    plain = await file(owner, run_jobs, "export_format=pdf&export_type=detailed&include_charts=false")
    assert len(plain) < len(data)
    await owner.patch("/api/books/preferences/", {"paper_size": "Letter"})
    letter = pypdf.PdfReader(io.BytesIO(await file(owner, run_jobs, "export_format=pdf")))
    assert [round(float(side)) for side in letter.pages[0].mediabox[2:]] == [612, 792]


@pytest.mark.parametrize(
    ("period", "start", "label"),
    [
        ("daily", "2026-07-05", "5 Jul 2026"),
        ("weekly", "2026-07-06", "6 Jul 2026"),
        ("monthly", "2026-07-01", "Jul 2026"),
        ("quarterly", "2026-07-01", "Q3 2026"),
        ("yearly", "2026-01-01", "2026"),
    ],
)
async def test_periods_are_called_as_people_call_them(period, start, label):
    assert export_sections.label(period, start) == label


async def test_books_of_others_are_not_in_a_file(owner, open_books, run_jobs):
    stranger = await open_books("OWNER")
    await stranger.invoice((await stranger.client(name="Zanzibar"))["id"], status="sent")
    await fill(owner)
    assert b"Zanzibar" not in await file(owner, run_jobs, "export_format=csv&export_type=detailed")
