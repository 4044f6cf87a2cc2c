"""The page on which people drop a file of invoices. docs/api/sales.md#import-page."""

from core.access import public
from handlers.api.page import Page


class ImportPage(Page):
    # The page stores by the API, which checks who may import.
    access = public
    template = "import.html"


routes = [("/import/", ImportPage)]
