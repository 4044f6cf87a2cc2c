"""Imports and exports of expenses. docs/api/books.md#exports-and-imports."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
import python_calamine
import xlsxwriter

from core.http.schema import load
from handlers.books import columns
from handlers.books.expense_exchange import ExpenseImport

pytestmark = pytest.mark.gen_test

PATH = "/api/expenses/import/"


def lines(*rows):
    return "\n".join(rows).encode()


async def sent(owner, data, query=""):
    return await owner.post(f"{PATH}{query}", files={"file": ("expenses.any", data)})


async def listed(owner):
    return (await owner.get("/api/expenses/?ordering=id&page_size=100")).json["results"]


async def test_rows_become_expenses(owner):
    client = await owner.client()
    answer = await sent(
        owner,
        lines(
            "Description;Amount;Tax;Category;Date;Vendor;Billable;Client ID",
            f'Train;"1.234,50";0,5;travel;2026-01-31;Rail;yes;{client["id"]}',
            "Pens;12;;;2026-01-30;;;",
        ),
    )
    assert (answer.status, answer.json["created"], answer.json["ignored_columns"]) == (201, 2, [])
    train, pens = await listed(owner)
    expected = {
        "description": "Train", "amount": "1234.50", "tax_amount": "0.50", "category": "travel", "expense_date": "2026-01-31", "vendor": "Rail",
        "is_billable": True, "client": client["id"], "status": "pending",
    }  # fmt: skip
    assert {name: train[name] for name in expected} == expected
    assert (pens["amount"], pens["tax_amount"], pens["category"], pens["client"]) == ("12.00", "0.00", "other", None)


async def test_cells_of_xlsx_are_amounts_and_days(owner):
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data)
    sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, ["description", "amount", "expense_date"])
    for at, amount in enumerate((0.1 + 0.2, 99999999.99, 19.989999999999998), 1):
        sheet.write_row(at, 0, ["Train", amount])
        sheet.write_datetime(at, 2, datetime(2026, 1, 31), day)
    sheet.write_row(4, 0, ["Train", 5, 45322])
    book.close()
    answer = await sent(owner, data.getvalue(), "?mode=good")
    wrong = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
    assert (answer.status, answer.json["errors"]) == (201, [{"row": 5, "errors": {"expense_date": [wrong]}}])
    assert [(one["amount"], one["expense_date"]) for one in await listed(owner)] == [
        ("0.30", "2026-01-31"),
        ("99999999.99", "2026-01-31"),
        ("19.99", "2026-01-31"),
    ]


async def test_wrong_cells_are_named_by_row(owner, open_books):
    stranger = await (await open_books()).client()
    later = f"{datetime.now(UTC).date() + timedelta(9)}"
    answer = await sent(
        owner,
        lines(
            "Description,Amount,Date,Client,Category",
            'A,"1,234",2026-01-31,,',
            "B,1.234,2026-01-31,,",
            "C,1e3,31/01/2026,x,Travel",
            f"D,0,2026-01-31,{stranger['id']},",
            f"E,5,{later},{stranger['id']},",
            "F,5,1999-01-01,,",
            "G,,2026-02-30,,",
        ),
    )
    wrong_day = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]
    no_client = ["Invalid client selected."]

    def ambiguous(text):
        return {
            "amount": [
                f'"{text}" may mean two numbers. Write it without signs between thousands, and with two decimal places.'
            ]
        }

    assert answer.status == 400
    assert [(row["row"], row["errors"]) for row in answer.json["errors"]] == [
        (2, ambiguous("1,234")),
        (3, ambiguous("1.234")),
        (4, {"amount": ['A valid number is required. "1e3" is not one.'], "expense_date": wrong_day,
             "client": ['A valid number is required. "x" is not one.'], "category": ['"Travel" is not a valid choice.']}),
        (5, {"amount": ["Amount must be positive"]}),
        (6, {"expense_date": ["Expense date cannot be in the future"], "client": no_client}),
        (7, {"expense_date": ["Expense date is too far in the past"]}),
        (8, {"amount": ["This field is required."], "expense_date": wrong_day}),
    ]  # fmt: skip
    assert await listed(owner) == []


async def test_a_client_that_is_deleted_between_check_and_store_is_reported(owner, monkeypatch):
    async def nothing(db, **given):
        # As if the client had been there still.
        return []

    monkeypatch.setattr(ExpenseImport, "imported", ExpenseImport.imported._replace(find=nothing))
    data = lines("Description,Amount,Date,Client", "A,1,2026-01-31,999999", "B,1,2026-01-31,")
    errors = [{"row": 2, "errors": {"client": ["Invalid client selected."]}}]
    answer = await sent(owner, data)
    assert (answer.status, answer.json["errors"]) == (400, errors)
    answer = await sent(owner, data, "?mode=good")
    assert (answer.status, answer.json["created"], answer.json["errors"]) == (201, 1, errors)
    assert [one["description"] for one in await listed(owner)] == ["B"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_what_is_exported_can_be_imported(owner, kind):
    client = await owner.client()
    texts = {"description": "=Train", "vendor": "-Rail", "receipt_number": "+00123", "notes": "'@x"}
    made = await owner.expense(
        **texts, amount="1234.50", tax_amount="0.05", is_billable=True, client=client["id"], category="travel"
    )
    exported = await owner.get(f"/api/expenses/export/?export_format={kind}")
    answer = await sent(owner, exported.body)
    assert (answer.status, answer.json["created"]) == (201, 1), answer.text
    assert answer.json["ignored_columns"] == ["ID", "Attachments", "Created", "Updated"]
    [_, copy] = await listed(owner)
    assert {**copy, "id": made["id"], "created_at": made["created_at"], "updated_at": made["updated_at"]} == made


async def test_expenses_are_exported_with_the_filters_of_their_list(owner):
    client = await owner.client()
    for n, category in enumerate(("travel", "meals", "office", "travel"), 1):
        await owner.expense(
            description=f"Job {n}",
            category=category,
            amount=f"{n}.00",
            client=client["id"] if n == 2 else None,
            expense_date=f"2026-01-0{n}",
        )
    for asked in (
        "", "category=travel", "category=travel&category=meals", "amount_min=2&amount__lte=3", "search=job+3", "ordering=amount,-category",
        f"client={client['id']}", "date_from=2026-01-02&expense_date__lte=2026-01-03", "has_receipts=true", "status=pending&is_billable=false",
    ):  # fmt: skip
        expected = [one["id"] for one in (await owner.get(f"/api/expenses/?{asked}")).json["results"]]
        answer = await owner.get(f"/api/expenses/export/?{asked}")
        found = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
        assert [int(row["ID"]) for row in found] == expected, asked


async def test_an_export_shows_amounts_as_numbers_and_days_as_days(owner):
    made = await owner.expense(amount="99999999.99", vendor="-V", expense_date="2026-01-31")
    answer = await owner.get("/api/expenses/export/?export_format=xlsx")
    header, row = python_calamine.load_workbook(io.BytesIO(answer.body)).get_sheet_by_index(0).to_python()
    found = dict(zip(header, row, strict=True))
    expected = {
        "ID": made["id"],
        "Amount": 99999999.99,
        "Vendor": "-V",
        "Billable": False,
        "Attachments": 0,
        "Client ID": "",
        "Date": date(2026, 1, 31),
    }
    assert {name: found[name] for name in expected} == expected


def test_each_member_of_a_body_has_a_column_in_the_export():
    for noun, table in (("client", columns.CLIENTS), ("expense", columns.EXPENSES)):
        assert load(f"books/{noun}_write").shape.members.keys() <= {column.member for column in table}
