"""Imports of many invoices (docs/api/sales.md#imports): what becomes of each line, in whatever form it comes, and however the request ends."""

import asyncio
import json
import random
from typing import Any

import pytest

from handlers.sales import bulk_import, bulk_job
from tests.support.deadlines import DEADLINE, until

pytestmark = pytest.mark.gen_test(timeout=DEADLINE)

PATH = "/api/sales/import/invoices/"
KEY = "test-import-key"
NDJSON = "application/x-ndjson"
LATER = {"Prefer": "respond-async"}


@pytest.fixture
def send(api):
    """`await send(invoices or bytes, "application/x-ndjson", token=…)`: the answer."""

    async def send(body: Any, kind: str = "application/json", token: str | None = None, **headers: str) -> Any:
        if not isinstance(body, bytes):
            joined = [one if isinstance(one, str) else json.dumps(one) for one in body]
            body = ("\n".join(joined) if kind == NDJSON else f"[{','.join(joined)}]").encode()
        headers = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await api.post(PATH, body, key=None if token else KEY, token=token, headers=headers)

    return send


def found(answer: Any) -> list[tuple[int, str, str | None]]:
    """(line, status, invoice_no) of each result."""
    assert answer.status == 200, answer.text
    return [(one["line"], one["status"], one["invoice_no"]) for one in answer.json["data"]["results"]]


def bare(document: dict[str, Any]) -> dict[str, Any]:
    """An invoice without what differs between two of the same content."""
    items = [{name: value for name, value in item.items() if name != "id"} for item in document["items"]]
    return {**document, "items": items, "id": 0, "invoice_no": "", "created_at": ""}


# What becomes of each line


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
async def test_each_line_has_its_own_result_in_order_and_says_what_a_single_import_says(send, invoice, api, kind):
    mark = kind[-6:]
    good, other = invoice(invoice_no=f"B1{mark}"), invoice(invoice_no=f"B2{mark}")
    wrong = invoice(invoice_no=f"B3{mark}", invoice_date="2025-02-30", items=[{"name": ""}, {"quantity": "1,5"}])
    answer = await send([good, wrong, good, other], kind)
    assert found(answer) == [
        (1, "created", f"B1{mark}"), (2, "invalid", f"B3{mark}"), (3, "duplicate", f"B1{mark}"), (4, "created", f"B2{mark}"),
    ]  # fmt: skip
    data = answer.json["data"]
    assert (data["lines"], data["created"], data["duplicates"], data["invalid"], data["waiting"]) == (4, 2, 1, 1, 0)
    assert data["results"][2]["id"] == data["results"][0]["id"]
    assert data["results"][1]["errors"] == (await api.import_invoice(wrong)).json["errors"]


async def test_an_invoice_is_stored_and_announced_as_by_a_single_import(send, invoice, api, stream):
    texts = {"salesman": " Zoe\u0301 ", "remarks": None, "created_by": ""}
    items = [
        {
            "name": "A",
            "item_code": 7,
            "quantity": "2",
            "mrp": "0.12345678",
            "shelf_location": "",
            "expiry_date": "2026-01-01",
        }
    ]
    single = await api.import_invoice(invoice(invoice_no="S-1", items=items, **texts))
    reader = await stream()
    answer = await send([invoice(invoice_no=f"S-{n}", items=items, **texts) for n in (2, 3)])
    events = [await reader.invoice(), await reader.invoice()]
    assert [event["invoice_no"] for event in events] == ["S-2", "S-3"]
    as_single = (await api.get(f"/api/sales/invoices/{single.json['data']['id']}/")).json
    for result, event in zip(answer.json["data"]["results"], events, strict=True):
        stored = (await api.get(f"/api/sales/invoices/{result['id']}/")).json
        assert stored == event
        assert bare(stored) == bare(as_single)


async def test_the_counts_and_the_creators_of_the_list_know_imported_invoices(send, invoice, api, sign_in, db):
    email = "bulk-clerk@example.com"
    token = (await sign_in("BILLING", email))["access"]
    marked = [
        invoice(created_by="Bulk Clerk", salesman="Bulk Man", customer={"code": "BULK", "name": "B"}) for _ in range(3)
    ]
    assert (await send(marked, token=token)).json["data"]["created"] == 3
    mine = f"user={await db.fetchval('SELECT public_id FROM accounts.account WHERE email = $1', email)}"
    for parameters in ("created_by=bulk+cl", "salesman=Bulk+Man", "customer=BULK", mine):
        listed = (await api.get(f"/api/sales/invoices/?{parameters}")).json
        assert (listed["count"], len(listed["results"])) == (3, 3), parameters


