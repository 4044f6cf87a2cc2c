"""Quotes as files. docs/api/books.md#exports-and-imports."""

from typing import Any

from handlers.books import columns, export, quote_list
from handlers.books.export import Export
from handlers.books.export_rows import Exported
from handlers.books.quote import QuoteHandler


class QuoteExport(QuoteHandler, Export):
    exported = Exported("quotes", columns.QUOTES, quote_list.quotes)
    parameters = export.parameters((*quote_list.PARAMETERS, quote_list.SEARCH))

    def filters(self) -> dict[str, Any]:
        return quote_list.filters(self)


exports = {"quotes": QuoteExport.exported}
groups = ("Books: quotes",)
routes = [("/api/quotes/export/", QuoteExport)]
