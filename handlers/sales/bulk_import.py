"""Imports of many invoices in one request. docs/api/sales.md#imports."""

import re
from contextlib import ExitStack
from typing import Any

from core.http import keyset, schema
from core.http.declare import answers, closed, idempotent, ref, takes
from core.http.idempotency import REPLAYED, Counts, key_of
from core.http.json_text import composed
from core.http.openapi import EVENT_STREAM
from core.http.parameter import Parameter
from core.http.pieces import Items, Lines
from core.http.stored_file import XLSX
from core.http.streamed import StreamedBody
from core.live.stream import set_headers
from core.problem import Message, Problem, invalid, not_found
from core.temporary_folder import temporary_folder
from handlers.api.envelope import data_of, envelope
from handlers.api.roles import administers
from handlers.sales import SalesHandler, signed_in_or_api_key
from handlers.sales.bulk_job import store_all
from handlers.sales.bulk_lines import EXPECTED, LONGEST_LINE, MOST_LINES, Cutter, Receiver, query
from handlers.sales.bulk_table import Rows

# Bytes of a body: 10,000 invoices of 5 KB. A proxy in front has to admit as much (README, Production).
LIMIT = 50 * 1024 * 1024
# Seconds for a body to arrive over a slow connection.
BODY_SECONDS = 600
# Imports of more lines are done after the answer. So many take about half a second.
MOST_AT_ONCE = 1000
# Results that are read from the database, and sent, at once.
RESULTS = 500
PAGE_SIZE, MOST_PAGE_SIZE = 100, 500
# Imports that a list shows: an account rarely has more in the days for which they are kept.
MOST_LISTED = 20
STATUSES = ("created", "duplicate", "invalid", "waiting")
LINE_TYPES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/jsonlines",
)
TABLE_TYPES = ("text/csv", XLSX)
# The owner of the imports that come with the API key.
KEY_OWNER = "key"
# The id of the last event of an import that had ended before the stream began.
LAST_ID = "end"
MEMBERS = schema.read("sales/bulk_import")["properties"]
RESULT = {"type": "array", "items": ref("sales/bulk_result")}
WITH_RESULTS = closed({**MEMBERS, "results": RESULT})
PAGE = closed({**MEMBERS, "next": {"type": ["string", "null"]}, "results": RESULT})
_ASYNC = re.compile(r"(?:^|,)\s*respond-async\s*(?:,|;|$)", re.I)


class ImportHandler(SalesHandler):
    access = signed_in_or_api_key

    @property
    def owner(self) -> str:
        """Whose an import is that this request makes."""
        return KEY_OWNER if self.caller is None else f"account:{self.caller.account_id}"

    @property
    def shown_owner(self) -> str | None:
        """Whose imports the caller may see; None: those of all, as an administrator."""
        return None if self.caller is not None and administers(self.caller) else self.owner

    async def find(self, id: str) -> Any:
        """An import that the caller may see. Raises Problem 404."""
        found = await query.get_import(self.db, id=int(id), owner=self.shown_owner)
        if found is None:
            raise not_found(self.missing)
        return found


