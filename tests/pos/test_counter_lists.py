"""What the counter finds: products, customers, and the sales of the day. docs/api/pos.md#counter."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.gen_test


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    tables = "pos.shop_order, pos.product, pos.supplier, pos.customer, pos.ticket_hour, pos.ticket_delta"
    io_loop.run_sync(lambda: db.execute(f"TRUNCATE {tables} CASCADE"))


@pytest.fixture
def find(api, cashier):
    async def find(noun, search="", **more):
        query = "&".join(f"{name}={value}" for name, value in {"search": quote(search), **more}.items())
        return (await api.get(f"/api/pos/{noun}/?{query}", token=cashier)).json

    return find


@pytest.fixture
def named(shop, db):
    """`await named("Café molido", "CAF-1")`: the id of a product."""

    async def named(name, sku, **more):
        product = await shop.product(name=name, **more)
        await db.execute("UPDATE pos.product SET sku = $2 WHERE id = $1", product, sku)
        return product

    return named


@pytest.fixture
def known(shop, db):
    async def known(first_name, last_name, phone_number, **more):
        customer = await shop.customer(**more)
        await db.execute(
            "UPDATE pos.customer SET first_name = $2, last_name = $3, phone_number = $4 WHERE id = $1",
            customer,
            first_name,
            last_name,
            phone_number,
        )
        return customer

    return known


async def test_a_scanned_sku_is_found_first_and_exactly(find, named):
    exact = await named("Zapato", "750-1")
    longer = await named("Bota", "750-10")
    await named("Algo con 750-1 en el nombre", "X")
    found = await find("products", "750-1")
    assert [(one["id"], one["is_exact"]) for one in found[:2]] == [(exact, True), (longer, False)]
    assert [one["is_exact"] for one in await find("products", "750-10")] == [True]
    lower = await named("Otro", "abc-Ñ")
    assert [(one["id"], one["is_exact"]) for one in await find("products", "ABC-ñ")] == [(lower, True)]


async def test_products_are_found_by_words_without_accents_in_any_order(find, named):
    ground = await named("Café molido Mérida", "C1")
    await named("Café en grano", "C2")
    for search in ("cafe merida", "MERIDA CAFÉ", "molido c1", "rida", "  molido  "):
        assert [one["id"] for one in await find("products", search)] == [ground], search
    assert await find("products", "cafe yucatan") == []


async def test_what_begins_with_the_text_comes_before_what_contains_it(find, named):
    contains, begins, sku = (
        await named("Agua de coco", "A"),
        await named("Coco rallado", "B"),
        await named("Zumo", "COCO-1"),
    )
    assert [one["id"] for one in await find("products", "coco")] == [sku, begins, contains]
    assert [one["id"] for one in await find("products", "co")] == [sku, begins]


async def test_characters_of_patterns_mean_themselves(find, named):
    percent = await named("Oferta 100% lana", "P")
    await named("Oferta 100 lana", "Q")
    assert [one["id"] for one in await find("products", "100%")] == [percent]
    for search in ("%%%", "___", "\\\\\\", "' OR 1=1 --", "a" * 5000):
        assert await find("products", search) == []


@pytest.mark.parametrize("search", ["pan dulce zzq", "zz1 pan blanco", "pan " * 20 + "zzq"])
async def test_words_that_are_common_by_themselves_and_rare_together_read_few_rows(shop, db, search):
    await db.execute(
        "INSERT INTO pos.product (name, sku, supplier_id) SELECT 'Pan dulce blanco de caja', 'SKU-' || n, $1 FROM generate_series(1, 5000) n",
        await shop.supplier(),
    )
    await db.execute(
        "INSERT INTO pos.customer (first_name, last_name, phone_number, email, birth_date, credit_limit)"
        " SELECT 'Pan Dulce', 'Blanco de Caja', n, n || '@example.com', '2000-01-01', 0 FROM generate_series(1, 5000) n"
    )
    await db.execute("VACUUM ANALYZE pos.product, pos.customer")
    async with db.transaction():
        assert not await db.fetch("SELECT pos.matching_products($1, 20)", search.strip())
        assert not await db.fetch("SELECT pos.matching_customers($1)", search.split())
        read = await db.fetchval(
            "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables"
            " WHERE relid IN ('pos.product'::regclass, 'pos.customer'::regclass)"
        )
    assert read < 50


async def test_a_product_is_shown_with_the_price_of_today(find, named, shop):
    product = await named("Pan", "P-1", price="100.00", stock=7)
    await shop.promotion(product, "10.00", name="Martes")
    for_frequent = await named("Leche", "L-1", price="10.00", tax_rate="0.00")
    await shop.promotion(for_frequent, "50.00", audience="FREQUENT_ONLY")
    assert await find("products", "pan") == [
        {
            "id": product,
            "sku": "P-1",
            "name": "Pan",
            "price": "100.00",
            "final_price": "104.40",
            "tax_rate_display": "Tasa General (16%)",
            "promotion_name": "Martes",
            "current_stock": 7,
            "available_to_sell": 7,
            "is_exact": False,
        }
    ]
    assert [(one["final_price"], one["promotion_name"]) for one in await find("products", "leche")] == [("10.00", None)]


async def test_a_deleted_product_is_not_found(find, named, db):
    product = await named("Pan", "P-1")
    await db.execute("UPDATE pos.product SET is_active = false WHERE id = $1", product)
    assert (await find("products", "pan"), await find("products")) == ([], [])


async def test_without_a_search_what_sells_most_comes_first(find, named, sell, pay):
    first, second, third = await named("Arroz", "1"), await named("Zumo", "2"), await named("Miel", "3")
    await pay((await sell((second, 5), (third, 2))).json["id"])
    await sell((first, 50))  # not paid
    assert [one["id"] for one in await find("products")] == [second, third, first]
    assert [one["id"] for one in await find("products", limit=2)] == [second, third]


async def test_a_limit_is_kept_and_a_wrong_one_ignored(find, named):
    for n in range(25):
        await named(f"Pan {n}", f"P-{n}")
    assert len(await find("products", "pan", limit=3)) == 3
    for limit in ("0", "-1", "x", "", "1e1", "9" * 30):
        assert len(await find("products", "pan", limit=limit)) == 20, limit
    assert len(await find("products", "pan", limit=1000)) == 25


async def test_customers_are_found_by_a_part_of_their_phone_number(find, known):
    maria = await known("María", "López", "+52 (55) 1234-5678")
    await known("Juan", "López", "5599990000")
    for search in ("5678", "55 1234", "+52 55", "(55) 12", "1234-56"):
        assert [one["id"] for one in await find("customers", search)] == [maria], search


async def test_customers_are_found_by_words_of_name_and_email(find, known, db):
    maria, juan = await known("María", "López", "1111111"), await known("Juan", "López", "2222222")
    await db.execute("UPDATE pos.customer SET email = 'jefa@example.com' WHERE id = $1", maria)
    assert [one["id"] for one in await find("customers", "lopez")] == [juan, maria]
    assert [one["id"] for one in await find("customers", "LOPEZ mar")] == [maria]
    assert [one["id"] for one in await find("customers", "jefa@example")] == [maria]
    for search in ("", "lo", "55", "%%%", "+++"):
        assert await find("customers", search) == [], search
    await db.execute("UPDATE pos.customer SET is_active = false WHERE id = $1", juan)
    assert [one["id"] for one in await find("customers", "lopez")] == [maria]


async def test_a_customer_is_shown_with_points_and_credit(find, known, db):
    customer = await known("Ana", "Ruiz", "5550001", is_frequent=True, points=12, limit="100.00", used="30.50")
    email = await db.fetchval("SELECT email FROM pos.customer WHERE id = $1", customer)
    assert await find("customers", "5550001") == [
        {
            "id": customer,
            "name": "Ana Ruiz",
            "phone_number": "5550001",
            "email": email,
            "is_frequent": True,
            "current_points": 12,
            "credit_limit": "100.00",
            "credit_used": "30.50",
            "available_credit": "69.50",
        }
    ]


async def test_the_day_sums_up_what_was_paid_today(api, cashier, shop, sell, pay, cancel, db):
    product = await shop.product("10.00", tax_rate="0.00")
    for quantity, method in ((1, "CASH"), (2, "CASH"), (3, "CARD")):
        await pay((await sell((product, quantity))).json["id"], method)
    await cancel((await sell((product, 1))).json["id"])
    await sell((product, 1))
    yesterday = (await sell((product, 9))).json["id"]
    await db.execute("UPDATE pos.shop_order SET business_day = business_day - 1 WHERE id = $1", yesterday)
    await pay(yesterday)
    for _ in range(2):
        found = (await api.get("/api/pos/day/", token=cashier)).json
        assert found == {
            "day": (await db.fetchval("SELECT pos.today('UTC')")).isoformat(),
            "tickets": 3,
            "revenue": "60.00",
            "pending": 1,
            "cancelled": 1,
            "payment_methods": [
                {"payment_method": "CARD", "tickets": 1, "amount": "30.00"},
                {"payment_method": "CASH", "tickets": 2, "amount": "30.00"},
            ],
        }
        await db.execute("SELECT pos.fold_tickets()")


async def test_a_day_without_sales_is_empty(api, cashier):
    found = (await api.get("/api/pos/day/", token=cashier)).json
    assert (found["tickets"], found["revenue"], found["payment_methods"]) == (0, "0.00", [])
    assert (await api.get("/api/pos/day/orders/", token=cashier)).json == []


async def test_the_orders_of_today_are_listed_newest_first(api, cashier, shop, sell, db):
    product = await shop.product()
    orders = [(await sell((product, 1))).json for _ in range(4)]
    await db.execute("UPDATE pos.shop_order SET business_day = business_day - 1 WHERE id = $1", orders[0]["id"])
    assert (await api.get("/api/pos/day/orders/", token=cashier)).json == orders[:0:-1]
    page = await api.get("/api/pos/day/orders/?limit=2", token=cashier)
    assert page.json == [orders[3], orders[2]]
    address = page.headers["Link"].partition(">")[0].removeprefix("<")
    assert (await api.get(address, token=cashier)).json == [orders[1]]


async def test_the_counter_is_for_those_who_sell(api, sign_in):
    member = (await sign_in("MEMBER"))["access"]
    for path in ("products", "customers", "day", "day/orders"):
        assert (await api.get(f"/api/pos/{path}/", token=member)).status == 403
        assert (await api.get(f"/api/pos/{path}/")).status == 401
