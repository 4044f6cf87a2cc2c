"""The figures of dashboards beside a slow model, after random histories of the books. --long takes more and longer ones."""

import asyncio
import random
from datetime import timedelta

import asyncpg
import pytest

from tests.dashboard.figures_model import KINDS, read_books
from tests.dashboard.random_books import History
from tests.support import forms

pytestmark = pytest.mark.gen_test
# Steps of a history, and periods of a trend that are compared.
STEPS, PERIODS = int(forms.by_form(short=90, long=400)), 8
SEEDS = range(int(forms.by_form(short=2, long=25)))


async def shown(owner, path):
    answer = await owner.get(path)
    assert answer.status == 200, answer.text
    return answer.json


async def check(owner, db, chance):
    """Compare every figure. Over midnight the days are other ones, so that the figures are looked at anew."""
    while True:
        model = await read_books(db, owner)
        wrong = await differences(owner, model, chance)
        if await db.fetchval("SELECT books.today()") == model.today:
            assert wrong == []
            break
    kept = await db.fetch("SELECT * FROM dashboard.client WHERE owner_id = $1 AND invoices <> 0", owner.id)
    names = ("billed", "invoices", "balance", "paid", "days", "late_days")
    assert {one["client_id"]: tuple(one[name] for name in names) for one in kept} == model.clients_standing()
    total = await db.fetchrow("SELECT invoices, balance FROM dashboard.total WHERE owner_id = $1", owner.id)
    assert tuple(total) == (len(model.open), sum(one["total_amount"] - one["paid_amount"] for one in model.open))


async def differences(owner, model, chance):
    """(figure, shown, model) of each figure that is wrong."""
    found = [("stats", await shown(owner, "/api/dashboard/stats/"), model.stats())]
    for kind in KINDS:
        path = f"/api/dashboard/trends/?period={kind}&periods={PERIODS}"
        found.append((path, await shown(owner, path), model.trends(kind, PERIODS)))
        for by in ("client", "service"):
            path = f"/api/dashboard/breakdown/?period_type={kind}&revenue_by={by}"
            parts = await shown(owner, path)
            for member, category_type in (("expense_categories", "expense"), ("revenue_categories", by)):
                items = {one["name"]: (one["value"], one["percentage"], one["count"]) for one in parts[member]}
                expected = {name[:200]: part for name, part in model.breakdown(category_type, kind).items()}
                found.append((path, items, expected))
                values = [one["value"] for one in parts[member]]
                found.append((path, values, sorted(values, reverse=True)))
        day = model.today - timedelta(chance.randint(0, 100))
        body = {"period_type": kind, "snapshot_date": day.isoformat()}
        stored = (await owner.post("/api/dashboard/snapshots/generate/", body)).json
        expected = model.snapshot(kind, day)
        found.append(("snapshot", {name: stored[name] for name in expected}, expected))
    return [one for one in found if one[1] != one[2]]


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_figure_agrees_with_the_rows_whatever_has_happened(owner, db, seed):
    chance = random.Random(seed)
    history = History(owner, db, chance)
    for _ in range(3):
        await history.client()
    await history.run(STEPS)
    await check(owner, db, chance)


async def test_concurrent_writers_of_two_owners_leave_figures_that_agree_with_the_rows_of_each(
    open_books, db, settings, deadlocks
):
    """The histories of one owner run beside each other, and beside rebuilds of the figures."""
    owners = [await open_books(), await open_books()]
    chance = random.Random(7)
    writers = int(forms.by_form(short=3, long=8))
    # A connection does one thing at a time.
    pool = await asyncpg.create_pool(settings.database_url, min_size=1, max_size=4)
    histories = [History(owner, pool, random.Random(n)) for owner in owners for n in range(writers)]
    for history in histories:
        await history.client()
    is_over = asyncio.Event()

    async def rebuild():
        while not is_over.is_set():
            await pool.fetchval("SELECT dashboard.rebuild($1)", chance.choice(owners).id)
            await asyncio.sleep(0.05)

    rebuilding = asyncio.create_task(rebuild())
    await asyncio.gather(*(history.run(STEPS // writers) for history in histories))
    is_over.set()
    await rebuilding
    await pool.close()
    assert deadlocks == []
    for owner in owners:
        await check(owner, db, chance)