async def test_lines_have_the_effect_that_they_would_have_one_after_another(send, invoice, db):
    first = {"code": "ONE", "name": "Old", "area": "Here", "phone1": "1"}
    await send([invoice(customer=first)])
    taken = invoice()
    await send([taken])
    lines = [
        invoice(customer={"code": "ONE", "name": "New", "phone1": "2"}),
        invoice(customer={"code": "ONE", "name": "Newest", "email": "a@example.com"}),
        {**taken, "customer": {"code": "ONE", "name": "Of a duplicate", "area": "There"}},
        invoice(customer={"code": "ONE", "name": ""}),
    ]
    answer = await send(lines)
    assert [status for _, status, _ in found(answer)] == ["created", "created", "duplicate", "invalid"]
    row = await db.fetchrow("SELECT name, area, phone1, email FROM sales.customer WHERE code = 'ONE'")
    assert tuple(row) == ("Newest", "Here", "2", "a@example.com")


async def test_no_line_spoils_another(send, invoice):
    deep = '{"invoice_no": ' + "[" * 5000 + "]" * 5000 + "}"
    lines = [
        invoice(invoice_no="N-1"),
        json.dumps(invoice(invoice_no="N-2")).replace('"quantity": 20', '"quantity": NaN'),
        json.dumps(invoice(invoice_no="N-3", remarks="\0")),
        json.dumps(invoice(invoice_no="N-4", remarks="\ud800")),
        deep,
        json.dumps(invoice(invoice_no="N-6"))[:-20],
        "null",
        invoice(invoice_no="N-8", salesman="x" * 1_000_000),
        invoice(invoice_no="N-9", items="none"),
        json.dumps(invoice(invoice_no="N-10"))[:-1] + ',"invoice_no": "again"}',
        invoice(invoice_no="N-11", customer={"code": "C", "name": "N", "email": "nobody"}),
        invoice(invoice_no="N-12"),
    ]
    answer = await send(lines, NDJSON)
    assert [status for _, status, _ in found(answer)] == ["created", *["invalid"] * 10, "created"]
    errors = [one["errors"] for one in answer.json["data"]["results"]]
    assert errors[1] == {"items": [{"quantity": ["A valid number is required."]}]}
    assert errors[2] == {"remarks": ["Null characters are not allowed."]}
    assert errors[3] == {"remarks": ["Surrogate characters are not allowed: U+D800."]}
    assert errors[4] == {"non_field_errors": ["JSON parse error - nested too deeply"]}
    assert errors[5]["non_field_errors"][0].startswith("JSON parse error - ")
    assert errors[7] == {"salesman": ["Ensure this field has no more than 150 characters."]}


async def test_blank_lines_count_and_are_no_invoices(send, invoice):
    one, other = json.dumps(invoice(invoice_no="L-1")), json.dumps(invoice(invoice_no="L-2"))
    answer = await send(f"\ufeff{one}\r\n\r\n  \n{other}\r\n\n".encode(), NDJSON)
    assert found(answer) == [(1, "created", "L-1"), (4, "created", "L-2")]


async def test_an_object_alone_is_the_only_item_and_an_empty_array_has_none(send, invoice):
    assert found(await send(json.dumps(invoice(invoice_no="A-1")).encode())) == [(1, "created", "A-1")]
    answer = await send(b" [ ] ")
    assert (answer.json["data"]["status"], answer.json["data"]["lines"], found(answer)) == ("done", 0, [])


# What is refused as a whole


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"", "application/json", 400, "JSON parse error"),
        (b"[{}, {}", "application/json", 400, "JSON parse error - The array has no end"),
        (b"[{}, ]", "application/json", 400, "trailing comma"),
        (b"[{}] x", "application/json", 400, "Extra data"),
        (b"[" * 200_000, "application/json", 400, "nested too deeply"),
        (b"x", "text/plain", 415, "Unsupported media type"),
        (b"a,b\n1,2\n", "text/csv", 400, "Validation failed"),
        (b"PK\x03\x04broken", bulk_import.XLSX, 400, "Validation failed"),
    ],
)
async def test_a_body_that_is_wrong_as_a_whole_stores_nothing(send, db, body, kind, status, said):
    answer = await send(body, kind)
    assert (answer.status, said in answer.json["message"]) == (status, True), answer.text
    assert await db.fetchval("SELECT count(*) FROM sales.import WHERE status = 'receiving'") == 0


