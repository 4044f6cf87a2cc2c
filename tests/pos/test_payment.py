"""Paying orders: by cash, card, points and credit. docs/api/pos.md#payment."""

import asyncio
from datetime import date

import pytest

pytestmark = pytest.mark.gen_test


@pytest.fixture
def order(shop, sell):
    """`await order("100.00", customer=7)`: the id of a pending order of that final amount."""

    async def order(total, customer=None):
        made = await sell((await shop.product(total, tax_rate="EXENT"), 1), customer=customer)
        return made.json["id"]

    return order


@pytest.mark.parametrize("method", ["CASH", "CARD"])
async def test_cash_and_card_need_no_customer(order, pay, method):
    answer = await pay(await order("100.00"), method, amount_received="200.00")
    assert answer.status == 200
    assert (answer.json["status"], answer.json["payment_method"]) == ("PAID", method)
    assert answer.json["paid_at"] >= answer.json["created_at"] and answer.json["points_used"] == 0


@pytest.mark.parametrize(("total", "points"), [("49.99", 0), ("50.00", 1), ("149.99", 1), ("150.00", 2), ("250.00", 3)])
async def test_cash_earns_one_percent_in_points_halves_up(api, shop, order, pay, db, cashier, total, points):
    customer = await shop.customer()
    made = await order(total, customer)
    folio = (await pay(made)).json["ticket_folio"]
    assert await shop.balances(customer) == (points, "0.00")
    rows = await db.fetch(
        "SELECT amount, transaction_type, description FROM pos.point_entry WHERE customer_id = $1", customer
    )
    assert [tuple(row) for row in rows] == ([(points, "EARN", f"Puntos compra {folio}")] if points else [])


async def test_points_pay_a_peso_each_and_earn_none(shop, order, pay, db):
    customer = await shop.customer(points=100)
    answer = await pay(await order("49.01", customer), "POINTS")
    assert (answer.json["points_used"], answer.json["payment_method"]) == (50, "POINTS")
    assert await shop.balances(customer) == (50, "0.00")
    row = await db.fetchrow(
        "SELECT amount, transaction_type, description FROM pos.point_entry WHERE customer_id = $1 ORDER BY id DESC",
        customer,
    )
    assert tuple(row) == (-50, "REDEEM", f"Pago Ticket #{answer.json['ticket_folio']}")


async def test_credit_is_charged_to_a_frequent_customer_up_to_the_limit(shop, order, pay, db):
    customer = await shop.customer(is_frequent=True, limit="200.00", used="50.00")
    answer = await pay(await order("150.00", customer), "CREDIT")
    assert (answer.json["store_credit_used"], answer.json["payment_method"]) == ("150.00", "CREDIT")
    assert await shop.balances(customer) == (0, "200.00")
    row = await db.fetchrow(
        "SELECT amount::text, transaction_type, description FROM pos.credit_entry WHERE customer_id = $1 ORDER BY id DESC",
        customer,
    )
    assert tuple(row) == ("150.00", "CHARGE", f"Pago Ticket #{answer.json['ticket_folio']}")


@pytest.mark.parametrize(("alias", "method"), [("LOYALTY_POINTS", "POINTS"), ("STORE_CREDIT", "CREDIT")])
async def test_the_names_of_a_later_release_mean_the_same(shop, order, pay, alias, method):
    customer = await shop.customer(is_frequent=True, points=100)
    assert (await pay(await order("10.00", customer), alias)).json["payment_method"] == method


# Refusals


@pytest.mark.parametrize("method", ["BITCOIN", "cash", ""])
async def test_an_unknown_method_is_refused(order, pay, method):
    answer = await pay(await order("10.00"), method)
    assert (answer.status, answer.json) == (400, {"payment_method": [f'"{method}" is not a valid choice.']})


@pytest.mark.parametrize(("method", "name"), [("POINTS", "Puntos"), ("CREDIT", "Crédito")])
async def test_points_and_credit_need_a_customer(order, pay, method, name):
    answer = await pay(await order("10.00"), method)
    assert (answer.status, answer.json) == (
        400,
        {"payment_method": [f"El pago con {name} requiere un cliente asignado."]},
    )


