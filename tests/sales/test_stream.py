"""The live stream of invoices (docs/api/sales.md#stream)."""

import asyncio
import json
from dataclasses import replace

import pytest

from core.live import backlog, events, recent
from core.run.process import Process
from handlers.api import areas, stream_session
from tests.support.deadlines import DEADLINE, until

pytestmark = pytest.mark.gen_test


@pytest.fixture(autouse=True, params=["with Redis", "without Redis"])
def changed_settings(request):
    """Everything here holds either way."""
    return {} if request.param == "with Redis" else {"redis_url": ""}


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
    assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
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


async def test_an_invoice_that_another_programs_sql_inserts_is_streamed_with_its_items(db, stream, invoice):
    reader = await stream()
    number = invoice()["invoice_no"]
    async with db.transaction():
        id = await db.fetchval(
            """WITH customer AS (INSERT INTO sales.customer (code, name) VALUES ($1, 'By SQL') RETURNING id)
               INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id) SELECT $1, '2025-01-18', id FROM customer
               RETURNING id""",
            number,
        )
        for name in ("one", "two"):
            await db.execute(
                "INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp) VALUES ($1, $2, 'X', 1, 2.5)",
                id,
                name,
            )
    streamed = await reader.invoice()
    assert streamed["invoice_no"] == number
    assert [item["name"] for item in streamed["items"]] == ["one", "two"]


@pytest.mark.parametrize("last", ["garbage", "-1", "99999999999999999999", "999999999", "0x1", "%00", "١"])
async def test_an_id_that_is_not_ours_gets_a_reset_and_never_an_error(stream, last):
    reader = await stream(headers={"Last-Event-ID": last.encode("utf-8").decode("latin-1")})
    assert reader.status == 200
    assert (await reader.event())["event"] == "reset"


async def test_an_invoice_of_10_000_items_reaches_every_reader_live_and_replayed(api, stream, invoice):
    body = invoice(items=invoice()["items"][:1] * 10_000)
    readers = [await stream() for _ in range(5)]
    before = readers[0].last_id
    # All of them read at the same time, as clients do: the server lets go of a reader that leaves so much unread.
    reading = [asyncio.ensure_future(reader.invoice()) for reader in readers]
    assert (await api.import_invoice(body)).status == 201
    replayed = await (await stream(headers={"Last-Event-ID": before})).invoice()
    for found in [*await asyncio.gather(*reading), replayed]:
        assert len(found["items"]) == 10_000


async def test_a_reader_from_before_the_retention_is_reset_and_then_follows(
    api, db, stream, invoice, process, monkeypatch
):
    reader = await stream()
    before = reader.last_id
    for _ in range(3):
        await api.import_invoice(invoice())
        await reader.event()
    await db.execute("UPDATE core.event SET created_at = now() - interval '100 hours'")

    async def left():
        await events.purge(process.app)
        return await db.fetchval("SELECT count(*) FROM core.event")

    # What webhooks have not read yet stays for them.
    await until(left, lambda count: count == 0)
    process.app.streams._backlog.forget()  # what this process remembers would still do
    again = await stream(headers={"Last-Event-ID": before})
    assert (await again.event())["event"] == "reset"
    imported = (await api.import_invoice(invoice())).json["data"]["id"]
    assert (await again.invoice())["id"] == imported


async def test_a_reader_whose_missed_events_are_purged_while_it_is_sent_them_is_let_go_and_then_reset(
    db, stream, invoice, process, monkeypatch
):
    reader = await stream()
    before = reader.last_id
    await db.execute(
        """WITH customer AS (INSERT INTO sales.customer (code, name) VALUES ($1, 'Purged') RETURNING id)
           INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
           SELECT $1 || '-' || n, '2025-01-18', id FROM customer, generate_series(1, 400) n""",
        invoice()["invoice_no"],
    )
    for _ in range(400):
        await reader.event()
    log = process.app.streams._backlog
    log.forget()  # what this process remembers would still do
    piece = log.piece

    async def purged_after_the_first(*args):
        found = await piece(*args)
        await db.execute("DELETE FROM core.event WHERE position < $1", log.head - 100)
        return found

    monkeypatch.setattr(log, "piece", purged_after_the_first)
    again = await stream(headers={"Last-Event-ID": before})
    with pytest.raises(ConnectionResetError):
        while True:
            await again.event()
    assert int(before) < int(again.last_id) <= log.head - 300
    once_more = await stream(headers={"Last-Event-ID": again.last_id})
    assert (await once_more.event())["event"] == "reset"


