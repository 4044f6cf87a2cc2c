"""Invoices, sessions, customers and salesmen in the administration. docs/api/sales.md#administration."""

import asyncio
import json
import time
from urllib.parse import quote

import pytest

from tests.support.admin_lists import acted, changed, entered, key_of, labels, listed, problem, read_most, said
from tests.support.deadlines import PATIENCE

pytestmark = pytest.mark.gen_test

INVOICES, SESSIONS = "/admin/sales/invoices/", "/admin/sales/sessions/"
CUSTOMERS, SALESMEN, CREATORS = "/admin/sales/customers/", "/admin/sales/salesmen/", "/admin/sales/creators/"
MANY, MOST_READ = 10_000, 1500


@pytest.fixture
def staff(io_loop, api, app, sign_in):
    return io_loop.run_sync(lambda: entered(api, app, sign_in))


@pytest.fixture
def imported(api, invoice):
    """`await imported(remarks="…")`: the id and the number of a new invoice."""

    async def imported(**changes):
        body = invoice(**changes)
        answer = await api.import_invoice(body)
        assert answer.status == 201, answer.text
        return answer.json["data"]["id"], body["invoice_no"]

    return imported


def customer(code, name="Somebody", **more):
    return {"code": code, "name": name, **more}


async def until_status(visitor, address, status):
    async with asyncio.timeout(PATIENCE):
        while (await visitor.get(address)).status != status:
            await asyncio.sleep(0.02)


async def ids(db, table, **where):
    [(column, value)] = where.items()
    return await db.fetchval(f"SELECT id FROM sales.{table} WHERE {column} = $1", value)


async def test_an_invoice_has_a_line_in_the_list_and_a_page_with_its_items(staff, imported):
    id, number = await imported(remarks="Fragile")
    page = await staff.get(INVOICES)
    assert number in labels(page) and "LifeCare Pharmacy" in page.text and "920.00" in page.text
    page = await staff.get(f"{INVOICES}{id}/")
    assert "Paracetamol 650mg" in page.text and "Fragile" in page.text and "Otrivin Nasal Spray" in page.text
    assert "/admin/sales/customers/" in page.text and f"{SESSIONS}?invoice={id}" in page.text


async def test_invoices_are_found_by_words_of_their_number_customer_and_items(staff, imported):
    item = {"name": "Zincovit Syrup", "item_code": "ZV1", "quantity": 1, "mrp": 5, "shelf_location": ""}
    _, number = await imported(invoice_no="FIND/77-B", customer=customer("F-1", "Quarkside Chemists"), items=[item])
    await imported()
    for words in ("find/77", "quarkside", "ZINCOVIT", "zv1 chemists", "syrup 77 quark"):
        assert labels(await staff.get(f"{INVOICES}?search={quote(words)}")) == [number], words
    assert labels(await staff.get(f"{INVOICES}?search=quarkside+nothing")) == []


async def test_each_filter_of_the_invoices_keeps_what_it_names(staff, imported, db, warehouse):
    worker = await warehouse.worker()
    one, _ = await imported(
        invoice_date="2021-03-04", salesman="Filtered", created_by="clerk/1.a", customer=customer("FILTER")
    )
    picking = await warehouse.at("PICKING", worker["email"])
    gone, gone_no = await imported()
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE id = $1", gone)
    number = await db.fetchval("SELECT invoice_no FROM sales.invoice WHERE id = $1", one)
    for query in (
        f"customer={await ids(db, 'customer', code='FILTER')}",
        f"salesman={await ids(db, 'salesman', name='Filtered')}",
        f"creator={quote('clerk/1.a')}",
        "until=2021-03-04",
        "since=2021-03-04&until=2021-03-05",
    ):
        assert labels(await staff.get(f"{INVOICES}?{query}")) == [number], query
    assert labels(await staff.get(f"{INVOICES}?status=PICKING")) == [picking]
    assert labels(await staff.get(f"{INVOICES}?is_active=false")) == [gone_no]
    shown = labels(await staff.get(f"{INVOICES}?is_active=true"))
    assert gone_no not in shown and {number, picking} <= set(shown)
    assert (await staff.get(f"{INVOICES}?status=NOTHING")).status == 400


