"""Invoices in tables (docs/api/sales.md#tables): rows that make an invoice, and rows that don't."""

import json

import pytest

from core.http.stored_file import XLSX
from core.sheets.cell import Column
from core.sheets.xlsx_writer import XlsxWriter

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/import/invoices/"
HEADER = "invoice_no;invoice_date;salesman;customer.code;customer.name;item.name;item.item_code;item.quantity;item.mrp;item.shelf_location\n"
NONE = ";" * 5


@pytest.fixture
def send(api):
    """`await send(content, "text/csv")`: the results of a table."""

    async def send(content, kind="text/csv"):
        body = content if isinstance(content, bytes) else content.encode()
        answer = await api.post(PATH, body, key="test-import-key", headers={"Content-Type": kind})
        return answer.json["data"]["results"] if answer.status == 200 else answer.json["errors"]

    return send


def row(number, code="C-1", item="Thing;T1;2;3.50;R-1"):
    return f"{number};2025-01-18;Ajay;{code};Shop;{item}\n"


async def test_rows_of_one_number_are_one_invoice_and_each_has_an_item(send, api):
    table = HEADER.title() + row("T-1") + row("T-1", item="Other;T2;10;1.234,50;") + f"{NONE}Third;T3;1;2.125;X\n"
    table += (
        row("T-2", item="Thing;T1;many;3.5;R-12")
        + row("T-3", item=";;;;")
        + "\n"
        + row("T-4", item="=1+1;'=T;1;1,234;R")
    )
    results = await send("\ufeff" + table)
    assert [(one["line"], one["status"], one["invoice_no"]) for one in results] == [
        (2, "created", "T-1"), (5, "invalid", "T-2"), (6, "created", "T-3"), (8, "invalid", "T-4"),
    ]  # fmt: skip
    assert results[1]["errors"] == {"items": [{"quantity": ['A valid integer is required. "many" is not one.']}]}
    # It may be a thousand, or one and a bit.
    assert results[3]["errors"] == {"items": [{"mrp": ['A valid number is required. "1,234" is not one.']}]}
    stored = (await api.get(f"/api/sales/invoices/{results[0]['id']}/")).json
    assert [(one["name"], one["quantity"], one["mrp"], one["shelf_location"]) for one in stored["items"]] == [
        ("Thing", 2, 3.5, "R-1"), ("Other", 10, 1234.5, ""), ("Third", 1, 2.125, "X"),
    ]  # fmt: skip


async def test_rows_that_say_different_things_of_one_invoice_are_refused_together(send):
    results = await send(HEADER + row("D-1") + row("D-1", code="C-2") + row("D-2", item="Thing;T1;2;3.50;R-1;more"))
    assert [one["status"] for one in results] == ["invalid", "invalid"]
    assert results[0]["errors"] == {"non_field_errors": ["Row 3 says another customer.code than row 2."]}
    assert results[1]["errors"] == {"non_field_errors": ["Row 4 has more cells than the header."]}


async def test_what_a_row_lacks_is_said_by_its_member(send):
    results = await send(HEADER + ";;;;;;T1;;;\n")
    assert results[0]["invoice_no"] == ""
    assert results[0]["errors"] == {
        "invoice_no": ["This field may not be blank."],
        "invoice_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
        "salesman": ["This field may not be blank."],
        "customer": {"code": ["This field may not be blank."], "name": ["This field may not be blank."]},
        "items": [
            {
                "name": ["This field may not be blank."],
                "quantity": ["A valid integer is required."],
                "mrp": ["A valid number is required."],
            }
        ],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The file is empty."),
        (HEADER, "The file has no rows below its header."),
        (HEADER.replace("salesman;", ""), "The file lacks the column salesman."),
        (HEADER.replace("item.item_code", "item.code"), "The file lacks the column item.item_code."),
        (HEADER.replace("salesman", "Invoice No") + row("X"), 'Two columns are named "invoice_no".'),
        (HEADER + '"never closed' + row("X"), "Row 2 can't be read: unexpected end of data."),
        (HEADER + "a\0b", "The file is neither CSV nor XLSX."),
    ],
)
async def test_a_table_that_can_not_be_read_stores_nothing(send, content, said):
    assert await send(content) == {"file": [said]}


async def test_a_workbook_with_days_and_numbers_is_a_table(send, api, tmp_path):
    titles = HEADER.strip().split(";")
    kinds = {"invoice_date": "day", "item.quantity": "number", "item.mrp": "amount"}
    writer = XlsxWriter(tmp_path / "a.xlsx", "Bills", [Column(one, one, kinds.get(one, "text")) for one in titles])
    values = ["W-1", "2025-01-18", "Ajay", "C-1", "Shop", "Thing", "T1", 2, "3.50", "R-1"]
    writer.add([json.dumps(dict(zip(titles, values, strict=True)))])
    writer.close()
    [result] = await send((tmp_path / "a.xlsx").read_bytes(), XLSX)
    assert (result["line"], result["status"], result["errors"]) == (2, "created", None)
    stored = (await api.get(f"/api/sales/invoices/{result['id']}/")).json
    assert (stored["invoice_date"], stored["total_amount"]) == ("2025-01-18", 7)