async def test_a_long_absence_is_replayed_from_the_log_page_by_page(db, stream, invoice, process):
    reader = await stream()
    before = reader.last_id
    number = invoice()["invoice_no"]
    await db.execute(
        """WITH customer AS (INSERT INTO sales.customer (code, name) VALUES ($1, 'Many') RETURNING id)
           INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
           SELECT $1 || '-' || n, '2025-01-18', id FROM customer, generate_series(1, 3000) n""",
        number,
    )
    expected = [f"{number}-{n}" for n in range(1, 3001)]
    assert [(await reader.invoice())["invoice_no"] for _ in expected] == expected
    assert len(process.app.streams._backlog._recent) <= recent.MOST_EVENTS
    again = await stream(headers={"Last-Event-ID": before})
    assert [(await again.invoice())["invoice_no"] for _ in expected] == expected


async def test_a_reader_that_ends_lines_at_every_line_end_of_unicode_gets_whole_invoices(api, stream, invoice):
    reader = await stream()
    before = reader.last_id
    remarks = "one\u2028two\u2029three\x85four\r\nfive"
    await api.import_invoice(invoice(remarks=remarks))
    for reading in (reader, await stream(headers={"Last-Event-ID": before})):
        block = await reading.block()
        while "data: " not in block:
            block = await reading.block()
        [data] = [line.removeprefix("data: ") for line in block.splitlines() if line.startswith("data: ")]
        assert json.loads(data)["remarks"] == remarks


async def test_the_id_may_also_come_in_the_query(api, stream, invoice):
    reader = await stream()
    before = reader.last_id
    imported = (await api.import_invoice(invoice())).json["data"]["id"]
    for name in ("lastEventId", "lasteventid", "LASTEVENTID", "last-event-id", "Last-Event-ID", "last_event_id"):
        assert (await (await stream(f"/api/sales/sse/invoices/?{name}={before}")).invoice())["id"] == imported, name


async def test_readers_that_come_and_go_during_imports_miss_nothing_and_get_nothing_twice(api, stream, invoice):
    stop = asyncio.Event()
    seen: list[int] = []
    first = await stream()

    async def come_and_go() -> None:
        last = first.last_id
        while not (stop.is_set() and len(seen) >= 60):
            reader = await stream(headers={"Last-Event-ID": last})
            for _ in range(7):
                try:
                    seen.append((await reader.invoice(1))["id"])
                except TimeoutError:
                    break
            last = reader.last_id
            reader.close()

    reading = asyncio.create_task(come_and_go())
    sent = [
        answer.json["data"]["id"]
        for _ in range(12)
        for answer in await asyncio.gather(*[api.import_invoice(invoice()) for _ in range(5)])
    ]
    stop.set()
    await asyncio.wait_for(reading, DEADLINE)
    assert sorted(seen) == sorted(sent)
    assert [(await first.invoice())["id"] for _ in sent] == seen  # one order for all


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_a_closed_stream_opens_to_a_token_in_the_header_or_the_query(stream, sign_in, changed_settings):
    token = (await sign_in("PICKER"))["access"]
    outsider = (await sign_in("VENDOR"))["access"]
    assert (await stream()).status == 401
    assert (await stream("/api/sales/sse/invoices/?token=nonsense")).status == 401
    assert (await stream(f"/api/sales/sse/invoices/?token={outsider}")).status == 403
    assert (await stream(f"/api/sales/sse/invoices/?token={token}")).status == 200
    assert (await stream(headers={"Authorization": f"Bearer {token}"})).status == 200


