"""The pages on which sales reps approve vendors. docs/api/vendor.md#sales-rep-pages."""

from urllib.parse import urlencode

from core.data import sql
from core.http import schema
from core.http.declare import takes
from core.http.parameter import UUID, Parameter
from core.problem import Problem
from handlers.api.caller import ChangesCallers
from handlers.api.page import WORK, PageLink
from handlers.api.roles import ROLES
from handlers.vendor.rep_handler import VENDORS, RepHandler, sales_rep

# Vendors on a page.
MOST = 100
STATUSES = {"all": "All", "pending": "Pending", "approved": "Approved"}
NOT_FOUND = "Vendor not found"
BULK = schema.load("vendor/bulk_approve")

query = sql.load("vendor/sales_rep")


class VendorList(RepHandler):
    access = sales_rep
    parameters = (
        Parameter("status", "Only vendors of this state: pending or approved; all for both."),
        Parameter("search", "Only vendors with this in the username, e-mail, business name or phone."),
        Parameter("after", "The id of the last vendor of the page before.", UUID),
    )

    async def get(self) -> None:
        """200 text/html: counts of all vendors, and a page of the list, newest first."""
        status, search = self.asked("status"), self.asked("search")[:255]
        status = status if status in STATUSES else "all"
        rows = await query.list_vendors(
            self.db,
            status=status if status != "all" else None,
            search=search,
            after=after if schema.is_uuid(after := self.asked("after")) else None,
            timezone=self.config.business_timezone,
            most=MOST + 1,
        )
        vendors, older = rows[:MOST], ""
        if len(rows) > MOST:
            older = "?" + urlencode({"status": status, "search": search, "after": vendors[-1]["id"]})
        counts = await query.count_vendors(self.db)
        self.show(
            "sales_rep_vendors.html",
            vendors=vendors, older=older, counts=counts, status=status, statuses=STATUSES, search=search,
        )  # fmt: skip


class VendorPage(RepHandler):
    access = sales_rep
    missing = NOT_FOUND

    async def get(self, id: str) -> None:
        """200 text/html: one vendor; 404."""
        vendor = await query.get_vendor(self.db, vendor_id=id, timezone=self.config.business_timezone)
        if vendor is None:
            raise Problem(404, "not-found", NOT_FOUND)
        self.show("sales_rep_vendor.html", vendor=vendor)


class Approval(ChangesCallers, RepHandler):
    """The base of what changes vendors."""

    access = sales_rep
    missing = NOT_FOUND

    async def decide(self, vendor_ids: list[str], is_approved: bool) -> list[str]:
        """Approve or reject vendors; returns the names of those that exist."""
        self.check_form()
        rows = await query.set_approval(self.db, vendor_ids=vendor_ids, is_approved=is_approved, actor=self.actor)
        return [row["business_name"] for row in rows]

    def decided(self, message: str, kind: str = "success") -> None:
        """Answer a script with JSON, and a form with the list and the message on it."""
        if self.is_script:
            self.reply({"success": kind == "success", "message": message})
            return
        self.say(message, kind)
        self.redirect(VENDORS)


class Approve(Approval):
    async def post(self, id: str) -> None:
        """302 to the list; 200 for a script; 404."""
        names = await self.decide([id], True)
        if not names:
            raise Problem(404, "not-found", NOT_FOUND)
        self.decided(f"Vendor {names[0]} approved successfully")


class Reject(Approval):
    async def post(self, id: str) -> None:
        """302 to the list; 200 for a script; 404. The vendor's sessions end at once, because the account becomes inactive."""
        names = await self.decide([id], False)
        if not names:
            raise Problem(404, "not-found", NOT_FOUND)
        self.decided(f"Vendor {names[0]} rejected/deactivated")


class BulkApprove(Approval):
    @takes(BULK)
    async def post(self) -> None:
        """302 to the list; 200 for a script. Ids of no vendor are left out."""
        await self.read_body(BULK)
        chosen = [id for id in self.body.get("vendor_ids", []) if schema.is_uuid(id)]
        names = await self.decide(chosen, True)
        if not names:
            self.decided("No vendors selected", "error")
            return
        self.decided(f"{len(names)} vendor(s) approved successfully")


class RepStream(RepHandler):
    access = sales_rep
    parameters = (Parameter("lastEventId", "Resumes after this event, as the header Last-Event-ID does."),)

    async def get(self) -> None:
        """200 text/event-stream: an event whenever a vendor has registered or was changed; its data is `{id}`."""
        assert self.caller is not None
        await self.application.streams.serve(self, "vendor.vendor", self.last_event_id, self.caller.lease)


groups = ("Vendor: sales-rep pages",)
pages = [
    PageLink(
        VENDORS,
        "Vendors",
        "Approve or reject vendors who have registered in the app.",
        may=lambda caller: "sales-rep" in ROLES[caller.role] or caller.is_staff,
        group=WORK,
        place=40,
    )
]
routes = [
    (VENDORS, VendorList),
    (f"{VENDORS}bulk-approve/", BulkApprove),
    (f"{VENDORS}{{id:uuid}}/", VendorPage),
    (f"{VENDORS}{{id:uuid}}/approve/", Approve),
    (f"{VENDORS}{{id:uuid}}/reject/", Reject),
    ("/sales-rep/sse/", RepStream),
]
