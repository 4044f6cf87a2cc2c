"""Developer options: counts, clearing, sequences. docs/api/operations.md#developer-options."""

import asyncio
import json

import asyncpg
import pytest

from core.live import events
from handlers.api import areas
from handlers.operations import developer
from tests.support.http import IMPORT_KEY

pytestmark = pytest.mark.gen_test

STATS, CLEAR, RESET = (f"/api/developer/{name}/" for name in ("table-stats", "clear-data", "reset-sequences"))
DESCRIPTIONS = {
    "invoices": "Sales invoices/orders",
    "invoice_items": "Invoice line items",
    "invoice_returns": "Invoice return/review records",
    "picking_sessions": "Picking workflow sessions",
    "packing_sessions": "Packing workflow sessions",
    "delivery_sessions": "Delivery workflow sessions",
    "customers": "Customer records",
    "salesmen": "Salesman records",
    "couriers": "Courier service providers",
    "users": "System users (staff)",
    "departments": "Organization departments",
    "job_titles": "Job title definitions",
}
SESSIONS = ("picking_sessions", "packing_sessions", "delivery_sessions")


@pytest.fixture
def changed_settings():
    return {"developer_options": True}


@pytest.fixture(autouse=True)
def clean(io_loop, db, process):
    """Nothing left of the test before."""

    async def clean():
        await db.execute("TRUNCATE sales.invoice, sales.invoice_item, sales.customer, sales.salesman CASCADE")
        await db.execute("DELETE FROM accounts.department; DELETE FROM accounts.job_title")
        await db.execute("DELETE FROM accounts.account WHERE role <> 'SUPERADMIN'")

    io_loop.run_sync(clean)


@pytest.fixture
def boss(sign_in, io_loop):
    """The access token of a SUPERADMIN."""
    return io_loop.run_sync(lambda: sign_in("SUPERADMIN"))["access"]


@pytest.fixture
def counts(api, boss):
    """`await counts()`: {table: count}."""

    async def counts():
        answer = await api.get(STATS, token=boss)
        assert answer.status == 200, answer.text
        return {name: found["count"] for name, found in answer.json["stats"].items()}

    return counts


@pytest.fixture
def clear(api, boss):
    """`await clear("all")`: the deleted counts."""

    async def clear(name):
        answer = await api.post(CLEAR, {"table_name": name}, token=boss)
        assert answer.status == 200, answer.text
        assert answer.json.keys() == {"success", "message", "deleted_counts"} and answer.json["success"] is True
        return answer.json["deleted_counts"]

    return clear


@pytest.fixture
def fill(api, db, sign_in, invoice):
    """Three invoices of two customers by two salesmen, a PICKER, a department with one title, and a title without one."""

    async def fill():
        for number, salesman in enumerate(("Ajay", "Ajay", "Meera")):
            body = invoice(salesman=salesman)
            body["customer"]["code"] = f"C-{number % 2}"
            assert (await api.import_invoice(body)).status == 201
        await sign_in("PICKER")
        await db.execute("""
            WITH made AS (INSERT INTO accounts.department (name) VALUES ('Stores') RETURNING id)
            INSERT INTO accounts.job_title (title, department_id) SELECT 'Keeper', id FROM made
             UNION ALL SELECT 'Guard', NULL""")

    return fill


@pytest.fixture
def warehouse(db):
    """`await warehouse()`: each invoice has been picked, is packed, and goes out with a courier."""

    async def make():
        await db.execute("""
            INSERT INTO sales.session (kind, invoice_id, status, end_time) SELECT 'picking', id, 'PICKED', now() FROM sales.invoice;
            INSERT INTO sales.session (kind, invoice_id, status, end_time) SELECT 'packing', id, 'PACKED', now() FROM sales.invoice;
            INSERT INTO sales.session (kind, invoice_id, status, delivery_type, courier_name, tracking_no)
            SELECT 'delivery', id, 'IN_TRANSIT', 'COURIER', 'DTDC', '' FROM sales.invoice;
            UPDATE sales.invoice SET status = 'DISPATCHED'""")

    return make


