"""Delivery: start, complete, cancel. docs/api/sales.md#delivery."""

from core.http import schema
from core.http.declare import answers, body, takes
from core.problem import invalid
from core.text import BLANKS
from handlers.api.envelope import data_of
from handlers.sales.workflow import CANCELLATIONS, Cancellation, Step, exists, query

NO_SCAN = "User email scan is required for DIRECT/INTERNAL delivery."
MOST_NOTES = 100_000  # characters of one delivery; IN_TRANSIT may be reported any number of times

unfinished = {
    "no session": ("invoice_no", "No delivery session found for this invoice."),
    "no scan": ("user_email", NO_SCAN),
    "other worker": ("user_email", "Email mismatch. This delivery was assigned to {name} ({email})."),
    "worker gone": (
        "user_email",
        "Email mismatch. The account that this delivery was assigned to was deleted. Only an administrator can end it.",
    ),
    "courier": (
        "user_email",
        "Email mismatch. This delivery was given to the courier {courier_name}. Only an administrator can cancel it.",
    ),
    "done": ("invoice_no", "Delivery already completed."),
    "state": ("invoice_no", "Invoice must be in DISPATCHED status. Current status: {status}"),
    "notes": ("notes", f"Ensure the notes of this delivery have in sum no more than {MOST_NOTES} characters."),
}


class DeliveryStart(Step):
    kind = "delivery"
    sentences = {
        "state": ("invoice_no", "Invoice must be in PACKED status. Current status: {status}"),
        "session": ("invoice_no", exists("delivery")),
    }

    async def read_body(self, expected: schema.Schema) -> None:
        """Require, by the type, the courier's name or the e-mail of one of the firm's people."""
        await super().read_body(expected)
        is_courier = self.body["delivery_type"] == "COURIER"
        if not self.body.get("courier_name" if is_courier else "user_email", "").strip(BLANKS):
            if is_courier:
                raise invalid({"courier_name": ["Courier name is required for COURIER delivery."]})
            raise invalid({"user_email": [NO_SCAN]})

    @answers(201, data_of("sales/delivery_session", 201))
    @body("sales/delivery_start")
    async def post(self) -> None:
        """Start to deliver an invoice that is PACKED. 201; 400 wrong fields, or why this invoice or person can't start; 403 the caller may not,
        or only as themselves (WORKFLOW_REQUIRE_SELF)."""
        started = await self.step(query.start_delivery)
        self.reply_enveloped(f"Delivery started - {self.body['delivery_type']}", started["document"], 201)


class DeliveryComplete(Step):
    kind = "delivery"
    sentences = unfinished

    @answers(200, data_of("sales/delivery_session"))
    @body("sales/delivery_complete")
    async def post(self) -> None:
        """Complete a delivery. With delivery_status IN_TRANSIT the session stays open. 200; 400 wrong fields, or why this invoice or person can't
        complete; 403 the caller may not, or only as themselves (WORKFLOW_REQUIRE_SELF)."""
        completed = await self.step(query.complete_delivery, most_notes=MOST_NOTES)
        status = self.body.get("delivery_status", "DELIVERED").lower()
        self.reply_enveloped(f"Delivery {status} for {completed['invoice_no']}", completed["document"])


class DeliveryCancel(Cancellation):
    kind, sentences = "delivery", unfinished

    @answers(200, data_of("sales/delivery_session"))
    @takes(*CANCELLATIONS)
    async def post(self) -> None:
        """Cancel a delivery that is not completed. The invoice is PACKED again. 200; 400 wrong fields, or why this session can't be cancelled;
        403 the caller may not, or only as themselves (WORKFLOW_REQUIRE_SELF)."""
        await self.cancel()


groups = ("Staff: delivery",)
routes = [
    ("/api/sales/delivery/start/", DeliveryStart),
    ("/api/sales/delivery/complete/", DeliveryComplete),
    ("/api/sales/delivery/cancel/", DeliveryCancel),
]
