"""Promotions of products. docs/api/pos.md#promotions."""

import asyncio

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/promotions/"
FRIDAY = {
    "name": "Black Friday",
    "description": "50% off on electronics",
    "discount_percent": 50.00,
    "start_date": "2023-11-24",
    "end_date": "2023-11-26",
    "target_audience": "ALL",
}
WRONG_DATES = {"end_date": ["La fecha de finalización debe ser posterior a la fecha de inicio."]}


def overlap(start, end):
    message = "Ya existe una promoción activa para este producto en las fechas seleccionadas"
    return {"non_field_errors": [f"{message} ({start} a {end})."]}


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE pos.shop_order, pos.product, pos.supplier CASCADE"))


@pytest.fixture
def make(api, boss):
    """`await make(product, start_date="2024-01-01")`: the answer to the POST of a promotion like the document's."""

    async def make(product, **fields):
        return await api.post(PATH, {**FRIDAY, "product": product, **fields}, token=boss)

    return make


@pytest.fixture
def change(api, boss):
    async def change(promotion, fields, method="PATCH"):
        return await api.call(method, f"{PATH}{promotion}/", fields, token=boss)

    return change


async def test_a_promotion_is_made_shown_listed_and_deleted(api, shop, make, change, cashier, boss):
    product = await shop.product()
    made = await make(product)
    promotion = made.json
    assert (made.status, promotion) == (
        201,
        {**FRIDAY, "id": promotion["id"], "discount_percent": "50.00", "is_active": True, "product": product},
    )
    one = f"{PATH}{promotion['id']}/"
    assert (await api.get(one, token=cashier)).json == promotion
    assert (await api.get(PATH, token=cashier)).json == [promotion]
    assert (await api.call("DELETE", one, token=boss)).status == 204
    for method, body in (("GET", None), ("PUT", {**FRIDAY, "product": product}), ("PATCH", {}), ("DELETE", None)):
        answer = await api.call(method, one, body, token=boss)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), method
    assert (await api.get(PATH, token=cashier)).json == []


async def test_the_list_is_filtered_by_product(api, shop, make, cashier):
    one, other, none = await shop.product(), await shop.product(), await shop.product()
    made = [(await make(product)).json for product in (one, other)]
    for query, wanted in (
        (f"?product={one}", made[:1]),
        (f"?product={other}", made[1:]),
        (f"?product={none}", []),
        ("?product=", made),
        ("", made),
        (f"?product={one}&limit=1", made[:1]),
    ):
        assert (await api.get(PATH + query, token=cashier)).json == wanted, query
    for product in ("999999999", "x", "-1", "1.0", "9" * 19, "٣", "1%00x"):
        answer = await api.get(f"{PATH}?product={product}", token=cashier)
        assert (answer.status, answer.json) == (
            400,
            {"product": ["Select a valid choice. That choice is not one of the available choices."]},
        ), product


async def test_a_patch_changes_only_what_it_names(shop, make, change):
    promotion = (await make(await shop.product(), is_active=False)).json
    answer = await change(promotion["id"], {"name": " Summer Sale ", "id": 7, "unknown": 1})
    assert (answer.status, answer.json) == (200, {**promotion, "name": "Summer Sale"})


async def test_a_put_needs_everything_but_is_active(shop, make, change):
    promotion = (await make(await shop.product(), is_active=False)).json
    answer = await change(promotion["id"], {"is_active": True}, "PUT")
    required = ["This field is required."]
    assert (answer.status, answer.json) == (400, dict.fromkeys([*FRIDAY, "product"], required))
    other = await shop.product()
    answer = await change(promotion["id"], {**FRIDAY, "name": "Otra", "product": other}, "PUT")
    assert (answer.status, answer.json) == (200, {**promotion, "name": "Otra", "product": other})


async def test_an_order_keeps_the_name_of_a_promotion_that_is_deleted(api, shop, sell, boss, cashier):
    product = await shop.product("10.00")
    promotion = await shop.promotion(product, "50", name="Mitad")
    order = (await sell((product, 1))).json
    await api.call("DELETE", f"{PATH}{promotion}/", token=boss)
    assert order["items"][0]["promotion_name"] == "Mitad"
    assert (await api.get(f"/api/orders/{order['id']}/", token=cashier)).json == order
    assert (await api.get(f"/api/products/{product}/", token=cashier)).json["final_price"] == "11.60"


