"""The tally that the list of invoices counts and pages by: it always says what counting every row would say."""

import asyncio
import random

import asyncpg
import pytest

from core.data import sql

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/invoices/"
STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
FILTERS = ((), ("PENDING",), ("PICKED", "DELIVERED"), ("PACKED", "NOSUCH"), ("NOSUCH",), STATUSES)
SEED = 20250118


@pytest.fixture
def table(db, io_loop):
    """The invoices, none at first, written by plain SQL."""
    io_loop.run_sync(lambda: db.execute("TRUNCATE sales.invoice, sales.customer CASCADE"))
    io_loop.run_sync(lambda: db.execute("INSERT INTO sales.customer (code, name) VALUES ('TALLY', 'Tallied')"))
    return Table(db)


class Table:
    def __init__(self, db):
        self.db = db

    async def insert(self, ids, statuses=("PENDING",)):
        """Rows with these ids, the statuses in turn."""
        await self.db.execute(
            "INSERT INTO sales.invoice (id, invoice_no, invoice_date, customer_id, status) OVERRIDING SYSTEM VALUE"
            " SELECT id, 'T-' || id, '2025-01-18', (SELECT id FROM sales.customer WHERE code = 'TALLY'), status"
            "   FROM unnest($1::bigint[], $2::text[]) AS new (id, status)",
            list(ids), [statuses[n % len(statuses)] for n in range(len(ids))],
        )  # fmt: skip

    async def ids(self, statuses=()):
        rows = await self.db.fetch(
            "SELECT id FROM sales.invoice WHERE is_active AND ($1::text[] = '{}' OR status = ANY ($1)) ORDER BY id DESC",
            list(statuses),
        )
        return [row["id"] for row in rows]

    async def fold(self):
        return await self.db.fetchval("SELECT sales.fold_invoice_deltas()")


def query(statuses, page, size=100):
    return f"{PATH}?page_size={size}&page={page}" + "".join(f"&status={status}" for status in statuses)