@pytest.fixture
def audited(db, io_loop):
    """`await audited()`: what this test did with the developer options, as the audit tells it."""
    last = io_loop.run_sync(lambda: db.fetchval("SELECT coalesce(max(id), 0) FROM operations.audit"))

    async def audited():
        rows = await db.fetch(
            """SELECT action, object_id, after FROM operations.audit
                WHERE id > $1 AND action LIKE 'developer.%' ORDER BY id""",
            last,
        )
        return [(row["action"], row["object_id"], json.loads(row["after"])) for row in rows]

    return audited


class TestStats:
    async def test_the_tables_are_counted_in_the_documented_order_with_their_descriptions(self, api, boss, fill):
        await fill()
        answer = await api.get(STATS, token=boss)
        assert answer.status == 200
        assert answer.json.keys() == {"success", "stats", "total_records", "changes_allowed"}
        stats = answer.json["stats"]
        assert list(stats) == list(DESCRIPTIONS)
        assert {name: found["description"] for name, found in stats.items()} == DESCRIPTIONS
        assert {name: found["count"] for name, found in stats.items() if found["count"]} == {
            "invoices": 3,
            "invoice_items": 6,
            "customers": 2,
            "salesmen": 2,
            "users": 2,
            "departments": 1,
            "job_titles": 2,
        }
        assert answer.json["total_records"] == 18
        assert answer.json["changes_allowed"] is True

    async def test_sessions_are_counted(self, fill, warehouse, counts):
        await fill()
        await warehouse()
        found = await counts()
        assert [found[name] for name in SESSIONS] == [3, 3, 3]


class TestWho:
    async def test_only_a_superadmin_may_and_nothing_happens_for_others(self, api, sign_in, fill, counts):
        await fill()
        before = await counts()
        for role in ("ADMIN", "OWNER", "PICKER"):
            token = (await sign_in(role))["access"]
            before["users"] += role != "PICKER"
            for answer in (
                await api.get(STATS, token=token),
                await api.post(CLEAR, {"table_name": "all"}, token=token),
                await api.post(RESET, token=token),
            ):
                assert answer.status == 403
                assert answer.json["success"] is False and "permission" in answer.json["detail"]
                assert "status_code" not in answer.json
        for answer in (
            await api.get(STATS), await api.post(CLEAR, {"table_name": "all"}), await api.post(RESET)
        ):  # fmt: skip
            assert (answer.status, answer.json["detail"]) == (401, "Authentication credentials were not provided.")
        assert await counts() == before

    @pytest.mark.parametrize("changed_settings", [{}], ids=["as in production"])
    async def test_without_the_setting_changes_are_refused_and_counts_are_not(
        self, api, db, boss, fill, counts, audited
    ):
        await fill()
        before = await counts()
        for name in areas.joined("clearings"):
            answer = await api.post(CLEAR, {"table_name": name}, token=boss)
            assert answer.status == 403 and "DEVELOPER_OPTIONS" in answer.json["message"]
        answer = await api.post(RESET, token=boss)
        assert answer.status == 403 and "DEVELOPER_OPTIONS" in answer.json["message"]
        assert (await api.get(STATS, token=boss)).json["changes_allowed"] is False
        assert await counts() == before
        assert await audited() == []


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "This field is required."),
            ({"table": "all"}, "This field is required."),
            ({"table_name": None}, "This field may not be null."),
            ({"table_name": ""}, "This field may not be blank."),
            ({"table_name": " \t"}, "This field may not be blank."),
            ({"table_name": ["all"]}, "Not a valid string."),
            ({"table_name": {"all": True}}, "Not a valid string."),
            ({"table_name": True}, "Not a valid string."),
            ({"table_name": "all" * 300_000}, "Ensure this field has no more than 100 characters."),
        ],
        ids=lambda value: str(value)[:30],
    )
    async def test_a_table_name_that_is_invalid_clears_nothing(self, api, boss, fill, counts, body, message):
        await fill()
        before = await counts()
        answer = await api.post(CLEAR, body, token=boss)
        assert answer.status == 400
        refused = {
            "success": False,
            "message": "Validation failed",
            "detail": message,
            "errors": {"table_name": [message]},
        }
        assert answer.json == refused
        assert await counts() == before

    @pytest.mark.parametrize(
        "name", ["xyz", "ALL", "all ", "invoice_items", "menus", "sales.invoice", "all; --", "alla", "__class__"]
    )
    async def test_an_unknown_table_is_named_in_the_refusal(self, api, boss, fill, counts, name):
        await fill()
        before = await counts()
        answer = await api.post(CLEAR, {"table_name": name}, token=boss)
        assert answer.status == 400
        assert answer.json.items() >= {"success": False, "message": f"Invalid table name: {name}"}.items()
        assert await counts() == before

    @pytest.mark.parametrize(
        "sent",
        [b"", b"[]", b'"all"', b"{", b'{"table_name": "a\\u0000"}', b'{"table_name": "\\ud800"}', b"\xff", b"null"],
    )
    async def test_a_body_that_is_no_object_is_400_and_clears_nothing(self, api, boss, fill, counts, sent):
        await fill()
        before = await counts()
        answer = await api.post(CLEAR, sent, token=boss)
        assert answer.status == 400 and answer.json["success"] is False
        assert await counts() == before