# Dates


async def test_the_end_is_not_before_the_start(shop, make, change):
    product = await shop.product()
    answer = await make(product, start_date="2023-11-27")
    assert (answer.status, answer.json) == (400, WRONG_DATES)
    assert (await make(product, start_date="2023-11-27", is_active=False)).json == WRONG_DATES
    promotion = (await make(product, start_date="2023-11-26")).json
    for fields in ({"end_date": "2023-11-25"}, {"start_date": "2023-11-27"}):
        answer = await change(promotion["id"], fields)
        assert (answer.status, answer.json) == (400, WRONG_DATES)


async def test_the_order_of_the_dates_is_checked_before_the_overlap(shop, make, change):
    product = await shop.product()
    await make(product)
    assert (await make(product, start_date="2023-11-26", end_date="2023-11-24")).json == WRONG_DATES
    other = (await make(product, start_date="2023-12-01", end_date="2023-12-02")).json["id"]
    assert (await change(other, {"end_date": "2023-11-25"})).json == WRONG_DATES


# Overlaps


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-01-05", "2024-01-09"),
        ("2023-12-01", "2024-01-01"),
        ("2024-01-02", "2024-01-03"),
        ("2023-01-01", "2025-01-01"),
    ],
)
async def test_two_active_promotions_of_a_product_do_not_overlap(shop, make, change, start, end):
    product = await shop.product()
    first = (await make(product, start_date="2024-01-01", end_date="2024-01-05")).json["id"]
    refused = (400, overlap("2024-01-01", "2024-01-05"))
    answer = await make(product, start_date=start, end_date=end)
    assert (answer.status, answer.json) == refused
    # A later one is moved, made active, or given to the product.
    dates = {"start_date": start, "end_date": end}
    later = (await make(product, start_date="2026-01-01", end_date="2026-01-05")).json["id"]
    answer = await change(later, dates)
    assert (answer.status, answer.json) == refused
    inactive = await make(product, **dates, is_active=False)
    assert inactive.status == 201
    answer = await change(inactive.json["id"], {"is_active": True})
    assert (answer.status, answer.json) == refused
    elsewhere = await make(await shop.product(), **dates)
    answer = await change(elsewhere.json["id"], {**FRIDAY, **dates, "product": product}, "PUT")
    assert (answer.status, answer.json) == refused
    await change(first, {"is_active": False})
    assert (await change(inactive.json["id"], {"is_active": True})).status == 200


async def test_promotions_that_follow_each_other_or_belong_to_other_products_do_not_overlap(shop, make, change):
    product = await shop.product()
    assert (await make(product)).status == 201
    for dates in (("2023-11-20", "2023-11-23"), ("2023-11-27", "2023-11-27")):
        assert (await make(product, start_date=dates[0], end_date=dates[1])).status == 201
    assert (await make(await shop.product())).status == 201


async def test_a_promotion_does_not_overlap_itself(shop, make, change):
    promotion = (await make(await shop.product())).json["id"]
    assert (await change(promotion, {"end_date": "2023-11-30"})).status == 200


async def test_of_promotions_that_are_made_at_once_and_overlap_one_is_made(shop, make):
    product = await shop.product()
    made = await asyncio.gather(*(make(product) for _ in range(8)))
    assert sorted(one.status for one in made) == [201] + [400] * 7
    assert {one.text for one in made if one.status == 400} == {one.text for one in [await make(product)]}


async def test_of_changes_at_once_that_make_promotions_overlap_one_succeeds(shop, make, change):
    product = await shop.product()
    days = [(await make(product, start_date=f"2024-01-0{n}", end_date=f"2024-01-0{n}")).json["id"] for n in (1, 3, 5)]
    changed = await asyncio.gather(
        change(days[0], {"end_date": "2024-01-02"}),
        change(days[1], {"start_date": "2024-01-02"}),
        change(days[2], {"start_date": "2024-01-02", "end_date": "2024-01-02"}),
    )
    assert sorted(one.status for one in changed) == [200, 400, 400]


