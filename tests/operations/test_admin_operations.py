"""The audit, events, jobs, files and settings in the administration. docs/api/operations.md#administration"""

import io
import json
import re

import pytest
from PIL import Image

from handlers.api import areas
from handlers.settings import Settings
from tests.support.administrator import Administrator, rows_read

pytestmark = pytest.mark.gen_test

INDEX, AUDIT, EVENTS = "/admin/", "/admin/operations/audit/", "/admin/operations/events/"
JOBS, RUNS, FILES, SETTINGS = (
    "/admin/operations/jobs/",
    "/admin/operations/runs/",
    "/admin/operations/files/",
    "/admin/operations/settings/",
)


@pytest.fixture
def enter(api, app, sign_in):
    """`await enter("ADMIN")`: somebody of that role who is signed in to the pages."""

    async def enter(role="SUPERADMIN", email=None):
        entered = Administrator(api)
        entered.enter(app, await sign_in(role, email))
        return entered

    return enter


@pytest.fixture
def note(db):
    """`await note("thing.update", "thing", "7")`: the id of a new entry of the audit."""

    async def note(action, object_type, object_id, email="who@example.com", at="2020-01-01", before=None, after=None):
        made = """INSERT INTO operations.audit (at, email, action, object_type, object_id, before, after)
                  VALUES ($1::text::timestamptz, $2, $3, $4, $5, $6, $7) RETURNING id::text"""
        return await db.fetchval(made, f"{at}T12:00Z", email, action, object_type, object_id, before, after)

    return note


@pytest.fixture
def queue(db):
    """`await queue("test.mail", "failed")`: the number of a new job in that state."""

    async def queue(name, status="queued", key=None, **payload):
        job = await db.fetchval("SELECT core.enqueue_job($1, $2, NULL, '1 day')", name, json.dumps(payload))
        await db.execute(
            "UPDATE jobs.pgqueuer SET status = $2::text::jobs.pgqueuer_status, dedupe_key = $3 WHERE id = $1",
            job,
            status,
            key,
        )
        return str(job)

    return queue


@pytest.fixture
def ran(db):
    """`await ran("test.mail", "held")`: the key of a new run."""

    async def ran(name, status, job=None, at="2020-01-01", error=None):
        made = """INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at, finished_at, error, traceback)
                  VALUES (coalesce($1, nextval('jobs.pgqueuer_id_seq')), $2, '{"owner_id": 7}', 1, 'host:1', $3, $4::text::timestamptz,
                          $4::text::timestamptz + interval '1.5 seconds', $5, 'Traceback of it') RETURNING id::text"""
        return await db.fetchval(made, int(job) if job else None, name, status, f"{at}T12:00Z", error)

    return ran


def keys(page):
    """The keys of the rows of a list."""
    return [address.rstrip("/").rpartition("/")[2] for address in re.findall(r'class="row" href="([^"]*)"', page.text)]


async def test_the_audit_is_found_by_each_filter_newest_first(enter, note):
    staff = await enter()
    first = await note("thing.create", "thing", "7", at="2030-01-01")
    second = await note("thing.update", "thing", "7", at="2030-01-02", email="Other@example.com")
    third = await note("gadget.update", "gadget", "8", at="2030-01-03")
    for query, found in {
        "since=2030-01-01": [third, second, first],
        "since=2030-01-01&sort=at": [first, second, third],
        "since=2030-01-02": [third, second],
        "since=2030-01-01&until=2030-01-02": [second, first],
        "email=OTHER@example.com": [second],
        "email=other@example.com&action=thing.update": [second],
        "action=thing.create": [first],
        "object_type=thing&object_id=7": [second, first],
        "object_type=gadget": [third],
        "object_id=8&since=2030-01-04": [],
        "until=9999-12-31&object_id=8": [third],
    }.items():
        assert keys(await staff.get(f"{AUDIT}?{query}")) == found, query


async def test_an_entry_shows_what_was_before_and_after_and_who_did_it(enter, db, note):
    staff = await enter()
    id, key = await db.fetchrow(
        "SELECT id, public_id::text FROM accounts.account WHERE email = 'superadmin@example.com'"
    )
    entry = await note(
        "thing.update", "thing", "9", email="superadmin@example.com", before='{"size": "old"}', after='{"size": "new"}'
    )
    await db.execute("ALTER TABLE operations.audit DISABLE TRIGGER audit_is_append_only")
    await db.execute("UPDATE operations.audit SET account_id = $1 WHERE id = $2", id, int(entry))
    await db.execute("ALTER TABLE operations.audit ENABLE TRIGGER audit_is_append_only")
    page = await staff.get(f"{AUDIT}{entry}/")
    assert "&quot;size&quot;: &quot;old&quot;" in page.text and "&quot;size&quot;: &quot;new&quot;" in page.text
    assert f'href="/admin/accounts/users/{key}/"' in page.text
    assert entry in keys(await staff.get(f"{AUDIT}?account={key}"))