class TestClear:
    @pytest.mark.parametrize(
        ("name", "message", "gone"),
        [
            (
                "invoices",
                "All invoices and related data cleared",
                {
                    "invoices": 3,
                    "invoice_items": 6,
                    "invoice_returns": 0,
                    "picking_sessions": 3,
                    "packing_sessions": 3,
                    "delivery_sessions": 3,
                },
            ),
            (
                "all",
                "All data cleared successfully",
                {
                    "invoices": 3,
                    "invoice_items": 6,
                    "invoice_returns": 0,
                    "picking_sessions": 3,
                    "packing_sessions": 3,
                    "delivery_sessions": 3,
                    "customers": 2,
                    "salesmen": 2,
                    "couriers": 0,
                },
            ),
            (
                "sessions",
                "All session data cleared",
                {"picking_sessions": 3, "packing_sessions": 3, "delivery_sessions": 3},
            ),
            ("salesmen", "All salesmen cleared", {"salesmen": 2}),
            ("couriers", "All couriers cleared", {"couriers": 0}),
            ("users", "All non-SUPERADMIN users cleared", {"users": 1}),
            ("departments", "All departments cleared", {"departments": 1, "job_titles": 1}),
            ("job_titles", "All job titles cleared", {"job_titles": 2}),
        ],
    )
    async def test_each_table_is_cleared_counted_and_audited_and_the_others_stay(
        self, api, db, boss, fill, warehouse, counts, name, message, gone, audited
    ):
        await fill()
        await warehouse()
        before = await counts()
        answer = await api.post(CLEAR, {"table_name": name}, token=boss)
        assert (answer.status, answer.json) == (200, {"success": True, "message": message, "deleted_counts": gone})
        assert list(answer.json["deleted_counts"]) == list(gone)
        assert await counts() == {key: n - gone.get(key, 0) for key, n in before.items()}
        assert await audited() == [("developer.clear-data", name, gone)]
        # Once more there is nothing left, and that is no error.
        assert set((await api.post(CLEAR, {"table_name": name}, token=boss)).json["deleted_counts"].values()) == {0}

    async def test_customers_are_refused_while_invoices_exist_and_then_cleared(
        self, api, db, boss, fill, clear, counts, audited
    ):
        await fill()
        answer = await api.post(CLEAR, {"table_name": "customers"}, token=boss)
        assert answer.status == 400
        assert (
            answer.json.items()
            >= {
                "success": False,
                "message": "Cannot delete customers while invoices exist. Clear invoices first.",
            }.items()
        )
        assert (await counts())["customers"] == 2
        assert await audited() == []
        await clear("invoices")
        assert await clear("customers") == {"customers": 2}

    async def test_the_list_counts_none_after_invoices_were_cleared_and_then_the_new_ones(
        self, api, fill, clear, invoice
    ):
        await fill()
        await clear("invoices")
        assert (await api.get("/api/sales/invoices/")).json["count"] == 0
        await api.import_invoice(invoice())
        assert (await api.get("/api/sales/invoices/")).json["count"] == 1

    async def test_clearing_salesmen_leaves_their_invoices_without_one(self, api, fill, clear):
        await fill()
        await clear("salesmen")
        assert [one["salesman"] for one in (await api.get("/api/sales/invoices/")).json["results"]] == [None] * 3

    async def test_clearing_sessions_returns_invoices_that_were_half_way(self, api, db, fill, clear, invoice):
        states = ["PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED"]
        for state in states:
            number = invoice(invoice_no=state)
            await api.import_invoice(number)
            await db.execute("UPDATE sales.invoice SET status = $1 WHERE invoice_no = $1", state)
        await clear("sessions")
        found = dict(await db.fetch("SELECT invoice_no, status FROM sales.invoice"))
        assert found == {state: "DELIVERED" if state == "DELIVERED" else "PENDING" for state in states}
        assert (await api.get("/api/sales/invoices/?status=PENDING")).json["count"] == 6

    async def test_clearing_sessions_lets_every_invoice_be_picked_again(self, api, db, fill, warehouse, clear, sign_in):
        await fill()
        await warehouse()
        await clear("sessions")
        assert {row["status"] for row in await db.fetch("SELECT status FROM sales.invoice")} == {"PENDING"}
        assert await db.fetchval("SELECT count(*) FROM sales.session") == 0
        await db.execute(
            "INSERT INTO sales.session (kind, invoice_id, status) SELECT 'picking', id, 'PREPARING' FROM sales.invoice"
        )

    async def test_clearing_users_leaves_their_sessions_without_them(self, db, fill, warehouse, clear):
        await fill()
        await warehouse()
        await db.execute("""
            WITH picker AS (SELECT id FROM accounts.account WHERE role = 'PICKER')
            UPDATE sales.session SET worker_id = picker.id, started_by = picker.id, ended_by = picker.id FROM picker""")
        assert await clear("users") == {"users": 1}
        kept = "SELECT count(*) FROM sales.session WHERE num_nulls(worker_id, started_by, ended_by) = 3"
        assert await db.fetchval(kept) == 9

    async def test_clearing_users_keeps_superadmins_and_ends_the_sessions_of_the_others(
        self, api, db, boss, sign_in, clear, invoice
    ):
        other = (await sign_in("SUPERADMIN", "second@example.com"))["access"]
        picker = (await sign_in("PICKER"))["access"]
        assert (await api.post("/api/sales/import/invoice/", invoice(), token=picker)).status == 201
        assert await clear("users") == {"users": 1}
        assert (await api.get("/api/auth/users/me/", token=picker)).status == 401
        for token in (boss, other):
            assert (await api.get("/api/auth/users/me/", token=token)).status == 200
        assert await db.fetchval("SELECT count(*) FROM sales.invoice WHERE created_user_id IS NULL") == 1
        assert await db.fetchval("SELECT n FROM accounts.account_tally") == 2
        await db.execute("DELETE FROM accounts.account WHERE email = 'second@example.com'")

    async def test_one_superadmin_alone_may_clear_all_others(self, db, sign_in, clear):
        await sign_in("PICKER")
        assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE role = 'SUPERADMIN'") == 1
        assert await clear("users") == {"users": 1}

    async def test_menus_stay(self, db, clear, fill):
        await fill()
        await db.execute("INSERT INTO accounts.menu_item (name, code) VALUES ('Bills', 'bills')")
        await clear("all")
        await clear("users")
        assert await db.fetchval("SELECT count(*) FROM accounts.menu_item") == 1

    async def test_what_others_refer_to_is_409_and_stays(self, api, db, boss, fill, counts, audited):
        await fill()
        before = await counts()
        await db.execute(
            "CREATE TABLE sales.note (invoice_id bigint REFERENCES sales.invoice, account_id bigint REFERENCES accounts.account)"
        )
        try:
            await db.execute(
                "INSERT INTO sales.note SELECT (SELECT min(id) FROM sales.invoice), max(id) FROM accounts.account"
            )
            for name in ("all", "invoices", "users"):
                answer = await api.post(CLEAR, {"table_name": name}, token=boss)
                assert (answer.status, answer.json["success"]) == (409, False), name
        finally:
            await db.execute("DROP TABLE sales.note")
        assert await counts() == before
        assert await audited() == []

    async def test_a_table_in_use_for_long_is_503_and_nothing_is_half_done(
        self, api, db, boss, fill, counts, monkeypatch, audited
    ):
        monkeypatch.setattr(developer, "LOCK_SECONDS", 0.1)
        await fill()
        before = await counts()
        async with db.transaction():
            await db.execute("LOCK TABLE sales.invoice_item IN ROW EXCLUSIVE MODE")
            for path, body in ((CLEAR, {"table_name": "all"}), (RESET, {})):
                answer = await api.post(path, body, token=boss)
                assert answer.status == 503 and answer.headers["Retry-After"]
                assert answer.json["success"] is False
        assert await counts() == before
        assert await audited() == []


