"""The invoice board: the page that people watch invoices on."""

from core.access import public
from handlers.api.page import Page


class Board(Page):
    access = public  # what it shows comes from the API, which knows who may read
    template = "live.html"


routes = [("/live/", Board)]