async def test_too_few_points_are_refused_and_nothing_is_taken(api, shop, order, pay, cashier):
    customer = await shop.customer(points=50)
    made = await order("120.00", customer)
    answer = await pay(made, "POINTS")
    assert (answer.status, answer.json) == (
        400,
        {"detail": "Saldo de puntos insuficiente. Puntos disponibles: 50.00, Total a pagar: 120.00"},
    )
    assert await shop.balances(customer) == (50, "0.00")
    assert (await api.get(f"/api/orders/{made}/", token=cashier)).json["status"] == "PENDING"
    assert (await pay(made, "CASH")).status == 200


async def test_a_cent_needs_a_whole_point(shop, order, pay):
    customer = await shop.customer(points=50)
    assert (await pay(await order("50.01", customer), "POINTS")).status == 400
    assert (await pay(await order("50.00", customer), "POINTS")).status == 200


async def test_credit_beyond_the_limit_is_refused(shop, order, pay):
    customer = await shop.customer(is_frequent=True, limit="1000.00", used="950.00")
    answer = await pay(await order("200.00", customer), "CREDIT")
    message = "El cliente excede su límite de crédito. Límite: 1000.00, Saldo actual: 950.00, Compra: 200.00"
    assert (answer.status, answer.json) == (400, {"detail": message})
    assert await shop.balances(customer) == (0, "950.00")


async def test_credit_is_for_frequent_customers(shop, order, pay):
    answer = await pay(await order("10.00", await shop.customer()), "CREDIT")
    assert (answer.status, answer.json) == (
        400,
        {"payment_method": ["El crédito en tienda es exclusivo para Clientes Frecuentes."]},
    )


async def test_a_customer_who_was_deleted_before_the_payment_is_nobody(shop, order, pay, db):
    customer = await shop.customer(is_frequent=True)
    orders = [await order("100.00", customer) for _ in range(3)]
    await db.execute("UPDATE pos.customer SET is_active = false WHERE id = $1", customer)
    for made, method, name in zip(orders, ("CREDIT", "POINTS"), ("Crédito", "Puntos"), strict=False):
        answer = await pay(made, method)
        assert (answer.status, answer.json) == (
            400,
            {"payment_method": [f"El pago con {name} requiere un cliente asignado."]},
        )
    assert (await pay(orders[2], "CASH")).status == 200
    assert await shop.balances(customer) == (0, "0.00")


async def test_a_paid_or_cancelled_order_is_not_paid_or_cancelled(order, pay, cancel):
    paid, cancelled = await order("10.00"), await order("10.00")
    await pay(paid)
    await cancel(cancelled)
    again = await pay(paid)
    assert (again.status, again.json) == (400, {"non_field_errors": ["Esta orden ya ha sido pagada previamente."]})
    answer = await pay(cancelled)
    assert (answer.status, answer.json) == (400, {"non_field_errors": ["No se puede pagar una orden cancelada."]})
    assert (await cancel(paid)).status == 400
    assert (await pay(999999999)).status == 404


@pytest.mark.parametrize("body", [{}, {"payment_method": None}, {"payment_method": []}, {"payment_method": "x\0"}, []])
async def test_a_body_without_a_method_is_refused(api, order, cashier, body):
    answer = await api.post(
        f"/api/orders/{await order('10.00')}/pay/", body or (b"[]" if body == [] else {}), token=cashier
    )
    assert answer.status == 400 and list(answer.json) in (["payment_method"], ["non_field_errors"])


# At once