async def test_days_filters_and_words_that_can_not_be_are_refused(enter):
    staff = await enter()
    for query, status in {
        "since=yesterday": 400, "until=2030-02-30": 400, "account=x": 404, "account=00000000-0000-4000-8000-000000000000": 200,
        "email=%00": 200, f"action={'x' * 9000}": 200, "after=x": 400, "object_id=%FF": 400,
    }.items():  # fmt: skip
        assert (await staff.get(f"{AUDIT}?{query}")).status == status, query
    page = await staff.get(f"{AUDIT}?object_type=thing&action=thing.update")
    assert "can&#x27;t be combined" in page.text.replace("&#39;", "&#x27;") and keys(page) == []


async def test_the_audit_events_runs_and_files_are_never_changed_here(enter, note, ran, db):
    staff = await enter()
    await staff.get("/admin/accounts/departments/add/")  # a page with a form
    await db.execute("INSERT INTO core.media_file (key) VALUES ('avatars/kept.png')")
    for table, key in (
        (AUDIT, await note("thing.keep", "thing", "1")),
        (RUNS, await ran("test.keep", "succeeded")),
        (FILES, "avatars%2Fkept.png"),
    ):
        page = await staff.get(f"{table}{key}/")
        assert page.status == 200 and 'class="edit"' not in page.text
        assert (await staff.post(f"{table}{key}/", {"version": ""})).status == 405
        assert (await staff.post(f"{table}{key}/delete/")).status == 404
        assert (await staff.get(f"{table}add/")).status == 404
        assert "Go</button>" not in (await staff.get(table)).text


async def test_what_is_private_is_for_superadmins(enter):
    admin = await enter("ADMIN")
    index = (await admin.get(INDEX)).text
    for private in (AUDIT, EVENTS, FILES, SETTINGS):
        assert (await admin.get(private)).status == 404 and private not in index
    for open in (JOBS, RUNS):
        assert (await admin.get(open)).status == 200 and open in index


async def test_staff_who_may_not_see_the_audit_get_no_links_to_it(enter):
    admin = await enter("ADMIN")
    await admin.add("/admin/accounts/departments/", {"name": "Not linked", "is_active": "true"})
    assert "department.create" in (await admin.get(INDEX)).text and AUDIT not in (await admin.get(INDEX)).text
    (row,) = re.findall(
        r'class="row" href="([^"]*)"', (await admin.get("/admin/accounts/departments/?search=linked")).text
    )
    assert "History" not in (await admin.get(row)).text


async def test_events_are_listed_by_position_and_found_by_topic(enter, db, app):
    staff = await enter()
    await db.execute(
        "INSERT INTO core.event (topic, payload, tags) VALUES ('test.seldom', '{\"id\": 77}', '{a,b}'), ('test.often', '{}', NULL)"
    )
    await app.events.relay()
    (found,) = keys(await staff.get(f"{EVENTS}?topic=test.seldom"))
    page = await staff.get(f"{EVENTS}{found}/")
    assert "&quot;id&quot;: 77" in page.text and "a, b" in page.text
    listed = [int(key) for key in keys(await staff.get(EVENTS))]
    assert int(found) + 1 == listed[0] and listed == sorted(listed, reverse=True)
    assert keys(await staff.get(f"{EVENTS}?topic=test.never")) == []


async def test_an_event_that_waits_for_its_position_is_not_listed(enter, db, app):
    staff = await enter()
    await app.events.relay()
    last = keys(await staff.get(EVENTS))[0]
    waiting = db.transaction()
    await waiting.start()
    await db.execute("INSERT INTO core.event (topic, payload) VALUES ('test.waits', '{}')")
    assert keys(await staff.get(EVENTS))[0] == last
    await waiting.rollback()


async def test_jobs_are_listed_with_the_held_ones_first(enter, queue):
    staff = await enter()
    waits, held, runs = await queue("list.a"), await queue("list.b", "failed"), await queue("list.a", "picked")
    found = [key for key in keys(await staff.get(JOBS)) if key in (waits, held, runs)]
    assert found == [held, runs, waits]
    assert keys(await staff.get(f"{JOBS}?name=list.a")) == [runs, waits]
    assert keys(await staff.get(f"{JOBS}?name=list.a&status=queued")) == [waits]
    assert held in keys(await staff.get(f"{JOBS}?status=failed")) and runs in keys(
        await staff.get(f"{JOBS}?status=picked")
    )
    assert (await staff.get(f"{JOBS}?status=successful")).status == 400