async def test_a_head_request_is_answered_and_opens_no_stream(api, process):
    answer = await api.call("HEAD", "/api/sales/sse/invoices/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert process.app.streams.count == 0


async def test_a_reader_that_leaves_is_forgotten(stream, process):
    reader = await stream()
    assert process.app.streams.count == 1
    reader.close()
    await until(lambda: process.app.streams.count == 0)


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE accounts.session SET revoked_at = now()",
        "UPDATE accounts.session SET expires_at = now()",
        "UPDATE accounts.account SET is_active = false",
        "DELETE FROM accounts.account",
    ],
)
async def test_a_closed_stream_ends_with_its_session(db, stream, sign_in, process, changed_settings, ending):
    token = (await sign_in("PICKER", email="leaver@example.com"))["access"]
    reader = await stream(f"/api/sales/sse/invoices/?token={token}")
    await stream_session.end_with_sessions(process.app)
    assert process.app.streams.count == 1
    await db.execute(ending)
    await stream_session.end_with_sessions(process.app)
    assert process.app.streams.count == 0
    while await reader.block():
        pass
    await db.execute("DELETE FROM accounts.account")


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_a_change_of_an_account_looks_only_after_its_own_sessions(
    db, stream, sign_in, process, changed_settings, monkeypatch
):
    looked, original = [], stream_session.list_ended

    async def noted(app, sessions):
        looked.append(sessions)
        return await original(app, sessions)

    monkeypatch.setattr(stream_session, "list_ended", noted)
    emails = ("leaver@example.com", "stayer@example.com")
    readers = {
        email: await stream(f"/api/sales/sse/invoices/?token={(await sign_in('PICKER', email=email))['access']}")
        for email in emails
    }
    sessions = {
        email: await db.fetchval(
            "SELECT s.id FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id WHERE a.email = $1",
            email,
        )
        for email in emails
    }
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = 'leaver@example.com'")
    while await readers["leaver@example.com"].block():
        pass
    # The duty looks after all of them, every few seconds.
    assert {sessions["leaver@example.com"]} in looked and {sessions["stayer@example.com"]} not in looked
    assert process.app.streams.count == 1
    await db.execute("DELETE FROM accounts.account")


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_signing_out_closes_the_sessions_own_streams_at_once(app, api, stream, sign_in, process):
    leaving, staying = (await sign_in("PICKER"))["access"], (await sign_in("PACKER"))["access"]
    reader, other = [await stream(f"/api/sales/sse/invoices/?token={token}") for token in (leaving, staying)]
    assert (await api.post("/api/auth/logout/", token=leaving)).status == 200
    while await reader.block():
        pass
    assert process.app.streams.count == 1
    other.close()


async def test_events_that_arrive_while_the_relay_waits_for_its_answer_are_not_delivered_again(
    api, stream, invoice, process, monkeypatch
):
    log = process.app.events
    reader = await stream()
    answers = events.query.relay_events

    async def late(db, batch):
        nonlocal begun
        answer = await answers(db, batch=batch)
        # A sixth turn, which may have begun already, imports nothing beside the last import below.
        if begun == 5:
            return answer
        begun += 1
        imported.append((await api.import_invoice(invoice())).json["data"]["id"])
        *rows, _ = await answers(db, batch=batch)
        await log.accept(events.from_rows(rows))  # as another process's event would come, through Redis
        return answer

    imported: list[int] = []
    begun = 0
    with monkeypatch.context() as patched:
        patched.setattr(events.query, "relay_events", late)
        while len(imported) < 5:
            await asyncio.sleep(0.01)
    imported.append((await api.import_invoice(invoice())).json["data"]["id"])
    assert [(await reader.invoice())["id"] for _ in imported] == imported


async def test_after_the_log_went_back_readers_are_reset_and_then_follow_the_new_one(api, db, stream, invoice):
    reader = await stream()
    for _ in range(3):
        await api.import_invoice(invoice())
        await reader.event()
    before = await db.fetchval("SELECT position FROM core.event_head")
    async with db.transaction():  # as a restored dump would leave it
        await db.execute("DELETE FROM core.event WHERE position > $1", before - 3)
        await db.execute("UPDATE core.event_head SET position = $1", before - 3)
    assert (await reader.event())["event"] == "reset"
    assert reader.last_id == str(before - 3)
    imported = (await api.import_invoice(invoice())).json["data"]["id"]
    assert (await reader.invoice())["id"] == imported
    assert reader.last_id == str(before - 2)


