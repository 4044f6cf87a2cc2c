"""What tests of imports of many invoices share."""

import contextlib
import json

import asyncpg


@contextlib.asynccontextmanager
async def stored_by_another(dsn, number):
    """Within, a transaction that is not committed has stored an invoice with this number."""
    connection = await asyncpg.connect(dsn)
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
