"""Amounts and days as papers show them. Amounts come as decimal strings, the way Postgres writes them. docs/api/books.md#papers."""

from decimal import Decimal

# Where these currencies are used, digits are grouped by two after the first three.
GROUPED_BY_TWO = ("INR", "BDT", "NPR", "PKR")
MONTHS = "January February March April May June July August September October November December".split()


def amount(value: str, currency: str, sign: str) -> str:
    """$1,234.50, ₹1,23,456.00, CHF 12.00, -€5.00. The digits are those of the value."""
    is_negative = value.startswith("-")
    whole, point, cents = value.lstrip("-").partition(".")
    # A sign of letters alone would seem to be one word with the digits.
    blank = " " if sign.isalpha() else ""
    return f"{'-' if is_negative else ''}{sign}{blank}{_grouped(whole, currency)}{point}{cents}"


def _grouped(whole: str, currency: str) -> str:
    if currency not in GROUPED_BY_TWO:
        return f"{int(whole):,}"
    head, last = whole[:-3], whole[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*groups, last])


def digits(value: Decimal | float) -> str:
    """A quantity without zeros at its end, grouped by thousands: 2, 1.5, 12,000."""
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(rate: str) -> str:
    """A rate as a percentage: 8.25%, 10%."""
    return f"{digits(Decimal(rate) * 100)}%"


def day(text: str) -> str:
    """18 January 2025: no reader takes the day for the month."""
    year, month, number = map(int, text.split("-"))
    return f"{number} {MONTHS[month - 1]} {year}"
