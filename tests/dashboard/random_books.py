"""Random histories of books, through HTTP: what their owners may do to them, in any order."""

import io
from datetime import UTC, datetime, timedelta

SERVICES = ("Consulting", "Support", "Licence", "Überprüfung", "x" * 230)
CATEGORIES = ("office", "travel", "meals", "software", "marketing", "other")
# How often each step is taken, in proportion.
WEIGHTS = {
    "client": 3, "rename": 2, "deactivate": 1, "drop_client": 1, "invoice": 8, "edit": 3, "send": 3, "pay": 5, "mark_paid": 2, "replace_payments": 1,
    "unpay": 3, "cancel": 2, "drop_invoice": 1, "duplicate": 1, "quote": 4, "move_quote": 8, "convert": 3, "drop_quote": 2, "expense": 5,
    "edit_expense": 3, "decide": 3, "drop_expense": 1, "import_expenses": 1, "sweep": 1,
}  # fmt: skip


class History:
    """Does random steps in an owner's books. Steps that the books refuse change nothing; none may fail."""

    def __init__(self, owner, db, chance):
        self.owner, self.db, self.chance = owner, db, chance

    async def run(self, steps):
        for name in self.chance.choices([*WEIGHTS], [*WEIGHTS.values()], k=steps):
            answer = await getattr(self, name)()
            assert answer is None or answer.status < 500, (name, answer.text)

    def day(self, back=430, ahead=40):
        today = datetime.now(UTC).date()
        # Most of what happens is of late.
        near = self.chance.random() < 0.7
        return (today + timedelta(self.chance.randint(-45 if near else -back, ahead))).isoformat()

    def amount(self, most=500_000):
        return f"{self.chance.randint(1, most) / 100:.2f}"

    def lines(self):
        return [
            {"description": self.chance.choice(SERVICES), "quantity": self.chance.randint(1, 300) / 100, "unit_price": self.amount()}
            for _ in range(self.chance.randint(1, 5))
        ]  # fmt: skip

    async def any(self, noun, where="true"):
        """The id of a random row, or None."""
        ids = await self.db.fetch(
            f"SELECT id FROM books.{noun} WHERE owner_id = $1 AND {where} ORDER BY id", self.owner.id
        )
        return self.chance.choice(ids)["id"] if ids else None

    async def path(self, noun, where="true", tail=""):
        return f"/api/{noun}s/{await self.any(noun, where) or 10**15}/{tail}"

    async def client(self):
        return await self.owner.post("/api/clients/", {"name": f"Client {self.chance.random()}"})

    async def rename(self):
        return await self.owner.patch(await self.path("client"), {"name": f"Renamed {self.chance.random()}"})

    async def deactivate(self):
        body = {"is_active": self.chance.random() < 0.5}
        return await self.owner.patch(await self.path("client"), body)

    async def drop_client(self):
        return await self.owner.delete(await self.path("client"))

    async def body(self):
        issue = self.day()
        due = datetime.fromisoformat(issue) + timedelta(self.chance.randint(0, 60))
        dates = {"issue_date": issue, "due_date": due.date().isoformat()}
        return {
            "client": await self.any("client"),
            **dates,
            "line_items": self.lines(),
            "tax_rate": self.chance.choice([0, "0.0825"]),
        }

    async def invoice(self):
        status = self.chance.choice(["draft", "draft", "sent", "sent", "paid"])
        return await self.owner.post("/api/invoices/", {**await self.body(), "status": status})

    async def edit(self):
        kept = self.chance.sample(["client", "line_items", "tax_rate", "issue_date", "due_date"], 2)
        body = {name: value for name, value in (await self.body()).items() if name not in kept}
        where = self.chance.choice(["status = 'draft'", "true"])
        return await self.owner.patch(await self.path("invoice", where), {**body, "notes": str(self.chance.random())})

    async def send(self):
        return await self.owner.patch(await self.path("invoice", "status = 'draft'"), {"status": "sent"})

    async def pay(self):
        return await self.owner.post(
            await self.path("invoice", "status <> 'draft'", "payments/"), {"amount": self.amount()}
        )

    async def mark_paid(self):
        return await self.owner.post(await self.path("invoice", tail="mark_paid/"))

    async def replace_payments(self):
        body = {"payments": [{"amount": self.amount(5000)}] * self.chance.randint(0, 2)}
        return await self.owner.patch(await self.path("invoice", "paid_amount > 0"), body)

    async def unpay(self):
        paid = await self.any("invoice", "paid_amount > 0")
        payment = await self.db.fetchval("SELECT id FROM books.payment WHERE invoice_id = $1 ORDER BY id LIMIT 1", paid)
        return await self.owner.delete(f"/api/invoices/{paid or 1}/payments/{payment or 1}/")

    async def cancel(self):
        return await self.owner.post(await self.path("invoice", "paid_amount = 0", "cancel/"))

    async def drop_invoice(self):
        return await self.owner.delete(await self.path("invoice", "status = 'draft'"))

    async def duplicate(self):
        return await self.owner.post(await self.path("invoice", tail="duplicate/"))

    async def quote(self):
        body = await self.body()
        body["expiry_date"] = body.pop("due_date")
        return await self.owner.post("/api/quotes/", body)

    async def move_quote(self):
        body = {"status": self.chance.choice(["sent", "sent", "accepted", "accepted", "rejected"])}
        return await self.owner.patch(await self.path("quote"), body)

    async def convert(self):
        return await self.owner.post(await self.path("quote", "status = 'accepted'", "convert_to_invoice/"))

    async def drop_quote(self):
        return await self.owner.delete(await self.path("quote"))

    def expense_body(self):
        return {"description": "Spent", "amount": self.amount(), "category": self.chance.choice(CATEGORIES),
                "expense_date": self.day(ahead=1), "is_billable": self.chance.random() < 0.4}  # fmt: skip

    async def expense(self):
        return await self.owner.post("/api/expenses/", self.expense_body())

    async def edit_expense(self):
        return await self.owner.patch(await self.path("expense"), self.expense_body())

    async def decide(self):
        return await self.owner.post(
            await self.path("expense", tail=self.chance.choice(["approve/", "reject/", "reimburse/"]))
        )

    async def drop_expense(self):
        return await self.owner.delete(await self.path("expense"))

    async def import_expenses(self):
        file = io.StringIO("description,amount,category,expense_date,is_billable\n")
        file.seek(0, io.SEEK_END)
        for _ in range(self.chance.randint(1, 30)):
            one = self.expense_body()
            file.write(f"Imported,{one['amount']},{one['category']},{one['expense_date']},{one['is_billable']}\n")
        return await self.owner.post(
            "/api/expenses/import/", files={"file": ("expenses.csv", file.getvalue().encode())}
        )

    async def sweep(self):
        """What the daily duties store."""
        await self.db.fetchval("SELECT books.sweep_invoices(1000) + books.sweep_quotes(1000)")
