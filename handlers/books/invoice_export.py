"""Invoices as files. docs/api/books.md#exports-and-imports."""

from typing import Any

from handlers.books import columns, export, invoice_list
from handlers.books.export import Export
from handlers.books.export_rows import Exported
from handlers.books.invoice_refusal import InvoiceHandler


class InvoiceExport(InvoiceHandler, Export):
    exported = Exported("invoices", columns.INVOICES, invoice_list.invoices)
    parameters = export.parameters((*invoice_list.PARAMETERS, invoice_list.SEARCH))

    def filters(self) -> dict[str, Any]:
        return invoice_list.filters(self)


exports = {"invoices": InvoiceExport.exported}
groups = ("Books: invoices",)
routes = [("/api/invoices/export/", InvoiceExport)]
