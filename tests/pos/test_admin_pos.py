"""Products, customers, orders and what belongs to them in the administration. docs/api/pos.md#administration."""

import asyncio
import re

import pytest

from tests.support.admin_lists import acted, changed, entered, key_of, labels, listed, made, problem, read_most, said

pytestmark = pytest.mark.gen_test

SUPPLIERS, PRODUCTS, PROMOTIONS = "/admin/pos/suppliers/", "/admin/pos/products/", "/admin/pos/promotions/"
CUSTOMERS, ORDERS, CHATBOT = "/admin/pos/customers/", "/admin/pos/orders/", "/admin/pos/chatbot-users/"
POINTS, CREDIT = "/admin/pos/points/", "/admin/pos/credit/"
ALL = (SUPPLIERS, PRODUCTS, PROMOTIONS, CUSTOMERS, ORDERS, CHATBOT, POINTS, CREDIT)
MANY, MOST_READ = 10_000, 1500
SUPPLIER = {
    "name": "Abarrotes",
    "phone_number": "55",
    "contact_person": "Luz",
    "rfc": "ABC123",
    "tax_address": "Calle 1",
}
PERSON = {
    "first_name": "José",
    "last_name": "Núñez",
    "phone_number": "+52 55 1234",
    "email": "jose@example.com",
    "birth_date": "1990-05-06",
}


@pytest.fixture
def staff(io_loop, api, app, sign_in):
    return io_loop.run_sync(lambda: entered(api, app, sign_in))


def is_made(answer):
    """The address of the new row."""
    assert answer.status == 302, said(answer)
    return answer.headers["Location"]


async def audited(db, object_type, object_id):
    """The actions in the audit, by whom."""
    rows = await db.fetch(
        "SELECT action, email FROM operations.audit WHERE object_type = $1 AND object_id = $2 ORDER BY id",
        object_type,
        str(object_id),
    )
    return [tuple(row) for row in rows]


async def test_a_supplier_is_made_found_changed_and_deleted(staff, db):
    row = is_made(await made(staff, SUPPLIERS, **SUPPLIER))
    for words in ("abarr", "luz+ABC", "c123+rotes"):
        assert labels(await staff.get(f"{SUPPLIERS}?search={words}")) == ["Abarrotes"], words
    assert (await changed(staff, row, contact_person="Ana")).status == 302
    answer = await changed(staff, row, rfc="", name="x" * 101)
    assert problem(answer, "rfc") == "This field may not be blank."
    assert problem(answer, "name") == "Ensure this field has no more than 100 characters."
    page = await acted(staff, SUPPLIERS, "delete", [key_of(row)])
    assert "Successfully deleted 1 of 1 suppliers." in said(page) and (await staff.get(row)).status == 404
    who = "superadmin@example.com"
    assert await audited(db, "supplier", key_of(row)) == [
        ("supplier.create", who), ("supplier.update", who), ("supplier.delete", who),
    ]  # fmt: skip


async def test_a_supplier_of_products_stays(staff, shop, db):
    product = await shop.product()
    supplier = await db.fetchval("SELECT supplier_id FROM pos.product WHERE id = $1", product)
    page = await acted(staff, SUPPLIERS, "delete", [supplier])
    assert "0 of 1 suppliers. This supplier has products and can't be deleted." in said(page)
    page = await staff.get(f"{PRODUCTS}?supplier={supplier}")
    assert listed(page) == [f"{PRODUCTS}{product}/"]


