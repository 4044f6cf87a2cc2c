"""The rows about webhooks: what they cost a change of the books, feeding, and deliveries to a receiver. See docs/api/webhooks.md."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from multiprocessing import Process as OtherProcess
from statistics import median
from typing import Any

import asyncpg

from benchmarks import load
from benchmarks.accounts import token
from benchmarks.books import created, seed
from benchmarks.installation import SECRET_KEY, BenchmarkError, Installation, free_port, run_coroutine
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.data import sql
from handlers.webhooks.areas import AREAS
from handlers.webhooks.secret import key_check

# Webhooks of one owner, and the topics of each: as many lanes are sent at the same time.
HOOKS, TOPICS = 10, 5
# Events that are fed and sent in a round.
EVENTS = 2_000
# The aims: deliveries a second on two cores; the rate of creates beside that without the triggers.
SENT_PER_SECOND, CREATE_RATIO = 500, 0.90
# A receiver that is not there.
NOBODY = "https://hooks.example.com/"
# Seconds until all must have arrived.
LONGEST = 120.0

query = sql.load("webhooks/sender")


def webhooks(installation: Installation, plan: Plan) -> list[Row]:
    """Measures the cost of a create, feeding, and sending."""
    return [*costs(installation, plan), feeding(installation, plan), sending(installation, plan)]


def costs(installation: Installation, plan: Plan) -> list[Row]:
    """Measures POST of an invoice: without the triggers, with them and no webhook, and with a webhook that gets it."""
    dsn = installation.create_database("webhook_costs")
    seed(installation, dsn, load.CONNECTIONS, 0)
    rates: dict[str, list[float]] = {"off": [], "on": [], "hook": []}
    with installation.server(dsn) as server:
        tokens = [token(server, number) for number in range(1, load.CONNECTIONS + 1)]
        # In turns, because the machine's speed changes. Of webhooks whose receiver is not there, one delivery is tried, and the others wait:
        # the event is written, relayed and fed.
        for _ in range(plan.rounds(5)):
            for name, found in rates.items():
                switch = "DISABLE" if name == "off" else "ENABLE"
                installation.run(
                    f"ALTER TABLE books.invoice {switch} TRIGGER invoice_announced",
                    "DELETE FROM webhooks.webhook",
                    *([_hooks(load.CONNECTIONS, 1, NOBODY, "books.invoice.*")] if name == "hook" else []),
                    "SELECT 1",
                    dsn=dsn,
                )
                found.append(load.run(server, created(server, tokens), 201, plan.seconds / 2).rate)
    off, on, hook = (median(rates[name]) for name in ("off", "on", "hook"))
    return [
        Row("invoice made, nobody has a webhook", on, "/s", off, "/s without triggers", f"≥ {CREATE_RATIO:.2f} ×", on / off >= CREATE_RATIO),
        Row("invoice made, and told to a webhook of its owner", hook, "/s", off, "/s without triggers"),
    ]  # fmt: skip


def feeding(installation: Installation, plan: Plan) -> Row:
    """Measures how fast deliveries are made of events."""
    dsn = installation.create_database("webhook_feeding")
    seed(installation, dsn, 1, 0)
    installation.run(_hooks(1, HOOKS, NOBODY, "books.*"), _events(EVENTS), dsn=dsn)

    async def feed() -> float:
        connection = await asyncpg.connect(dsn)
        try:
            while await connection.fetch("SELECT position FROM core.relay_events(500) WHERE topic IS NOT NULL"):
                pass
            began = time.perf_counter()
            made = 0
            while (found := await connection.fetchrow(query.feed.text, 500, AREAS))["fed"]:
                made += found["made"]
            return float(made / (time.perf_counter() - began))
        finally:
            await connection.close()

    return Row(f"deliveries made of events, {HOOKS} webhooks", run_coroutine(feed()), "/s")


def sending(installation: Installation, plan: Plan) -> Row:
    """Measures deliveries to a receiver on this machine, by one worker, from the commit of the events until the last is noted."""
    dsn = installation.create_database("webhook_sending")
    seed(installation, dsn, 1, 0)
    rates = []
    with _receiver() as port, installation.server(dsn, WEBHOOK_ALLOW_PRIVATE="true") as server:
        # A first delivery, so that what is imported late is there.
        for events in (1, *[EVENTS // HOOKS] * plan.rounds(3)):
            installation.run(
                "DELETE FROM webhooks.webhook", "DELETE FROM webhooks.message", _hooks(1, HOOKS, f"http://127.0.0.1:{port}/", "books.*"), "SELECT 1", dsn=dsn,
            )  # fmt: skip
            began, cpu = time.perf_counter(), server.cpu_seconds()
            installation.run(_events(events), dsn=dsn)
            run_coroutine(_all_sent(dsn, events * HOOKS))
            rates.append(events * HOOKS / (time.perf_counter() - began))
            used = (server.cpu_seconds() - cpu) / (events * HOOKS)
    rate = median(rates[1:])
    name = f"delivered, {HOOKS} webhooks of {TOPICS} topics, one worker"
    return Row(
        name,
        rate,
        "/s",
        aim=f"≥ {SENT_PER_SECOND}/s",
        met=rate >= SENT_PER_SECOND,
        notes=f"{used * 1000:.2f} ms of the worker each",
    )


def _hooks(owners: int, each: int, url: str, topics: str) -> str:
    """The statement that makes active webhooks of the first owners, whose secrets the servers of benchmarks can make."""
    return f"""INSERT INTO webhooks.webhook (account_id, url, description, topics, is_active, salt, key_check)
        SELECT o, '{url}', '', ARRAY['{topics}'], true, '\\x00', '\\x{key_check(SECRET_KEY).hex()}'
          FROM generate_series(1, {owners}) o, generate_series(1, {each})"""


def _events(count: int) -> str:
    """The statement that writes events of the first owner's books, of TOPICS topics."""
    return f"""INSERT INTO core.event (topic, payload, tags)
        SELECT 'books.changed', json_build_object('type', 'books.client.' || (ARRAY['created', 'updated', 'deleted', 'a', 'b'])[1 + n % {TOPICS}],
                                                  'owner_id', 1, 'data', books.client_document(c))::text, '{{owner:1}}'
          FROM generate_series(1, {count}) n CROSS JOIN (SELECT c FROM books.client c WHERE c.owner_id = 1 ORDER BY c.id LIMIT 1) c"""


async def _all_sent(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        end = time.monotonic() + LONGEST
        statement = "SELECT count(*) FROM webhooks.delivery WHERE status = 'delivered'"
        while await connection.fetchval(statement) < count:
            if time.monotonic() > end:
                raise BenchmarkError(f"not all webhooks were delivered within {LONGEST:.0f} s")
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


@contextlib.contextmanager
def _receiver() -> Iterator[int]:
    """A process that answers every request with 204, as quickly as it can; yields its port."""
    port = free_port()
    process = OtherProcess(target=_receive, args=(port,), daemon=True)
    process.start()
    try:
        yield port
    finally:
        process.kill()
        process.join()


def _receive(port: int) -> None:
    class Answer(asyncio.Protocol):
        """Requests here have a body, and come one after another on a connection."""

        def connection_made(self, transport: Any) -> None:
            self.transport, self.got = transport, b""

        def data_received(self, data: bytes) -> None:
            self.got += data
            head, _, body = self.got.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if body and len(body) >= length:
                self.got = b""
                self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", port)
        await server.serve_forever()

    run_coroutine(serve())
