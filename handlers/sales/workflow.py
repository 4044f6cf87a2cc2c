"""What picking, packing and delivery have in common: a step of the workflow, its refusals, a worker's task.

docs/api/sales.md#workflow. A worker is named by the e-mail that they scan. The account that is signed in is recorded beside the
worker; it may be another one unless WORKFLOW_REQUIRE_SELF says otherwise.
"""

import json
from typing import Any, ClassVar

from core import email_address
from core.data import sql
from core.data.sql import Query
from core.http import schema
from core.http.declare import answers, ref
from core.http.parameter import EMAIL, Parameter
from core.problem import Problem, invalid
from handlers.api.caller import Caller
from handlers.api.envelope import data_of, envelope
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import administers, may_enter
from handlers.sales import SalesHandler

query = sql.load("sales/session")

NO_USER = "User not found. Please scan a valid email."
# The refusal when the worker is deleted between being found and being written.
WORKER_GONE = (400, "no-user", "Validation failed", {"user_email": [NO_USER]})

# By the refusal of a statement: the field of the message, and the message, with columns of the statement's answer.
Sentences = dict[str, tuple[str, str]]
ALL_STEPS: Sentences = {
    "no invoice": ("invoice_no", "Invoice not found."),
    "no user": ("user_email", NO_USER),
}


class Workflow(SalesHandler):
    """kind: a row of the view sales.session_kind."""

    access = may_enter("sales")
    caller: Caller
    kind: ClassVar[str]

    def reply_enveloped(self, message: str, data: str, status: int = 200) -> None:
        """Answer in the staff API's envelope. data: JSON text."""
        self.reply(envelope(message, data, status), status=status)


class Step(Workflow):
    """One step of an invoice's way. sentences: the refusals of a subclass, beside those that all steps have."""

    sentences: ClassVar[Sentences]

    async def read_body(self, expected: schema.Schema) -> None:
        """Validate the scanned e-mail here: it may be empty, and who needs one depends on the step."""
        await super().read_body(expected)
        scanned = self.body.get("user_email", "")
        if scanned and not email_address.is_email(scanned):
            raise invalid({"user_email": ["Enter a valid email address."]})

    async def step(self, statement: Query, **more: Any) -> Any:
        """The statement's answer. Raises Problem 400 or 403 when it refuses the step; then nothing was changed."""
        may = "all" if administers(self.caller) else "own" if self.config.workflow_require_self else "any"
        found = await statement(self.db, body=self.body_text, caller_id=self.caller.account_id, caller_may=may, **more)
        if found["refusal"] == "not own":
            raise Problem(403, "not-own", "You may do this only as yourself: the email scanned is not your own.")
        if found["refusal"] is not None:
            field, sentence = {**ALL_STEPS, **self.sentences}[found["refusal"]]
            raise invalid({field: [sentence.format_map(found)]})
        return found


# The bodies of an administrator and of the session's worker.
CANCELLATIONS = (schema.load("sales/session_cancel"), schema.load("sales/session_cancel_own"))


class Cancellation(Step):
    """Release an unfinished session. It stays in the history as CANCELLED, and its invoice returns to its former status."""

    async def cancel(self) -> None:
        """Cancel the session, as its worker, or as an administrator, who need not scan an e-mail. Raises Problem: 400, 403."""
        by_administrator, by_worker = CANCELLATIONS
        await self.read_body(by_administrator if administers(self.caller) else by_worker)
        found = await self.step(query.cancel_session, kind=self.kind)
        self.reply_enveloped(f"{self.kind.capitalize()} cancelled for {found['invoice_no']}", found["document"])


class ActiveTask(Workflow):
    """The task that a worker has begun and not finished."""

    parameters = (
        Parameter("user", "Another worker, by e-mail or uuid; for administrators."),
        Parameter("user_email", "The same, by e-mail.", EMAIL),
    )

    @answers(200, data_of({"anyOf": [ref("sales/active_task"), {"type": "null"}]}))
    async def get(self) -> None:
        """Show a worker's unfinished task. Without `user` and `user_email` it is the caller's. data is null without a task. 200; 400 a text
        that is neither an e-mail nor a uuid; 403 the caller may not, or another worker's task, for anyone but an administrator."""
        asked = self.asked("user") or self.asked("user_email")
        by_id = schema.is_uuid(asked)
        email = None if by_id else email_address.normal(asked)
        if asked and not by_id and email is None:
            raise Problem(400, "no-user", "user must be an email address or a UUID.")
        found = await query.get_active_session(
            self.db,
            kind=self.kind,
            caller_id=self.caller.account_id,
            email=email,
            public_id=asked if by_id else None,
        )
        if found is None:
            raise gone()
        if found["account_id"] != self.caller.account_id and not administers(self.caller):
            raise Problem(403, "not-own", "Permission denied to view other user's task.")
        if found["task"] is None:
            self.reply_enveloped(f"No active {self.kind} task", "null")
        else:
            self.reply_enveloped(f"Active {self.kind} task found for {found['email']}", found["task"])


async def refuse_busy(handler: Workflow) -> Problem:
    """409: the worker has begun another session of the kind, which the answer names."""
    found = await query.get_blocking_session(handler.db, kind=handler.kind, user_email=handler.body["user_email"])
    data = json.loads(found or "null")
    which = f" for {data['invoice_no']}" if data else ""
    return Problem(409, "busy", f"You already have an active {handler.kind} session{which}", extra={"data": data})


async def refuse_second(handler: Workflow) -> Problem:
    """400: the invoice has a session of the kind already, which was started at the same moment."""
    return invalid({"invoice_no": [exists(handler.kind)]})


def exists(kind: str) -> str:
    return f"{kind.capitalize()} session already exists for this invoice."


async def refuse_gone(handler: ApiHandler) -> Problem:
    """401: the caller's account was deleted during this request."""
    return gone()


refusals = {
    "session_invoice_key": refuse_second,
    "session_worker_active_key": refuse_busy,
    "session_worker_id_fkey": WORKER_GONE,
    "session_started_by_fkey": refuse_gone,
    "session_ended_by_fkey": refuse_gone,
}
