"""Packing: start, complete, cancel; a packer's task. docs/api/sales.md#packing."""

from core.http.handler import body
from handlers.sales.workflow import ActiveTask, Cancellation, Step, exists, query

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

    @body("sales/session_step")
    async def post(self) -> None:
        """201; 400; 403 WORKFLOW_REQUIRE_SELF; 409 the worker is packing another invoice."""
        started = await self.step(query.start_session, kind=self.kind)
        self.reply_enveloped(f"Packing started by {started['name']}", started["document"], 201)


class PackingComplete(Step):
    kind = "packing"
    sentences = unfinished

    @body("sales/session_step")
    async def post(self) -> None:
        """200; 400; 403 WORKFLOW_REQUIRE_SELF."""
        completed = await self.step(query.complete_session, kind=self.kind)
        self.reply_enveloped(f"Packing completed for {completed['invoice_no']}", completed["document"])


class PackingCancel(Cancellation):
    kind, sentences = "packing", unfinished


class PackingActive(ActiveTask):
    kind = "packing"


routes = [
    ("/api/sales/packing/start/", PackingStart),
    ("/api/sales/packing/complete/", PackingComplete),
    ("/api/sales/packing/cancel/", PackingCancel),
    ("/api/sales/packing/active/", PackingActive),
]