@pytest.mark.parametrize("left", [0, 1])
async def test_when_the_log_goes_on_elsewhere_as_after_a_restore_its_readers_are_reset(api, db, stream, invoice, left):
    """left: events behind the gap that nobody has read."""
    reader = await stream()
    await api.import_invoice(invoice())
    await reader.event()
    async with db.transaction():
        before = await db.fetchval("SELECT position FROM core.event_head FOR UPDATE")
        await db.execute("DELETE FROM core.event WHERE position <= $1", before - left)
        for table in ("core.event", "core.event_head", "core.event_reader"):
            await db.execute(f"UPDATE {table} SET position = position + 1000000 WHERE position IS NOT NULL")
    assert (await reader.event())["event"] == "reset"
    if left:
        # What a reader of all events has not read yet stays, and is delivered behind the reset.
        await reader.event()
    imported = (await api.import_invoice(invoice())).json["data"]["id"]
    assert (await reader.invoice())["id"] == imported
    assert reader.last_id == str(before + 1000001)
    late = await stream(headers={"Last-Event-ID": str(before)})
    assert (await late.event())["event"] == "reset"


async def test_a_reader_that_leaves_before_its_stream_begins_leaves_nothing_behind(
    api, db, http_port, invoice, process
):
    await api.import_invoice(invoice())
    await process.app.events.relay()
    process.app.streams._backlog.forget()
    async with db.transaction():
        await db.execute("LOCK TABLE core.event")  # what was missed can't be looked up now
        _, writer = await asyncio.open_connection("localhost", http_port)
        writer.write(b"GET /api/sales/sse/invoices/ HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n")
        while not process.app.active:
            await asyncio.sleep(0.01)
        writer.transport.abort()
        await asyncio.sleep(0.1)
    while process.app.active:
        await asyncio.sleep(0.01)
    assert process.app.streams.count == 0


async def test_a_stream_that_fails_while_it_catches_up_is_closed_so_that_its_reader_comes_back(
    api, stream, invoice, process, monkeypatch
):
    reader = await stream()
    before = reader.last_id
    await api.import_invoice(invoice())
    await reader.event()

    async def fails(*args):
        raise RuntimeError("told by the test")

    monkeypatch.setattr(process.app.streams._backlog, "piece", fails)
    late = await stream(headers={"Last-Event-ID": before})
    assert await late.block() == ""
    assert process.app.streams.count == 1


async def test_a_stream_asked_for_while_the_server_stops_is_503(stream, process):
    process.close_streams()
    assert (await stream()).status == 503


# Filters

SSE = "/api/sales/sse/invoices/"


@pytest.fixture
def moved(db):
    """`await moved(id, "PICKING")`: an invoice comes to that status, as a step of the warehouse would have it."""

    async def moved(id, status):
        await db.execute("UPDATE sales.invoice SET status = $2 WHERE id = $1", id, status)

    return moved


@pytest.fixture
def imported(api, invoice):
    async def imported():
        return (await api.import_invoice(invoice())).json["data"]["id"]

    return imported


async def told(reader, n):
    """Which invoices the next n events are about, and their status."""
    return [(one["id"], one["status"]) for one in [await reader.invoice() for _ in range(n)]]


async def hears_nothing(reader, position):
    """Keep-alives come and go, the last with the position, and no event."""
    while True:
        block = await reader.block()
        assert "data" not in block
        if reader.last_id == str(position):
            return


async def head(db):
    while await db.fetchval("SELECT count(*) FROM core.event WHERE position IS NULL"):
        await asyncio.sleep(0.01)
    return await db.fetchval("SELECT position FROM core.event_head")


async def test_a_reader_of_a_status_hears_of_those_that_come_to_it_stay_in_it_and_leave_it(db, stream, imported, moved):
    picked, both, everything = (
        await stream(f"{SSE}?status=PICKED"),
        await stream(f"{SSE}?status=PENDING&status=PICKED"),
        await stream(),
    )
    one, other = await imported(), await imported()
    await moved(one, "PICKING")
    await moved(one, "PICKED")
    await db.execute("UPDATE sales.invoice SET remarks = 'changed' WHERE id = $1", one)
    await moved(other, "PICKING")
    await moved(one, "PACKING")
    assert await told(picked, 3) == [(one, "PICKED"), (one, "PICKED"), (one, "PACKING")]
    assert [id for id, _ in await told(both, 7)] == [one, other, one, one, one, other, one]
    assert len(await told(everything, 7)) == 7
    assert picked.last_id == both.last_id == everything.last_id


