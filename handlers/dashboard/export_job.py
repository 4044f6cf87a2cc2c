"""The job that makes exports of dashboards, and what removes them. docs/api/dashboard.md#export."""

import contextlib
import secrets
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from core.data import sql
from core.duties import Duty
from core.files import media
from core.jobs import Job, Run
from core.jobs.job import Payload, Taken
from core.problem import Problem
from core.report.process import write_report
from core.report.report import MEDIA
from core.temporary_folder import temporary_folder
from handlers.dashboard import export_content
from handlers.dashboard.export_content import Asked

# Exports of one owner that wait or are being made.
MOST_UNDER_WAY = 5
RETRY_SECONDS = 30
# As dashboard.export_document says it.
KEPT_DAYS = 7
# Between two searches for exports that are old, or that nobody makes any more.
REMOVE_SECONDS = 600
REMOVED_AT_ONCE = 100
# An export that no process has made by then is given up, so that it doesn't count among those under way for ever.
GIVE_UP_HOURS = 24
# Between two notes of how far a job is. Each is a transaction, and an event.
NOTE_SECONDS = 0.5
# The parts of the whole, in per cent: how much is done once all is read, and once all is written.
READ, WRITTEN = 20, 95
FAILED = "The file could not be made. Please try again."

query = sql.load("dashboard/export")


class Progress:
    """Notes how far the job is, in the export's row, from which the event of a stream is made."""

    def __init__(self, run: Run, owner_id: int, id: int) -> None:
        self._run, self._owner_id, self._id = run, owner_id, id
        self._noted, self._stage = monotonic(), "reading"

    async def __call__(self, stage: str, percent: float) -> None:
        if stage == self._stage and monotonic() < self._noted + NOTE_SECONDS:
            return
        self._noted, self._stage = monotonic(), stage
        # A note that can't be taken now is no reason to give up the work.
        with contextlib.suppress(Problem):
            whose = {"owner_id": self._owner_id, "id": self._id}
            await query.note_progress(self._run.db, **whose, stage=stage, percent=int(percent))


async def make_export(run: Run, payload: Payload) -> None:
    """Make the file of an export. It may be begun again at any time: what another run has done before is done, and what it has begun is
    done anew. Raises whatever goes wrong."""
    whose = {"owner_id": payload["owner_id"], "id": payload["id"]}
    begun = await query.begin_export(run.db, **whose)
    if begun is None:
        return
    try:
        with temporary_folder("export") as folder:
            await _make(run, Asked(payload["owner_id"], **begun), payload["id"], folder)
    except Taken:
        raise
    except Exception:
        if run.is_last:
            await query.fail_export(run.db, **whose, error=FAILED)
        raise


async def _make(run: Run, asked: Asked, id: int, folder: Path) -> None:
    progress = Progress(run, asked.owner_id, id)
    await export_content.read(run, asked, folder, lambda part: progress("reading", READ * part))
    await progress("writing", READ)
    part = WRITTEN - READ
    path = await write_report(folder, asked.export_format, lambda written: progress("writing", READ + part * written))
    await progress("storing", WRITTEN)
    # Browsers save the file under the last part of its address.
    key = f"exports/{datetime.now(UTC):%Y/%m/%d}/{secrets.token_hex(16)}/{asked.name}"
    size = path.stat().st_size
    await media.hold(run.db, key)
    await run.storage.put_file(key, path, MEDIA[asked.export_format])
    await run.finish(
        lambda tx: query.finish_export(tx, owner_id=asked.owner_id, id=id, key=key, file_size=size),
        result={"export": id, "file_size": size},
    )


async def remove_old(app: Any) -> None:
    """Remove the exports that have been kept for long enough, and give up those that nobody makes any more."""
    await query.give_up_exports(app.db, hours=GIVE_UP_HOURS, error=FAILED)
    while await query.remove_old_exports(app.db, days=KEPT_DAYS, most=REMOVED_AT_ONCE) == REMOVED_AT_ONCE:
        pass


# A detailed XLSX of 1,000,000 rows takes some minutes, in which a process of its own keeps a core busy.
jobs = [Job("dashboard.export", make_export, attempts=4, first_delay=5.0, at_once=1, seconds=1800)]
duties = [Duty(REMOVE_SECONDS, remove_old)]
