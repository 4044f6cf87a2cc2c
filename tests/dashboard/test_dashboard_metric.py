"""Metrics and key performance indicators. docs/api/dashboard.md#metrics."""

import datetime

import pytest

from tests.dashboard.analytics import issue, paged, shown, spend, today, walked

pytestmark = pytest.mark.gen_test
KPIS = ["Total Revenue", "Profit Margin", "Invoices Generated", "New Clients", "Revenue Growth Rate"]
CATEGORIES = {
    "financial": ["Total Revenue", "Profit Margin", "Total Expenses", "Net Profit", "Average Invoice Value"],
    "operational": ["Invoices Generated", "Quote Conversion Rate", "Quotes Sent"],
    "client": ["New Clients"],
    "growth": ["Revenue Growth Rate"],
}


@pytest.fixture
def busy(owner, db, io_loop):
    """An owner with figures in the last 30 days, the 30 before, and the 30 before these."""

    async def fill():
        day = await today(db)
        client = (await owner.client())["id"]
        for ago, amount in (
            (0, "300.00"),
            (29, "100.00"),
            (30, "150.00"),
            (59, "50.00"),
            (60, "400.00"),
            (89, "400.00"),
        ):
            await issue(owner, day - datetime.timedelta(days=ago), amount, client)
        await issue(owner, day - datetime.timedelta(days=90), "9999.00", client)
        await issue(owner, day + datetime.timedelta(days=1), "7777.00", client)
        await owner.invoice(client=client, issue_date=str(day), due_date=str(day))
        await spend(owner, day, "320.00")
        await spend(owner, day - datetime.timedelta(days=31), "100.00")
        quote = await owner.quote(client=client)
        await owner.post(f"/api/quotes/{quote['id']}/send/")
        await owner.post(f"/api/quotes/{quote['id']}/accept/")
        other = await owner.quote(client=client)
        await owner.post(f"/api/quotes/{other['id']}/send/")
        await owner.quote(client=client)
        return owner

    return io_loop.run_sync(fill)


async def test_empty_books_have_the_five_indicators_at_zero(owner, db):
    day = await today(db)
    found = await shown(owner, "kpis/")
    assert [kpi["metric_name"] for kpi in found] == KPIS
    assert [kpi["current_period"]["unit"] for kpi in found] == [
        "currency",
        "percentage",
        "number",
        "number",
        "percentage",
    ]
    for kpi in found:
        assert kpi["current_period"] == {
            "value": "0.0000",
            "period_start": str(day - datetime.timedelta(days=29)),
            "period_end": str(day),
            "unit": kpi["current_period"]["unit"],
        }
        assert kpi["previous_period"] == {"value": "0.0000", "unit": kpi["current_period"]["unit"]}
        assert (kpi["change_amount"], kpi["change_percentage"], kpi["trend"]) == ("0.0000", "0.0000", "neutral")
    assert [kpi["target_achievement"] for kpi in found] == [None, "0.0000", None, None, "0.0000"]


async def test_indicators_compare_the_last_30_days_with_the_30_before(busy):
    found = {kpi["metric_name"]: kpi for kpi in await shown(busy, "kpis/")}
    values = {
        name: (
            kpi["current_period"]["value"],
            kpi["previous_period"]["value"],
            kpi["change_amount"],
            kpi["change_percentage"],
            kpi["trend"],
            kpi["target_achievement"],
        )
        for name, kpi in found.items()
    }
    assert values == {
        "Total Revenue": ("400.0000", "200.0000", "200.0000", "100.0000", "up", None),
        "Profit Margin": ("20.0000", "50.0000", "-30.0000", "-60.0000", "down", "100.0000"),
        "Invoices Generated": ("2.0000", "2.0000", "0.0000", "0.0000", "neutral", None),
        "New Clients": ("1.0000", "0.0000", "1.0000", "0.0000", "up", None),
        "Revenue Growth Rate": ("100.0000", "-75.0000", "175.0000", "233.3333", "up", "1000.0000"),
    }


async def test_metrics_have_further_figures_and_say_whether_they_improve(busy):
    found = {metric["metric_name"]: metric for metric in await paged(busy, "metrics/", 100)}
    assert [found[name]["id"] for name in found] == list(range(1, 11))
    values = {
        name: (one["current_value"], one["previous_value"], one["change_percentage"], one["is_improving"])
        for name, one in found.items()
        if name not in KPIS
    }
    assert values == {
        "Total Expenses": ("320.0000", "100.0000", "220.0000", False),
        "Net Profit": ("80.0000", "100.0000", "-20.0000", False),
        "Quote Conversion Rate": ("50.0000", "0.0000", "0.0000", True),
        "Average Invoice Value": ("200.0000", "100.0000", "100.0000", True),
        "Quotes Sent": ("2.0000", "0.0000", "0.0000", True),
    }
    assert found["Profit Margin"]["target_value"] == "20.0000"
    assert found["Total Revenue"]["target_value"] is None


async def test_expenses_improve_when_they_fall(owner, db):
    await spend(owner, await today(db) - datetime.timedelta(days=40), "10.00")
    (found,) = (await shown(owner, "metrics/", metric_name="total expenses"))["results"]
    assert (found["current_value"], found["previous_value"], found["is_improving"]) == ("0.0000", "10.0000", True)


async def test_a_great_loss_has_a_margin_of_many_digits(owner, db):
    day = await today(db)
    await issue(owner, day, "0.01")
    await spend(owner, day, "90000.00")
    assert (await shown(owner, "metrics/2/"))["current_value"] == "-899999900.0000"


@pytest.mark.parametrize(("category", "names"), CATEGORIES.items())
async def test_metrics_and_indicators_are_filtered_by_category(owner, category, names):
    metrics = (await shown(owner, "metrics/", metric_category=category))["results"]
    assert [metric["metric_name"] for metric in metrics] == names
    assert {metric["metric_category"] for metric in metrics} == {category}
    kpis = await shown(owner, "kpis/", category=category)
    assert [kpi["metric_name"] for kpi in kpis] == [name for name in names if name in KPIS]


async def test_an_unknown_category_is_refused(owner):
    said = "Select a valid choice. taxes is not one of the available choices."
    assert (await shown(owner, "metrics/", 400, metric_category="taxes"))["details"] == {"metric_category": [said]}
    assert (await shown(owner, "kpis/", 400, category="taxes"))["details"] == {"category": [said]}


async def test_metrics_are_found_by_a_part_of_the_name_ignoring_case(owner):
    found = (await shown(owner, "metrics/", metric_name="ReV"))["results"]
    assert [metric["metric_name"] for metric in found] == ["Total Revenue", "Revenue Growth Rate"]
    for nothing in ("%", "_", "nothing", "x" * 5000):
        assert (await shown(owner, "metrics/", metric_name=nothing))["count"] == 0


async def test_metrics_are_paged_by_number_and_by_cursor(busy):
    names = [metric["metric_name"] for metric in await paged(busy, "metrics/", 3)]
    assert len(names) == len(set(names)) == 10
    assert [metric["metric_name"] for metric in await walked(busy, "metrics/", 3)] == names


async def test_a_metric_is_shown_by_its_id(busy):
    listed = (await shown(busy, "metrics/"))["results"]
    assert [await shown(busy, f"metrics/{metric['id']}/") for metric in listed] == listed
    for unknown in (0, 11, 10**17):
        await shown(busy, f"metrics/{unknown}/", 404)


async def test_metrics_are_of_ones_own_books(busy, open_books):
    other = await open_books()
    found = (await shown(other, "metrics/"))["results"]
    assert {metric["current_value"] for metric in found} == {"0.0000"}