class TestTogether:
    async def test_two_that_clear_at_once_both_succeed_and_the_rows_are_counted_once(self, fill, clear):
        await fill()
        found = await asyncio.gather(*(clear("all") for _ in range(6)))
        assert sorted(one["invoices"] for one in found) == [0, 0, 0, 0, 0, 3]

    async def test_everything_at_once_follows_each_other(self, api, boss, fill, clear):
        await fill()
        names = [name for name in areas.joined("clearings") if name != "customers"]
        answers = await asyncio.gather(
            *(api.post(CLEAR, {"table_name": name}, token=boss) for name in names),
            *(api.post(RESET, token=boss) for _ in range(2)),
        )
        assert {answer.status for answer in answers} == {200}

    @pytest.mark.parametrize("name", ["all", "invoices", "salesmen", "sessions", "customers", None])
    async def test_imports_meanwhile_are_whole_or_gone(self, api, db, boss, invoice, name):
        async def imports(n):
            statuses = []
            for k in range(12):
                body = invoice(salesman=f"S-{(n + k) % 3}")
                body["customer"]["code"] = f"C-{(n + k) % 3}"
                statuses.append((await api.import_invoice(body)).status)
            return statuses

        async def clears():
            statuses = []
            for _ in range(6):
                answer = await (
                    api.post(CLEAR, {"table_name": name}, token=boss) if name else api.post(RESET, token=boss)
                )
                statuses.append(answer.status)
            return statuses

        *imported, cleared = await asyncio.gather(*(imports(n) for n in range(6)), clears())
        assert {status for statuses in imported for status in statuses} == {201}
        assert set(cleared) <= ({200, 400} if name == "customers" else {200})
        shown = await db.fetchrow("""
            SELECT count(*) AS invoices, (SELECT count(*) FROM sales.invoice_item) AS items,
                   (SELECT sum(n) FROM (SELECT n FROM sales.invoice_tally WHERE level = 0
                                         UNION ALL SELECT n FROM sales.invoice_delta) tallied) AS tallied
              FROM sales.invoice""")
        assert shown["items"] == 2 * shown["invoices"]
        assert (shown["tallied"] or 0) == shown["invoices"] == (await api.get("/api/sales/invoices/")).json["count"]
        if name not in ("all", "invoices"):
            assert shown["invoices"] == 72

    @pytest.mark.parametrize("name", ["all", "invoices", "salesmen", "sessions"])
    async def test_changes_of_invoices_meanwhile_are_made_or_find_none(self, api, boss, fill, invoice, name):
        """And neither waits for the other in a circle: that would take a second to be noticed, each time."""
        ids = [(await api.import_invoice(invoice())).json["data"]["id"] for _ in range(6)]
        item = {"name": "Thing", "item_code": "T1", "quantity": 1, "mrp": 1, "shelf_location": ""}

        async def changes(id):
            statuses = set()
            for k in range(6):
                body = {"salesman": f"S-{k}", "customer": {"code": "C-0", "name": f"{id} {k}"}, "items": [item]}
                statuses.add((await api.call("PATCH", f"/api/sales/invoices/{id}/", body, token=boss)).status)
                statuses.add((await api.post(f"/api/sales/invoices/{id}/items/", item, token=boss)).status)
            return statuses

        async def clears():
            return {(await api.post(CLEAR, {"table_name": name}, token=boss)).status for _ in range(6)}

        *changed, cleared = await asyncio.gather(*map(changes, ids), clears())
        assert cleared == {200}
        assert set().union(*changed) <= ({200, 201} if name in ("salesmen", "sessions") else {200, 201, 404})

    async def test_an_import_by_somebody_who_is_being_cleared_is_401_and_leaves_nothing(
        self, api, db, sign_in, invoice
    ):
        token = (await sign_in("PICKER"))["access"]
        async with db.transaction():
            await db.execute("DELETE FROM accounts.account WHERE role = 'PICKER'")
            importing = asyncio.create_task(api.post("/api/sales/import/invoice/", invoice(), token=token))
            await asyncio.sleep(0.1)
            assert not importing.done()  # it waits to know whether the account stays
        answer = await importing
        assert (answer.status, answer.json["code"]) == (401, "user_not_found")
        assert await db.fetchval("SELECT count(*) FROM sales.invoice") == 0


