"""Packing: start, complete, cancel; what a packer is at. Seed 001; contracts/sales.md, 5."""

from core.data import sql
from core.http.handler import body
from handlers.sales.workflow import WORKER_GONE, ActiveTask, Cancellation, Step, refuse_busy, refuse_gone

EXISTS = "Packing session already exists for this invoice."

query = sql.load("sales/packing")

unfinished = {
    "no session": ("invoice_no", "No packing session found for this invoice."),
    "other worker": ("user_email", "Email mismatch. This invoice was started by {name} ({email})."),
    "worker gone": (
        "user_email",
        "Email mismatch. The account that this invoice was started by was deleted. Only an administrator can end its session.",
    ),
    "done": ("invoice_no", "Packing already completed."),
    "state": ("invoice_no", "Invoice must be in PACKING status. Current status: {status}"),
}


class PackingStart(Step):
    sentences = {
        "state": ("invoice_no", "Invoice must be in PICKED status. Current status: {status}"),
        "session": ("invoice_no", EXISTS),
    }

    @body("sales/session_step")
    async def post(self) -> None:
        """201; 400; 403 WORKFLOW_REQUIRE_SELF; 409 the worker is packing another invoice."""
        started = await self.step(query.start_packing)
        self.reply_told(f"Packing started by {started['name']}", started["document"], 201)


class PackingComplete(Step):
    sentences = unfinished

    @body("sales/session_step")
    async def post(self) -> None:
        """200; 400; 403 WORKFLOW_REQUIRE_SELF."""
        completed = await self.step(query.complete_packing)
        self.reply_told(f"Packing completed for {completed['invoice_no']}", completed["document"])


class PackingCancel(Cancellation):
    name, statement, sentences = "Packing", query.cancel_packing, unfinished


class PackingActive(ActiveTask):
    name, statement = "packing", query.get_active_packing


refusals = {
    "packing_session_invoice_key": (400, "session-exists", "Validation failed", {"invoice_no": [EXISTS]}),
    "packing_session_packer_active_key": refuse_busy("packing", query.get_blocking_packing),
    "packing_session_packer_id_fkey": WORKER_GONE,
    "packing_session_started_by_fkey": refuse_gone,
    "packing_session_completed_by_fkey": refuse_gone,
}
routes = [
    ("/api/sales/packing/start/", PackingStart),
    ("/api/sales/packing/complete/", PackingComplete),
    ("/api/sales/packing/cancel/", PackingCancel),
    ("/api/sales/packing/active/", PackingActive),
]
