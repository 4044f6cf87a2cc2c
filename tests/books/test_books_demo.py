"""The demo's books."""

import pytest

from handlers.accounts import commands as accounts
from handlers.books import demo
from tests.support.owners import Owner

pytestmark = pytest.mark.gen_test


async def test_the_demo_has_a_freelancer_with_books_and_makes_them_once(api, settings, db):
    await accounts.create_demo(settings)
    for _ in range(2):
        await demo.create_demo(settings)
    signed_in = await api.post("/api/auth/token/", {"username": "member", "password": "password123"})
    member = Owner(api, signed_in.json["access"], signed_in.json["user"]["id"])
    counts = {
        noun: (await member.get(f"/api/{noun}/")).json["count"]
        for noun in ("clients", "quotes", "invoices", "expenses")
    }
    assert counts == {"clients": 3, "quotes": 2, "invoices": 4, "expenses": 2}
    listed = (await member.get("/api/invoices/?ordering=invoice_number")).json["results"]
    assert [invoice["status"] for invoice in listed if invoice["status"] != "sent"].count("overdue") == 1
    assert {invoice["status"] for invoice in listed} == {"paid", "overdue", "sent", "draft"}
    assert (await member.get("/api/auth/me/")).json["company_name"] == "Mia Member Studio"