async def test_one_line_too_many_stores_nothing(send, db):
    before = await db.fetchval("SELECT count(*) FROM sales.import")
    answer = await send(b"{}\n" * 10_001, NDJSON)
    assert (answer.status, answer.json["errors"]) == (
        400, {"non_field_errors": ["Ensure this field has no more than 10000 elements."]},
    )  # fmt: skip
    assert await db.fetchval("SELECT count(*) FROM sales.import") == before


async def test_a_body_that_is_too_long_is_refused_before_or_while_it_comes(send, api, monkeypatch, invoice):
    monkeypatch.setattr(bulk_import.Imports, "large_body", 11 * 1024 * 1024)
    padding = b" " * 12 * 1024 * 1024
    assert (await send(padding)).status == 413

    async def chunks():
        for at in range(0, len(padding), 1 << 20):
            yield padding[at : at + (1 << 20)]

    headers = {"X-API-KEY": KEY, "Content-Type": NDJSON}
    async with api._session.post(api.base_url + PATH, data=chunks(), headers=headers) as answer:
        assert answer.status == 413


async def test_an_encoded_body_is_refused(send):
    assert (await send(b"{}", Content_Encoding="gzip")).status == 415


# Races


async def test_of_the_same_invoices_in_two_imports_at_once_each_is_stored_once(send, invoice, db, deadlocks):
    lines = [invoice(invoice_no=f"R-{n}", customer={"code": f"R{n % 7}", "name": f"N{n}"}) for n in range(400)]
    mixed = random.Random(1).sample(lines, len(lines))
    answers = await asyncio.gather(send(lines), send(mixed, NDJSON), send(lines[::-1]))
    assert sum(answer.json["data"]["created"] for answer in answers) == 400
    assert sum(answer.json["data"]["duplicates"] for answer in answers) == 800
    assert await db.fetchval("SELECT count(*) FROM sales.invoice WHERE invoice_no LIKE 'R-%'") == 400
    ids: dict[str, set[int]] = {}
    for answer in answers:
        for one in answer.json["data"]["results"]:
            ids.setdefault(one["invoice_no"], set()).add(one["id"])
    assert all(len(found) == 1 for found in ids.values())
    assert deadlocks == []


async def test_imports_with_the_same_people_in_opposite_order_do_not_wait_in_a_circle(send, api, invoice, deadlocks):
    def lines(mark: str, order: range) -> list[dict[str, Any]]:
        return [
            invoice(
                invoice_no=f"{mark}{n}",
                customer={"code": f"O{n}", "name": f"{mark} {n}"},
                salesman=f"O{n}",
                created_by=f"O{n}",
            )
            for n in order
        ]

    singles = [api.import_invoice(one) for one in lines("OS", range(60))]
    answers = await asyncio.gather(send(lines("OA", range(240))), send(lines("OB", range(239, -1, -1))), *singles)
    assert [answer.status for answer in answers] == [200, 200, *[201] * 60]
    assert deadlocks == []


# Later


async def test_with_respond_async_a_job_stores_the_lines_and_the_answer_says_where_to_look(
    send, api, invoice, run_jobs
):
    sent = [invoice(invoice_no="J-1"), {"invoice_no": "J-2"}, invoice(invoice_no="J-3")]
    answer = await send(sent, **LATER)
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, "respond-async")
    where, data = answer.headers["Location"], answer.json["data"]
    assert where == f"{api.base_url}{PATH}{data['id']}/"
    assert (data["status"], data["waiting"], data["invalid"]) == ("queued", 2, 1)
    waiting = (await api.get(f"{where}?status=waiting", key=KEY)).json["data"]
    assert [one["line"] for one in waiting["results"]] == [1, 3]
    await run_jobs()
    page = (await api.get(f"{where}?page_size=2", key=KEY)).json["data"]
    assert (page["status"], page["created"], page["finished_at"] is not None) == ("done", 2, True)
    assert [(one["line"], one["status"]) for one in page["results"]] == [(1, "created"), (2, "invalid")]
    last = (await api.get(page["next"], key=KEY)).json["data"]
    assert ([(one["line"], one["invoice_no"]) for one in last["results"]], last["next"]) == ([(3, "J-3")], None)
    listed = (await api.get(PATH, key=KEY)).json["data"]["results"]
    assert listed[0]["id"] == data["id"]


async def test_more_than_a_thousand_lines_are_stored_later(send, run_jobs, api):
    answer = await send(b'{"invoice_no":"x"}\n' * 1001, NDJSON)
    assert (answer.status, answer.json["data"]["status"], answer.json["data"]["invalid"]) == (202, "done", 1001)