async def test_invoices_are_filtered_by_who_imported_them_and_sessions_by_their_worker(
    staff, api, invoice, sign_in, warehouse
):
    importer = await sign_in("BILLING")
    body = invoice()
    assert (await api.post("/api/sales/import/invoice/", body, token=importer["access"])).status == 201
    found = labels(await staff.get(f"{INVOICES}?importer={importer['data']['user']['id']}"))
    assert found == [body["invoice_no"]]
    worker = await warehouse.worker()
    number = await warehouse.at("PICKED", worker["email"])
    page = await staff.get(f"{SESSIONS}?worker={worker['id']}")
    assert labels(page) == ["Picking"] and number in page.text


async def test_a_list_with_a_filter_has_only_the_orders_that_an_index_serves(staff, imported):
    numbers = [(await imported(invoice_date=f"2022-02-0{day}"))[1] for day in (1, 3, 2)]
    page = await staff.get(f"{INVOICES}?since=2022-02-01&until=2022-02-03")
    assert labels(page) == [numbers[1], numbers[2], numbers[0]]
    assert "sort=date" in page.text and "sort=id" not in page.text
    page = await staff.get(f"{INVOICES}?status=PENDING&sort=date")
    assert labels(page)[:3] == numbers[::-1] and "sort=date" not in page.text


async def test_an_invoice_is_changed_by_its_form_and_the_audit_names_the_administrator(staff, imported, db):
    id, _ = await imported(customer=customer("OLD-1", "Old"))
    other = await ids(db, "customer", id=(await imported(customer=customer("NEW-1", "New", area="Here")))[0]) or 0
    other = await ids(db, "customer", code="NEW-1")
    await imported(salesman="Vijay")
    vijay = await ids(db, "salesman", name="Vijay")
    item = {"name": "One", "item_code": "1", "quantity": 3, "mrp": "1.115", "shelf_location": "A"}
    answer = await changed(
        staff,
        f"{INVOICES}{id}/",
        invoice_date="2025-02-03", customer=other, salesman=vijay, created_by="", remarks="Twice\r\nread", items=json.dumps([item]),
    )  # fmt: skip
    assert answer.status == 302, answer.text
    row = await db.fetchrow(
        "SELECT i.*, (SELECT sum(quantity * mrp)::text FROM sales.invoice_item WHERE invoice_id = i.id) AS total FROM sales.invoice i WHERE id = $1",
        id,
    )
    assert (row["invoice_date"].isoformat(), row["customer_id"], row["salesman_id"]) == ("2025-02-03", other, vijay)
    assert not row["created_by"] and row["remarks"] == "Twice\nread" and row["total"] == "3.345"
    assert await db.fetchval("SELECT area FROM sales.customer WHERE id = $1", other) == "Here"
    noted = await db.fetchrow(
        "SELECT email, action FROM operations.audit WHERE object_id = $1 AND object_type = 'invoice'", str(id)
    )
    assert tuple(noted) == ("superadmin@example.com", "invoice.update")


async def test_a_form_of_an_invoice_is_refused_beside_its_fields(staff, imported, db):
    id, _ = await imported()
    row = f"{INVOICES}{id}/"
    answer = await changed(staff, row, customer="999999999")
    assert answer.status == 400 and problem(answer, "customer") == "There is no such customer."
    answer = await changed(staff, row, invoice_date="2025-02-30")
    assert answer.status == 400 and "Date has wrong format" in problem(answer, "invoice_date")
    answer = await changed(staff, row, items='[{"name": "x"}]')
    assert answer.status == 400 and problem(answer, "items").startswith("This field is required.")
    answer = await changed(staff, row, items="no list")
    assert answer.status == 400 and problem(answer, "items")
    assert await db.fetchval("SELECT version FROM sales.invoice WHERE id = $1", id) == 1


async def test_an_invoice_that_is_picked_is_neither_changed_nor_deleted(staff, warehouse, db):
    number = await warehouse.at("PICKING", (await warehouse.worker())["email"])
    row = f"{INVOICES}{await ids(db, 'invoice', invoice_no=number)}/"
    refusal = f"Invoice {number} can't be changed any more: its status is PICKING."
    answer = await changed(staff, row, remarks="late")
    assert answer.status == 409 and refusal in said(answer)
    await staff.get(f"{row}delete/")
    answer = await staff.post(f"{row}delete/")
    assert answer.status == 409 and refusal in said(answer)


