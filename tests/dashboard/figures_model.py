"""What the figures of dashboards have to be: a slow model that adds up the rows of an owner's books one by one."""

import json
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
KINDS = ("daily", "weekly", "monthly", "quarterly", "yearly")
MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


def start_of(kind, day):
    """The first day of the period that a day is in."""
    if kind == "daily":
        return day
    if kind == "weekly":
        return day - timedelta(day.weekday())
    months = MONTHS[kind]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def before(kind, start, steps):
    """The first day of the period that is so many steps earlier."""
    if kind in ("daily", "weekly"):
        return start - timedelta(steps * (1 if kind == "daily" else 7))
    month = start.year * 12 + start.month - 1 - steps * MONTHS[kind]
    return date(month // 12, month % 12 + 1, 1)


def label(kind, start):
    year, week, _ = start.isocalendar()
    return {
        "daily": start.isoformat(),
        "weekly": f"{year}-W{week:02}",
        "monthly": f"{start:%Y-%m}",
        "quarterly": f"{start.year}-Q{(start.month + 2) // 3}",
        "yearly": str(start.year),
    }[kind]


def cents(amount):
    return Decimal(amount).quantize(CENT, ROUND_HALF_UP)


def per_cent(part, whole):
    return cents(100 * Decimal(part) / whole) if whole else Decimal("0.00")


def change(present, earlier):
    return str(per_cent(present - earlier, abs(earlier)))


class Books:
    """All rows of an owner, and the day on which they are looked at."""

    def __init__(self, today, invoices, quotes, expenses, clients):
        self.today = today
        self.clients = clients
        self.billed = [one for one in invoices if one["status"] not in ("draft", "cancelled")]
        self.open = [one for one in self.billed if one["status"] != "paid"]
        self.quotes = [one for one in quotes if one["status"] != "draft"]
        self.expenses = [one for one in expenses if one["status"] != "rejected"]

    def within(self, rows, day, kind, start):
        return [one for one in rows if start_of(kind, one[day]) == start]

    def revenue(self, kind, start):
        return sum((one["total_amount"] for one in self.within(self.billed, "issue_date", kind, start)), Decimal(0))

    def spent(self, kind, start):
        return sum((one["amount"] for one in self.within(self.expenses, "expense_date", kind, start)), Decimal(0))

    def stats(self):
        start = start_of("monthly", self.today)
        earlier = before("monthly", start, 1)
        billed, billed_before = self.revenue("monthly", start), self.revenue("monthly", earlier)
        spent, spent_before = self.spent("monthly", start), self.spent("monthly", earlier)
        late = [one for one in self.open if one["due_date"] < self.today]
        return {
            "revenue_this_month": str(cents(billed)),
            "revenue_change": change(billed, billed_before),
            "profit_this_month": str(cents(billed - spent)),
            "profit_change": change(billed - spent, billed_before - spent_before),
            "active_clients": sum(one["is_active"] for one in self.clients),
            "pending_invoices": sum(one["paid_amount"] == 0 and one["due_date"] >= self.today for one in self.open),
            "overdue_amount": str(cents(sum(one["total_amount"] - one["paid_amount"] for one in late))),
            "expenses_this_month": str(cents(spent)),
            "expense_change": change(spent, spent_before),
        }

    def trends(self, kind, number):
        starts = [before(kind, start_of(kind, self.today), steps) for steps in reversed(range(number))]

        def points(value):
            return [
                {"period": label(kind, start), "value": float(value(start)), "date": start.isoformat()}
                for start in starts
            ]

        return {
            "period": kind,
            "revenue_trend": points(lambda start: self.revenue(kind, start)),
            "expense_trend": points(lambda start: self.spent(kind, start)),
            "profit_trend": points(lambda start: self.revenue(kind, start) - self.spent(kind, start)),
        }

    def parts(self, category_type, kind, start):
        """By name: (amount, number)."""
        found = {}

        def add(name, amount):
            known, number = found.get(name, (Decimal(0), 0))
            found[name] = known + amount, number + 1

        if category_type == "expense":
            for one in self.within(self.expenses, "expense_date", kind, start):
                add(one["category"], one["amount"])
        for one in self.within(self.billed, "issue_date", kind, start):
            if category_type == "client":
                add(next(c["name"] for c in self.clients if c["id"] == one["client_id"]), one["total_amount"])
            if category_type == "service":
                for line in json.loads(one["line_items"]):
                    add(line["description"], Decimal(line["total"]))
        return found

    def breakdown(self, category_type, kind):
        """In any order."""
        parts = self.parts(category_type, kind, start_of(kind, self.today))
        whole = sum(amount for amount, _ in parts.values())
        return {
            name: (float(amount), float(per_cent(amount, whole)), number) for name, (amount, number) in parts.items()
        }

    def snapshot(self, kind, day):
        start = start_of(kind, day)
        billed, spent = self.revenue(kind, start), self.spent(kind, start)
        invoices = self.within(self.billed, "issue_date", kind, start)
        expenses = self.within(self.expenses, "expense_date", kind, start)
        quotes = self.within(self.quotes, "issue_date", kind, start)
        return {
            "snapshot_date": day.isoformat(),
            "period_type": kind,
            "total_revenue": str(cents(billed)),
            "total_expenses": str(cents(spent)),
            "net_profit": str(cents(billed - spent)),
            "outstanding_amount": str(cents(sum(one["total_amount"] - one["paid_amount"] for one in self.open))),
            "total_clients": sum(one["is_active"] for one in self.clients),
            "new_clients": sum(start_of(kind, one["created_at"].date()) == start for one in self.clients),
            "total_invoices": len(invoices),
            "total_quotes": len(quotes),
            "quote_conversion_rate": str(per_cent(sum(one["status"] == "accepted" for one in quotes), len(quotes))),
            "average_invoice_value": str(cents(billed / len(invoices)) if invoices else cents(0)),
            "total_expense_count": len(expenses),
            "reimbursable_expenses": str(cents(sum(one["amount"] for one in expenses if one["is_billable"]))),
            "profit_margin": str(per_cent(billed - spent, billed)),
            "expense_ratio": str(per_cent(spent, billed)),
        }

    def clients_standing(self):
        """By the id of a client with invoices that count: all that is kept of it."""
        found = {}
        for one in self.billed:
            paid_on = one["paid_at"] and one["paid_at"].date()
            days = max(0, (paid_on - one["issue_date"]).days) if one["status"] == "paid" else 0
            late = max(0, (paid_on - one["due_date"]).days) if one["status"] == "paid" else 0
            own = (
                one["total_amount"],
                1,
                one["total_amount"] - one["paid_amount"],
                one["status"] == "paid",
                days,
                late,
            )
            known = found.get(one["client_id"], (0,) * 6)
            found[one["client_id"]] = tuple(a + b for a, b in zip(known, own, strict=True))
        return found


async def read_books(db, owner):
    """The model of an owner's books as they are now."""
    tables = [await db.fetch(f"SELECT * FROM books.{noun} WHERE owner_id = $1", owner.id) for noun in NOUNS]
    return Books(await db.fetchval("SELECT books.today()"), *tables)


NOUNS = ("invoice", "quote", "expense", "client")
