"""Products, and what is reserved of them. docs/api/pos.md#products, #reservations."""

import asyncio
import re

import pytest

from handlers.pos.product import query

pytestmark = pytest.mark.gen_test

PATH = "/api/products/"
COLA = {
    "name": "Coca Cola 600ml",
    "sku": "KO-600-MX",
    "price": "18.50",
    "tax_rate": "0.16",
    "current_stock": 100,
}
LONG = "x" * 1_000_000


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE pos.shop_order, pos.product, pos.supplier CASCADE"))


@pytest.fixture
def make(api, shop, cashier):
    """`await make(price="9.99")`: the answer to the POST of a product like the document's, at a supplier of its own."""

    async def make(**fields):
        body = {**COLA, "supplier": fields.get("supplier") or await shop.supplier(), **fields}
        return await api.post(PATH, body, token=cashier)

    return make


@pytest.fixture
def show(api, cashier):
    async def show(product):
        return (await api.get(f"{PATH}{product}/", token=cashier)).json

    return show


@pytest.fixture
def change(api, cashier):
    async def change(product, fields, method="PATCH"):
        return await api.call(method, f"{PATH}{product}/", fields, token=cashier)

    return change


@pytest.fixture
def reserve(api, cashier):
    async def reserve(product, amount):
        return await api.post(f"{PATH}{product}/reserve/", {"amount": amount}, token=cashier)

    return reserve


async def test_a_product_is_made_shown_and_listed_with_the_same_document(api, make, show, cashier):
    made = await make()
    product = made.json
    assert made.status == 201 and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|\+00:00)", product["updated_at"])
    assert product == {
        **COLA,
        "id": product["id"],
        "tax_rate_display": "Tasa General (16%)",
        "final_price": "21.46",
        "reserved_quantity": 0,
        "available_to_sell": 100,
        "low_stock": False,
        "supplier": product["supplier"],
        "updated_at": product["updated_at"],
        "promotions": [],
    }
    assert await show(product["id"]) == product
    assert (await api.get(PATH, token=cashier)).json == [product]


async def test_without_a_price_rate_and_stock_a_product_is_free_taxed_and_sold_out(api, shop, cashier):
    product = (await api.post(PATH, {"name": "n", "sku": "s", "supplier": await shop.supplier()}, token=cashier)).json
    assert (product["price"], product["final_price"]) == ("0.00", "0.00")
    assert (product["tax_rate"], product["current_stock"]) == ("16.00", 0)


async def test_what_can_only_be_read_is_ignored(make, show):
    fields = {
        "id": 9,
        "final_price": "1",
        "reserved_quantity": 7,
        "available_to_sell": 1,
        "low_stock": True,
        "promotions": 5,
    }
    made = await make(**fields, updated_at="x", tax_rate_display=None, discounted_price="1.00")
    assert (made.status, made.json["final_price"], made.json["reserved_quantity"]) == (201, "21.46", 0)
    assert (made.json["available_to_sell"], made.json["low_stock"], made.json["promotions"]) == (100, False, [])


# Prices


@pytest.mark.parametrize(
    ("rate", "name", "final"),
    [
        ("16.00", "Tasa General (16%)", "21.46"),
        ("0.16", "Tasa General (16%)", "21.46"),
        ("8.00", "Tasa Fronteriza (8%)", "19.98"),
        ("0.08", "Tasa Fronteriza (8%)", "19.98"),
        ("0.00", "Tasa del 0%", "18.50"),
        ("EXENT", "Exento", "18.50"),
    ],
)
async def test_a_tax_rate_is_shown_as_it_was_sent(make, rate, name, final):
    product = (await make(tax_rate=rate)).json
    assert (product["tax_rate"], product["tax_rate_display"], product["final_price"]) == (rate, name, final)


@pytest.mark.parametrize(
    ("price", "final"),
    [
        ("18.50", "21.46"),
        ("0.01", "0.01"),
        ("0.03", "0.03"),
        ("0.04", "0.05"),
        ("9.99", "11.59"),
        ("10.03", "11.63"),
        ("18.55", "21.52"),
        ("33.33", "38.66"),
        ("0.22", "0.26"),
        ("99999999.99", "115999999.99"),
    ],
)
async def test_the_final_price_is_the_price_and_its_tax_to_the_cent(make, price, final):
    assert (await make(price=price)).json["final_price"] == final


