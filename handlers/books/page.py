"""The books: the page on which somebody writes quotes and invoices, and keeps clients and expenses. docs/api/books.md#page."""

from core.access import public
from handlers.api.page import CONTENT_SECURITY_POLICY, OFFICE, Page, PageLink
from handlers.api.roles import ROLES


class Books(Page):
    # What the page shows comes from the API, which shows each account its own books.
    access = public
    template = "books.html"
    # The picture of a receipt is shown before it is uploaded, from the memory of the browser.
    content_security_policy = f"{CONTENT_SECURITY_POLICY}; img-src 'self' blob:"


pages = [
    PageLink(
        "/books/",
        "Books",
        "Write quotes and invoices, and note payments and expenses.",
        may=lambda caller: "books" in ROLES[caller.role],
        group=OFFICE,
        place=10,
    )
]
routes = [("/books/", Books)]
