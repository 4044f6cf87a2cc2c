"""Exports that are made as files after the answer, and kept for a week. docs/api/books.md#exports-and-imports."""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from core.data import sql
from core.duties import Duty
from core.files import media
from core.files.media import Files
from core.http import keyset
from core.http.declare import answers
from core.http.keyset import Column
from core.http.paging import page_of
from core.jobs import Job
from core.jobs.job import Payload, Run
from core.problem import not_found
from core.sheets import xlsx_writer
from core.temporary_folder import temporary_folder
from handlers.api import areas, books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.api.handler import MEDIA
from handlers.books.export_rows import Exported, Wanted

# Exports of one owner that wait or are being made.
MOST_UNDER_WAY = 5
RETRY_SECONDS = 30
# As books.export_document says it.
KEPT_DAYS = 7
# Links that are signed before other requests get their turn: one of S3 takes 0.4 ms.
SIGNED_AT_ONCE = 50
# Between two searches for old exports.
REMOVE_SECONDS = 600
REMOVED_AT_ONCE = 100
# After that nobody makes an export any more.
GIVE_UP_HOURS = 24
FAILED = "The file could not be made. Please try again."
TOO_MANY = f"A sheet has no more than {xlsx_writer.MOST_ROWS:,} rows. Narrow the filters, or export CSV."
COLUMNS = {"id": Column("x.id", "bigint", keyset.is_id)}

query = sql.load("books/export")
listed = Listing(None, query.list_exports, query.walk_exports, COLUMNS, ("-id",))


async def queue(db: sql.Runner, wanted: Wanted) -> int | None:
    """Have an export made; its id, or that of the same one that is under way. None: too many of the owner are under way."""
    queued = await query.queue_export(db, **wanted.kept(), most=MOST_UNDER_WAY)
    return queued and int(queued["id"])


async def make_export(app: Files, owner_id: int, id: int, *, is_last: bool = True) -> None:
    """Make the file of an export. It may be called again at any time: what another call has done before is done, and what it has begun is
    done anew. is_last: whether a failure is final. Raises whatever goes wrong."""
    begun = await query.begin_export(app.db, owner_id=owner_id, id=id)
    if begun is None:
        return
    exports: dict[str, Exported] = areas.joined("exports")
    wanted = Wanted.of(exports[begun["noun"]], begun)
    try:
        await _make(app, wanted, id)
    except xlsx_writer.Full:
        await query.fail_export(app.db, owner_id=owner_id, id=id, error=TOO_MANY)
    except Exception:
        if is_last:
            await query.fail_export(app.db, owner_id=owner_id, id=id, error=FAILED)
        raise


async def _make(app: Files, wanted: Wanted, id: int) -> None:
    now = datetime.now(UTC)
    # Browsers save the file under the last part of its address.
    key = f"exports/{now:%Y/%m/%d}/{secrets.token_hex(16)}/{wanted.exported.noun}-{now:%Y-%m-%d}.xlsx"
    with temporary_folder("export") as folder:
        path = folder / "export.xlsx"
        rows = await wanted.write_xlsx(app.db, path)
        await media.hold(app.db, key)
        await app.storage.put_file(key, path, xlsx_writer.MEDIA)
    await query.finish_export(app.db, owner_id=wanted.owner_id, id=id, key=key, rows=rows)


async def run_export(run: Run, payload: Payload) -> None:
    await make_export(run, payload["owner_id"], payload["id"], is_last=run.is_last)


async def remove_old(app: Any) -> None:
    """Remove the exports that have been kept for long enough, and give up those that nobody makes."""
    await query.give_up_exports(app.db, hours=GIVE_UP_HOURS, error=FAILED)
    while await query.remove_old_exports(app.db, days=KEPT_DAYS, most=REMOVED_AT_ONCE) == REMOVED_AT_ONCE:
        pass


class ExportHandler(BooksHandler):
    async def with_link(self, export: dict[str, Any]) -> dict[str, Any]:
        """The same document with a link in place of the key of its file. Raises Problem 503."""
        if export["file"] is not None:
            key = export["file"].removeprefix(MEDIA)
            export["file"] = await self.application.storage.link(self.origin, key)
        return export


class Exports(ExportHandler):
    parameters = books_listing.parameters(COLUMNS)

    @answers(200, page_of("books/export"))
    async def get(self) -> None:
        """List the exports that are made as jobs, newest first. They are kept for seven days. 200; 400 an invalid cursor; 404 there is no such
        page; 503 the storage is away."""
        page = json.loads(await books_listing.show_page(self, listed, {}))
        for n, export in enumerate(page["results"], 1):
            await self.with_link(export)
            if n % SIGNED_AT_ONCE == 0:
                await asyncio.sleep(0)
        self.reply(page)


class ExportStatus(ExportHandler):
    @answers(200, "books/export")
    async def get(self, id: str) -> None:
        """Show an export that is made as a job. `file` is the address of the file once it is done; the address ends after an hour or two, and
        the next request has another one. 200; 404; 503 the storage is away."""
        found = await query.get_export(self.db, owner_id=self.owner_id, id=int(id))
        if found is None:
            raise not_found(self.missing)
        self.reply(await self.with_link(json.loads(found)))


groups = ("Books: exports",)
# A sheet of 1,000,000 rows takes some three minutes, in which a process of its own keeps a core busy.
jobs = [Job("books.export", run_export, attempts=5, at_once=1, seconds=1800, queue="low_priority")]
duties = [Duty(REMOVE_SECONDS, remove_old)]
routes = [
    ("/api/books/exports/", Exports),
    ("/api/books/exports/{id:int}/", ExportStatus),
]
