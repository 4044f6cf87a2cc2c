"""Orders: made, shown, cancelled, deleted. docs/api/pos.md#orders."""

import asyncio
import re
from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/orders/"
AMOUNTS = ("subtotal", "total_tax", "final_amount", "money_saved_total")


def today():
    return datetime.now(UTC).date()


def amounts(order):
    return tuple(order[name] for name in AMOUNTS)


def line_amounts(order):
    return [(line["unit_price"], line["amount"], line["tax_amount"]) for line in order["items"]]


async def test_an_order_is_made_shown_and_listed_with_the_same_document(api, shop, sell, cashier, sign_in):
    product, customer = await shop.product("18.50", name="Coca Cola 600ml"), await shop.customer()
    made = await sell((product, 2), customer=customer)
    order = made.json
    assert made.status == 201 and re.fullmatch("[0-9A-F]{8}", order["ticket_folio"])
    assert (order["status"], order["payment_method"], order["paid_at"]) == ("PENDING", None, None)
    assert (order["customer"], order["customer_name"]) == (customer, "Maria González")
    assert order["seller"] == (await sign_in("EMPLOYEE"))["user_id"] and order["seller_name"] == "employee@example.com"
    assert (order["discount_applied"], order["points_used"], order["store_credit_used"]) == ("0.00", 0, "0.00")
    assert order["items"] == [
        {
            "id": order["items"][0]["id"],
            "product_id": product,
            "product_name": "Coca Cola 600ml",
            "quantity": 2,
            "unit_price": "18.50",
            "promotion_name": None,
            "discount_amount": "0.00",
            "amount": "37.00",
            "tax_amount": "5.92",
        }
    ]
    assert amounts(order) == ("37.00", "5.92", "42.92", "0.00")
    assert (await api.get(f"{PATH}{order['id']}/", token=cashier)).json == order
    assert (await api.get(PATH, token=cashier)).json[0] == order
    assert await shop.stock(product) == 98


# The examples of the contract. E1 to E3 without a birthday.


async def test_tax_is_rounded_once_for_the_whole_order(shop, sell):
    lines = [
        (await shop.product("18.55"), 3),
        (await shop.product("0.03"), 7),
        (await shop.product("7.77", tax_rate="8.00"), 1),
    ]
    order = (await sell(*lines)).json
    assert [(line["amount"], line["tax_amount"]) for line in order["items"]] == [
        ("55.65", "8.90"),
        ("0.21", "0.03"),
        ("7.77", "0.62"),
    ]
    assert amounts(order) == ("63.63", "9.56", "73.19", "0.00")


async def test_what_is_exempt_or_of_rate_zero_has_no_tax(shop, sell):
    lines = [
        (await shop.product("18.55", tax_rate="0.16"), 1),
        (await shop.product("12.34", tax_rate="EXENT"), 1),
        (await shop.product("5.00", tax_rate="0.00"), 2),
    ]
    assert amounts((await sell(*lines)).json) == ("40.89", "2.97", "43.86", "0.00")


async def test_the_price_of_a_promotion_is_rounded_before_it_is_multiplied(shop, sell):
    product = await shop.product("18.55")
    await shop.promotion(product, "15", name="Quince")
    order = (await sell((product, 3))).json
    [line] = order["items"]
    assert (
        line["unit_price"],
        line["amount"],
        line["tax_amount"],
        line["discount_amount"],
        line["promotion_name"],
    ) == (
        "15.77",
        "47.31",
        "7.57",
        "8.34",
        "Quince",
    )
    assert amounts(order) == ("47.31", "7.57", "54.88", "8.34")


async def test_a_birthday_takes_a_tenth_off_the_order_and_not_off_its_lines(shop, sell):
    lines = [(await shop.product("18.55"), 1), (await shop.product("7.77", tax_rate="8.00"), 1)]
    order = (await sell(*lines, customer=await shop.customer(birth_date=today().replace(year=1988)))).json
    assert amounts(order) == ("23.69", "3.23", "26.92", "2.99")
    assert line_amounts(order) == [("18.55", "18.55", "2.97"), ("7.77", "7.77", "0.62")]
    assert order["discount_applied"] == "0.00"


