"""What the server survives: its own death, Redis and Postgres going away, readers that don't read, a stop under load.

These run the real program, `server.py serve`, over a Postgres and a Redis of this module's own, which they stop and start.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from core import passwords
from core.data.database import Database
from core.embedded.postgres import start_postgres
from core.embedded.redis import start_redis
from handlers.accounts import commands
from tests.support.deadlines import DEADLINE, until, wait_until
from tests.support.forms import by_form
from tests.support.http import IMPORT_KEY, PASSWORD, Answer, Api, open_session
from tests.support.program import Ground, Server, family, migrated_ground
from tests.support.services import NO_REDIS
from tests.support.sse import EventStream


@pytest.fixture(scope="module")
def ground(home_folder: Path) -> Iterator[Ground]:
    with migrated_ground(home_folder / "faults") as ground:
        yield ground


@pytest.fixture
def server(ground: Ground, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`server("--workers", "2")`: a running server that is ended with the test; its log holds no traceback."""
    started: list[Server] = []

    def server(*arguments: str, **env: str) -> Server:
        started.append(Server(ground, tmp_path / f"server-{len(started)}.log", *arguments, **env).start())
        return started[-1]

    yield server
    for one in started:
        one.end()
        assert "Traceback" not in one.log.read_text(), one.log.read_text()


@pytest.fixture
def client(io_loop: Any) -> Iterator[Any]:
    """An HTTP client that opens as many connections as it is asked to."""
    session = io_loop.run_sync(lambda: open_session(200, keep=False))
    yield session
    io_loop.run_sync(session.close)


async def reader(server: Server, last: str | None = None) -> EventStream:
    found = await EventStream.open(server.url, headers={"Last-Event-ID": last} if last else None)
    assert (await found.block()).startswith("retry: ")
    return found


async def numbers(stream: EventStream, count: int) -> list[str]:
    return [(await stream.invoice())["invoice_no"] for _ in range(count)]


@pytest.mark.gen_test
async def test_an_event_whose_server_was_killed_after_the_201_arrives_once_after_the_restart(
    ground, server, client, invoice
):
    program = server()
    stream = await reader(program)
    before = stream.last_id
    holder = await asyncpg.connect(ground.postgres.dsn)
    hold = holder.transaction()
    await hold.start()
    await holder.execute("SELECT position FROM core.event_head FOR UPDATE")  # no relay gets past this
    assert (await Api(client, program.url).import_invoice(invoice(invoice_no="KILLED-1"))).status == 201
    program.end(signal.SIGKILL)
    stream.close()
    await hold.rollback()
    await holder.close()
    program.start()
    again = await reader(program, before)
    assert (await Api(client, program.url).import_invoice(invoice(invoice_no="KILLED-2"))).status == 201
    assert await numbers(again, 2) == ["KILLED-1", "KILLED-2"]


STOCK = 1_000_000


async def employee_and_product(dsn: str, email: str) -> int:
    """Make an account that may sell, and a product; returns the id of the product."""
    db = await Database(dsn, size=1, statement_cache=10).open()
    account = {"email": email, "username": "", "name": "", "role": "EMPLOYEE", "is_staff": False, "is_superuser": False}
    await commands.query.create_account(db, **account, password_hash=passwords.hash_now(PASSWORD, 4))
    product: int = await db.value(
        "WITH s AS (INSERT INTO pos.supplier (name, phone_number, contact_person, rfc, tax_address) VALUES ('S', '1', 'c', 'r', 't') RETURNING id)"
        f" INSERT INTO pos.product (name, sku, price, tax_rate, current_stock, supplier_id) SELECT 'P', $1, 10, '16.00', {STOCK}, id FROM s RETURNING id",
        email,
    )
    await db.close()
    return product


