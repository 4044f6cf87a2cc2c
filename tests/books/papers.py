"""Quotes and invoices as rows, and what a PDF says. Tests of papers make their rows by SQL."""

import io
import itertools
import json
import re
from datetime import UTC, datetime

import pypdf

_numbers = itertools.count(1)
LINES = [{"description": "Web Development Services", "quantity": 1, "unit_price": "1000.00", "total": "1000.00"}]


async def insert(db, table, **fields):
    """The id of a new row."""
    names = ", ".join(fields)
    values = ", ".join(f"${at}" for at in range(1, len(fields) + 1))
    return await db.fetchval(f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING id", *fields.values())


async def document(db, owner, kind, client_id, lines=LINES, status="sent", **fields):
    """The id of a new quote or invoice, whose sums are those of the server. Dates are texts."""
    priced = await db.fetchrow("SELECT line_items, subtotal FROM books.priced_lines($1::jsonb)", json.dumps(lines))
    rate = fields.pop("tax_rate", None)
    tax = await db.fetchval("SELECT books.tax_of($1, $2::text::numeric, NULL)", priced["subtotal"], rate)
    second = {"quote": "expiry_date", "invoice": "due_date"}[kind]
    dates = {
        name: await db.fetchval(
            "SELECT $1::text::date", fields.pop(name, "2024-01-15" if name == "issue_date" else "2999-02-14")
        )
        for name in ("issue_date", second)
    }
    if kind == "invoice" and status != "draft":
        fields.setdefault("sent_at", datetime.now(UTC))
    rated = {"tax_rate": await db.fetchval("SELECT $1::text::numeric", rate)} if rate else {}
    return await insert(
        db, f"books.{kind}", owner_id=owner.id, year=2024, number=fields.pop("number", next(_numbers)), client_id=client_id,
        status=status, title=fields.pop("title", ""), terms=fields.pop("terms", ""), notes=fields.pop("notes", ""),
        line_items=priced["line_items"], subtotal=priced["subtotal"], tax_amount=tax, total_amount=priced["subtotal"] + tax,
        **dates, **rated, **fields,
    )  # fmt: skip


def pages(data):
    """The pages of a PDF that breaks no rule."""
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


def read(data):
    """The text of a PDF, with single blanks; joined letters are those that a reader copies."""
    return " ".join(" ".join(page.extract_text() for page in pages(data)).split())


def copied(data):
    """The joined texts of a PDF, as a reader copies them."""
    found = []
    for page in pages(data):
        for text in re.findall(rb"/ActualText <FEFF([0-9A-F]+)>", page.get_contents().get_data()):
            found.append(bytes.fromhex(text.decode()).decode("utf-16-be"))
    return found
