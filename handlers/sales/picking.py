"""Picking: start, complete, cancel; what a picker is at. Seed 001; contracts/sales.md, 5."""

from core.data import sql
from core.http.handler import body
from handlers.sales.workflow import WORKER_GONE, ActiveTask, Cancellation, Step, refuse_busy, refuse_gone

EXISTS = "Picking session already exists for this invoice."

query = sql.load("sales/picking")

unfinished = {
    "no session": ("invoice_no", "No picking session found for this invoice."),
    "other worker": (
        "user_email", "Email mismatch. This invoice was started by {name} ({email}). Please scan the correct email."
    ),
    "worker gone": (
        "user_email",
        "Email mismatch. The account that this invoice was started by was deleted. Only an administrator can end its session.",
    ),
    "done": ("invoice_no", "Picking already completed for this invoice."),
    "state": ("invoice_no", "Invoice must be in PICKING status. Current status: {status}"),
}  # fmt: skip


class PickingStart(Step):
    sentences = {
        "state": ("invoice_no", "Invoice cannot be picked in '{status}' state."),
        "session": ("invoice_no", EXISTS),
    }

    @body("sales/session_step")
    async def post(self) -> None:
        """201; 400; 403 WORKFLOW_REQUIRE_SELF; 409 the worker is picking another invoice."""
        started = await self.step(query.start_picking)
        self.reply_told(f"Picking started by {self.caller.name or self.caller.email}", started["document"], 201)


class PickingComplete(Step):
    sentences = unfinished

    @body("sales/session_step")
    async def post(self) -> None:
        """200; 400; 403 WORKFLOW_REQUIRE_SELF."""
        completed = await self.step(query.complete_picking)
        self.reply_told(f"Picking completed for {completed['invoice_no']}", completed["document"])


class PickingCancel(Cancellation):
    name, statement, sentences = "Picking", query.cancel_picking, unfinished


class PickingActive(ActiveTask):
    name, statement = "picking", query.get_active_picking


refusals = {
    "picking_session_invoice_key": (400, "session-exists", "Validation failed", {"invoice_no": [EXISTS]}),
    "picking_session_picker_active_key": refuse_busy("picking", query.get_blocking_picking),
    "picking_session_picker_id_fkey": WORKER_GONE,
    "picking_session_started_by_fkey": refuse_gone,
    "picking_session_completed_by_fkey": refuse_gone,
}
routes = [
    ("/api/sales/picking/start/", PickingStart),
    ("/api/sales/picking/complete/", PickingComplete),
    ("/api/sales/picking/cancel/", PickingCancel),
    ("/api/sales/picking/active/", PickingActive),
]
