"""audit.log in LOG_DIR: each entry of the audit is a line. One process of the machine writes it. docs/api/operations.md#audit."""

import asyncio
import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO, Any

from core import product
from core.data import sql
from core.duties import Duty
from core.http.application import Application
from core.log_files import BACKUPS, File
from core.logs import printable
from handlers.operations import audit_position
from handlers.operations.audit_position import Position

# Between two looks at the audit.
FOLLOW_SECONDS = 1.0
# Entries that are read at once.
BATCH = 500
# Characters of an entry's `before` and `after`, and of its other texts; a longer one is cut. The statement cuts one character later.
MOST_DOCUMENT, MOST_TEXT = 8000, 400
# When this program was started (epoch). The first start with a folder writes what has happened since, and no history.
STARTED = time.time()

query = sql.load("operations/audit_log")
log = product.logger("audit_log")


class AuditLog:
    """What a process knows of audit.log."""

    def __init__(self, app: Application, started: float | None = None) -> None:
        self._app, self._started = app, STARTED if started is None else started
        folder = Path(app.config.log_dir)
        self._lead_path, self._position_path = folder / ".audit.lead", folder / ".audit.position"
        self._file = File(folder / "audit.log", BACKUPS["audit.log"])
        self._line = _as_json if app.config.log_format == "json" else _as_text
        # Held while this process is the one that writes. The kernel releases the lock when the process ends in any way.
        self._lead: IO[bytes] | None = None
        self._position: Position | None = None
        self._is_saved = True

    async def follow(self) -> None:
        """Write the entries that are new, if this process is the one that writes. Raises Problem 503, OSError."""
        if self._lead is None and not await asyncio.to_thread(self._take_lead):
            return
        if self._position is None:
            self._position = await self._start()
        while True:
            seen = self._position
            lows, highs = [gap.low for gap in seen.gaps], [gap.high for gap in seen.gaps]
            rows = await query.list_new(self._app.db, top=seen.top, lows=lows, highs=highs, most=BATCH)
            if rows[0]["last"] < seen.top:
                log.warning(
                    "the audit has gone back, as after a restore; %s goes on at its end", self._file.baseFilename
                )
                self._position = await self._begin(time.time())
                return
            entries = [row for row in rows if row["id"] is not None]
            ids = [row["id"] for row in entries]
            n_late = sum(number <= seen.top for number in ids)
            moved = seen.after(ids, rows[0]["next_xid"], rows[0]["oldest_xid"], time.time(), is_all=n_late < BATCH)
            if moved == seen and self._is_saved:
                return
            if not await asyncio.to_thread(self._write, entries, moved):
                # The disk is full. The same entries come again at the next time.
                return
            self._position = moved
            if len(ids) - n_late < BATCH and n_late < BATCH:
                return

    def _take_lead(self) -> bool:
        """Whether this process writes from now on. Without the folder, none does until it is back; core/log_files.py reports that."""
        with contextlib.ExitStack() as unless_taken:
            try:
                lead = unless_taken.enter_context(open(self._lead_path, "ab"))
                fcntl.flock(lead, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._file.finish_rotation()
            except OSError:
                return False
            unless_taken.pop_all()
        self._lead = lead
        return True

    async def _start(self) -> Position:
        try:
            found = await asyncio.to_thread(audit_position.read, self._position_path)
        except ValueError as error:
            log.error("%s; %s goes on at the end of the audit", error, self._file.baseFilename)
            found = None
        return found or await self._begin(self._started)

    async def _begin(self, moment: float) -> Position:
        """The position at a moment (epoch). It is saved, so that another process would go on from here."""
        rows = await query.list_before(self._app.db, moment=moment, most=BATCH)
        ids = sorted(row["id"] for row in rows if row["id"] is not None)
        position = audit_position.first(ids, rows[0]["next_xid"], time.time())
        await asyncio.to_thread(self._save, position)
        return position

    def _write(self, entries: list[Any], moved: Position) -> bool:
        if entries:
            if not self._file.write("\n".join(map(self._line, entries))):
                return False
            # The position must not be on the disk before the entries are.
            self._file.sync()
        self._save(moved)
        return True

    def _save(self, position: Position) -> None:
        try:
            position.save(self._position_path)
            self._is_saved = True
        except OSError as error:
            # It is tried again each time. Until then a restart would write the same entries again.
            if self._is_saved:
                log.error("%s can't be written: %s", self._position_path, os.strerror(error.errno or 0))
            self._is_saved = False


def _as_text(entry: Any) -> str:
    members = {
        "id": str(entry["id"]),
        "object": _word(f"{entry['object_type']}/{entry['object_id']}"),
        "by": _word(entry["email"]),
        "account": str(entry["account_id"] or ""),
        "from": _word(entry["address"]),
        "request": _word(entry["request_id"]),
        "before": _document(entry["before"]),
        "after": _document(entry["after"]),
    }
    said = " ".join(f"{name}={value}" for name, value in members.items() if value)
    return printable(f"{entry['time']} INFO    {product.SLUG}.audit {entry['action']} {said}")


def _as_json(entry: Any) -> str:
    members = {"time": entry["time"], "level": "INFO", "logger": f"{product.SLUG}.audit", "message": entry["action"]}
    members |= {"request": entry["request_id"]} if entry["request_id"] else {}
    names = ("id", "object_type", "object_id", "account_id", "email", "address")
    members |= {name: entry[name][:MOST_TEXT] if isinstance(entry[name], str) else entry[name] for name in names}
    # `before` and `after` are put in as the database writes them: Python would not preserve the digits of numbers.
    documents = [f', "{name}": {_document(entry[name]) or "null"}' for name in ("before", "after")]
    return _escaped(json.dumps(members, ensure_ascii=False)[:-1] + "".join(documents) + "}")


def _word(text: str) -> str:
    """A text as one word: in quotation marks, as JSON, if it has blanks or quotation marks."""
    text = text[:MOST_TEXT]
    is_word = text.isprintable() and not any(c in text for c in ' "=\\')
    return text if is_word else _escaped(json.dumps(text, ensure_ascii=False))


def _document(text: str | None) -> str:
    """A JSON document as one line; one that is too long becomes a JSON string with its beginning; "" without one."""
    if text is not None and len(text) > MOST_DOCUMENT:
        text = json.dumps(text[:MOST_DOCUMENT] + "…", ensure_ascii=False)
    return _escaped(text or "")


def _escaped(text: str) -> str:
    """JSON with escapes in place of all that no terminal shows; such characters are only within its strings."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


async def follow_audit(app: Application) -> None:
    """Write the new entries of the audit to audit.log, if there is a folder for it."""
    if app.config.log_dir:
        await app.kept(AuditLog).follow()


duties = [Duty(FOLLOW_SECONDS, follow_audit)]
