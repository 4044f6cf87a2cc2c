"""Attachments: files that belong to an expense, such as its receipt. docs/api/books.md#attachments."""

from typing import Any

from core.data import sql
from core.files import media
from core.http import disposition, keyset
from core.http.declare import answers, body, closed, idempotent, ref
from core.http.json_text import composed, written
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import Parameter
from core.http.stored_file import FILE
from core.problem import invalid, not_found
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.api.dialects import BooksDialect
from handlers.api.handler import ApiHandler
from handlers.api.messages import SENTENCES
from handlers.books import receipt
from handlers.books.expense import query as expense_query
from handlers.books.receipt import FULL, MOST, MOST_OF_EXPENSE, ReceiptHandler, UploadHandler, body_limit

COLUMNS = {
    "id": Column("a.id", "bigint", keyset.is_id),
    "uploaded_at": Column("a.uploaded_at", "timestamptz", keyset.is_instant),
}
WRONG_EXPENSE = "Invalid expense selected."
UPLOADED = closed(
    {
        "message": {"type": "string"},
        "upload_summary": closed({"uploaded_count": {"type": "integer"}, "total_attachments": {"type": "integer"}}),
        "expense": ref("books/expense"),
    }
)
REMOVED = closed({"message": {"type": "string"}, "remaining_attachments": {"type": "integer"}})

query = sql.load("books/attachment")
attachments = Listing(
    query.list_attachments, query.find_attachments, query.walk_attachments, COLUMNS, ("-uploaded_at",)
)


class AttachmentDialect(BooksDialect):
    sentences = {**SENTENCES, "expense:minimum": WRONG_EXPENSE}


class AttachHandler(UploadHandler):
    async def present(self, expense_id: int) -> int | None:
        """How many attachments an expense has; None: it doesn't exist."""
        found: int | None = await query.get_expense_state(self.db, owner_id=self.owner_id, expense_id=expense_id)
        return found


