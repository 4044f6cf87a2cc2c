"""Pages of a list, on the list of invoices: which page is asked for, and the links to those beside it."""

import pytest

pytestmark = pytest.mark.gen_test
LIST = "/api/sales/invoices/"


@pytest.fixture(autouse=True)
def five(io_loop, api, db, invoice):
    """Five invoices."""

    async def make():
        await db.execute("DELETE FROM sales.invoice")
        for _ in range(5):
            await api.import_invoice(invoice())

    io_loop.run_sync(make)


async def page(api, query):
    answer = await api.get(LIST + query)
    assert answer.status == 200, answer.text
    found = answer.json
    assert list(found) == ["count", "next", "previous", "results"] and found["count"] == 5
    link = api.base_url + LIST
    return len(found["results"]), *(url and url.removeprefix(link) for url in (found["next"], found["previous"]))


async def test_pages_are_linked_to_those_beside_them_and_the_first_has_no_number(api):
    assert await page(api, "") == (5, None, None)
    assert await page(api, "?page_size=2") == (2, "?page=2&page_size=2", None)
    assert await page(api, "?page_size=2&page=2") == (2, "?page=3&page_size=2", "?page_size=2")
    assert await page(api, "?page=3&page_size=2") == (1, None, "?page=2&page_size=2")
    assert await page(api, "?page=last&page_size=2") == (1, None, "?page=2&page_size=2")
    assert await page(api, "?page=5&page_size=1") == (1, None, "?page=4&page_size=1")


async def test_links_keep_the_other_parameters_in_order_and_drop_a_token(api):
    assert (await page(api, "?status=PENDING&page_size=2&b=%22%26%C3%A9&a=1&a=2&token=hush"))[1] == (
        "?a=1&a=2&b=%22%26%C3%A9&page=2&page_size=2&status=PENDING"
    )


async def test_a_size_that_is_invalid_is_the_default_and_one_too_large_the_most(api, db):
    for size in ("0", "-1", "x", "", "1.5", "%D9%A3", "%2B2", "1e1"):
        assert (await page(api, f"?page_size={size}"))[0] == 5, size
    await db.execute(
        "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id) "
        "SELECT 'N-' || n, now(), (SELECT min(id) FROM sales.customer) FROM generate_series(1, 110) n"
    )
    for size, most in (
        ("101", 100),
        ("100000", 100),
        ("9" * 18, 100),
        ("9" * 30, 100),
        ("0" * 30, 20),
        ("-" + "9" * 30, 20),
        ("nonsense", 20),
        ("", 20),
    ):
        assert len((await api.get(f"{LIST}?page_size={size}")).json["results"]) == most, size


async def test_a_page_that_is_not_there_is_404_in_the_documents_words(api):
    for number in ("2", "0", "-1", "x", "1.0", "%D9%A1", "LAST", "9" * 18, "9" * 40, "%2B1", "%20"):
        answer = await api.get(f"{LIST}?page={number}")
        assert (answer.status, answer.json["detail"]) == (404, "Invalid page."), number