async def test_the_events_of_an_import_tell_how_far_it_is_and_end_with_done(
    send, invoice, stream, run_jobs, monkeypatch
):
    monkeypatch.setattr(bulk_job, "BATCH", 2)
    answer = await send([invoice() for _ in range(5)], **LATER)
    path = f"{PATH}{answer.json['data']['id']}/events/"
    reader = await stream(path, headers={"X-API-KEY": KEY})
    first = await reader.event()
    await run_jobs()
    told = [json.loads(first["data"])]
    ids = [first["id"]]
    while told[-1]["status"] != "done":
        event = await reader.event()
        told.append(json.loads(event["data"]))
        ids.append(event["id"])
    assert [one["created"] for one in told] == [0, 2, 4, 5]
    assert await reader.block() == ""
    assert sorted(map(int, ids)) == list(map(int, ids))


async def test_a_reader_who_comes_after_the_end_gets_the_last_event_and_is_then_told_to_stay_away(send, invoice, api):
    id = (await send([invoice()])).json["data"]["id"]
    answer = await api.get(f"{PATH}{id}/events/", key=KEY)
    assert answer.text.startswith("id: end\ndata: {") and '"status" : "done"' in answer.text
    assert (await api.get(f"{PATH}{id}/events/", key=KEY, headers={"Last-Event-ID": "end"})).status == 204


async def test_an_import_is_shown_to_the_one_who_made_it_and_to_administrators(send, invoice, api, sign_in):
    mine, other, admin = [
        (await sign_in(role, f"its-{role}@example.com"))["access"] for role in ("BILLING", "PICKER", "ADMIN")
    ]
    id = (await send([invoice()], token=mine)).json["data"]["id"]
    by_key = (await send([invoice()])).json["data"]["id"]
    for path in (f"{PATH}{id}/", f"{PATH}{id}/events/"):
        assert (await api.get(path, token=mine)).status == (await api.get(path, token=admin)).status == 200
        assert (await api.get(path, token=other)).status == (await api.get(path, key=KEY)).status == 404
        assert (await api.get(path)).status == 401
    assert (await api.get(f"{PATH}{by_key}/", token=mine)).status == 404
    assert (await api.get(f"{PATH}{by_key}/", key=KEY)).status == 200
    assert [one["id"] for one in (await api.get(PATH, token=mine)).json["data"]["results"]] == [id]
    assert {id, by_key} <= {one["id"] for one in (await api.get(PATH, token=admin)).json["data"]["results"]}
    assert (await api.get(f"{PATH}{id}/?status=lost", token=mine)).status == 400
    assert (await api.get(f"{PATH}{id}/?cursor=x", token=mine)).status == 400


async def test_an_import_on_which_nobody_works_is_taken_up_by_a_job(send, invoice, app, db, run_jobs, api):
    id = (await send([invoice(), invoice()], **LATER)).json["data"]["id"]
    await db.execute("DELETE FROM jobs.pgqueuer WHERE entrypoint = 'sales.import'")
    await db.execute("UPDATE sales.import SET moved_at = now() - interval '1 minute' WHERE id = $1", id)
    await bulk_job.revive(app)
    await run_jobs()
    assert (await api.get(f"{PATH}{id}/", key=KEY)).json["data"]["created"] == 2


async def test_a_line_that_postgres_cannot_store_is_refused_without_the_others(send, invoice, app, db, api):
    id = (await send([invoice() for _ in range(5)], **LATER)).json["data"]["id"]
    # No schema lets that pass; should one do so some day, the other lines are stored all the same.
    await db.execute(
        """UPDATE sales.import_line SET body = jsonb_set(body::jsonb, '{invoice_date}', '"2025-02-30"')::text
            WHERE import_id = $1 AND line IN (3, 5)""",
        id,
    )
    done = await bulk_job.store_all(app.db, id)
    assert done["status"] == "done"
    data = (await api.get(f"{PATH}{id}/", key=KEY)).json["data"]
    assert [one["status"] for one in data["results"]] == ["created", "created", "invalid", "created", "invalid"]
    assert data["results"][2]["errors"] == {"non_field_errors": ["A value in the line can't be stored."]}


async def test_a_line_that_two_processes_refuse_is_refused_once_and_the_next_one_is_stored(send, invoice, app, db, api):
    id = (await send([invoice() for _ in range(2)], **LATER)).json["data"]["id"]
    line = await bulk_job.query.get_next_line(app.db, id=id)
    refused = [await bulk_job.query.refuse_line(app.db, id=id, line=line, errors="{}") for _ in range(2)]
    assert refused == [1, None]
    await bulk_job.store_all(app.db, id)
    data = (await api.get(f"{PATH}{id}/", key=KEY)).json["data"]
    assert [one["status"] for one in data["results"]] == ["invalid", "created"]
    assert (data["invalid"], data["created"], data["status"]) == (1, 1, "done")