async def test_a_held_job_is_queued_again_once_and_the_audit_says_by_whom(enter, queue, db):
    admin = await enter("ADMIN")
    held, waits = await queue("retry.it", "failed", owner_id=7), await queue("retry.it")
    assert await admin.act(JOBS, "retry", held) == "1 of 1 jobs are queued again."
    assert await db.fetchval(
        "SELECT status = 'queued' AND execute_after <= now() FROM jobs.pgqueuer WHERE id = $1", int(held)
    )
    others = "The others are not held, or another job that does the same waits or runs."
    assert await admin.act(JOBS, "retry", held, waits) == f"0 of 2 jobs are queued again. {others}"
    entries = await db.fetch(
        "SELECT email, object_id, after FROM operations.audit WHERE action = 'task.retry' AND object_id = $1", held
    )
    assert [tuple(entry) for entry in entries] == [("admin@example.com", held, '{"name": "retry.it"}')]


async def test_of_jobs_with_one_key_one_is_queued_again(enter, queue):
    staff = await enter()
    one, two = await queue("keyed", "failed", key="same"), await queue("keyed", "failed", key="same")
    assert (await staff.act(JOBS, "retry", one, two)).startswith("1 of 2 jobs are queued again.")


async def test_only_held_jobs_are_removed(enter, queue, db):
    staff = await enter()
    held, waits, runs = await queue("remove.it", "failed"), await queue("remove.it"), await queue("remove.it", "picked")
    assert await staff.act(JOBS, "remove", held, waits, runs) == "1 of 3 jobs were removed. The others are not held."
    left = await db.fetch("SELECT id::text FROM jobs.pgqueuer WHERE entrypoint = 'remove.it' ORDER BY id")
    assert [row["id"] for row in left] == [waits, runs]
    entry = await db.fetchrow(
        "SELECT email, before FROM operations.audit WHERE action = 'task.remove' AND object_id = $1", held
    )
    assert tuple(entry) == ("superadmin@example.com", '{"name": "remove.it"}')
    await db.execute("DELETE FROM jobs.pgqueuer WHERE entrypoint = 'remove.it'")


async def test_a_job_shows_what_it_is_about_and_how_it_has_run(enter, queue, ran):
    staff = await enter()
    job = await queue("shown", "failed", owner_id=4711)
    await ran("shown", "held", job, error="The post office was closed.")
    page = await staff.get(f"{JOBS}{job}/")
    assert (
        "&quot;owner_id&quot;: 4711" in page.text
        and "The post office was closed." in page.text
        and ">held<" in page.text
    )
    assert len(keys(await staff.get(f"{RUNS}?job={job}"))) == 1
    assert "The post office was closed." in (await staff.get(f"{JOBS}?name=shown")).text


async def test_the_history_of_jobs_is_found_by_each_filter(enter, ran):
    staff = await enter()
    first, second = await ran("ran.a", "succeeded", at="2030-01-01"), await ran("ran.b", "lost", at="2030-01-02")
    third = await ran("ran.a", "held", at="2030-01-03", error="It failed.")
    for query, found in {
        "since=2030-01-01": [third, second, first],
        "since=2030-01-01&sort=started_at": [first, second, third],
        "since=2030-01-01&until=2030-01-01": [first],
        "name=ran.a": [third, first],
        "status=lost": [second],
        "name=ran.a&since=2030-01-02": [third],
    }.items():
        assert keys(await staff.get(f"{RUNS}?{query}")) == found, query
    assert "can&#x27;t be combined" in (await staff.get(f"{RUNS}?name=ran.a&status=lost")).text.replace(
        "&#39;", "&#x27;"
    )
    page = await staff.get(f"{RUNS}{third}/")
    assert "It failed." in page.text and "Traceback of it" in page.text and "1.500" in page.text


async def test_files_are_found_by_folder_and_by_being_unused(enter, db, api, sign_in):
    staff, person = await enter(), await sign_in("PICKER")
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    own = f"/api/auth/users/{person['data']['user']['id']}/"
    assert (
        await api.call("PATCH", own, files={"avatar": ("a.png", file.getvalue())}, token=person["access"])
    ).status == 200
    key = await db.fetchval("SELECT avatar FROM accounts.account WHERE email = 'picker@example.com'")
    await db.execute(
        "INSERT INTO core.media_file (key, unused_from) VALUES ('reports/unused.pdf', now() + interval '1 day')"
    )
    assert key in await staff.rows(FILES) and await staff.rows(f"{FILES}?folder=reports") == ["reports/unused.pdf"]
    assert await staff.rows(f"{FILES}?unused=yes") == ["reports/unused.pdf"]
    page = await staff.get(f"{FILES}{key.replace('/', '%2F')}/")
    assert page.status == 200 and '<img class="picture"' in page.text
    link = re.search(r'<img class="picture" src="([^"]*)"', page.text)[1].replace("&amp;", "&")
    assert (await api.get(link)).status == 200


