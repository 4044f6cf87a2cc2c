"""Receipts: which files are taken with an expense, and the links by which their owner reads them. docs/api/books.md#attachments."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import tornado.httputil

from core.files import documents, media
from core.files.documents import BYTES, Document, DocumentRefused
from core.files.storage import is_shown
from core.http import disposition, form
from core.http.application import Application
from core.problem import Message, Problem, invalid
from handlers.api.books_handler import BooksHandler, admits
from handlers.api.handler import MEDIA

# Files of one request.
MOST = 5
# Bytes of a form around its files: the heads of its parts, and its other fields.
AROUND = 64 * 1024
# Files of one expense: the bound of expense_attachment_count_bounded.
MOST_OF_EXPENSE = 50
FULL = Problem(400, "too-many-attachments", f"An expense can have at most {MOST_OF_EXPENSE} attachments.")
# Links that are signed before other requests get their turn: one of S3 takes 0.4 ms.
SIGNED_AT_ONCE = 50


class ReceiptHandler(BooksHandler):
    """Answers with documents of expenses and attachments."""

    async def linked(self, text: str) -> str:
        """The same JSON with a link in place of the key in each member `"file": "media:KEY"`. All amounts in it are texts, and so keep
        their digits."""
        if f'"{MEDIA}' not in text:
            return text
        found: list[dict[str, Any]] = []

        def collect(members: dict[str, Any]) -> dict[str, Any]:
            if str(members.get("file")).startswith(MEDIA):
                found.append(members)
            return members

        document = json.loads(text, object_hook=collect)
        for n, members in enumerate(found, 1):
            # A picture is shown where the link is; all else is saved under its name.
            said = "" if is_shown(members["content_type"]) else disposition.attachment(members["filename"])
            key = members["file"].removeprefix(MEDIA)
            members["file"] = await self.application.storage.link(self.origin, key, said)
            if n % SIGNED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


class UploadHandler(ReceiptHandler):
    """Takes `most` files of 10 MB in one form."""

    most = 1

    @classmethod
    async def admits_large_body(cls, app: Application, request: tornado.httputil.HTTPServerRequest) -> bool:
        return request.method == "POST" and await admits(app, request)


def body_limit(files: int) -> int:
    """Bytes of the body of a form with so many files."""
    return files * BYTES + AROUND


async def submitted(handler: UploadHandler, field: str) -> list[tuple[str, Document]]:
    """The files of a field of the form, each with the name under which people see it. Raises Problem 400."""
    sent = form.parts(handler.request)[1].get(field, [])
    if not sent:
        given = handler.body.get(field) not in (None, "", [])
        raise invalid({field: [Message.of("file.not-a-file" if given else "file.missing")]})
    if len(sent) > handler.most:
        raise invalid({field: [Message.of("file.too-many", limit=handler.most)]})
    found = []
    for file in sent:
        try:
            document = await documents.check_document(file.body)
        except DocumentRefused as refused:
            raise invalid({field: [refused.message]}) from None
        found.append((documents.display_name(file.filename, document.extension), document))
    return found


@contextlib.asynccontextmanager
async def stored(handler: BooksHandler, files: list[tuple[str, Document]]) -> AsyncIterator[str]:
    """The files, stored, as the statement add_attachments takes them. Those that no row uses in the end are removed: the request was
    refused, or repeats one that was done before. Raises Problem 503."""
    rows: list[dict[str, Any]] = []
    try:
        for name, document in files:
            key = await media.store(handler.application, document, "expenses")
            rows.append(
                {"key": key, "filename": name, "content_type": document.content_type, "size": len(document.data)}
            )
        yield json.dumps(rows)
    finally:
        await media.discard(handler.application, [row["key"] for row in rows])
