"""Quotes as files. docs/api/books.md#exports-and-imports."""

from collections.abc import Mapping
from typing import Any

from handlers.books import columns, export, quote_list
from handlers.books.export import Export
from handlers.books.export_rows import Exported
from handlers.books.listing import Listing
from handlers.books.quote import QuoteHandler


class QuoteExport(QuoteHandler, Export):
    exported = Exported("quotes", columns.QUOTES, {"": quote_list.quotes, "expired": quote_list.expired})
    parameters = export.parameters((*quote_list.PARAMETERS, quote_list.SEARCH))

    def chosen(self) -> tuple[Listing, Mapping[str, Any]]:
        return quote_list.chosen(self)


exports = {"quotes": QuoteExport.exported}
groups = ("Books: quotes",)
routes = [("/api/quotes/export/", QuoteExport)]