async def test_a_product_is_made_changed_and_deleted_as_by_the_api(staff, shop, db):
    supplier = await shop.supplier()
    fields = {
        "name": "Café Molido",
        "sku": "CAF-1",
        "price": "18.50",
        "tax_rate": "16.00",
        "supplier": supplier,
        "current_stock": "7",
    }
    row = is_made(await made(staff, PRODUCTS, **fields))
    page = await staff.get(row)
    assert "21.46" in page.text and "Tasa General (16%)" in page.text
    assert labels(await staff.get(f"{PRODUCTS}?search=molido+cafe")) == ["Café Molido"]
    assert labels(await staff.get(f"{PRODUCTS}?search=caf-1")) == ["Café Molido"]
    assert (await changed(staff, row, price="20", tax_rate="8.00")).status == 302
    assert "21.60" in (await staff.get(row)).text
    answer = await changed(staff, row, price="1.234", supplier="999999", sku="")
    assert "no more than 2 decimal places" in problem(answer, "price") and problem(answer, "sku")
    answer = await changed(staff, row, supplier="999999")
    assert problem(answer, "supplier") == 'Invalid pk "999999" - object does not exist.'
    answer = await made(staff, PRODUCTS, **{**fields, "sku": "caf-1"})
    assert problem(answer, "sku") == "product with this sku already exists."
    await staff.get(f"{row}delete/")
    assert (await staff.post(f"{row}delete/")).status == 302
    assert labels(await staff.get(f"{PRODUCTS}?search=molido")) == []
    # The page stays, as orders lead to it; the API knows the product no more.
    assert "Café Molido" in (await staff.get(row)).text
    assert (await changed(staff, row, name="Again")).status == 404


async def test_the_stock_of_a_product_is_set_and_units_are_reserved(staff, shop, db):
    product = await shop.product(stock=5)
    page = await acted(staff, PRODUCTS, "stock", [product], current_stock="9")
    assert "The stock was set." in said(page) and await shop.stock(product) == 9
    answer = await acted(staff, PRODUCTS, "stock", [product], current_stock="")
    assert problem(answer, "current_stock") == "This field is required."
    answer = await acted(staff, PRODUCTS, "stock", [product], current_stock="-1")
    assert problem(answer, "current_stock") == "Ensure this value is greater than or equal to 0."
    assert "The reservation was changed." in said(await acted(staff, PRODUCTS, "reserve", [product], amount="4"))
    assert "Insufficient stock." in said(await acted(staff, PRODUCTS, "reserve", [product], amount="6"))
    assert "Cannot release more items than reserved." in said(
        await acted(staff, PRODUCTS, "reserve", [product], amount="-5")
    )
    assert "Field 'amount' is required (integer)." in said(
        await acted(staff, PRODUCTS, "reserve", [product], amount="")
    )
    row = await db.fetchrow("SELECT current_stock, reserved_quantity FROM pos.product WHERE id = $1", product)
    assert tuple(row) == (9, 4)
    other = await shop.product(stock=1)
    page = await acted(staff, PRODUCTS, "reserve", [product, other], amount="2")
    assert "The reservations of 1 of 2 products were changed. Insufficient stock." in said(page)


async def test_a_promotion_follows_the_rules_of_the_api(staff, shop, db):
    product = await shop.product(name="Promoted")
    fields = {"name": "Black Friday", "description": "d", "product": product, "discount_percent": "10", "start_date": "2030-01-01",
              "end_date": "2030-01-05", "target_audience": "ALL", "is_active": "true"}  # fmt: skip
    row = is_made(await made(staff, PROMOTIONS, **fields))
    answer = await made(staff, PROMOTIONS, **{**fields, "name": "Second"})
    assert answer.status == 400
    assert (
        "Ya existe una promoción activa para este producto en las fechas seleccionadas (2030-01-01 a 2030-01-05)."
        in said(answer)
    )
    answer = await changed(staff, row, end_date="2029-01-01")
    assert problem(answer, "end_date") == "La fecha de finalización debe ser posterior a la fecha de inicio."
    is_made(
        await made(
            staff, PROMOTIONS, **{**fields, "name": "Idle", "is_active": "false", "target_audience": "FREQUENT_ONLY"}
        )
    )
    for query, found in (
        (f"product={product}", ["Idle", "Black Friday"]),
        (f"product={product}&is_active=true", ["Black Friday"]),
        ("is_active=false&since=2030-01-01&until=2030-01-01", ["Idle"]),
        ("audience=FREQUENT_ONLY&since=2030-01-01", ["Idle"]),
        ("search=friday", ["Black Friday"]),
    ):
        assert labels(await staff.get(f"{PROMOTIONS}?{query}")) == found, query
    assert "Promoted" in (await staff.get(row)).text
    page = await acted(staff, PROMOTIONS, "delete", [key_of(row)])
    assert "Successfully deleted 1 of 1 promotions." in said(page)