async def every_page_is_right(api, table, size=100, filters=FILTERS):
    """Each page under each filter is the slice that ORDER BY id DESC OFFSET would give, and the count is the number of rows."""
    for statuses in filters:
        expected = await table.ids(statuses)
        for page in range(1, max(1, -(-len(expected) // size)) + 1):
            found = (await api.get(query(statuses, page, size))).json
            assert found["count"] == len(expected), (statuses, page)
            assert [one["id"] for one in found["results"]] == expected[(page - 1) * size : page * size], (
                statuses,
                page,
            )
        assert found["next"] is None
        assert (await api.get(query(statuses, page + 1, size))).status == 404, statuses
        last = (await api.get(query(statuses, "last", size))).json
        assert [one["id"] for one in last["results"]] == expected[(page - 1) * size :], statuses


async def test_every_page_equals_a_plain_offset_after_random_inserts_deletes_and_changes(api, table, db):
    chance = random.Random(SEED)
    # Ids on both sides of the borders of boxes (64), shelves (1,024) and halls (16,384), some crowded and some nearly empty.
    universe = [
        *range(1, 2600),
        *range(16_300, 16_700),
        *range(65_400, 66_200),
        *range(131_000, 131_200),
        *chance.sample(range(200_000, 900_000), 900),
    ]
    await table.insert(chance.sample(universe, 4000), chance.sample(STATUSES, 7))
    for turn in range(3):
        present = await table.ids()
        absent = list(set(universe) - set(present))
        await db.execute("DELETE FROM sales.invoice WHERE id = ANY ($1)", chance.sample(present, 400))
        await table.insert(chance.sample(absent, 300), STATUSES)
        for status in STATUSES:
            await db.execute(
                "UPDATE sales.invoice SET status = $1 WHERE id = ANY ($2)", status, chance.sample(present, 150)
            )
        if turn % 2:
            await table.fold()  # else some of it is in the tally and some is not
    await every_page_is_right(api, table)
    await table.fold()
    await every_page_is_right(api, table, filters=FILTERS[:2])


async def test_every_page_is_right_after_soft_deletes_of_folded_and_unfolded_invoices_and_their_return(api, table, db):
    chance = random.Random(SEED)
    await table.insert(range(1, 2600), STATUSES)
    for turn in range(4):
        everything = range(1, 2600)
        for active in (False, True):
            hidden = "UPDATE sales.invoice SET is_active = $1 WHERE id = ANY ($2)"
            await db.execute(hidden, active, chance.sample(everything, 700 - 500 * active))
        both = "UPDATE sales.invoice SET is_active = NOT is_active, status = $1 WHERE id = ANY ($2)"
        await db.execute(both, chance.choice(STATUSES), chance.sample(everything, 100))
        await db.execute(
            "UPDATE sales.invoice SET status = 'PICKED' WHERE id = ANY ($1)", chance.sample(everything, 100)
        )
        await db.execute("DELETE FROM sales.invoice WHERE id = ANY ($1)", chance.sample(everything, 50))
        if turn % 2:
            await table.fold()
        await every_page_is_right(api, table, filters=FILTERS[:3])
    assert await db.fetchval("SELECT count(*) FROM sales.invoice WHERE NOT is_active") > 500
    await db.execute("UPDATE sales.invoice SET is_active = false")
    for folded in (False, True):
        if folded:
            await table.fold()
        await every_page_is_right(api, table)
    await db.execute("UPDATE sales.invoice SET is_active = true WHERE id % 2 = 0")
    await every_page_is_right(api, table)


async def test_a_soft_delete_that_is_rolled_back_or_made_twice_is_not_counted_or_once(api, table, db):
    await table.insert(range(1, 11))
    transaction = db.transaction()
    await transaction.start()
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE id < 4")
    assert (await api.get(PATH)).json["count"] == 10
    await transaction.rollback()
    for _ in range(2):
        await db.execute("UPDATE sales.invoice SET is_active = false WHERE id = 7")
    await db.execute("UPDATE sales.invoice SET status = 'PICKED' WHERE id = 7")  # by another program: it stays hidden
    await db.execute("DELETE FROM sales.invoice WHERE id = 7")
    assert (await api.get(PATH)).json["count"] == 9
    await table.fold()
    await every_page_is_right(api, table)


async def test_a_page_deep_in_the_list_is_right_where_everything_before_it_was_deleted(api, table, db):
    await table.insert(range(1, 4001))
    await table.fold()
    await db.execute("DELETE FROM sales.invoice WHERE id BETWEEN 1001 AND 3000 OR id > 3900")
    await every_page_is_right(api, table, size=97, filters=[()])
    await db.execute("DELETE FROM sales.invoice WHERE id > 5")
    await every_page_is_right(api, table, size=2, filters=[(), ("PENDING",)])
    await table.fold()
    await every_page_is_right(api, table, size=2, filters=[(), ("PENDING",)])


@pytest.mark.parametrize("size", [1, 13, 100])
async def test_the_pages_around_the_depth_where_walking_ends_are_right(api, table, size):
    await table.insert(range(1, 1800), ("PENDING", "PICKED", "PENDING"))
    await table.fold()
    await table.insert(range(1800, 2000), ("PICKED", "PENDING"))
    for statuses in ((), ("PENDING",), ("PICKED", "PENDING")):
        expected = await table.ids(statuses)
        around = 1000 // size
        for page in range(around - 1, around + 4):
            found = (await api.get(query(statuses, page, size))).json
            assert [one["id"] for one in found["results"]] == expected[(page - 1) * size : page * size], (
                statuses,
                page,
            )


async def test_pages_that_begin_exactly_where_a_box_or_a_shelf_does_are_right(api, table):
    await table.insert(range(64_000, 67_072))  # 6 full boxes above the border of two shelves
    for folded in (False, True):
        if folded:
            await table.fold()
        await every_page_is_right(api, table, size=64, filters=[(), ("PENDING",)])


async def test_a_change_that_is_rolled_back_was_never_counted(api, table, db):
    await table.insert(range(1, 11))
    transaction = db.transaction()
    await transaction.start()
    await table.insert(range(11, 21))
    await db.execute("DELETE FROM sales.invoice WHERE id < 4")
    assert (await api.get(PATH)).json["count"] == 10  # not committed yet
    await transaction.rollback()
    await table.fold()
    assert (await api.get(PATH)).json["count"] == 10


async def test_truncate_empties_the_tally_before_and_after_folding(api, table, db):
    for folded in (False, True):
        await table.insert(range(1, 301), STATUSES)
        if folded:
            await table.fold()
        await db.execute("TRUNCATE sales.invoice CASCADE")
        assert (await api.get(PATH)).json["count"] == 0
        await table.insert([7])
        await every_page_is_right(api, table)
        await db.execute("DELETE FROM sales.invoice")


async def test_folding_moves_every_change_once_and_leaves_none(table, db):
    await table.insert(range(1, 501), STATUSES)
    waiting = await db.fetchval("SELECT count(*) FROM sales.invoice_delta")
    assert 0 <= await table.fold() <= waiting  # the server's own duty may have been first
    assert await db.fetchval("SELECT count(*) FROM sales.invoice_delta") == 0
    assert await table.fold() == 0
    for level in (0, 1, 2):
        assert await db.fetchval("SELECT sum(n) FROM sales.invoice_tally WHERE level = $1", level) == 500


async def test_counts_stay_exact_while_imports_status_changes_deletes_and_folds_go_on_together(
    api, invoice, table, db, settings
):
    await table.insert(range(10_000_001, 10_000_301), STATUSES)
    pool = await asyncpg.create_pool(settings.database_url, min_size=4, max_size=4)
    going = True

    async def fold():
        while going:
            await pool.fetchval("SELECT sales.fold_invoice_deltas()")

    async def change(seed):
        chance = random.Random(seed)
        while going:
            number = 10_000_001 + chance.randrange(300)
            await pool.execute("UPDATE sales.invoice SET status = $2 WHERE id = $1", number, chance.choice(STATUSES))
            await asyncio.sleep(0)

    async def read():
        """One statement counts by the tally and by the rows: both in one snapshot."""
        while going:
            by_tally, by_rows = await pool.fetchrow(
                "SELECT (SELECT coalesce(sum(n), 0) FROM (SELECT n FROM sales.invoice_tally WHERE level = 0 AND status = 'PICKED'"
                "        UNION ALL SELECT n FROM sales.invoice_delta WHERE status = 'PICKED') counts),"
                "       (SELECT count(*) FROM sales.invoice WHERE status = 'PICKED')"
            )
            assert by_tally == by_rows

    others = [asyncio.create_task(work) for work in (fold(), fold(), change(1), change(2), read())]
    for _ in range(6):
        answers = await asyncio.gather(*[api.import_invoice(invoice()) for _ in range(25)])
        assert {answer.status for answer in answers} == {201}
        count = (await api.get(PATH)).json["count"]
        assert count == await db.fetchval("SELECT count(*) FROM sales.invoice")
    going = False
    await asyncio.gather(*others)
    await pool.close()
    await every_page_is_right(api, table)
    await table.fold()
    await every_page_is_right(api, table, filters=FILTERS[:3])


async def test_truncate_beside_imports_and_folds_leaves_an_exact_count(api, invoice, table, db, settings):
    pool = await asyncpg.create_pool(settings.database_url, min_size=2, max_size=2)
    going = True

    async def fold():
        while going:
            await pool.fetchval("SELECT sales.fold_invoice_deltas()")

    folding = [asyncio.create_task(fold()) for _ in range(2)]
    for _ in range(8):
        *answers, _ = await asyncio.gather(
            *[api.import_invoice(invoice()) for _ in range(10)], db.execute("TRUNCATE sales.invoice CASCADE")
        )
        # An import that found its place in the meantime taken by TRUNCATE may be told to try again, and nothing else.
        assert {answer.status for answer in answers} <= {201, 503}
        assert (await api.get(PATH)).json["count"] == await db.fetchval("SELECT count(*) FROM sales.invoice")
    going = False
    await asyncio.gather(*folding)
    await pool.close()


async def test_a_deep_page_does_not_read_what_lies_before_it(table, db):
    """Nor does the count: both read the tally."""
    await table.insert(range(1, 8001))
    await table.fold()
    await db.execute("VACUUM ANALYZE sales.invoice, sales.invoice_tally")
    [text] = [one.text for one in sql.load("sales/invoice_list").all if one.name == "list_invoices"]
    plan = "\n".join(
        row[0] for row in await db.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {text}", None, 75, 100)
    )
    most = max(
        int(float(line.split("rows=")[1].split(" ")[0]))
        for line in plan.split("\n")
        # The index also has entries of rows that others' snapshots, of other tests' databases too, still hold back.
        if "on invoice" in line and "actual" in line and "rows=" in line and "Bitmap Index Scan" not in line
    )
    assert most <= 64 + 100, plan
