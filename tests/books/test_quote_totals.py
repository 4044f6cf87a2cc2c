"""The totals of any quote, beside those that Decimal makes. docs/api/books.md#amounts-and-days."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.books.test_quote import PATH

CENT, LARGEST = Decimal("0.01"), Decimal("99999999.99")


def number(smallest, largest, places):
    """A decimal, as a number or as text."""
    return st.decimals(smallest, largest, places=places).flatmap(lambda n: st.sampled_from([str(n), float(n)]))


LINES = st.lists(
    st.fixed_dictionaries(
        {
            "description": st.just("Work"),
            "unit_price": st.integers(2, 4).flatmap(lambda p: number("0.01", "99999.99", p)),
        },
        optional={"quantity": st.integers(0, 4).flatmap(lambda p: number("1" if p == 0 else "0.1", "9999", p))},
    ),
    min_size=1,
    max_size=12,
)
TAXES = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"tax_rate": number("0", "1", 4)}),
    st.fixed_dictionaries({"tax_amount": number("0", "99999", 3)}),
    st.fixed_dictionaries({"tax_rate": number("0", "1", 4), "tax_amount": number("0", "99999", 2)}),
)


def cents(amount):
    return amount.quantize(CENT, ROUND_HALF_UP)


def totals(lines, taxes):
    """The totals of the lines, their sum, the tax, and the total."""
    # str() of a float is what JSON says of it.
    each = [
        cents(cents(Decimal(str(one.get("quantity", 1)))) * cents(Decimal(str(one["unit_price"])))) for one in lines
    ]
    rate, amount = (Decimal(str(taxes[name])) if name in taxes else None for name in ("tax_rate", "tax_amount"))
    tax = cents(sum(each) * rate) if rate is not None else cents(amount or Decimal(0))
    return each, sum(each), tax, sum(each) + tax


def test_the_totals_of_any_quote_are_exact(io_loop, owner):
    client = io_loop.run_sync(owner.client)["id"]
    made = []

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(LINES, TAXES)
    def check(lines, taxes):
        each, subtotal, tax, total = totals(lines, taxes)

        async def exchange():
            body = {"line_items": lines, **taxes}
            answers = [await owner.post(PATH, {"client": client, **body})]
            if made:
                # A quote whose lines and tax are replaced has the same sums.
                whole = {"tax_rate": None, "tax_amount": None, **body}
                answers.append(await owner.patch(f"{PATH}{made[0]}/", whole))
            return answers

        for answer in io_loop.run_sync(exchange):
            if total > LARGEST:
                assert (answer.status, list(answer.json["details"])) == (400, ["total_amount"])
                continue
            shown = answer.json
            made.append(shown["id"])
            assert [Decimal(line["total"]) for line in shown["line_items"]] == each
            assert [Decimal(shown[name]) for name in ("subtotal", "tax_amount", "total_amount")] == [
                subtotal,
                tax,
                total,
            ]

    check()


@pytest.mark.gen_test
async def test_a_thousand_lines_add_up(owner):
    lines = [{"description": f"Line {n}", "quantity": 0.33, "unit_price": "0.05"} for n in range(1000)]
    made = await owner.quote(line_items=lines)
    # 0.0165 is rounded for each line.
    assert (made["subtotal"], len(made["line_items"])) == ("20.00", 1000)
    assert [line["description"] for line in made["line_items"]] == [line["description"] for line in lines]
