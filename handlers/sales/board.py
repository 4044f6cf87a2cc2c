"""The board: the page on which people watch and work on invoices. docs/api/sales.md#board."""

from core.access import public
from handlers.api.page import Page


class Board(Page):
    # What the page shows comes from the API, which checks who may read.
    access = public
    template = "live.html"


routes = [("/live/", Board)]
