"""The rows about the papers of the books: PDFs, written directly and through HTTP. See docs/api/books.md#papers."""

import gc
import itertools
from collections.abc import Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import Any

from benchmarks import load
from benchmarks.accounts import token
from benchmarks.installation import Installation, run_coroutine
from benchmarks.plan import Plan
from benchmarks.table import Row
from benchmarks.warehouse import seed_people
from core.paper.fonts import in_thread
from handlers.books.paper_sheet import paper_pdf

# The aims: PDFs a second on one core.
LATIN, MIXED = 150, 70
# Invoices that are asked for through HTTP, of so many lines each.
INVOICES, LINES = 500, 5
_WORDS = {
    "Latin": ("Design", "Templates", "Hosting set-up", "Training", "Stock photos", "Délivery", "Consulting", "Maintenance", "Support"),
    "mixed scripts": ("चाय पत्ती", "വെളിച്ചെണ്ണ", "Услуги доставки", "தேங்காய் எண்ணெய்", "ಅಕ್ಕಿ", "Ελαιόλαδο", "Tea leaves", "ਚਾਹ ਪੱਤੀ"),
}  # fmt: skip


def papers(installation: Installation, plan: Plan) -> list[Row]:
    rows = []
    for words, aim in zip(_WORDS, (LATIN, MIXED), strict=True):
        write = partial(_written, words, plan.seconds / 2)
        rate = median(run_coroutine(in_thread(write)) for _ in range(plan.rounds(3)))
        rows.append(Row(f"PDF of {LINES} lines, {words}", rate, "/s a core", aim=f"≥ {aim}", met=rate >= aim))
    return [*rows, _through_http(installation, plan)]


def _written(words: str, seconds: float) -> float:
    """PDFs per second of processor time. No two papers are the same, so that no memory of a whole one could help."""
    # The benchmarks run without the collector of cycles, and a server with it.
    gc.enable()
    try:
        found = _papers(words)
        paper_pdf(next(found))
        began, count = process_time(), 0
        while process_time() - began < seconds:
            paper_pdf(next(found))
            count += 1
        return count / (process_time() - began)
    finally:
        gc.disable()


def _papers(words: str) -> Iterator[dict[str, Any]]:
    some = _WORDS[words]
    sign = {"currency": "USD", "sign": "$"} if words == "Latin" else {"currency": "INR", "sign": "₹"}
    company = {
        "name": f"{some[0]} Studio", "address": "14 Rose Lane\nKochi 682001", "email": "asha@example.com", "phone": "+91 98765 43210",
        "website": "", "tax_number": "29ABCDE1234F1Z5", "paper_size": "A4", "footer": "IBAN GB00 1234", "logo": None, **sign,
    }  # fmt: skip
    for n in itertools.count(1):
        lines = [
            {"description": f"{some[(n + at) % len(some)]} {n}, {some[(3 * n + at) % len(some)]}", "quantity": at + n % 7,
             "unit_price": f"{100 + n}.50", "total": f"{1000 + 7 * n}.25"}
            for at in range(1, LINES + 1)
        ]  # fmt: skip
        amounts = {
            "subtotal": f"{5000 + n}.00",
            "tax_amount": "412.50",
            "total_amount": f"{5412 + n}.50",
            "balance": f"{5412 + n}.50",
        }
        document = {
            "invoice_number": f"INV-2024-{n:03}", "status": "sent", "title": "", "issue_date": "2024-01-15", "due_date": "2024-02-14",
            "line_items": lines, "tax_rate": "0.0825", "paid_amount": "0.00", "terms": "Payment within 30 days.", "notes": "",
            "payments": [], **amounts,
        }  # fmt: skip
        client = {
            "name": f"{some[n % len(some)]} {n}", "company": "", "address": "2 Pier\nDublin", "tax_number": f"IE{n}",
        }  # fmt: skip
        yield {"kind": "invoice", "document": document, "client": client, "company": company}


def _through_http(installation: Installation, plan: Plan) -> Row:
    dsn = installation.create_database("papers")
    seed_people(installation, dsn, 1)
    words = "','".join(_WORDS["Latin"])
    installation.run(
        """INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
           SELECT a.id, 'Ravi Menon', '', '', E'2 Pier\\nDublin', 'Blue Harbour', 'IE1', '', true
             FROM accounts.account a WHERE a.email = 'person1@example.com'""",
        f"""INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes, line_items, subtotal,
                                       tax_amount, total_amount, sent_at)
            SELECT c.owner_id, 2024, n, c.id, 'sent', '2024-01-15', '2999-01-01', '', 'Payment within 30 days.', '', l.line_items, l.subtotal, 0,
                   l.subtotal, now()
              FROM books.client c, generate_series(1, {INVOICES}) n CROSS JOIN LATERAL books.priced_lines((
                   SELECT jsonb_agg(jsonb_build_object('description', (ARRAY['{words}'])[1 + (n + at) % 9] || ' ' || n, 'quantity', at,
                                                       'unit_price', 100 + n))
                     FROM generate_series(1, {LINES}) at)) l""",
        "VACUUM ANALYZE",
        dsn=dsn,
    )
    results = []
    with installation.server(dsn) as server:
        header = f"Authorization: Bearer {token(server)}\r\n"
        ids = itertools.cycle(range(1, INVOICES + 1))
        requests = (load.request("GET", f"/api/invoices/{id}/pdf/", server.port, header) for id in ids)
        for _ in range(plan.rounds(3)):
            results.append(load.run(server, requests, 200, plan.seconds / 2))
    rate = median(result.rate for result in results)
    return Row(f"PDF of {LINES} lines through HTTP", rate, "/s", notes=load.notes(results))