@pytest.mark.gen_test
async def test_what_is_sent_with_keys_is_done_once_although_the_server_is_killed_again_and_again(
    ground, server, client
):
    product = await employee_and_product(ground.postgres.dsn, "killed@example.com")
    program = server()
    api = Api(client, program.url)
    token = (await api.post("/api/auth/login/", {"email": "killed@example.com", "password": PASSWORD})).json["access"]
    sold: dict[int, tuple[Answer, Answer]] = {}
    is_over = False

    async def send(key: str, path: str, body: Any) -> Answer:
        """The final answer, after as many attempts as it takes."""
        while True:
            try:
                answer = await api.post(path, body, token=token, headers={"Idempotency-Key": key})
            except ConnectionError:
                await asyncio.sleep(0.05)
                continue
            # 409: Postgres has not yet noticed that the process is gone.
            if answer.status != 409:
                return answer

    async def sell(number: int) -> tuple[Answer, Answer]:
        line = {"product_id": product, "quantity": 1}
        made = await send(f"order-{number}", "/api/orders/", {"items": [line]})
        assert made.status == 201
        paid = await send(f"pay-{number}", f"/api/orders/{made.json['id']}/pay/", {"payment_method": "CASH"})
        assert paid.status == 200
        return made, paid

    async def go_on_selling(first: int) -> None:
        number = first
        while not is_over:
            sold[number] = await sell(number)
            number += 16

    people = [asyncio.create_task(go_on_selling(n)) for n in range(16)]
    for _ in range(int(by_form(short=3, long=20))):
        await asyncio.sleep(random.uniform(0.05, 0.5))
        program.end(signal.SIGKILL)
        await asyncio.to_thread(program.start)
    is_over = True
    await asyncio.wait_for(asyncio.gather(*people), DEADLINE)

    for number, first in sold.items():
        again = await sell(number)
        assert [one.body for one in again] == [one.body for one in first]
        assert all("Idempotency-Replayed" in one.headers for one in again)
    connection = await asyncpg.connect(ground.postgres.dsn)
    made = await connection.fetch(
        "SELECT o.id, o.status FROM pos.shop_order o JOIN accounts.account a ON a.id = o.seller_id WHERE a.email = 'killed@example.com'"
    )
    stock = await connection.fetchval("SELECT current_stock FROM pos.product WHERE id = $1", product)
    await connection.close()
    assert sorted(row["id"] for row in made) == sorted(first.json["id"] for first, _ in sold.values())
    assert {row["status"] for row in made} == {"PAID"}
    assert stock == STOCK - len(sold)


@pytest.mark.gen_test
@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_no_event_is_lost_and_the_api_is_unaffected_while_redis_is_away(ground, server, client, invoice, how):
    if ground.redis is None:
        pytest.skip(NO_REDIS)
    program = server("--workers", "2")
    api = Api(client, program.url)
    streams = [await reader(program) for _ in range(16)]  # on either worker
    sent = []

    async def import_some(count: int) -> None:
        for _ in range(count):
            body = invoice(invoice_no=f"REDIS-{how}-{len(sent)}")
            assert (await api.import_invoice(body)).status == 201
            sent.append(body["invoice_no"])
            await asyncio.sleep(0.1)

    await import_some(5)
    if how == "frozen":
        os.kill(ground.redis.pid, signal.SIGSTOP)
    else:
        await asyncio.to_thread(ground.redis.stop)
    try:
        await import_some(25)
        assert (await api.get("/health/")).status == 200
        await asyncio.sleep(2.5)  # five seconds in all
    finally:
        if how == "frozen":
            os.kill(ground.redis.pid, signal.SIGCONT)
        else:
            ground.redis = await asyncio.to_thread(start_redis, ground.home)
    await import_some(10)
    for stream in streams:
        assert await numbers(stream, len(sent)) == sent
        stream.close()
    log = program.log.read_text()
    assert 1 <= log.count("redis is away") <= 4, log  # said once by each process that noticed, not once a request
    assert "redis is back" in log