class Attachments(AttachHandler):
    dialect = AttachmentDialect()
    large_body = body_limit(1)
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("expense", "Only attachments of this expense.", books_listing.ID),
    )

    @answers(200, page_of("books/attachment"))
    async def get(self) -> None:
        """List the attachments, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        expense = books_listing.id_of(self, "expense")
        filters = {} if expense is None else {"expense": expense}
        self.reply(await self.linked(await books_listing.show_page(self, attachments, filters)))

    @answers(201, "books/attachment")
    @idempotent
    @body("books/attachment_create", files=("file",))
    async def post(self) -> None:
        """Attach a file to an expense. `file` is a file of a form: JPEG, PNG, GIF, WebP, PDF or plain text, of at most 10 MB. 201; 400
        wrong fields, another kind of file, an unknown expense, or one that has 50 attachments; 503 the storage is away."""
        expense_id = int(self.body["expense"])
        # Before the key: the first request under it may have taken the last room.
        present = await self.present(expense_id)
        if await self.answered(self.linked):
            return
        files = await receipt.submitted(self, "file")
        check_room(present, len(files), unknown=invalid({"expense": [WRONG_EXPENSE]}))
        async with receipt.stored(self, files) as rows:

            async def attach(db: sql.Runner) -> tuple[int, str]:
                made = await query.add_attachments(db, owner_id=self.owner_id, expense_id=expense_id, files=rows)
                if not made:
                    raise invalid({"expense": [WRONG_EXPENSE]})
                return 201, made[0]["document"]

            await self.once(attach, is_one_statement=True, shown=self.linked)


class Attachment(ReceiptHandler):
    @answers(200, "books/attachment")
    async def get(self, id: str) -> None:
        """Show an attachment, with a link to its file. 200; 404."""
        found = await query.get_attachment(self.db, owner_id=self.owner_id, id=int(id))
        if found is None:
            raise not_found(self.missing)
        self.reply(await self.linked(found))

    async def delete(self, id: str) -> None:
        """Delete an attachment, and its file. 204; 404."""
        await remove(self, self.owner_id, int(id))
        self.reply_nothing()


class Download(BooksHandler):
    @answers(200, FILE, media="image/*")
    @answers(200, FILE, media="application/pdf")
    @answers(200, FILE, media="text/plain")
    async def get(self, id: str) -> None:
        """Read the file of an attachment, to be saved under its name. 200; 404; 503 the storage is away."""
        found = self.found(await query.get_file(self.db, owner_id=self.owner_id, id=int(id)))
        data = await self.application.storage.get(found["key"])
        if data is None:
            raise not_found(self.missing)
        self.set_header("Content-Type", found["content_type"])
        self.set_header("Content-Disposition", disposition.attachment(found["filename"]))
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cache-Control", "private, no-store")
        self.reply(data)


class UploadReceipts(AttachHandler):
    most = MOST
    large_body = body_limit(MOST)

    @answers(201, UPLOADED)
    @idempotent
    @body("books/receipts_upload", files=("files",))
    async def post(self, id: str) -> None:
        """Attach up to five files to an expense, all or none. `files` are files of a form: JPEG, PNG, GIF, WebP, PDF or plain text, each of
        at most 10 MB. 201; 400 wrong fields, another kind of file, or an expense with 50 attachments; 404; 503 the storage is away."""
        # Before the key: the first request under it may have taken the last room.
        present = await self.present(int(id))
        if await self.answered(self.linked):
            return
        files = await receipt.submitted(self, "files")
        check_room(present, len(files), unknown=not_found(self.missing))
        async with receipt.stored(self, files) as rows:

            async def attach(db: sql.Runner) -> tuple[int, str]:
                made = await query.add_attachments(db, owner_id=self.owner_id, expense_id=int(id), files=rows)
                if not made:
                    raise not_found(self.missing)
                total = await query.get_expense_state(db, owner_id=self.owner_id, expense_id=int(id))
                found = await expense_query.get_expense(db, owner_id=self.owner_id, id=int(id))
                summary = composed({"uploaded_count": str(len(made)), "total_attachments": str(total)})
                said = written("Receipts uploaded successfully.")
                return 201, composed({"message": said, "upload_summary": summary, "expense": found["document"]})

            await self.once(attach, shown=self.linked)


class DeleteReceipt(BooksHandler):
    parameters = (Parameter("attachment_id", "Which attachment of the expense.", books_listing.ID),)

    @answers(200, REMOVED)
    async def delete(self, id: str) -> None:
        """Delete an attachment of an expense, and its file. 200; 400 there is no attachment_id; 404."""
        attachment_id = books_listing.id_of(self, "attachment_id")
        if attachment_id is None:
            raise invalid({"attachment_id": ["This field is required."]})
        remaining = await remove(self, self.owner_id, attachment_id, expense_id=int(id))
        self.reply({"message": "Receipt deleted successfully.", "remaining_attachments": remaining})


def check_room(present: int | None, count: int, *, unknown: Exception) -> None:
    """Check that an expense has room for so many files, before they are stored. present: how many it has; None: it doesn't exist. Raises
    `unknown`, or Problem 400."""
    if present is None:
        raise unknown
    if present + count > MOST_OF_EXPENSE:
        raise FULL


async def remove(handler: ApiHandler, owner_id: int, id: int, expense_id: int | None = None) -> Any:
    """Delete an attachment with its file. Returns the number of those that its expense still has. Raises Problem 404."""
    gone = await query.delete_attachment(
        handler.db, owner_id=owner_id, id=id, expense_id=expense_id, actor=handler.actor
    )
    if gone is None:
        raise not_found(handler.missing)
    await media.discard(handler.application, [gone["key"]])
    return gone["remaining"]


refusals = {"expense_attachment_count_bounded": FULL}
groups = ("Books: attachments",)
routes = [
    ("/api/expenses/attachments/", Attachments),
    ("/api/expenses/attachments/{id:int}/", Attachment),
    ("/api/expenses/attachments/{id:int}/download/", Download),
    ("/api/expenses/{id:int}/upload_receipts/", UploadReceipts),
    ("/api/expenses/{id:int}/delete_receipt/", DeleteReceipt),
]