async def test_a_promotion_for_frequent_customers_and_a_birthday_add_up(shop, sell):
    product = await shop.product("100.00")
    await shop.promotion(product, "10", audience="FREQUENT_ONLY")
    born_today = today().replace(year=1988)
    frequent = await shop.customer(birth_date=born_today, is_frequent=True)
    assert amounts((await sell((product, 2), customer=frequent)).json) == ("162.00", "25.92", "187.92", "40.88")
    for customer in (None, await shop.customer()):
        assert amounts((await sell((product, 1), customer=customer)).json) == ("100.00", "16.00", "116.00", "0.00")


async def test_halves_of_a_cent_go_up(api, shop, sell, cashier):
    product = await shop.product("1.25")
    order = (await sell((product, 1), customer=await shop.customer(birth_date=today().replace(year=1988)))).json
    assert amounts(order) == ("1.13", "0.18", "1.31", "0.15")
    assert (await api.get(f"{PATH}{order['id']}/", token=cashier)).json == order


# Promotions, birthdays and prices in time


async def test_only_a_promotion_that_is_active_today_counts(shop, sell):
    product = await shop.product("100.00", tax_rate="0.00")
    for days, is_active in (((-9, -1), True), ((1, 9), True), ((0, 0), False)):
        await shop.promotion(product, "50", days=days, is_active=is_active)
    assert (await sell((product, 1))).json["final_amount"] == "100.00"
    await shop.promotion(product, "25", name="Hoy")
    assert (await sell((product, 1))).json["items"][0]["promotion_name"] == "Hoy"


async def test_a_birthday_counts_once_a_year_and_a_cancelled_order_gives_it_back(api, shop, sell, cancel):
    product = await shop.product("100.00", tax_rate="0.00")
    customer = await shop.customer(birth_date=today().replace(year=1988))
    first = (await sell((product, 1), customer=customer)).json
    second = (await sell((product, 1), customer=customer)).json
    assert (first["final_amount"], second["final_amount"]) == ("90.00", "100.00")
    await cancel(second["id"])
    assert (await sell((product, 1), customer=customer)).json["final_amount"] == "100.00"
    await cancel(first["id"])
    assert (await sell((product, 1), customer=customer)).json["final_amount"] == "90.00"


async def test_two_orders_on_a_birthday_at_once_get_one_discount(shop, sell):
    product = await shop.product("100.00", tax_rate="0.00")
    customer = await shop.customer(birth_date=today().replace(year=1988))
    made = await asyncio.gather(*(sell((product, 1), customer=customer) for _ in range(4)))
    assert sorted(one.json["final_amount"] for one in made) == ["100.00", "100.00", "100.00", "90.00"]


@pytest.mark.parametrize(
    "changed_settings", [{"business_timezone": "Pacific/Kiritimati"}, {"business_timezone": "Pacific/Pago_Pago"}]
)
async def test_a_day_begins_by_the_clock_of_the_shop(settings, changed_settings, shop, sell, db):
    """Between these two zones there are 25 hours, so one of them has another date than UTC."""
    day = await db.fetchval("SELECT pos.today($1)", changed_settings["business_timezone"])
    product = await shop.product("100.00", tax_rate="0.00")
    offset = (day - today()).days
    await shop.promotion(product, "50", days=(offset, offset))
    born = await shop.customer(birth_date=day.replace(year=1988))
    order = (await sell((product, 1), customer=born)).json
    assert order["final_amount"] == "45.00"
    assert await db.fetchval("SELECT business_day FROM pos.shop_order WHERE id = $1", order["id"]) == day


async def test_a_price_that_changes_later_changes_no_order(api, shop, sell, cashier, db):
    product = await shop.product("10.00")
    order = (await sell((product, 1))).json
    await db.execute("UPDATE pos.product SET price = 99, name = 'Other', tax_rate = 'EXENT' WHERE id = $1", product)
    assert (await api.get(f"{PATH}{order['id']}/", token=cashier)).json == order


# Stock


