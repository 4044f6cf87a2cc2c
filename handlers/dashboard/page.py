"""The dashboard: the page on which an owner sees the books' figures, live. docs/api/dashboard.md#page."""

from core.access import public
from handlers.api.page import OFFICE, Page, PageLink
from handlers.api.roles import ROLES


class Dashboard(Page):
    # What the page shows comes from the API, which shows each account the figures of its own books.
    access = public
    template = "dashboard.html"


pages = [
    PageLink(
        "/dashboard/",
        "Dashboard",
        "See how the business goes: revenue, expenses, and what is owed.",
        may=lambda caller: "books" in ROLES[caller.role],
        group=OFFICE,
        place=20,
    )
]
routes = [("/dashboard/", Dashboard)]
