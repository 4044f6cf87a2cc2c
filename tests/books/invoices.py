"""What the tests of invoices share."""

from datetime import UTC, datetime, timedelta

PATH = "/api/invoices/"
LATE = {"issue_date": "2024-01-01", "due_date": "2024-01-31"}
NO_LINES = {"line_items": ["At least one line item is required."]}


def today(days=0):
    return str((datetime.now(UTC) + timedelta(days=days)).date())


def one(invoice):
    return f"{PATH}{invoice['id']}/"


def sums(invoice):
    return [invoice[name] for name in ("subtotal", "tax_amount", "total_amount", "paid_amount", "balance", "status")]
