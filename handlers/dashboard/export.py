"""Exports of dashboards: asking for one, what has become of it, and the file. docs/api/dashboard.md#export."""

import asyncio
import json
import re
from collections import defaultdict
from datetime import date
from time import monotonic
from typing import Any

from core.data import sql
from core.http import schema
from core.http.application import Application
from core.http.declare import answers
from core.http.disposition import attachment
from core.http.keyset import Column, is_id
from core.http.openapi import EVENT_STREAM
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, INTEGER, Parameter
from core.http.stored_file import FILE, XLSX
from core.live.stream import set_headers
from core.problem import Message, Problem, invalid, not_found
from core.report.report import FORMATS, MEDIA
from handlers.api import books_listing
from handlers.api.books_handler import BooksHandler
from handlers.api.books_listing import Listing
from handlers.api.handler import MEDIA as STORED
from handlers.api.roles import signed_in_caller
from handlers.dashboard import export_job
from handlers.dashboard.export_sections import TABLES
from handlers.dashboard.period import PERIODS

# A request waits so long for its file, and looks after so long even if it has heard of nothing.
WAIT_SECONDS, LOOK_SECONDS = 10.0, 1.0
# A process that makes exports and was not seen for so long has ended.
SEEN_SECONDS = 30.0
# Links that are signed before other requests get their turn: one of S3 takes 0.4 ms.
SIGNED_AT_ONCE = 50
# The id of the last event of an export that had ended before the stream began.
LAST_ID = "end"
CHOICES = {
    "export_format": (FORMATS, "xlsx"),
    "export_type": (tuple(TABLES), "overview"),
    "period_type": (PERIODS, "monthly"),
}
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
COLUMNS = {"id": Column("x.id", "bigint", is_id)}
_NAME = re.compile(rf"dashboard_({'|'.join(TABLES)})_([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})\.({'|'.join(FORMATS)})")

query = sql.load("dashboard/export")
listed = Listing(None, query.list_exports, query.walk_exports, COLUMNS, ("-id",))


class Waiting:
    """The requests of this process that wait for an export, by its id."""

    def __init__(self, app: Application) -> None:
        self._ended: defaultdict[int, set[asyncio.Event]] = defaultdict(set)

    async def wait(self, id: int, seconds: float) -> None:
        """Wait until an event says that the export has ended, at most so long."""
        ended = asyncio.Event()
        self._ended[id].add(ended)
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
        except TimeoutError:
            pass
        finally:
            self._ended[id].discard(ended)
            if not self._ended[id]:
                del self._ended[id]

    def hear(self, payload: bytes | None) -> None:
        told = None if payload is None else json.loads(payload)
        for id, waiting in list(self._ended.items()):
            if told is None or (told["id"] == id and told["status"] in ("done", "failed")):
                for ended in waiting:
                    ended.set()


class ExportHandler(BooksHandler):
    async def shown(self, export: dict[str, Any]) -> dict[str, Any]:
        """The document with the addresses that depend on this server: the link to the file in place of its key. Raises Problem 503."""
        if export["file"] is not None:
            export["file"] = await self.application.storage.link(self.origin, export["file"].removeprefix(STORED))
        address = f"{self.origin}/api/dashboard/exports/{export['id']}/"
        return {**export, "status_url": address, "events_url": f"{address}events/"}


class DashboardExport(ExportHandler):
    parameters = (
        *(
            Parameter(name, says, {"type": "string", "enum": list(CHOICES[name][0]), "default": CHOICES[name][1]})
            for name, says in (
                ("export_format", "The kind of file."),
                ("export_type", "What the file contains."),
                ("period_type", "The kind of period; the file is of the present one."),
            )
        ),
        Parameter("include_charts", "Whether XLSX and PDF have charts.", {**BOOLEAN, "default": True}),
    )

    @answers(200, "dashboard/export")
    @answers(202, "dashboard/export")
    async def get(self) -> None:
        """Make a file of the dashboard's figures, as a job. The request waits for it for some seconds. 200 the file is at `export_url`; 202 it is
        not made yet: `status_url` and `events_url` tell when it is; 400 an invalid choice; 429 too many exports of the caller are under
        way; 503 the file could not be made."""
        asked = self._asked()
        self.set_header("Cache-Control", "no-store")
        if self.request.method == "HEAD":
            self.finish()
            return
        limits = {"most": export_job.MOST_UNDER_WAY, "seen": SEEN_SECONDS}
        queued = await query.queue_export(self.db, owner_id=self.owner_id, **asked, **limits)
        if queued is None:
            said = f"{export_job.MOST_UNDER_WAY} exports are under way. Try again when one of them is done."
            raise Problem(429, "exports", said, headers={"Retry-After": str(export_job.RETRY_SECONDS)})
        text = await self._awaited(queued["id"]) if queued["is_awaited"] else queued["document"]
        export = json.loads(text)
        if export["status"] == "failed":
            raise Problem(503, "export-failed", export["error"], headers={"Retry-After": str(export_job.RETRY_SECONDS)})
        self.reply(await self.shown(export), 200 if export["status"] == "done" else 202)

    def _asked(self) -> dict[str, Any]:
        """What is asked for. Raises Problem 400."""
        asked: dict[str, Any] = {name: self.asked(name) or default for name, (_, default) in CHOICES.items()}
        wrong = {
            name: [Message.of("enum", value=value[: schema.LONGEST_VALUE])]
            for name, value in asked.items()
            if value not in CHOICES[name][0]
        }
        sent = self.asked("include_charts").lower() or "true"
        if sent not in TRUTHS:
            wrong["include_charts"] = [Message.of("type.boolean")]
        if wrong:
            raise invalid(wrong)
        return {**asked, "include_charts": TRUTHS[sent]}

    async def _awaited(self, id: int) -> str:
        """The document of an export once it has ended, or after WAIT_SECONDS. No connection to the database is held meanwhile. Raises
        Problem 404: it was removed."""
        end = monotonic() + WAIT_SECONDS
        while True:
            found = await query.get_export(self.db, owner_id=self.owner_id, id=id)
            if found is None:
                raise not_found(self.missing)
            left = end - monotonic()
            if found["is_finished"] or left <= 0 or self.application.draining:
                return str(found["document"])
            await self.application.kept(Waiting).wait(id, min(left, LOOK_SECONDS))