class TestSequences:
    async def test_numbers_begin_at_1_in_empty_tables_and_after_the_highest_in_others(
        self, api, db, boss, fill, clear, invoice, audited
    ):
        await fill()
        await clear("invoices")
        answer = await api.post(RESET, token=boss)
        n = answer.json["reset_count"]
        assert (answer.status, answer.json) == (
            200,
            {"success": True, "message": f"Reset {n} database sequences", "reset_count": n},
        )
        assert n >= 4
        assert await audited() == [
            ("developer.clear-data", "invoices", (await audited())[0][2]),
            ("developer.reset-sequences", "", {"reset_count": n}),
        ]
        highest = await db.fetchval("SELECT max(id) FROM sales.customer")
        body = invoice()
        body["customer"]["code"] = "new"
        assert (await api.import_invoice(body)).json["data"]["id"] == 1
        assert await db.fetchval("SELECT id FROM sales.customer WHERE code = 'new'") == highest + 1

    async def test_every_sequence_of_the_business_is_where_the_next_row_needs_it(self, api, db, boss, fill):
        await fill()
        await db.execute(
            'CREATE TABLE sales."Odd Name" ("The Id" bigint GENERATED BY DEFAULT AS IDENTITY (MINVALUE 1))'
        )
        try:
            await db.execute('INSERT INTO sales."Odd Name" VALUES (41), (7)')
            assert (await api.post(RESET, token=boss)).status == 200
            assert await db.fetchval('INSERT INTO sales."Odd Name" DEFAULT VALUES RETURNING "The Id"') == 42
        finally:
            await db.execute('DROP TABLE sales."Odd Name"')
        for table in ("sales.customer", "sales.salesman", "sales.invoice", "sales.invoice_item"):
            sequence = await db.fetchval("SELECT pg_get_serial_sequence($1, 'id')", table)
            last, called = await db.fetchrow(f"SELECT last_value, is_called FROM {sequence}")
            assert (last, called) == (await db.fetchval(f"SELECT max(id) + 1 FROM {table}"), False), table

    async def test_a_session_number_is_never_given_again_so_an_old_token_opens_nobodys_session(
        self, api, boss, sign_in, clear
    ):
        picker = (await sign_in("PICKER"))["access"]
        await clear("users")
        assert (await api.post(RESET, token=boss)).status == 200
        await sign_in("SUPERADMIN")
        await sign_in("BILLING")
        assert (await api.get("/api/auth/users/me/", token=picker)).status == 401

    async def test_positions_of_the_log_and_numbers_of_the_audit_go_on(self, api, db, boss, fill):
        await fill()
        await api.post(RESET, token=boss)
        assert await db.fetchval("SELECT max(id) FROM operations.audit") < await db.fetchval(
            "SELECT operations.note('{}', 'x.y', 'x', '', NULL, '{}')"
        )


