"""The live stream of invoices (seed 000, section 3)."""

import asyncio
import json

import pytest

pytestmark = pytest.mark.gen_test


async def test_an_imported_invoice_arrives_whole_on_one_line_as_the_list_shows_it(api, stream, invoice):
    reader = await stream()
    imported = await api.import_invoice(invoice())
    event = await reader.event()
    listed = (await api.get("/api/sales/invoices/")).json["results"][0]
    assert json.loads(event["data"]) == listed
    assert listed["id"] == imported.json["data"]["id"]
    assert set(event) == {"id", "data"}


async def test_the_stream_is_announced_as_seed_000_says(stream):
    reader = await stream()
    assert reader.headers["content-type"] == "text/event-stream"
    assert reader.headers["cache-control"] == "no-cache"
    assert reader.headers["x-accel-buffering"] == "no"


async def test_a_silent_stream_gets_keep_alive_comments(stream):
    reader = await stream()
    assert [await reader.block(), await reader.block()] == [": keep-alive", ": keep-alive"]


async def test_a_reconnecting_reader_gets_what_it_missed_once_and_in_order(api, stream, invoice):
    reader = await stream()
    await api.import_invoice(invoice())
    await reader.event()
    last = reader.last_id
    reader.close()
    missed = [(await api.import_invoice(invoice())).json["data"]["id"] for _ in range(5)]
    again = await stream(headers={"Last-Event-ID": last})
    assert [(await again.invoice())["id"] for _ in missed] == missed
    live = (await api.import_invoice(invoice())).json["data"]["id"]
    assert (await again.invoice())["id"] == live


async def test_an_invoice_that_another_programs_sql_inserts_is_streamed_with_its_items(db, stream):
    reader = await stream()
    async with db.transaction():
        customer = await db.fetchval("INSERT INTO sales.customer (code, name) VALUES ('SQL', 'By SQL') RETURNING id")
        number = await db.fetchval(
            "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id) VALUES ('SQL-1', '2025-01-18', $1) RETURNING id", customer
        )
        for name in ("one", "two"):
            await db.execute(
                "INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp) VALUES ($1, $2, 'X', 1, 2.5)", number, name
            )
    streamed = await reader.invoice()
    assert streamed["invoice_no"] == "SQL-1"
    assert [item["name"] for item in streamed["items"]] == ["one", "two"]


@pytest.mark.parametrize("last", ["garbage", "-1", "99999999999999999999", "999999999", "0x1", "%00", "١"])
async def test_an_id_that_is_none_of_ours_gets_a_reset_and_never_an_error(stream, last):
    reader = await stream(headers={"Last-Event-ID": last.encode("utf-8").decode("latin-1")})
    assert reader.status == 200
    assert (await reader.event())["event"] == "reset"