@pytest.mark.parametrize(
    ("price", "percent", "rate", "final"),
    [
        ("0.35", "50", "16.00", "0.21"),
        ("18.55", "15", "16.00", "18.29"),
        ("100.00", "100", "16.00", "0.00"),
        ("0.01", "50", "0.00", "0.01"),
        ("99.99", "0.01", "EXENT", "99.98"),
    ],
)
async def test_the_price_of_a_promotion_is_rounded_before_it_is_taxed(shop, show, price, percent, rate, final):
    product = await shop.product(price, tax_rate=rate)
    await shop.promotion(product, percent)
    found = await show(product)
    assert (found["price"], found["final_price"]) == (price, final)


@pytest.mark.parametrize(
    "changed_settings", [{"business_timezone": "Pacific/Kiritimati"}, {"business_timezone": "Pacific/Pago_Pago"}]
)
async def test_a_promotion_begins_and_ends_by_itself_by_the_clock_of_the_shop(
    api, shop, show, cashier, changed_settings, db
):
    """Between these two zones there are 25 hours, so one of them has another date than UTC."""
    utc, here = await db.fetchrow(
        "SELECT (now() AT TIME ZONE 'UTC')::date, pos.today($1)", changed_settings["business_timezone"]
    )
    today = (here - utc).days
    finals = {}
    for name, days in {"over": (-9, -1), "last": (-9, 0), "only": (0, 0), "first": (0, 9), "coming": (1, 9)}.items():
        product = await shop.product("100.00", tax_rate="0.00")
        await shop.promotion(product, "25", days=(today + days[0], today + days[1]))
        finals[name] = (await show(product))["final_price"]
    assert finals == {"over": "100.00", "last": "75.00", "only": "75.00", "first": "75.00", "coming": "100.00"}
    assert [one["final_price"] for one in (await api.get(PATH, token=cashier)).json] == list(finals.values())


async def test_a_promotion_for_frequent_customers_is_shown_to_everyone_and_an_inactive_one_to_nobody(shop, show):
    product = await shop.product("100.00", tax_rate="0.00")
    await shop.promotion(product, "50", is_active=False)
    assert (await show(product))["final_price"] == "100.00"
    await shop.promotion(product, "10", audience="FREQUENT_ONLY")
    assert (await show(product))["final_price"] == "90.00"


async def test_a_new_price_counts_at_once_also_under_a_promotion(shop, show, change):
    product = await shop.product("100.00", tax_rate="0.00")
    await shop.promotion(product, "10")
    assert (await change(product, {"price": 50})).json["final_price"] == "45.00"
    assert (await show(product))["final_price"] == "45.00"


async def test_a_product_shows_all_its_promotions_by_id(api, shop, show, cashier):
    product, other = await shop.product(), await shop.product()
    wanted = [
        await shop.promotion(product, "10", days=(5, 6)),
        await shop.promotion(product, "20", is_active=False),
        await shop.promotion(product, "30", days=(-9, -8)),
    ]
    await shop.promotion(other, "40")
    found = (await show(product))["promotions"]
    assert [one["id"] for one in found] == wanted
    assert found == (await api.get(f"/api/promotions/?product={product}", token=cashier)).json


# Changes


async def test_a_patch_changes_only_what_it_names(make, change):
    made = (await make()).json
    answer = await change(made["id"], {"name": " Pepsi ", "unknown": 1})
    assert (answer.status, answer.json) == (200, {**made, "name": "Pepsi", "updated_at": answer.json["updated_at"]})
    assert answer.json["updated_at"] > made["updated_at"]


async def test_a_put_needs_name_sku_and_supplier_and_keeps_the_rest(make, change):
    made = (await make()).json
    required = ["This field is required."]
    assert (await change(made["id"], {"price": 1}, "PUT")).json == dict.fromkeys(("name", "sku", "supplier"), required)
    fields = {"name": "n", "sku": "s", "supplier": made["supplier"]}
    answer = await change(made["id"], fields, "PUT")
    assert (answer.status, answer.json) == (200, {**made, **fields, "updated_at": answer.json["updated_at"]})