@pytest.fixture(params=["with Redis", "without Redis"])
def either(request, changed_settings):
    changed_settings |= {} if request.param == "with Redis" else {"redis_url": ""}


@pytest.mark.usefixtures("either")
async def caught_up(db, process):
    """Until the process has told its readers all that was committed."""
    waiting = (
        "SELECT count(*) > 0 OR $1 < (SELECT position FROM core.event_head) FROM core.event WHERE position IS NULL"
    )
    while await db.fetchval(waiting, process.app.streams.head):
        await asyncio.sleep(0.02)


class TestStream:
    @pytest.mark.parametrize("name", ["invoices", "all", "salesmen", "sessions"])
    async def test_open_readers_are_reset_and_then_follow(self, api, fill, clear, stream, invoice, name):
        await fill()
        readers = [await stream() for _ in range(3)]
        await clear(name)
        imported = (await api.import_invoice(invoice())).json["data"]["id"]
        for reader in readers:
            await told_to_begin_anew(reader)
            assert (await reader.invoice())["id"] == imported

    @pytest.mark.parametrize("remembers", [True, False], ids=["the same process", "a process that remembers nothing"])
    async def test_a_reader_from_before_gets_a_reset_and_nothing_that_was_cleared(
        self, api, db, process, fill, clear, stream, invoice, remembers
    ):
        await sign_in_events(db)
        reader = await stream()
        before = reader.last_id
        reader.close()
        await fill()
        await clear("invoices")
        imported = (await api.import_invoice(invoice())).json["data"]["id"]
        await caught_up(db, process)  # until then a reader is told what was before, and then to begin anew
        live = await stream()
        if not remembers:
            process.app.streams._backlog.forget()
        again = await stream(headers={"Last-Event-ID": before})
        assert (await again.event())["event"] == "reset"
        now = (await api.import_invoice(invoice())).json["data"]["id"]
        assert (await live.invoice())["id"] in (imported, now)
        found = (await again.invoice())["id"]
        assert found in (imported, now)
        assert again.last_id > before
        await caught_up(db, process)
        once_more = await stream(headers={"Last-Event-ID": again.last_id})
        with pytest.raises(TimeoutError):
            while found != now:  # it may have been told of both
                found = (await again.invoice(0.2))["id"]
            await once_more.event(0.2)

    async def test_nothing_of_the_cleared_is_left_in_the_log(self, db, fill, clear, api, invoice):
        await fill()
        await clear("all")
        assert await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'sales.invoice'") == 0

    @pytest.mark.parametrize("name", ["salesmen", "sessions"])
    async def test_invoices_that_a_clearing_changes_do_not_announce_themselves_one_by_one(
        self, api, db, fill, warehouse, clear, stream, name
    ):
        await fill()
        await warehouse()
        before = {row["id"]: row["version"] for row in await db.fetch("SELECT id, version FROM sales.invoice")}
        reader = await stream()
        await clear(name)
        assert await db.fetchval("SELECT count(*) FROM core.event WHERE topic = 'sales.invoice'") == 0
        await told_to_begin_anew(reader)
        after = {row["id"]: row["version"] for row in await db.fetch("SELECT id, version FROM sales.invoice")}
        # Whoever has seen one before must notice that it is another now.
        assert after == {id: version + 1 for id, version in before.items()}
        # It is only that one transaction which is quiet.
        await db.execute("UPDATE sales.invoice SET remarks = 'again' WHERE id = $1", max(before))
        assert (await reader.invoice())["remarks"] == "again"

    async def test_events_that_wait_to_be_sent_are_not_sent_after_the_reset(self, api, process, fill, stream, invoice):
        reader = await stream()
        streams = process.app.streams
        at = streams.head + 1
        streams.deliver([events.Event(at, "sales.invoice", events.frame(at, '{"id": -1}'))])
        streams.reset("sales.invoice")
        assert (await reader.event())["event"] == "reset"
        with pytest.raises(TimeoutError):
            await reader.event(0.2)

    async def test_a_reader_that_is_catching_up_while_it_happens_is_let_go_and_begins_again(
        self, api, process, stream, invoice, monkeypatch
    ):
        reader = await stream()
        before = reader.last_id
        await api.import_invoice(invoice())
        await reader.event()
        streams = process.app.streams
        replay = streams._replay

        async def meanwhile(one):
            await replay(one)
            streams.reset("sales.invoice")

        monkeypatch.setattr(streams, "_replay", meanwhile)
        late = await stream(headers={"Last-Event-ID": before})
        with pytest.raises(ConnectionResetError):
            while True:
                await late.event()