async def test_the_settings_are_shown_and_no_secret_is(enter, settings):
    page = await (await enter()).get(SETTINGS)
    assert (
        page.status == 200
        and "BUSINESS_TIMEZONE" in page.text
        and '<td data-label="Value">UTC (default)</td>' in page.text
    )
    secret = [field for field in Settings.__dataclass_fields__.values() if field.metadata["secret"]]
    assert len(secret) > 5
    for field in secret:
        value = getattr(settings, field.name)
        assert field.metadata["name"] in page.text and not (value and str(value) in page.text)


async def test_lists_are_given_as_csv(enter, note, ran):
    staff = await enter()
    await note("csv.made", "csv", "=1+1")
    await ran("csv.ran", "succeeded")
    for address, text in (
        (f"{AUDIT}csv/?action=csv.made", "csv.made,csv,"),
        (f"{RUNS}csv/?name=csv.ran", "csv.ran,succeeded,1,1.5"),
    ):
        answer = await staff.get(address)
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/csv") and text in answer.text
    assert ",=1+1" not in (await staff.get(f"{AUDIT}csv/?action=csv.made")).text


async def test_a_list_reads_few_rows_however_many_there_are(db):
    many = 4000
    await db.execute(
        f"""INSERT INTO operations.audit (at, account_id, email, action, object_type, object_id)
            SELECT now() - n * interval '1 minute', n % 7, 'many' || n % 7 || '@example.com', CASE WHEN n % 1000 = 0 THEN 'rare.act' ELSE 'often.act' END,
                   CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'often' END, (n % 500)::text FROM generate_series(1, {many}) n;
            INSERT INTO jobs.pgqueuer (priority, status, entrypoint, payload)
            SELECT 0, CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'queued' END::jobs.pgqueuer_status, CASE WHEN n % 900 = 0 THEN 'rare' ELSE 'often' END, '{{}}'
              FROM generate_series(1, {many}) n;
            INSERT INTO jobs.run (job_id, name, payload, attempt, worker, status, started_at)
            SELECT 100000 + n, CASE WHEN n % 900 = 0 THEN 'rare' ELSE 'often' END, '{{}}', 1, 'w', CASE WHEN n % 1000 = 0 THEN 'held' ELSE 'succeeded' END,
                   now() - n * interval '1 minute' FROM generate_series(1, {many}) n;
            INSERT INTO core.media_file (key, created_at, unused_from)
            SELECT CASE WHEN n % 1000 = 0 THEN 'rare/' ELSE 'often/' END || n, now() - n * interval '1 second', CASE WHEN n % 1000 = 1 THEN now() END
              FROM generate_series(1, {many}) n;
            INSERT INTO core.event (topic, payload, position)
            SELECT 'often', '{{}}', h.position + n FROM core.event_head h, generate_series(1, {many}) n;
            UPDATE core.event_head SET position = position + {many};
            ANALYZE"""
    )
    public_id = await db.fetchval(
        "INSERT INTO accounts.account (id, email) OVERRIDING SYSTEM VALUE VALUES (3, 'many3@example.com') "
        "ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING public_id::text"
    )
    past, future = [(await db.fetchval(f"SELECT current_date {sign} 1"), "UTC") for sign in "-+"]
    filtered = {
        "audit": [
            {"action": "rare.act"}, {"action": "often.act", "since": past}, {"action": "rare.act", "until": past}, {"object_type": "rare"},
            {"object_type": "rare", "object_id": "7"}, {"object_id": "7"}, {"email": "many3@example.com"}, {"email": "none"}, {"account": public_id},
            {"email": "many3@example.com", "action": "rare.act"}, {"since": future}, {"until": past},
        ],
        "jobs": [{"status": "failed"}, {"status": "picked"}, {"name": "rare"}, {"name": "rare", "status": "queued"}, {"name": "often", "status": "failed"}],
        "runs": [{"status": "held"}, {"name": "rare"}, {"name": "rare", "until": past}, {"job": 100007}, {"status": "held", "since": past}, {"since": future}],
        "files": [{"folder": "rare"}, {"folder": "often"}, {"unused": "yes"}],
        "events": [],
    }  # fmt: skip
    tables = {table.name: table for table in areas.gathered("admin_tables") if table.area == "operations"}
    assert tables.keys() == filtered.keys()
    for name, filters in filtered.items():
        table = tables[name]
        orders = [f"{sign}{column.order}" for column in table.columns if column.order for sign in ("", "-")]
        for one in ({}, *filters):
            for term in ["", *orders]:
                assert await rows_read(db, table, one, term) <= 51 * 4, (name, one, term)
