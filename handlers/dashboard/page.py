"""The dashboard: the page on which an owner sees the books' figures, live. docs/api/dashboard.md#page."""

from core.access import public
from handlers.api.page import Page


class Dashboard(Page):
    # What the page shows comes from the API, which shows each account the figures of its own books.
    access = public
    template = "dashboard.html"


routes = [("/dashboard/", Dashboard)]
