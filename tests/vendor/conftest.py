"""Vendors of the tests, and how they call."""

import itertools
from typing import NamedTuple

import pytest

from tests.conftest import PASSWORD_HASH
from tests.support.http import PASSWORD
from tests.support.visitor import Visitor

_numbers = itertools.count(1)


class Vendor(NamedTuple):
    id: str
    account_id: int
    username: str
    gst_no: str
    business_name: str


@pytest.fixture
def vendor(db):
    """`await vendor()`: an approved vendor whose password is PASSWORD."""

    async def vendor(*, is_approved=True, is_active=True, gst_no="", business_name=""):
        n = next(_numbers)
        username, gst_no, business_name = f"vendor-{n}", gst_no or f"GST-{n}", business_name or f"Store {n}"
        account = await db.fetchval(
            "INSERT INTO accounts.account (email, username, role, password_hash, is_active) VALUES ($1, $2, 'VENDOR', $3, $4) RETURNING id",
            f"vendor-{n}@example.com",
            username,
            PASSWORD_HASH,
            is_active,
        )
        id = await db.fetchval(
            "INSERT INTO vendor.vendor (account_id, business_name, phone, address, gst_no, is_approved) "
            "VALUES ($1, $2, '+911', 'Street 1', $3, $4) RETURNING id::text",
            account,
            business_name,
            gst_no,
            is_approved,
        )
        return Vendor(id, account, username, gst_no, business_name)

    return vendor


@pytest.fixture
def token(api):
    """`await token(vendor)`: the headers with the token of a vendor."""

    async def token(vendor, password=PASSWORD):
        answer = await api.post("/auth/login", {"username": vendor.username, "password": password})
        assert answer.status == 200, answer.json
        return {"Authorization": f"Token {answer.json['token']}"}

    return token


@pytest.fixture
def account(db):
    """`await account("EMPLOYEE", "a@example.com", username="clerk")`: an account of another role, whose password is PASSWORD."""

    async def account(role, email, *, username):
        return await db.fetchval(
            "INSERT INTO accounts.account (email, username, role, password_hash) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (lower(email)) DO UPDATE SET username = EXCLUDED.username RETURNING id",
            email,
            username,
            role,
            PASSWORD_HASH,
        )

    return account


@pytest.fixture
def global_category(db):
    """`await global_category("Drinks")`: the id of a category of all vendors, as an administrator makes it."""

    async def global_category(name, *, sort_order=0, is_active=True):
        return await db.fetchval(
            "INSERT INTO vendor.global_category (name, sort_order, is_active) VALUES ($1, $2, $3) RETURNING id::text",
            name,
            sort_order,
            is_active,
        )

    return global_category


@pytest.fixture
def seller(vendor, token):
    """`await seller()`: a new vendor, and the headers with its token."""

    async def seller(**more):
        someone = await vendor(**more)
        return someone, await token(someone)

    return seller


@pytest.fixture
def administrator(api, sign_in):
    """`await administrator("ADMIN")`: a browser without scripts of somebody with that role, signed in to the pages."""

    async def administrator(role="SUPERADMIN"):
        account = await sign_in(role)
        visitor = Visitor(api)
        await visitor.sign_in(account["data"]["user"]["email"])
        return visitor

    return administrator
