"""What looks wrong in a bill. It is stored all the same: the server is a passive receiver. docs/api/vendor.md#warnings."""

import functools
from decimal import Decimal
from typing import Any

from stdnum.in_ import gstin

from handlers.vendor import bill_dates
from handlers.vendor.bill_amounts import is_gst

# Devices round the tax of each line.
CENT = Decimal("0.01")
# GST numbers whose check is remembered.
MOST_GSTINS = 10_000
# Totals are rounded to whole rupees.
RUPEE = Decimal(1)


def warnings(bill: dict[str, Any], dates: bill_dates.Dates) -> dict[str, list[str]]:
    """Sentences by field. bill: as it was sent, and valid. dates: what could be read of its dates."""
    found = {"gstin": _of_gstin(bill), **_of_tax(bill), **_of_totals(bill)}
    return {
        **{field: [sentence] for field, sentence in found.items() if sentence},
        **(bill_dates.warnings(dates) if dates.unread else {}),
    }


def _of_gstin(bill: dict[str, Any]) -> str:
    sent = bill.get("gstin")
    return "" if not sent or _is_gstin(sent) else "This is no valid GST number."


@functools.lru_cache(MOST_GSTINS)
def _is_gstin(sent: str) -> bool:
    """The check takes 20 µs, and a vendor's bills have the same number."""
    return bool(gstin.is_valid(sent))


def _of_tax(bill: dict[str, Any]) -> dict[str, str]:
    cgst, sgst, igst, total = (_amount(bill, name) for name in ("cgst", "sgst", "igst", "total_tax"))
    if not is_gst(bill):
        return {"total_tax": "A bill without GST has tax."} if any((cgst, sgst, igst, total)) else {}
    return {
        "sgst": "CGST and SGST differ." if cgst != sgst else "",
        "total_tax": "" if abs(total - cgst - sgst - igst) <= CENT else "This is not the sum of CGST, SGST and IGST.",
    }


def _of_totals(bill: dict[str, Any]) -> dict[str, str]:
    """Prices may include the tax, and discounts be part of the subtotal: any of these sums is right."""
    found = {}
    tax, discount, subtotal = _amount(bill, "total_tax"), _amount(bill, "discount_amount"), _amount(bill, "subtotal")
    lines = bill.get("items") or []
    if lines and bill.get("subtotal") not in (None, ""):
        summed = sum((_amount_of_line(line) for line in lines), Decimal())
        if not _is_one_of(subtotal, summed, tax, discount, CENT * len(lines)):
            found["subtotal"] = "This is not the sum of the lines."
    name = next((name for name in ("total", "total_amount") if bill.get(name) not in (None, "")), None)
    if name is not None and not _is_one_of(_amount(bill, name), subtotal + tax, tax, discount, RUPEE):
        found["total"] = "This is not the sum of subtotal and tax."
    return found


def _is_one_of(amount: Decimal, summed: Decimal, tax: Decimal, discount: Decimal, tolerance: Decimal) -> bool:
    sums = (summed - less for less in (Decimal(), tax, discount, tax + discount))
    return any(abs(amount - one) <= tolerance for one in sums)


def _amount_of_line(line: dict[str, Any]) -> Decimal:
    if line.get("subtotal") not in (None, ""):
        return _amount(line, "subtotal")
    quantity = line.get("quantity")
    return _amount(line, "price") * (1 if quantity in (None, "") else Decimal(str(quantity)))


def _amount(values: dict[str, Any], name: str) -> Decimal:
    return Decimal(str(values.get(name) or 0))
