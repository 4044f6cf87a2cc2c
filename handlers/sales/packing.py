"""Packing: start, complete, cancel; a packer's task. docs/api/sales.md#packing."""

from core.http.declare import answers, body, takes
from handlers.api.envelope import data_of
from handlers.sales.workflow import CANCELLATIONS, ActiveTask, Cancellation, Step, exists, query

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
    kind = "packing"
    sentences = {
        "state": ("invoice_no", "Invoice must be in PICKED status. Current status: {status}"),
        "session": ("invoice_no", exists("packing")),
    }

    @answers(201, data_of("sales/packing_session", 201))
    @answers(409, "sales/worker_busy")
    @body("sales/session_step")
    async def post(self) -> None:
        """Start to pack an invoice that is PICKED. 201; 400 wrong fields, or why this invoice or person can't start; 403 the caller may not,
        or only as themselves (WORKFLOW_REQUIRE_SELF); 409 the worker is packing another invoice."""
        started = await self.step(query.start_session, kind=self.kind)
        self.reply_enveloped(f"Packing started by {started['name']}", started["document"], 201)


class PackingComplete(Step):
    kind = "packing"
    sentences = unfinished

    @answers(200, data_of("sales/packing_session"))
    @body("sales/session_step")
    async def post(self) -> None:
        """Complete a session of packing. 200; 400 wrong fields, or why this invoice or person can't complete; 403 the caller may not, or only as
        themselves (WORKFLOW_REQUIRE_SELF)."""
        completed = await self.step(query.complete_session, kind=self.kind)
        self.reply_enveloped(f"Packing completed for {completed['invoice_no']}", completed["document"])


class PackingCancel(Cancellation):
    kind, sentences = "packing", unfinished

    @answers(200, data_of("sales/packing_session"))
    @takes(*CANCELLATIONS)
    async def post(self) -> None:
        """Cancel a session of packing that is not completed. The invoice is PICKED again. 200; 400 wrong fields, or why this session can't be
        cancelled; 403 the caller may not, or only as themselves (WORKFLOW_REQUIRE_SELF)."""
        await self.cancel()


class PackingActive(ActiveTask):
    kind = "packing"


groups = ("Staff: packing",)
routes = [
    ("/api/sales/packing/start/", PackingStart),
    ("/api/sales/packing/complete/", PackingComplete),
    ("/api/sales/packing/cancel/", PackingCancel),
    ("/api/sales/packing/active/", PackingActive),
]
