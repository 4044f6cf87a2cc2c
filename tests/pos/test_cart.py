"""The price of a cart: what an order would say. docs/api/pos.md#counter."""

from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/pos/cart/"
AMOUNTS = ("subtotal", "total_tax", "final_amount", "money_saved_total")
LINE = (
    "product_id",
    "product_name",
    "quantity",
    "unit_price",
    "promotion_name",
    "discount_amount",
    "amount",
    "tax_amount",
)


@pytest.fixture
def price(api, cashier):
    async def price(*lines, customer=None, **more):
        items = [{"product_id": product, "quantity": quantity} for product, quantity in lines]
        return await api.post(PATH, {"customer": customer, "items": items}, token=cashier, **more)

    return price


def refusals(cart):
    return {one["payment_method"]: one["refusal"] for one in cart["payment_methods"]}


@pytest.mark.parametrize("audience", ["ALL", "FREQUENT_ONLY"])
@pytest.mark.parametrize("is_frequent", [True, False])
@pytest.mark.parametrize("has_birthday", [True, False])
async def test_a_cart_says_what_the_order_says_then(shop, price, sell, audience, is_frequent, has_birthday):
    dear, cheap, exempt = (
        await shop.product("33.33"),
        await shop.product("0.05", tax_rate="0.08"),
        await shop.product("7.77", tax_rate="EXENT"),
    )
    await shop.promotion(dear, "12.5", audience=audience, name="Promo de hoy")
    today = datetime.now(UTC).date()
    birth_date = (
        today.replace(year=1996) if has_birthday else today.replace(year=1996, month=today.month % 12 + 1, day=1)
    )
    customer = await shop.customer(is_frequent=is_frequent, birth_date=birth_date)
    lines = ((dear, 3), (cheap, 7), (exempt, 1), (dear, 2))
    cart = (await price(*lines, customer=customer)).json
    order = (await sell(*lines, customer=customer)).json
    assert {name: cart[name] for name in AMOUNTS} == {name: order[name] for name in AMOUNTS}
    assert [[line[name] for name in LINE] for line in cart["items"]] == [
        [line[name] for name in LINE] for line in order["items"]
    ]
    assert cart["is_birthday"] is has_birthday


async def test_a_cart_stores_nothing_and_takes_no_stock(shop, price, db):
    product = await shop.product(stock=5)
    orders = await db.fetchval("SELECT count(*) FROM pos.shop_order")
    assert (await price((product, 3))).status == 200
    assert (await shop.stock(product), await db.fetchval("SELECT count(*) FROM pos.shop_order")) == (5, orders)


async def test_an_empty_cart_costs_nothing(price):
    cart = (await price()).json
    assert [cart[name] for name in AMOUNTS] == ["0.00"] * 4
    assert (cart["items"], cart["customer"], cart["points_needed"], cart["points_earned"]) == ([], None, 0, 0)


async def test_lines_say_whether_there_is_enough_of_the_product(shop, price):
    few, many = await shop.product(stock=3), await shop.product(stock=9)
    cart = (await price((few, 2), (many, 9), (few, 1), (few, 1))).json
    assert [(line["is_available"], line["current_stock"]) for line in cart["items"]] == [
        (True, 3),
        (True, 9),
        (True, 3),
        (False, 3),
    ]


async def test_a_cart_says_how_the_customer_may_pay(shop, price):
    product = await shop.product("100.00", tax_rate="0.00")
    lines = ((product, 1),)
    assert refusals((await price(*lines)).json) == {
        "CASH": None,
        "CARD": None,
        "POINTS": "no customer",
        "CREDIT": "no customer",
    }
    for customer, points, credit in (
        (await shop.customer(points=99), "points", "not frequent"),
        (await shop.customer(points=100, is_frequent=True, limit="99.99"), None, "credit"),
        (await shop.customer(is_frequent=True, limit="150.00", used="50.01"), "points", "credit"),
        (await shop.customer(is_frequent=True, limit="150.00", used="50.00"), "points", None),
    ):
        cart = (await price(*lines, customer=customer)).json
        assert refusals(cart) == {"CASH": None, "CARD": None, "POINTS": points, "CREDIT": credit}
        assert (cart["customer"]["id"], cart["points_needed"], cart["points_earned"]) == (customer, 100, 1)


async def test_a_cart_without_a_customer_earns_no_points(shop, price):
    cart = (await price((await shop.product("100.00", tax_rate="0.00"), 1))).json
    assert (cart["points_needed"], cart["points_earned"]) == (100, 0)


async def test_what_an_order_refuses_a_cart_refuses(shop, price, api, cashier, db):
    product = await shop.product()
    gone = await shop.customer()
    await db.execute("UPDATE pos.customer SET is_active = false WHERE id = $1", gone)
    for customer in (gone, 10**17):
        answer = await price((product, 1), customer=customer)
        assert (answer.status, answer.json) == (
            400,
            {"customer": [f'Invalid pk "{customer}" - object does not exist.']},
        )
    answer = await price((product, 1), (0, 1))
    assert answer.json == {"items": [{}, {"product_id": ['Invalid pk "0" - object does not exist.']}]}
    answer = await price((product, 1), customer="x")
    assert answer.json == {"customer": ["Incorrect type. Expected pk value, received str."]}
    answer = await price((product, 0))
    assert answer.json == {"items": [{"quantity": ["La cantidad debe ser al menos 1."]}]}
    assert (await api.post(PATH, {}, token=cashier)).status == 400


async def test_only_who_sells_prices_a_cart(api, sign_in):
    member = (await sign_in("MEMBER"))["access"]
    assert (await api.post(PATH, {"items": []}, token=member)).status == 403
    assert (await api.post(PATH, {"items": []})).status == 401