async def test_too_little_stock_is_refused_and_changes_nothing(api, shop, sell, cashier):
    plenty, few = await shop.product(stock=100), await shop.product(name="Coca Cola", stock=5)
    answer = await sell((plenty, 3), (few, 10))
    assert (answer.status, answer.json) == (
        400,
        {"non_field_errors": ["Stock insuficiente para 'Coca Cola'. Disponible: 5, Solicitado: 10"]},
    )
    assert (await shop.stock(plenty), await shop.stock(few)) == (100, 5)


async def test_lines_with_the_same_product_take_one_after_the_other(shop, sell):
    product = await shop.product(name="Pan", stock=5)
    answer = await sell((product, 3), (product, 3))
    assert answer.json == {"non_field_errors": ["Stock insuficiente para 'Pan'. Disponible: 2, Solicitado: 3"]}
    assert (await sell((product, 3), (product, 2))).status == 201
    assert await shop.stock(product) == 0


async def test_reservations_do_not_keep_stock_from_an_order(shop, sell, db):
    product = await shop.product(stock=5)
    await db.execute("UPDATE pos.product SET reserved_quantity = 5 WHERE id = $1", product)
    assert (await sell((product, 5))).status == 201


async def test_of_many_who_want_the_last_one_a_single_one_gets_it(shop, sell):
    product = await shop.product(stock=1)
    made = await asyncio.gather(*(sell((product, 1)) for _ in range(8)))
    assert sorted(one.status for one in made) == [201] + [400] * 7
    assert await shop.stock(product) == 0


async def test_orders_with_their_lines_in_opposite_order_never_wait_for_each_other_in_a_circle(shop, sell):
    one, other = await shop.product(stock=1000), await shop.product(stock=1000)
    made = await asyncio.gather(
        *(sell(*(((one, 1), (other, 1)) if n % 2 else ((other, 1), (one, 1)))) for n in range(40))
    )
    assert {answer.status for answer in made} == {201}
    assert (await shop.stock(one), await shop.stock(other)) == (960, 960)


# Bodies


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"items": ["This field is required."]}),
        ({"items": []}, {"items": ["La orden debe tener al menos un producto."]}),
        ({"items": None}, {"items": ["This field may not be null."]}),
        ({"items": "x"}, {"items": {"non_field_errors": ['Expected a list of items but got type "str".']}}),
        ({"items": [{"quantity": 1}]}, {"items": [{"product_id": ["This field is required."]}]}),
        (
            {"items": [{"product_id": "x", "quantity": 1}]},
            {"items": [{"product_id": ["Debe ser un número entero válido."]}]},
        ),
    ],
)
async def test_a_body_without_items_is_refused(api, cashier, body, expected):
    answer = await api.post(PATH, body, token=cashier)
    assert (answer.status, answer.json) == (400, expected)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, "La cantidad debe ser al menos 1."),
        (-1, "La cantidad debe ser al menos 1."),
        (1.5, "Debe ser un número entero válido."),
        ("x", "Debe ser un número entero válido."),
        (True, "Debe ser un número entero válido."),
        ([], "Debe ser un número entero válido."),
        (None, "This field may not be null."),
        (2**31, "Ensure this value is less than or equal to 2147483647."),
        (10**30, "A valid number is required."),
    ],
)
async def test_a_quantity_that_is_none_is_refused_at_its_line(shop, sell, quantity, message):
    product = await shop.product()
    answer = await sell((product, 1), (product, quantity))
    assert (answer.status, answer.json) == (400, {"items": [{}, {"quantity": [message]}]})
    assert await shop.stock(product) == 100


async def test_unknown_products_are_named_at_their_lines(shop, sell, db):
    product, deleted = await shop.product(), await shop.product()
    await db.execute("UPDATE pos.product SET is_active = false WHERE id = $1", deleted)
    answer = await sell((999999999, 1), (product, 1), (deleted, 1), (-1, 1))

    def unknown(pk):
        return {"product_id": [f'Invalid pk "{pk}" - object does not exist.']}

    assert (answer.status, answer.json) == (400, {"items": [unknown(999999999), {}, unknown(deleted), unknown(-1)]})
    assert await shop.stock(product) == 100


