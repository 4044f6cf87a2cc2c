"""What can be done with a quote: send it, accept or reject it, duplicate it. docs/api/books.md#quotes."""

import json
from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.data.database import Transaction
from core.http.declare import answers, closed, idempotent, ref, takes
from core.http.json_text import composed
from core.problem import Problem, not_found
from handlers.api.books_handler import stale
from handlers.books import mail, quote
from handlers.books.quote import QuoteHandler, query

MOVED = closed({"message": {"type": "string"}, "quote": ref("books/quote")})
SENT = mail.told_of(quote="books/quote")
DUPLICATED = closed(
    {"message": {"type": "string"}, "original_quote": {"type": "string"}, "duplicate_quote": ref("books/quote")}
)


class MoveHandler(QuoteHandler):
    """A quote's move to another status."""

    async def moved(self, db: sql.Runner, id: str, status: str) -> Mapping[str, Any]:
        """Move the quote, and return its row. Raises Problem: 400 its status doesn't admit that, or is the same; 404; 412."""
        body = json.dumps({"status": status})
        whose = {"owner_id": self.owner_id, "id": int(id), "if_match": self.if_match, "actor": self.actor}
        return moved_to(self.current(await query.update_quote(db, **whose, body=body)), status)

    async def move(self, id: str, status: str) -> None:
        """Move the quote, and answer with it. Raises Problem as `moved` does."""
        moved = await self.moved(self.db, id, status)
        self.set_header("ETag", moved["etag"])
        message = json.dumps(f"Quote {status} successfully")
        self.reply(composed({"message": message, "quote": moved["document"]}))


class Sending(MoveHandler):
    @stale
    @answers(200, SENT, headers=("ETag",))
    @takes(mail.WORDS, is_optional=True)
    async def post(self, id: str) -> None:
        """Mark a quote as sent, and mail it to its client, if the client has an e-mail address; an own `subject` and `message` may come along.
        200; 400 wrong fields, it is neither a draft nor expired, or its expiry_date has passed; 404; 412 the quote is in another state than
        If-Match says; 429 too many mails within a day."""
        if self.request.body:
            await self.read_body(mail.WORDS)

        async def send(tx: Transaction) -> tuple[Mapping[str, Any], mail.Mailed]:
            return await self.moved(tx, id, "sent"), await mail.mail_if_possible(
                self, tx, mail.QUOTE, self.owner_id, int(id)
            )

        moved, mailed = await self.db.transaction(send)
        self.set_header("ETag", moved["etag"])
        self.reply(mailed.told("Quote sent successfully", quote=moved["document"]))


class Acceptance(MoveHandler):
    @stale
    @answers(200, MOVED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Note that the client accepts a quote. 200; 400 it is not sent, or has expired; 404; 412 the quote is in another state than
        If-Match says."""
        await self.move(id, "accepted")


class Rejection(MoveHandler):
    @stale
    @answers(200, MOVED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Note that the client rejects a quote, or withdraw a draft. 200; 400 it is rejected or has expired; 404; 412 the quote is in
        another state than If-Match says."""
        await self.move(id, "rejected")


class Duplication(QuoteHandler):
    @answers(201, DUPLICATED)
    @idempotent
    async def post(self, id: str) -> None:
        """Make a draft of today with the same client, lines, tax and texts, valid for as many days. 201; 404."""

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.duplicate_quote(db, owner_id=self.owner_id, id=int(id))
            if made is None:
                raise not_found(self.missing)
            return 201, made

        await self.once(make, is_one_statement=True)


def moved_to(row: Mapping[str, Any], status: str) -> Mapping[str, Any]:
    """The row of update_quote (refusal, has_moved) that moves a quote to a status. Raises Problem 400: its status doesn't admit that, or is the same."""
    if row["refusal"] == "status" or not row["has_moved"]:
        raise Problem(400, "wrong-status", f"Quote cannot be {status} in current status")
    return quote.done(row, {"status": status})


groups = ("Books: quotes",)
routes = [
    ("/api/quotes/{id:int}/send/", Sending),
    ("/api/quotes/{id:int}/accept/", Acceptance),
    ("/api/quotes/{id:int}/approve/", Acceptance),
    ("/api/quotes/{id:int}/reject/", Rejection),
    ("/api/quotes/{id:int}/decline/", Rejection),
    ("/api/quotes/{id:int}/duplicate/", Duplication),
]