async def test_a_customer_is_made_found_changed_and_deleted(staff, db):
    row = is_made(await made(staff, CUSTOMERS, **PERSON, credit_limit="150"))
    for words in ("jose", "nunez+jos", "55123", "jose@ex"):
        assert labels(await staff.get(f"{CUSTOMERS}?search={words}")) == ["José Núñez"], words
    assert (await changed(staff, row, credit_limit="99.50", last_name="Nuñez")).status == 302
    assert await db.fetchval("SELECT credit_limit::text FROM pos.customer WHERE id = $1", int(key_of(row))) == "99.50"
    other = is_made(await made(staff, CUSTOMERS, **{**PERSON, "phone_number": "2", "email": "b@example.com"}))
    answer = await changed(staff, other, phone_number=PERSON["phone_number"], email="JOSE@example.com")
    assert problem(answer, "phone_number") == "customer with this phone number already exists."
    assert problem(answer, "email") == "customer with this email already exists."
    await db.execute("UPDATE pos.customer SET is_frequent = true WHERE id = $1", int(key_of(other)))
    assert other in listed(await staff.get(f"{CUSTOMERS}?is_frequent=true"))
    assert other not in listed(await staff.get(f"{CUSTOMERS}?is_frequent=false"))
    page = await acted(staff, CUSTOMERS, "delete", [key_of(row)])
    assert "Successfully deleted 1 of 1 customers" in said(page)
    assert row not in listed(await staff.get(CUSTOMERS)) and (await staff.get(row)).status == 200


async def test_points_and_debts_change_by_entries_of_their_ledgers(staff, shop, db):
    customer = await shop.customer(is_frequent=True, used="80.00")
    page = await acted(
        staff, CUSTOMERS, "points", [customer], transaction_type="EARN", amount="30", description="Sorry"
    )
    assert "The points were changed." in said(page)
    for asked, refusal in (
        ({"transaction_type": "REDEEM", "amount": "31"}, "Insufficient points."),
        ({"transaction_type": "EARN", "amount": "-1"}, "Amount must be positive to earn points."),
        ({"transaction_type": "", "amount": "1"}, "Fields 'amount' and 'transaction_type' are required."),
        ({"transaction_type": "EARN", "amount": "x"}, "Amount must be an integer"),
        ({"transaction_type": "EARN", "amount": "9" * 30}, "less than or equal to 1000000000"),
    ):
        answer = await acted(staff, CUSTOMERS, "points", [customer], **asked)
        assert answer.status == 400 and refusal in said(answer), asked
    page = await acted(staff, CUSTOMERS, "pay-credit", [customer], amount="30.50", description="")
    assert "The payment was noted." in said(page)
    assert "El monto del abono debe ser positivo." in said(
        await acted(staff, CUSTOMERS, "pay-credit", [customer], amount="0")
    )
    assert "El campo 'amount' es requerido." in said(await acted(staff, CUSTOMERS, "pay-credit", [customer], amount=""))
    assert await shop.balances(customer) == (30, "49.50")
    page = await staff.get(f"{POINTS}?customer={customer}&type=EARN")
    assert len(listed(page)) == 1 and "Sorry" in page.text and "Maria González" in page.text
    page = await staff.get(f"{CREDIT}?customer={customer}")
    assert len(listed(page)) == 2 and "Abono a deuda" in page.text and "30.50" in page.text
    [paid] = listed(await staff.get(f"{CREDIT}?customer={customer}&type=PAYMENT"))
    assert "Abono a deuda" in (await staff.get(paid)).text
    for table in (POINTS, CREDIT):
        assert (await staff.get(f"{table}add/")).status == 404
    assert (await staff.post(f"{paid}")).status == 405 and (await staff.get(f"{paid}delete/")).status == 404


