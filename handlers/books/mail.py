"""Mails to clients: a quote or an invoice as a PDF, and reminders. docs/api/books.md#mail."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.data import sql
from core.data.sql import Query
from core.http import schema
from core.http.declare import answers, closed, idempotent, ref, takes
from core.http.json_text import composed
from core.jobs import Job, Payload, Run
from core.mail import Attachment, Letter, MailDelayed, MailRefused
from core.problem import Problem, not_found
from handlers.api.books_handler import BooksHandler
from handlers.api.handler import ApiHandler
from handlers.books import mail_text, paper
from handlers.settings import Settings

HOURS = 24
MAILED = "It is mailed to {recipient}."
NO_ADDRESS = "The client has no e-mail address, so nothing is mailed."
NO_SERVER = "This server sends no mail (EMAIL_HOST, BOOKS_MAILS_PER_DAY), so the mail is recorded and not sent."

query = sql.load("books/mail")
# What an owner says in a mail.
WORDS = schema.load("books/mail_write")


class Kind(NamedTuple):
    """What a mail can be about. get: its query. name: in a sentence. unsendable: the statuses in which it isn't mailed."""

    kind: str
    get: Query
    name: str
    unsendable: tuple[str, ...]


QUOTE = Kind("quote", query.get_quote, "quote", ("draft", "rejected"))
INVOICE = Kind("invoice", query.get_invoice, "invoice", ("draft", "cancelled"))


class Mails(BooksHandler):
    """The mails about one quote or invoice."""

    kind: Kind

    @answers(200, {"type": "array", "items": ref("books/mail")})
    async def get(self, id: str) -> None:
        """List the mails about it, oldest first. 200; 404."""
        found = await query.list_mails(self.db, owner_id=self.owner_id, **about(self.kind, int(id)))
        if found is None:
            raise not_found(self.missing)
        self.reply(found)

    @answers(201, "books/mail")
    @answers(429, BooksHandler.dialect.error)
    @idempotent
    @takes(WORDS, is_optional=True)
    async def post(self, id: str) -> None:
        """Mail it to its client, with the paper as a PDF; an own `subject` and `message` may come along. Its status stays. 201; 400 wrong
        fields, a draft, what was cancelled or rejected, or a client without e-mail address; 404; 429 too many mails within a day."""
        if self.request.body:
            await self.read_body(WORDS)

        async def send(tx: sql.Runner) -> tuple[int, str]:
            found = self.found(await self.kind.get(tx, owner_id=self.owner_id, id=int(id)))
            if found["status"] in self.kind.unsendable:
                said = f"The {self.kind.name} can't be mailed in its current status"
                raise Problem(400, "unsendable", said)
            if not found["recipient"]:
                raise Problem(400, "no-address", "The client has no e-mail address.")
            return 201, await create(self, tx, self.kind, self.owner_id, found)

        await self.once(send)


class Mailed(NamedTuple):
    """What became of the mail of a quote or an invoice that was sent. said: a sentence. document: JSON; `null`: there is no mail."""

    said: str
    document: str

    def told(self, said: str, **sent: str) -> str:
        """The body of an answer. said: that it was sent. sent: what was sent, by its name, as JSON."""
        return composed({"message": json.dumps(f"{said}. {self.said}"), **sent, "mail": self.document})


def told_of(**sent: str) -> dict[str, Any]:
    """The schema of such a body. sent: the name of the schema of what was sent, by its name."""
    mail = {"anyOf": [ref("books/mail"), {"type": "null"}]}
    return closed({"message": {"type": "string"}, **{name: ref(shape) for name, shape in sent.items()}, "mail": mail})