async def test_imports_are_removed_after_some_days_and_those_that_never_came_whole_after_an_hour(
    send, invoice, app, db
):
    kept, old = [(await send([invoice()])).json["data"]["id"] for _ in range(2)]
    await db.execute("UPDATE sales.import SET created_at = now() - interval '8 days' WHERE id = $1", old)
    half = await db.fetchval(
        "INSERT INTO sales.import (owner, moved_at) VALUES ('key', now() - interval '2 hours') RETURNING id"
    )
    stuck = (await send([invoice()], **LATER)).json["data"]["id"]
    await db.execute("UPDATE sales.import SET moved_at = now() - interval '25 hours' WHERE id = $1", stuck)
    await bulk_job.remove_old(app)
    rows = await db.fetch("SELECT id, status FROM sales.import WHERE id = ANY ($1)", [kept, old, half, stuck])
    assert dict(rows) == {kept: "done", stuck: "failed"}
    assert await db.fetchval("SELECT count(*) FROM sales.import_line WHERE import_id = $1", old) == 0


# Once


async def test_a_request_that_is_repeated_under_its_key_gets_the_first_answer(send, invoice, db):
    lines = [invoice(), {"invoice_no": "K"}, invoice()]
    first = await send(lines, Idempotency_Key="bulk-1")
    again = await send(lines, Idempotency_Key="bulk-1")
    assert again.json == first.json
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    other = await send(lines[:1], Idempotency_Key="bulk-1")
    assert other.status == 422
    assert await db.fetchval("SELECT count(*) FROM sales.import WHERE key = 'bulk-1'") == 1
    assert (await send(lines, Idempotency_Key="x" * 256)).status == 400


async def test_the_same_request_many_times_at_once_is_done_once(send, invoice, db):
    lines = [invoice() for _ in range(300)]
    answers = await asyncio.gather(*(send(lines, Idempotency_Key="bulk-2") for _ in range(5)))
    assert [answer.json["data"]["created"] for answer in answers] == [300] * 5
    assert all(answer.json["data"]["results"] == answers[0].json["data"]["results"] for answer in answers)
    assert (
        await db.fetchval(
            "SELECT count(*) FROM sales.import_line l JOIN sales.import i ON i.id = l.import_id WHERE i.key = 'bulk-2'"
        )
        == 300
    )


async def test_a_key_of_one_caller_is_not_that_of_another(send, invoice, sign_in):
    token = (await sign_in("BILLING"))["access"]
    first = await send([invoice()], Idempotency_Key="bulk-3")
    second = await send([invoice()], token=token, Idempotency_Key="bulk-3")
    assert (first.status, second.status) == (200, 200)
    assert first.json["data"]["id"] != second.json["data"]["id"]


async def test_a_repeated_request_goes_on_where_a_killed_one_was(send, invoice, app, db):
    """What a kill leaves behind: accepted lines of which one batch is stored."""
    lines = [invoice(invoice_no=f"G-{n}") for n in range(6)]
    first = await send(lines, Idempotency_Key="bulk-4", **LATER)
    await bulk_job.query.import_batch(app.db, id=first.json["data"]["id"], most=4, most_bytes=10**6)
    again = await send(lines, Idempotency_Key="bulk-4")
    assert [status for _, status, _ in found(again)] == ["created"] * 6
    assert await db.fetchval("SELECT count(*) FROM sales.invoice WHERE invoice_no LIKE 'G-%'") == 6


async def test_a_client_that_leaves_before_the_end_of_its_body_leaves_nothing(base_url, http_server, app, db, invoice):
    before = await db.fetchval("SELECT count(*) FROM sales.import")
    port = int(base_url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-KEY: {KEY}\r\nContent-Type: {NDJSON}\r\nContent-Length: 9000000\r\n\r\n"
    lines = "".join(json.dumps(invoice()) + "\n" for _ in range(600))
    writer.write((head + lines).encode())
    await until(lambda: db.fetchval("SELECT count(*) FROM sales.import WHERE status = 'receiving'"), lambda n: n == 1)
    writer.close()
    await until(lambda: db.fetchval("SELECT count(*) FROM sales.import"), lambda n: n == before)

    async def active() -> int:
        return int(app.active)

    await until(active, lambda n: n == 0)