async def told_to_begin_anew(reader):
    """Before that, it may be told of what was before the clearing."""
    while (await reader.event()).get("event") != "reset":
        pass


async def sign_in_events(db):
    """An event of another topic in the log, so that it reaches back to before what follows."""
    await db.execute("INSERT INTO core.event (topic, payload) VALUES ('test.other', '{}')")


class TestRelay:
    async def test_a_relay_and_a_clearing_at_once_leave_no_position_past_the_head(
        self, api, db, settings, boss, fill, invoice
    ):
        """What waits for its number must not vanish while others are numbered: they would get positions past the head."""

        async def imports():
            for _ in range(15):
                assert (await api.import_invoice(invoice())).status == 201

        async def clears():
            for _ in range(8):
                assert (await api.post(CLEAR, {"table_name": "invoices"}, token=boss)).status == 200

        async def relays():
            connection = await asyncpg.connect(settings.database_url)
            for _ in range(60):
                await connection.fetch("SELECT core.relay_events(3)")
                await asyncio.sleep(0.001)
            await connection.close()

        await asyncio.gather(imports(), imports(), clears(), relays(), relays())
        head, highest = await db.fetchrow("""
            SELECT (SELECT position FROM core.event_head), (SELECT coalesce(max(position), 0) FROM core.event)""")
        assert highest <= head

    async def test_forgetting_waits_for_the_relay_that_is_numbering(self, db, settings):
        await db.execute("DELETE FROM core.event")
        other = await asyncpg.connect(settings.database_url)
        try:
            async with other.transaction():
                await other.execute("SELECT FROM core.event_head FOR UPDATE")
                await db.execute("SET lock_timeout = '50ms'")
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await db.execute("SELECT core.forget_events('sales.invoice')")
        finally:
            await db.execute("RESET lock_timeout")
            await other.close()


async def test_the_import_key_opens_none_of_this(api):
    for answer in (
        await api.get(STATS, key=IMPORT_KEY), await api.post(CLEAR, {"table_name": "all"}, key=IMPORT_KEY), await api.post(RESET, key=IMPORT_KEY)
    ):  # fmt: skip
        assert answer.status == 401
