"""Picking: start, complete, cancel; a picker's task. docs/api/sales.md#picking."""

from core.http.handler import body
from handlers.sales.workflow import ActiveTask, Cancellation, Step, exists, query

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

    @body("sales/session_step")
    async def post(self) -> None:
        """201; 400; 403 WORKFLOW_REQUIRE_SELF; 409 the worker is picking another invoice."""
        started = await self.step(query.start_session, kind=self.kind)
        self.reply_enveloped(f"Picking started by {self.caller.name or self.caller.email}", started["document"], 201)


class PickingComplete(Step):
    kind = "picking"
    sentences = unfinished

    @body("sales/session_step")
    async def post(self) -> None:
        """200; 400; 403 WORKFLOW_REQUIRE_SELF."""
        completed = await self.step(query.complete_session, kind=self.kind)
        self.reply_enveloped(f"Picking completed for {completed['invoice_no']}", completed["document"])


class PickingCancel(Cancellation):
    kind, sentences = "picking", unfinished


class PickingActive(ActiveTask):
    kind = "picking"


routes = [
    ("/api/sales/picking/start/", PickingStart),
    ("/api/sales/picking/complete/", PickingComplete),
    ("/api/sales/picking/cancel/", PickingCancel),
    ("/api/sales/picking/active/", PickingActive),
]