async def test_changes_of_the_name_beside_sales_lose_no_sale(shop, change, sell):
    product = await shop.product(stock=1000)
    answers = await asyncio.gather(
        *(sell((product, 1)) if n % 5 < 2 else change(product, {"name": f"Name {n}"}) for n in range(100))
    )
    assert {answer.status for answer in answers} == {200, 201}
    assert await shop.stock(product) == 960


async def test_a_deleted_product_is_gone_with_its_promotions_and_its_sku_is_free(
    api, make, change, boss, sell, cashier, shop
):
    made = (await make()).json
    promotion = await shop.promotion(made["id"], "10")
    order = (await sell((made["id"], 1))).json
    assert (await api.call("DELETE", f"{PATH}{made['id']}/", token=boss)).status == 204
    fields = {"name": "n", "sku": "s", "supplier": made["supplier"]}
    for method, body in (("GET", None), ("PUT", fields), ("PATCH", {}), ("DELETE", None)):
        answer = await api.call(method, f"{PATH}{made['id']}/", body, token=boss)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), method
    assert (await api.post(f"{PATH}{made['id']}/reserve/", {"amount": 1}, token=boss)).status == 404
    assert (await api.get(PATH, token=boss)).json == []
    assert (await api.get("/api/promotions/", token=boss)).json == []
    assert (await api.get(f"/api/promotions/?product={made['id']}", token=boss)).status == 400
    for method, body in (("GET", None), ("PATCH", {"name": "n"}), ("DELETE", None)):
        assert (await api.call(method, f"/api/promotions/{promotion}/", body, token=boss)).status == 404, method
    assert (await make()).status == 201
    assert (await api.get(f"/api/orders/{order['id']}/", token=cashier)).json == order


async def test_each_change_is_in_the_audit(api, make, change, reserve, boss, db):
    made = (await make()).json
    await change(made["id"], {"name": "Pepsi"})
    await change(made["id"], {"name": "Pepsi"})
    await reserve(made["id"], 5)
    await reserve(made["id"], 500)
    await api.call("DELETE", f"{PATH}{made['id']}/", token=boss)
    entries = await db.fetch(
        "SELECT action, email, before, after FROM operations.audit WHERE object_type = 'product' AND object_id = $1 ORDER BY id",
        str(made["id"]),
    )
    assert [entry["action"] for entry in entries] == [
        "product.create",
        "product.update",
        "product.reserve",
        "product.delete",
    ]
    assert (entries[1]["before"], entries[1]["after"]) == ('{"name": "Coca Cola 600ml"}', '{"name": "Pepsi"}')
    assert entries[2]["after"] == '{"reserved_quantity": 5}'
    assert {entry["email"] for entry in entries} == {"employee@example.com", "owner@example.com"}


# Bodies

