"""Owners of books, and how they call."""

import itertools
from typing import Any, NamedTuple

import pytest

LINE = {"description": "Service/Product", "quantity": 1, "unit_price": "1000.00"}

_numbers = itertools.count(1)


class Owner(NamedTuple):
    """Somebody with books. Each call is the API's, with the owner's token."""

    api: Any
    token: str
    id: int

    async def call(self, method, path, body=None, **more):
        return await self.api.call(method, path, body, token=self.token, **more)

    async def get(self, path, **more):
        return await self.call("GET", path, **more)

    async def post(self, path, body=None, **more):
        return await self.call("POST", path, body, **more)

    async def patch(self, path, body, **more):
        return await self.call("PATCH", path, body, **more)

    async def put(self, path, body, **more):
        return await self.call("PUT", path, body, **more)

    async def delete(self, path, **more):
        return await self.call("DELETE", path, **more)

    async def made(self, path, body):
        """The document of a row that is made."""
        answer = await self.post(path, body)
        assert answer.status == 201, answer.text
        return answer.json

    async def client(self, **fields):
        """The document of a new client."""
        return await self.made("/api/clients/", {"name": f"Client {next(_numbers)}", **fields})

    async def expense(self, **fields):
        """The document of a new expense."""
        usual = {"description": f"Expense {next(_numbers)}", "amount": "10.00", "expense_date": "2026-01-02"}
        return await self.made("/api/expenses/", {**usual, **fields})

    async def upload(self, expense, *file, **more):
        """The answer to the upload of a file (name, content) for an expense (its id)."""
        path = "/api/expenses/attachments/"
        return await self.call("POST", path, form={"expense": expense}, files={"file": file}, **more)

    async def quote(self, client=None, **fields):
        """The document of a new quote, for a new client unless given."""
        client = client or (await self.client())["id"]
        return await self.made("/api/quotes/", {"client": client, "line_items": [LINE], **fields})

    async def invoice(self, client=None, **fields):
        """The document of a new invoice, for a new client unless given."""
        client = client or (await self.client())["id"]
        return await self.made("/api/invoices/", {"client": client, "line_items": [LINE], **fields})


@pytest.fixture
def open_books(api, sign_in, db):
    """`await open_books()`: a new MEMBER, whose books are empty."""

    async def open_books(role="MEMBER"):
        email = f"books-{next(_numbers)}@example.com"
        token = (await sign_in(role, email))["access"]
        return Owner(api, token, await db.fetchval("SELECT id FROM accounts.account WHERE email = $1", email))

    return open_books


@pytest.fixture
def owner(io_loop, open_books):
    """A new owner, whose books are empty."""
    return io_loop.run_sync(open_books)
