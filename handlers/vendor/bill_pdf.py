"""A bill as a PDF, for thermal printers and A5. docs/api/vendor.md#paper-of-a-bill."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core import product
from core.data import sql
from core.files import media
from core.http.declare import answers
from core.http.disposition import inline
from core.http.parameter import Parameter
from core.paper.fonts import in_thread
from core.problem import invalid, not_found
from handlers.vendor.bill_paper import MOST_LINES, PAPERS, paper
from handlers.vendor.handler import VendorHandler, approved_vendor, refused

MEDIA = "application/pdf"
PAPER = Parameter(
    "paper",
    "The paper: a roll of 58 or 80 mm, as thermal printers have it, or A5; 80 without it.",
    {"type": "string", "enum": list(PAPERS)},
)

query = sql.load("vendor/bill_pdf")


class BillPdf(VendorHandler):
    access = approved_vendor
    missing = "Bill not found"
    parameters = (PAPER,)

    @answers(200, {"type": "string", "format": "binary"}, media=MEDIA, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Print a bill, as a PDF. 200; 304; 400 an unknown paper, or a bill of more than 300 lines; 404."""
        asked = self._paper()
        row = await query.get_bill(self.db, vendor_id=self.vendor_id, id=id)
        if row is None:
            raise not_found(self.missing)
        bill = json.loads(row["document"], parse_float=Decimal)
        if len(bill["items"]) > MOST_LINES:
            raise refused(f"A bill of more than {MOST_LINES} lines can't be printed.")
        self._tag(bill, asked, row["logo"])
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        logo = await media.read(self.application, row["logo"])
        if logo is None:
            self._tag(bill, asked, None)
        # It takes milliseconds.
        body = await in_thread(lambda: paper(bill, PAPERS[asked], logo))
        shown = inline(f"bill-{bill['invoice_number']}.pdf")
        self.reply(body, headers={"Content-Type": MEDIA, "Content-Disposition": shown})

    def _paper(self) -> str:
        """A key of PAPERS. Raises Problem 400: another paper."""
        asked = self.asked("paper") or next(iter(PAPERS))
        if asked not in PAPERS:
            raise invalid({"paper": [f'"{asked[:40]}" is not a valid choice. Choices: {", ".join(PAPERS)}.']})
        return asked

    def _tag(self, bill: Mapping[str, Any], asked: str, logo: str | None) -> None:
        """A stored bill never changes; but another release may print it otherwise, and the vendor may have another logo."""
        state = (product.VERSION, asked, bill["id"], bill["updated_at"], logo)
        self.set_header("ETag", f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"')
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "private, no-cache")


groups = ("Vendor: bills",)
routes = [("/backup/bills/{id:uuid}/pdf/", BillPdf)]