TEXTS = [
    (" ", "This field may not be blank."),
    ("", "This field may not be blank."),
    (None, "This field may not be null."),
    ([], "Not a valid string."),
    (True, "Not a valid string."),
    ("a\0b", "Null characters are not allowed."),
]
DECIMALS = "Ensure that there are no more than 2 decimal places."
DIGITS = "Ensure that there are no more than 10 digits in total."
NO_NUMBER = "A valid number is required."
NO_INTEGER = "A valid integer is required."


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *(("name", value, message) for value, message in TEXTS),
        *(("sku", value, message) for value, message in TEXTS),
        ("name", "x" * 201, "Ensure this field has no more than 200 characters."),
        ("name", LONG, "Ensure this field has no more than 200 characters."),
        ("sku", "x" * 31, "Ensure this field has no more than 30 characters."),
        ("price", "18.505", DECIMALS),
        ("price", 18.505, DECIMALS),
        ("price", "0.001", DECIMALS),
        ("price", "1e-3", DECIMALS),
        ("price", "12345678901", DIGITS),
        ("price", 123456789.12, DIGITS),
        ("price", "1e30", DIGITS),
        ("price", "0.12345678901", DIGITS),
        ("price", 100000000, "Ensure this value is less than or equal to 99999999.99."),
        ("price", -0.01, "Ensure this value is greater than or equal to 0."),
        ("price", "abc", NO_NUMBER + ' "abc" is not one.'),
        ("price", "", NO_NUMBER),
        ("price", None, "This field may not be null."),
        ("price", [], NO_NUMBER),
        ("price", True, NO_NUMBER),
        ("price", float("nan"), NO_NUMBER),
        ("price", float("inf"), NO_NUMBER),
        ("price", LONG, NO_NUMBER + f' "{"x" * 60}" is not one.'),
        ("tax_rate", "16", '"16" is not a valid choice.'),
        ("tax_rate", 16, '"16" is not a valid choice.'),
        ("tax_rate", "exent", '"exent" is not a valid choice.'),
        ("tax_rate", "", '"" is not a valid choice.'),
        ("tax_rate", None, "This field may not be null."),
        ("current_stock", -1, "Ensure this value is greater than or equal to 0."),
        ("current_stock", 2**31, "Ensure this value is less than or equal to 2147483647."),
        ("current_stock", 1.5, NO_INTEGER),
        ("current_stock", "many", NO_INTEGER + ' "many" is not one.'),
        ("current_stock", None, "This field may not be null."),
        ("supplier", 999_999_999, 'Invalid pk "999999999" - object does not exist.'),
        ("supplier", -1, 'Invalid pk "-1" - object does not exist.'),
        ("supplier", "x", NO_INTEGER + ' "x" is not one.'),
        ("supplier", None, "This field may not be null."),
        ("supplier", {}, NO_INTEGER),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made(api, make, cashier, field, value, message):
    answer = await make(**{field: value})
    assert (answer.status, answer.json) == (400, {field: [message]})
    assert (await api.get(PATH, token=cashier)).json == []


@pytest.mark.parametrize(
    ("price", "stored"),
    [
        (18.5, "18.50"),
        ("18.5", "18.50"),
        (18, "18.00"),
        (" 18.50 ", "18.50"),
        ("1.85e1", "18.50"),
        ("018.50", "18.50"),
        ("99999999.99", "99999999.99"),
        (99999999.99, "99999999.99"),
        ("-0.00", "0.00"),
    ],
)
async def test_a_price_is_a_number_or_its_text_and_stays_exact(make, price, stored):
    assert (await make(price=price)).json["price"] == stored


async def test_all_wrong_fields_are_named_together(api, cashier):
    answer = await api.post(PATH, {"name": " ", "price": "1.234", "tax_rate": "1"}, token=cashier)
    assert (answer.status, answer.json) == (
        400,
        {
            "name": ["This field may not be blank."],
            "price": [DECIMALS],
            "tax_rate": ['"1" is not a valid choice.'],
            "sku": ["This field is required."],
            "supplier": ["This field is required."],
        },
    )


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null"])
async def test_a_body_that_is_no_object_is_refused(api, cashier, body):
    answer = await api.post(PATH, body, token=cashier)
    assert answer.status == 400 and answer.json.keys() == {"non_field_errors"}


async def test_an_sku_is_unique_whatever_its_case(make, change):
    taken = {"sku": ["product with this sku already exists."]}
    first, second = (await make()).json, (await make(sku="OTHER")).json
    answer = await make(sku="ko-600-mx")
    assert (answer.status, answer.json) == (400, taken)
    answer = await change(second["id"], {"sku": "Ko-600-Mx"})
    assert (answer.status, answer.json) == (400, taken)
    assert (await change(first["id"], {"sku": "ko-600-mx"})).json["sku"] == "ko-600-mx"


async def test_of_products_that_are_made_with_one_sku_at_once_one_is_made(make, shop):
    supplier = await shop.supplier()
    made = await asyncio.gather(*(make(supplier=supplier) for _ in range(8)))
    assert sorted(one.status for one in made) == [201] + [400] * 7


async def test_an_unknown_supplier_in_a_change_is_refused(make, change):
    made = (await make()).json
    answer = await change(made["id"], {"supplier": 9})
    assert (answer.status, answer.json) == (400, {"supplier": ['Invalid pk "9" - object does not exist.']})


# Low stock