async def test_a_form_that_is_sent_several_times_at_once_changes_a_balance_once(staff, shop):
    customer = await shop.customer()
    await staff.get(CUSTOMERS)
    question = await staff.post(f"{CUSTOMERS}action/", {"action": "points", "keys": customer, "back": ""})
    form = {"action": "points", "keys": customer, "back": "", "confirmed": "yes", "transaction_type": "EARN", "amount": "5",
            "form_key": re.search(r'name="form_key" value="([^"]+)"', question.text)[1]}  # fmt: skip
    answers = await asyncio.gather(*(staff.post(f"{CUSTOMERS}action/", form) for _ in range(4)))
    assert {answer.status for answer in answers} <= {302, 409}
    assert (await staff.post(f"{CUSTOMERS}action/", form)).status == 302
    assert await shop.balances(customer) == (5, "0.00")
    # A corrected form is another one.
    await staff.post(f"{CUSTOMERS}action/", {**form, "amount": "7"})
    assert await shop.balances(customer) == (12, "0.00")


async def test_orders_are_listed_searched_and_filtered(staff, shop, sold, pay, cancel, db):
    customer = await shop.customer()
    await db.execute("UPDATE pos.customer SET first_name = 'Xochitl' WHERE id = $1", customer)
    product = await shop.product(name="Tortillas")
    paid, pending, gone = [await sold((product, 2), customer=who) for who in (customer, None, None)]
    assert (await pay(paid, "CARD")).status == 200 and (await cancel(gone)).status == 200
    page = await staff.get(ORDERS)
    assert listed(page)[:3] == [f"{ORDERS}{id}/" for id in (gone, pending, paid)] and "23.20" in page.text
    folio = await db.fetchval("SELECT ticket_folio FROM pos.shop_order WHERE id = $1", paid)
    day = await db.fetchval("SELECT business_day::text FROM pos.shop_order WHERE id = $1", paid)
    for query, found in (
        (f"search={folio.lower()}", [paid]),
        ("search=xochi", [paid]),
        ("status=CANCELLED", [gone]),
        ("status=PENDING", [pending]),
        ("payment_method=CARD", [paid]),
        (f"customer={customer}", [paid]),
        (f"customer={customer}&since={day}&until={day}", [paid]),
        (f"since=2100-01-01&customer={customer}", []),
        (f"until=2000-01-01&customer={customer}", []),
    ):
        assert [int(key_of(row)) for row in listed(await staff.get(f"{ORDERS}?{query}"))] == found, query
    page = await staff.get(f"{ORDERS}{paid}/")
    assert "Tortillas" in page.text and "Xochitl" in page.text and "CARD" in page.text and "23.20" in page.text


async def test_orders_are_filtered_by_their_seller(staff, shop, sold, sign_in):
    order = await sold((await shop.product(), 1))
    seller = (await sign_in("EMPLOYEE"))["data"]["user"]["id"]
    assert f"{ORDERS}{order}/" in listed(await staff.get(f"{ORDERS}?seller={seller}"))
    nobody = (await sign_in("SUPERADMIN"))["data"]["user"]["id"]
    assert listed(await staff.get(f"{ORDERS}?seller={nobody}")) == []


async def test_orders_are_paid_cancelled_and_deleted_by_the_rules_of_the_api(staff, shop, sold, db):
    product = await shop.product(stock=10)
    one, two, three = [await sold((product, 1)) for _ in range(3)]
    assert "The order was paid." in said(await acted(staff, ORDERS, "pay", [one], payment_method="CASH"))
    answer = await acted(staff, ORDERS, "pay", [two], payment_method="POINTS")
    assert problem(answer, "payment_method") == "El pago con Puntos requiere un cliente asignado."
    answer = await acted(staff, ORDERS, "pay", [one], payment_method="CARD")
    assert "Esta orden ya ha sido pagada previamente." in said(answer)
    page = await acted(staff, ORDERS, "cancel", [two])
    assert "The order was cancelled, and its stock is given back." in said(page) and await shop.stock(product) == 8
    refusal = "No se puede cancelar esta orden. Solo se permiten cancelar órdenes PENDIENTES."
    page = await acted(staff, ORDERS, "cancel", [one])
    assert refusal in said(page)
    page = await acted(staff, ORDERS, "cancel", [one, three])
    assert f"1 of 2 orders were cancelled. {refusal}" in said(page)
    page = await acted(staff, ORDERS, "delete", [one, two])
    assert "Successfully deleted 1 of 2 orders. No se puede eliminar una orden pagada." in said(page)
    assert await audited(db, "order", two) == [
        ("order.cancel", "superadmin@example.com"), ("order.delete", "superadmin@example.com"),
    ]  # fmt: skip


