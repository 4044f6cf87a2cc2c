"""The counter: the page on which the shop sells. docs/api/pos.md#counter."""

from core.access import public
from handlers.api.page import Page


class Counter(Page):
    # What the page shows comes from the API, which checks who may sell.
    access = public
    template = "counter.html"


routes = [("/pos/", Counter)]