@pytest.mark.gen_test
async def test_without_redis_the_events_of_each_worker_reach_the_readers_of_all(server, client, invoice):
    program = server("--workers", "2", REDIS_URL="")
    api = Api(client, program.url)
    streams = [await reader(program) for _ in range(16)]
    numbered = [f"NO-REDIS-{n}" for n in range(20)]
    answers = await asyncio.gather(*[api.import_invoice(invoice(invoice_no=number)) for number in numbered])
    assert {answer.status for answer in answers} == {201}
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == len(answers)  # of both workers
    received = [await numbers(stream, len(numbered)) for stream in streams]
    assert sorted(received[0]) == sorted(numbered)
    assert all(one == received[0] for one in received)  # one order for all
    for stream in streams:
        stream.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_without_postgres_it_answers_503_in_time_and_recovers_by_itself(ground, server, client, invoice, how):
    program = server()
    api = Api(client, program.url)
    stream = await reader(program)
    assert (await api.get("/api/sales/invoices/")).status == 200
    postmaster = ground.postgres.pid
    if how == "frozen":
        for pid in family(postmaster):
            os.kill(pid, signal.SIGSTOP)
    else:
        await asyncio.to_thread(ground.postgres.stop)
    try:
        # As long as it takes to notice, and to try again several times.
        for _ in range(10):
            answers = await asyncio.gather(
                api.import_invoice(invoice(invoice_no="AWAY")),
                api.get("/api/sales/invoices/"),
                api.get("/api/sales/invoices/1/"),
                api.get("/health/"),
            )
            assert {answer.status for answer in answers} == {503}
            assert all("Retry-After" in answer.headers for answer in answers[:3])
            assert answers[0].json["success"] is False
            await asyncio.sleep(0.3)
    finally:
        if how == "frozen":
            for pid in family(postmaster):
                os.kill(pid, signal.SIGCONT)
        else:
            ground.postgres = await asyncio.to_thread(start_postgres, ground.home, durable=False)
    body = invoice(invoice_no=f"BACK-{how}")
    await until(lambda: api.import_invoice(body), lambda answer: answer.status == 201, every=0.1)
    assert await _until(stream, body["invoice_no"])
    log = program.log.read_text()
    assert "database is away" in log
    assert "database is back" in log


async def _until(stream: EventStream, number: str) -> bool:
    # A frozen Postgres may have committed an import that was answered 503; its event comes first.
    while (await stream.invoice())["invoice_no"] != number:
        pass
    return True


