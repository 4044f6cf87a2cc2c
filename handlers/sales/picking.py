"""Picking: start, complete, cancel; a picker's task. docs/api/sales.md#picking."""

from core.http.declare import answers, body, takes
from handlers.api.envelope import data_of
from handlers.sales.workflow import CANCELLATIONS, ActiveTask, Cancellation, Step, exists, query

unfinished = {
    "no session": ("invoice_no", "No picking session found for this invoice."),
    "other worker": (
        "user_email",
        "Email mismatch. This invoice was started by {name} ({email}). Please scan the correct email.",
    ),
    "worker gone": (
        "user_email",
        "Email mismatch. The account that this invoice was started by was deleted. Only an administrator can end its session.",
    ),
    "done": ("invoice_no", "Picking already completed for this invoice."),
    "state": ("invoice_no", "Invoice must be in PICKING status. Current status: {status}"),
}


class PickingStart(Step):
    kind = "picking"
    sentences = {
        "state": ("invoice_no", "Invoice cannot be picked in '{status}' state."),
        "session": ("invoice_no", exists("picking")),
    }

    @answers(201, data_of("sales/picking_session", 201))
    @answers(409, "sales/worker_busy")
    @body("sales/session_step")
    async def post(self) -> None:
        """Start to pick an invoice that is PENDING. 201; 400 wrong fields, or why this invoice or person can't start; 403 the caller may not,
        or only as themselves (WORKFLOW_REQUIRE_SELF); 409 the worker is picking another invoice."""
        started = await self.step(query.start_session, kind=self.kind)
        self.reply_enveloped(f"Picking started by {self.caller.name or self.caller.email}", started["document"], 201)


class PickingComplete(Step):
    kind = "picking"
    sentences = unfinished

    @answers(200, data_of("sales/picking_session"))
    @body("sales/session_step")
    async def post(self) -> None:
        """Complete a session of picking. 200; 400 wrong fields, or why this invoice or person can't complete; 403 the caller may not, or only as
        themselves (WORKFLOW_REQUIRE_SELF)."""
        completed = await self.step(query.complete_session, kind=self.kind)
        self.reply_enveloped(f"Picking completed for {completed['invoice_no']}", completed["document"])


class PickingCancel(Cancellation):
    kind, sentences = "picking", unfinished

    @answers(200, data_of("sales/picking_session"))
    @takes(*CANCELLATIONS)
    async def post(self) -> None:
        """Cancel a session of picking that is not completed. The invoice is PENDING again. 200; 400 wrong fields, or why this session can't be
        cancelled; 403 the caller may not, or only as themselves (WORKFLOW_REQUIRE_SELF)."""
        await self.cancel()


class PickingActive(ActiveTask):
    kind = "picking"


groups = ("Staff: picking",)
routes = [
    ("/api/sales/picking/start/", PickingStart),
    ("/api/sales/picking/complete/", PickingComplete),
    ("/api/sales/picking/cancel/", PickingCancel),
    ("/api/sales/picking/active/", PickingActive),
]