class Exports(ExportHandler):
    parameters = books_listing.parameters(COLUMNS)

    @answers(200, page_of("dashboard/export"))
    async def get(self) -> None:
        """List the exports of the dashboard, newest first. They are kept for seven days. 200; 400 an invalid cursor; 404 there is no such page;
        503 the storage is away."""
        page = json.loads(await books_listing.show_page(self, listed, {}))
        for at, export in enumerate(page["results"]):
            page["results"][at] = await self.shown(export)
            if at % SIGNED_AT_ONCE == SIGNED_AT_ONCE - 1:
                await asyncio.sleep(0)
        self.reply(page)


class ExportStatus(ExportHandler):
    @answers(200, "dashboard/export")
    async def get(self, id: str) -> None:
        """Show an export of the dashboard. `export_url` is where its owner downloads the file, with the token; `file` is an address for browsers,
        which send none: it ends after an hour or two, and the next request has another one. 200; 404; 503 the storage is away."""
        found = await query.get_export(self.db, owner_id=self.owner_id, id=int(id))
        if found is None:
            raise not_found(self.missing)
        self.reply(await self.shown(json.loads(found["document"])))


class ExportEvents(BooksHandler):
    parameters = (
        Parameter("lastEventId", "Resumes after this event, as the header Last-Event-ID does."),
        Parameter("token", "The access token, for clients that can't send headers."),
    )

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the access token may also come as ?token=."""
        return super().bearer or self.asked("token") or None

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    @answers(204, None)
    async def get(self, id: str) -> None:
        """Watch an export being made. The `data` of an event is its state: `status`, `stage`, `percent`, and in the last one `export_url` or
        `error`. The stream begins with the first event, and ends after the last one. 200; 204 the reader has all events, and need not
        connect again; 404."""
        found = await query.get_progress(self.db, owner_id=self.owner_id, id=int(id))
        if found is None:
            raise not_found(self.missing)
        if found["last"] is not None:
            self._tell(found["last"])
            return
        wanted = (frozenset({f"owner:{self.owner_id}"}), frozenset({f"export:{int(id)}"}))
        await self.application.streams.serve(
            self,
            "dashboard.export",
            self.last_event_id or str(found["position"]),
            signed_in_caller(self).lease,
            wanted=wanted,
            ends_with="end",
        )

    def _tell(self, event: str) -> None:
        """Answer with the last event of an export that has ended."""
        if self.last_event_id == LAST_ID:
            # Without this a browser would connect again and again (WHATWG HTML, 9.2.3).
            self.reply_nothing()
            return
        set_headers(self, self.config.sse_keepalive_seconds)
        self.finish(f"id: {LAST_ID}\ndata: {event}\n\n" if self.request.method != "HEAD" else None)


class Download(BooksHandler):
    path_parameters = (Parameter("filename", "The name of the file: `dashboard_TYPE_YYYYMMDD.FORMAT`."),)
    parameters = (Parameter("id", "Of which export; without it, of the newest one with that name.", INTEGER),)

    @answers(200, FILE, media="text/csv")
    @answers(200, FILE, media=XLSX)
    @answers(200, FILE, media="application/pdf")
    async def get(self, filename: str) -> None:
        """Download the file of an export, as its owner. 200; 400 an invalid id; 404; 503 the storage is away."""
        id, named = books_listing.id_of(self, "id"), _named(filename)
        found = named and await query.find_download(self.db, owner_id=self.owner_id, id=id, **named)
        if not found:
            raise not_found(self.missing)
        self.set_header("Content-Type", MEDIA[named["export_format"]])
        self.set_header("Content-Disposition", attachment(filename))
        self.set_header("Content-Length", str(found["file_size"]))
        self.set_header("Cache-Control", "private, no-store")
        if self.request.method != "HEAD":
            async for chunk in self.application.storage.chunks(found["key"]):
                self.write(chunk)
                await self.flush()
        self.finish()


def _named(filename: str) -> dict[str, Any]:
    """What the name of a file says; nothing, if no export has such a name."""
    found = _NAME.fullmatch(filename)
    if found is None:
        return {}
    try:
        day = date(*map(int, found.group(2, 3, 4)))
    except ValueError:
        return {}
    return {"export_type": found[1], "day": day, "export_format": found[5]}


def hear(app: Application, payload: bytes | None) -> None:
    """Let the requests go on that wait for an export which has ended."""
    app.kept(Waiting).hear(payload)


groups = ("Books: dashboard",)
listeners = {"dashboard.export": hear}
routes = [
    ("/api/dashboard/export/", DashboardExport),
    ("/api/dashboard/exports/", Exports),
    ("/api/dashboard/exports/{id:int}/", ExportStatus),
    ("/api/dashboard/exports/{id:int}/events/", ExportEvents),
    ("/api/dashboard/downloads/{filename}", Download),
]