async def test_a_chatbot_user_is_made_renamed_and_deleted_whatever_the_number(staff, db):
    for number in ("+5255123", "55.1/2 a"):
        row = is_made(await made(staff, CHATBOT, mobile_number=number, name="Rosa"))
        answer = await made(staff, CHATBOT, mobile_number=number, name="Twice")
        assert problem(answer, "mobile_number") == "chat bot users with this mobile number already exists."
        assert (await changed(staff, row, name=f"Rosa {number}")).status == 302, number
        assert (
            await db.fetchval("SELECT name FROM pos.chatbot_user WHERE mobile_number = $1", number) == f"Rosa {number}"
        )
        page = await staff.get(f"{CHATBOT}?search=rosa+55")
        assert number in labels(page)
        await staff.get(f"{row}delete/")
        assert (await staff.post(f"{row}delete/")).status == 302
        assert (await staff.get(row)).status == 404


async def test_lists_are_also_csv_files(staff, shop, sold):
    order = await sold((await shop.product(), 1))
    for table in ALL:
        answer = await staff.get(f"{table}csv/")
        assert answer.status == 200 and answer.text.lstrip("\ufeff").startswith("id,"), table
    assert f"\n{order}," in (await staff.get(f"{ORDERS}csv/")).text.replace("\r", "")


async def test_the_shop_is_for_those_whom_the_api_lets_into_it(api, app, sign_in, shop, db):
    customer = await shop.customer()
    admin = await entered(api, app, sign_in, "ADMIN")
    for table in ALL:
        assert (await admin.get(table)).status == 200, table
    for role in ("EMPLOYEE", "PICKER"):
        await sign_in(role, f"staff-{role}@example.com")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE email LIKE 'staff-%'")
    picker = await entered(api, app, sign_in, "PICKER", "staff-PICKER@example.com")
    for table in ALL:
        assert (await picker.get(table)).status == 404, table
    seller = await entered(api, app, sign_in, "EMPLOYEE", "staff-EMPLOYEE@example.com")
    assert {table for table in ALL if (await seller.get(table)).status == 404} == {SUPPLIERS, CHATBOT}
    answer = await changed(seller, f"{CUSTOMERS}{customer}/", credit_limit="1000000")
    assert (
        answer.status == 403
        and problem(answer, "credit_limit") == "Only those who manage the shop may set the credit limit."
    )
    assert (await changed(seller, f"{CUSTOMERS}{customer}/", last_name="Changed")).status == 302
    stranger = await entered(api, app, sign_in, "OWNER", "owner-without-flag@example.com")
    await db.execute("UPDATE accounts.account SET is_staff = false WHERE email LIKE 'owner-without%'")
    assert (await stranger.get(ORDERS)).status == 403


async def test_bad_addresses_and_forms_are_refused_and_never_fail(staff, shop):
    customer = await shop.customer()
    for table in ALL:
        for address in ("abc/", "9" * 30 + "/", "%00/", "-1/"):
            assert (await staff.get(f"{table}{address}")).status in (400, 404), (table, address)
        for query in (
            "search=%00abc",
            "customer=x",
            "status=%00",
            "type=x",
            "since=2025-99-01",
            "after=xx",
            "supplier=%00",
            "sort=zzz",
        ):
            assert (await staff.get(f"{table}?{query}")).status in (200, 400, 404), (table, query)
    for asked in (
        {"amount": "NaN"},
        {"amount": "1e400"},
        {"amount": "a\0"},
        {"amount": "1", "description": "x" * 1_000_000},
    ):
        answer = await acted(staff, CUSTOMERS, "points", [customer], transaction_type="EARN", **asked)
        assert answer.status == 400, asked
        answer = await acted(staff, CUSTOMERS, "pay-credit", [customer], **asked)
        assert answer.status in (200, 400), asked
    assert await shop.balances(customer) == (0, "0.00")


