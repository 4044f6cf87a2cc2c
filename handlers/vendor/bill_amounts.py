"""Amounts of a bill as they are printed, and its tax by rate. docs/api/vendor.md#paper-of-a-bill.

Amounts come as decimal strings, the way Postgres writes them.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from core.text import BLANKS

CENT = Decimal("0.01")


class RateTax(NamedTuple):
    """The tax of all lines of one rate, in rupees; rate: percent. taxable: None where it isn't known."""

    rate: Decimal
    taxable: Decimal | None
    cgst: Decimal
    sgst: Decimal
    igst: Decimal


def number(value: Any) -> Decimal:
    """A number of the document; 0: it is missing."""
    return Decimal(str(value or 0))


def rupees(value: Any) -> str:
    """₹1,23,456.00: India groups digits by two after the first three."""
    amount = number(value)
    whole, _, cents = f"{abs(amount):.2f}".partition(".")
    head, last = whole[:-3], whole[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return f"{'-' if amount < 0 else ''}₹{','.join([*groups, last])}.{cents}"


def digits(value: Any) -> str:
    """A quantity or a rate without zeros at its end: 2, 1.5."""
    text = f"{number(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_gst(bill: Mapping[str, Any]) -> bool:
    """Whether the bill, stored or as it was sent, has taxes. Devices may send any mode; only the documented one for bills without GST has
    none, in whatever letters."""
    return (bill.get("billing_mode") or "").strip(BLANKS).lower() != "non_gst"


def price(line: Mapping[str, Any]) -> Any:
    """The price that the line's amount was made from: of `price` and `mrp_price` the one that makes it, else `price`."""
    quantity, amount = number(line["quantity"]), number(line["subtotal"])
    made = [name for name in ("price", "mrp_price") if (number(line[name]) * quantity).quantize(CENT) == amount]
    return line[made[0] if made else "price"]


def discount(line: Mapping[str, Any]) -> Decimal:
    return number(line.get("discount_amount")) or number(line.get("additional_discount"))


def tax_by_rate(bill: Mapping[str, Any]) -> list[RateTax]:
    """The tax by rate, from the lines' own amounts. Empty: these don't add up to the bill's own sums, which are printed alone then."""
    lines: Sequence[Mapping[str, Any]] = [line for line in bill["items"] if number(line["item_gst_amount"])]
    cgst, sgst, igst = (number(bill[f"{name}_amount"]) for name in ("cgst", "sgst", "igst"))
    is_between_states = igst != 0
    rates = sorted({number(line["gst_percentage"]) for line in lines})
    found, tax_so_far, cgst_so_far = [], Decimal(), Decimal()
    for rate in rates:
        of_rate = [line for line in lines if number(line["gst_percentage"]) == rate]
        tax = sum((number(line["item_gst_amount"]) for line in of_rate), Decimal())
        # Each half is rounded with those before it, so that the halves of all rates add up to half of the whole tax.
        tax_so_far += tax
        half = (tax_so_far / 2).quantize(CENT, ROUND_HALF_UP) - cgst_so_far
        cgst_so_far += half
        taxable = sum((_taxable(line) for line in of_rate), Decimal())
        if is_between_states:
            found.append(RateTax(rate, taxable, Decimal(), Decimal(), tax))
        else:
            found.append(RateTax(rate, taxable, half, tax - half, Decimal()))
    sums = [sum((getattr(one, name) for one in found), Decimal()) for name in ("cgst", "sgst", "igst")]
    if sums != [cgst, sgst, igst]:
        return []
    return found if _is_taxable_known(bill) else [one._replace(taxable=None) for one in found]


def _taxable(line: Mapping[str, Any]) -> Decimal:
    """What the tax of a line is on. The amount of a line whose price includes the tax has it within."""
    return number(line["subtotal"]) - (number(line["item_gst_amount"]) if line["price_type"] == "inclusive" else 0)


def _is_taxable_known(bill: Mapping[str, Any]) -> bool:
    """Whether the lines add up to the bill's subtotal. With a discount nobody knows whether it is taken off already."""
    if number(bill["discount_amount"]) or any(discount(line) for line in bill["items"]):
        return False
    return sum((_taxable(line) for line in bill["items"]), Decimal()) == number(bill["subtotal"])
