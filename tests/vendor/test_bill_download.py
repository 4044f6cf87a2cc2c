"""Downloading bills. docs/api/vendor.md#download."""

import asyncio
import json
from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest

from core.data import sql
from core.http.handler import Handler
from handlers.vendor.bill import BATCH
from tests.vendor.test_bill import SYNC, bill, stored, upload

pytestmark = pytest.mark.gen_test


async def numbers(api, headers, query=""):
    answer = await api.get(f"{SYNC}?{query}", headers=headers)
    assert answer.status == 200, answer.text
    assert answer.json["count"] == len(answer.json["bills"])
    return [one["invoice_number"] for one in answer.json["bills"]]


async def test_a_vendor_without_bills_downloads_none(api, seller):
    someone, headers = await seller(business_name='Café "₹"')
    assert (await api.get(SYNC, headers=headers)).json == {
        "count": 0,
        "bills": [],
        "vendor_id": someone.id,
        "vendor_name": 'Café "₹"',
    }


async def test_bills_are_listed_by_the_time_of_their_upload_and_then_by_their_own_the_last_first(api, seller):
    _, headers = await seller()
    await upload(api, headers, [bill("old", timestamp="2020-01-01"), bill("new", timestamp="2030-01-01")])
    await upload(api, headers, bill("late", timestamp="2010-01-01"))
    assert await numbers(api, headers) == ["late", "new", "old"]
    assert await numbers(api, headers, "limit=2") == ["late", "new"]
    assert await numbers(api, headers, "limit=0") == []
    assert await numbers(api, headers, "limit=") == ["late", "new", "old"]
    for large in ("999999999999", "9" * 20, "9" * 50, "0" * 49 + "7"):
        assert await numbers(api, headers, f"limit={large}") == ["late", "new", "old"]


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "1e3", "9" * 51, "+1", "1_0", "x" * 50, "\u0663"])
async def test_a_limit_that_is_no_number_is_refused(api, seller, limit):
    _, headers = await seller()
    answer = await api.get(f"{SYNC}?limit={quote(limit)}", headers=headers)
    assert (answer.status, answer.json) == (400, {"limit": ["A valid integer is required."]})


async def test_since_finds_what_was_stored_at_that_moment_or_later(api, seller):
    _, headers = await seller()
    await upload(api, headers, bill("first"))
    second = await stored(api, headers, bill("second"))
    await upload(api, headers, bill("third"))
    at = second["synced_at"]
    assert await numbers(api, headers, f"since={at}") == ["third", "second"]
    assert await numbers(api, headers, f"since={at.removesuffix('Z')}") == ["third", "second"]
    # A + that the client forgot to encode arrives as a blank.
    for zone in ("+00:00", "%2B00:00", "+0000"):
        assert await numbers(api, headers, f"since={at.removesuffix('Z')}{zone}") == ["third", "second"]
    assert await numbers(api, headers, f"since={at[:19].replace('T', '+')}") == ["third", "second", "first"]
    assert await numbers(api, headers, "since=2999-01-01") == []
    assert await numbers(api, headers, "since=2999-01-01T00:00:00+05:30") == []
    for since in ("2020-01-01", "yesterday", "", "2026-13-01", "0001-01-01T00:00:00%2B14:00", "9" * 5000):
        assert await numbers(api, headers, f"since={since}") == ["third", "second", "first"]


async def test_bills_are_filtered_by_mode_and_by_the_days_of_their_dates(api, seller):
    _, headers = await seller()
    days = (("a", "2026-01-01", "gst"), ("b", "2026-01-02", "non_gst"), ("c", "2026-01-03", "gst"))
    for number, day, mode in days:
        await upload(api, headers, bill(number, bill_date=day, billing_mode=mode))
    assert await numbers(api, headers, "billing_mode=gst") == ["c", "a"]
    assert await numbers(api, headers, "billing_mode=other") == []
    assert await numbers(api, headers, "start_date=2026-01-02") == ["c", "b"]
    assert await numbers(api, headers, "end_date=2026-01-02") == ["b", "a"]
    assert await numbers(api, headers, "start_date=2026-01-02&end_date=2026-01-02") == ["b"]
    assert await numbers(api, headers, "start_date=2026-01-02&billing_mode=gst&limit=5&since=2020-01-01") == ["c"]
    assert await numbers(api, headers, "start_date=2026-02-30&end_date=x&billing_mode=") == ["c", "b", "a"]