async def test_a_deleted_invoice_is_announced_to_readers_of_its_status(db, stream, imported):
    reader = await stream(f"{SSE}?status=PENDING")
    id = await imported()
    assert (await reader.invoice())["is_active"] is True
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE id = $1", id)
    assert (await reader.invoice())["is_active"] is False


@pytest.mark.parametrize("query", ["status=pending", "status=NOSUCH,Pending", "status=picked&status=created"])
async def test_a_status_is_known_in_any_case_or_in_a_list_with_commas(stream, imported, query):
    reader = await stream(f"{SSE}?{query}")
    id = await imported()
    assert (await reader.invoice())["id"] == id


@pytest.mark.parametrize("query", ["status=NOSUCH", "status=", "status=%00", "worker=nobody@example.com", "worker=",
                                   "status=PENDING&worker=x",
                                   "status=" + "x" * 5000, "status=PENDING%00X", "worker=%F0%9F%98%80"])  # fmt: skip
async def test_a_filter_that_nothing_meets_is_a_stream_without_events_that_still_knows_where_it_is(
    db, stream, imported, query
):
    reader = await stream(f"{SSE}?{query}")
    assert reader.status == 200
    await imported()
    await hears_nothing(reader, await head(db))


@pytest.mark.parametrize(
    ("kind", "who", "open", "done"),
    [
        ("picking", "worker_id, status", "'PREPARING'", "status = 'PICKED'"),
        ("packing", "worker_id, status", "'IN_PROGRESS'", "status = 'CANCELLED'"),
        (
            "delivery",
            "worker_id, delivery_type, courier_name, tracking_no, status",
            "'DIRECT', '', '', 'IN_TRANSIT'",
            "status = 'DELIVERED'",
        ),
    ],
)
async def test_a_reader_of_a_worker_hears_of_what_they_begin_have_and_finish(
    db, stream, imported, sign_in, kind, who, open, done
):
    await sign_in("PACKER", email="Worker@Example.com")
    mine, other = await imported(), await imported()
    reader = await stream(f"{SSE}?worker=wOrker@example.com")
    narrow = await stream(f"{SSE}?worker=worker@example.com&status=PACKED")
    async with db.transaction():
        await db.execute(
            f"INSERT INTO sales.session (kind, invoice_id, {who}) SELECT '{kind}', $1, id, {open} FROM accounts.account WHERE email = 'Worker@Example.com'",
            mine,
        )
        await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE id = $1", mine)
    await db.execute("UPDATE sales.invoice SET remarks = 'x' WHERE id = $1", other)
    await db.execute("UPDATE sales.invoice SET version = version + 1 WHERE id = $1", mine)
    async with db.transaction():
        await db.execute(f"UPDATE sales.session SET {done}, end_time = now() WHERE invoice_id = $1", mine)
        await db.execute("UPDATE sales.invoice SET status = 'PACKED' WHERE id = $1", mine)
    await db.execute("UPDATE sales.invoice SET version = version + 1 WHERE id = $1", mine)  # no longer theirs
    assert await told(reader, 3) == [(mine, "PICKING"), (mine, "PICKING"), (mine, "PACKED")]
    assert await told(narrow, 1) == [(mine, "PACKED")]
    await hears_nothing(reader, await head(db))
    await db.execute("DELETE FROM accounts.account")


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_filtered_reader_that_was_away_gets_what_it_wants_of_what_it_missed_and_then_follows(
    db, stream, imported, moved, process, remembered
):
    reader = await stream(f"{SSE}?status=PICKED")
    before = reader.last_id
    reader.close()
    ids = [await imported() for _ in range(6)]
    for id in ids[::2]:
        await moved(id, "PICKED")
    while process.app.events.head < await head(db):
        await asyncio.sleep(0.01)
    if not remembered:
        process.app.streams._backlog.forget()
    again = await stream(f"{SSE}?status=PICKED", headers={"Last-Event-ID": before})
    assert await told(again, 3) == [(id, "PICKED") for id in ids[::2]]
    await moved(ids[1], "PICKED")
    await imported()
    await moved(ids[0], "PACKING")
    assert await told(again, 2) == [(ids[1], "PICKED"), (ids[0], "PACKING")]
    await hears_nothing(again, await head(db))


