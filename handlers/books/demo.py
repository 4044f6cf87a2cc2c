"""The demo's books: a freelancer with clients, quotes, invoices and expenses. docs/api/books.md."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.data import sql
from handlers.api.command_database import opened
from handlers.settings import Settings

# The account, which handlers/accounts/commands.py creates.
OWNER = "member@example.com"
COMPANY = {"company_name": "Mia Member Studio", "company_address": "14 Rose Lane\nSpringfield"}
CLIENTS: tuple[dict[str, Any], ...] = (
    {"name": "Client Name", "email": "client@example.com", "phone": "+1234567890", "company": "Company Name",
     "address": "Client Address", "tax_number": "TAX123456"},
    {"name": "Blue Harbour Bakery", "email": "orders@blueharbour.example.com", "address": "2 Pier Road\nPortsmouth"},
    {"name": "ചായക്കട Tea House", "phone": "+91 98765 43210", "address": "MG Road\nKochi"},
)  # fmt: skip

_client, _quote, _invoice, _expense = (sql.load(f"books/{noun}") for noun in ("client", "quote", "invoice", "expense"))
query = sql.load("books/demo")


async def create_demo(config: Settings) -> None:
    """Fill the books of the demo's member, if they are empty."""
    async with opened(config) as db:
        await db.transaction(_fill)


async def _fill(db: sql.Runner) -> None:
    owner_id = await query.name_company(
        db, email=OWNER, name=COMPANY["company_name"], address=COMPANY["company_address"]
    )
    if owner_id is None:
        return
    clients = [
        json.loads(await _client.create_client(db, owner_id=owner_id, body=json.dumps(body)))["id"] for body in CLIENTS
    ]
    today = datetime.now(UTC).date()
    for body in _quotes(clients, today):
        await _quote.create_quote(db, owner_id=owner_id, body=json.dumps(body))
    for body in _invoices(clients, today):
        await _invoice.create_invoice(db, owner_id=owner_id, body=json.dumps(body))
    for body in _expenses(clients, today):
        await _expense.create_expense(db, owner_id=owner_id, body=json.dumps(body))


def _quotes(clients: list[int], today: date) -> list[dict[str, Any]]:
    return [
        {"client": clients[0], "title": "New website", "tax_rate": "0.10", "issue_date": _day(today, -3),
         "line_items": [_line("Design", "600.00"), _line("Development, one day", "400.00", 4)]},
        {"client": clients[2], "title": "Menu", "line_items": [_line("ചായ menu in two languages", "180.00")]},
    ]  # fmt: skip


def _invoices(clients: list[int], today: date) -> list[dict[str, Any]]:
    """One that is paid, one overdue and paid in part, one that is sent, and a draft."""
    return [
        {"client": clients[1], "issue_date": _day(today, -60), "due_date": _day(today, -30), "status": "paid",
         "line_items": [_line("Photographs", "45.00", 10)],
         "payments": [{"amount": "450.00", "payment_date": _day(today, -31), "payment_method": "bank_transfer", "reference": "TXN123456"}]},
        {"client": clients[0], "issue_date": _day(today, -45), "due_date": _day(today, -15), "status": "sent", "tax_rate": "0.10",
         "line_items": [_line("Consulting, one hour", "100.00", 10)], "payments": [{"amount": "500.00", "payment_date": _day(today, -20)}]},
        {"client": clients[2], "issue_date": _day(today, -5), "status": "sent", "line_items": [_line("Logo", "320.00")]},
        {"client": clients[1], "title": "Packaging", "line_items": [_line("Packaging design", "75.50", 8)]},
    ]  # fmt: skip


def _expenses(clients: list[int], today: date) -> list[dict[str, Any]]:
    return [
        {"description": "Office supplies", "amount": "50.00", "category": "office", "expense_date": _day(today, -12),
         "receipt_number": "REC-001", "vendor": "Office Store", "tax_amount": "5.00", "status": "approved"},
        {"description": "Train to Portsmouth", "amount": "38.40", "category": "travel", "expense_date": _day(today, -6),
         "vendor": "National Rail", "is_billable": True, "client": clients[1]},
    ]  # fmt: skip


def _line(description: str, unit_price: str, quantity: int = 1) -> dict[str, Any]:
    return {"description": description, "quantity": quantity, "unit_price": unit_price}


def _day(today: date, days: int) -> str:
    return str(today + timedelta(days))


demos = [create_demo]