async def test_each_list_reads_few_rows_however_many_there_are(db):
    await db.execute("SET session_replication_role = replica")
    await db.execute(
        f"""
        TRUNCATE pos.order_line, pos.shop_order, pos.promotion, pos.product, pos.supplier, pos.customer, pos.point_entry, pos.credit_entry,
                 pos.chatbot_user, pos.product_day RESTART IDENTITY;
        INSERT INTO accounts.account (email, name, role) SELECT 'many-' || n || '@example.com', 'Many ' || n, 'EMPLOYEE' FROM generate_series(1, 2000) n;
        INSERT INTO pos.supplier (name, phone_number, contact_person, rfc, tax_address) SELECT 'S ' || n, '1', 'c', 'r', 't' FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.product (name, sku, supplier_id, is_active)
        SELECT 'P ' || n, 'SKU-' || n, CASE WHEN n % 2 = 0 THEN 3 ELSE n END, n % 20 <> 0 FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.customer (first_name, last_name, phone_number, email, birth_date, credit_limit, is_frequent)
        SELECT 'C ' || n, 'x', n, n || '@example.com', '1990-01-01', 1, n < 9 FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.promotion (product_id, name, description, discount_percent, start_date, end_date, target_audience, is_active)
        SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n END, 'Promo ' || n, 'd', 5, date '2010-01-01' + n / 5, date '2030-01-01', CASE n WHEN 5 THEN 'FREQUENT_ONLY'
               ELSE 'ALL' END, n = 7 FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.shop_order (status, payment_method, paid_at, seller_id, seller_name, customer_id, subtotal, total_tax, final_amount,
                                    money_saved_total, business_day, business_hour)
        SELECT CASE WHEN n < 9 THEN 'PENDING' WHEN n < 19 THEN 'CANCELLED' ELSE 'PAID' END,
               CASE WHEN n = 21 THEN 'CREDIT' WHEN n >= 19 THEN 'CASH' END,
               CASE WHEN n >= 19 THEN now() END, (SELECT min(id) FROM accounts.account WHERE name LIKE 'Many %'), 'Ana',
               CASE WHEN n % 2 = 0 THEN 4 WHEN n % 3 = 0 THEN n END, 1, 1, 1, 0, date '2025-01-01' + n / 40, 3 FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.point_entry (customer_id, amount, transaction_type)
        SELECT CASE WHEN n % 2 = 0 THEN 4 ELSE n END, 3, CASE n WHEN 5 THEN 'ADJUSTMENT' ELSE 'EARN' END FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.credit_entry (customer_id, amount, transaction_type)
        SELECT CASE WHEN n % 2 = 0 THEN 4 ELSE n END, 3, CASE n WHEN 5 THEN 'PAYMENT' ELSE 'CHARGE' END FROM generate_series(1, {MANY}) n;
        INSERT INTO pos.chatbot_user (mobile_number, name) SELECT '+52' || n, 'Person ' || n FROM generate_series(1, {MANY}) n;
        """
    )
    await db.execute("ANALYZE")
    people = await db.fetch(
        "SELECT public_id::text AS id FROM accounts.account WHERE name LIKE 'Many %' ORDER BY accounts.account.id"
    )
    references = {
        "supplier": [3, 5],
        "product": [1, 5],
        "customer": [4, 9],
        "seller": [people[0]["id"], people[-1]["id"]],
    }
    read = await read_most(db, "pos", references)
    assert len({table for table, _, _ in read}) == len(ALL)
    assert [one for one in read if one[2] > MOST_READ] == []
