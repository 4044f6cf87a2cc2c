"""The memory that a long list takes, of the real program. docs/api/pos.md#lists."""

import asyncio
import json
from types import SimpleNamespace

import psutil
import pytest

from tests.support.http import PASSWORD
from tests.support.program import Server, family

PRODUCTS = 100_000
# Bytes that the list may add to the memory of the program.
MOST = 5 << 20


@pytest.fixture
def program(database_url, tmp_path):
    ground = SimpleNamespace(postgres=SimpleNamespace(dsn=database_url), redis=None)
    started = Server(ground, tmp_path / "log").start()
    yield started
    started.end()


def memory(program):
    return sum(psutil.Process(pid).memory_info().rss for pid in family(program.process.pid))


async def open_list(program, token, path):
    """The reader of an answer, after its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"200"
    while await reader.readline() != b"\r\n":
        pass
    return reader, writer


async def chunks(reader):
    """The chunks of an answer, one by one."""
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()


@pytest.mark.gen_test
async def test_a_list_of_very_many_products_takes_a_few_megabytes_also_for_a_reader_who_pauses(
    program, api, sign_in, db, shop
):
    supplier = await shop.supplier()
    await db.execute(
        "INSERT INTO pos.product (name, sku, current_stock, supplier_id) "
        "SELECT 'Producto ' || n, 'L-' || n, n, $2 FROM generate_series(1, $1::int) n",
        PRODUCTS,
        supplier,
    )
    await db.execute("ANALYZE pos.product")
    await sign_in("EMPLOYEE", "till@example.com")
    body = json.dumps({"email": "till@example.com", "password": PASSWORD})
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(
        b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    token = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["access"]
    writer.close()

    # What every request of the program needs is there before it is measured.
    warm, writer = await open_list(program, token, "/api/products/?limit=500")
    await warm.read()
    writer.close()
    before, most, count, received, number = memory(program), 0, 0, 0, 0

    reader, writer = await open_list(program, token, "/api/products/")
    async for chunk in chunks(reader):
        count += chunk.count(b'"sku"')
        received += len(chunk)
        number += 1
        if number == 3:
            # Meanwhile a server without back-pressure would read much of the list into its memory.
            for _ in range(20):
                await asyncio.sleep(0.05)
                most = max(most, memory(program) - before)
        most = max(most, memory(program) - before)
    writer.close()
    assert count == PRODUCTS
    assert most < MOST < received / 5