async def mail_if_possible(handler: ApiHandler, tx: sql.Runner, kind: Kind, owner_id: int, id: int) -> Mailed:
    """Mail a quote or an invoice that has just been marked as sent, in the words of the body. Raises Problem 429."""
    found = await kind.get(tx, owner_id=owner_id, id=id)
    assert found is not None, "the transaction has just changed it"
    if not found["recipient"]:
        return Mailed(NO_ADDRESS, "null")
    made = await create(handler, tx, kind, owner_id, found)
    return Mailed(MAILED.format(recipient=found["recipient"]) if sends(handler.config) else NO_SERVER, made)


async def create(handler: ApiHandler, tx: sql.Runner, kind: Kind, owner_id: int, found: Mapping[str, Any]) -> str:
    """Record a mail of an owner in the words of the body, and enqueue its job; returns its document. Raises Problem 429."""
    sent = handler.body or {}
    most, is_sent = handler.config.books_mails_per_day, sends(handler.config)
    if is_sent and await query.count_mails(tx, owner_id=owner_id, hours=HOURS, is_reminder=False) >= most:
        said = f"No more than {most} mails are sent for an account within {HOURS} hours."
        raise Problem(429, "too-many-mails", said, headers={"Retry-After": "3600"})
    document: str = await query.create_mail(
        tx,
        owner_id=owner_id,
        kind=kind.kind,
        **about(kind, found["id"]),
        recipient=found["recipient"],
        subject=sent.get("subject") or f"{kind.name.capitalize()} {found['number']}",
        message=sent.get("message") or "",
        is_sent=is_sent,
    )
    return document


def sends(config: Settings) -> bool:
    """Whether mails are sent, and not only recorded."""
    return bool(config.email_host) and config.books_mails_per_day > 0


def about(kind: Kind, id: int) -> dict[str, int | None]:
    """The parameters of a query that say what a mail is about."""
    return {"quote_id": id if kind is QUOTE else None, "invoice_id": id if kind is INVOICE else None}


async def send(run: Run, payload: Payload) -> None:
    """Send one mail. A reminder of an invoice that was paid or cancelled in the meantime is dropped."""
    whose = {"owner_id": payload["owner_id"], "id": payload["mail_id"]}
    found = await query.get_mail(run.db, **whose)
    # A mail that failed after the last attempt is sent when an administrator queues its job again.
    if found is None or found["status"] not in ("queued", "failed"):
        return
    if found["kind"] == "reminder" and not found["owed"]:
        await _end(run, whose, "dropped")
        return
    kind = QUOTE if found["kind"] == "quote" else INVOICE
    id = found["quote_id"] or found["invoice_id"]
    about_what = await kind.get(run.db, owner_id=payload["owner_id"], id=id)
    made = await paper.render(run, kind.kind, payload["owner_id"], id)
    if about_what is None or made is None:
        return
    letter = Letter(
        key=f"mail-{payload['mail_id']}",
        to=found["recipient"],
        to_name=found["client"],
        sender_name=found["sender"],
        reply_to=found["reply_to"],
        subject=found["subject"],
        text=mail_text.written(found, about_what),
        attachments=[Attachment(made.filename, made.data, "application/pdf")],
    )
    try:
        await run.mail.send(letter)
    except MailRefused as error:
        await _end(run, whose, "failed", str(error))
    except MailDelayed as error:
        await query.note_failure(run.db, **whose, status="failed" if run.is_last else "queued", error=str(error))
        raise
    else:
        await _end(run, whose, "sent")


async def _end(run: Run, whose: Mapping[str, Any], status: str, error: str = "") -> None:
    await run.finish(lambda tx: query.end_mail(tx, **whose, status=status, error=error))


class QuoteMails(Mails):
    kind = QUOTE
    groups = ("Books: quotes",)


class InvoiceMails(Mails):
    kind = INVOICE
    groups = ("Books: invoices",)


# Attempts over a day: a mail server that is away for a night loses no mail.
jobs = [Job("books.mail", send, attempts=30, first_delay=30)]
routes = [
    ("/api/quotes/{id:int}/mails/", QuoteMails),
    ("/api/invoices/{id:int}/mails/", InvoiceMails),
]
