"""The counter: the page on which the shop sells. docs/api/pos.md#counter."""

from core.access import public
from handlers.api.page import WORK, Page, PageLink
from handlers.api.roles import ROLES


class Counter(Page):
    # What the page shows comes from the API, which checks who may sell.
    access = public
    template = "counter.html"


pages = [
    PageLink(
        "/pos/",
        "Counter",
        "Sell in the shop: scan, take the payment, print the receipt.",
        may=lambda caller: "pos" in ROLES[caller.role],
        group=WORK,
        place=30,
    )
]
routes = [("/pos/", Counter)]
