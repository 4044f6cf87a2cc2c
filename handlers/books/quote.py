"""Quotes: what the owner of the books offers to clients. docs/api/books.md#quotes."""

from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.http.declare import answers, body, idempotent
from core.http.paging import page_of
from core.problem import Problem, invalid
from handlers.api.books_handler import BooksHandler, stale
from handlers.books import quote_list
from handlers.books.paperwork import TOO_LARGE, WRONG_CLIENT, PaperworkDialect, check_lines

query = sql.load("books/quote")


class QuoteHandler(BooksHandler):
    dialect = PaperworkDialect()


class Quotes(QuoteHandler):
    parameters = (*quote_list.PARAMETERS, quote_list.SEARCH)

    @answers(200, page_of("books/quote"))
    async def get(self) -> None:
        """List the quotes, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        self.reply(await quote_list.show(self))

    @answers(201, "books/quote")
    @idempotent
    @body("books/quote_create")
    async def post(self) -> None:
        """Make a quote, a draft. Its number follows that of the owner's last quote of the year of issue_date, which is today unless given;
        expiry_date is 30 days later, or as many as the owner prefers, unless given. 201; 400 wrong fields, a client that the owner doesn't have,
        a total that is too large."""
        check_lines(self.body)

        async def make(db: sql.Runner) -> tuple[int, str]:
            return 201, made_of(await query.create_quote(db, owner_id=self.owner_id, body=self.body_text))

        await self.once(make, is_one_statement=True)


class Quote(QuoteHandler):
    @answers(200, "books/quote", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show a quote. 200; 404."""
        self.show(await query.get_quote(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "books/quote", headers=("ETag",))
    @body("books/quote_update")
    async def put(self, id: str) -> None:
        """Change a quote, or its status. Fields that the body omits stay; of a quote that is no draft only status and notes can change. 200;
        400 wrong fields, a change that its status doesn't admit, a client that the owner doesn't have; 404; 412 the quote is in another
        state than If-Match says."""
        await self._update(id)

    @stale
    @answers(200, "books/quote", headers=("ETag",))
    @body("books/quote_update")
    async def patch(self, id: str) -> None:
        """Change some fields of a quote, or its status. Of a quote that is no draft only status and notes can change. 200; 400 wrong fields,
        a change that its status doesn't admit, a client that the owner doesn't have; 404; 412 the quote is in another state than If-Match
        says."""
        await self._update(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete a draft, or a quote that was rejected. An invoice that was made of it stays. 204; 400 it is in another status; 404; 412 the
        quote is in another state than If-Match says."""
        gone = await query.delete_quote(
            self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
        )
        deleted(self.current(gone))
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        check_lines(self.body)
        changed = await query.update_quote(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        self.show(done(self.current(changed), self.body))


def done(row: Mapping[str, Any], sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row of update_quote (refusal, status). sent: the changes. Raises Problem 400 if it was refused."""
    if row["refusal"] is not None:
        raise refused(row, sent)
    return row


def deleted(row: Mapping[str, Any]) -> None:
    """Check the row of delete_quote (refusal). Raises Problem 400 if it was refused."""
    if row["refusal"] is not None:
        raise Problem(400, "quote-kept", "Only draft or declined quotes can be deleted")


def made_of(document: str | None) -> str:
    """The document of create_quote. Raises Problem 400: the owner doesn't have its client."""
    if document is None:
        raise invalid({"client": [WRONG_CLIENT]})
    return document


def refused(found: Mapping[str, Any], sent: Mapping[str, Any]) -> Problem:
    """Why update_quote has changed nothing. sent: the changes."""
    if found["refusal"] == "edit":
        return Problem(400, "not-draft", "Only draft quotes can be edited")
    if found["refusal"] == "client":
        return invalid({"client": [WRONG_CLIENT]})
    if found["refusal"] == "passed":
        return PASSED
    return invalid({"status": [f"Cannot transition from {found['status'].title()} to {sent['status'].title()}."]})


PASSED = invalid({"expiry_date": ["The quote has expired. Set a later expiry date to send it."]})
refusals = {
    "quote_expiry_date_order": invalid({"expiry_date": ["Valid until date cannot be before issue date."]}),
    "quote_total_amount_fits": invalid({"total_amount": [TOO_LARGE]}),
}
groups = ("Books: quotes",)
routes = [
    ("/api/quotes/", Quotes),
    ("/api/quotes/{id:int}/", Quote),
]