@pytest.mark.parametrize("most", [20_000, 7])
async def test_a_replay_that_wants_none_of_thousands_ends_and_need_not_be_repeated(
    db, stream, invoice, process, monkeypatch, most
):
    monkeypatch.setattr(backlog, "REPLAY_SPAN", most)
    reader = await stream()
    before = reader.last_id
    await db.execute(
        """WITH customer AS (INSERT INTO sales.customer (code, name) VALUES ($1, 'Many') RETURNING id)
           INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, status)
           SELECT $1 || '-' || n, '2025-01-18', id, CASE WHEN n % 70 = 0 THEN 'PACKED' ELSE 'PENDING' END
             FROM customer, generate_series(1, 1400) n""",
        invoice()["invoice_no"],
    )
    for _ in range(1400):
        await reader.event()
    process.app.streams._backlog.forget()
    some = await stream(f"{SSE}?status=PACKED", headers={"Last-Event-ID": before})
    assert {status for _, status in await told(some, 20)} == {"PACKED"}
    none = await stream(f"{SSE}?status=DELIVERED", headers={"Last-Event-ID": before})
    # A keep-alive may come first.
    while (block := await none.block()).startswith(":"):
        pass
    assert block == f"id: {reader.last_id}"


async def test_ids_of_a_filtered_reader_never_go_back_and_resuming_from_any_of_them_misses_nothing(
    db, stream, imported, moved
):
    reader, wanted, resumable = await stream(f"{SSE}?status=PACKED"), [], []
    for _ in range(4):
        resumable.append((reader.last_id, len(wanted)))
        for _ in range(3):
            await imported()
        await hears_nothing(reader, await head(db))
        resumable.append((reader.last_id, len(wanted)))
        wanted.append(await imported())
        await moved(wanted[-1], "PACKED")
        assert await told(reader, 1) == [(wanted[-1], "PACKED")]
    assert [int(last) for last, _ in resumable] == sorted(int(last) for last, _ in resumable)
    for last, had in resumable:
        again = await stream(f"{SSE}?status=PACKED", headers={"Last-Event-ID": last})
        assert [id for id, _ in await told(again, len(wanted) - had)] == wanted[had:]


async def test_an_event_without_tags_concerns_everybody(db, stream):
    reader = await stream(f"{SSE}?status=PICKED&worker=nobody@example.com")
    await db.execute("INSERT INTO core.event (topic, payload) VALUES ('sales.invoice', '{\"id\": 0}')")
    assert (await reader.invoice())["id"] == 0


async def test_a_filtered_reader_gets_a_reset_too_and_then_follows(stream, imported, process):
    reader = await stream(f"{SSE}?status=PENDING")
    process.app.streams.reset("sales.invoice")
    assert (await reader.event())["event"] == "reset"
    id = await imported()
    assert await told(reader, 1) == [(id, "PENDING")]


async def test_filters_that_nobody_has_any_more_are_forgotten(stream, process):
    readers = [await stream(f"{SSE}?status=S{n}") for n in range(20)]
    assert len(process.app.streams._readers) == 20
    for reader in readers:
        reader.close()
    while process.app.streams.count:
        await asyncio.sleep(0.01)
    assert not process.app.streams._readers


async def test_another_process_filters_alike_what_it_was_handed(
    settings, changed_settings, db, stream, imported, moved, process
):
    other = Process(
        replace(settings, **changed_settings), areas.router(), areas.refusals(), areas.duties(), areas.listeners()
    )
    await other.open()
    heard: list[events.Event] = []
    deliver = other.app.streams.deliver
    other.app.streams.deliver = lambda fresh: (heard.extend(fresh), deliver(fresh))
    try:
        id = await imported()
        await moved(id, "PICKING")
        while other.app.streams.head < await head(db):
            await asyncio.sleep(0.01)
    finally:
        await other.close()
    assert [sorted(event.tags) for event in heard if event.topic == "sales.invoice"] == [
        ["created", "status:PENDING"],
        ["status:PENDING", "status:PICKING"],
    ]
