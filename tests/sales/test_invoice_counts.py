"""The counts that filtered lists are counted by: they always say what counting every invoice would say."""

import asyncio
import random

import asyncpg
import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/invoices/"
STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
# Each count that is kept beside what the rows say, where they differ. One statement, so one snapshot.
WRONG = """
    WITH kept AS (
        SELECT kind, key, day, status, sum(n) AS n FROM sales.invoice_counted GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
    ), right_ AS (
        SELECT k.kind, k.key, d.day, i.status, count(*) AS n
          FROM sales.invoice i
         CROSS JOIN LATERAL (VALUES ('all', 0), ('customer', i.customer_id), ('salesman', i.salesman_id), ('user', i.created_user_id),
                                    ('creator', hashtextextended(nullif(i.created_by, ''), 0))) AS k (kind, key)
         CROSS JOIN LATERAL (VALUES (date '-infinity'), (i.invoice_date)) AS d (day)
         WHERE i.is_active AND k.key IS NOT NULL AND NOT (k.kind = 'customer' AND d.day <> '-infinity')
         GROUP BY 1, 2, 3, 4
    )
    SELECT kind, key, day::text, status, kept.n AS kept, right_.n AS right FROM kept FULL JOIN right_ USING (kind, key, day, status)
     WHERE kept.n IS DISTINCT FROM right_.n
"""


@pytest.fixture
def changes(db, io_loop):
    """No invoices; customers, salesmen and accounts to choose from."""
    io_loop.run_sync(lambda: db.execute("TRUNCATE sales.invoice, sales.customer, sales.salesman CASCADE"))
    return Changes(db)


class Changes:
    """What other programs' plain SQL may do to invoices, at random."""

    def __init__(self, db):
        self.db = db

    async def people(self):
        for table, column in (("customer", "code, name"), ("salesman", "name")):
            texts = ", ".join(["'C' || n"] * column.count(",") + ["'N' || n"])
            await self.db.execute(
                f"INSERT INTO sales.{table} ({column}) SELECT {texts} FROM generate_series(1, 4) n ON CONFLICT DO NOTHING"
            )
        await self.db.execute(
            "INSERT INTO accounts.account (email, role) SELECT 'count' || n || '@count.example', 'BILLING' FROM generate_series(1, 3) n"
            " ON CONFLICT DO NOTHING"
        )

    async def insert(self, chance, many):
        await self.people()
        await self.db.execute(
            "INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id, salesman_id, created_user_id, created_by, status, is_active)"
            f" SELECT gen_random_uuid(), {self.value(chance, 'invoice_date')}, {self.value(chance, 'customer_id')},"
            f"        {self.value(chance, 'salesman_id')}, {self.value(chance, 'created_user_id')}, {self.value(chance, 'created_by')},"
            f"        {self.value(chance, 'status')}, {self.value(chance, 'is_active')} FROM generate_series(1, {many}) n"
        )

    async def update(self, chance):
        columns = chance.sample(
            (
                "invoice_date",
                "customer_id",
                "salesman_id",
                "created_user_id",
                "created_by",
                "status",
                "is_active",
                "remarks",
            ),
            chance.choice((1, 1, 2, 8)),
        )
        changed = ", ".join(f"{column} = {self.value(chance, column)}" for column in columns)
        await self.db.execute(f"UPDATE sales.invoice n SET {changed} WHERE id % 5 = {chance.randrange(5)}")

    async def delete(self, chance):
        what = chance.choice(("sales.invoice", "sales.invoice", "sales.salesman", "sales.customer", "accounts.account"))
        only = "email LIKE '%@count.example'" if what == "accounts.account" else f"id % 9 = {chance.randrange(9)}"
        await self.db.execute(f"DELETE FROM {what} WHERE {only}")
        await self.people()

    def value(self, chance, column):
        """SQL of another value for each row n."""
        seed = chance.randrange(1000)
        number = f"abs(hashint8(coalesce((to_jsonb(n) ->> 'id')::bigint, 0) + {seed} + (random() * 50)::integer))"
        choices = {
            "customer_id": "(SELECT array_agg(id) FROM sales.customer)",
            "salesman_id": "(SELECT array_agg(id) || NULL FROM sales.salesman)",
            "created_user_id": "(SELECT array_agg(id) || NULL FROM accounts.account WHERE email LIKE '%@count.example')",
            "created_by": "ARRAY['ann', 'bob', '', NULL]",
            "status": f"ARRAY{list(STATUSES)}",
            "is_active": "ARRAY[true, true, true, false]",
            "invoice_date": "ARRAY['2025-01-18', '2025-01-19', '2025-02-01', '1999-12-31', '9999-12-31']::date[]",
            "remarks": "ARRAY['one', 'two']",
        }
        return f"({choices[column]})[1 + {number} % cardinality({choices[column]})]"


