"""The lines of an import while they arrive: each is read and validated as the body of a single import is, and stored with what is wrong
with it. docs/api/sales.md#imports."""

import asyncio
import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import asyncpg

from core import text
from core.data import sql
from core.dialect import Dialect
from core.http import body, json_text, schema
from core.http.pieces import Piece
from core.problem import Message, Problem, invalid, unavailable

# Lines of one import.
MOST_LINES = 10_000
# Bytes of a line: as many as a single import may have.
LONGEST_LINE = 10 * 1024 * 1024
# Lines, and bytes, that are validated and stored together: some 20 ms in a thread.
READ_AT_ONCE, BYTES_AT_ONCE = 500, 512 * 1024
# Characters of an invoice_no, as its column has.
LONGEST_NUMBER = 100
# Invoices that are put together from the rows of a table at once, in a thread.
PIECES_AT_ONCE = 100
EXPECTED = schema.load("sales/invoice_import")

query = sql.load("sales/bulk_import")


class Line(NamedTuple):
    """number: in the file. errors: by field, as JSON text, of a wrong line; body: the JSON text of a right one."""

    number: int
    invoice_no: str | None
    errors: str | None
    body: str | None


class Cutter(Protocol):
    """Cuts a body into pieces (core/http/pieces.py)."""

    def feed(self, chunk: bytes) -> list[Piece]: ...
    def end(self) -> Iterable[Piece]: ...


def read(pieces: Sequence[Piece], dialect: Dialect) -> list[Line]:
    """The lines of some pieces."""
    return [_read(piece, dialect) for piece in pieces]


def _read(piece: Piece, dialect: Dialect) -> Line:
    if piece.wrong is not None:
        return Line(piece.number, _number_of(piece.sent or b"null"), worded(piece.wrong, dialect), None)
    if piece.sent is None:
        said = Message.of("too-long", limit=f"{LONGEST_LINE // 1024**2} MB")
        return Line(piece.number, None, worded({"non_field_errors": [said]}, dialect), None)
    try:
        value, meant = body.read(piece.sent, EXPECTED)
    except Problem as problem:
        fields = problem.fields if problem.fields is not None else {"non_field_errors": [problem.message]}
        return Line(piece.number, _number_of(piece.sent), worded(fields, dialect), None)
    return Line(piece.number, text.cleaned(value["invoice_no"]), None, meant)


def worded(fields: Any, dialect: Dialect) -> str:
    """What is wrong, in the words of the area, as JSON text."""
    return json.dumps(dialect.worded(invalid(fields)).fields, ensure_ascii=False)


def _number_of(sent: bytes) -> str | None:
    """The invoice_no of a wrong line, if it has one that can be shown."""
    try:
        value = json_text.literal(json_text.decoded(sent))
    except Problem:
        return None
    number = value.get("invoice_no") if isinstance(value, dict) else None
    if not isinstance(number, str) or "\0" in number:
        return None
    return number[:LONGEST_NUMBER].encode("utf-8", "replace").decode()


class Receiver:
    """Stores the lines of one body. owner: whose import it is. account_id: who imports; None: with the API key.

    id: of the import; None: nothing is stored yet. count: of the lines so far.
    """

    def __init__(self, db: sql.Runner, dialect: Dialect, cutter: Cutter, owner: str, account_id: int | None) -> None:
        self._db, self._dialect, self._cutter = db, dialect, cutter
        self._owner, self._account_id = owner, account_id
        self._pieces: list[Piece] = []
        self.count = self._bytes = 0
        self._digest = hashlib.sha256()
        self.id: int | None = None

    async def feed(self, chunk: bytes) -> None:
        """Take what has arrived. Raises Problem: 400 what is wrong with the body as a whole, 503."""
        self._digest.update(chunk)
        for piece in self._cutter.feed(chunk):
            await self._add(piece)

    async def end(self) -> None:
        """The body is whole: store what is left. Raises what feed() raises."""
        pieces = iter(self._cutter.end())
        while some := await asyncio.to_thread(list, itertools.islice(pieces, PIECES_AT_ONCE)):
            for piece in some:
                await self._add(piece)
        if self._pieces or self.id is None:
            await self._store()

    async def accept(self, key: str | None, *, is_later: bool) -> asyncpg.Record:
        """Have the lines stored, by a job if is_later; or find the import that was accepted under the same key (is_known). Raises Problem
        422: that was another one."""
        fingerprint = self._digest.digest()
        found = await query.accept_import(self._db, id=self.id, key=key, fingerprint=fingerprint, is_later=is_later)
        if found["is_known"] and found["fingerprint"] != fingerprint:
            raise Problem(422, "key-used", Message.of("idempotency-used"))
        return found

    async def forget(self) -> None:
        """The body is not accepted. Raises Problem 503, after which a duty removes its lines."""
        if self.id is not None:
            await query.forget_import(self._db, id=self.id)

    async def _add(self, piece: Piece) -> None:
        self.count += 1
        if self.count > MOST_LINES:
            raise invalid({"non_field_errors": [Message.of("maxItems", limit=MOST_LINES)]})
        self._pieces.append(piece)
        self._bytes += len(piece.sent or b"")
        if len(self._pieces) == READ_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            await self._store()

    async def _store(self) -> None:
        lines = await asyncio.to_thread(read, self._pieces, self._dialect)
        self._pieces, self._bytes = [], 0
        self.id = await query.add_lines(
            self._db,
            id=self.id,
            owner=self._owner,
            account_id=self._account_id,
            numbers=[line.number for line in lines],
            invoice_nos=[line.invoice_no for line in lines],
            errors=[line.errors for line in lines],
            bodies=[line.body for line in lines],
        )
        if self.id is None:
            raise unavailable("The body took too long to arrive. Please send it again.")