@pytest.mark.gen_test
async def test_a_reader_that_never_reads_is_let_go_and_the_others_miss_nothing(server, client, invoice):
    program = server()
    api = Api(client, program.url)
    stuck = socket.create_connection(("127.0.0.1", program.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(b"GET /api/sales/sse/invoices/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
    streams = [await reader(program) for _ in range(200)]
    heavy = invoice()["items"][:1] * 400
    sent = []
    for n in range(14):  # about 80 KB each
        sent.append(f"HEAVY-{n}")
        assert (await api.import_invoice(invoice(invoice_no=sent[-1], items=heavy))).status == 201
    assert [await numbers(stream, len(sent)) for stream in streams] == [sent] * len(streams)
    assert "closed a stream whose reader is" in program.log.read_text()
    stuck.close()
    for stream in streams:
        stream.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_under_load_answers_every_request_that_it_took(server, invoice, workers):
    program = server("--workers", workers)
    answered: list[int] = []
    broken: list[str] = []

    async def importing(number: int) -> None:
        while True:
            try:
                streams = await asyncio.open_connection("127.0.0.1", program.port)
            except OSError:
                return  # nobody listens any more: not a request that was taken
            while True:
                body = json.dumps(
                    invoice(invoice_no=f"LOAD-{workers}-{number}-{len(answered)}-{time.monotonic_ns()}")
                ).encode()
                head = f"POST /api/sales/import/invoice/ HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {IMPORT_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
                try:
                    streams[1].write(head.encode() + body)
                    lines = (await streams[0].readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    headers = {
                        line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:] if line
                    }
                    await streams[0].readexactly(int(headers["content-length"]))
                except (OSError, asyncio.IncompleteReadError) as error:
                    broken.append(repr(error))
                    return
                answered.append(int(lines[0].split()[1]))
                if headers.get("connection") == "close":
                    streams[1].close()
                    break

    work = [asyncio.create_task(importing(n)) for n in range(16)]
    stream = await reader(program)
    while len(answered) < 200:
        await asyncio.sleep(0.01)
    assert await asyncio.to_thread(program.end) == 0
    await asyncio.wait_for(asyncio.gather(*work), DEADLINE)
    assert broken == []
    assert set(answered) == {201}
    while block := await stream.block():
        last = block
    assert last.startswith("retry: ")  # readers are told to come back, each at its own moment


@pytest.mark.gen_test
async def test_a_killed_worker_is_replaced_and_its_readers_resume(server, client, invoice):
    program = server("--workers", "2")
    api = Api(client, program.url)
    streams = [await reader(program) for _ in range(16)]
    victim = next(pid for pid in family(program.process.pid) if pid != program.process.pid)
    os.kill(victim, signal.SIGKILL)
    await asyncio.sleep(0.1)
    sent = [f"WORKER-{n}" for n in range(5)]
    for number in sent:
        assert (await api.import_invoice(invoice(invoice_no=number))).status == 201
    resumed = 0
    for stream in streams:
        try:
            assert await numbers(stream, len(sent)) == sent
        except ConnectionError:
            again = await reader(program, stream.last_id)
            assert await numbers(again, len(sent)) == sent
            resumed += 1
    assert 0 < resumed < len(streams)
    await until(lambda: len(family(program.process.pid)) == 3)
    assert "signal 9, starting it again" in program.log.read_text()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.gen_test
async def test_workers_end_when_their_parent_is_killed_and_the_port_is_free_again(server, client):
    program = server("--workers", "2")
    workers = [pid for pid in family(program.process.pid) if pid != program.process.pid]
    program.end(signal.SIGKILL)
    # An ended worker may stay a zombie until the machine's first process waits for it.
    await until(lambda: not any(is_running(pid) for pid in workers))
    program.start()
    assert (await Api(client, program.url).get("/health/")).status == 200


def test_with_its_terminal_gone_it_serves_on_and_stops_when_told(ground, tmp_path):
    program = Server(ground, tmp_path / "server.log")
    reading, writing = os.pipe()
    os.close(reading)  # whoever printed our greeting is gone
    with program.log.open("ab") as log:
        program.process = subprocess.Popen(program._command, env=program._env, stdout=writing, stderr=log)
    os.close(writing)
    program.wait_until_ready()
    socket.create_connection(("127.0.0.1", program.port), DEADLINE).close()
    assert program.end(signal.SIGHUP) == 0
    assert "Traceback" not in program.log.read_text()


def test_of_two_servers_started_at_once_on_one_port_one_serves_and_the_other_says_why_not(ground, tmp_path):
    first, second = Server(ground, tmp_path / "first.log"), Server(ground, tmp_path / "second.log")
    second._command = first._command
    for program in (first, second):
        with program.log.open("ab") as log:
            program.process = subprocess.Popen(program._command, env=program._env, stdout=log, stderr=log)
    wait_until(lambda: any(program.process.poll() is not None for program in (first, second)))
    loser, winner = (first, second) if first.process.poll() is not None else (second, first)
    assert loser.process.wait(DEADLINE) == 1
    assert "ddress already in use" in loser.log.read_text()
    assert winner.end() == 0


@pytest.mark.gen_test
async def test_the_demos_own_postgres_and_redis_are_restarted_when_someone_kills_them(
    server, client, invoice, home_folder
):
    home = home_folder / "killed"
    program = server("--demo", "--home", str(home), DATABASE_URL="", REDIS_URL="")
    api = Api(client, program.url)
    key = "demo-import-key"
    imported = [await api.post("/api/sales/import/invoice/", invoice(), key=key)]
    stream = await reader(program)
    for victim in _below(home):
        os.kill(victim, signal.SIGKILL)
        # A killed Postgres first repairs itself.
        imported.append(
            await until(
                lambda: api.post("/api/sales/import/invoice/", invoice(), key=key),
                lambda answer: answer.status == 201,
                every=0.1,
            )
        )
    assert [await stream.invoice() for _ in imported[1:]]
    assert (await api.get("/api/sales/invoices/")).json["count"] == len(imported)
    assert program.end() == 0
    assert _below(home) == []


def _below(home: Path) -> list[int]:
    """The embedded services of that home: those processes whose parent is no such process."""
    found = [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]
    return [p.pid for p in found if "server.py" not in " ".join(p.info["cmdline"])]