async def test_a_customer_may_be_a_number_as_text_and_an_empty_one_is_nobody(shop, sell):
    product, customer = await shop.product(), await shop.customer()
    assert (await sell((product, 1), customer=str(customer))).json["customer"] == customer
    for nobody in (None, ""):
        order = (await sell((product, 1), customer=nobody)).json
        assert (order["customer"], order["customer_name"]) == (None, "Cliente General")


@pytest.mark.parametrize("customer", [999999999, 0, -5, "999999999"])
async def test_an_unknown_customer_is_refused(shop, sell, customer):
    answer = await sell((await shop.product(), 1), customer=customer)
    assert (answer.status, answer.json) == (400, {"customer": [f'Invalid pk "{customer}" - object does not exist.']})


@pytest.mark.parametrize("customer", ["x", True, [], 1.5, "1.5", "-1", "٣", "1" * 19])
async def test_a_customer_that_is_no_number_is_refused(shop, sell, customer):
    answer = await sell((await shop.product(), 1), customer=customer)
    assert answer.status == 400 and list(answer.json) == ["customer"]


async def test_what_the_client_computes_or_decides_is_ignored(api, shop, sell, cashier):
    product = await shop.product("10.00")
    more = {
        "payment_method": "CASH",
        "discount_applied": "5.00",
        "seller": 999,
        "status": "PAID",
        "final_amount": "0.01",
        "promotion_id": 1,
    }
    order = (await sell((product, 1), **more)).json
    assert (order["status"], order["payment_method"], order["final_amount"]) == ("PENDING", None, "11.60")


# Cancelling and deleting


async def test_a_cancelled_order_gives_its_stock_back_once(api, shop, sell, cancel, cashier):
    one, other = await shop.product(), await shop.product()
    order = (await sell((one, 2), (other, 3), (one, 1))).json["id"]
    answer = await cancel(order)
    assert (answer.status, answer.json) == (
        200,
        {"status": "Order cancelled", "detail": f"La orden {order} fue cancelada y el stock restaurado."},
    )
    assert (await shop.stock(one), await shop.stock(other)) == (100, 100)
    again = await cancel(order)
    assert (again.status, again.json) == (
        400,
        {"non_field_errors": ["No se puede cancelar esta orden. Solo se permiten cancelar órdenes PENDIENTES."]},
    )
    assert (await api.get(f"{PATH}{order}/", token=cashier)).json["status"] == "CANCELLED"
    assert (await cancel(999999999)).status == 404