@pytest.fixture
def sold(db):
    """`await sold(product, 5, months=1)`: an order of so many months ago, on the last day of that month."""

    async def sold(product, quantity, *, months=1, status="PAID", first=False):
        await db.execute(
            "WITH made AS (INSERT INTO pos.shop_order (seller_name, subtotal, total_tax, final_amount, money_saved_total, business_day,"
            " business_hour, status, payment_method, paid_at)"
            " SELECT 's', 0, 0, 0, 0, date_trunc('month', pos.today('UTC')) - make_interval(months => $3)"
            "        + CASE WHEN $5 THEN interval '0' ELSE interval '1 month -1 day' END,"
            " 1, $4, CASE WHEN $4 = 'PAID' THEN 'CASH' END, CASE WHEN $4 = 'PAID' THEN now() END RETURNING id) "
            "INSERT INTO pos.order_line (order_id, product_id, product_name, quantity, unit_price, discount_amount, amount, tax_amount) "
            "SELECT id, $1, 'n', $2, 0, 0, 0, 0 FROM made",
            product,
            quantity,
            months,
            status,
            first,
        )

    return sold


async def test_stock_is_low_if_less_is_left_than_was_sold_in_the_month_before(api, shop, show, change, sold, cashier):
    few, enough, unsold = await shop.product(stock=4), await shop.product(stock=5), await shop.product(stock=0)
    for product in (few, enough):
        await sold(product, 2, first=True)
        await sold(product, 3)
    assert [one["low_stock"] for one in (await api.get(PATH, token=cashier)).json] == [True, False, False]
    assert [(await show(product))["low_stock"] for product in (few, enough, unsold)] == [True, False, False]
    assert (await change(enough, {"current_stock": 4})).json["low_stock"] is True
    assert (await change(enough, {"current_stock": 5})).json["low_stock"] is False


async def test_other_months_and_unpaid_orders_make_no_stock_low(shop, show, sold):
    product = await shop.product(stock=1)
    await sold(product, 9, months=2)
    await sold(product, 9, months=0, first=True)
    for status in ("PENDING", "CANCELLED"):
        await sold(product, 9, status=status)
    assert (await show(product))["low_stock"] is False


async def test_a_batch_of_the_list_reads_each_table_by_index(db, shop):
    """docs/api/pos.md#products: 100,000 products have to take no memory, and no scan for each."""
    supplier = await shop.supplier()
    await db.execute(
        "INSERT INTO pos.product (name, sku, supplier_id) SELECT 'n', 'S' || n, $1 FROM generate_series(1, 5000) n",
        supplier,
    )
    await db.execute(
        "WITH made AS (INSERT INTO pos.shop_order (seller_name, subtotal, total_tax, final_amount, money_saved_total, business_day,"
        " business_hour, status, payment_method, paid_at) SELECT 's', 0, 0, 0, 0, current_date - n % 300, 1, 'PAID', 'CASH', now()"
        " FROM generate_series(1, 5000) n RETURNING id) "
        "INSERT INTO pos.order_line (order_id, product_id, product_name, quantity, unit_price, discount_amount, amount, tax_amount) "
        "SELECT made.id, p.id, 'n', 1, 0, 0, 0, 0 FROM made JOIN pos.product p ON p.sku = 'S' || (made.id % 5000 + 1)"
    )
    await db.execute(
        "INSERT INTO pos.promotion (product_id, name, description, discount_percent, start_date, end_date, target_audience)"
        " SELECT id, 'n', 'd', 5, '2024-01-01', '2024-01-02', 'ALL' FROM pos.product"
    )
    await db.execute("ANALYZE pos.product, pos.product_day, pos.promotion")
    scans = "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE schemaname = 'pos'"
    await db.execute("SET plan_cache_mode = force_generic_plan")
    try:
        # A plan doesn't show what the functions of the statement read; the counts of the transaction do.
        async with db.transaction():
            before = await db.fetchval(scans)
            assert len(await db.fetch(query.list_products.text, 0, 500, "UTC")) == 500
            assert await db.fetchval(scans) == before
    finally:
        await db.execute("RESET plan_cache_mode")


# Reservations


async def test_units_are_reserved_and_released(make, reserve, show):
    product = (await make()).json["id"]
    for amount, reserved in (
        (5, 5),
        (-2, 3),
        (0, 3),
        ("7", 10),
        (" -3 ", 7),
        (2.9, 9),
        (-1.9, 8),
        (1.0, 9),
        ("+1", 10),
    ):
        answer = await reserve(product, amount)
        assert (answer.status, answer.json) == (
            200,
            {
                "status": "success",
                "product": "Coca Cola 600ml",
                "reserved_quantity": reserved,
                "available_to_sell": 100 - reserved,
            },
        ), amount
    found = await show(product)
    assert (found["current_stock"], found["reserved_quantity"], found["available_to_sell"]) == (100, 10, 90)