async def test_a_change_that_waits_while_its_product_is_deleted_finds_nothing(shop, make, change, db, waits):
    product = await shop.product()
    promotion = (await make(product)).json["id"]
    for fields, answer in (
        ({"name": "Cyber Monday"}, (404, {"detail": "Not found."})),
        ({"product": product}, (400, {"product": [f'Invalid pk "{product}" - object does not exist.']})),
    ):
        await db.execute("UPDATE pos.product SET is_active = true WHERE id = $1", product)
        async with db.transaction():
            await db.execute("UPDATE pos.product SET is_active = false WHERE id = $1", product)
            changing = asyncio.create_task(change(promotion, fields))
            await waits()
        changed = await changing
        assert (changed.status, changed.json) == answer


# Bodies

NO_NUMBER = "A valid number is required."
NO_DATE = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", " ", "This field may not be blank."),
        ("name", "x" * 51, "Ensure this field has no more than 50 characters."),
        ("name", "a\0b", "Null characters are not allowed."),
        ("description", "", "This field may not be blank."),
        ("description", None, "This field may not be null."),
        ("description", "x" * 1_000_000, "Ensure this field has no more than 5000 characters."),
        ("discount_percent", 0, "Ensure this value is greater than or equal to 0.01."),
        ("discount_percent", "-5", "Ensure this value is greater than or equal to 0.01."),
        ("discount_percent", 100.01, "Ensure this value is less than or equal to 100."),
        ("discount_percent", "15.005", "Ensure that there are no more than 2 decimal places."),
        ("discount_percent", 123456, "Ensure that there are no more than 5 digits in total."),
        ("discount_percent", "half", NO_NUMBER + ' "half" is not one.'),
        ("discount_percent", float("nan"), NO_NUMBER),
        ("discount_percent", True, NO_NUMBER),
        ("start_date", "2023-02-29", NO_DATE),
        ("start_date", "24.11.2023", NO_DATE),
        ("end_date", "", NO_DATE),
        ("end_date", None, "This field may not be null."),
        ("end_date", 20231126, NO_DATE),
        ("target_audience", "SOME", '"SOME" is not a valid choice.'),
        ("is_active", "perhaps", "Must be a valid boolean."),
        ("is_active", None, "This field may not be null."),
        ("product", 9, 'Invalid pk "9" - object does not exist.'),
        ("product", None, "This field may not be null."),
        ("product", [], "A valid integer is required."),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made_or_changed(
    api, shop, make, change, boss, field, value, message
):
    product = await shop.product()
    answer = await make(**{"product": product, field: value})
    assert (answer.status, answer.json) == (400, {field: [message]})
    assert (await api.get(PATH, token=boss)).json == []
    promotion = (await make(product)).json
    answer = await change(promotion["id"], {field: value})
    assert (answer.status, answer.json) == (400, {field: [message]})
    assert (await api.get(PATH, token=boss)).json == [promotion]


async def test_numbers_and_texts_mean_the_same(shop, make):
    product = await shop.product()
    made = await make(str(product), discount_percent="7.5")
    assert (made.status, made.json["discount_percent"], made.json["product"]) == (201, "7.50", product)


# Roles


async def test_employees_only_read(api, shop, make, cashier):
    promotion = (await make(await shop.product())).json["id"]
    for method, path in (
        ("POST", PATH),
        ("PUT", f"{PATH}{promotion}/"),
        ("PATCH", f"{PATH}{promotion}/"),
        ("DELETE", f"{PATH}{promotion}/"),
    ):
        answer = await api.call(method, path, None if method == "DELETE" else {"bad": 1}, token=cashier)
        assert (answer.status, answer.json) == (403, {"detail": "You do not have permission to perform this action."})
    assert (await api.get(f"{PATH}{promotion}/", token=cashier)).status == 200


async def test_members_are_not_of_the_shop(api, sign_in):
    assert (await api.get(PATH, token=(await sign_in("MEMBER"))["access"])).status == 403


async def test_each_change_is_in_the_audit(api, shop, make, change, boss, db):
    promotion = (await make(await shop.product())).json["id"]
    await change(promotion, {"name": "X"})
    await api.call("DELETE", f"{PATH}{promotion}/", token=boss)
    entries = await db.fetch(
        "SELECT action, email, after FROM operations.audit WHERE object_type = 'promotion' AND object_id = $1 ORDER BY id",
        str(promotion),
    )
    assert [entry["action"] for entry in entries] == ["promotion.create", "promotion.update", "promotion.delete"]
    assert entries[1]["after"] == '{"name": "X"}' and entries[0]["email"] == "owner@example.com"
