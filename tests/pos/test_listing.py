"""Lists of the shop: bare arrays of any length, or pages. docs/api/pos.md#lists."""

import re

import pytest

from handlers.api import listing

pytestmark = pytest.mark.gen_test

PATH = "/api/suppliers/"


@pytest.fixture
def owner(io_loop, sign_in):
    return io_loop.run_sync(lambda: sign_in("OWNER"))["access"]


@pytest.fixture
def filled(db):
    async def filled(count):
        await db.execute("TRUNCATE pos.supplier CASCADE")
        await db.execute(
            "INSERT INTO pos.supplier (name, phone_number, contact_person, rfc, tax_address) "
            "SELECT 'S' || n, '1', 'c', 'r', 't' FROM generate_series(1, $1::int) AS n",
            count,
        )
        return [row["id"] for row in await db.fetch("SELECT id FROM pos.supplier ORDER BY id")]

    return filled


@pytest.mark.parametrize("count", [0, 1, listing.BATCH - 1, listing.BATCH, listing.BATCH + 1, 3 * listing.BATCH])
async def test_a_list_is_whole_whatever_its_length(api, owner, filled, count):
    ids = await filled(count)
    answer = await api.get(PATH, token=owner)
    assert (answer.status, [one["id"] for one in answer.json]) == (200, ids)
    assert "Link" not in answer.headers


async def test_a_long_list_is_read_a_batch_at_a_time(app, api, owner, filled, monkeypatch):
    await filled(3 * listing.BATCH + 7)
    fetched = []

    async def rows(statement, *args):
        found = await read(statement, *args)
        fetched.append(len(found))
        return found

    read = app.db.rows
    monkeypatch.setattr(app.db, "rows", rows)
    assert len((await api.get(PATH, token=owner)).json) == 3 * listing.BATCH + 7
    # Finding the caller reads one row.
    assert [count for count in fetched if count > 1] == [listing.BATCH] * 3 + [7]


async def test_pages_lead_through_the_list(api, owner, filled):
    ids = await filled(11)
    found, address = [], f"{PATH}?limit=4"
    sizes = []
    while address:
        answer = await api.get(address, token=owner)
        sizes.append(len(answer.json))
        found += [one["id"] for one in answer.json]
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        address = link and link[1]
    assert (sizes, found) == ([4, 4, 3], ids)


async def test_a_limit_that_is_none_counts_as_the_most(api, owner, filled):
    await filled(listing.BATCH + 1)
    for limit in ("0", "x", "", "-1", "1e2", str(listing.BATCH), "99999999999999"):
        answer = await api.get(f"{PATH}?limit={limit}", token=owner)
        assert (len(answer.json), "Link" in answer.headers) == (listing.BATCH, True), limit


async def test_a_cursor_that_is_none_is_400(api, owner):
    for cursor in ("x", "W10", "WyJ4Il0"):
        answer = await api.get(f"{PATH}?cursor={cursor}", token=owner)
        assert (answer.status, answer.json) == (400, {"detail": "Invalid cursor."})