async def test_times_of_uploads_grow_in_the_order_of_their_commits(api, seller):
    _, headers = await seller()
    answers = await asyncio.gather(*(stored(api, headers, bill(f"n{n}")) for n in range(20)))
    times = [one["synced_at"] for one in answers]
    assert len(set(times)) == 20
    listed = (await api.get(SYNC, headers=headers)).json["bills"]
    assert [one["synced_at"] for one in listed] == sorted(times, reverse=True)


async def test_a_device_that_goes_on_from_the_last_time_it_has_seen_misses_no_bill(api, seller):
    _, headers = await seller()
    seen, since, done = set(), "2020-01-01", False

    async def follow():
        nonlocal since
        while not done or since is None:
            for one in (await api.get(f"{SYNC}?since={since}", headers=headers)).json["bills"]:
                seen.add(one["invoice_number"])
                since = max(since, one["synced_at"])

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(upload(api, headers, [bill(f"f{n}"), bill(f"g{n}")]) for n in range(30)))
    done = True
    await follower
    last = await numbers(api, headers, f"since={since}")
    assert seen | set(last) == {f"{letter}{n}" for letter in "fg" for n in range(30)}


async def test_many_bills_are_sent_batch_by_batch(api, seller, monkeypatch):
    _, headers = await seller()
    count = 3 * BATCH + 1
    await upload(api, headers, [bill(f"m{n}", items=[{"name": "x"}]) for n in range(count)])
    flushes, flush = [], Handler.flush

    def counted(self, *arguments, **more):
        flushes.append(1)
        return flush(self, *arguments, **more)

    monkeypatch.setattr(Handler, "flush", counted)
    assert len(set(await numbers(api, headers))) == count
    assert len(flushes) >= 3


async def test_the_logo_is_a_fresh_link_to_the_vendors_own(api, seller, db, app):
    someone, headers = await seller()
    sent = bill("L", logo_url="https://old.example.com/logo.png")
    assert (await stored(api, headers, sent))["logo_url"] == "https://old.example.com/logo.png"
    key = "vendors/abc/logo.png"
    await db.execute("UPDATE vendor.vendor SET logo = $2 WHERE id = $1::uuid", someone.id, key)
    answers = [await stored(api, headers, sent), (await api.get(SYNC, headers=headers)).json["bills"][0]]
    for answer in answers:
        assert f"/media/{key}?expires=" in answer["logo_url"] and "signature=" in answer["logo_url"]


async def test_a_page_of_a_long_list_reads_only_the_bills_that_it_shows(seller, db):
    """EXPLAIN with the plans that the server uses. sql/vendor/bill.sql."""
    someone, _ = await seller()
    await db.execute(
        """INSERT INTO vendor.bill (vendor_id, synced_at, created_at, bill_date, invoice_number, bill_number, device_id, billing_mode,
                                    restaurant_name, address, footer_note, subtotal, total_amount, total_tax, cgst_amount, sgst_amount,
                                    igst_amount, payment_mode, change_amount, discount_amount, discount_percentage, digest)
           SELECT $1::uuid, now() + n * interval '1 s', now(), now()::date - n % 700, n::text, '', '', 'gst', '', '', '', 0, 0, 0, 0, 0, 0,
                  '', 0, 0, 0, sha256('')
             FROM generate_series(1, 20000) n""",
        someone.id,
    )
    await db.execute("ANALYZE vendor.bill")
    await db.execute("SET plan_cache_mode = force_generic_plan")
    query = sql.load("vendor/bill")
    now = datetime.now(UTC)
    newest, of_days = {"vendor_id": someone.id, "most": 100}, {"start_date": now.date(), "end_date": now.date()}
    for asked, given, filters, most_read in (
        (query.list_ids, newest, {}, 100),
        (query.list_ids, newest, {"since": now}, 100),
        (query.list_ids, newest, {"billing_mode": "gst"}, 100),
        (query.list_ids_of_days, {**newest, **of_days}, {}, 100),
        (query.list_ids_of_days, {**newest, **of_days, "start_date": date.min}, {"billing_mode": "gst"}, 20000),
    ):
        found = asked.where(**filters)
        values = ", ".join(f"'{value}'" for value in [*(given[name] for name in asked.parameters), *found.values])
        await db.execute(f"PREPARE asked AS {found.query.text.rstrip(';')}")
        [plan] = json.loads(await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({values})"))
        await db.execute("DEALLOCATE asked")
        assert read(plan["Plan"]) <= most_read, (asked.name, filters, plan)


def read(node):
    """How many rows the scans of a plan have read."""
    inner = node.get("Plans", [])
    own = 0 if inner else node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return own + sum(map(read, inner))