async def test_a_deleted_invoice_is_hidden_from_the_api_and_stays_here(staff, api, imported):
    id, number = await imported()
    page = await acted(staff, INVOICES, "delete", [id])
    assert "Successfully deleted 1 of 1 invoices." in said(page)
    assert (await api.get(f"/api/sales/invoices/{id}/")).status == 404
    assert number in labels(await staff.get(f"{INVOICES}?is_active=false"))
    assert (await staff.get(f"{INVOICES}{id}/")).status == 200


async def test_sessions_are_listed_searched_and_filtered(staff, warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKING", worker["email"])
    picked = await warehouse.at("PICKED", (await warehouse.worker())["email"])
    page = await staff.get(f"{SESSIONS}?invoice={await ids(db, 'invoice', invoice_no=number)}")
    assert labels(page) == ["Packing", "Picking"] and worker["name"] in page.text
    assert labels(await staff.get(f"{SESSIONS}?search={number}")) == ["Packing", "Picking"]
    found = await staff.get(f"{SESSIONS}?search={number}&kind=packing")
    assert labels(found) == ["Packing"]
    assert number in said(await staff.get(f"{SESSIONS}?state={quote('packing IN_PROGRESS')}"))
    assert picked not in said(await staff.get(f"{SESSIONS}?state={quote('picking PREPARING')}"))
    assert labels(await staff.get(f"{SESSIONS}?since=2100-01-01")) == []
    assert labels(await staff.get(f"{SESSIONS}?until=2000-01-01")) == []
    page = await staff.get(listed(found)[0])
    assert f"Packing of {number}" in page.text and "IN_PROGRESS" in page.text and "Store" in page.text


async def test_a_session_is_cancelled_with_a_reason(staff, warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    [row] = listed(await staff.get(f"{SESSIONS}?search={number}"))
    answer = await acted(staff, SESSIONS, "cancel", [key_of(row)])
    assert answer.status == 400 and problem(answer, "reason") == "This field is required."
    page = await acted(staff, SESSIONS, "cancel", [key_of(row)], reason="Went home")
    assert f"Picking cancelled for {number}." in said(page)
    page = await staff.get(row)
    assert "CANCELLED" in page.text and "Went home" in page.text and "PENDING" in page.text
    answer = await acted(staff, SESSIONS, "cancel", [key_of(row)], reason="Again")
    assert answer.status == 400 and "No picking session found for this invoice." in said(answer)


async def test_of_several_sessions_those_that_are_finished_stay_as_they_are(staff, warehouse, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKING", worker["email"])
    keys = [key_of(row) for row in listed(await staff.get(f"{SESSIONS}?search={number}"))]
    page = await acted(staff, SESSIONS, "cancel", keys, reason="Both")
    assert "1 of 2 sessions were cancelled. Picking already completed for this invoice." in said(page)
    assert await db.fetchval("SELECT status FROM sales.invoice WHERE invoice_no = $1", number) == "PICKED"


async def test_a_cancellation_that_means_another_session_than_the_present_one_changes_nothing(warehouse, sign_in, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PICKING", worker["email"])
    admin = (await sign_in("ADMIN"))["access"]
    cancelled = await warehouse.step("picking/cancel", number, reason="first", token=admin)
    old = cancelled.json["data"]["id"]
    new = (await warehouse.step("picking/start", number, worker["email"])).json["data"]["id"]
    answer = await warehouse.step("picking/cancel", number, reason="x", session_id=old, token=admin)
    assert answer.status == 400 and answer.json["errors"]["invoice_no"] == [
        "No picking session found for this invoice."
    ]
    answer = await warehouse.step("picking/cancel", number, reason="x", session_id=new, token=admin)
    assert answer.status == 200 and answer.json["data"]["id"] == new


async def test_a_customer_is_changed_everywhere_and_audited(staff, api, imported, db):
    id, _ = await imported(customer=customer("CUST-X1", "Wrong Name", phone1="1"))
    row = f"{CUSTOMERS}{await ids(db, 'customer', code='CUST-X1')}/"
    assert labels(await staff.get(f"{CUSTOMERS}?search=cust-x1")) == ["Wrong Name"]
    assert (await changed(staff, row, name=" Right Name ", phone1="", email="r@example.com")).status == 302
    shown = (await api.get(f"/api/sales/invoices/{id}/")).json["customer"]
    assert (shown["name"], shown["phone1"], shown["email"]) == ("Right Name", "", "r@example.com")
    noted = await db.fetchrow("SELECT action, before, email FROM operations.audit WHERE object_type = 'sales_customer'")
    assert noted["action"] == "sales_customer.update" and json.loads(noted["before"])["name"] == "Wrong Name"
    assert noted["email"] == "superadmin@example.com"
    answer = await changed(staff, row, name="", email="nobody", phone2="1" * 21)
    assert answer.status == 400 and problem(answer, "name") == "This field may not be blank."
    assert problem(answer, "email") == "Enter a valid email address."
    assert problem(answer, "phone2") == "Ensure this field has no more than 20 characters."
    assert labels(await staff.get(f"{CUSTOMERS}?search=right+r@example")) == ["Right Name"]
    assert (await staff.get(f"{CUSTOMERS}add/")).status == 404 and (await staff.get(f"{row}delete/")).status == 404


async def test_a_salesman_gets_a_phone_number_and_keeps_the_name(staff, imported, db):
    await imported(salesman="Prakash Menon")
    [row] = listed(await staff.get(f"{SALESMEN}?search=menon+prak"))
    assert (await changed(staff, row, phone="0495 2", name="Another")).status == 302
    assert await db.fetchval("SELECT phone FROM sales.salesman WHERE name = 'Prakash Menon'") == "0495 2"
    answer = await changed(staff, row, phone="1" * 21)
    assert problem(answer, "phone") == "Ensure this field has no more than 20 characters."


async def test_the_names_of_created_by_lead_to_their_invoices(staff, imported):
    _, number = await imported(created_by="ERP/user 1.b?&")
    [row] = listed(await staff.get(f"{CREATORS}?search=erp"))
    page = await staff.get(row)
    assert page.status == 200 and "ERP/user 1.b?&" in said(page)
    address = said(page).partition('href="/admin/sales/invoices/?creator=')[2].partition('"')[0]
    assert labels(await staff.get(f"{INVOICES}?creator={address}")) == [number]


async def test_a_list_is_also_a_csv_file(staff, imported):
    _, number = await imported(created_by="csv clerk")
    answer = await staff.get(f"{INVOICES}csv/?creator=csv+clerk")
    head, line = answer.text.lstrip("\ufeff").splitlines()
    assert head.startswith("id,Number,Status,Customer") and number in line and "LifeCare Pharmacy" in line


async def test_only_staff_sees_and_changes_the_tables_of_sales(api, app, sign_in, imported, db):
    id, _ = await imported()
    picker = await entered(api, app, sign_in, "PICKER")
    for address in (INVOICES, SESSIONS, CUSTOMERS, SALESMEN, CREATORS, f"{INVOICES}{id}/"):
        assert (await picker.get(address)).status == 403, address
    clerk = await entered(api, app, sign_in, "STORE")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'store@example.com'")
    # Each process hears of a change by its event; these wait for that.
    await until_status(clerk, INVOICES, 200)
    assert (await changed(clerk, f"{INVOICES}{id}/", remarks="by staff")).status == 302
    await db.execute(
        "UPDATE accounts.account SET is_staff = false, is_superuser = true WHERE email = 'store@example.com'"
    )
    # Somebody who is only a superuser may look, but the API's rule for changes stays.
    async with asyncio.timeout(PATIENCE):
        while (answer := await changed(clerk, f"{INVOICES}{id}/", remarks=f"{time.time()}")).status == 302:
            await asyncio.sleep(0.02)
    assert answer.status == 403 and "You do not have permission to perform this action." in said(answer)


async def test_bad_addresses_and_forms_are_refused_and_never_fail(staff, imported):
    id, _ = await imported()
    for address in ("abc/", "99999999999999999999/", "0/", "%00/", "-1/", "1.2/"):
        assert (await staff.get(f"{INVOICES}{address}")).status in (400, 404), address
    for query in (
        "customer=x",
        "customer=%00",
        "since=2025-13-01",
        "since=0000-00-00",
        "creator=%00",
        "search=%00abc",
        "after=xx",
        "sort=%00",
    ):
        assert (await staff.get(f"{INVOICES}?{query}")).status in (200, 400, 404), query
    for query in ("since=0001-01-01", "until=9999-12-31", "worker=nobody", "state=x"):
        assert (await staff.get(f"{SESSIONS}?{query}")).status in (200, 400, 404), query
    answer = await changed(staff, f"{INVOICES}{id}/", remarks="a\0b")
    assert answer.status == 400
    answer = await changed(staff, f"{INVOICES}{id}/", remarks="x" * 1_000_001)
    assert answer.status == 400 and "no more than 10000 characters" in problem(answer, "remarks")


async def test_two_administrators_who_cancel_a_session_at_once_cancel_it_once(staff, api, app, sign_in, warehouse, db):
    number = await warehouse.at("PICKING", (await warehouse.worker())["email"])
    other = await entered(api, app, sign_in, "ADMIN")
    [row] = listed(await staff.get(f"{SESSIONS}?search={number}"))
    pages = await asyncio.gather(
        *(acted(one, SESSIONS, "cancel", [key_of(row)], reason=f"r{n}") for n, one in enumerate((staff, other)))
    )
    assert sorted(page.status for page in pages) == [200, 400]
    assert (
        await db.fetchval(
            "SELECT count(*) FROM operations.audit WHERE action = 'invoice.update' AND object_id = $1", number
        )
        == 0
    )
    assert await db.fetchval("SELECT status FROM sales.invoice WHERE invoice_no = $1", number) == "PENDING"


async def test_each_list_reads_few_rows_however_many_there_are(db):
    await db.execute("SET session_replication_role = replica")
    await db.execute(
        f"""
        TRUNCATE sales.session, sales.invoice_item, sales.invoice, sales.customer, sales.salesman, sales.creator RESTART IDENTITY CASCADE;
        INSERT INTO accounts.account (email, name, role) SELECT 'many-' || n || '@example.com', 'Many ' || n, 'PICKER' FROM generate_series(1, 2000) n;
        INSERT INTO sales.customer (code, name) SELECT 'C' || n, 'Pharmacy ' || n FROM generate_series(1, {MANY}) n;
        INSERT INTO sales.salesman (name) SELECT 'Salesman ' || n FROM generate_series(1, {MANY}) n;
        INSERT INTO sales.creator (name) SELECT 'clerk ' || n FROM generate_series(1, {MANY}) n;
        INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, status, created_by, created_user_id, is_active)
        SELECT 'MANY-' || n, date '2025-01-01' + n / 100, CASE WHEN n % 2 = 0 THEN 7 ELSE n END, CASE WHEN n % 2 = 0 THEN 3 ELSE n END,
               CASE WHEN n < 60 THEN 'PICKED' ELSE 'DELIVERED' END, 'clerk ' || n % 5, (SELECT min(id) FROM accounts.account WHERE name LIKE 'Many %'),
               n > 60 FROM generate_series(1, {MANY}) n;
        INSERT INTO sales.session (kind, invoice_id, worker_id, status, created_at)
        SELECT kind, n, (SELECT min(id) FROM accounts.account WHERE name LIKE 'Many %') + n % 2,
               CASE WHEN n < 60 THEN 'CANCELLED' WHEN kind = 'picking' THEN 'PICKED' ELSE 'PACKED' END, timestamptz '2025-01-01' + n * interval '1 minute'
          FROM generate_series(1, {MANY}) n, unnest('{{picking,packing}}'::text[]) kind;
        """
    )
    await db.execute("ANALYZE")
    worker = str(
        await db.fetchval("SELECT public_id FROM accounts.account WHERE name LIKE 'Many %' ORDER BY id LIMIT 1")
    )
    nobody = str(
        await db.fetchval("SELECT public_id FROM accounts.account WHERE name LIKE 'Many %' ORDER BY id DESC LIMIT 1")
    )
    references = {"customer": [7, 11], "salesman": [3, 5], "creator": ["clerk 1", "clerk 77"], "importer": [worker, nobody],
                  "worker": [worker, nobody], "invoice": [77]}  # fmt: skip
    read = await read_most(db, "sales", references)
    assert len({table for table, _, _ in read}) == 5
    assert [one for one in read if one[2] > MOST_READ] == []
