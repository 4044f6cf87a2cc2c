"""What imports of many invoices survive: a server and a command that are killed in the middle, and bodies of any length. On the real program,
`server.py serve`.

The middle is where the test wants it: another transaction has stored an invoice of the import, and not committed. The batch with that
invoice waits for it."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import asyncpg
import psutil
import pytest

from tests.support.deadlines import DEADLINE, until
from tests.support.forms import by_form
from tests.support.http import IMPORT_KEY, Api, open_session
from tests.support.program import ROOT, Server, migrated_ground

pytestmark = pytest.mark.gen_test(timeout=4 * DEADLINE)

PATH = "/api/sales/import/invoices/"
NDJSON = {"Content-Type": "application/x-ndjson"}
# What the server's memory may grow by for the largest body, whatever Python keeps of it for later; the body itself has 50 MB.
MOST_GROWTH = 40 * 1024 * 1024


@pytest.fixture(scope="module")
def ground(home_folder):
    with migrated_ground(home_folder / "import-faults") as ground:
        yield ground


@pytest.fixture
def started(ground, tmp_path):
    """`started()`: the program, which is ended with the test."""
    programs = []

    def started():
        programs.append(Server(ground, tmp_path / f"{len(programs)}.log").start())
        return programs[-1]

    yield started
    for program in programs:
        program.end(signal.SIGKILL)


@pytest.fixture
def rows(io_loop, ground):
    connection = io_loop.run_sync(lambda: asyncpg.connect(ground.postgres.dsn))
    yield connection
    io_loop.run_sync(connection.close)


@contextlib.asynccontextmanager
async def asking(program):
    session = await open_session()
    try:
        yield Api(session, program.url)
    finally:
        await session.close()


@contextlib.asynccontextmanager
async def stored_by_another(ground, number):
    """Within, a transaction that is not committed has stored an invoice with this number."""
    connection = await asyncpg.connect(ground.postgres.dsn)
    try:
        await connection.execute(
            "INSERT INTO sales.customer (code, name) VALUES ('other', 'Other') ON CONFLICT DO NOTHING"
        )
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            """INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
               SELECT $1, '2025-01-18', c.id FROM sales.customer c WHERE c.code = 'other'""",
            number,
        )
        yield
        await transaction.rollback()
    finally:
        await connection.close()


async def created(rows, mark):
    return await rows.fetchval("SELECT count(*) FROM sales.invoice WHERE invoice_no LIKE $1", f"{mark}-%")


def lines(invoice, mark, count):
    return [invoice(invoice_no=f"{mark}-{n:05}", created_by=mark) for n in range(count)]


def ndjson(invoices):
    return "\n".join(map(json.dumps, invoices)).encode()


async def test_an_import_whose_job_is_killed_is_finished_by_another_process_and_nothing_is_stored_twice(
    ground, started, rows, invoice
):
    body = ndjson(lines(invoice, "FJ", 1100))
    program = started()
    async with stored_by_another(ground, "FJ-00600"):
        async with asking(program) as api:
            answer = await api.post(PATH, body, key=IMPORT_KEY, headers=NDJSON)
        assert answer.status == 202
        await until(lambda: created(rows, "FJ"), lambda n: n == 500)
        program.end(signal.SIGKILL)
    # As if the time had passed after which a job without a sign of life is another process's.
    await rows.execute("UPDATE jobs.pgqueuer SET heartbeat = heartbeat - interval '1 hour'")
    async with asking(started()) as api:

        async def shown():
            found = await api.get(f"{PATH}{answer.json['data']['id']}/", key=IMPORT_KEY)
            return found.json["data"]

        done = await until(shown, lambda data: data["status"] == "done")
    assert (done["created"], done["duplicates"], await created(rows, "FJ")) == (1100, 0, 1100)
    events = "SELECT count(*), count(DISTINCT payload::json ->> 'invoice_no') FROM core.event WHERE topic = 'sales.invoice' AND payload LIKE '%\"FJ-%'"
    assert tuple(await rows.fetchrow(events)) == (1100, 1100)


async def test_a_request_that_was_killed_is_finished_when_it_is_repeated(ground, started, rows, invoice):
    body, headers = ndjson(lines(invoice, "FR", 700)), {**NDJSON, "Idempotency-Key": "killed"}
    program = started()
    async with stored_by_another(ground, "FR-00400"):
        async with asking(program) as api:
            request = asyncio.ensure_future(api.post(PATH, body, key=IMPORT_KEY, headers=headers))
            await until(lambda: created(rows, "FR"), lambda n: n == 250)
            program.end(signal.SIGKILL)
            with pytest.raises(ConnectionError):
                await request
    async with asking(started()) as api:
        answer = await api.post(PATH, body, key=IMPORT_KEY, headers=headers)
    assert answer.headers["Idempotency-Replayed"] == "true"
    data = answer.json["data"]
    assert (data["created"], len(data["results"]), await created(rows, "FR")) == (700, 700, 700)


async def test_a_command_that_is_killed_goes_on_where_it_was(ground, started, rows, invoice, tmp_path):
    path = tmp_path / "bills.ndjson"
    sent = lines(invoice, "FC", 1300)
    for n in (3, 700, 1200):
        sent[n]["invoice_date"] = "never"
    path.write_bytes(ndjson(sent))
    argv = [sys.executable, str(ROOT / "server.py"), "import", str(path), "--url", started().url]
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    env = {**os.environ, "SALES_IMPORT_API_KEY": IMPORT_KEY}
    async with stored_by_another(ground, "FC-00900"):
        killed = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
        await until(lambda: created(rows, "FC"), lambda n: n > 500)
        refused = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
        _, err = await asyncio.wait_for(refused.communicate(), DEADLINE)
        assert (refused.returncode, err) == (2, b"import: bills.ndjson is being imported by another process.\n")
        killed.kill()
        await killed.communicate()
    again = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
    out, err = await asyncio.wait_for(again.communicate(), DEADLINE)
    assert (again.returncode, out) == (
        1, b"1297 created, 0 there already, 3 refused: see bills.ndjson.rejects.ndjson\n",
    ), err  # fmt: skip
    assert b"goes on after 500 invoices" in err
    rejects = [json.loads(line)["_rejected"]["line"] for line in (tmp_path / "bills.ndjson.rejects.ndjson").open()]
    assert rejects == [4, 701, 1201]
    assert await created(rows, "FC") == 1297
    assert not (tmp_path / "bills.ndjson.import-state").exists()


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/json"])
async def test_the_length_of_a_body_takes_no_memory(started, rows, invoice, kind):
    """The short form sends 10 MB, and the long one 50 MB."""
    program = started()
    count = by_form(short=1500, long=9000)
    wide = [{**invoice()["items"][0], "remarks": "x" * 2500} for _ in range(2)]
    texts = [json.dumps(invoice(items=wide)) for _ in range(count)]
    body = ("\n".join(texts) if "nd" in kind else f"[{','.join(texts)}]").encode()
    async with asking(program) as api:
        await api.post(PATH, ndjson(lines(invoice, f"W{kind[-4:]}", 600)), key=IMPORT_KEY, headers=NDJSON)
        process = psutil.Process(program.process.pid)
        before, most = process.memory_info().rss, 0

        async def watch():
            nonlocal most
            while True:
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        answer = await api.post(PATH, body, key=IMPORT_KEY, headers={"Content-Type": kind})
        assert answer.status == 202, answer.text

        async def status():
            return (await api.get(f"{PATH}{answer.json['data']['id']}/", key=IMPORT_KEY)).json["data"]["status"]

        await until(status, lambda found: found == "done")
        watching.cancel()
    print(f"{len(body) >> 20} MB: {before >> 20} MB before, {most >> 20} MB at most")
    assert most - before < MOST_GROWTH