async def test_of_many_payments_at_once_one_is_taken(shop, order, pay):
    customer = await shop.customer()
    made = await order("100.00", customer)
    answers = await asyncio.gather(*(pay(made) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    assert await shop.balances(customer) == (1, "0.00")


async def test_of_a_payment_and_a_cancel_at_once_one_wins(shop, sell, pay, cancel):
    product = await shop.product(stock=100)
    for _ in range(6):
        made = (await sell((product, 1))).json["id"]
        before = await shop.stock(product)
        paid, cancelled = await asyncio.gather(pay(made), cancel(made))
        assert sorted((paid.status, cancelled.status)) == [200, 400]
        assert await shop.stock(product) == before + (cancelled.status == 200)


@pytest.mark.parametrize(
    ("method", "more"), [("POINTS", {"points": 100}), ("CREDIT", {"is_frequent": True, "limit": "100.00"})]
)
async def test_two_payments_at_once_never_take_more_than_there_is(shop, order, pay, method, more):
    customer = await shop.customer(**more)
    orders = [await order("100.00", customer) for _ in range(5)]
    answers = await asyncio.gather(*(pay(made, method) for made in orders))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 4
    assert await shop.balances(customer) == ((0, "0.00") if method == "POINTS" else (0, "100.00"))


# Frequent customers


async def bought(db, customer, *days):
    """The customer bought on these days, and it is not decided yet whether they are frequent."""
    await db.execute("UPDATE pos.customer SET frequency_month = NULL WHERE id = $1", customer)
    for day in days:
        await db.execute(
            "INSERT INTO pos.shop_order (seller_name, customer_id, subtotal, total_tax, final_amount, money_saved_total, business_day,"
            " business_hour, status, payment_method, paid_at) VALUES ('s', $1, 1, 0, 1, 0, $2, 1, 'PAID', 'CASH', now())",
            customer,
            day,
        )


WEEKS_OF_OCTOBER = (date(2026, 10, 1), date(2026, 10, 11), date(2026, 10, 12), date(2026, 10, 25), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("days", "is_frequent"), [(WEEKS_OF_OCTOBER, True), (WEEKS_OF_OCTOBER[:-1], False), ((), False)]
)
async def test_who_bought_in_each_week_of_the_month_before_is_frequent(shop, db, days, is_frequent):
    customer = await shop.customer(is_frequent=not is_frequent)
    await bought(db, customer, *days)
    await db.execute("SELECT pos.decide_frequency($1, '2026-11-21')", customer)
    assert await db.fetchval("SELECT is_frequent FROM pos.customer WHERE id = $1", customer) is is_frequent


async def test_a_year_ends_in_the_middle_of_a_week(shop, db):
    customer = await shop.customer()
    # The last days of December 2026 are in week 53.
    await bought(
        db, customer, date(2026, 12, 1), date(2026, 12, 7), date(2026, 12, 14), date(2026, 12, 21), date(2026, 12, 31)
    )
    await db.execute("SELECT pos.decide_frequency($1, '2027-01-02')", customer)
    assert await db.fetchval("SELECT is_frequent FROM pos.customer WHERE id = $1", customer)


async def test_a_purchase_decides_it_once_a_month(shop, db, order, pay):
    customer = await shop.customer(is_frequent=True)
    await pay(await order("10.00", customer))
    assert await db.fetchval("SELECT is_frequent FROM pos.customer WHERE id = $1", customer)
    await db.execute("UPDATE pos.customer SET frequency_month = '2026-01-01' WHERE id = $1", customer)
    await pay(await order("10.00", customer))
    assert not await db.fetchval("SELECT is_frequent FROM pos.customer WHERE id = $1", customer)
    await db.execute("UPDATE pos.customer SET is_frequent = true WHERE id = $1", customer)
    await pay(await order("10.00", customer))
    assert await db.fetchval("SELECT is_frequent FROM pos.customer WHERE id = $1", customer)


async def test_a_payment_sent_again_under_its_key_gets_its_answer_and_not_that_it_is_paid(
    api, shop, sell, pay, cashier
):
    customer = await shop.customer()
    order = (await sell((await shop.product("100.00"), 1), customer=customer)).json["id"]
    key = {"Idempotency-Key": f"pay-{order}"}
    first, second = [
        await api.post(f"/api/orders/{order}/pay/", {"payment_method": "CASH"}, token=cashier, headers=key)
        for _ in range(2)
    ]
    assert (first.status, second.status) == (200, 200) and first.body == second.body
    assert (await pay(order)).status == 400
    assert (await shop.balances(customer))[0] == 1
