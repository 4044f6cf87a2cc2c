"""Asking for exports of dashboards, and what becomes of them. docs/api/dashboard.md#export. What files contain: test_dashboard_export_file.py."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

import pytest

from core.files import media
from core.jobs.runner import Pace, Runner
from core.problem import unavailable
from core.report.report import MEDIA
from core.run.process import resources
from handlers.api import areas
from handlers.dashboard import export, export_job
from tests.dashboard.exports import PATH, asked, made, today
from tests.support.deadlines import DEADLINE, until
from tests.support.program import ROOT

pytestmark = pytest.mark.gen_test


@pytest.fixture(autouse=True)
def nothing_is_queued(io_loop, db):
    """What one test asks for is not made in another, and no request waits for a worker that was killed."""
    yield
    for table in ("pgqueuer", "worker"):
        io_loop.run_sync(lambda table=table: db.execute(f"DELETE FROM jobs.{table}"))


@contextlib.asynccontextmanager
async def worker(app):
    """Within, a worker makes exports as they are asked for."""
    runner = Runner(resources(app), areas.jobs(), (), kind="worker", pace=Pace(poll=0.1))
    await runner.open()
    try:
        await until(lambda: app.db.value("SELECT count(*) FROM jobs.worker WHERE id = $1", runner.id))
        yield
    finally:
        await runner.stop(0)


# The answer


async def test_a_file_that_is_made_at_once_is_answered_as_the_document_of_the_api_says(owner, app):
    async with worker(app):
        answer = await owner.get(PATH)
    assert answer.status == 200, answer.text
    export = answer.json
    path, _, query = export["export_url"].partition("?")
    assert (
        path == f"/api/dashboard/downloads/dashboard_overview_{today():%Y%m%d}.xlsx" and query == f"id={export['id']}"
    )
    file = await owner.get(export["export_url"])
    assert (file.status, len(file.body)) == (200, export["file_size"])
    assert export["created_at"] <= export["generated_at"] < export["expires_at"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_file_that_is_not_made_yet_is_answered_with_where_to_look(owner):
    export = await asked(owner, "export_format=csv&export_type=clients&period_type=yearly&include_charts=false")
    here = f"{owner.api.base_url}/api/dashboard/exports/{export['id']}/"
    expected = {
        "status": "queued", "stage": "waiting", "percent": 0, "export_format": "csv", "export_type": "clients", "period_type": "yearly",
        "include_charts": False, "export_url": None, "file": None, "file_size": None, "error": "", "generated_at": None, "status_url": here,
        "events_url": f"{here}events/",
    }  # fmt: skip
    assert {name: export[name] for name in expected} == expected
    assert (await owner.get(here)).json == export


async def test_a_request_does_not_wait_for_ever(owner, app, db, monkeypatch):
    """The worker is there, but stands still."""
    monkeypatch.setattr(export, "WAIT_SECONDS", 0.05)
    await db.execute(
        "INSERT INTO jobs.worker (id, name, kind, jobs, running) VALUES (gen_random_uuid(), 'x:1', 'worker', '{dashboard.export}', 0)"
    )
    await asked(owner)


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("export_format=zip", {"export_format": ['"zip" is not a valid choice.']}),
        ("export_format=CSV", {"export_format": ['"CSV" is not a valid choice.']}),
        ("export_type=all", {"export_type": ['"all" is not a valid choice.']}),
        ("period_type=hourly", {"period_type": ['"hourly" is not a valid choice.']}),
        ("include_charts=perhaps", {"include_charts": ["Must be a valid boolean."]}),
        (
            "export_type=x&period_type=y",
            {"export_type": ['"x" is not a valid choice.'], "period_type": ['"y" is not a valid choice.']},
        ),
    ],
)
async def test_a_choice_that_there_is_not_is_refused(owner, query, details):
    answer = await owner.get(f"{PATH}?{query}")
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": details})
    assert (await owner.get("/api/dashboard/exports/")).json["count"] == 0


@pytest.mark.parametrize("value", ["a%00b", "x" * 20_000, "%F0%9F%98%80", "NaN"])
async def test_strange_choices_are_refused(owner, value):
    for name in ("export_format", "export_type", "period_type", "include_charts"):
        assert (await owner.get(f"{PATH}?{name}={value}")).status == 400


async def test_empty_parameters_count_as_omitted_and_periods_of_each_kind_are_taken(owner):
    export = await asked(owner, "export_format=&export_type=&period_type=&include_charts=")
    assert [export[name] for name in ("export_format", "export_type", "period_type", "include_charts")] == [
        "xlsx",
        "overview",
        "monthly",
        True,
    ]
    for period in ("daily", "weekly", "quarterly"):
        assert (await asked(owner, f"period_type={period}&include_charts=0"))["period_type"] == period


async def test_the_head_of_an_export_makes_none(owner):
    answer = await owner.call("HEAD", PATH)
    assert (answer.status, answer.body) == (200, b"")
    assert (await owner.get("/api/dashboard/exports/")).json["count"] == 0


async def test_the_same_request_joins_the_export_that_is_under_way(owner, db, run_jobs):
    first = await asked(owner)
    answers = await asyncio.gather(*(owner.get(PATH) for _ in range(5)))
    assert {answer.json["id"] for answer in answers} == {first["id"]}
    assert (await asked(owner, "include_charts=false"))["id"] != first["id"]
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer") == 2
    await run_jobs()
    assert (await asked(owner))["id"] > first["id"]


async def test_an_owner_has_a_few_exports_under_way_at_most(owner, open_books, monkeypatch):
    monkeypatch.setattr(export_job, "MOST_UNDER_WAY", 2)
    for kind in ("overview", "clients"):
        await asked(owner, f"export_type={kind}")
    answer = await owner.get(f"{PATH}?export_type=financial")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert answer.json["error"] == "2 exports are under way. Try again when one of them is done."
    await asked(owner)
    await asked(await open_books())


async def test_exports_are_listed_newest_first(owner, run_jobs):
    first = await made(owner, run_jobs, "export_format=csv")
    second = await asked(owner)
    page = (await owner.get("/api/dashboard/exports/")).json
    assert (page["count"], [one["id"] for one in page["results"]]) == (2, [second["id"], first["id"]])
    page = (await owner.get("/api/dashboard/exports/?cursor=&page_size=1")).json
    assert [one["id"] for one in page["results"]] == [second["id"]]
    assert [one["id"] for one in (await owner.get(page["next"])).json["results"]] == [first["id"]]


# The file


async def test_a_file_is_downloaded_under_its_name_by_its_owner_only(owner, open_books, run_jobs):
    stranger = await open_books("SUPERADMIN")
    for form, media_type in MEDIA.items():
        done = await made(owner, run_jobs, f"export_format={form}")
        url = done["export_url"]
        answer = await owner.get(url)
        assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
        name = urlsplit(url).path.rpartition("/")[2]
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["Cache-Control"] == "private, no-store"
        head = await owner.call("HEAD", url)
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", f"{len(answer.body)}")
        for theirs in (
            url,
            url.partition("?")[0],
            urlsplit(done["status_url"]).path,
            urlsplit(done["events_url"]).path,
        ):
            assert (await stranger.get(theirs)).status == 404
            assert (await owner.api.get(theirs)).status == 401
    assert (await stranger.get("/api/dashboard/exports/")).json["results"] == []


async def test_a_browser_reads_the_file_by_a_link_that_is_signed(owner, run_jobs):
    for form, media_type in MEDIA.items():
        done = await made(owner, run_jobs, f"export_format={form}")
        linked = await owner.api.get(done["file"])
        assert (linked.status, linked.headers["Content-Type"]) == (200, media_type)
        assert linked.headers["Content-Disposition"] == "attachment"
        assert linked.body == (await owner.get(done["export_url"])).body
        assert urlsplit(done["file"]).path.endswith(urlsplit(done["export_url"]).path.rpartition("/")[2])
        assert (await owner.api.get(done["file"].partition("?")[0])).status == 404


async def test_two_files_of_one_name_are_told_apart_by_their_ids(owner, run_jobs):
    first = await made(owner, run_jobs, "export_format=csv&export_type=clients")
    await owner.invoice((await owner.client(name="Asha"))["id"], status="sent")
    second = await made(owner, run_jobs, "export_format=csv&export_type=clients")
    path, of_second = first["export_url"].partition("?")[0], second["export_url"].partition("?")[0]
    assert path == of_second
    old, new, newest = [(await owner.get(url)).body for url in (first["export_url"], second["export_url"], path)]
    assert b"Asha" not in old and b"Asha" in new and newest == new


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("dashboard_overview_20260230.xlsx", 404),
        ("dashboard_overview_99999999.xlsx", 404),
        ("dashboard_overview_20260101.zip", 404),
        ("dashboard_secrets_20260101.csv", 404),
        ("dashboard_overview_20260101.xlsx%00", 404),
        ("..%2F..%2Fetc%2Fpasswd", 404),
        ("dashboard_overview_20260101.xlsx?id=x", 400),
        ("dashboard_overview_20260101.xlsx?id=99999999999999999999", 400),
        ("dashboard_overview_20260101.xlsx?id=1", 404),
    ],
)
async def test_what_names_no_file_is_not_found(owner, name, status):
    assert (await owner.get(f"/api/dashboard/downloads/{name}")).status == status


async def test_a_download_while_the_storage_is_away_is_503(owner, app, run_jobs, monkeypatch):
    done = await made(owner, run_jobs, "export_format=csv")

    async def away(*given):
        raise unavailable("The storage is away.")

    monkeypatch.setattr(app.storage, "read", away)
    assert (await owner.get(done["export_url"])).status == 503


# Progress


async def events(reader):
    """The events of a stream until it ends."""
    found = []
    while block := await reader.block():
        found += [json.loads(line.removeprefix("data: ")) for line in block.split("\n") if line.startswith("data: ")]
    return found


def states(told):
    """Each state once, in order."""
    return list(dict.fromkeys((one["status"], one["stage"]) for one in told))


WHOLE = [
    ("queued", "waiting"),
    ("running", "reading"),
    ("running", "writing"),
    ("running", "storing"),
    ("done", "done"),
]


async def test_the_progress_of_an_export_is_told_in_order_and_ends_with_it(owner, stream, run_jobs, monkeypatch):
    monkeypatch.setattr(export_job, "NOTE_SECONDS", 0)
    export = await asked(owner, "export_format=csv&export_type=detailed")
    path = urlsplit(export["events_url"]).path
    header = await stream(path, headers={"Authorization": f"Bearer {owner.token}"})
    query = await stream(f"{path}?token={owner.token}")
    assert header.headers["content-type"] == "text/event-stream; charset=utf-8"
    await run_jobs()
    told = await events(header)
    assert states(told) == WHOLE and told == await events(query)
    percents = [one["percent"] for one in told]
    assert percents == sorted(percents) and percents[0] == 0 and percents[-1] == 100 and len(percents) > 8
    done = (await owner.get(export["status_url"])).json
    assert told[-1] == {name: done[name] for name in told[-1]} and told[-1]["export_url"] == done["export_url"]


async def test_a_reader_who_comes_late_gets_the_events_from_the_first_on_and_one_who_returns_those_it_missed(
    owner, stream, app, db, run_jobs
):
    export = await asked(owner, "export_format=csv")
    path = f"{urlsplit(export['events_url']).path}?token={owner.token}"
    await db.execute("UPDATE dashboard.export SET status = 'running', stage = 'reading' WHERE id = $1", export["id"])
    late = await stream(path)
    first, second = [json.loads((await late.event())["data"]) for _ in range(2)]
    assert states([first, second]) == WHOLE[:2]
    back = await stream(path, headers={"Last-Event-ID": late.last_id})
    await run_jobs()
    told = await events(back)
    assert told[0]["status"] == "running" and told[-1]["status"] == "done" and told[-2:] == (await events(late))[-2:]


async def test_events_of_other_exports_and_owners_are_not_told(owner, open_books, stream, run_jobs):
    stranger = await open_books()
    export, other, foreign = (
        await asked(owner, "export_format=csv"),
        await asked(owner, "export_format=csv&export_type=clients"),
        await asked(stranger, "export_format=csv"),
    )
    reader = await stream(f"{urlsplit(export['events_url']).path}?token={owner.token}")
    await run_jobs()
    assert {one["id"] for one in await events(reader)} == {export["id"]}
    assert len({export["id"], other["id"], foreign["id"]}) == 3


async def test_the_last_event_reaches_a_reader_whole_who_is_slower_than_the_stream(owner, stream, db):
    """More than the buffers of the system hold, so that the rest waits in the process when the stream ends."""
    export = await asked(owner)
    reader = await stream(f"{urlsplit(export['events_url']).path}?token={owner.token}")
    await reader.event()
    tags, payload = (
        [f"owner:{owner.id}", f"export:{export['id']}", "end"],
        json.dumps({"id": 0, "status": "x" * 3_000_000}),
    )
    await db.execute("INSERT INTO core.event (topic, payload, tags) VALUES ('dashboard.export', $1, $2)", payload, tags)
    await db.execute("INSERT INTO core.event (topic, payload, tags) VALUES ('dashboard.export', '{}', $1)", tags)
    # Nobody reads for a moment.
    await asyncio.sleep(0.5)
    assert [one["status"] for one in (await events(reader))[:1]] == ["x" * 3_000_000]


async def test_of_an_export_that_has_ended_the_last_event_is_told_once(owner, run_jobs):
    done = await made(owner, run_jobs, "export_format=csv")
    answer = await owner.get(done["events_url"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    told = answer.text.removeprefix("id: end\ndata: ")
    assert json.loads(told)["export_url"] == done["export_url"] and told.endswith("}\n\n")
    again = await owner.get(done["events_url"], headers={"Last-Event-ID": "end"})
    assert (again.status, again.body) == (204, b"")
    assert (await owner.get(f"{done['events_url']}?lastEventId=end")).status == 204
    assert (await owner.call("HEAD", done["events_url"])).status == 200


async def test_a_stream_of_progress_ends_with_the_session_of_its_reader(owner, stream, db):
    export = await asked(owner)
    reader = await stream(f"{urlsplit(export['events_url']).path}?token={owner.token}")
    await reader.event()
    await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1", owner.id)
    while await reader.block():
        pass


# Faults


async def test_a_failure_is_tried_again_and_at_last_reported(owner, app, db, run_jobs, stream, monkeypatch):
    export = await asked(owner, "export_format=csv")
    reader = await stream(f"{urlsplit(export['events_url']).path}?token={owner.token}")

    async def away(*given):
        raise unavailable("The storage is away.")

    monkeypatch.setattr(app.storage, "put_file", away)
    await run_jobs()
    assert (await owner.get(export["status_url"])).json["status"] == "running"
    await db.execute(
        "UPDATE jobs.pgqueuer SET attempts = 3, execute_after = now() WHERE entrypoint = 'dashboard.export'"
    )
    await run_jobs()
    shown = (await owner.get(export["status_url"])).json
    assert (shown["status"], shown["export_url"], shown["file"]) == ("failed", None, None)
    assert shown["error"] == "The file could not be made. Please try again."
    assert (await events(reader))[-1]["error"] == shown["error"]
    # The next request makes another one.
    assert (await asked(owner, "export_format=csv"))["id"] != export["id"]


async def test_a_request_whose_file_can_not_be_made_is_503(owner, app, db, monkeypatch):
    async def refuse(*given):
        raise RuntimeError("no")

    monkeypatch.setattr(export_job, "write_report", refuse)
    monkeypatch.setattr(export_job.jobs[0].__class__, "delay_after", lambda job, attempt: None)
    async with worker(app):
        answer = await owner.get(PATH)
    assert (answer.status, answer.json["error"]) == (503, export_job.FAILED)


async def test_an_export_whose_worker_is_killed_is_made_by_another_once(owner, db, settings, tmp_path):
    """The first worker is stopped before it stores the file."""
    command = [sys.executable, "-m", "tests.support.books_worker", settings.database_url, "1"]
    env = {**os.environ, "MEDIA_ROOT": settings.media_root}

    def start(n):
        with (tmp_path / f"worker-{n}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    export = await asked(owner, "export_format=csv")
    stage = "SELECT stage FROM dashboard.export WHERE id = $1"
    workers = [start(0)]
    try:
        async with db.transaction():
            await db.execute("LOCK TABLE core.media_file IN EXCLUSIVE MODE")
            await until(lambda: db.fetchval(stage, export["id"]), lambda found: found == "storing")
            workers[0].send_signal(signal.SIGKILL)
            await asyncio.to_thread(workers[0].wait, DEADLINE)
        workers.append(start(1))
        await until(lambda: owner.get(export["status_url"]), lambda answer: answer.json["status"] == "done")
    finally:
        for one in workers:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
                await asyncio.to_thread(one.wait, DEADLINE)
    runs = await db.fetch(
        "SELECT status FROM jobs.run WHERE name = 'dashboard.export' AND (payload ->> 'id')::bigint = $1 ORDER BY id",
        export["id"],
    )
    assert [run["status"] for run in runs] == ["lost", "succeeded"]
    assert (
        await db.fetchval(
            "SELECT count(*) FROM core.event WHERE topic = 'dashboard.export' AND 'end' = ANY (tags) AND tags @> $1",
            [f"export:{export['id']}"],
        )
        == 1
    )


async def test_an_export_removes_what_a_killed_worker_has_left(owner, run_jobs, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "tradepost-export-left"
    left.mkdir()
    os.utime(left, (1_000_000_000, 1_000_000_000))
    await asked(owner, "export_format=csv")
    await run_jobs()
    assert not list(tmp_path.iterdir())


async def test_an_export_that_was_removed_meanwhile_leaves_no_file(owner, app, db, run_jobs, monkeypatch):
    export = await asked(owner, "export_format=csv")
    put = app.storage.put_file

    async def put_and_remove(*given):
        await put(*given)
        await db.execute("DELETE FROM dashboard.export WHERE id = $1", export["id"])

    monkeypatch.setattr(app.storage, "put_file", put_and_remove)
    await run_jobs()
    await db.execute("UPDATE core.media_file SET unused_from = now() WHERE unused_from IS NOT NULL")
    await media.remove_unused(app)
    assert await db.fetchval("SELECT count(*) FROM core.media_file WHERE unused_from IS NOT NULL") == 0
    assert await db.fetchval("SELECT count(*) FROM jobs.pgqueuer") == 0


async def test_exports_are_removed_after_a_week_with_their_files(owner, app, db, run_jobs):
    old, new = [
        await made(owner, run_jobs, f"export_format=csv&export_type={kind}") for kind in ("overview", "clients")
    ]
    key = "SELECT key FROM dashboard.export WHERE id = $1"
    gone, kept = [await db.fetchval(key, one["id"]) for one in (old, new)]
    await db.execute("UPDATE dashboard.export SET created_at = now() - interval '8 days' WHERE id = $1", old["id"])
    await export_job.remove_old(app)
    await media.remove_unused(app)
    assert (await owner.get(old["status_url"])).status == (await owner.get(old["export_url"])).status == 404
    assert await app.storage.get(gone) is None
    assert await app.storage.get(kept) is not None
    assert (await owner.get(new["export_url"])).status == 200


async def test_exports_that_nobody_makes_any_more_are_given_up(owner, app, db):
    stuck, waiting, held = [await asked(owner, f"export_type={kind}") for kind in ("overview", "clients", "financial")]
    await db.execute("UPDATE dashboard.export SET created_at = now() - interval '2 days' WHERE id = $1", stuck["id"])
    await db.execute(
        "UPDATE jobs.pgqueuer SET status = 'failed' WHERE (convert_from(payload, 'UTF8')::json ->> 'id')::bigint = $1",
        held["id"],
    )
    await export_job.remove_old(app)
    found = [(await owner.get(one["status_url"])).json["status"] for one in (stuck, waiting, held)]
    assert found == ["failed", "queued", "failed"]
