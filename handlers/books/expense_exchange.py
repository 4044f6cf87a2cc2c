"""Expenses as files: their export, and their import. docs/api/books.md#exports-and-imports."""

from core.http import schema
from handlers.books import columns, export
from handlers.books.expense import WRONG_DATES, ExpenseHandler, ExpenseList, expenses, query
from handlers.books.export import Export
from handlers.books.export_rows import Exported
from handlers.books.import_file import Imported
from handlers.books.importing import Import
from handlers.books.paperwork import WRONG_CLIENT


class ExpenseExport(ExpenseList, Export):
    exported = Exported("expenses", columns.EXPENSES, expenses)
    parameters = export.parameters(ExpenseList.parameters)


class ExpenseImport(ExpenseHandler, Import):
    imported = Imported(
        schema.load("books/expense_write"),
        columns.EXPENSES,
        (),
        query.find_refusals,
        query.import_expenses,
        {"client": {"client": [WRONG_CLIENT]}, **{code: problem.fields for code, problem in WRONG_DATES.items()}},
        conflict="client",
    )


exports = {"expenses": ExpenseExport.exported}
groups = ("Books: expenses",)
routes = [
    ("/api/expenses/export/", ExpenseExport),
    ("/api/expenses/import/", ExpenseImport),
]
