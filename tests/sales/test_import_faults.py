"""What imports of many invoices survive: a server that is killed in the middle, and bodies of any length. On the real program,
`server.py serve`.

The middle is where the test wants it: another transaction has stored an invoice of the import, and not committed. The batch with that
invoice waits for it."""

import asyncio
import contextlib
import json
import signal

import asyncpg
import psutil
import pytest

from tests.sales.imports import created, lines, ndjson, stored_by_another
from tests.support.deadlines import DEADLINE, until
from tests.support.forms import by_form, is_long
from tests.support.http import IMPORT_KEY, Api, open_session
from tests.support.program import Server, migrated_ground

pytestmark = pytest.mark.gen_test(timeout=4 * DEADLINE)

PATH = "/api/sales/import/invoices/"
NDJSON = {"Content-Type": "application/x-ndjson"}
KINDS = ("application/json", "application/x-ndjson") if is_long else ("application/json",)
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


async def test_an_import_whose_job_is_killed_is_finished_by_another_process_and_nothing_is_stored_twice(
    ground, started, rows, invoice
):
    body = ndjson(lines(invoice, "FJ", 1100))
    program = started()
    async with stored_by_another(ground.postgres.dsn, "FJ-00600"):
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
    async with stored_by_another(ground.postgres.dsn, "FR-00400"):
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


@pytest.mark.parametrize("kind", KINDS)
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