async def test_no_more_than_the_stock_is_reserved(shop, reserve):
    product = await shop.product(stock=10)
    assert (await reserve(product, 8)).status == 200
    answer = await reserve(product, 3)
    assert (answer.status, answer.json) == (400, {"error": "Insufficient stock.", "available": 2})
    assert (await reserve(product, 2)).json["available_to_sell"] == 0


async def test_no_more_than_what_is_reserved_is_released(shop, reserve):
    product = await shop.product()
    await reserve(product, 3)
    answer = await reserve(product, -4)
    assert (answer.status, answer.json) == (400, {"error": "Cannot release more items than reserved."})
    assert (await reserve(product, -3)).json["reserved_quantity"] == 0


async def test_what_is_reserved_beyond_the_stock_can_be_released(shop, reserve, sell):
    product = await shop.product(stock=10)
    await reserve(product, 8)
    await sell((product, 7))
    answer = await reserve(product, -1)
    assert (answer.status, answer.json["reserved_quantity"], answer.json["available_to_sell"]) == (200, 7, -4)
    assert (await reserve(product, 1)).json == {"error": "Insufficient stock.", "available": -4}
    assert (await reserve(product, 0)).status == 200
    assert (await reserve(product, -7)).json["reserved_quantity"] == 0


NO_AMOUNT = "Field 'amount' is required (integer)."
NOT_AN_INTEGER = "Amount must be an integer"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, NO_AMOUNT),
        ({"amount": None}, NO_AMOUNT),
        *(
            ({"amount": amount}, NOT_AN_INTEGER)
            for amount in (
                "five", "", "5.7", "1e3", "٣", [], [5], {}, True, False, float("nan"), float("inf"), 10**12, -(10**12), "9" * 12, 10**30,
                1e300, "a\0", LONG,
            )
        ),
    ],
)  # fmt: skip
async def test_an_amount_that_is_no_whole_number_is_refused(api, shop, cashier, body, message):
    product = await shop.product()
    answer = await api.post(f"{PATH}{product}/reserve/", body, token=cashier)
    assert (answer.status, answer.json) == (400, {"error": message})


async def test_an_amount_may_come_in_a_form(api, shop, cashier):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.post(f"{PATH}{await shop.product()}/reserve/", b"amount=5", token=cashier, headers=headers)
    assert (answer.status, answer.json["reserved_quantity"]) == (200, 5)


async def test_many_who_reserve_at_once_never_get_more_than_the_stock(shop, reserve, show):
    product = await shop.product(stock=30)
    answers = await asyncio.gather(*(reserve(product, 1) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 30 + [400] * 20
    assert sorted(answer.json["reserved_quantity"] for answer in answers if answer.status == 200) == list(range(1, 31))
    assert (await show(product))["available_to_sell"] == 0


# Roles


async def test_employees_sell_and_do_not_delete(api, make, cashier, boss):
    made = (await make()).json
    answer = await api.call("DELETE", f"{PATH}{made['id']}/", token=cashier)
    assert (answer.status, answer.json) == (403, {"detail": "You do not have permission to perform this action."})
    assert (await api.call("DELETE", f"{PATH}{made['id']}/", token=boss)).status == 204


async def test_members_are_not_of_the_shop(api, shop, sign_in):
    token, product = (await sign_in("MEMBER"))["access"], await shop.product()
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"{product}/"),
        ("PATCH", f"{product}/"),
        ("POST", f"{product}/reserve/"),
    ):
        answer = await api.call(method, PATH + path, None if method == "GET" else {}, token=token)
        assert answer.status == 403, (method, path)


async def test_a_product_that_does_not_exist_is_404(api, cashier):
    for method, path in (("GET", "999999999/"), ("PATCH", "999999999/"), ("GET", "x/"), ("POST", "999999999/reserve/")):
        answer = await api.call(method, PATH + path, None if method == "GET" else {"amount": 1}, token=cashier)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), path