class Imports(StreamedBody, ImportHandler):
    large_body = LIMIT
    _receiver: Receiver | None = None

    async def begin(self) -> None:
        self._resources = ExitStack()
        self.request.connection.set_body_timeout(BODY_SECONDS)  # type: ignore[union-attr]
        account_id = self.caller.account_id if self.caller else None
        self._key = key_of(self)
        self._receiver = Receiver(self.db, self.dialect, self._cutter(self._body_kind()), self.owner, account_id)

    def _cutter(self, kind: str) -> Cutter:
        """What cuts the body into invoices. Raises Problem 415."""
        if kind in LINE_TYPES:
            return Lines(LONGEST_LINE)
        if kind in TABLE_TYPES:
            rows = Rows(self._resources.enter_context(temporary_folder("import")))
            self._resources.callback(rows.close)
            return rows
        if kind in ("", "application/json"):
            return Items(LONGEST_LINE)
        raise Problem(415, "not-json-type", Message.of("media-type", kind=kind))

    async def take(self, chunk: bytes) -> None:
        assert self._receiver is not None
        await self._receiver.feed(chunk)

    async def abandoned(self) -> None:
        if self._receiver is not None:
            await self._receiver.forget()

    def on_finish(self) -> None:
        super().on_finish()
        if self._receiver is not None:
            self._resources.close()

    @answers(200, data_of(WITH_RESULTS))
    @answers(202, data_of("sales/bulk_import", 202), headers=("Location",))
    @idempotent
    @takes(EXPECTED, most=MOST_LINES, media=(LINE_TYPES[0], *TABLE_TYPES))
    async def post(self) -> None:
        """Store up to 10,000 invoices, each as a single import would be stored: a wrong one spoils no other. The body is an array, or NDJSON
        with one invoice on each line, or a table as CSV or XLSX with one item in each row, whose columns have the names of the members:
        `customer.code`, `item.name`; at most 50 MB. The results are in the order of the lines. With `Prefer: respond-async`, and with more than
        1,000 lines, they are stored after the answer. 200 with what became of each line; 202 the import is under way: `Location`
        tells how far it is; 400 the body is wrong as a whole, and nothing was stored."""
        receiver = await self._received()
        preferred = bool(_ASYNC.search(self.header("Prefer")))
        is_later = preferred or receiver.count > MOST_AT_ONCE
        accepted = await receiver.accept(self._key, is_later=is_later)
        self._note_key(accepted["is_known"])
        if is_later:
            self.set_header("Location", f"{self.origin}/api/sales/import/invoices/{accepted['id']}/")
            if preferred:
                self.set_header("Preference-Applied", "respond-async")
            self.reply(envelope("Import accepted", accepted["document"], 202), 202)
            return
        found = await store_all(self.db, accepted["id"])
        await self._reply_whole(accepted["id"], accepted["document"] if found is None else found["document"])

    async def _received(self) -> Receiver:
        """The body, which is whole. Raises Problem; then nothing of it is kept."""
        receiver = self._receiver
        assert receiver is not None
        try:
            self.check_body()
            await receiver.end()
        except BaseException:
            await receiver.forget()
            raise
        return receiver

    def _note_key(self, is_known: bool) -> None:
        if self._key is not None:
            counts = self.application.kept(Counts)
            counts.asked += 1
            counts.found += is_known
        if is_known:
            self.set_header(REPLAYED, "true")

    async def _reply_whole(self, id: int, document: str) -> None:
        """Answer with what became of each line, in pieces."""
        tail = "]}}"
        self.write(envelope("Import finished", f'{document[:-1]},"results":[]}}').removesuffix(tail))
        after, separator = 0, ""
        while rows := await query.list_results(self.db, id=id, status=None, after=after, most=RESULTS):
            self.write(separator + ",".join(row["document"] for row in rows))
            after, separator = rows[-1]["line"], ","
            if len(rows) < RESULTS:
                break
            await self.flush()
        self.finish(tail)

    @answers(200, data_of(closed({"results": {"type": "array", "items": ref("sales/bulk_import")}})))
    async def get(self) -> None:
        """List the last imports of the caller, newest first; to an administrator those of all. They are kept for seven days. 200."""
        of_owner = {} if self.shown_owner is None else {"of_owner": self.shown_owner}
        rows = await query.list_imports.where(**of_owner)(self.db, most=MOST_LISTED)
        data = composed({"results": f"[{','.join(row['document'] for row in rows)}]"})
        self.reply(envelope("List retrieved successfully", data))


class Import(ImportHandler):
    parameters = (
        Parameter("status", "Only lines of which this became.", {"type": "string", "enum": list(STATUSES)}),
        keyset.CURSOR,
        Parameter(
            "page_size",
            "Lines of a page; a larger size counts as the maximum.",
            {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_SIZE, "default": PAGE_SIZE},
        ),
    )

    @answers(200, data_of(PAGE))
    async def get(self, id: str) -> None:
        """Show how far an import is, and what became of its lines, in order. 200; 400 an invalid status or cursor; 404 there is no such import of
        the caller, or it was removed after seven days."""
        status = self.asked("status") or None
        if status not in (None, *STATUSES):
            raise invalid({"status": [Message.of("enum", value=status[: schema.LONGEST_VALUE])]})
        (after,) = keyset.given(self, keyset.is_id) or [0]
        found, size = await self.find(id), self._size()
        rows = await query.list_results(self.db, id=int(id), status=status, after=after, most=size + 1)
        following = keyset.following(self, [rows[size - 1]["line"]] if len(rows) > size else None)
        results = f"[{','.join(row['document'] for row in rows[:size])}]"
        whole = composed({"next": following, "results": results})
        self.reply(envelope("Detail retrieved successfully", f"{found['document'][:-1]},{whole[1:]}"))

    def _size(self) -> int:
        given = self.asked("page_size")
        is_number = given.isascii() and given.isdecimal() and len(given) < 10
        return min(int(given), MOST_PAGE_SIZE) if is_number and int(given) else PAGE_SIZE


class ImportEvents(ImportHandler):
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
        """Watch how far an import is. The `data` of an event is the import as it is then; in the last one its `status` is `done` or `failed`. The
        stream begins with the first event, and ends after the last one. 200; 204 the reader has all events, and need not connect again;
        404."""
        found = await self.find(id)
        if found["status"] in ("done", "failed"):
            self._tell(found["document"])
            return
        lease = self.caller.lease if self.caller is not None else None
        last_id = self.last_event_id or str(found["position"])
        wanted = (frozenset({f"import:{int(id)}"}),)
        await self.application.streams.serve(self, "sales.import", last_id, lease, wanted=wanted, ends_with="end")

    def _tell(self, event: str) -> None:
        """Answer with the last event of an import that has ended."""
        if self.last_event_id == LAST_ID:
            # Without this a browser would connect again and again (WHATWG HTML, 9.2.3).
            self.reply_nothing()
            return
        set_headers(self, self.config.sse_keepalive_seconds)
        self.finish(f"id: {LAST_ID}\ndata: {event}\n\n" if self.request.method != "HEAD" else None)


groups = ("Invoices: import", "Staff: invoices")
routes = [
    ("/api/sales/import/invoices/", Imports),
    ("/api/sales/import/invoices/{id:int}/", Import),
    ("/api/sales/import/invoices/{id:int}/events/", ImportEvents),
]