async def test_of_many_cancels_at_once_one_gives_the_stock_back(shop, sell, cancel):
    product = await shop.product()
    order = (await sell((product, 7))).json["id"]
    answers = await asyncio.gather(*(cancel(order) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert await shop.stock(product) == 100


async def test_the_stock_of_a_deleted_product_is_given_back_too(shop, sell, cancel, db):
    product = await shop.product()
    order = (await sell((product, 7))).json["id"]
    await db.execute("UPDATE pos.product SET is_active = false WHERE id = $1", product)
    assert (await cancel(order)).status == 200
    assert await shop.stock(product) == 100


async def test_an_order_of_a_product_with_the_most_stock_there_can_be_is_cancelled_and_deleted(
    api, shop, sell, cancel, boss, db
):
    product = await shop.product()
    orders = [(await sell((product, 7))).json["id"] for _ in range(2)]
    await db.execute("UPDATE pos.product SET current_stock = 2147483647 WHERE id = $1", product)
    assert (await cancel(orders[0])).status == 200
    assert (await api.call("DELETE", f"{PATH}{orders[1]}/", token=boss)).status == 204
    assert await shop.stock(product) == 2_147_483_647


async def test_the_body_of_a_cancel_does_not_matter(api, shop, sell, cashier):
    product = await shop.product()
    for body in (b"", b"{}", b"{bad", b"[1]"):
        order = (await sell((product, 1))).json["id"]
        assert (await api.call("POST", f"{PATH}{order}/cancel/", body, token=cashier)).status == 200


async def test_an_order_is_deleted_unless_it_is_paid(api, shop, sell, pay, cancel, boss, cashier, db):
    product = await shop.product()
    pending, cancelled, paid = [(await sell((product, 5))).json["id"] for _ in range(3)]
    await cancel(cancelled)
    await pay(paid)
    assert (await api.call("DELETE", f"{PATH}{pending}/", token=cashier)).status == 403
    for order in (pending, cancelled):
        assert (await api.call("DELETE", f"{PATH}{order}/", token=boss)).status == 204
        assert (await api.get(f"{PATH}{order}/", token=cashier)).status == 404
    answer = await api.call("DELETE", f"{PATH}{paid}/", token=boss)
    assert (answer.status, answer.json) == (400, {"non_field_errors": ["No se puede eliminar una orden pagada."]})
    assert await shop.stock(product) == 95
    actions = await db.fetch(
        "SELECT action, object_id FROM operations.audit WHERE object_type = 'order' AND object_id = ANY ($1) ORDER BY id",
        [str(pending), str(cancelled)],
    )
    assert [tuple(one) for one in actions] == [
        ("order.cancel", str(cancelled)),
        ("order.delete", str(pending)),
        ("order.delete", str(cancelled)),
    ]


async def test_an_order_is_not_changed(api, shop, sell, cashier, boss):
    order = (await sell((await shop.product(), 1))).json["id"]
    for token in (cashier, boss):
        for method in ("PUT", "PATCH"):
            answer = await api.call(method, f"{PATH}{order}/", {"items": []}, token=token)
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, DELETE, HEAD, OPTIONS")


async def test_the_newest_order_comes_first_and_a_thousand_are_listed(api, shop, cashier, db, sell):
    await sell((await shop.product(), 1))
    await db.execute(
        "INSERT INTO pos.shop_order (seller_name, subtotal, total_tax, final_amount, money_saved_total, business_day, business_hour) "
        "SELECT 's', 1, 0, 1, 0, '2026-01-01', 1 FROM generate_series(1, 1000)"
    )
    await db.execute(
        "INSERT INTO pos.order_line (order_id, product_id, product_name, quantity, unit_price, discount_amount, amount, tax_amount) "
        "SELECT o.id, (SELECT max(id) FROM pos.product), 'p', 1, 1, 0, 1, 0 FROM pos.shop_order o WHERE o.seller_name = 's'"
    )
    ids = [order["id"] for order in (await api.get(PATH, token=cashier)).json]
    assert len(ids) > 1000 and ids == sorted(ids, reverse=True)
    first = await api.get(f"{PATH}?limit=1", token=cashier)
    assert [one["id"] for one in first.json] == ids[:1] and "Link" in first.headers


async def test_folios_of_100_000_orders_are_all_different(db):
    assert (
        await db.fetchval(
            "SELECT count(DISTINCT lpad(upper(to_hex((id * 2654435761 + 305419896) % 4294967296)), 8, '0')) FROM generate_series(1, 100000) AS id"
        )
        == 100_000
    )


async def test_strangers_do_not_sell(api, sign_in, shop):
    product = await shop.product()
    body = {"items": [{"product_id": product, "quantity": 1}]}
    for role in ("MEMBER", "PICKER", "VENDOR"):
        token = (await sign_in(role))["access"]
        for method, path in (("POST", PATH), ("GET", PATH), ("POST", f"{PATH}1/pay/"), ("POST", f"{PATH}1/cancel/")):
            assert (await api.call(method, path, body if method == "POST" else None, token=token)).status == 403, role
    assert (await api.post(PATH, body)).status == 401
    assert await shop.stock(product) == 100


# Sent again under the same Idempotency-Key


async def test_an_order_sent_again_under_its_key_is_made_once_and_a_refused_one_can_be_corrected(api, shop, cashier):
    product = await shop.product(stock=3)

    async def send(quantity):
        body = {"items": [{"product_id": product, "quantity": quantity}]}
        return await api.post(PATH, body, token=cashier, headers={"Idempotency-Key": f"order-of-{product}"})

    assert (await send(4)).status == 400
    first, second = await send(2), await send(2)
    assert (first.status, second.status) == (201, 201) and first.body == second.body
    assert "Idempotency-Replayed" in second.headers and "Idempotency-Replayed" not in first.headers
    assert (await send(1)).status == 422
    assert await shop.stock(product) == 1
