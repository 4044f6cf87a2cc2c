"""The base of the pages for sales reps: who is signed in, forms that only our own pages can send, messages. docs/api/vendor.md#sales-rep-pages."""

from typing import Any, NamedTuple

from core.access import Access
from core.data import sql
from core.problem import Problem
from handlers.api.page_handler import PageHandler
from handlers.api.roles import ROLES

SIGN_IN, VENDORS = "/sales-rep/", "/sales-rep/vendors/"
query = sql.load("vendor/sales_rep")


class Rep(NamedTuple):
    """Who is signed in to the pages. refusal: why they may not use them; "": they may."""

    name: str
    kind: str
    refusal: str


class RepHandler(PageHandler):
    """The base of the pages. rep: who is signed in."""

    sign_in = SIGN_IN
    refused = "sales_rep_refused.html"
    rep: Rep | None = None

    async def authenticate(self) -> None:
        """Set self.caller and self.rep from the cookie; neither without a session that is open."""
        await super().authenticate()
        if self.caller is not None:
            self.rep = await find_rep(self.db, self.caller.account_id)

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page of web/templates. Each gets `rep`."""
        super().show(template, rep=self.rep, **values)


async def find_rep(db: sql.Runner, account_id: int) -> Rep | None:
    """What an account is to the pages. None: it was deleted."""
    row = await query.get_rep(db, account_id=account_id)
    if row is None:
        return None
    kind = "Sales Rep" if row["role"] == "SALESREP" or row["is_rep_active"] is not None else "Admin"
    may_enter = "sales-rep" in ROLES[row["role"]] or row["is_staff"] or row["is_rep_active"] is not None
    refusal = "Access denied" if not may_enter else ""
    # A profile that was switched off counts for people of the firm too.
    if row["is_rep_active"] is False:
        refusal = "Sales rep account not active"
    return Rep(row["name"], kind, refusal)


def rep_of(handler: RepHandler) -> Rep:
    """Who is signed in. Raises Problem: 302 to the sign-in; 403 for a form or a script without a session, and for people who are no sales
    reps."""
    rep = handler.rep
    if rep is None:
        raise handler.to_sign_in()
    if rep.refusal:
        raise Problem(403, "denied", rep.refusal)
    return rep


def _signed_in(handler: RepHandler) -> None:
    rep_of(handler)


sales_rep = Access("signed in by the cookie of the sales reps' pages, area sales-rep, or is_staff", _signed_in)