async def test_counts_are_those_of_the_rows_after_any_change_folded_or_not(db, changes):
    chance = random.Random(16)
    for turn in range(40):
        await changes.insert(chance, 25)
        await chance.choice((changes.update, changes.update, changes.delete))(chance)
        assert await db.fetch(WRONG) == [], turn
        if turn % 3 == 0:
            await db.fetchval("SELECT sales.fold_invoice_deltas()")
            assert await db.fetch(WRONG) == [], turn
            assert await db.fetchval("SELECT count(*) FROM sales.invoice_count WHERE n <= 0") == 0, turn
    assert await db.fetchval("SELECT count(*) FROM sales.invoice_count") > 100


async def test_counts_are_those_of_the_rows_at_every_moment_while_changes_and_folds_go_on_together(
    db, changes, settings
):
    pool = await asyncpg.create_pool(settings.database_url, min_size=5, max_size=5)
    going, looks = True, 0
    await changes.insert(random.Random(1), 100)

    async def fold():
        while going:
            await pool.fetchval("SELECT sales.fold_invoice_deltas()")

    async def look():
        nonlocal looks
        while going:
            assert await pool.fetch(WRONG) == []
            looks += 1

    others = [asyncio.create_task(work) for work in (fold(), fold(), look())]
    chance = random.Random(2)
    for _ in range(30):
        # Rows are changed in the order of their ids, each by one statement at a time: nothing to deadlock on.
        await changes.update(chance)
        await asyncio.gather(changes.insert(chance, 10), pool.execute("DELETE FROM sales.invoice WHERE id % 50 = 7"))
    going = False
    await asyncio.gather(*others)
    await pool.close()
    assert looks > 5 and await db.fetch(WRONG) == []


async def test_a_change_that_is_rolled_back_and_a_truncate_leave_counts_right(db, changes):
    chance = random.Random(3)
    await changes.insert(chance, 50)
    transaction = db.transaction()
    await transaction.start()
    await changes.update(chance)
    await changes.insert(chance, 50)
    await transaction.rollback()
    assert await db.fetch(WRONG) == []
    for folded in (False, True):
        if folded:
            await db.fetchval("SELECT sales.fold_invoice_deltas()")
        await db.execute("TRUNCATE sales.invoice CASCADE")
        assert await db.fetch("SELECT FROM sales.invoice_counted") == []
        await changes.insert(chance, 50)
        assert await db.fetch(WRONG) == []


async def test_recounting_corrects_what_was_written_without_the_triggers(api, db, changes):
    await changes.insert(random.Random(4), 60)
    await db.execute("ALTER TABLE sales.invoice DISABLE TRIGGER USER")
    await db.execute("UPDATE sales.invoice SET status = 'PACKED', invoice_date = '2030-01-01', is_active = true")
    await db.execute("ALTER TABLE sales.invoice ENABLE TRIGGER USER")
    assert await db.fetch(WRONG) != []
    await db.execute("SELECT sales.recount_invoices()")
    assert await db.fetch(WRONG) == []
    for filters in ("", "?status=PACKED", "?start_date=2030-01-01", "?start_date=2030-01-01&status=PACKED"):
        assert (await api.get(PATH + filters)).json["count"] == 60, filters


async def test_an_invoice_that_is_edited_is_counted_under_what_it_says_now(api, invoice, sign_in, changes):
    token = (await sign_in("BILLING"))["access"]
    made = [
        (await api.import_invoice(invoice(salesman="Ann", created_by="ann", invoice_date="2031-05-04"))).json["data"][
            "id"
        ]
        for _ in range(3)
    ]
    answer = await api.call(
        "PATCH",
        f"{PATH}{made[0]}/",
        {"salesman": "Bob", "created_by": "bob", "invoice_date": "2031-05-05"},
        token=token,
    )
    assert answer.status == 200, answer.text
    for filters, count in {
        "salesman=Ann": 2, "salesman=Bob": 1, "created_by=ann": 2, "created_by=bob": 1, "start_date=2031-05-05": 1,
        "end_date=2031-05-04": 2, "salesman=Bob&end_date=2031-05-04": 0, "salesman=Bob&start_date=2031-05-05&status=PENDING": 1,
        "customer=CUST-889": 3, "customer=CUST-889&status=PICKED": 0,
    }.items():  # fmt: skip
        listed = (await api.get(f"{PATH}?{filters}")).json
        assert (listed["count"], len(listed["results"])) == (count, count), filters
